/* call: a call as Lua sees it, driven by its client (start) or by Lua itself (prepare). */
#ifndef AUTH0PERM_LUA_CALL_H
#define AUTH0PERM_LUA_CALL_H

#include <lua.h>

#include "../curl/crank.h"

struct leash;

/* Keys of the table that belongs to a call's userdata. Only operations that return something have items. */
enum { HELD_CLIENT = 1, HELD_ITEMS = 2, HELD_LISTENERS = 3 };

/* A call as Lua holds it, in a userdata. */
struct held {
  struct call call;
  struct crank_seat seat; /* on its client's crank; on none if Lua drives the call itself, or once all is over */
  bool started;           /* the client drives it, or did */
  struct leash *leash;    /* NULL if the call is not tied to a request */
  bool handed;            /* call:next has returned the request to send */
  bool heard;             /* callbacks are waiting for the call to be done */
};

/* Ties a call to an nginx request, in memory that lives as long as the request. */
struct leash {
  struct held *held; /* NULL if no call is tied */
};

/* The call that is the first argument of a method; raises for anything else. */
struct held *held_check(lua_State *L);

/* Makes the metatable of calls. */
void held_register(lua_State *L);

/* Pushes a new call of the client whose userdata is at stack index `owner`. Its request has no arguments yet. */
struct held *held_push(lua_State *L, int owner, struct client *client, const struct operation *operation);

/* Pushes what the operation's method would return for the finished call at the top of the stack; returns how many
 * values. */
int held_push_result(lua_State *L, const struct held *held);

/* Pushes the table of methods that calls have. */
void held_push_methods(lua_State *L);

/* Runs the callbacks that wait for a call to be done. Its userdata is at the top of the stack, and stays there. Raises
 * nothing: an error in a callback is reported on standard error. False if the host program interrupted this with a hook
 * that raises: the raised value is pushed, and the callbacks that did not run yet keep waiting. */
bool held_conclude(lua_State *L, struct held *held);

/* Gives a call the results of a token function, which begin at a stack index: a token and the seconds until it expires,
 * or nil and the reason; or, unless `returned`, the raised value. */
void held_supply(lua_State *L, struct held *held, bool returned, int index, double now);

/* Ends a call, whoever drives it; does nothing if it is done. */
void held_cancel(struct held *held, const char *message);

/* Unties the call from its nginx request. The leash may then serve another call. */
void held_unleash(struct held *held);

/* Drops the items of the page that the call at a stack index holds. */
void held_drop_items(lua_State *L, int index);

/* Pushes an item, counted from 1, of the page that the call at a stack index holds; nil if there is none. */
void held_push_item(lua_State *L, int index, int place);

#endif
