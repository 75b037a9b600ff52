/* error: errors of the core, as users see them. */
#ifndef AUTH0PERM_LUA_ERROR_H
#define AUTH0PERM_LUA_ERROR_H

#include <lua.h>

#include "../core/error.h"

/* Makes the metatable of errors. */
void error_register(lua_State *L);

/* Pushes an error as users see it. */
void error_push(lua_State *L, const struct error *error, const char *operation);

/* Pushes nil and the error; returns 2, to be returned to Lua. */
int error_return(lua_State *L, const struct error *error, const char *operation);

#endif
