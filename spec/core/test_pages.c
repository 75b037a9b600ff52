#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scene.h"

/* Sends the request and feeds this page; returns whether the call keeps items of it. */
static bool turn_page(long long start, long long limit, long long total, long long items) {
  struct response response = page_of(start, limit, total, items);
  send_at(BEGIN);
  return call_feed(&call, &response, BEGIN);
}

/* Checks `per_page` and `page` of the request in flight. */
static void assert_asks(long long per_page, long long number) {
  char query[100];
  snprintf(query, sizeof query, "?per_page=%lld&page=%lld&include_totals=true", per_page, number);
  assert_contains(call.request.url, query);
}

TEST(a_list_of_one_page_takes_one_request) {
  send_at(BEGIN);
  assert_asks(100, 0);
  struct response response = page_of(0, 100, 100, 100);
  assert_true(call_feed(&call, &response, BEGIN));
  assert_int_equal(call.pages.skip, 0);
  assert_done(ERROR_NONE);
}

TEST(an_empty_list_takes_one_request) {
  assert_false(turn_page(0, 100, 0, 0));
  assert_done(ERROR_NONE);
}

TEST(a_list_of_two_pages_takes_two_requests) {
  assert_true(turn_page(0, 100, 101, 100));
  assert_int_equal(call.state, CALL_DECIDING);
  send_at(BEGIN);
  assert_asks(100, 1);
  assert_int_equal(call.attempts, 1);
  struct response response = page_of(100, 100, 101, 1);
  assert_true(call_feed(&call, &response, BEGIN));
  assert_int_equal(call.pages.skip, 0);
  assert_done(ERROR_NONE);
}

TEST(a_tenant_with_smaller_pages_than_requested_sets_the_page_size) {
  assert_true(turn_page(0, 50, 120, 50));
  send_at(BEGIN);
  assert_asks(50, 1);
  struct response response = page_of(50, 50, 120, 50);
  assert_true(call_feed(&call, &response, BEGIN));
  send_at(BEGIN);
  assert_asks(50, 2);
  response = page_of(100, 50, 120, 20);
  assert_true(call_feed(&call, &response, BEGIN));
  assert_done(ERROR_NONE);
}

TEST(without_a_limit_the_number_of_items_is_the_page_size) {
  assert_true(turn_page(0, -1, 120, 50));
  send_at(BEGIN);
  assert_asks(50, 1);
}

TEST(a_limit_larger_than_the_requested_size_changes_nothing) {
  assert_true(turn_page(0, 1000, 120, 100));
  send_at(BEGIN);
  assert_asks(100, 1);
}

TEST(a_limit_of_zero_is_not_a_page_size) {
  assert_true(turn_page(0, 0, 120, 50));
  send_at(BEGIN);
  assert_asks(50, 1);
}

TEST(without_a_total_pages_are_requested_until_one_is_empty) {
  assert_true(turn_page(0, 50, -1, 50));
  assert_true(turn_page(50, 50, -1, 50));
  assert_false(turn_page(100, 50, -1, 0));
  assert_done(ERROR_NONE);
  assert_int_equal(call.pages.received, 100);
}

TEST(without_a_total_a_short_last_page_is_not_added_twice) {
  assert_true(turn_page(0, 50, -1, 50));
  assert_true(turn_page(50, 50, -1, 30));
  send_at(BEGIN);
  assert_asks(30, 2);
  struct response response = page_of(60, 30, -1, 20);
  assert_false(call_feed(&call, &response, BEGIN));
  assert_done(ERROR_NONE);
}

TEST(without_start_and_total_a_short_last_page_is_not_added_twice) {
  assert_true(turn_page(-1, -1, -1, 50));
  assert_true(turn_page(-1, -1, -1, 30));
  send_at(BEGIN);
  assert_asks(30, 2);
  struct response response = page_of(-1, -1, -1, 20);
  assert_false(call_feed(&call, &response, BEGIN));
  assert_done(ERROR_NONE);
  assert_int_equal(call.pages.received, 80);
}

TEST(without_start_and_total_an_overlapping_page_adds_only_new_items) {
  assert_true(turn_page(-1, -1, -1, 50));
  assert_true(turn_page(-1, -1, -1, 30));
  assert_true(turn_page(-1, -1, -1, 25));
  assert_int_equal(call.pages.skip, 20);
  assert_int_equal(call.pages.received, 85);
}

TEST(a_page_without_a_start_follows_the_previous_one) {
  assert_true(turn_page(-1, -1, 120, 100));
  assert_true(turn_page(-1, -1, 120, 20));
  assert_int_equal(call.pages.skip, 0);
  assert_done(ERROR_NONE);
}

static void assert_page_refused(const char *message) {
  assert_done(ERROR_PROTOCOL);
  assert_int_equal(call.error.status, 200);
  assert_string_equal(call.error.message, message);
  assert_false(call.error.maybe_applied);
}

TEST(a_page_with_more_items_than_requested_is_an_error_and_none_is_kept) {
  assert_false(turn_page(0, 100, 101, 101));
  assert_page_refused("expected at most 100 items on a page, got 101");
}

TEST(a_later_page_with_more_items_than_requested_is_an_error) {
  assert_true(turn_page(0, 50, 120, 50));
  assert_false(turn_page(50, 50, 120, 70));
  assert_page_refused("expected at most 50 items on a page, got 70");
}

/* Returns a page of 100 items that take this much memory. */
static struct response heavy_page(long long start, size_t memory_taken) {
  struct response page = page_of(start, 100, 1000, 100);
  page.memory = memory_taken;
  return page;
}

TEST(a_list_whose_pages_together_take_too_much_memory_is_an_error) {
  struct response page = heavy_page(0, PAGES_MEMORY_MAX - 1);
  send_at(BEGIN);
  assert_true(call_feed(&call, &page, BEGIN));
  send_at(BEGIN);
  page = heavy_page(100, 2);
  assert_false(call_feed(&call, &page, BEGIN));
  assert_page_refused("the list would take more than 256 MiB of memory; use `each` to read it page by page");
}

TEST(the_memory_of_a_paged_call_is_limited_per_page_only) {
  call.by_page = true;
  for (int i = 0; i < 5; i++) {
    struct response page = heavy_page(100 * i, PAGES_MEMORY_MAX);
    send_at(BEGIN);
    assert_true(call_feed(&call, &page, BEGIN));
    call_resume(&call);
  }
}

TEST(a_page_after_a_gap_is_an_error_and_not_a_short_list) {
  assert_true(turn_page(0, 50, 120, 50));
  assert_false(turn_page(51, 50, 120, 50));
  assert_page_refused("the pages of the list do not match: expected item 50 of 120 next, got 50 items from item 51 on");
}

TEST(a_gap_in_a_list_without_a_total_is_an_error) {
  assert_true(turn_page(0, 50, -1, 50));
  assert_false(turn_page(51, 50, -1, 50));
  assert_page_refused("the pages of the list do not match: expected item 50 next, got 50 items from item 51 on");
}

TEST(a_first_page_that_does_not_start_at_zero_is_an_error) {
  assert_false(turn_page(1, 50, 10, 9));
  assert_page_refused("the pages of the list do not match: expected item 0 of 10 next, got 9 items from item 1 on");
}

TEST(an_empty_page_before_the_total_is_an_error_and_not_a_short_list) {
  assert_true(turn_page(0, 50, 120, 50));
  assert_false(turn_page(50, 50, 120, 0));
  assert_page_refused("the pages of the list do not match: expected item 50 of 120 next, got 0 items from item 50 on");
}

TEST(an_empty_first_page_of_a_list_with_items_is_an_error) {
  assert_false(turn_page(0, 100, 120, 0));
  assert_page_refused("the pages of the list do not match: expected item 0 of 120 next, got 0 items from item 0 on");
}

TEST(an_empty_page_under_a_smaller_cap_is_requested_once_more) {
  assert_false(turn_page(0, 50, 120, 0));
  assert_int_equal(call.state, CALL_DECIDING);
  send_at(BEGIN);
  assert_asks(50, 0);
  struct response response = page_of(0, 50, 120, 0);
  assert_false(call_feed(&call, &response, BEGIN));
  assert_page_refused("the pages of the list do not match: expected item 0 of 120 next, got 0 items from item 0 on");
}

TEST(a_page_without_new_items_is_an_error_and_not_an_endless_loop) {
  assert_true(turn_page(0, 50, 120, 50));
  assert_false(turn_page(0, 50, 120, 50));
  assert_page_refused("the pages of the list do not match: expected item 50 of 120 next, got 50 items from item 0 on");
}

TEST(an_overlapping_page_adds_only_new_items) {
  assert_true(turn_page(0, 50, 70, 50));
  assert_true(turn_page(30, 30, 70, 30));
  assert_int_equal(call.pages.skip, 20);
  assert_int_equal(call.pages.received, 60);
  assert_true(turn_page(60, 30, 70, 10));
  assert_int_equal(call.pages.skip, 0);
  assert_done(ERROR_NONE);
}

TEST(a_page_moved_back_by_a_smaller_cap_is_requested_again_in_that_size) {
  assert_true(turn_page(0, 50, 120, 50));
  assert_false(turn_page(20, 20, 120, 20));
  assert_int_equal(call.state, CALL_DECIDING);
  assert_int_equal(call.pages.received, 50);
  send_at(BEGIN);
  assert_asks(20, 2);
  struct response response = page_of(40, 20, 120, 20);
  assert_true(call_feed(&call, &response, BEGIN));
  assert_int_equal(call.pages.skip, 10);
  assert_int_equal(call.pages.received, 60);
}

/* Without a total, a page with nothing new must not be taken for the end of the list. */
TEST(without_a_total_a_page_moved_back_by_a_smaller_cap_is_not_the_end) {
  assert_true(turn_page(0, 50, -1, 50));
  assert_false(turn_page(20, 20, -1, 20));
  assert_int_equal(call.state, CALL_DECIDING);
  send_at(BEGIN);
  assert_asks(20, 2);
}

TEST(an_empty_page_does_not_shrink_the_requested_size) {
  assert_true(turn_page(0, 50, 120, 50));
  assert_false(turn_page(50, 50, 120, 0));
  assert_done(ERROR_PROTOCOL);
  assert_int_equal(call.pages.per_page, 50);
}

TEST(a_list_that_shrinks_while_it_is_read_ends_at_its_new_end) {
  assert_true(turn_page(0, 50, 120, 50));
  assert_false(turn_page(50, 50, 45, 0));
  assert_done(ERROR_NONE);
  assert_int_equal(call.pages.received, 50);
}

TEST(a_page_with_more_items_than_the_total_ends_the_list) {
  assert_true(turn_page(0, 50, 0, 3));
  assert_done(ERROR_NONE);
  assert_int_equal(call.pages.received, 3);
}

TEST(a_list_that_grows_while_it_is_read_is_read_to_its_new_end) {
  assert_true(turn_page(0, 50, 51, 50));
  assert_true(turn_page(50, 50, 101, 50));
  assert_int_equal(call.state, CALL_DECIDING);
  assert_true(turn_page(100, 50, 101, 1));
  assert_done(ERROR_NONE);
}

TEST(a_page_without_its_list_is_an_error) {
  assert_true(turn_page(0, 50, 120, 50));
  assert_false(turn_page(50, 50, 120, -1));
  assert_done(ERROR_PROTOCOL);
}

TEST(an_error_on_a_later_page_fails_the_whole_list) {
  assert_true(turn_page(0, 50, 120, 50));
  client.max_retries = 0;
  send_at(BEGIN);
  feed_status(500);
  assert_done(ERROR_API);
  assert_false(call.error.maybe_applied);
  assert_int_equal(call.error.attempts, 1);
}

TEST(the_deadline_covers_all_pages_together) {
  assert_true(turn_page(0, 50, 120, 50));
  assert_int_equal(call_next(&call, BEGIN + TIMEOUT), CALL_DONE);
  assert_done(ERROR_TIMEOUT);
}

TEST(a_token_that_expires_between_pages_is_replaced) {
  call_authorize(&call, TEXT("s3cr3t"), 10, BEGIN);
  assert_true(turn_page(0, 50, 120, 50));
  assert_int_equal(call_next(&call, BEGIN + 10), CALL_AUTHORIZE);
}

TEST(a_client_that_is_closed_between_pages_ends_the_list) {
  assert_true(turn_page(0, 50, 120, 50));
  client_close(&client);
  assert_int_equal(call_next(&call, BEGIN), CALL_DONE);
  assert_done(ERROR_CLOSED);
}

/* How a tenant serves a list, and which members its pages have. */
struct tenant {
  long long caps[8]; /* most items on the first page, on the second, ...; the last is for all further pages */
  size_t cap_count;
  long long total; /* items of the list */
  bool no_start, no_limit, no_total;
};

/* Reads the whole list from that tenant, checks that each item comes once and in order, and returns the number of
 * requests. */
static size_t read_list(const struct tenant *tenant) {
  long long kept = 0;
  size_t requests = 0;
  call_close(&call);
  open_call("list_user_permissions");
  while (call_next(&call, BEGIN) == CALL_SEND) {
    size_t turn = requests < tenant->cap_count ? requests : tenant->cap_count - 1;
    struct response page = requested_page(tenant->caps[turn], tenant->total), told = page;
    if (tenant->no_start) told.start = -1;
    if (tenant->no_limit) told.limit = -1;
    if (tenant->no_total) told.total = -1;
    requests++;
    assert_true(requests < 1000);
    if (!call_feed(&call, &told, BEGIN)) continue;
    assert_int_equal(page.start + call.pages.skip, kept);
    kept = page.start + page.item_count;
  }
  assert_done(ERROR_NONE);
  assert_int_equal(kept, tenant->total);
  return requests;
}

TEST(lists_of_every_length_are_complete_and_take_no_needless_request) {
  static const long long caps[] = {7, 50, 100};
  struct tenant tenant = {.cap_count = 1};
  for (size_t i = 0; i < COUNT(caps); i++) {
    tenant.caps[0] = caps[i];
    for (tenant.total = 0; tenant.total <= 310; tenant.total++) {
      long long pages = (tenant.total + caps[i] - 1) / caps[i];
      assert_int_equal(read_list(&tenant), pages ? pages : 1);
    }
  }
}

TEST(lists_of_every_length_are_complete_without_totals_from_the_tenant) {
  static const long long caps[] = {1, 7, 50, 100, 1000};
  struct tenant tenant = {.cap_count = 1, .no_start = true, .no_limit = true, .no_total = true};
  for (size_t i = 0; i < COUNT(caps); i++) {
    tenant.caps[0] = caps[i];
    for (tenant.total = 0; tenant.total <= 310; tenant.total++) read_list(&tenant);
  }
}

TEST(a_page_cap_that_changes_while_a_list_is_read_loses_no_item) {
  static const struct tenant tenants[] = {
      {.caps = {50, 30, 25, 60}, .cap_count = 4, .total = 400},
      {.caps = {100, 1, 100}, .cap_count = 3, .total = 150},
      {.caps = {100, 50, 20, 7, 3, 1}, .cap_count = 6, .total = 130},
      {.caps = {50, 49, 48, 47, 46, 45, 44, 43}, .cap_count = 8, .total = 400},
      {.caps = {100, 10}, .cap_count = 2, .total = 400, .no_limit = true},
  };
  for (size_t i = 0; i < COUNT(tenants); i++) read_list(&tenants[i]);
}

TEST(a_page_cap_that_changes_loses_no_item_of_a_list_without_a_total) {
  static const struct tenant tenants[] = {
      {.caps = {50, 30, 25, 60}, .cap_count = 4, .total = 400, .no_total = true},
      {.caps = {100, 50, 20, 7, 3, 1}, .cap_count = 6, .total = 130, .no_total = true},
      {.caps = {100, 10}, .cap_count = 2, .total = 400, .no_total = true, .no_limit = true},
  };
  for (size_t i = 0; i < COUNT(tenants); i++) read_list(&tenants[i]);
}

TEST(a_timeout_on_a_later_page_does_not_quote_a_failure_of_an_earlier_one) {
  send_at(BEGIN);
  feed_status_at(&call, 503, 1, BEGIN);
  send_at(BEGIN + 1);
  struct response page = page_of(0, 50, 120, 50);
  assert_true(call_feed(&call, &page, BEGIN + 1));
  assert_int_equal(call_next(&call, BEGIN + TIMEOUT), CALL_DONE);
  assert_done(ERROR_TIMEOUT);
  assert_string_equal(call.error.message, "timed out after 60 s");
  assert_int_equal(call.error.status, 0);
}

int test_pages(void) {
  static const struct CMUnitTest tests[] = {
      LIST(a_list_of_one_page_takes_one_request),
      LIST(a_page_with_more_items_than_requested_is_an_error_and_none_is_kept),
      LIST(a_later_page_with_more_items_than_requested_is_an_error),
      LIST(a_list_whose_pages_together_take_too_much_memory_is_an_error),
      LIST(the_memory_of_a_paged_call_is_limited_per_page_only),
      LIST(an_empty_list_takes_one_request),
      LIST(a_list_of_two_pages_takes_two_requests),
      LIST(a_tenant_with_smaller_pages_than_requested_sets_the_page_size),
      LIST(without_a_limit_the_number_of_items_is_the_page_size),
      LIST(a_limit_larger_than_the_requested_size_changes_nothing),
      LIST(a_limit_of_zero_is_not_a_page_size),
      LIST(without_a_total_pages_are_requested_until_one_is_empty),
      LIST(without_a_total_a_short_last_page_is_not_added_twice),
      LIST(without_start_and_total_a_short_last_page_is_not_added_twice),
      LIST(without_start_and_total_an_overlapping_page_adds_only_new_items),
      LIST(a_page_without_a_start_follows_the_previous_one),
      LIST(a_page_after_a_gap_is_an_error_and_not_a_short_list),
      LIST(a_gap_in_a_list_without_a_total_is_an_error),
      LIST(a_first_page_that_does_not_start_at_zero_is_an_error),
      LIST(an_empty_page_before_the_total_is_an_error_and_not_a_short_list),
      LIST(an_empty_first_page_of_a_list_with_items_is_an_error),
      LIST(an_empty_page_under_a_smaller_cap_is_requested_once_more),
      LIST(a_page_without_new_items_is_an_error_and_not_an_endless_loop),
      LIST(an_overlapping_page_adds_only_new_items),
      LIST(a_page_moved_back_by_a_smaller_cap_is_requested_again_in_that_size),
      LIST(without_a_total_a_page_moved_back_by_a_smaller_cap_is_not_the_end),
      LIST(an_empty_page_does_not_shrink_the_requested_size),
      LIST(a_list_that_shrinks_while_it_is_read_ends_at_its_new_end),
      LIST(a_page_with_more_items_than_the_total_ends_the_list),
      LIST(a_list_that_grows_while_it_is_read_is_read_to_its_new_end),
      LIST(a_page_without_its_list_is_an_error),
      LIST(an_error_on_a_later_page_fails_the_whole_list),
      LIST(the_deadline_covers_all_pages_together),
      LIST(a_token_that_expires_between_pages_is_replaced),
      LIST(a_client_that_is_closed_between_pages_ends_the_list),
      LIST(lists_of_every_length_are_complete_and_take_no_needless_request),
      LIST(lists_of_every_length_are_complete_without_totals_from_the_tenant),
      LIST(a_page_cap_that_changes_while_a_list_is_read_loses_no_item),
      LIST(a_page_cap_that_changes_loses_no_item_of_a_list_without_a_total),
      LIST(a_timeout_on_a_later_page_does_not_quote_a_failure_of_an_earlier_one),
  };
  return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
