/* crank: drives a client's calls with its libcurl driver. Blocking methods, start/step and event loops are three ways
 * to turn the same crank: it gives each call what it asks for, and hands each finished exchange to its call. The cost
 * of a turn does not depend on how many calls are waiting. */
#ifndef AUTH0PERM_CURL_CRANK_H
#define AUTH0PERM_CURL_CRANK_H

#include "../core/call.h"
#include "driver.h"
#include "queue.h"

struct crank;

/* Neighbors in a ring. A link that is in no ring is its own neighbor. */
struct crank_link {
  struct crank_link *previous, *next;
};

enum crank_state {
  CRANK_NONE,    /* not on a crank */
  CRANK_WAITING, /* the call has something to ask for, now or later */
  CRANK_SENDING, /* its request is in flight */
  CRANK_FINISHED /* done, but its owner has not been told */
};

/* A call's seat on the crank, part of its owner. Must be zeroed before it is added. */
struct crank_seat {
  struct crank_link link; /* first: a pointer to one is a pointer to the other */
  struct queue_item look; /* when to look at a waiting call at the latest */
  struct call *call;
  void *owner;
  struct crank *crank; /* NULL if on none */
  enum crank_state state;
  struct exchange *exchange; /* CRANK_SENDING: its request */
  bool came_back, reused;    /* its last request has finished; that request reused a connection */
};

/* What the crank cannot do itself. Both functions may start and end calls of this crank. */
struct crank_host {
  void *context;
  /* Supplies a token to a call that asks for one, with call_authorize or call_fail. */
  void (*supply)(void *context, struct crank_seat *seat, double now);
  /* Hands a response to its call, with call_feed or call_overrule. */
  void (*take)(void *context, struct crank_seat *seat, struct exchange *exchange, double now);
};

struct crank {
  struct client *client; /* borrowed */
  struct driver *driver; /* borrowed */
  struct queue looks;    /* all waiting calls, by the time of their look */
  /* Waiting calls that are in no ring sleep until their look. */
  struct crank_link fresh;    /* waiting only for their turn, in order of arrival */
  struct crank_link due;      /* were held up by something else, which is over; they go first */
  struct crank_link parked;   /* waiting for a token that another call is fetching; they hold up the fresh ones */
  struct crank_link sending;  /* have a request in flight */
  struct crank_link finished; /* done, and not released yet */
  double rate_until;          /* seconds, monotonic: the rate limit holds up all calls until then */
  double token_look; /* seconds, monotonic: when to ask a parked call again, in case the fetching call has ended */
  enum call_waits_for holdup; /* what the call that was asked last waits for, and so all others that are held up */
  size_t in_flight;           /* calls that are waiting or sending */
  size_t capacity;            /* requests that may be in flight; further calls wait for their turn */
  size_t sending_count;       /* requests in flight */
  unsigned long changes;      /* the client's `changes` when the waiting calls last heard of them */
  unsigned forks;             /* the driver's forks that have been handled */
  bool stirred;               /* since the last turn began, a call was added or may continue */
  bool turning;
};

/* Makes a crank without calls. */
void crank_open(struct crank *crank, struct client *client, struct driver *driver);

/* Adds a call with its owner. From now on the crank drives it, and its deadline runs. False: no memory, and nothing was
 * changed. */
bool crank_add(struct crank *crank, struct crank_seat *seat, struct call *call, void *owner, double now);

/* Ends a call, whatever its state. Does nothing if it is done or on no crank. */
void crank_end(struct crank_seat *seat, enum failure_kind kind, const char *message);

/* The same for a call whose memory is about to be freed: removes it from its crank. */
void crank_forget(struct crank_seat *seat);

/* Seconds until the crank must be turned even if no socket is ready; HUGE_VAL: never. */
double crank_timeout(const struct crank *crank, double now);

/* In a child process, ends the calls that belong to the parent. Every function that turns the crank, or adds or ends
 * calls, does this first. */
void crank_look_for_fork(struct crank *crank);

/* Moves every call on as far as possible, after waiting at most `seconds` for something to happen. With 0, the work of
 * a turn is limited, and the rest is left to the next one. False, and nothing is done, if the crank is already being
 * turned. */
bool crank_turn(struct crank *crank, const struct crank_host *host, double seconds);

/* How many finished calls the crank still has. */
size_t crank_finished_count(const struct crank *crank);

/* Removes the next finished call from the crank and returns it; NULL if there is none. */
struct crank_seat *crank_finished(struct crank *crank);

/* Puts a finished call back. */
void crank_put_back(struct crank *crank, struct crank_seat *seat);

/* Ends all calls in flight. */
void crank_end_all(struct crank *crank);

/* Ends all calls, releases them, and frees the crank's memory. */
void crank_close(struct crank *crank);

#endif
