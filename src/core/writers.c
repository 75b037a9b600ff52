/* How it works. The first members of all queues form a hash trie without nodes of its own: at each level, two bits
 * of the key's hash select the child. Keys with equal hashes end up below each other. */
#include "writers.h"

#include <string.h>

enum { HASH_BITS = 32, STEP_BITS = 2 /* four children */ };

static bool same_key(const struct writer *a, const struct writer *b) {
  return a->hash == b->hash && text_same(a->key, b->key);
}

/* Returns the place of the first member of the writer's queue; it holds NULL if the queue is empty. */
static struct writer **place_of(struct writers *writers, const struct writer *writer) {
  struct writer **place = &writers->root;
  for (uint32_t hash = writer->hash; *place && !same_key(*place, writer); hash <<= STEP_BITS) {
    place = &(*place)->children[hash >> (HASH_BITS - STEP_BITS)];
  }
  return place;
}

void writers_join(struct writers *writers, struct writer *writer) {
  *writer = (struct writer){.key = writer->key, .until = writer->until, .owner = writer->owner, .waiting = true};
  writer->hash = text_hash(writer->key);
  struct writer **place = place_of(writers, writer);
  struct writer *first = *place;
  if (first) {
    writer->previous = first->last;
    first->last->next = writer;
    first->last = writer;
  } else {
    writer->last = writer;
    *place = writer;
  }
}

const struct writer *writers_ahead(const struct writer *writer, double now) {
  const struct writer *other = writer->previous;
  while (other && now >= other->until) other = other->previous;
  return other;
}

struct writer *writers_next(const struct writer *writer) {
  return writer->next;
}

/* Returns a place without children, at or below this one. */
static struct writer **find_leaf(struct writer **place) {
  for (int i = 0; i < WRITERS_CHILDREN;) {
    if ((*place)->children[i]) {
      place = &(*place)->children[i];
      i = 0;
    } else {
      i++;
    }
  }
  return place;
}

/* Replaces the first member of a queue with the next one, or if it was the last with the first of a queue below. */
static void replace_first(struct writers *writers, struct writer *writer) {
  struct writer **place = place_of(writers, writer);
  struct writer *heir = writer->next;
  if (heir) {
    heir->previous = NULL;
    heir->last = writer->last;
  } else {
    struct writer **leaf = find_leaf(place);
    heir = *leaf;
    *leaf = NULL;
    if (heir == writer) return;
  }
  memcpy(heir->children, writer->children, sizeof heir->children);
  *place = heir;
}

bool writers_leave(struct writers *writers, struct writer *writer) {
  if (!writer->waiting) return false;
  if (!writer->previous) {
    replace_first(writers, writer);
  } else {
    writer->previous->next = writer->next;
    if (writer->next) {
      writer->next->previous = writer->previous;
    } else {
      (*place_of(writers, writer))->last = writer->previous;
    }
  }
  writer->waiting = false;
  return true;
}
