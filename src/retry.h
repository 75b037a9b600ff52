/* retry: what a response or a failure means for the request that it ends, and how to tell the user. */
#ifndef AUTH0PERM_RETRY_H
#define AUTH0PERM_RETRY_H

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

enum retry_verdict { RETRY_DONE, RETRY_GIVE_UP };

/* What this answer means. On RETRY_GIVE_UP `error` holds kind, status, code, message, retry_after and
 * maybe_applied; `secret` is kept out of it. */
enum retry_verdict retry_response(const struct operation *operation, const struct response *response,
                                  struct text secret, struct error *error);

/* What a request without an answer means; always RETRY_GIVE_UP in this version. */
enum retry_verdict retry_failure(const struct operation *operation, const struct failure *failure, struct text secret,
                                 struct error *error);

#endif
