/* The queue of the libcurl driver's crank: the earliest item comes first, whatever was moved and removed before. */
#include "curl/queue.h"

#include "support.h"

enum { ITEMS = 200, ROUNDS = 20000 };

static struct memory memory;
static struct queue queue;
static struct queue_item items[ITEMS];

static int open_queue(void **state) {
  (void)state;
  memory_open(&memory);
  for (size_t i = 0; i < ITEMS; i++) items[i] = (struct queue_item){0};
  queue_open(&queue, memory_allocator(&memory));
  assert_true(queue_reserve(&queue, ITEMS));
  return 0;
}

static int close_queue(void **state) {
  (void)state;
  queue_close(&queue);
  memory_assert_all_back(&memory);
  return 0;
}

/* Returns the earliest item of the queue, found by a linear search. */
static double earliest(void) {
  double time = -1;
  for (size_t i = 0; i < ITEMS; i++) {
    if (items[i].place && (time < 0 || items[i].time < time)) time = items[i].time;
  }
  return time;
}

TEST(an_empty_queue_has_no_first_item) {
  assert_null(queue_first(&queue));
  queue_remove(&queue, &items[0]);
  assert_null(queue_first(&queue));
}

TEST(items_come_in_order_of_their_times) {
  for (size_t i = 0; i < ITEMS; i++) queue_put(&queue, &items[i], (double)(i * 7 % ITEMS));
  for (size_t i = 0; i < ITEMS; i++) {
    struct queue_item *first = queue_first(&queue);
    assert_true(first->time == (double)i);
    queue_remove(&queue, first);
    assert_int_equal(first->place, 0);
  }
  assert_null(queue_first(&queue));
}

TEST(the_first_item_is_the_earliest_whatever_is_added_moved_and_removed) {
  uint32_t random = 12345;
  for (int round = 0; round < ROUNDS; round++) {
    random = random * 1664525U + 1013904223U;
    struct queue_item *item = &items[(random >> 8) % ITEMS];
    if (random & 0x80000000U) {
      queue_put(&queue, item, (double)(random >> 4 & 0xFFFF));
    } else {
      queue_remove(&queue, item);
    }
    const struct queue_item *first = queue_first(&queue);
    assert_true((first ? first->time : -1) == earliest());
  }
}

TEST(a_queue_without_memory_for_more_keeps_its_items) {
  queue_put(&queue, &items[0], 1);
  memory.fail_at = memory.requests + 1;
  assert_false(queue_reserve(&queue, 100 * ITEMS));
  assert_ptr_equal(queue_first(&queue), &items[0]);
  assert_true(queue_reserve(&queue, 100 * ITEMS));
  assert_ptr_equal(queue_first(&queue), &items[0]);
}

int test_queue(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(an_empty_queue_has_no_first_item, open_queue, close_queue),
      cmocka_unit_test_setup_teardown(items_come_in_order_of_their_times, open_queue, close_queue),
      cmocka_unit_test_setup_teardown(the_first_item_is_the_earliest_whatever_is_added_moved_and_removed, open_queue,
                                      close_queue),
      cmocka_unit_test_setup_teardown(a_queue_without_memory_for_more_keeps_its_items, open_queue, close_queue),
  };
  return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
