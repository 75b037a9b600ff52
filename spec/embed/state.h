/* state: a Lua state as in a host program, with auth0perm in it and all its memory counted. */
#ifndef SPEC_EMBED_STATE_H
#define SPEC_EMBED_STATE_H

#include <lua.h>
#include <stdbool.h>

struct memory {
  long long bytes; /* in use */
  long blocks;     /* in use */
  bool closed;     /* the state is closed: any further call aborts the program */
};

/* Opens a state with Lua's libraries. require "auth0perm" finds the module that is linked in if `module` is "static",
 * else the shared library of that name. Aborts the program if there is no memory. */
lua_State *state_open(struct memory *memory, const char *module);

/* Pushes a scene of scene.lua, a table. On an error, prints it and ends the program. */
void state_load_scene(lua_State *L, const char *name);

/* Returns whether a field of the table on top of the stack is true. */
bool state_flag(lua_State *L, const char *field);

/* Calls the function in a field of the table on top of the stack, if there is one. Returns false if it raised an error,
 * which is printed after the name of the speaker. */
bool state_call(lua_State *L, const char *field, const char *speaker);

/* Closes the state. Returns whether all memory was freed; otherwise prints what was not. */
bool state_close(lua_State *L, struct memory *memory, const char *speaker);

#endif
