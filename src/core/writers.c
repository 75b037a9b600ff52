#include "writers.h"

#include <string.h>

static size_t list_of(struct text key) {
  return text_hash(key) % WRITERS_LISTS;
}

static bool same_key(const struct writer *a, const struct writer *b) {
  return a->key.length == b->key.length && memcmp(a->key.data, b->key.data, a->key.length) == 0;
}

void writers_join(struct writers *writers, struct writer *writer) {
  struct writer **place = &writers->lists[list_of(writer->key)];
  while (*place) place = &(*place)->next;
  writer->next = NULL;
  writer->waiting = true;
  *place = writer;
}

bool writers_is_first(const struct writers *writers, const struct writer *writer, double now) {
  const struct writer *other = writers->lists[list_of(writer->key)];
  while (other != writer && (now >= other->until || !same_key(other, writer))) other = other->next;
  return other == writer;
}

struct writer *writers_first(const struct writers *writers, const struct writer *writer) {
  struct writer *first = writers->lists[list_of(writer->key)];
  while (first && !same_key(first, writer)) first = first->next;
  return first;
}

bool writers_leave(struct writers *writers, struct writer *writer) {
  if (!writer->waiting) return false;
  struct writer **place = &writers->lists[list_of(writer->key)];
  while (*place != writer) place = &(*place)->next;
  *place = writer->next;
  writer->waiting = false;
  return true;
}
