/* prepared: the methods of a call that Lua drives itself, for hosts with HTTP of their own. */
#ifndef AUTH0PERM_LUA_PREPARED_H
#define AUTH0PERM_LUA_PREPARED_H

#include <lua.h>

/* Adds them to the methods that calls have. */
void prepared_register(lua_State *L);

#endif
