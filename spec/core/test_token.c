#include "core/token.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { LONGEST = 16 * 1024 }; /* bytes */

static struct memory memory;
static struct token token;
static struct error error;

static int open_token(void **state) {
  (void)state;
  memory_open(&memory);
  memory.secret = TEXT("s3cr3t");
  token_open(&token, TOKEN_FETCHED, memory_allocator(&memory));
  return 0;
}

static int close_token(void **state) {
  (void)state;
  token_close(&token);
  memory_assert_all_back(&memory);
  return 0;
}

TEST(a_new_token_is_empty_and_not_valid) {
  assert_text(token_value(&token), "");
  assert_false(token_lives(&token, 0));
}

TEST(a_given_token_is_copied_byte_by_byte) {
  assert_true(token_give(&token, TEXT("a.s3cr3t-token_~+/="), 0, HUGE_VAL, &error));
  assert_text(token_value(&token), "a.s3cr3t-token_~+/=");
  assert_true(token_lives(&token, 1e15));
}

TEST(the_copy_of_a_token_is_exactly_as_long_as_the_token) {
  assert_true(token_give(&token, TEXT("s3cr3t"), 0, HUGE_VAL, &error));
  assert_int_equal(memory.block_count, 1);
  assert_int_equal(memory.blocks[0].size, 6);
}

TEST(a_token_is_valid_from_its_request_until_it_expires_and_stays_a_secret) {
  assert_true(token_give(&token, TEXT("s3cr3t"), 1000, 100, &error));
  assert_true(token_lives(&token, 1099.999));
  assert_false(token_lives(&token, 1100));
  assert_text(token_value(&token), "s3cr3t");
}

TEST(a_new_token_replaces_the_old_one_which_is_wiped) {
  assert_true(token_give(&token, TEXT("s3cr3t"), 0, 100, &error));
  assert_true(token_give(&token, TEXT("other"), 0, 200, &error));
  assert_int_equal(memory.block_count, 1);
  assert_int_equal(memory.revealed, 0);
  assert_text(token_value(&token), "other");
  assert_true(token_lives(&token, 150));
}

TEST(a_closed_token_is_wiped_and_can_be_closed_again) {
  assert_true(token_give(&token, TEXT("s3cr3t"), 0, HUGE_VAL, &error));
  token_close(&token);
  token_close(&token);
  memory_assert_all_back(&memory);
  assert_text(token_value(&token), "");
  assert_text(token_value(&token), "");
}

/* Checks that the value is refused, that the message does not repeat it, and that the old token stays. */
static void check_refused(struct text value, const char *message) {
  assert_true(token_give(&token, TEXT("before"), 0, HUGE_VAL, &error));
  assert_false(token_give(&token, value, 0, 5, &error));
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_contains(error.message, message);
  assert_lacks(error.message, "s3cr3t");
  assert_text(token_value(&token), "before");
}

TEST(an_empty_token_is_refused) {
  check_refused(TEXT(""), "token: expected at least 1 character, got none");
}

TEST(a_token_with_a_line_end_is_refused) {
  check_refused(TEXT("s3cr3t\r"), "got another character at position 7");
  check_refused(TEXT("s3cr3t\nX-Evil: 1"), "got another character at position 7");
  check_refused(TEXT("s3cr3t\0tail"), "got another character at position 7");
}

TEST(a_token_with_spaces_tabs_or_delete_is_refused) {
  check_refused(TEXT(" s3cr3t"), "got another character at position 1");
  check_refused(TEXT("s3cr3t "), "got another character at position 7");
  check_refused(TEXT("s3\tcr3t"), "got another character at position 3");
  check_refused(TEXT("s3cr3t\x7f"), "got another character at position 7");
}

TEST(a_token_outside_ascii_is_refused) {
  check_refused(TEXT("s3cr3t\u00e9"), "got another character at position 7");
  check_refused(TEXT("\xff"), "got another character at position 1");
}

TEST(every_printable_ascii_character_is_accepted) {
  char value['~' - '!' + 1];
  for (size_t i = 0; i < sizeof value; i++) value[i] = (char)('!' + i);
  assert_true(token_give(&token, (struct text){.data = value, .length = sizeof value}, 0, HUGE_VAL, &error));
  assert_memory_equal(token_value(&token).data, value, sizeof value);
}

TEST(the_longest_token_is_accepted_and_a_longer_one_refused) {
  struct text value = text_repeat("x", LONGEST + 1);
  check_refused(value, "expected at most 16384 characters, got 16385");
  value.length = LONGEST;
  assert_true(token_give(&token, value, 0, HUGE_VAL, &error));
  assert_int_equal(token_value(&token).length, LONGEST);
  text_free(value);
}

TEST(a_token_can_be_given_to_itself) {
  assert_true(token_give(&token, TEXT("s3cr3t"), 0, 10, &error));
  assert_true(token_give(&token, token_value(&token), 0, 20, &error));
  assert_text(token_value(&token), "s3cr3t");
  assert_true(token_lives(&token, 15));
}

TEST(without_memory_the_old_token_stays) {
  assert_true(token_give(&token, TEXT("before"), 0, HUGE_VAL, &error));
  memory.fail_at = memory.requests + 1;
  assert_false(token_give(&token, TEXT("after"), 0, HUGE_VAL, &error));
  assert_int_equal(error.kind, ERROR_MEMORY);
  assert_text(token_value(&token), "before");
}

/* --- the life of a fetched token. A caller is identified by its address alone. */

enum { CALLERS = 4 };

static char callers[CALLERS];
static unsigned long awaited[CALLERS];
static double pause;

/* When most tests request their token, and its lifetime, in seconds. */
static const double BORN = 1000;
static const double DAY = 86400;

static int open_life(void **state) {
  memset(awaited, 0, sizeof awaited);
  return open_token(state);
}

static enum token_step ask(int caller, double now) {
  return token_next(&token, &callers[caller], &awaited[caller], now, &pause);
}

#define assert_step(caller, now, step) assert_int_equal(ask(caller, now), step)

static void assert_pause(int caller, double now, double seconds) {
  assert_step(caller, now, TOKEN_WAIT);
  assert_seconds(pause, seconds);
}

static void give(double expires_in) {
  assert_true(token_give(&token, TEXT("s3cr3t"), BORN, expires_in, &error));
}

/* The caller, which is the fetcher, delivers a token that it requested at that time. */
static void bring(int caller, double asked_at, double expires_in) {
  assert_true(token_give(&token, TEXT("s3cr3t-t00"), asked_at, expires_in, &error));
  assert_true(token_release(&token, &callers[caller]));
}

static void fail_fetch(bool refused, double retry_after, double now) {
  struct error failure;
  error_set(&failure, refused ? ERROR_TOKEN : ERROR_TRANSPORT, "no token today");
  token_fetch_failed(&token, token.fetcher, &failure, refused, retry_after, now);
}

TEST(a_missing_token_is_fetched_by_the_first_caller_and_awaited_by_the_others) {
  assert_step(0, BORN, TOKEN_FETCH);
  assert_pause(1, BORN, 0.1);
  assert_pause(2, BORN + 1, 0.1);
  bring(0, BORN, DAY);
  for (int i = 0; i < CALLERS; i++) assert_step(i, BORN + 1, TOKEN_READY);
}

TEST(a_fetcher_that_asks_again_continues_to_fetch) {
  assert_step(0, BORN, TOKEN_FETCH);
  assert_step(0, BORN + 40, TOKEN_FETCH);
  assert_int_equal(token.fetches, 1);
  assert_step(1, BORN + 99, TOKEN_WAIT);
  assert_step(1, BORN + 100, TOKEN_FETCH);
}

TEST(a_fetcher_that_gives_up_is_followed_by_the_next_that_asks) {
  assert_step(0, BORN, TOKEN_FETCH);
  assert_step(1, BORN, TOKEN_WAIT);
  assert_true(token_release(&token, &callers[0]));
  assert_step(1, BORN, TOKEN_FETCH);
  assert_step(2, BORN, TOKEN_WAIT);
}

TEST(only_the_fetcher_can_give_up) {
  assert_false(token_release(&token, &callers[0]));
  assert_step(0, BORN, TOKEN_FETCH);
  assert_false(token_release(&token, &callers[1]));
  assert_step(2, BORN, TOKEN_WAIT);
  assert_true(token_release(&token, &callers[0]));
  assert_false(token_release(&token, &callers[0]));
}

TEST(a_fetcher_that_is_silent_for_a_minute_is_presumed_dead) {
  assert_step(0, BORN, TOKEN_FETCH);
  assert_step(1, BORN + 59.999, TOKEN_WAIT);
  assert_step(1, BORN + 60, TOKEN_FETCH);
  assert_step(2, BORN + 60, TOKEN_WAIT);
  assert_step(0, BORN + 60, TOKEN_WAIT);
  assert_false(token_release(&token, &callers[0]));
}

TEST(a_token_that_lives_a_day_is_refreshed_by_one_caller_15_minutes_early_and_used_by_the_others) {
  give(DAY);
  assert_step(0, BORN + DAY - 900.001, TOKEN_READY);
  assert_step(0, BORN + DAY - 900, TOKEN_FETCH);
  assert_step(1, BORN + DAY - 900, TOKEN_READY);
  assert_step(2, BORN + DAY - 899, TOKEN_READY);
  bring(0, BORN + DAY - 900, DAY);
  assert_step(0, BORN + DAY - 898, TOKEN_READY);
  assert_step(1, BORN + 2 * DAY - 1800.001, TOKEN_READY);
  assert_step(1, BORN + 2 * DAY - 1800, TOKEN_FETCH);
}

TEST(a_token_that_lives_an_hour_is_refreshed_a_tenth_of_its_life_early) {
  give(3600);
  assert_step(0, BORN + 3239.999, TOKEN_READY);
  assert_step(0, BORN + 3240, TOKEN_FETCH);
  assert_step(1, BORN + 3240, TOKEN_READY);
}

TEST(a_failed_refresh_is_retried_after_thirty_seconds_and_no_caller_fails) {
  double start = BORN + DAY - 900;
  give(DAY);
  assert_step(0, start, TOKEN_FETCH);
  fail_fetch(false, -1, start + 5);
  for (int i = 0; i < CALLERS; i++) assert_step(i, start + 5, TOKEN_READY);
  assert_step(1, start + 34.999, TOKEN_READY);
  assert_step(1, start + 35, TOKEN_FETCH);
  assert_step(2, start + 35, TOKEN_READY);
}

TEST(no_caller_fails_after_a_refused_refresh_while_the_token_is_valid) {
  double start = BORN + DAY - 900;
  give(DAY);
  assert_step(0, start, TOKEN_FETCH);
  fail_fetch(true, -1, start + 5);
  assert_step(0, start + 34, TOKEN_READY);
  assert_step(1, start + 35, TOKEN_FETCH);
}

TEST(a_refresh_after_a_429_waits_as_long_as_the_429_says) {
  double start = BORN + DAY - 900;
  give(DAY);
  assert_step(0, start, TOKEN_FETCH);
  fail_fetch(false, 120, start);
  assert_step(0, start + 119.999, TOKEN_READY);
  assert_step(1, start + 120, TOKEN_FETCH);
}

TEST(a_token_is_renewed_before_use_within_a_minute_of_its_expiry) {
  give(DAY);
  assert_step(0, BORN + DAY - 60, TOKEN_FETCH);
  assert_pause(1, BORN + DAY - 60, 0.1);
  assert_pause(2, BORN + DAY - 50, 0.1);
  bring(0, BORN + DAY - 60, DAY);
  assert_step(1, BORN + DAY - 50, TOKEN_READY);
  assert_step(2, BORN + DAY - 50, TOKEN_READY);
}

TEST(callers_that_went_on_with_a_token_wait_once_its_last_minute_begins) {
  give(DAY);
  assert_step(0, BORN + DAY - 61, TOKEN_FETCH);
  assert_step(1, BORN + DAY - 60.001, TOKEN_READY);
  assert_step(1, BORN + DAY - 60, TOKEN_WAIT);
}

TEST(after_a_failed_renewal_all_callers_continue_with_the_token_while_it_is_valid) {
  double start = BORN + DAY - 50;
  give(DAY);
  assert_step(0, start, TOKEN_FETCH);
  assert_step(1, start, TOKEN_WAIT);
  fail_fetch(false, -1, start + 1);
  for (int i = 0; i < CALLERS; i++) assert_step(i, start + 1, TOKEN_READY);
  assert_step(2, start + 31, TOKEN_FETCH);
}

TEST(a_silent_refreshing_caller_is_followed_by_another) {
  double start = BORN + DAY - 900;
  give(DAY);
  assert_step(0, start, TOKEN_FETCH);
  assert_step(1, start + 59, TOKEN_READY);
  assert_step(1, start + 60, TOKEN_FETCH);
}

TEST(a_token_that_lives_a_minute_is_renewed_in_its_last_six_seconds) {
  give(60);
  assert_step(0, BORN + 53.999, TOKEN_READY);
  assert_step(0, BORN + 54, TOKEN_FETCH);
  assert_step(1, BORN + 54, TOKEN_WAIT);
}

TEST(a_token_that_lives_a_second_is_used_for_nine_tenths_of_it) {
  give(1);
  assert_step(0, BORN + 0.875, TOKEN_READY);
  assert_step(0, BORN + 0.90625, TOKEN_FETCH);
}

TEST(a_token_without_an_expiry_time_is_never_refreshed) {
  give(HUGE_VAL);
  assert_step(0, BORN, TOKEN_READY);
  assert_step(0, BORN + 1000 * DAY, TOKEN_READY);
  assert_int_equal(token.fetches, 0);
}

TEST(a_refusal_fails_all_waiting_callers_and_all_new_ones_within_thirty_seconds) {
  assert_step(0, BORN, TOKEN_FETCH);
  assert_step(1, BORN, TOKEN_WAIT);
  assert_step(2, BORN + 1, TOKEN_WAIT);
  fail_fetch(true, -1, BORN + 2);
  assert_step(1, BORN + 2, TOKEN_REFUSED);
  assert_step(2, BORN + 31.999, TOKEN_REFUSED);
  assert_step(3, BORN + 31.999, TOKEN_REFUSED);
  assert_string_equal(token.failure.message, "no token today");
  assert_int_equal(token.fetches, 1);
  awaited[3] = 0;
  assert_step(3, BORN + 32, TOKEN_FETCH);
}

TEST(a_failure_fails_all_waiting_callers_and_the_next_caller_fetches_again) {
  assert_step(0, BORN, TOKEN_FETCH);
  assert_step(1, BORN, TOKEN_WAIT);
  assert_step(2, BORN, TOKEN_WAIT);
  fail_fetch(false, -1, BORN + 2);
  assert_step(1, BORN + 2, TOKEN_REFUSED);
  assert_step(2, BORN + 2.5, TOKEN_REFUSED);
  assert_step(3, BORN + 2.5, TOKEN_FETCH);
}

TEST(callers_that_waited_through_a_change_of_fetchers_get_the_failure_of_the_last) {
  assert_step(0, BORN, TOKEN_FETCH);
  assert_step(2, BORN, TOKEN_WAIT);
  assert_true(token_release(&token, &callers[0]));
  assert_step(1, BORN, TOKEN_FETCH);
  fail_fetch(false, -1, BORN + 2);
  assert_step(2, BORN + 2, TOKEN_REFUSED);
}

TEST(after_a_429_no_caller_fetches_before_the_given_time) {
  assert_step(0, BORN, TOKEN_FETCH);
  fail_fetch(false, 12, BORN + 1);
  assert_pause(1, BORN + 1, 12);
  assert_pause(2, BORN + 12, 1);
  assert_step(1, BORN + 13, TOKEN_FETCH);
  assert_step(2, BORN + 13, TOKEN_WAIT);
}

TEST(a_token_that_arrives_after_a_refusal_ends_the_refusal) {
  assert_step(0, BORN, TOKEN_FETCH);
  fail_fetch(true, -1, BORN);
  assert_true(token_give(&token, TEXT("s3cr3t"), BORN, 10, &error));
  assert_step(1, BORN + 1, TOKEN_READY);
  assert_step(1, BORN + 10, TOKEN_FETCH);
}

TEST(a_dropped_token_is_fetched_again_at_once) {
  give(DAY);
  assert_true(token_drop(&token, TEXT("s3cr3t"), 0));
  assert_false(token_lives(&token, BORN));
  assert_int_equal(memory.block_count, 0);
  assert_step(0, BORN, TOKEN_FETCH);
  assert_step(1, BORN, TOKEN_WAIT);
}

TEST(a_replacement_token_that_was_never_accepted_is_kept_for_a_while) {
  give(DAY);
  assert_true(token_drop(&token, TEXT("s3cr3t"), BORN));
  give(DAY);
  assert_false(token_drop(&token, TEXT("s3cr3t"), BORN + 29.999));
  assert_text(token_value(&token), "s3cr3t");
  assert_step(0, BORN + 29.999, TOKEN_READY);
  assert_true(token_drop(&token, TEXT("s3cr3t"), BORN + 30));
  assert_step(0, BORN + 30, TOKEN_FETCH);
}

TEST(a_token_that_was_accepted_is_dropped_at_once) {
  give(DAY);
  assert_true(token_drop(&token, TEXT("s3cr3t"), BORN));
  give(DAY);
  token_accept(&token, TEXT("another"));
  assert_false(token_drop(&token, TEXT("s3cr3t"), BORN));
  token_accept(&token, TEXT("s3cr3t"));
  assert_true(token_drop(&token, TEXT("s3cr3t"), BORN));
}

TEST(only_the_token_that_the_tenant_refused_is_dropped) {
  give(DAY);
  assert_true(token_drop(&token, TEXT("s3cr3"), 0));
  assert_true(token_drop(&token, TEXT("s3cr3t2"), 0));
  assert_true(token_drop(&token, TEXT("S3cr3t"), 0));
  assert_true(token_drop(&token, TEXT(""), 0));
  assert_text(token_value(&token), "s3cr3t");
  assert_step(0, BORN, TOKEN_READY);
}

TEST(a_given_token_cannot_be_dropped) {
  token_open(&token, TOKEN_GIVEN, memory_allocator(&memory));
  give(HUGE_VAL);
  assert_false(token_drop(&token, TEXT("s3cr3t"), 0));
  assert_text(token_value(&token), "s3cr3t");
  assert_step(0, BORN, TOKEN_READY);
}

TEST(one_caller_asks_the_host_for_a_token_and_again_when_that_expires_while_others_wait) {
  token_open(&token, TOKEN_HOST, memory_allocator(&memory));
  assert_step(0, BORN, TOKEN_FETCH);
  assert_step(1, BORN, TOKEN_WAIT);
  assert_step(0, BORN, TOKEN_FETCH);
  give(100);
  assert_true(token_release(&token, &callers[0]));
  assert_step(0, BORN + 99.999, TOKEN_READY);
  assert_step(1, BORN + 99.999, TOKEN_READY);
  assert_step(1, BORN + 100, TOKEN_FETCH);
  assert_step(0, BORN + 100, TOKEN_WAIT);
  give(100);
  assert_true(token_release(&token, &callers[1]));
  assert_true(token_drop(&token, TEXT("s3cr3t"), 0));
  assert_step(1, BORN, TOKEN_FETCH);
}

TEST(a_closed_token_has_no_fetcher) {
  assert_step(0, BORN, TOKEN_FETCH);
  token_close(&token);
  assert_false(token_release(&token, &callers[0]));
}

TEST(a_failed_renewal_does_not_affect_the_next_one) {
  double start = BORN + DAY - 50;
  give(DAY);
  assert_step(0, start, TOKEN_FETCH);
  assert_step(1, start, TOKEN_WAIT);
  fail_fetch(false, -1, start + 1);
  assert_step(1, start + 1, TOKEN_READY);
  assert_step(1, start + 31, TOKEN_FETCH);
}

TEST(callers_that_waited_for_a_postponed_fetch_fetch_when_it_is_due) {
  assert_step(0, BORN, TOKEN_FETCH);
  assert_step(1, BORN, TOKEN_WAIT);
  assert_step(2, BORN, TOKEN_WAIT);
  fail_fetch(false, 12, BORN + 1);
  assert_pause(1, BORN + 1, 12);
  assert_step(1, BORN + 13, TOKEN_FETCH);
  assert_step(2, BORN + 13, TOKEN_WAIT);
}

TEST(a_refresh_is_retried_after_thirty_seconds_even_if_the_tenant_says_at_once) {
  double start = BORN + DAY - 900;
  give(DAY);
  assert_step(0, start, TOKEN_FETCH);
  fail_fetch(false, 0, start);
  assert_step(0, start, TOKEN_READY);
  assert_step(1, start + 29.999, TOKEN_READY);
}

TEST(a_refusal_lasts_thirty_seconds_even_if_the_tenant_says_at_once) {
  assert_step(0, BORN, TOKEN_FETCH);
  fail_fetch(true, 0, BORN);
  assert_step(1, BORN + 29.999, TOKEN_REFUSED);
}

#define WITH_TOKEN(test) cmocka_unit_test_setup_teardown(test, open_life, close_token)

int test_token(void) {
  static const struct CMUnitTest tests[] = {
      WITH_TOKEN(a_new_token_is_empty_and_not_valid),
      WITH_TOKEN(a_given_token_is_copied_byte_by_byte),
      WITH_TOKEN(the_copy_of_a_token_is_exactly_as_long_as_the_token),
      WITH_TOKEN(a_token_is_valid_from_its_request_until_it_expires_and_stays_a_secret),
      WITH_TOKEN(a_new_token_replaces_the_old_one_which_is_wiped),
      WITH_TOKEN(a_closed_token_is_wiped_and_can_be_closed_again),
      WITH_TOKEN(an_empty_token_is_refused),
      WITH_TOKEN(a_token_with_a_line_end_is_refused),
      WITH_TOKEN(a_token_with_spaces_tabs_or_delete_is_refused),
      WITH_TOKEN(a_token_outside_ascii_is_refused),
      WITH_TOKEN(every_printable_ascii_character_is_accepted),
      WITH_TOKEN(the_longest_token_is_accepted_and_a_longer_one_refused),
      WITH_TOKEN(a_token_can_be_given_to_itself),
      WITH_TOKEN(without_memory_the_old_token_stays),
      WITH_TOKEN(a_missing_token_is_fetched_by_the_first_caller_and_awaited_by_the_others),
      WITH_TOKEN(a_fetcher_that_asks_again_continues_to_fetch),
      WITH_TOKEN(a_fetcher_that_gives_up_is_followed_by_the_next_that_asks),
      WITH_TOKEN(only_the_fetcher_can_give_up),
      WITH_TOKEN(a_fetcher_that_is_silent_for_a_minute_is_presumed_dead),
      WITH_TOKEN(a_token_that_lives_a_day_is_refreshed_by_one_caller_15_minutes_early_and_used_by_the_others),
      WITH_TOKEN(a_token_that_lives_an_hour_is_refreshed_a_tenth_of_its_life_early),
      WITH_TOKEN(a_failed_refresh_is_retried_after_thirty_seconds_and_no_caller_fails),
      WITH_TOKEN(no_caller_fails_after_a_refused_refresh_while_the_token_is_valid),
      WITH_TOKEN(a_refresh_after_a_429_waits_as_long_as_the_429_says),
      WITH_TOKEN(a_token_is_renewed_before_use_within_a_minute_of_its_expiry),
      WITH_TOKEN(callers_that_went_on_with_a_token_wait_once_its_last_minute_begins),
      WITH_TOKEN(after_a_failed_renewal_all_callers_continue_with_the_token_while_it_is_valid),
      WITH_TOKEN(a_silent_refreshing_caller_is_followed_by_another),
      WITH_TOKEN(a_token_that_lives_a_minute_is_renewed_in_its_last_six_seconds),
      WITH_TOKEN(a_token_that_lives_a_second_is_used_for_nine_tenths_of_it),
      WITH_TOKEN(a_token_without_an_expiry_time_is_never_refreshed),
      WITH_TOKEN(a_refusal_fails_all_waiting_callers_and_all_new_ones_within_thirty_seconds),
      WITH_TOKEN(a_failure_fails_all_waiting_callers_and_the_next_caller_fetches_again),
      WITH_TOKEN(callers_that_waited_through_a_change_of_fetchers_get_the_failure_of_the_last),
      WITH_TOKEN(after_a_429_no_caller_fetches_before_the_given_time),
      WITH_TOKEN(a_token_that_arrives_after_a_refusal_ends_the_refusal),
      WITH_TOKEN(a_dropped_token_is_fetched_again_at_once),
      WITH_TOKEN(a_replacement_token_that_was_never_accepted_is_kept_for_a_while),
      WITH_TOKEN(a_token_that_was_accepted_is_dropped_at_once),
      WITH_TOKEN(only_the_token_that_the_tenant_refused_is_dropped),
      WITH_TOKEN(a_given_token_cannot_be_dropped),
      WITH_TOKEN(one_caller_asks_the_host_for_a_token_and_again_when_that_expires_while_others_wait),
      WITH_TOKEN(a_closed_token_has_no_fetcher),
      WITH_TOKEN(a_failed_renewal_does_not_affect_the_next_one),
      WITH_TOKEN(callers_that_waited_for_a_postponed_fetch_fetch_when_it_is_due),
      WITH_TOKEN(a_refresh_is_retried_after_thirty_seconds_even_if_the_tenant_says_at_once),
      WITH_TOKEN(a_refusal_lasts_thirty_seconds_even_if_the_tenant_says_at_once),
  };
  return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
