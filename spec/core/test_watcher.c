/* The watcher, with real socket pairs: one end is watched, the test uses the other. */
#include "curl/watcher.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
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

/* Returns how many sockets are ready, and the first of them in `first`. */
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

TEST(a_socket_is_reported_when_a_wanted_event_occurs) {
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

TEST(a_socket_without_wanted_events_is_not_reported) {
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

/* Whether an event loop that waits for the watcher would be woken. */
static bool wakes_loops(void) {
  struct pollfd polled = {.fd = watcher.descriptor, .events = POLLIN};
  return poll(&polled, 1, 0) != 0; /* a negative descriptor is ignored */
}

TEST(a_kept_socket_wakes_no_event_loop_while_nobody_wants_it) {
  for (int read = 0; read < 2; read++) {
    assert_true(watcher_add(&watcher, watched[read]));
    assert_true(watcher_want(&watcher, watched[read], true, false));
    assert_true(watcher_want(&watcher, watched[read], read, true));
    assert_only(read, false, true);
    assert_true(watcher_want(&watcher, watched[read], false, false));
    assert_false(wakes_loops());
    assert_quiet();
  }
  assert_true(watcher_want(&watcher, watched[0], true, false));
  say(0);
  assert_only(0, true, false);
}

/* libcurl may have closed it already, and another thread may have the descriptor: the kernel must not be told. */
TEST(a_socket_that_was_not_added_wakes_an_event_loop_once_at_most_when_nobody_wants_it) {
  assert_true(watcher_want(&watcher, watched[0], true, false));
  assert_true(watcher_want(&watcher, watched[0], false, false));
  say(0);
  assert_quiet();
  assert_false(wakes_loops());
  assert_true(watcher_want(&watcher, watched[0], true, false));
  assert_only(0, true, false);
}

/* Gives the descriptor of a watched socket to another one, as if the socket had been closed and the other opened. */
static void replace(int pair) {
  int sockets[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  close(others[pair]);
  assert_int_equal(dup2(sockets[0], watched[pair]), watched[pair]);
  close(sockets[0]);
  others[pair] = sockets[1];
}

/* libcurl closes it without a callback; in a child, the descriptor may be a file of the host program's. */
TEST(a_socket_closed_while_it_was_connecting_leaves_its_descriptor_to_others) {
  struct watcher other;
  struct ready ready;
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_want(&watcher, watched[0], false, true));
  replace(0);
  assert_true(watcher_open(&other, memory_allocator(&memory)));
  assert_true(watcher_want(&other, watched[0], true, false));
  assert_true(watcher_want(&watcher, watched[0], false, false));
  watcher_abandon(&watcher);
  assert_int_not_equal(fcntl(watched[0], F_GETFD), -1);
  say(0);
  assert_int_equal(watcher_wait(&other, 0, &ready, 1), 1);
  hear(0);
  watcher_close(&other);
}

TEST(a_socket_that_was_not_added_can_be_wanted_again_in_another_way) {
  assert_true(watcher_want(&watcher, watched[0], false, true));
  assert_true(watcher_want(&watcher, watched[0], false, false));
  assert_true(watcher_want(&watcher, watched[0], true, false));
  assert_quiet();
  say(0);
  assert_only(0, true, false);
}

TEST(a_removed_socket_is_not_reported_and_its_descriptor_can_be_reused) {
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_want(&watcher, watched[0], true, false));
  say(0);
  watcher_remove(&watcher, watched[0]);
  assert_quiet();
  watcher_remove(&watcher, watched[0]);
  assert_true(watcher_want(&watcher, watched[0], true, false));
  assert_only(0, true, false);
}

TEST(a_socket_closed_without_notice_does_not_block_its_successor) {
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_want(&watcher, watched[0], true, false));
  replace(0);
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_want(&watcher, watched[0], true, false));
  say(0);
  assert_only(0, true, false);
}

TEST(a_socket_whose_peer_has_closed_is_reported) {
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

TEST(no_more_sockets_are_reported_than_requested) {
  struct ready ready[2];
  for (int i = 0; i < 3; i++) {
    assert_true(watcher_want(&watcher, watched[i], true, false));
    say(i);
  }
  assert_int_equal(watcher_wait(&watcher, 0, ready, 2), 2);
}

TEST(a_wait_ends_as_soon_as_an_event_occurs) {
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

TEST(sockets_within_the_reserved_capacity_need_no_memory) {
  assert_true(watcher_reserve(&watcher, PAIRS));
  size_t requests = memory.requests;
  for (int i = 0; i < PAIRS; i++) assert_true(watcher_want(&watcher, watched[i], true, false));
  assert_int_equal(memory.requests, requests);
}

TEST(a_failed_allocation_is_reported) {
  memory.fail_at = memory.requests + 1;
  assert_false(watcher_reserve(&watcher, 1));
  memory.fail_at = memory.requests + 1;
  assert_false(watcher_add(&watcher, watched[0]));
  memory.fail_at = memory.requests + 1;
  assert_false(watcher_want(&watcher, watched[0], true, false));
  assert_true(watcher_want(&watcher, watched[0], true, false));
}

TEST(sockets_that_a_child_abandons_are_still_watched_by_its_parent) {
  int status;
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_want(&watcher, watched[0], true, false));
  pid_t child = fork();
  if (child == 0) {
    watcher_abandon(&watcher);
    _exit(close(watched[0]) == 0 ? 1 : 0); /* it should be closed already */
  }
  waitpid(child, &status, 0);
  assert_int_equal(WEXITSTATUS(status), 0);
  say(0);
  assert_only(0, true, false);
}

/* Replaces a socket pair by a connection over loopback; returns the port of the watched end. */
static int connect_pair(int pair) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int server = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(server, (struct sockaddr *)&address, length), 0);
  assert_int_equal(listen(server, 1), 0);
  assert_int_equal(getsockname(server, (struct sockaddr *)&address, &length), 0);
  close(watched[pair]);
  close(others[pair]);
  watched[pair] = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(watched[pair], (struct sockaddr *)&address, length), 0);
  others[pair] = accept(server, NULL, NULL);
  close(server);
  length = sizeof address;
  assert_int_equal(getsockname(watched[pair], (struct sockaddr *)&address, &length), 0);
  return ntohs(address.sin_port);
}

TEST(a_readable_socket_is_found_by_its_port) {
  int quiet = connect_pair(0), loud = connect_pair(1);
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_add(&watcher, watched[1]));
  say(1);
  assert_false(watcher_can_read(&watcher, quiet));
  assert_true(watcher_can_read(&watcher, loud));
  hear(1);
  assert_false(watcher_can_read(&watcher, loud));
  close(others[0]);
  others[0] = -1;
  assert_true(watcher_can_read(&watcher, quiet));
}

/* A fast server's responses are there before libcurl has to wait for them. */
TEST(a_connected_socket_is_kept_although_it_was_never_wanted_for_reading) {
  int port = connect_pair(0);
  assert_true(watcher_add(&watcher, watched[0]));
  assert_true(watcher_want(&watcher, watched[0], false, true));
  watcher_connected(&watcher, port);
  assert_true(watcher_want(&watcher, watched[0], false, false));
  assert_false(wakes_loops());
  assert_false(watcher_can_read(&watcher, port));
}

TEST(a_port_without_a_socket_counts_as_readable) {
  int port = connect_pair(0);
  assert_true(watcher_can_read(&watcher, port)); /* not watched yet */
  assert_true(watcher_add(&watcher, watched[0]));
  assert_false(watcher_can_read(&watcher, port));
  watcher_remove(&watcher, watched[0]);
  assert_true(watcher_can_read(&watcher, port));
}

#define WATCHER(test) cmocka_unit_test_setup_teardown(test, open_pairs, close_pairs)

int test_watcher(void) {
  static const struct CMUnitTest tests[] = {
      WATCHER(a_socket_is_reported_when_a_wanted_event_occurs),
      WATCHER(a_socket_without_wanted_events_is_not_reported),
      WATCHER(a_socket_that_was_not_added_wakes_an_event_loop_once_at_most_when_nobody_wants_it),
      WATCHER(a_socket_closed_while_it_was_connecting_leaves_its_descriptor_to_others),
      WATCHER(a_socket_that_was_not_added_can_be_wanted_again_in_another_way),
      WATCHER(a_removed_socket_is_not_reported_and_its_descriptor_can_be_reused),
      WATCHER(a_socket_closed_without_notice_does_not_block_its_successor),
      WATCHER(a_socket_whose_peer_has_closed_is_reported),
      WATCHER(any_number_of_sockets_can_be_watched),
      WATCHER(no_more_sockets_are_reported_than_requested),
      WATCHER(a_wait_ends_as_soon_as_an_event_occurs),
      WATCHER(sockets_within_the_reserved_capacity_need_no_memory),
      WATCHER(a_failed_allocation_is_reported),
      WATCHER(a_kept_socket_wakes_no_event_loop_while_nobody_wants_it),
      WATCHER(a_readable_socket_is_found_by_its_port),
      WATCHER(a_connected_socket_is_kept_although_it_was_never_wanted_for_reading),
      WATCHER(a_port_without_a_socket_counts_as_readable),
      WATCHER(sockets_that_a_child_abandons_are_still_watched_by_its_parent),
  };
  return cmocka_run_group_tests_name("watcher", tests, NULL, NULL);
}
