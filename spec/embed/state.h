/* state: a Lua state as a host has one, with auth0perm in it and all its memory counted. */
#ifndef SPEC_EMBED_STATE_H
#define SPEC_EMBED_STATE_H

#include <lua.h>
#include <stdbool.h>

struct memory {
  long long bytes; /* in use */
  long blocks;     /* in use */
  bool closed;     /* the state is closed: any further use ends the program */
};

/* A state with Lua's libraries. require "auth0perm" finds the module that is linked in where `module` is "static",
 * else the shared library of that name. Ends the program where there is no memory. */
lua_State *state_open(struct memory *memory, const char *module);

/* Puts a scene of scene.lua on the stack, a table. Says what is wrong, and ends the program, where that cannot be. */
void state_load_scene(lua_State *L, const char *name);

/* Whether a field of the table on top of the stack is true. */
bool state_flag(lua_State *L, const char *field);

/* Calls the function that is in a field of the table on top of the stack, if it is there. Whether it raised
 * nothing; says so otherwise, after the name of the one who speaks. */
bool state_call(lua_State *L, const char *field, const char *speaker);

/* Closes the state. Whether all memory is back; says so otherwise. */
bool state_close(lua_State *L, struct memory *memory, const char *speaker);

#endif
