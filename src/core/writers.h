/* writers: who may change a user at the moment. Calls that write to the same user, or role, do so one after the other, in the
 * order in which they began: a delayed assign must not arrive after a later remove. */
#ifndef AUTH0PERM_CORE_WRITERS_H
#define AUTH0PERM_CORE_WRITERS_H

#include <stdbool.h>

#include "buffer.h"

enum { WRITERS_LISTS = 64 };

/* One that writes; part of a call. */
struct writer {
  struct text key; /* whom it writes to; borrowed */
  double until;    /* seconds, monotonic: its deadline; later it holds up nobody any more */
  bool waiting;    /* it is in a list */
  void *owner;     /* the call */
  struct writer *next;
};

struct writers {
  struct writer *lists[WRITERS_LISTS]; /* by hash of the key, each in order of arrival */
};

/* Puts a writer, whose key and time are set, behind those that are there. */
void writers_join(struct writers *writers, struct writer *writer);

/* Whether nobody before this writer writes to the same. */
bool writers_is_first(const struct writers *writers, const struct writer *writer, double now);

/* The first of those that write to the same as this writer, which may have left; NULL when there is none. */
struct writer *writers_first(const struct writers *writers, const struct writer *writer);

/* Takes a writer out; returns whether it was in. */
bool writers_leave(struct writers *writers, struct writer *writer);

#endif
