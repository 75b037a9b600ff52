/* queue: items ordered by time, the earliest first (a binary heap). An item knows its place, so that it can be moved or
 * removed without a search. */
#ifndef AUTH0PERM_CURL_QUEUE_H
#define AUTH0PERM_CURL_QUEUE_H

#include <stdbool.h>

#include "../core/allocator.h"

/* Part of whatever is queued. */
struct queue_item {
  double time;  /* seconds, monotonic */
  size_t place; /* in the queue, counted from 1; 0: not in a queue */
};

struct queue {
  struct allocator allocator;
  struct queue_item **items; /* `count` of them */
  size_t count, capacity;
};

/* An empty queue that owns no memory yet. */
void queue_open(struct queue *queue, struct allocator allocator);

/* Makes room for `count` items in total, so that adding them cannot fail. False: no memory. */
bool queue_reserve(struct queue *queue, size_t count);

/* Adds an item with this time, or moves it there if it is in the queue already. Room for it must be reserved. */
void queue_put(struct queue *queue, struct queue_item *item, double time);

/* Removes an item; does nothing if it is not in a queue. */
void queue_remove(struct queue *queue, struct queue_item *item);

/* The item with the earliest time; NULL if the queue is empty. */
struct queue_item *queue_first(const struct queue *queue);

/* Frees the queue's own memory. */
void queue_close(struct queue *queue);

#endif
