/* token: an access token's life. This version knows tokens that are given to it, and when they expire. */
#ifndef AUTH0PERM_TOKEN_H
#define AUTH0PERM_TOKEN_H

#include "error.h"

struct token {
  struct allocator allocator;
  char *header;       /* "Authorization: Bearer ...", terminated; NULL without a token */
  size_t header_size; /* bytes, the terminating zero included */
  double expires_at;  /* seconds, monotonic; HUGE_VAL when it is not known to expire */
};

void token_open(struct token *token, struct allocator allocator);

/* Takes a token over in place of the one before; it expires at `expires_at` (seconds, monotonic; HUGE_VAL for
 * never). On failure the one before stays: invalid when `value` is not printable ASCII or too long, memory. */
bool token_give(struct token *token, struct text value, double expires_at, struct error *error);

/* The header line to send at `now`; NULL when there is no token that still lives. */
const char *token_header(const struct token *token, double now);

/* The token itself, to be kept out of messages; empty when there is none. */
struct text token_secret(const struct token *token);

/* Wipes and frees. */
void token_close(struct token *token);

#endif
