/* operations: lists the operations for Lua programs. */
#ifndef AUTH0PERM_LUA_OPERATIONS_H
#define AUTH0PERM_LUA_OPERATIONS_H

#include <lua.h>

/* auth0perm.operations */
int operations_list(lua_State *L);

#endif
