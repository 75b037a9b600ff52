/* token: the life of an access token: valid, due for a refresh, expired. Only one caller fetches a token at a time.
 * Times are seconds on one monotonic clock, so that changes of the date do not affect a token's age. */
#ifndef AUTH0PERM_CORE_TOKEN_H
#define AUTH0PERM_CORE_TOKEN_H

#include "error.h"

enum token_source {
  TOKEN_GIVEN,  /* a fixed token, which cannot be renewed */
  TOKEN_HOST,   /* the host program supplies tokens, each when the last one has expired */
  TOKEN_FETCHED /* fetched from the tenant's token endpoint, and refreshed before it expires */
};

struct token {
  struct allocator allocator;
  enum token_source source;
  char *value;           /* `length` bytes; NULL without a token */
  size_t length;         /* bytes */
  double life;           /* seconds from the request for it to its expiry; HUGE_VAL if unknown */
  double expires_at;     /* HUGE_VAL if unknown */
  const void *fetcher;   /* the caller that is fetching a token; NULL if none is */
  double fetcher_until;  /* when the fetcher is presumed dead */
  double next_fetch_at;  /* the earliest time of the next fetch */
  unsigned long fetches; /* number of fetches begun, and so of the newest one */
  unsigned long failed;  /* number of the newest fetch that failed for good; 0: none */
  bool refused;          /* it failed because the tenant refused; not worth another attempt before next_fetch_at */
  struct error failure;  /* why it failed */
  bool accepted;         /* the tenant has accepted the token */
  uint32_t dropped;      /* hash of the newest token that the tenant rejected; 0: none */
  double dropped_at;     /* when that was */
};

enum token_step {
  TOKEN_READY, /* send token_value */
  TOKEN_FETCH, /* the caller is the fetcher now; it ends that with token_fetch_failed, token_put_off or token_release */
  TOKEN_WAIT,  /* ask again in `wait` seconds, or when something has changed */
  TOKEN_REFUSED /* no token; `failure` says why */
};

void token_open(struct token *token, enum token_source source, struct allocator allocator);

/* Replaces the token with a copy of `value`, which was requested at `asked_at` and expires `expires_in` seconds later
 * (HUGE_VAL: unknown). Returns false and keeps the old one on ERROR_INVALID (it does not fit in a header) or
 * ERROR_MEMORY. */
bool token_give(struct token *token, struct text value, double asked_at, double expires_in, struct error *error);

/* Returns what a caller that wants to send a request has to do. `awaited` is kept by the caller, 0 at first: the number
 * of the fetch that it waits for. Sets `wait`, in seconds, for TOKEN_WAIT. */
enum token_step token_next(struct token *token, const void *caller, unsigned long *awaited, double now, double *wait);

/* Postpones the time when the fetcher is presumed dead. Does nothing if the caller is not the fetcher. */
void token_hold(struct token *token, const void *caller, double until);

/* Ends a fetch that failed for good. `refused`: the tenant said no, so another attempt soon is pointless. `retry_after`
 * is in seconds, negative if the tenant named none. Does nothing if the caller is not the fetcher. */
void token_fetch_failed(struct token *token, const void *caller, const struct error *failure, bool refused,
                        double retry_after, double now);

/* Ends a fetch, and delays the next one by `retry_after` seconds, or for a default pause if that is not
 * above 0. Returns the seconds. Does nothing else if the caller is not the fetcher. */
double token_put_off(struct token *token, const void *caller, const struct error *reason, double retry_after,
                     double now);

/* Returns whether there is a token that has not expired. */
bool token_lives(const struct token *token, double now);

/* Ends a fetch. Returns whether the caller was the fetcher. */
bool token_release(struct token *token, const void *caller);

/* Returns whether a token from elsewhere is new: neither the current one nor the newest that was rejected. */
bool token_is_new(const struct token *token, struct text value);

/* Records that the tenant accepted this token. */
void token_accept(struct token *token, struct text value);

/* Drops a token that the tenant rejected, if it is still the current one. Returns false if it cannot be replaced,
 * and keeps it then: a given token, or one that itself replaced a rejected one a moment ago and was never accepted.
 * Tokens are billed, and the next would most likely be rejected too, so the replacement waits, as after a wrong
 * secret. */
bool token_drop(struct token *token, struct text value, double now);

/* Returns the token, expired or not; empty if there is none. Borrowed. */
struct text token_value(const struct token *token);

/* Wipes and frees the token. */
void token_close(struct token *token);

#endif
