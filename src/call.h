/* call: one operation, from its arguments to its result. A state machine that does no I/O and reads no clock:
 * it asks for one thing at a time, and is told what came of it. All times are seconds on any one monotonic clock. */
#ifndef AUTH0PERM_CALL_H
#define AUTH0PERM_CALL_H

#include "client.h"
#include "pages.h"
#include "request.h"
#include "retry.h"

enum call_step {
  CALL_SEND,      /* send `call->request`, then call_feed or call_fail */
  CALL_WAIT,      /* nothing to do for `call->wait` seconds; then, or earlier, call_next again */
  CALL_AUTHORIZE, /* supply a token: call_authorize or call_fail */
  CALL_DONE       /* `call->error.kind` tells: ERROR_NONE is success */
};

enum call_state { CALL_DECIDING, CALL_SENDING, CALL_FINISHED };

struct call {
  struct client *client;
  const struct operation *operation;
  enum call_state state;
  bool begun;
  struct request request;
  struct error error; /* of a finished call; ERROR_NONE is success */
  double timeout;     /* seconds for the whole call */
  double deadline;    /* once begun */
  double wait;        /* seconds, after CALL_WAIT */
  int attempts;       /* requests that left for the current page */
  struct pages pages; /* of a list */
  bool by_page;       /* the call is done after each page of a list; call_resume goes on with the next */
  bool more;          /* there is a next one */
};

/* A call whose request still wants its arguments (request_identify, ...). `client` outlives it. */
void call_open(struct call *call, struct client *client, const struct operation *operation);

/* Starts the deadline. call_next does it where nobody did before. */
void call_begin(struct call *call, double now);

/* What to do next. Not to be asked while a request is being sent. */
enum call_step call_next(struct call *call, double now);

/* The answer to the request of CALL_SEND. Returns whether what is in its body is to be kept: an object, or the items of a
 * list from `call->pages.skip` on. A call that has been ended meanwhile ignores the answer. */
bool call_feed(struct call *call, const struct response *response, double now);

/* Has a call that is done with one page of several (`more`) go on: it then is one that has not begun. */
void call_resume(struct call *call);

/* There is no answer, or no token. Ends the call, also one that waits, or that has not begun. */
void call_fail(struct call *call, const struct failure *failure, double now);

/* The same, even for a call that is done: its result could not be handed over. */
void call_abort(struct call *call, const struct failure *failure, double now);

/* A token for the client, that expires in so many seconds (HUGE_VAL: unknown). A bad one ends the call. Ignored unless the
 * call has something to decide. */
void call_authorize(struct call *call, struct text token, double expires_in, double now);

/* Frees everything, the token's copy wiped. */
void call_close(struct call *call);

#endif
