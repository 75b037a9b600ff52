/* bucket: the shadow of the tenant's rate-limit bucket: when may the next request leave? It learns from the answers
 * what remains, how the bucket refills and what others take. It has neither clock nor network: times are seconds on
 * one monotonic clock, handed in. */
#ifndef AUTH0PERM_CORE_BUCKET_H
#define AUTH0PERM_CORE_BUCKET_H

#include <stdbool.h>

struct bucket_options {
  double max_rate; /* requests per second; 0: no bound */
  double reserve;  /* share of the bucket that is left to others, [0, 1); a bucket of 4 or less has none */
};

/* A request that left. Its sender keeps this, and hands it back with what came of the request. */
struct bucket_ticket {
  double sent_at; /* seconds, monotonic */
  double number;  /* requests that had left by then, this one included, those refused not */
};

/* What an answer says. A number is negative where the answer says nothing. */
struct bucket_response {
  struct bucket_ticket ticket; /* of its request */
  bool refused;                /* status 429 */
  double limit;                /* requests: x-ratelimit-limit, the size of the bucket */
  double remaining;            /* requests: x-ratelimit-remaining */
  double retry_after;          /* seconds */
};

enum {
  BUCKET_PHASES = 32,                 /* parts of a second, in one of which a once-a-second refill falls */
  BUCKET_GUESSES = BUCKET_PHASES + 1, /* 0: a steady drip; n: a refill once a second, in the n-th part */
  BUCKET_SECONDS = 8                  /* seconds over which the refill is measured */
};

struct bucket {
  struct bucket_options options;
  double sent;       /* requests that left, those refused not counted */
  double sent_at;    /* seconds: when the newest left */
  double recent;     /* requests of the last second or so, a decaying count */
  double flying;     /* requests that left and have not come to an end */
  double heard_at;   /* seconds: when the newest answer came */
  double round_trip; /* seconds, a running mean */
  double held_until; /* seconds: no request leaves before */
  double shut_until; /* seconds: what a Retry-After asks for; it may be longer than a request is held up for it */
  double probe_at;   /* seconds: when it is held up no longer */
  double refusals;   /* in a row */
  double refused_at; /* seconds: a refusal of what left before is no news */

  /* as long as no answer had the headers */
  double responses; /* that came */
  double rate;      /* requests per second at `refused_at`; 0: no bound */

  /* from the first answer with headers on; "supply" is all that the tenant has granted: requests sent until then, and
   * what remained */
  double limit;   /* requests; 0: not known */
  double seen_at; /* seconds: when the newest request left whose answer told the supply */
  double seen;    /* requests: that supply */
  double spilled; /* requests that ran over, for the bucket was full; no part of the supply */
  double refill;  /* requests per second, less what others take */
  bool refill_known;
  double taken;                    /* requests per second that others take; known for a once-a-second refill only */
  double taken_supply, taken_time; /* the fall of the supply between refills, and the seconds in which it fell */
  int best;                        /* the guess to go by */
  struct bucket_guess {
    double supply; /* requests, at `seen_at`, if this guess is right */
    double error;  /* requests: how far its predictions were off, a running mean */
  } guesses[BUCKET_GUESSES];
  struct bucket_second {
    double at, supply; /* seconds, requests: means over the answers of one second */
  } seconds[BUCKET_SECONDS];
  int second_count;
  double second_start; /* seconds: the second that is being measured, and its sums so far */
  double second_responses, second_at, second_supply;
};

/* The defaults of all options. */
struct bucket_options bucket_defaults(void);

void bucket_open(struct bucket *bucket, const struct bucket_options *options);

/* How long a request has to wait from `now` on, in seconds, at most 300; 0 when it may leave. Only a Retry-After or
 * `max_rate` make it more than a few. An answer may shorten it: ask again after each. */
double bucket_wait(const struct bucket *bucket, double now);

/* Until when, in seconds, the tenant has asked to send nothing (Retry-After); in the past when it has not, or when it
 * is time to see whether that still holds. */
double bucket_shut_until(const struct bucket *bucket, double now);

/* A request leaves. */
struct bucket_ticket bucket_sent(struct bucket *bucket, double now);

/* An answer came to the request. */
void bucket_received(struct bucket *bucket, const struct bucket_response *response, double now);

/* The request ended without a response: it timed out, its connection broke, or it was canceled. Whether it used up a
 * place in the bucket shows in the next responses. */
void bucket_lost(struct bucket *bucket);

#endif
