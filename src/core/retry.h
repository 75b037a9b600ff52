/* retry: what a response or a failure means for the request that it ends: done, again after a wait, a new token, or
 * give up; and how to tell the user. */
#ifndef AUTH0PERM_CORE_RETRY_H
#define AUTH0PERM_CORE_RETRY_H

#include <stdint.h>

#include "error.h"
#include "operation.h"
#include "response.h"

enum failure_kind {
  FAILURE_CONNECT,   /* no connection: name, address, handshake; nothing was sent */
  FAILURE_TLS,       /* the tenant could not prove who it is; nothing was sent */
  FAILURE_TIMEOUT,   /* a time limit of the request passed */
  FAILURE_TRANSPORT, /* the connection broke */
  FAILURE_PROTOCOL,  /* an answer that is no HTTP, or larger than allowed */
  FAILURE_TOKEN,     /* no access token is to be had */
  FAILURE_MEMORY,
  FAILURE_CANCELED,
  FAILURE_CLOSED /* the client was closed */
};

/* Why a request brought no answer. */
struct failure {
  enum failure_kind kind;
  bool maybe_read;     /* the tenant may have read the request */
  const char *message; /* borrowed */
};

enum retry_verdict {
  RETRY_DONE,      /* success */
  RETRY_AGAIN,     /* the same request once more, after a pause */
  RETRY_LIMITED,   /* 429: when the rate limit allows */
  RETRY_NEW_TOKEN, /* the token is not taken */
  RETRY_GIVE_UP
};

/* What this answer means. Unless it is RETRY_DONE, `error` holds kind, status, code, message, retry_after, quota and
 * maybe_applied; `secret` is kept out of it. */
enum retry_verdict retry_response(const struct operation *operation, const struct response *response,
                                  struct text secret, struct error *error);

/* What a request without an answer means: RETRY_AGAIN or RETRY_GIVE_UP. */
enum retry_verdict retry_failure(const struct operation *operation, const struct failure *failure, struct text secret,
                                 struct error *error);

/* The same for an answer of the token endpoint, and for a failure on the way to it. */
enum retry_verdict retry_token_response(const struct response *response, struct text secret, struct error *error);
enum retry_verdict retry_token_failure(const struct failure *failure, struct text secret, struct error *error);

/* Seconds to pause before the retry of this number, counted from 0: full jitter over a doubling range, never zero.
 * `random` is the state of the generator, not zero. */
double retry_pause(int number, uint64_t *random);

#endif
