/* tenant: a model of a tenant's rate limiter: a bucket that refills in a steady drip, or all at once, once a second. */
#ifndef PACING_TENANT_H
#define PACING_TENANT_H

#include <stdbool.h>
#include <stdint.h>

#include "random.h"

enum refill_mode { REFILL_DRIP, REFILL_WINDOW };

enum { TENANT_MEMORY = 4 }; /* values of `remaining` that a stale response may repeat */

struct tenant {
  double bucket; /* requests */
  double refill; /* requests per second */
  enum refill_mode mode;
  double level;     /* requests that may still pass; a fraction in drip mode */
  double filled_at; /* seconds: the time that `level` is for; in window mode the last refill */
  double staleness; /* share of the responses that repeat an earlier `remaining` */
  double recent[TENANT_MEMORY];
  int recent_count;
};

/* The tenant's response to a request. */
struct verdict {
  bool refused;
  double remaining; /* in the header */
  double full_at;   /* seconds: when the bucket will be full, rounded up to a whole second, as in the header */
};

/* Opens a tenant with a full bucket. In window mode the first refill is at `phase`, in (0, 1] seconds. */
void tenant_open(struct tenant *tenant, double bucket, double refill, enum refill_mode mode, double phase);

struct verdict tenant_take(struct tenant *tenant, struct random *random, double now);

#endif
