/* queue: items in the order of a time each; the earliest comes first (a binary heap). An item knows its place, so that
 * it can be moved and taken out at once. */
#ifndef AUTH0PERM_CURL_QUEUE_H
#define AUTH0PERM_CURL_QUEUE_H

#include <stdbool.h>

#include "../core/allocator.h"

/* Part of whatever is queued. */
struct queue_item {
  double time;  /* seconds, monotonic */
  size_t place; /* in the queue, counted from 1; 0: in none */
};

struct queue {
  struct allocator allocator;
  struct queue_item **items; /* `count` of them */
  size_t count, capacity;
};

/* An empty queue that owns no memory yet. */
void queue_open(struct queue *queue, struct allocator allocator);

/* Makes room for `count` items in all, so that putting them in cannot fail. False: no memory. */
bool queue_reserve(struct queue *queue, size_t count);

/* Puts an item in, or moves one that is in, to this time. There is room for it. */
void queue_put(struct queue *queue, struct queue_item *item, double time);

/* Takes an item out; nothing happens when it is in no queue. */
void queue_remove(struct queue *queue, struct queue_item *item);

/* The item with the earliest time; NULL when there is none. */
struct queue_item *queue_first(const struct queue *queue);

/* Frees the queue's own memory. */
void queue_close(struct queue *queue);

#endif
