/* crank: turns a client's calls and its curl driver. Blocking methods, start/step and event loops are three ways to
 * turn the same crank: each call that wants something gets it, each exchange that came back goes to its call. */
#ifndef AUTH0PERM_LUA_CRANK_H
#define AUTH0PERM_LUA_CRANK_H

#include <lua.h>

#include "../core/call.h"
#include "../curl/driver.h"

struct crank;
struct crank_list;
struct leash;

/* Where the table of anchors keeps the host's function for tokens, if there is one. */
enum { CRANK_TOKEN = 1 };

/* Where a call's userdata keeps Lua values, in the table that belongs to it; only answers that are read have items. */
enum { HELD_CLIENT = 1, HELD_ITEMS = 2, HELD_LISTENERS = 3 };

/* A call as Lua holds it, in a userdata. */
struct held {
  struct call call;
  struct crank *crank;       /* whose it is; NULL when Lua drives the call itself, and when all is over */
  bool started;              /* the client drives it, or did */
  struct exchange *exchange; /* its request, while one is on its way */
  struct leash *leash;       /* NULL where nothing ties it */
  bool handed;               /* Lua, which drives the call itself, has the request that is to be sent */
  bool heard;                /* functions wait for the call to be done */
  bool answered, reused;     /* its newest request has come back; it left on a connection that was there before */
  double wake;               /* seconds, monotonic: when to ask a waiting call again */
  struct crank_list *list;   /* of the crank's, the one that it stands in */
  struct held *previous, *next;
};

/* Calls in order of arrival. */
struct crank_list {
  struct held *first, *last;
};

struct crank {
  const struct client *client; /* borrowed */
  struct driver *driver;       /* borrowed */
  struct crank_list waiting;   /* calls that have something to ask for, now or later */
  struct crank_list sending;   /* calls with a request on its way */
  struct crank_list finished;  /* calls that are done, and not yet let go of */
  size_t in_flight;            /* calls in `waiting` and `sending` */
  size_t capacity;             /* calls that may be in `sending`; the others wait for their turn */
  size_t sending_count;        /* calls in `sending` */
  double next_look; /* seconds, monotonic: when a waiting call has to be looked at, even if no connection is free */
  struct held *upcoming; /* the waiting call to be looked at next, while they are looked at one after the other */
  unsigned long changes; /* of the client's that the waiting calls know of */
  unsigned forks;        /* of the driver's that the calls know of */
  bool stirred;          /* since a turn began a call came, or one ended and left its connection to others */
  bool turning;
};

/* A crank without calls. */
void crank_open(struct crank *crank, const struct client *client, struct driver *driver);

/* Adds a call; from now on it is the crank's to drive, and its deadline runs. */
void crank_add(struct crank *crank, struct held *call, double now);

/* Ends a call, wherever it stands. Does nothing for one that is done, or on no crank. */
void crank_end(struct held *call, enum failure_kind kind, const char *message);

/* The same for a call whose memory is about to go: no crank knows it afterwards. */
void crank_forget(struct held *call);

/* In how many seconds the crank wants to be turned, if no socket has anything to do before; HUGE_VAL: not at all. */
double crank_timeout(const struct crank *crank, double now);

/* In a child process, ends the calls that are its parent's to drive. All that turns, adds or ends does this first. */
void crank_look_for_fork(struct crank *crank);

/* Moves every call as far as it goes, after waiting at most `seconds` for something to happen. The table at the
 * (absolute) stack index `anchors` keeps each call's userdata alive, under the call's address. False,
 * and nothing happens, where the crank is being turned already: a finalizer may ask for that. Raises nothing; but when the
 * host has interrupted it, by a hook that raises, the value that was raised is put into the slot above `anchors`. */
bool crank_turn(lua_State *L, struct crank *crank, int anchors, double seconds);

/* How many calls are done that the crank still knows. */
size_t crank_finished_count(const struct crank *crank);

/* The next of them, which the crank then no longer knows; NULL when there is none. */
struct held *crank_finished(struct crank *crank);

/* Has the crank know such a call again. */
void crank_put_back(struct crank *crank, struct held *call);

/* Ends all calls that are in flight. */
void crank_end_all(struct crank *crank);

/* Ends all calls, and lets go of them. */
void crank_close(struct crank *crank);

#endif
