/* turn: what Lua adds to a client's crank: it supplies tokens from the host program's function, takes responses, and
 * tells those who wait that a call is done. */
#ifndef AUTH0PERM_LUA_TURN_H
#define AUTH0PERM_LUA_TURN_H

#include <lua.h>

#include "call.h"

/* Where the table of anchors keeps the host program's function for tokens, if there is one. The other keys are the
 * addresses of calls on the crank, whose userdata the table keeps alive. */
enum { TURN_TOKEN = 1 };

enum turn_result {
  TURN_DONE,
  TURN_BUSY,       /* the crank is being turned already: a finalizer may ask for that */
  TURN_INTERRUPTED /* the host program has raised from a hook, to stop the script; what it raised is on top of the
                      stack */
};

/* Turns the crank; the table of anchors is on top of the stack. Raises nothing. */
enum turn_result turn_crank(lua_State *L, struct crank *crank, double seconds);

/* Lets go of the calls that are done, after telling who wants to know; the table of anchors is on top of the stack. Who
 * is told may start calls, turn the crank and close the client; calls that are done because of that wait for the next
 * time. Raises nothing; never busy. */
enum turn_result turn_conclude(lua_State *L, struct crank *crank);

#endif
