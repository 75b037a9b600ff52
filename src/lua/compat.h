/* compat: Lua 5.1 to 5.5 and LuaJIT under one set of names. What some versions lack is named compat_ here, because
 * LuaJIT has part of it under the newer names. */
#ifndef AUTH0PERM_LUA_COMPAT_H
#define AUTH0PERM_LUA_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

/* Pushes table[key]. Keys are addresses, as light userdata, in tables that only this module sees. */
static inline void compat_rawgetp(lua_State *L, int table, const void *key) {
#if LUA_VERSION_NUM >= 502
  lua_rawgetp(L, table, key);
#else
  if (table < 0 && table > LUA_REGISTRYINDEX) table--;
  lua_pushlightuserdata(L, (void *)key);
  lua_rawget(L, table);
#endif
}

/* Sets table[key] to the value at the top of the stack, and pops that. */
static inline void compat_rawsetp(lua_State *L, int table, const void *key) {
#if LUA_VERSION_NUM >= 502
  lua_rawsetp(L, table, key);
#else
  if (table < 0 && table > LUA_REGISTRYINDEX) table--;
  lua_pushlightuserdata(L, (void *)key);
  lua_insert(L, -2);
  lua_rawset(L, table);
#endif
}

/* Each userdata of this module has one table of Lua values, its user value or environment. */
#if LUA_VERSION_NUM >= 504
#define compat_newuserdata(L, size) lua_newuserdatauv(L, size, 1)
#define compat_getuservalue(L, index) ((void)lua_getiuservalue(L, index, 1))
#define compat_setuservalue(L, index) ((void)lua_setiuservalue(L, index, 1))
#elif LUA_VERSION_NUM >= 502
#define compat_newuserdata(L, size) lua_newuserdata(L, size)
#define compat_getuservalue(L, index) lua_getuservalue(L, index)
#define compat_setuservalue(L, index) lua_setuservalue(L, index)
#else
#define compat_newuserdata(L, size) lua_newuserdata(L, size)
#define compat_getuservalue(L, index) lua_getfenv(L, index)
#define compat_setuservalue(L, index) ((void)lua_setfenv(L, index))
#endif

#if LUA_VERSION_NUM >= 502
#define compat_rawlen(L, index) lua_rawlen(L, index)
#else
#define compat_rawlen(L, index) lua_objlen(L, index)
#endif

/* The same stack slot, counted from the bottom. */
static inline int compat_absindex(lua_State *L, int index) {
  return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + index + 1;
}

/* Pushes a whole number, as an integer where Lua has them. */
static inline void compat_pushwhole(lua_State *L, double number) {
#if LUA_VERSION_NUM >= 503
  lua_pushinteger(L, (lua_Integer)number);
#else
  lua_pushnumber(L, number);
#endif
}

/* Sets the functions of `list` in the table at the top of the stack. */
static inline void compat_setfuncs(lua_State *L, const luaL_Reg *list) {
  for (; list->name; list++) {
    lua_pushcfunction(L, list->func);
    lua_setfield(L, -2, list->name);
  }
}

/* Sets the metatable of that name for the value at the top of the stack. */
static inline void compat_setmetatable(lua_State *L, const char *name) {
  luaL_getmetatable(L, name);
  lua_setmetatable(L, -2);
}

#endif
