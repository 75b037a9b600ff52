/* writers: whose turn it is to change a user. Calls that write to the same user, or role, do so one after the other, in
 * the order in which they began: a delayed assign must not arrive after a later remove. Each operation here costs about
 * the same whatever is in flight, and none takes memory. */
#ifndef AUTH0PERM_CORE_WRITERS_H
#define AUTH0PERM_CORE_WRITERS_H

#include <stdbool.h>

#include "text.h"

enum { WRITERS_CHILDREN = 4 };

/* One that writes; part of a call. */
struct writer {
  struct text key; /* whom it writes to; borrowed */
  double until;    /* seconds, monotonic: its deadline; later it holds up nobody any more */
  void *owner;     /* the call */
  bool waiting;    /* it is in a line */

  /* For writers.c. */
  uint32_t hash;                             /* of the key */
  struct writer *previous, *next;            /* in the line of those who write to the same */
  struct writer *last;                       /* of the line; known to its first */
  struct writer *children[WRITERS_CHILDREN]; /* of the first of a line: other lines, see writers.c */
};

struct writers {
  struct writer *root; /* the first of some line */
};

/* Puts a writer, whose key, time and owner are set, behind those that are there. */
void writers_join(struct writers *writers, struct writer *writer);

/* The writer that this one waits for, or NULL when it is its turn. One whose time is over counts no more. */
const struct writer *writers_ahead(const struct writer *writer, double now);

/* The first of those that write to the same as this writer, which may have left; NULL when there is none. */
struct writer *writers_first(struct writers *writers, const struct writer *writer);

/* Takes a writer out; returns whether it was in. */
bool writers_leave(struct writers *writers, struct writer *writer);

#endif
