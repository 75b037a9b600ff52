/* call: a call as Lua sees it, whether its client drives it (start) or Lua itself (prepare). */
#ifndef AUTH0PERM_LUA_CALL_H
#define AUTH0PERM_LUA_CALL_H

#include <lua.h>

#include "../curl/crank.h"

struct leash;

/* Where a call's userdata keeps Lua values, in the table that belongs to it; only responses that are read have
 * items. */
enum { HELD_CLIENT = 1, HELD_ITEMS = 2, HELD_LISTENERS = 3 };

/* A call as Lua holds it, in a userdata. */
struct held {
  struct call call;
  struct crank_seat seat; /* on its client's crank; on none where Lua drives the call itself, and when all is over */
  bool started;           /* the client drives it, or did */
  struct leash *leash;    /* NULL where nothing ties it */
  bool handed;            /* Lua, which drives the call itself, has the request that is to be sent */
  bool heard;             /* functions wait for the call to be done */
};

/* What ties a call to a request of nginx's, in memory that lives as long as the request. */
struct leash {
  struct held *held; /* NULL when nothing is tied */
};

/* The call that is a method's first argument. */
struct held *held_check(lua_State *L);

/* Makes the metatable of calls. */
void held_register(lua_State *L);

/* Pushes a new call of the client whose userdata is at stack index `owner`; its request wants its arguments. */
struct held *held_push(lua_State *L, int owner, struct client *client, const struct operation *operation);

/* Pushes what the method would return for a call that is done, which is on top of the stack; returns how many
 * values. */
int held_push_result(lua_State *L, const struct held *held);

/* Pushes the table of methods that calls have. */
void held_push_methods(lua_State *L);

/* Calls the functions that wait for a call to be done; its userdata is on top of the stack, and stays there. Raises
 * nothing: what one of them raises goes to the standard error stream. False when the host has interrupted it, by a hook
 * that raises: the value that was raised is pushed, and the functions that were not called yet wait on. */
bool held_conclude(lua_State *L, struct held *held);

/* Gives a call what a token function has returned, from a stack index on: a token and the seconds until it expires, or
 * nil and why there is none; or what it has raised. */
void held_supply(lua_State *L, struct held *held, bool returned, int index, double now);

/* Ends a call, whoever drives it; one that is done is let be. */
void held_cancel(struct held *held, const char *message);

/* No request of nginx's holds the call any more. Its leash may then serve something else. */
void held_unleash(struct held *held);

/* Forgets the items of the page that the call at a stack index holds. */
void held_drop_items(lua_State *L, int index);

/* Pushes the item at this place of the page that the call at a stack index holds, nil where there is none. */
void held_push_item(lua_State *L, int index, int place);

#endif
