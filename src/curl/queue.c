#include "queue.h"

#include <string.h>

enum { FIRST_CAPACITY = 32 /* items */ };

void queue_open(struct queue *queue, struct allocator allocator) {
  *queue = (struct queue){.allocator = allocator};
}

bool queue_reserve(struct queue *queue, size_t count) {
  if (count <= queue->capacity) return true;
  size_t capacity = queue->capacity ? queue->capacity : FIRST_CAPACITY;
  while (capacity < count) capacity *= 2;
  struct queue_item **items = allocator_take(&queue->allocator, capacity * sizeof(struct queue_item *));
  if (!items) return false;
  if (queue->count) memcpy(items, queue->items, queue->count * sizeof(struct queue_item *));
  allocator_give_back(&queue->allocator, queue->items, queue->capacity * sizeof(struct queue_item *));
  queue->items = items;
  queue->capacity = capacity;
  return true;
}

/* Puts an item at a place. */
static void settle(struct queue *queue, struct queue_item *item, size_t place) {
  queue->items[place - 1] = item;
  item->place = place;
}

/* Moves an item from an empty place toward the front, past items with a later time. */
static void rise(struct queue *queue, struct queue_item *item, size_t place) {
  while (place > 1 && queue->items[place / 2 - 1]->time > item->time) {
    settle(queue, queue->items[place / 2 - 1], place);
    place /= 2;
  }
  settle(queue, item, place);
}

/* Moves an item from an empty place toward the back, past items with an earlier time. */
static void sink(struct queue *queue, struct queue_item *item, size_t place) {
  for (;;) {
    size_t child = 2 * place;
    if (child > queue->count) break;
    if (child < queue->count && queue->items[child]->time < queue->items[child - 1]->time) child++;
    if (queue->items[child - 1]->time >= item->time) break;
    settle(queue, queue->items[child - 1], place);
    place = child;
  }
  settle(queue, item, place);
}

/* Moves an item with a new time from an empty place to where it belongs. */
static void move(struct queue *queue, struct queue_item *item, size_t place) {
  if (place > 1 && queue->items[place / 2 - 1]->time > item->time) {
    rise(queue, item, place);
  } else {
    sink(queue, item, place);
  }
}

void queue_put(struct queue *queue, struct queue_item *item, double time) {
  item->time = time;
  if (item->place) {
    move(queue, item, item->place);
  } else {
    rise(queue, item, ++queue->count);
  }
}

void queue_remove(struct queue *queue, struct queue_item *item) {
  size_t place = item->place;
  if (!place) return;
  struct queue_item *last = queue->items[--queue->count];
  item->place = 0;
  if (last != item) move(queue, last, place);
}

struct queue_item *queue_first(const struct queue *queue) {
  return queue->count ? queue->items[0] : NULL;
}

void queue_close(struct queue *queue) {
  allocator_give_back(&queue->allocator, queue->items, queue->capacity * sizeof(struct queue_item *));
  queue_open(queue, queue->allocator);
}
