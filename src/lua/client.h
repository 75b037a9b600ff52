/* lua_client: a client as Lua sees it. */
#ifndef AUTH0PERM_LUA_CLIENT_H
#define AUTH0PERM_LUA_CLIENT_H

#include <lua.h>

/* Makes the metatable of clients. */
void lua_client_open(lua_State *L);

/* auth0perm.new */
int lua_client_new(lua_State *L);

#endif
