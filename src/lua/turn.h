/* turn: what Lua adds to a client's crank: it supplies tokens from the host program's function, takes responses, and
 * runs the callbacks of finished calls. */
#ifndef AUTH0PERM_LUA_TURN_H
#define AUTH0PERM_LUA_TURN_H

#include <lua.h>

#include "call.h"

/* The key under which the table of anchors keeps the host program's token function, if there is one. The other keys are
 * the addresses of calls on the crank, and the values their userdata, which the table keeps alive. */
enum { TURN_TOKEN = 1 };

/* How a turn has ended. */
enum turn_result {
  TURN_DONE,
  TURN_BUSY,       /* the crank is already being turned: a finalizer may try to turn it */
  TURN_INTERRUPTED /* a hook of the host program has raised, to stop the script; its value is at the top of the stack */
};

/* Turns the crank. The table of anchors is at the top of the stack. Raises nothing. */
enum turn_result turn_crank(lua_State *L, struct crank *crank, double seconds);

/* Releases the finished calls, after running their callbacks. The table of anchors is at the top of the stack.
 * Callbacks may start calls, turn the crank and close the client; calls that finish because of that wait for the next
 * time. Raises nothing; never returns TURN_BUSY. */
enum turn_result turn_conclude(lua_State *L, struct crank *crank);

#endif
