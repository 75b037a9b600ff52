/* client: a client as Lua sees it. */
#ifndef AUTH0PERM_LUA_CLIENT_H
#define AUTH0PERM_LUA_CLIENT_H

#include <lua.h>

/* Makes the metatable of clients. */
void client_register(lua_State *L);

/* auth0perm.new */
int client_new(lua_State *L);

#endif
