/* call: one operation, from its arguments to its result. A state machine that does no I/O and reads no clock:
 * it asks for one thing at a time, and is told what came of it. All times are seconds on any one monotonic clock. */
#ifndef AUTH0PERM_CORE_CALL_H
#define AUTH0PERM_CORE_CALL_H

#include "client.h"
#include "pages.h"
#include "request.h"
#include "retry.h"

enum call_step {
  CALL_SEND,      /* send what call_request names, then call_feed or call_fail */
  CALL_WAIT,      /* nothing to do for `call->wait` seconds; then, or earlier, call_next again */
  CALL_AUTHORIZE, /* supply a token: call_authorize or call_fail; where tokens are shared, also call_fetch or
                     call_defer. One call of a client asks at a time, and the others wait for what comes of it. */
  CALL_SHARE,     /* the fetch that call_fetch allowed is over: share what call_shared tells, then call_next again */
  CALL_DONE       /* `call->error.kind` tells: ERROR_NONE is success */
};

enum call_state { CALL_DECIDING, CALL_SENDING, CALL_FINISHED };

/* What a call waits for, after CALL_WAIT. */
enum call_waits_for {
  CALL_WAITS_FOR_NOTHING,
  CALL_WAITS_FOR_TIME,   /* a pause between two attempts */
  CALL_WAITS_FOR_WRITER, /* an earlier write to the same user; see `wake` in struct client */
  CALL_WAITS_FOR_TOKEN,  /* one that another call fetches; that would hold up all other calls of the client too */
  CALL_WAITS_FOR_RATE    /* the rate limit, which would hold up all other calls of the client too */
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
  double not_before;             /* when the next request may leave: a pause between two tries */
  double wait;                   /* seconds, after CALL_WAIT */
  enum call_waits_for waits_for; /* after CALL_WAIT */
  void *driver;                  /* whatever its driver keeps here */
  int attempts;                  /* requests that left for the current page */
  int retries;                   /* of them that followed a failure */
  int token_retries;             /* of the token request */
  bool fetched;                  /* it has just fetched a token, which it uses as long as that lives */
  bool supplied;                 /* it has just been given a token, and has neither waited nor sent since */
  bool may_fetch;                /* where tokens are shared: it may, for nobody else does */
  bool to_share;                 /* its fetch is over, and its driver does not know that yet */
  double sent_at;                /* when the newest request left */
  bool maybe_applied;            /* an earlier try may have been carried out */
  bool renewed;                  /* a token that was not taken has been replaced */
  unsigned long awaited;         /* the fetch of a token that it waits for; see token_next */
  struct request *token_request; /* while this call fetches a token; NULL otherwise */
  struct bucket_ticket ticket;   /* of the newest request */
  struct writer writer;          /* its place among those who write to the same user */
  struct call_response {
    int status;                     /* 0 before the first */
    double limit, remaining, reset; /* of its rate-limit headers; negative when absent */
  } last;                           /* the newest answer */
  struct pages pages;               /* of a list */
  bool by_page;                     /* the call is done after each page of a list; call_resume goes on with the next */
  bool more;                        /* there is a next one */
};

/* A call whose request still wants its arguments (request_identify, ...). `client` outlives it. */
void call_open(struct call *call, struct client *client, const struct operation *operation);

/* The request to send after CALL_SEND. */
struct request *call_request(struct call *call);

/* Starts the deadline. call_next does it where nobody did before. */
void call_begin(struct call *call, double now);

/* What to do next. Not to be asked while a request is being sent. */
enum call_step call_next(struct call *call, double now);

/* The answer to the request of CALL_SEND. Returns whether what is in its body is to be kept: an object, or the items of
 * a list from `call->pages.skip` on. A call that has been ended meanwhile ignores the answer. */
bool call_feed(struct call *call, const struct response *response, double now);

/* Has a call that is done with one page of several (`more`) go on: it then is one that has not begun. */
void call_resume(struct call *call);

/* There is no answer, or no token. A request that was sent may be sent again; a call that has nothing under way
 * ends. */
void call_fail(struct call *call, const struct failure *failure, double now);

/* The same, even for a call that is done: its result could not be handed over. */
void call_overrule(struct call *call, const struct failure *failure);

/* A token for the client, that expires in so many seconds (HUGE_VAL: unknown). A bad one ends the call. False, where
 * tokens are shared, when it is no news: the client has it, or had it and the tenant did not take it, or it is no
 * token. Ignored unless the call has something to decide. */
bool call_authorize(struct call *call, struct text token, double expires_in, double now);

/* Where tokens are shared: nobody else fetches one, so the call that asked may. Ignored by one that did not ask. */
void call_fetch(struct call *call);

/* Where tokens are shared: somebody elsewhere fetches one. The client asks again in so many seconds, and goes on
 * meanwhile with the token that it has, while that lives. */
void call_defer(struct call *call, double seconds, double now);

/* After CALL_SHARE: the token, empty when none came, and in how many seconds it expires (HUGE_VAL: unknown). */
struct text call_shared(const struct call *call, double now, double *expires_in);

/* Ends the call, if it has not ended, and frees everything, the token's copy wiped. */
void call_close(struct call *call);

#endif
