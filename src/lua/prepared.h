/* prepared: the methods of a call that Lua drives itself, for host programs with an HTTP client of their own. */
#ifndef AUTH0PERM_LUA_PREPARED_H
#define AUTH0PERM_LUA_PREPARED_H

#include <lua.h>

/* Adds these methods to those of all calls. */
void prepared_register(lua_State *L);

#endif
