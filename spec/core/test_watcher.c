/* The watcher, with real sockets: pairs whose one end is watched, and whose other end the test plays with. */
#include "curl/watcher.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

enum { PAIRS = 40 };

static struct memory memory;
static struct watcher watcher;
static int watched[PAIRS], others[PAIRS];

static int open_pairs(void **state) {
  (void)state;
  memory_open(&memory);
  for (int i = 0; i < PAIRS; i++) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return -1;
    watched[i] = pair[0];
    others[i] = pair[1];
  }
  return watcher_open(&watcher, memory_allocator(&memory)) ? 0 : -1;
}

static int close_pairs(void **state) {
  (void)state;
  watcher_close(&watcher);
  for (int i = 0; i < PAIRS; i++) {
    close(watched[i]);
    close(others[i]);
  }
  memory_assert_all_back(&memory);
  return 0;
}

static void say(int pair) {
  assert_int_equal(write(others[pair], "x", 1), 1);
}

static void hear(int pair) {
  char c;
  assert_int_equal(read(watched[pair], &c, 1), 1);
}

/* How many sockets have something to do; the first of them is in `first`. */
static size_t look(struct ready *first) {
  struct ready ready[PAIRS] = {{0}};
  size_t count = watcher_wait(&watcher, 0, ready, PAIRS);
  *first = ready[0];
  return count;
}

static void assert_quiet(void) {
  struct ready first;
  assert_int_equal(look(&first), 0);
}

static void assert_only(int pair, bool readable, bool writable) {
  struct ready first;
  assert_int_equal(look(&first), 1);
  assert_int_equal(first.socket, watched[pair]);
  assert_int_equal(first.read, readable);
  assert_int_equal(first.write, writable);
}

TEST(a_socket_is_told_of_when_it_has_what_is_wanted) {
  assert_true(watcher_want(&watcher, watched[0], true, false));
  assert_quiet();
  say(0);
  assert_only(0, true, false);
  assert_true(watcher_want(&watcher, watched[0], true, true));
  assert_only(0, true, true);
  hear(0);
  assert_only(0, false, true);
  assert_true(watcher_want(&watcher, watched[0], true, false));
  assert_quiet();
}

TEST(a_socket_that_is_not_wanted_any_more_is_not_told_of) {
  for (int lasting = 0; lasting < 2; lasting++) {
    if (lasting) assert_true(watcher_add(&watcher, watched[lasting]));
    assert_true(watcher_want(&watcher, watched[lasting], true, false));
    assert_true(watcher_want(&watcher, watched[lasting], false, false));
    say(lasting);
    assert_quiet();
    assert_quiet();
    assert_true(watcher_want(&watcher, watched[lasting], true, false));
    assert_only(lasting, true, false);
    hear(lasting);
  }
}

TEST(a_removed_socket_is_not_told_of_and_its_number_can_come_again) {
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_want(&watcher, watched[0], true, false));
  say(0);
  watcher_remove(&watcher, watched[0]);
  assert_quiet();
  watcher_remove(&watcher, watched[0]);
  assert_true(watcher_want(&watcher, watched[0], true, false));
  assert_only(0, true, false);
}

TEST(a_socket_that_was_closed_without_a_word_does_not_stand_in_the_way_of_the_next) {
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_want(&watcher, watched[0], true, false));
  int pair[2], number = watched[0];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  close(others[0]);
  assert_int_equal(dup2(pair[0], number), number);
  close(pair[0]);
  others[0] = pair[1];
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_want(&watcher, watched[0], true, false));
  say(0);
  assert_only(0, true, false);
}

TEST(a_socket_whose_other_end_is_gone_is_told_of) {
  struct ready first;
  assert_true(watcher_want(&watcher, watched[0], true, false));
  close(others[0]);
  others[0] = -1;
  assert_int_equal(look(&first), 1);
  assert_true(first.read || first.error);
}

TEST(any_number_of_sockets_can_be_watched) {
  for (int i = 0; i < PAIRS; i++) {
    assert_true(watcher_want(&watcher, watched[i], true, false));
    say(i);
  }
  struct ready first;
  assert_int_equal(look(&first), PAIRS);
  for (int i = 0; i < PAIRS - 1; i++) watcher_remove(&watcher, watched[i]);
  assert_only(PAIRS - 1, true, false);
}

TEST(no_more_sockets_are_told_of_than_were_asked_for) {
  struct ready ready[2];
  for (int i = 0; i < 3; i++) {
    assert_true(watcher_want(&watcher, watched[i], true, false));
    say(i);
  }
  assert_int_equal(watcher_wait(&watcher, 0, ready, 2), 2);
}

TEST(a_wait_ends_when_something_happens_however_long_it_may_last) {
  struct ready ready;
  assert_true(watcher_want(&watcher, watched[0], true, false));
  pid_t child = fork();
  if (child == 0) {
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    _exit(write(others[0], "x", 1) == 1 ? 0 : 1);
  }
  assert_int_equal(watcher_wait(&watcher, 1e300, &ready, 1), 1);
  waitpid(child, NULL, 0);
}

TEST(sockets_that_room_was_made_for_need_no_memory) {
  assert_true(watcher_reserve(&watcher, PAIRS));
  size_t requests = memory.requests;
  for (int i = 0; i < PAIRS; i++) assert_true(watcher_want(&watcher, watched[i], true, false));
  assert_int_equal(memory.requests, requests);
}

TEST(missing_memory_is_told) {
  memory.fail_at = memory.requests + 1;
  assert_false(watcher_reserve(&watcher, 1));
  memory.fail_at = memory.requests + 1;
  assert_false(watcher_add(&watcher, watched[0]));
  memory.fail_at = memory.requests + 1;
  assert_false(watcher_want(&watcher, watched[0], true, false));
  assert_true(watcher_want(&watcher, watched[0], true, false));
}

TEST(what_a_child_abandons_is_still_watched_by_its_parent) {
  int status;
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_want(&watcher, watched[0], true, false));
  pid_t child = fork();
  if (child == 0) {
    watcher_abandon(&watcher);
    _exit(close(watched[0]) == 0 ? 1 : 0); /* it is closed already */
  }
  waitpid(child, &status, 0);
  assert_int_equal(WEXITSTATUS(status), 0);
  say(0);
  assert_only(0, true, false);
}

#define WATCHER(test) cmocka_unit_test_setup_teardown(test, open_pairs, close_pairs)

int test_watcher(void) {
  static const struct CMUnitTest tests[] = {
      WATCHER(a_socket_is_told_of_when_it_has_what_is_wanted),
      WATCHER(a_socket_that_is_not_wanted_any_more_is_not_told_of),
      WATCHER(a_removed_socket_is_not_told_of_and_its_number_can_come_again),
      WATCHER(a_socket_that_was_closed_without_a_word_does_not_stand_in_the_way_of_the_next),
      WATCHER(a_socket_whose_other_end_is_gone_is_told_of),
      WATCHER(any_number_of_sockets_can_be_watched),
      WATCHER(no_more_sockets_are_told_of_than_were_asked_for),
      WATCHER(a_wait_ends_when_something_happens_however_long_it_may_last),
      WATCHER(sockets_that_room_was_made_for_need_no_memory),
      WATCHER(missing_memory_is_told),
      WATCHER(what_a_child_abandons_is_still_watched_by_its_parent),
  };
  return cmocka_run_group_tests_name("watcher", tests, NULL, NULL);
}
