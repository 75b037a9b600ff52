#include "bucket.h"

void bucket_open(struct bucket *bucket) {
  *bucket = (struct bucket){.ready_at = 0};
}

double bucket_wait(const struct bucket *bucket, double now) {
  return bucket->ready_at > now ? bucket->ready_at - now : 0;
}
