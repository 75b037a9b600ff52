/* writers: queues of calls that write to the same user or role. They run one at a time, in the order in which they
 * began, so that a delayed assign cannot arrive after a later remove. The cost of each function is independent of
 * the number of calls in flight, and none allocates. */
#ifndef AUTH0PERM_CORE_WRITERS_H
#define AUTH0PERM_CORE_WRITERS_H

#include <stdbool.h>

#include "text.h"

enum { WRITERS_CHILDREN = 4 };

/* A member of a queue; part of a call. */
struct writer {
  struct text key; /* the user or role that it writes to; borrowed */
  double until;    /* seconds, monotonic: its deadline, after which it no longer blocks others */
  void *owner;     /* the call */
  bool waiting;    /* it is in a queue */

  /* For writers.c. */
  uint32_t hash;                             /* of the key */
  struct writer *previous, *next;            /* in its queue */
  struct writer *last;                       /* of the queue; only set in its first member */
  struct writer *children[WRITERS_CHILDREN]; /* other queues; only set in the first member, see writers.c */
};

struct writers {
  struct writer *root; /* the first member of a queue; NULL if there are none */
};

/* Adds a writer whose key, until and owner are set to the end of its queue. */
void writers_join(struct writers *writers, struct writer *writer);

/* Returns the writer that this one has to wait for, or NULL if it is its turn. Writers past their `until` do not
 * count. */
const struct writer *writers_ahead(const struct writer *writer, double now);

/* Returns the writer behind this one, even just after this one left; NULL if there is none. */
struct writer *writers_next(const struct writer *writer);

/* Removes a writer from its queue. Returns whether it was in one. */
bool writers_leave(struct writers *writers, struct writer *writer);

#endif
