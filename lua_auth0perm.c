/* The module's entry point: what `require "auth0perm"` returns. It is the only symbol that the shared library exports.
 * A host program that links the module statically sets package.preload.auth0perm to it. */
#include "src/core/version.h"
#include "src/lua/answer.h"
#include "src/lua/call.h"
#include "src/lua/client.h"
#include "src/lua/compat.h"
#include "src/lua/configuration.h"
#include "src/lua/error.h"
#include "src/lua/operations.h"
#include "src/lua/prepared.h"

#if defined(__GNUC__)
#define EXPORT __attribute__((visibility("default")))
#else
#define EXPORT
#endif

EXPORT int luaopen_auth0perm(lua_State *L);

/*---
--- The module: `local auth0perm = require "auth0perm"`.
---@class auth0perm
--- Its name and version.
---@field _VERSION string
local auth0perm = {}
*/

int luaopen_auth0perm(lua_State *L) {
  answer_open(L);
  error_register(L);
  held_register(L);
  prepared_register(L);
  client_register(L);
  lua_newtable(L);
  lua_pushcfunction(L, client_new);
  lua_setfield(L, -2, "new");
  lua_pushcfunction(L, operations_list);
  lua_setfield(L, -2, "operations");
  lua_pushcfunction(L, configuration_list);
  lua_setfield(L, -2, "options");
  lua_pushliteral(L, MODULE_NAME " " MODULE_VERSION);
  lua_setfield(L, -2, "_VERSION");
  return 1;
}
