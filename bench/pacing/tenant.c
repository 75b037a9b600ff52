#include "tenant.h"

#include <math.h>

void tenant_open(struct tenant *tenant, double bucket, double refill, enum refill_mode mode, double phase) {
  *tenant = (struct tenant){.bucket = bucket, .refill = refill, .mode = mode, .level = bucket};
  if (mode == REFILL_WINDOW) tenant->filled_at = phase - 1;
}

static void fill(struct tenant *tenant, double now) {
  double elapsed = now - tenant->filled_at;
  if (tenant->mode == REFILL_WINDOW) elapsed = floor(elapsed);
  if (elapsed <= 0) return;
  tenant->level = fmin(tenant->bucket, tenant->level + elapsed * tenant->refill);
  tenant->filled_at += elapsed;
}

static double full_at(const struct tenant *tenant) {
  double missing = (tenant->bucket - tenant->level) / tenant->refill;
  if (tenant->mode == REFILL_WINDOW) missing = ceil(missing);
  return ceil(tenant->filled_at + missing);
}

/* Returns `remaining` for the header; now and then that of an earlier response. */
static double said_remaining(struct tenant *tenant, struct random *random) {
  double remaining = floor(tenant->level);
  for (int i = TENANT_MEMORY - 1; i > 0; i--) tenant->recent[i] = tenant->recent[i - 1];
  tenant->recent[0] = remaining;
  if (tenant->recent_count < TENANT_MEMORY) tenant->recent_count++;
  if (random_unit(random) >= tenant->staleness) return remaining;
  return tenant->recent[(int)(random_unit(random) * tenant->recent_count)];
}

struct verdict tenant_take(struct tenant *tenant, struct random *random, double now) {
  fill(tenant, now);
  bool refused = tenant->level < 1;
  if (!refused) tenant->level -= 1;
  double remaining = said_remaining(tenant, random);
  return (struct verdict){.refused = refused, .remaining = remaining, .full_at = full_at(tenant)};
}
