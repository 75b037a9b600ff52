/* token: an access token's life. This version knows tokens that are given to it, and when they expire. */
#ifndef AUTH0PERM_TOKEN_H
#define AUTH0PERM_TOKEN_H

#include "error.h"

struct token {
  struct allocator allocator;
  char *value;       /* `length` bytes; NULL without a token */
  size_t length;     /* bytes */
  double expires_at; /* seconds, monotonic; HUGE_VAL when it is not known to expire */
};

void token_open(struct token *token, struct allocator allocator);

/* Takes a token over in place of the one before; it expires at `expires_at` (seconds, monotonic; HUGE_VAL for
 * never). On failure the one before stays: ERROR_INVALID when no header can hold `value`, or ERROR_MEMORY. */
bool token_give(struct token *token, struct text value, double expires_at, struct error *error);

/* The token to send at `now`; empty when there is none that still lives. */
struct text token_at(const struct token *token, double now);

/* The token, dead or alive, to be kept out of messages; empty when there is none. */
struct text token_secret(const struct token *token);

/* Wipes and frees. */
void token_close(struct token *token);

#endif
