/* error: why something failed. An error needs no allocation and never holds a secret: its fields are an allow-list, and
 * text from outside is cleaned before it is stored. */
#ifndef AUTH0PERM_CORE_ERROR_H
#define AUTH0PERM_CORE_ERROR_H

#include <stdbool.h>

#include "buffer.h"

enum error_kind {
  ERROR_NONE,
  ERROR_INVALID,   /* a value that the API could not accept; nothing was sent */
  ERROR_TOKEN,     /* no access token, or the tenant rejected it */
  ERROR_API,       /* the tenant responded with an error status */
  ERROR_LIMIT,     /* 429 */
  ERROR_TIMEOUT,   /* a deadline or timeout passed */
  ERROR_TRANSPORT, /* no connection, or it broke */
  ERROR_PROTOCOL,  /* a response that the API never sends */
  ERROR_MEMORY,    /* the host's allocator, or libcurl's, ran out of memory */
  ERROR_CANCELED,
  ERROR_CLOSED
};

enum { ERROR_CODE_SIZE = 80, ERROR_MESSAGE_SIZE = 512 }; /* bytes, including the terminating zero */

/* How many tokens a client may still fetch (Auth0-Client-Quota-Limit). Unknown numbers are -1. */
struct quota {
  struct quota_span {
    long long quota, remaining; /* tokens */
    long long reset;            /* seconds */
  } per_hour, per_day;
};

/* A quota whose numbers are all unknown. */
extern const struct quota QUOTA_UNKNOWN;

struct error {
  enum error_kind kind;
  int status;         /* HTTP status; 0 if there was no response */
  int attempts;       /* requests sent for the current page; 0 if none were */
  double retry_after; /* seconds that the tenant asked to wait; negative if it did not */
  struct quota quota;
  bool maybe_applied;               /* a write that may have taken effect */
  char code[ERROR_CODE_SIZE];       /* Auth0's errorCode; "" if absent */
  char message[ERROR_MESSAGE_SIZE]; /* valid UTF-8 if its sources are */
};

/* Returns the name that Lua sees: "invalid", "token", ... The string is static. */
const char *error_kind_name(enum error_kind kind);

/* Sets all fields of an error: this kind and message, the rest unknown. A message that is too long is cut, and control
 * characters become spaces. Always returns false, so that a check can `return error_set(...)`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
bool error_set(struct error *error, enum error_kind kind, const char *format, ...);

/* Sets ERROR_MEMORY. Always returns false. */
bool error_set_memory(struct error *error);

/* Copies text from outside into a field of `size` bytes. Text that is too long is cut between characters, control
 * characters become spaces, and each occurrence of `secret` becomes "[secret]". An empty secret is ignored. */
void error_quote(char *field, size_t size, struct text text, struct text secret);

/* Like error_quote, for the message or the code. */
void error_quote_message(struct error *error, struct text text, struct text secret);
void error_quote_code(struct error *error, struct text text, struct text secret);

/* Prepends a place and a separator to the message. */
void error_locate(struct error *error, const char *place, const char *separator);

#endif
