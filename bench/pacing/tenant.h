/* tenant: a model of the tenant's rate limiter: a bucket that refills in a steady drip, or all at once, once a second. */
#ifndef PACING_TENANT_H
#define PACING_TENANT_H

#include <stdbool.h>
#include <stdint.h>

#include "random.h"

enum refill_mode { REFILL_DRIP, REFILL_WINDOW };

enum { TENANT_MEMORY = 4 }; /* values of `remaining` that a stale answer may repeat */

struct tenant {
  double bucket; /* requests */
  double refill; /* requests per second */
  enum refill_mode mode;
  double level;     /* requests that may still pass; a fraction in drip mode */
  double filled_at; /* seconds: `level` is right for this time; in window mode the last refill */
  double staleness; /* share of the answers that repeat an earlier `remaining` */
  double recent[TENANT_MEMORY];
  int recent_count;
};

/* What the tenant says to one request. */
struct verdict {
  bool refused;
  double remaining; /* of the header */
  double full_at;   /* seconds: when the bucket will be full, rounded up to a whole second as the header is */
};

/* A full bucket. In window mode the first refill is at `phase`, in (0, 1] seconds. */
void tenant_open(struct tenant *tenant, double bucket, double refill, enum refill_mode mode, double phase);

struct verdict tenant_take(struct tenant *tenant, struct random *random, double now);

#endif
