/* token: an access token's life: fresh, to be refreshed ahead, expired; one fetcher at a time. Times are seconds on one
 * monotonic clock, so that no change of the date makes a token older or younger. */
#ifndef AUTH0PERM_CORE_TOKEN_H
#define AUTH0PERM_CORE_TOKEN_H

#include "error.h"

enum token_source {
  TOKEN_GIVEN,  /* one that nobody can renew */
  TOKEN_HOST,   /* the host program supplies one when none is left; nothing is renewed ahead of time */
  TOKEN_FETCHED /* fetched from the tenant's token endpoint */
};

struct token {
  struct allocator allocator;
  enum token_source source;
  char *value;           /* `length` bytes; NULL without a token */
  size_t length;         /* bytes */
  double life;           /* seconds that it was to live when it was asked for; HUGE_VAL when that is not known */
  double expires_at;     /* HUGE_VAL when it is not known to expire */
  const void *fetcher;   /* who fetches one at the moment; NULL when nobody does */
  double fetcher_until;  /* when the fetcher is taken for dead */
  double next_fetch_at;  /* no fetch before */
  unsigned long fetches; /* that have begun: the number of the newest */
  unsigned long failed;  /* the number of the newest that failed for good; 0: none did */
  bool refused;          /* it failed because the tenant refused, and would again until next_fetch_at */
  struct error failure;  /* why it failed */
  bool accepted;         /* the tenant has accepted it */
  uint32_t dropped;      /* hash of the newest that the tenant did not take; 0: none */
  double dropped_at;     /* when that was */
};

enum token_step {
  TOKEN_READY,  /* token_value is to be sent */
  TOKEN_FETCH,  /* the caller is the fetcher now: token_fetched, token_fetch_failed or token_release follows */
  TOKEN_WAIT,   /* ask again in `wait` seconds, or when something has changed */
  TOKEN_REFUSED /* `failure` tells why */
};

void token_open(struct token *token, enum token_source source, struct allocator allocator);

/* Takes a token over in place of the one before; it was asked for at `asked_at`, and lives `expires_in` seconds from
 * then on (HUGE_VAL: not known). On failure the one before stays: ERROR_INVALID when no header can hold it, or
 * ERROR_MEMORY. */
bool token_give(struct token *token, struct text value, double asked_at, double expires_in, struct error *error);

/* What a caller that wants to send a request has to do. `awaited` is the caller's, 0 at first: the fetch that it waits
 * for. */
enum token_step token_next(struct token *token, const void *caller, unsigned long *awaited, double now, double *wait);

/* The fetcher is not to be taken for dead before `until`; nothing happens when the caller is not the fetcher. */
void token_hold(struct token *token, const void *caller, double until);

/* The fetcher failed for good. `refused`: the tenant said no, and there is no use in asking again soon. `retry_after`
 * is in seconds, negative when the tenant did not say. Nothing happens when the caller is not the fetcher any more. */
void token_fetch_failed(struct token *token, const void *caller, const struct error *failure, bool refused,
                        double retry_after, double now);

/* The fetcher has to come back later, and so has everybody else: in `retry_after` seconds, or after a pause where that
 * is negative. It fetches no longer. Returns the seconds. */
double token_put_off(struct token *token, const void *caller, const struct error *reason, double retry_after,
                     double now);

/* Whether there is a token that has not expired. */
bool token_lives(const struct token *token, double now);

/* The caller fetches no longer; nothing happens when it did not. Returns whether it did. */
bool token_release(struct token *token, const void *caller);

/* Whether a token that was fetched elsewhere is worth having: neither the one that is here, nor one that was
 * dropped. */
bool token_is_news(const struct token *token, struct text value);

/* The tenant accepts this token. */
void token_accept(struct token *token, struct text value);

/* The tenant does not take this token: drops it, if it is still the one. False when it cannot be replaced, and stays:
 * one that is given, or one that has itself just replaced another and was never accepted. Tokens are billed, and the
 * next would fare no better; so that is tried again after a pause, as after a wrong secret. */
bool token_drop(struct token *token, struct text value, double now);

/* The token, dead or alive; empty when there is none. */
struct text token_value(const struct token *token);

/* Wipes and frees. */
void token_close(struct token *token);

#endif
