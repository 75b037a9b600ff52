/* bucket: the shadow of the tenant's rate-limit bucket: when may the next request leave? This version knows
 * no limit, and lets every request pass at once. */
#ifndef AUTH0PERM_BUCKET_H
#define AUTH0PERM_BUCKET_H

struct bucket {
  double ready_at; /* seconds, monotonic: when the next request may leave */
};

void bucket_open(struct bucket *bucket);

/* How long a request has to wait from `now` on, in seconds; 0 when it may leave. */
double bucket_wait(const struct bucket *bucket, double now);

#endif
