#define _GNU_SOURCE /* RTLD_NEXT */
#include "slow_resolver.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static atomic_int inside;

int slow_resolver_inside(void) {
  return atomic_load(&inside);
}

/* Replaces the C library's function in the whole process. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **result) {
  resolver *real;
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  if (!name || strcmp(name, SLOW_NAME) != 0) return real(name, service, hints, result);
  atomic_fetch_add(&inside, 1);
  nanosleep(&(struct timespec){.tv_nsec = SLOW_MILLISECONDS * 1000000L}, NULL);
  int failed = real("127.0.0.1", service, hints, result);
  atomic_fetch_sub(&inside, 1);
  return failed;
}
