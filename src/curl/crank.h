/* crank: drives a client's calls with its libcurl driver. Blocking methods, start/step and event loops are three ways
 * to turn the same crank: a call that wants something gets it, and an exchange that came back goes to its call. What a
 * turn costs does not depend on how many calls wait. */
#ifndef AUTH0PERM_CURL_CRANK_H
#define AUTH0PERM_CURL_CRANK_H

#include "../core/call.h"
#include "driver.h"
#include "queue.h"

struct crank;

/* Neighbours in a ring; one that is alone is its own neighbour. */
struct crank_link {
  struct crank_link *previous, *next;
};

enum crank_state {
  CRANK_NONE,    /* on no crank */
  CRANK_WAITING, /* the call has something to ask for, now or later */
  CRANK_SENDING, /* its request is in flight */
  CRANK_FINISHED /* it is done, and its owner does not know yet */
};

/* A call's seat on the crank, part of whatever owns the call; zeroed before it is added. */
struct crank_seat {
  struct crank_link link; /* first: a pointer to one is a pointer to the other */
  struct queue_item look; /* when to look at a waiting call, whatever else happens */
  struct call *call;
  void *owner;
  struct crank *crank; /* NULL when on none */
  enum crank_state state;
  struct exchange *exchange; /* CRANK_SENDING: its request */
  bool came_back, reused;    /* its newest request has come back; it left on a connection that was there before */
};

/* What the crank cannot do by itself. Either function may start calls on the crank and end any. */
struct crank_host {
  void *context;
  /* Supplies a token to a call that asks for one: call_authorize, or call_fail. */
  void (*supply)(void *context, struct crank_seat *seat, double now);
  /* Hands a response to its call: call_feed, or call_overrule. */
  void (*take)(void *context, struct crank_seat *seat, struct exchange *exchange, double now);
};

struct crank {
  struct client *client; /* borrowed */
  struct driver *driver; /* borrowed */
  struct queue looks;    /* all waiting calls */
  /* Waiting calls that are in no ring sleep until their look. */
  struct crank_link fresh;    /* waiting calls that nothing but their turn holds up, in order of arrival */
  struct crank_link due;      /* those that have been held up by something else, which is over; they go first */
  struct crank_link parked;   /* those that wait for a token that another call fetches; they hold up the fresh ones */
  struct crank_link sending;  /* calls with a request in flight */
  struct crank_link finished; /* calls that are done, and not yet let go of */
  double rate_until;          /* seconds, monotonic: the rate limit holds up all calls until then */
  double token_look;          /* seconds, monotonic: when to ask a parked call again, should the fetcher have died */
  size_t in_flight;           /* calls that wait or have a request in flight */
  size_t capacity;            /* requests that may be in flight; further calls wait for their turn */
  size_t sending_count;       /* requests in flight */
  unsigned long changes;      /* of the client's that the waiting calls know of */
  unsigned forks;             /* of the driver's that the calls know of */
  bool stirred;               /* since a turn began, a call came, or may go on */
  bool turning;
};

/* A crank without calls. */
void crank_open(struct crank *crank, struct client *client, struct driver *driver);

/* Adds a call with its owner; from now on the crank drives it, and its deadline runs. False: no memory, and nothing
 * happened. */
bool crank_add(struct crank *crank, struct crank_seat *seat, struct call *call, void *owner, double now);

/* Ends a call, wherever it stands. Does nothing for one that is done, or on no crank. */
void crank_end(struct crank_seat *seat, enum failure_kind kind, const char *message);

/* The same for a call whose memory is about to go: no crank knows it afterwards. */
void crank_forget(struct crank_seat *seat);

/* In how many seconds the crank is to be turned, if no socket has anything to do before; HUGE_VAL: not at all. */
double crank_timeout(const struct crank *crank, double now);

/* In a child process, ends the calls that are its parent's to drive. All that turns, adds or ends does this first. */
void crank_look_for_fork(struct crank *crank);

/* Moves every call as far as it goes, after waiting at most `seconds` for something to happen. With 0 a turn has a
 * bound: what is left is for the next one. False, and nothing happens, where the crank is being turned already. */
bool crank_turn(struct crank *crank, const struct crank_host *host, double seconds);

/* How many calls are done that the crank still knows. */
size_t crank_finished_count(const struct crank *crank);

/* The next of them, which the crank then no longer knows; NULL when there is none. */
struct crank_seat *crank_finished(struct crank *crank);

/* Puts a finished call back. */
void crank_put_back(struct crank *crank, struct crank_seat *seat);

/* Ends all calls that are in flight. */
void crank_end_all(struct crank *crank);

/* Ends all calls, lets go of them, and frees the crank's memory. */
void crank_close(struct crank *crank);

#endif
