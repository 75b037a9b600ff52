/* operations: tells Lua what operations there are, for tools. */
#ifndef AUTH0PERM_LUA_OPERATIONS_H
#define AUTH0PERM_LUA_OPERATIONS_H

#include <lua.h>

/* The module's function `operations`. */
int operations_list(lua_State *L);

#endif
