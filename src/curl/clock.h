/* clock: the one place that reads the time. */
#ifndef AUTH0PERM_CURL_CLOCK_H
#define AUTH0PERM_CURL_CLOCK_H

#include <time.h>

/* Seconds on the system's monotonic clock, which changes of the date do not affect. */
static inline double clock_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Seconds since 1970. */
static inline double clock_epoch(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
