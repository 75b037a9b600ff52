/* error: what went wrong, in a form that every room can fill without memory and that never holds a
 * secret: it is built from an allow-list of fields, and text that came from outside is cleaned first. */
#ifndef AUTH0PERM_CORE_ERROR_H
#define AUTH0PERM_CORE_ERROR_H

#include <stdbool.h>

#include "buffer.h"

enum error_kind {
  ERROR_NONE,
  ERROR_INVALID,   /* a value that the API could never accept; nothing was sent */
  ERROR_TOKEN,     /* no access token, or the tenant does not take the one it was given */
  ERROR_API,       /* the tenant answered with an error status */
  ERROR_LIMIT,     /* 429 */
  ERROR_TIMEOUT,   /* a deadline or a time limit passed */
  ERROR_TRANSPORT, /* no connection, or it broke */
  ERROR_PROTOCOL,  /* an answer that is not what the API answers */
  ERROR_MEMORY,    /* the host's allocator, or libcurl's, had no memory */
  ERROR_CANCELED,
  ERROR_CLOSED
};

enum { ERROR_CODE_SIZE = 80, ERROR_MESSAGE_SIZE = 512 }; /* bytes, the terminating zero included */

/* How many tokens a client may still fetch (Auth0-Client-Quota-Limit); all -1 where that is not said. */
struct quota {
  struct quota_span {
    long long quota, remaining; /* tokens */
    long long reset;            /* seconds */
  } per_hour, per_day;
};

/* A quota of which nothing is known. */
extern const struct quota QUOTA_UNKNOWN;

struct error {
  enum error_kind kind;
  int status;         /* HTTP status; 0 when there was no answer */
  int attempts;       /* requests that left for this operation's current page; 0 when none did */
  double retry_after; /* seconds, as the tenant asked; negative when it did not */
  struct quota quota;
  bool maybe_applied;               /* a write that may have reached the tenant */
  char code[ERROR_CODE_SIZE];       /* Auth0's errorCode; "" when there is none */
  char message[ERROR_MESSAGE_SIZE]; /* valid UTF-8 if its sources are */
};

/* The name that Lua sees: "invalid", "token", ... */
const char *error_kind_name(enum error_kind kind);

/* Starts a new error of this kind with this message, cut where it is too long; control characters become
 * spaces. Always returns false, so that a checking function can `return error_set(...)`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
bool error_set(struct error *error, enum error_kind kind, const char *format, ...);

/* The error for memory that could not be had. Always returns false. */
bool error_set_memory(struct error *error);

/* Writes text from outside into a field of so many bytes, cut at a character where it is too long: control characters
 * become spaces, and each occurrence of `secret` becomes "[secret]". An empty secret is ignored. */
void error_quote(char *field, size_t size, struct text text, struct text secret);

/* The same for the message, or the code. */
void error_quote_message(struct error *error, struct text text, struct text secret);
void error_quote_code(struct error *error, struct text text, struct text secret);

/* Puts a place and a separator before the message. */
void error_locate(struct error *error, const char *place, const char *separator);

#endif
