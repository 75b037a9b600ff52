#include "core/writers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static struct writers writers;

static int open_writers(void **state) {
  (void)state;
  memset(&writers, 0, sizeof writers);
  return 0;
}

static struct writer writer_to(const char *key, double until) {
  return (struct writer){.key = text_of(key), .until = until};
}

TEST(writers_to_one_user_write_in_the_order_of_arrival) {
  struct writer row[3];
  for (int i = 0; i < 3; i++) {
    row[i] = writer_to("a", 100);
    writers_join(&writers, &row[i]);
  }
  for (int i = 0; i < 3; i++) {
    for (int j = i; j < 3; j++) assert_int_equal(!writers_ahead(&row[j], 1), i == j);
    assert_true(writers_leave(&writers, &row[i]));
  }
}

TEST(writers_to_different_users_do_not_wait_for_each_other) {
  enum { USERS = 1000 }; /* many in each list */
  static struct writer row[USERS];
  static char keys[USERS][16];
  for (int i = 0; i < USERS; i++) {
    snprintf(keys[i], sizeof keys[i], "%d", i);
    row[i] = writer_to(keys[i], 100);
    writers_join(&writers, &row[i]);
  }
  for (int i = 0; i < USERS; i++) assert_null(writers_ahead(&row[i], 1));
  for (int i = 0; i < USERS; i++) assert_true(writers_leave(&writers, &row[i * 7 % USERS]));
  assert_null(writers.root);
}

TEST(keys_are_compared_to_their_last_byte) {
  struct writer one = writer_to("auth0|1", 100), longer = writer_to("auth0|10", 100);
  writers_join(&writers, &one);
  writers_join(&writers, &longer);
  assert_null(writers_ahead(&longer, 1));
}

TEST(a_writer_past_its_deadline_does_not_hold_up_others) {
  struct writer first = writer_to("a", 10), second = writer_to("a", HUGE_VAL);
  writers_join(&writers, &first);
  writers_join(&writers, &second);
  assert_non_null(writers_ahead(&second, 9.999));
  assert_null(writers_ahead(&second, 10));
  assert_null(writers_ahead(&first, 10));
  assert_true(writers_leave(&writers, &first));
  assert_null(writers_ahead(&second, 0));
}

TEST(writers_can_leave_in_any_order_and_the_others_keep_theirs) {
  static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (size_t i = 0; i < COUNT(orders); i++) {
    struct writer row[3];
    for (int j = 0; j < 3; j++) {
      row[j] = writer_to("a", 100);
      writers_join(&writers, &row[j]);
    }
    for (int j = 0; j < 3; j++) {
      int first = 0;
      while (!row[first].waiting) first++;
      for (int k = first; k < 3; k++) {
        if (row[k].waiting) assert_int_equal(!writers_ahead(&row[k], 1), k == first);
      }
      assert_true(writers_leave(&writers, &row[orders[i][j]]));
      assert_false(row[orders[i][j]].waiting);
    }
  }
}

TEST(leaving_without_having_joined_does_nothing) {
  struct writer never = {0}, once = writer_to("a", 100);
  assert_false(writers_leave(&writers, &never));
  writers_join(&writers, &once);
  assert_true(once.waiting);
  assert_true(writers_leave(&writers, &once));
  assert_false(writers_leave(&writers, &once));
}

TEST(a_writer_that_left_can_join_again_at_the_end) {
  struct writer first = writer_to("a", 100), second = writer_to("a", 100);
  writers_join(&writers, &first);
  writers_join(&writers, &second);
  assert_true(writers_leave(&writers, &first));
  writers_join(&writers, &first);
  assert_null(writers_ahead(&second, 1));
  assert_non_null(writers_ahead(&first, 1));
}

/* How deep the tree of lines goes; each line is counted in `lines`. */
static int depth_of(const struct writer *first, int *lines) {
  int depth = 0;
  if (!first) return 0;
  ++*lines;
  for (int i = 0; i < WRITERS_CHILDREN; i++) {
    int below = depth_of(first->children[i], lines);
    if (below > depth) depth = below;
  }
  return depth + 1;
}

TEST(a_hundred_thousand_users_are_a_few_steps_away_each) {
  enum { USERS = 100000 };
  struct writer *row = calloc(USERS, sizeof *row);
  char(*keys)[32] = calloc(USERS, sizeof *keys);
  int lines = 0;
  for (int i = 0; i < USERS; i++) {
    snprintf(keys[i], sizeof keys[i], "/users/auth0%%7C%d", i);
    row[i] = writer_to(keys[i], 100);
    writers_join(&writers, &row[i]);
  }
  assert_true(depth_of(writers.root, &lines) < 32);
  assert_int_equal(lines, USERS);
  for (int i = 0; i < USERS; i++) {
    assert_null(writers_ahead(&row[i], 1));
    assert_true(writers_leave(&writers, &row[i * 7LL % USERS]));
    if (i % 10000 == 0) {
      lines = 0;
      assert_true(depth_of(writers.root, &lines) < 32);
      assert_int_equal(lines, USERS - i - 1);
    }
  }
  assert_null(writers.root);
  free(row);
  free(keys);
}

/* Two keys of the same hash. */
static const char *const TWINS[] = {"UU7UN", "jKXDg"};

TEST(users_whose_keys_have_the_same_hash_do_not_wait_for_each_other) {
  struct writer one = writer_to(TWINS[0], 100), twin = writer_to(TWINS[1], 100), second = writer_to(TWINS[1], 100);
  assert_int_equal(text_hash(one.key), text_hash(twin.key));
  writers_join(&writers, &one);
  writers_join(&writers, &twin);
  writers_join(&writers, &second);
  assert_null(writers_ahead(&twin, 1));
  assert_ptr_equal(writers_ahead(&second, 1), &twin);
  assert_true(writers_leave(&writers, &one));
  assert_true(writers_leave(&writers, &twin));
  assert_null(writers_ahead(&second, 1));
  assert_true(writers_leave(&writers, &second));
  assert_null(writers.root);
}

TEST(a_writer_that_has_just_left_knows_who_was_behind_it) {
  struct writer row[3];
  for (int i = 0; i < 3; i++) {
    row[i] = writer_to("a", 100);
    writers_join(&writers, &row[i]);
  }
  assert_true(writers_leave(&writers, &row[1]));
  assert_ptr_equal(writers_next(&row[1]), &row[2]);
  assert_true(writers_leave(&writers, &row[0]));
  assert_ptr_equal(writers_next(&row[0]), &row[2]);
  assert_true(writers_leave(&writers, &row[2]));
  assert_null(writers_next(&row[2]));
}

#define WRITERS(test) cmocka_unit_test_setup(test, open_writers)

int test_writers(void) {
  static const struct CMUnitTest tests[] = {
      WRITERS(writers_to_one_user_write_in_the_order_of_arrival),
      WRITERS(writers_to_different_users_do_not_wait_for_each_other),
      WRITERS(keys_are_compared_to_their_last_byte),
      WRITERS(a_writer_past_its_deadline_does_not_hold_up_others),
      WRITERS(writers_can_leave_in_any_order_and_the_others_keep_theirs),
      WRITERS(leaving_without_having_joined_does_nothing),
      WRITERS(a_writer_that_left_can_join_again_at_the_end),
      WRITERS(a_hundred_thousand_users_are_a_few_steps_away_each),
      WRITERS(users_whose_keys_have_the_same_hash_do_not_wait_for_each_other),
      WRITERS(a_writer_that_has_just_left_knows_who_was_behind_it),
  };
  return cmocka_run_group_tests_name("writers", tests, NULL, NULL);
}
