#include <stdio.h>

#include "scene.h"

static int open_role_users(void **state) {
  open_list(state);
  call_close(&call);
  open_call("list_role_users");
  return 0;
}

/* Sends the request and feeds a page with this next checkpoint, or NULL for the last page. Returns whether the call
 * keeps items of it. */
static bool turn_page(long long items, const char *next) {
  struct response response = page_of(-1, -1, -1, items);
  if (next) response.next = text_of(next);
  send_at(BEGIN);
  return call_feed(&call, &response, BEGIN);
}

static void assert_asks(const char *query) {
  send_at(BEGIN);
  assert_contains(call.request.url, query);
}

static void assert_refused(const char *message) {
  assert_done(ERROR_PROTOCOL);
  assert_int_equal(call.error.status, 200);
  assert_string_equal(call.error.message, message);
}

static const char ENDLESS[] = "the list does not end: \"next\" repeats an earlier value";

TEST(a_list_follows_its_checkpoints_to_the_end) {
  assert_true(turn_page(100, "one"));
  assert_true(turn_page(50, "two"));
  assert_asks("/roles/auth0%7C1/users?take=100&from=two");
  struct response response = page_of(-1, -1, -1, 3);
  assert_true(call_feed(&call, &response, BEGIN));
  assert_done(ERROR_NONE);
  assert_int_equal(call.pages.received, 153);
}

TEST(the_first_page_is_requested_without_a_checkpoint) {
  send_at(BEGIN);
  assert_lacks(call.request.url, "from");
  assert_lacks(call.request.url, "page");
}

TEST(an_empty_page_with_a_checkpoint_is_not_the_end) {
  assert_false(turn_page(0, "one"));
  assert_true(turn_page(2, NULL));
  assert_done(ERROR_NONE);
  assert_int_equal(call.pages.received, 2);
}

TEST(a_checkpoint_that_does_not_advance_ends_the_list) {
  assert_true(turn_page(1, "one"));
  assert_true(turn_page(1, "two"));
  assert_false(turn_page(1, "two"));
  assert_refused(ENDLESS);
}

TEST(a_repeated_first_page_is_not_taken_for_the_next_one) {
  for (int pages = 1; pages < 20; pages++) {
    char next[20];
    call_close(&call);
    open_call("list_role_users");
    for (int page = 1; page <= pages; page++) {
      snprintf(next, sizeof next, "c%d", page);
      assert_true(turn_page(1, next));
    }
    assert_false(turn_page(1, "c1"));
    assert_refused(ENDLESS);
  }
}

TEST(checkpoints_that_go_in_a_circle_end_the_list_after_little_more_than_two_rounds) {
  for (int before = 0; before < 10; before++) {
    for (int round = 1; round < 10; round++) {
      int pages = 0;
      call_close(&call);
      open_call("list_role_users");
      for (int place = 0; call.state != CALL_FINISHED; pages++) {
        char next[20];
        snprintf(next, sizeof next, "c%d", place);
        turn_page(1, next);
        if (++place == before + round) place = before;
      }
      assert_refused(ENDLESS);
      assert_in_range(pages, before + round, 3 * (before + round) + 1);
    }
  }
}

TEST(a_checkpoint_that_is_not_a_string_is_an_error_and_not_the_end) {
  struct response response = page_of(-1, -1, -1, 1);
  response.next_malformed = true;
  send_at(BEGIN);
  assert_false(call_feed(&call, &response, BEGIN));
  assert_refused("\"next\" is not a string");
}

TEST(a_checkpoint_that_does_not_fit_a_url_is_an_error) {
  struct text next = text_repeat("x", 4097);
  struct response response = page_of(-1, -1, -1, 1);
  response.next = next;
  send_at(BEGIN);
  assert_false(call_feed(&call, &response, BEGIN));
  assert_refused("\"next\" is longer than 4096 bytes");
  text_free(next);
}

TEST(a_failed_page_ends_the_list) {
  client.max_retries = 0;
  assert_true(turn_page(1, "one"));
  send_at(BEGIN);
  feed_status(500);
  assert_done(ERROR_API);
  assert_false(call.more);
}

TEST(a_paged_call_is_done_after_each_page_and_has_a_new_deadline_for_each) {
  call.by_page = true;
  assert_true(turn_page(2, "one"));
  assert_done(ERROR_NONE);
  assert_true(call.more);
  assert_int_equal(call.error.attempts, 1);
  assert_int_equal(call_next(&call, BEGIN + 2 * TIMEOUT), CALL_DONE);
  call_resume(&call);
  send_at(BEGIN + 2 * TIMEOUT);
  assert_contains(call.request.url, "&from=one");
  assert_seconds(call.deadline, BEGIN + 3 * TIMEOUT);
  struct response response = page_of(-1, -1, -1, 3);
  assert_true(call_feed(&call, &response, BEGIN + 2 * TIMEOUT));
  assert_done(ERROR_NONE);
  assert_false(call.more);
  call_resume(&call);
  assert_done(ERROR_NONE);
}

TEST(a_paged_call_works_with_numbered_pages_too) {
  call_close(&call);
  open_call("list_user_permissions");
  call.by_page = true;
  struct response response = page_of(0, 50, 120, 50);
  send_at(BEGIN);
  assert_true(call_feed(&call, &response, BEGIN));
  assert_true(call.more);
  call_resume(&call);
  assert_asks("?per_page=50&page=1&");
}

TEST(a_paged_call_that_is_closed_between_pages_leaks_nothing) {
  call.by_page = true;
  assert_true(turn_page(2, "one"));
  assert_true(call.more);
}

static bool list(struct allocator allocator, struct error *error) {
  struct pages pages;
  struct response page = page_of(-1, -1, -1, 1);
  struct text next = text_repeat("x", 700);
  page.next = next;
  pages_open(&pages, allocator);
  bool good = pages_take(&pages, operation_find("list_role_users"), &page, error) == PAGES_MORE;
  pages_close(&pages);
  text_free(next);
  return good;
}

TEST(a_checkpoint_reports_every_failed_allocation_and_leaks_nothing) {
  torture(list);
}

#define USERS(test) cmocka_unit_test_setup_teardown(test, open_role_users, close_all)

int test_checkpoints(void) {
  static const struct CMUnitTest tests[] = {
      USERS(a_list_follows_its_checkpoints_to_the_end),
      USERS(the_first_page_is_requested_without_a_checkpoint),
      USERS(an_empty_page_with_a_checkpoint_is_not_the_end),
      USERS(a_checkpoint_that_does_not_advance_ends_the_list),
      USERS(a_repeated_first_page_is_not_taken_for_the_next_one),
      USERS(checkpoints_that_go_in_a_circle_end_the_list_after_little_more_than_two_rounds),
      USERS(a_checkpoint_that_is_not_a_string_is_an_error_and_not_the_end),
      USERS(a_checkpoint_that_does_not_fit_a_url_is_an_error),
      USERS(a_failed_page_ends_the_list),
      USERS(a_paged_call_is_done_after_each_page_and_has_a_new_deadline_for_each),
      USERS(a_paged_call_works_with_numbered_pages_too),
      USERS(a_paged_call_that_is_closed_between_pages_leaks_nothing),
      cmocka_unit_test(a_checkpoint_reports_every_failed_allocation_and_leaks_nothing),
  };
  return cmocka_run_group_tests_name("checkpoints", tests, NULL, NULL);
}
