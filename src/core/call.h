/* call: one operation, from its arguments to its result. A call is a state machine without I/O and without a clock: it
 * asks its driver for one thing at a time and is told the outcome. Times are seconds on one monotonic clock. */
#ifndef AUTH0PERM_CORE_CALL_H
#define AUTH0PERM_CORE_CALL_H

#include "client.h"
#include "pages.h"
#include "request.h"
#include "retry.h"

enum call_step {
  CALL_SEND,      /* send call_request, then call_feed or call_fail */
  CALL_WAIT,      /* call call_next again in `call->wait` seconds, or earlier */
  CALL_AUTHORIZE, /* supply a token with call_authorize, or call_fail; if tokens are shared, also call_fetch or
                     call_defer. One call of a client asks at a time; the others wait for the outcome. */
  CALL_SHARE,     /* the fetch that call_fetch allowed has ended: share the token of call_shared, then call_next */
  CALL_DONE       /* success if `call->error.kind` is ERROR_NONE */
};

enum call_state { CALL_DECIDING, CALL_SENDING, CALL_FINISHED };

/* The reason for CALL_WAIT. */
enum call_waits_for {
  CALL_WAITS_FOR_NOTHING,
  CALL_WAITS_FOR_TIME,   /* a pause between two attempts */
  CALL_WAITS_FOR_WRITER, /* an earlier write to the same user; see `wake` in struct client */
  CALL_WAITS_FOR_TOKEN,  /* another call's fetch; blocks all other calls of the client too */
  CALL_WAITS_FOR_RATE    /* the rate limit; blocks all other calls of the client too */
};

struct call {
  struct client *client;
  const struct operation *operation;
  enum call_state state;
  bool begun;
  struct request request;
  struct error error;            /* of a finished call; ERROR_NONE is success */
  double timeout;                /* seconds for the whole call */
  double deadline;               /* once begun */
  double not_before;             /* the earliest time of the next request: a pause between two attempts */
  double wait;                   /* seconds, after CALL_WAIT */
  enum call_waits_for waits_for; /* after CALL_WAIT */
  void *driver;                  /* for the driver */
  int attempts;                  /* requests sent for the current page */
  int retries;                   /* of these, requests that followed a failure */
  int token_retries;             /* retries of the token request */
  bool fetched;                  /* it has just fetched a token, which it uses until that expires */
  bool supplied;                 /* it was given a token, and has neither waited nor sent a request since */
  bool may_fetch;                /* if tokens are shared: call_fetch allowed it to fetch one */
  bool to_share;                 /* its fetch has ended, and the driver has not been told yet */
  double sent_at;                /* when the newest request was sent */
  bool maybe_applied;            /* an earlier attempt may have taken effect */
  bool renewed;                  /* a rejected token has been replaced */
  unsigned long awaited;         /* the fetch that it waits for; see token_next */
  struct request *token_request; /* while this call fetches a token; NULL otherwise */
  struct bucket_ticket ticket;   /* of the newest request */
  struct writer writer;          /* its place in the queue of writes to the same user */
  struct call_response {
    int status;                     /* 0 before the first response */
    double limit, remaining, reset; /* from rate-limit headers; negative if absent */
  } last;                           /* the newest response */
  struct pages pages;               /* of a list */
  bool by_page;                     /* finish after each page of a list; call_resume requests the next one */
  bool more;                        /* there is a next page */
};

/* Starts a call; its request still needs its arguments (request_identify, ...). `client` must outlive it. */
void call_open(struct call *call, struct client *client, const struct operation *operation);

/* Returns the request to send after CALL_SEND. */
struct request *call_request(struct call *call);

/* Starts the deadline, unless it has started; call_next does so too. */
void call_begin(struct call *call, double now);

/* Returns what to do next. Must not be called while a request is in flight. */
enum call_step call_next(struct call *call, double now);

/* Takes the response to the request of CALL_SEND. Returns whether to keep what its body holds: an object, or the
 * items of a list from index `call->pages.skip` on. Ignored, returning false, if the call has ended in the meantime. */
bool call_feed(struct call *call, const struct response *response, double now);

/* Resumes a call that finished after one page and has `more`; its deadline starts again. */
void call_resume(struct call *call);

/* Reports that there is no response, or no token. The call may send a request again; if it has nothing in flight, it
 * ends. */
void call_fail(struct call *call, const struct failure *failure, double now);

/* The same, even for a call that has finished: its result could not be delivered. */
void call_overrule(struct call *call, const struct failure *failure);

/* Supplies a token that expires in `expires_in` seconds (HUGE_VAL: unknown). An unusable token ends the call. Returns
 * false, only if tokens are shared, if the token is not new (the client has it, or the tenant rejected it) or is not a
 * token. Ignored, returning true, unless the call is deciding. */
bool call_authorize(struct call *call, struct text token, double expires_in, double now);

/* If tokens are shared: allows the call to fetch one, because no other process does. Ignored if the call did not
 * ask. */
void call_fetch(struct call *call);

/* If tokens are shared: another process is fetching one. The client asks again in `seconds`, and uses its token until
 * then if that has not expired. */
void call_defer(struct call *call, double seconds, double now);

/* After CALL_SHARE: returns the token, empty if the fetch failed, and sets the seconds until it expires (HUGE_VAL:
 * unknown). Borrowed. */
struct text call_shared(const struct call *call, double now, double *expires_in);

/* Ends the call if it has not finished, and frees everything; its copy of the token is wiped. */
void call_close(struct call *call);

#endif
