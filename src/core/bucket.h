/* bucket: a model of the tenant's rate-limit bucket, which says when the next request may be sent. From responses it
 * learns how much is left, how the bucket refills and how much others use. It has neither clock nor network: times are
 * seconds on one monotonic clock, passed in. */
#ifndef AUTH0PERM_CORE_BUCKET_H
#define AUTH0PERM_CORE_BUCKET_H

#include <stdbool.h>

struct bucket_options {
  double max_rate; /* requests per second; 0: no bound */
  double reserve;  /* share of the bucket left to others, [0, 1); ignored for a bucket of 4 or less */
};

/* Identifies a request that was sent; its sender passes it back with the response. */
struct bucket_ticket {
  double sent_at; /* seconds, monotonic */
  double number;  /* requests sent so far, including this one, without refused ones */
};

/* What a response says. Numbers are negative if absent. */
struct bucket_response {
  struct bucket_ticket ticket; /* of the request */
  bool refused;                /* status 429 */
  double limit;                /* requests: x-ratelimit-limit, the size of the bucket */
  double remaining;            /* requests: x-ratelimit-remaining */
  double retry_after;          /* seconds */
};

enum {
  BUCKET_PHASES = 32,                 /* parts of a second; a once-a-second refill falls into one of them */
  BUCKET_GUESSES = BUCKET_PHASES + 1, /* hypotheses: 0: a steady drip; n: a refill once a second, in the n-th part */
  BUCKET_SECONDS = 8                  /* seconds over which the refill rate is measured */
};

struct bucket {
  struct bucket_options options;
  double sent;        /* requests sent, without refused ones */
  double sent_at;     /* seconds: when the newest was sent */
  double recent;      /* requests of about the last second: a decaying count */
  double in_flight;   /* requests in flight */
  double received_at; /* seconds: when the newest response came */
  double round_trip;  /* seconds: a running mean */
  double held_until;  /* seconds: no request is sent before */
  double shut_until;  /* seconds: end of the newest Retry-After, which may be later than `probe_at` */
  double probe_at;    /* seconds: when a request is sent despite Retry-After */
  double refusals;    /* refusals in a row */
  double refused_at;  /* seconds: refusals of requests sent earlier are ignored */

  /* while no response had rate-limit headers */
  double responses; /* responses received */
  double rate;      /* requests per second at `refused_at`; 0: no bound */

  /* once a response had rate-limit headers; the "supply" is all that the tenant has granted so far: requests sent plus
   * requests that remain */
  double limit;   /* requests: size of the bucket; 0: unknown */
  double seen_at; /* seconds: when the newest request was sent whose response reported the supply */
  double seen;    /* requests: that supply */
  double spilled; /* requests lost to a full bucket; not part of the supply */
  double refill;  /* requests per second, minus what others use */
  bool refill_known;
  double taken;                    /* requests per second that others use; only known for a once-a-second refill */
  double taken_supply, taken_time; /* decrease of the supply between refills, and the seconds that it took */
  int best;                        /* index of the guess in use */
  struct bucket_guess {
    double supply; /* requests: the supply at `seen_at`, if this guess is right */
    double error;  /* requests: running mean of its prediction errors */
  } guesses[BUCKET_GUESSES];
  struct bucket_second {
    double at, supply; /* seconds, requests: means over the responses of one second */
  } seconds[BUCKET_SECONDS];
  int second_count;
  double second_start; /* seconds: start of the current second, whose sums follow */
  double second_responses, second_at, second_supply;
};

/* Returns the defaults of all options. */
struct bucket_options bucket_defaults(void);

void bucket_open(struct bucket *bucket, const struct bucket_options *options);

/* Returns how long a request has to wait, in seconds from `now` on, at most 300; 0 if it may be sent. Only a
 * Retry-After or `max_rate` makes it more than a few seconds. A response may shorten it, so ask again after each. */
double bucket_wait(const struct bucket *bucket, double now);

/* Returns until when, in seconds, the tenant has asked to send nothing (Retry-After); a time in the past if it has
 * not, or if it is time for a request that checks whether that still holds. */
double bucket_shut_until(const struct bucket *bucket, double now);

/* Records that a request is sent. */
struct bucket_ticket bucket_sent(struct bucket *bucket, double now);

/* Records the response to a request. */
void bucket_received(struct bucket *bucket, const struct bucket_response *response, double now);

/* Records that a request ended without a response: it timed out, its connection broke, or it was canceled. Whether
 * it used up a place in the bucket shows in the next responses. */
void bucket_lost(struct bucket *bucket);

#endif
