/* retry: decides what a response or failure means for its request (success, retry, new token, give up) and describes
 * errors to the user. */
#ifndef AUTH0PERM_CORE_RETRY_H
#define AUTH0PERM_CORE_RETRY_H

#include <stdint.h>

#include "error.h"
#include "operation.h"
#include "response.h"

enum failure_kind {
  FAILURE_CONNECT,   /* no connection (name resolution, TCP, TLS handshake); nothing was sent */
  FAILURE_TLS,       /* the tenant's certificate was rejected; nothing was sent */
  FAILURE_TIMEOUT,   /* the request timed out */
  FAILURE_TRANSPORT, /* the connection broke */
  FAILURE_PROTOCOL,  /* the response is not HTTP, or too large */
  FAILURE_TOKEN,     /* there is no access token */
  FAILURE_MEMORY,
  FAILURE_CANCELED,
  FAILURE_CLOSED /* the client was closed */
};

/* Why a request got no response. */
struct failure {
  enum failure_kind kind;
  bool maybe_read;     /* the tenant may have read the request */
  const char *message; /* borrowed */
};

enum retry_verdict {
  RETRY_DONE,      /* success */
  RETRY_AGAIN,     /* send the request again, after a pause */
  RETRY_LIMITED,   /* 429: send it again when the rate limit allows */
  RETRY_NEW_TOKEN, /* the tenant rejected the token */
  RETRY_GIVE_UP
};

/* Judges a response. Unless the verdict is RETRY_DONE, sets the error's kind, status, code, message, retry_after and
 * maybe_applied; `secret` is redacted. */
enum retry_verdict retry_response(const struct operation *operation, const struct response *response,
                                  struct text secret, struct error *error);

/* Judges a request without a response. Sets the error; returns RETRY_AGAIN or RETRY_GIVE_UP. */
enum retry_verdict retry_failure(const struct operation *operation, const struct failure *failure, struct text secret,
                                 struct error *error);

/* The same for a request to the token endpoint. A response also sets the error's quota. */
enum retry_verdict retry_token_response(const struct response *response, struct text secret, struct error *error);
enum retry_verdict retry_token_failure(const struct failure *failure, struct text secret, struct error *error);

/* Returns the pause before a retry in seconds, never 0: full jitter over a range that doubles with each retry. `number`
 * counts retries from 0; `random` is the state of the generator, not 0. */
double retry_pause(int number, uint64_t *random);

#endif
