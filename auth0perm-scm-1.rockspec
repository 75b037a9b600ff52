rockspec_format = "3.0"
package = "auth0perm"
version = "scm-1"
-- `luarocks make` builds the checkout that it stands in.
source = { url = "." }
description = {
  summary = "Removes, assigns and lists the permissions of Auth0 users, without ever blocking its host",
  detailed = [[
    A C module that speaks the Auth0 Management API: blocking methods for scripts, start and step for event loops and
    frame loops, and a protocol for hosts that have HTTP of their own. Needs libcurl.
  ]],
  license = "MIT",
  labels = { "auth0", "authorization", "http" },
}
supported_platforms = { "unix" }
dependencies = {
  "lua >= 5.1, < 5.6",
  "lua-cjson >= 2.1",
}
-- make and pkg-config find libcurl also where it is in a folder of the machine's architecture, as on Debian.
build = {
  type = "make",
  build_target = "rock", -- from scratch: what is there may be another Lua's
  build_variables = {
    LUA = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    BUILD = "build/rock",
  },
  install_variables = {
    LUA = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    BUILD = "build/rock",
    LUA_CMOD = "$(LIBDIR)",
    LUA_LMOD = "$(LUADIR)",
    SHARE = "$(PREFIX)",
  },
}
