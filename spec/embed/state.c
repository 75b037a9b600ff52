#include "state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slow_resolver.h"

int luaopen_auth0perm(lua_State *L);

/* A lua_Alloc. */
static void *reallocate(void *context, void *block, size_t old_size, size_t new_size) {
  struct memory *memory = context;
  if (memory->closed) {
    fputs("a state's allocator was called after the state was closed\n", stderr);
    abort();
  }
  if (!block) old_size = 0;
  if (new_size == 0) {
    memory->blocks -= block != NULL;
    memory->bytes -= (long long)old_size;
    free(block);
    return NULL;
  }
  void *moved = realloc(block, new_size);
  if (!moved) return NULL;
  memory->blocks += block == NULL;
  memory->bytes += (long long)new_size - (long long)old_size;
  return moved;
}

/* Makes require look for the module in this file's folder first. */
static void find_shared(lua_State *L, const char *module) {
  lua_getglobal(L, "package");
  lua_pushlstring(L, module, (size_t)(strrchr(module, '/') - module));
  lua_pushliteral(L, "/?.so;");
  lua_getfield(L, -3, "cpath");
  lua_concat(L, 3);
  lua_setfield(L, -2, "cpath");
  lua_pop(L, 1);
}

static void find_static(lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_auth0perm);
  lua_setfield(L, -2, "auth0perm");
  lua_pop(L, 2);
}

/* Lua 5.5 takes a seed; a fixed one makes all runs equal. */
static lua_State *new_state(struct memory *memory) {
#if LUA_VERSION_NUM >= 505
  return lua_newstate(reallocate, memory, 0);
#else
  return lua_newstate(reallocate, memory);
#endif
}

lua_State *state_open(struct memory *memory, const char *module) {
  *memory = (struct memory){0};
  lua_State *L = new_state(memory);
  if (!L) abort();
  luaL_openlibs(L);
  if (strcmp(module, "static") == 0) {
    find_static(L);
  } else {
    find_shared(L, module);
  }
  return L;
}

/* For the scenes. */
static int count_resolving(lua_State *L) {
  lua_pushinteger(L, slow_resolver_inside());
  return 1;
}

void state_load_scene(lua_State *L, const char *name) {
  bool loaded = luaL_loadfile(L, "spec/embed/scene.lua") == 0;
  if (loaded) {
    lua_pushstring(L, name);
    lua_pushliteral(L, SLOW_NAME);
    lua_pushcfunction(L, count_resolving);
    if (lua_pcall(L, 3, 1, 0) == 0) return;
  }
  fprintf(stderr, "%s\n", lua_tostring(L, -1));
  exit(EXIT_FAILURE);
}

bool state_flag(lua_State *L, const char *field) {
  lua_getfield(L, -1, field);
  bool flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

bool state_call(lua_State *L, const char *field, const char *speaker) {
  lua_getfield(L, -1, field);
  if (!lua_isfunction(L, -1)) {
    lua_pop(L, 1);
    return true;
  }
  bool good = lua_pcall(L, 0, 0, 0) == 0;
  if (good) return true;
  fprintf(stderr, "%s: %s: %s\n", speaker, field, lua_tostring(L, -1));
  lua_pop(L, 1);
  return false;
}

bool state_close(lua_State *L, struct memory *memory, const char *speaker) {
  lua_close(L);
  memory->closed = true;
  if (memory->bytes == 0 && memory->blocks == 0) return true;
  fprintf(stderr, "%s: not freed: %ld blocks, %lld bytes\n", speaker, memory->blocks, memory->bytes);
  return false;
}
