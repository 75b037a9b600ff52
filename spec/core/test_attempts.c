/* What a call does after an attempt that did not succeed: when it pauses, retries, waits its turn, and gives up. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"

/* An operation that is not idempotent and, unlike create_role, writes to a user. */
static struct operation creating;

static void open_creation(void) {
  creating = *operation_find("assign_user_permissions");
  creating.name = "create_something";
  creating.creates = true;
  call_close(&call);
  open_another(&call, &creating, "auth0|1");
}

/* Checks that the call pauses; returns the time when it continues. */
static double after_pause(double now) {
  assert_int_equal(call_next(&call, now), CALL_WAIT);
  assert_true(call.wait > 0);
  assert_int_not_equal(call.waits_for, CALL_WAITS_FOR_RATE);
  return now + call.wait;
}

TEST(a_503_is_retried_after_a_pause_and_no_earlier) {
  send_at(BEGIN);
  feed_status_at(&call, 503, -1, BEGIN + 1);
  double next = after_pause(BEGIN + 1);
  assert_true(next <= BEGIN + 1.25);
  assert_int_equal(call_next(&call, BEGIN + 1), CALL_WAIT);
  send_at(next);
  assert_int_equal(call.attempts, 2);
  succeed_at(&call, next);
  assert_false(call.error.maybe_applied);
}

TEST(a_call_makes_five_attempts_and_ends_with_the_last_error) {
  static const int statuses[] = {500, 502, 503, 408, 504};
  static const double ranges[] = {0.25, 0.5, 1, 2};
  double now = BEGIN;
  for (size_t i = 0; i < COUNT(statuses); i++) {
    send_at(now);
    feed_status_at(&call, statuses[i], -1, now);
    if (i == COUNT(ranges)) break;
    double next = after_pause(now);
    assert_true(next - now <= ranges[i]);
    now = next;
  }
  assert_done(ERROR_API);
  assert_int_equal(call.error.status, 504);
  assert_int_equal(call.error.attempts, 5);
  assert_true(call.error.maybe_applied);
}

TEST(a_call_without_retries_makes_one_attempt) {
  client.max_retries = 0;
  send_at(BEGIN);
  fail_with(FAILURE_CONNECT, false, BEGIN);
  assert_done(ERROR_TRANSPORT);
  assert_int_equal(call.error.attempts, 1);
}

TEST(refused_reset_and_timed_out_connections_are_retried) {
  static const enum failure_kind kinds[] = {FAILURE_CONNECT, FAILURE_TRANSPORT, FAILURE_TIMEOUT};
  double now = BEGIN;
  for (size_t i = 0; i < COUNT(kinds); i++) {
    send_at(now);
    fail_with(kinds[i], true, now);
    now = after_pause(now);
  }
  send_at(now);
  succeed_at(&call, now);
}

TEST(permanent_failures_are_not_retried) {
  static const int statuses[] = {300, 400, 403, 404, 409, 413, 501, 505};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    call_close(&call);
    open_call("remove_user_permissions");
    send_at(BEGIN);
    feed_status(statuses[i]);
    assert_done(statuses[i] < 400 ? ERROR_PROTOCOL : ERROR_API);
    assert_int_equal(call.error.attempts, 1);
  }
}

TEST(a_server_that_fails_verification_is_not_retried) {
  send_at(BEGIN);
  fail_with(FAILURE_TLS, false, BEGIN);
  assert_done(ERROR_TRANSPORT);
  assert_int_equal(call.error.attempts, 1);
}

TEST(a_retry_after_is_obeyed_to_the_millisecond) {
  send_at(BEGIN);
  feed_status_at(&call, 503, 7, BEGIN + 1);
  assert_waits(&call, 7, BEGIN + 1);
  assert_waits(&call, MILLISECOND, BEGIN + 8 - MILLISECOND);
  send_at(BEGIN + 8);
}

TEST(a_retry_after_of_zero_is_still_a_pause) {
  send_at(BEGIN);
  feed_status_at(&call, 503, 0, BEGIN + 1);
  assert_true(after_pause(BEGIN + 1) > BEGIN + 1);
}

/* Checks how many seconds the call waits after a 503 with this Retry-After and Date; -1: as without them. */
static void check_date(const char *when, const char *date, double seconds) {
  struct response response;
  response_open(&response, 503);
  response_header(&response, TEXT("retry-after"), text_of(when));
  if (date) response_header(&response, TEXT("date"), text_of(date));
  call_close(&call);
  open_call("remove_user_permissions");
  send_at(BEGIN);
  assert_false(call_feed(&call, &response, BEGIN));
  if (seconds > 0) {
    assert_waits(&call, seconds, BEGIN);
  } else {
    assert_true(after_pause(BEGIN) <= BEGIN + 0.25);
  }
  fail_with(FAILURE_CANCELED, false, BEGIN);
}

TEST(a_retry_after_date_is_obeyed_whatever_the_clocks_show) {
  check_date("Sun, 06 Nov 1994 08:49:42 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 5);
  check_date("Sun, 06 Nov 1994 08:51:42 GMT", "Sun, 06 Nov 1994 08:51:37 GMT", 5);
  check_date("Sun, 06 Nov 1994 08:47:42 GMT", "Sun, 06 Nov 1994 08:47:37 GMT", 5);
}

TEST(an_absurd_retry_after_is_ignored) {
  check_date("1000000", NULL, -1);
  check_date("-1", NULL, -1);
  check_date("soon", NULL, -1);
  check_date("Sun, 06 Nov 1994 08:49:36 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", -1);
  check_date("Sun, 06 Nov 1994 08:49:42 GMT", NULL, -1);
}

/* --- the deadline */

TEST(a_call_ends_at_once_with_the_last_error_when_its_pause_would_pass_the_deadline) {
  send_at(BEGIN);
  feed_status_at(&call, 503, TIMEOUT - 10, BEGIN + 10);
  assert_done(ERROR_API);
  assert_int_equal(call.error.status, 503);
  assert_seconds(call.error.retry_after, TIMEOUT - 10);
  assert_true(call.error.maybe_applied);
}

TEST(a_call_makes_a_pause_that_ends_a_millisecond_before_the_deadline) {
  send_at(BEGIN);
  feed_status_at(&call, 503, TIMEOUT - 1, BEGIN + 1 - MILLISECOND);
  assert_waits(&call, TIMEOUT - 1, BEGIN + 1 - MILLISECOND);
  send_at(BEGIN + TIMEOUT - MILLISECOND);
  assert_seconds(call.request.time_limit, MILLISECOND);
}

TEST(retries_never_outlive_the_deadline) {
  double now = BEGIN;
  client.max_retries = 100;
  enum call_step step;
  while ((step = call_next(&call, now)) != CALL_DONE) {
    if (step == CALL_WAIT) {
      now += call.wait;
    } else {
      now += 0.5;
      fail_with(FAILURE_TRANSPORT, false, now);
    }
    assert_true(now <= BEGIN + TIMEOUT);
  }
  assert_done(ERROR_TRANSPORT);
  assert_true(call.error.attempts > 4);
}

TEST(a_deadline_during_a_pause_ends_the_call_and_reports_the_reason_for_the_pause) {
  send_at(BEGIN);
  feed_status_at(&call, 503, 30, BEGIN);
  assert_int_equal(call_next(&call, BEGIN + TIMEOUT), CALL_DONE);
  assert_done(ERROR_TIMEOUT);
  assert_string_equal(call.error.message, "timed out after 60 s; last attempt: Service Unavailable");
  assert_int_equal(call.error.status, 503);
  assert_true(call.error.maybe_applied);
}

TEST(a_cancel_during_a_pause_takes_effect_at_once_and_leaks_nothing) {
  send_at(BEGIN);
  feed_status_at(&call, 503, 30, BEGIN);
  assert_waits(&call, 30, BEGIN);
  fail_with(FAILURE_CANCELED, false, BEGIN + 1);
  assert_done(ERROR_CANCELED);
  assert_true(call.error.maybe_applied);
  client_close(&client);
  memory_assert_all_back(&memory);
}

/* --- 429 */

TEST(a_call_waits_after_a_429_without_using_a_retry) {
  double now = BEGIN;
  client.max_retries = 0;
  for (int i = 0; i < 10; i++) {
    send_at(now);
    feed_status_at(&call, 429, 2, now);
    assert_int_equal(call.state, CALL_DECIDING);
    double refused_at = now;
    do {
      assert_int_equal(call_next(&call, now), CALL_WAIT);
      assert_int_equal(call.waits_for, CALL_WAITS_FOR_RATE);
      now += call.wait;
    } while (now < refused_at + 2);
    while (bucket_wait(&client.bucket, now) > 0) now += bucket_wait(&client.bucket, now);
  }
  send_at(now);
  assert_int_equal(call.retries, 0);
  succeed_at(&call, now);
}

TEST(a_call_waits_after_a_429_without_a_time_too) {
  send_at(BEGIN);
  feed_status_at(&call, 429, -1, BEGIN);
  assert_int_equal(call_next(&call, BEGIN), CALL_WAIT);
  assert_true(call.wait > 0);
}

TEST(a_429_with_a_time_after_the_deadline_ends_the_call_at_once) {
  send_at(BEGIN);
  feed_status_at(&call, 429, TIMEOUT, BEGIN);
  assert_done(ERROR_LIMIT);
  assert_int_equal(call.error.status, 429);
  assert_seconds(call.error.retry_after, TIMEOUT);
  assert_int_equal(call.error.attempts, 1);
  assert_false(call.error.maybe_applied);
}

/* A call gets a 429: the tenant refuses everything for this many seconds from BEGIN on. */
static void shut(double seconds) {
  struct response response;
  response_open(&response, 429);
  response.retry_seconds = seconds;
  response.code = TEXT("too_many_requests");
  response.message = TEXT("Global limit has been reached");
  send_at(BEGIN);
  assert_false(call_feed(&call, &response, BEGIN));
}

TEST(the_next_calls_too_end_at_once_while_a_429_lasts_beyond_their_deadline) {
  open_crowd();
  shut(70);
  assert_done(ERROR_LIMIT);
  crowd[1].timeout = 65;
  for (int i = 0; i < 2; i++) {
    assert_int_equal(call_next(&crowd[i], BEGIN + 4), CALL_DONE);
    assert_ended(&crowd[i], ERROR_LIMIT);
    assert_string_equal(crowd[i].error.message, "Global limit has been reached");
    assert_string_equal(crowd[i].error.code, "too_many_requests");
    assert_int_equal(crowd[i].error.status, 429);
    assert_int_equal(crowd[i].error.attempts, 0);
    assert_seconds(crowd[i].error.retry_after, 66);
  }
  assert_int_equal(call_next(&crowd[2], BEGIN + 11), CALL_WAIT);
  send_with(&crowd[2], "s3cr3t", BEGIN + 70);
}

TEST(a_call_that_waits_already_ends_when_a_429_outlasts_it) {
  open_crowd();
  crowd[0].timeout = 20;
  assert_int_equal(call_next(&crowd[0], BEGIN), CALL_SEND);
  fail_at(&crowd[0], FAILURE_CONNECT, false, BEGIN);
  assert_int_equal(call_next(&crowd[0], BEGIN), CALL_WAIT);
  shut(30);
  assert_int_equal(call.state, CALL_DECIDING);
  assert_int_equal(call_next(&crowd[0], BEGIN), CALL_DONE);
  assert_ended(&crowd[0], ERROR_LIMIT);
  assert_seconds(crowd[0].error.retry_after, 30);
  assert_int_equal(call_next(&crowd[1], BEGIN), CALL_WAIT);
}

TEST(a_429_for_hours_is_put_to_the_test_every_five_minutes) {
  open_crowd();
  for (int i = 0; i < 3; i++) crowd[i].timeout = 1000;
  shut(7200);
  assert_done(ERROR_LIMIT);
  assert_int_equal(call_next(&crowd[0], BEGIN + 300 - MILLISECOND), CALL_DONE);
  assert_ended(&crowd[0], ERROR_LIMIT);
  send_with(&crowd[1], "s3cr3t", BEGIN + 300);
  feed_status_at(&crowd[1], 429, 10, BEGIN + 300);
  assert_int_equal(crowd[1].state, CALL_DECIDING);
  assert_int_equal(call_next(&crowd[2], BEGIN + 300), CALL_WAIT);
  send_with(&crowd[2], "s3cr3t", BEGIN + 310);
}

TEST(a_deadline_that_passes_during_the_wait_after_a_429_reports_the_429) {
  send_at(BEGIN);
  feed_status_at(&call, 429, 30, BEGIN);
  assert_int_equal(call_next(&call, BEGIN + TIMEOUT), CALL_DONE);
  assert_done(ERROR_TIMEOUT);
  assert_int_equal(call.error.status, 429);
  assert_seconds(call.error.retry_after, 30);
}

TEST(a_429_between_two_failures_does_not_use_up_the_retries) {
  double now = BEGIN;
  client.max_retries = 2;
  for (int i = 0; i < 3; i++) {
    enum call_step step;
    while ((step = call_next(&call, now)) == CALL_WAIT) now += call.wait;
    assert_int_equal(step, CALL_SEND);
    feed_status_at(&call, 429, 1, now);
    while ((step = call_next(&call, now)) == CALL_WAIT) now += call.wait;
    assert_int_equal(step, CALL_SEND);
    feed_status_at(&call, 503, -1, now);
  }
  assert_done(ERROR_API);
  assert_int_equal(call.error.attempts, 6);
}

/* --- what may have been applied */

TEST(maybe_applied_stays_set_through_later_attempts) {
  send_at(BEGIN);
  fail_with(FAILURE_TRANSPORT, true, BEGIN);
  double now = after_pause(BEGIN);
  send_at(now);
  feed_status_at(&call, 403, -1, now);
  assert_done(ERROR_API);
  assert_true(call.error.maybe_applied);
}

TEST(a_request_that_was_never_read_was_not_applied) {
  double now = BEGIN;
  for (int i = 0; i < 5; i++) {
    send_at(now);
    fail_with(FAILURE_TRANSPORT, false, now);
    if (i < 4) now = after_pause(now);
  }
  assert_done(ERROR_TRANSPORT);
  assert_false(call.error.maybe_applied);
}

TEST(maybe_applied_is_never_set_for_a_list) {
  double now = BEGIN;
  for (int i = 0; i < 5; i++) {
    send_at(now);
    fail_with(FAILURE_TIMEOUT, true, now);
    if (i < 4) now = after_pause(now);
  }
  assert_done(ERROR_TIMEOUT);
  assert_false(call.error.maybe_applied);
}

TEST(a_write_that_is_not_idempotent_is_not_retried_once_it_may_have_been_read) {
  static const int statuses[] = {408, 500, 502, 503, 504};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    open_creation();
    send_at(BEGIN);
    feed_status(statuses[i]);
    assert_done(ERROR_API);
    assert_int_equal(call.error.attempts, 1);
    assert_true(call.error.maybe_applied);
  }
  open_creation();
  send_at(BEGIN);
  fail_with(FAILURE_TIMEOUT, true, BEGIN + 30);
  assert_done(ERROR_TIMEOUT);
  assert_true(call.error.maybe_applied);
}

TEST(a_write_that_is_not_idempotent_is_retried_if_it_was_not_read) {
  open_creation();
  send_at(BEGIN);
  fail_with(FAILURE_CONNECT, false, BEGIN);
  double now = after_pause(BEGIN);
  send_at(now);
  feed_status_at(&call, 429, 1, now);
  while (call_next(&call, now) == CALL_WAIT) now += call.wait;
  assert_int_equal(call.state, CALL_SENDING);
  succeed_at(&call, now);
}

/* --- one write per user at a time */

TEST(writes_to_one_user_are_sent_one_by_one_in_order) {
  for (int i = 0; i < 3; i++) open_another(&crowd[i], operation_find("remove_user_permissions"), "auth0|9");
  for (int i = 0; i < 3; i++) call_begin(&crowd[i], BEGIN);
  assert_waits(&crowd[2], 0.1, BEGIN);
  assert_waits(&crowd[1], 0.1, BEGIN);
  send_with(&crowd[0], "s3cr3t", BEGIN);
  assert_waits(&crowd[1], 0.1, BEGIN + 1);
  unsigned long changes = client.changes;
  succeed_at(&crowd[0], BEGIN + 1);
  assert_true(client.changes != changes);
  assert_waits(&crowd[2], 0.1, BEGIN + 1);
  send_with(&crowd[1], "s3cr3t", BEGIN + 1);
  succeed_at(&crowd[1], BEGIN + 2);
  send_with(&crowd[2], "s3cr3t", BEGIN + 2);
}

TEST(a_pausing_write_keeps_its_turn) {
  open_another(&crowd[0], operation_find("assign_user_permissions"), "auth0|1");
  send_at(BEGIN);
  call_begin(&crowd[0], BEGIN);
  feed_status_at(&call, 503, 10, BEGIN + 1);
  assert_waits(&crowd[0], 0.1, BEGIN + 5);
  send_at(BEGIN + 11);
  assert_waits(&crowd[0], 0.1, BEGIN + 11);
  succeed_at(&call, BEGIN + 12);
  send_with(&crowd[0], "s3cr3t", BEGIN + 12);
}

TEST(lists_and_writes_to_others_do_not_wait_for_a_write) {
  open_another(&crowd[0], operation_find("list_user_permissions"), "auth0|1");
  open_another(&crowd[1], operation_find("remove_user_permissions"), "auth0|2");
  hold_rate(10, BEGIN);
  call_begin(&call, BEGIN);
  for (int i = 0; i < 2; i++) {
    assert_waits(&crowd[i], RATE_LOOK, BEGIN);
    assert_int_equal(crowd[i].waits_for, CALL_WAITS_FOR_RATE);
  }
}

TEST(a_write_past_its_deadline_does_not_hold_up_others) {
  call.timeout = 5;
  call_begin(&call, BEGIN);
  open_another(&crowd[0], operation_find("remove_user_permissions"), "auth0|1");
  assert_waits(&crowd[0], 0.1, BEGIN + 5 - MILLISECOND);
  send_with(&crowd[0], "s3cr3t", BEGIN + 5);
}

TEST(a_closed_write_lets_the_next_one_start) {
  call_begin(&call, BEGIN);
  open_another(&crowd[0], operation_find("remove_user_permissions"), "auth0|1");
  assert_waits(&crowd[0], 0.1, BEGIN);
  call_close(&call);
  call = (struct call){0};
  send_with(&crowd[0], "s3cr3t", BEGIN);
}

TEST(a_cancel_or_deadline_while_a_write_waits_its_turn_leaks_nothing) {
  call_begin(&call, BEGIN);
  for (int i = 0; i < 3; i++) {
    open_another(&crowd[i], operation_find("remove_user_permissions"), "auth0|1");
    crowd[i].timeout = i == 1 ? 10 : 60;
    assert_waits(&crowd[i], 0.1, BEGIN);
  }
  fail_at(&crowd[0], FAILURE_CANCELED, false, BEGIN + 1);
  assert_ended(&crowd[0], ERROR_CANCELED);
  assert_false(crowd[0].error.maybe_applied);
  assert_int_equal(call_next(&crowd[1], BEGIN + 10), CALL_DONE);
  assert_ended(&crowd[1], ERROR_TIMEOUT);
  assert_string_equal(crowd[1].error.message,
                      "timed out after 10 s while waiting for an earlier change to the same user or role");
  send_at(BEGIN + 10);
  succeed_at(&call, BEGIN + 10);
  send_with(&crowd[2], "s3cr3t", BEGIN + 10);
}

TEST(a_wait_for_a_turn_never_passes_the_deadline) {
  call_begin(&call, BEGIN);
  open_another(&crowd[0], operation_find("remove_user_permissions"), "auth0|1");
  crowd[0].timeout = 0.0625;
  assert_waits(&crowd[0], 0.0625, BEGIN);
}

/* --- pacing */

TEST(the_first_request_is_a_probe_and_others_are_sent_after_its_response) {
  open_crowd();
  send_at(BEGIN);
  assert_int_equal(call_next(&crowd[0], BEGIN), CALL_WAIT);
  assert_int_equal(crowd[0].waits_for, CALL_WAITS_FOR_RATE);
  succeed_at(&call, BEGIN + 0.125);
  send_with(&crowd[0], "s3cr3t", BEGIN + 0.125);
}

TEST(a_request_without_a_response_does_not_hold_up_the_others_for_long) {
  open_crowd();
  send_at(BEGIN);
  fail_with(FAILURE_CANCELED, true, BEGIN);
  send_with(&crowd[0], "s3cr3t", BEGIN);
}

TEST(a_call_that_is_closed_with_its_request_in_flight_does_not_hold_up_others) {
  open_crowd();
  send_at(BEGIN);
  call_close(&call);
  call = (struct call){0};
  send_with(&crowd[0], "s3cr3t", BEGIN);
}

TEST(a_call_that_is_aborted_with_its_request_in_flight_does_not_hold_up_others) {
  open_crowd();
  send_at(BEGIN);
  call_overrule(&call, &(struct failure){.kind = FAILURE_MEMORY, .maybe_read = true, .message = "lost"});
  assert_done(ERROR_MEMORY);
  send_with(&crowd[0], "s3cr3t", BEGIN);
}

int test_attempts(void) {
  static const struct CMUnitTest tests[] = {
      REMOVAL(a_503_is_retried_after_a_pause_and_no_earlier),
      REMOVAL(a_call_makes_five_attempts_and_ends_with_the_last_error),
      REMOVAL(a_call_without_retries_makes_one_attempt),
      REMOVAL(refused_reset_and_timed_out_connections_are_retried),
      REMOVAL(permanent_failures_are_not_retried),
      REMOVAL(a_server_that_fails_verification_is_not_retried),
      REMOVAL(a_retry_after_is_obeyed_to_the_millisecond),
      REMOVAL(a_retry_after_of_zero_is_still_a_pause),
      REMOVAL(a_retry_after_date_is_obeyed_whatever_the_clocks_show),
      REMOVAL(an_absurd_retry_after_is_ignored),
      REMOVAL(a_call_ends_at_once_with_the_last_error_when_its_pause_would_pass_the_deadline),
      REMOVAL(a_call_makes_a_pause_that_ends_a_millisecond_before_the_deadline),
      REMOVAL(retries_never_outlive_the_deadline),
      REMOVAL(a_deadline_during_a_pause_ends_the_call_and_reports_the_reason_for_the_pause),
      REMOVAL(a_cancel_during_a_pause_takes_effect_at_once_and_leaks_nothing),
      REMOVAL(a_call_waits_after_a_429_without_using_a_retry),
      REMOVAL(a_call_waits_after_a_429_without_a_time_too),
      REMOVAL(a_429_with_a_time_after_the_deadline_ends_the_call_at_once),
      REMOVAL(the_next_calls_too_end_at_once_while_a_429_lasts_beyond_their_deadline),
      REMOVAL(a_call_that_waits_already_ends_when_a_429_outlasts_it),
      REMOVAL(a_429_for_hours_is_put_to_the_test_every_five_minutes),
      REMOVAL(a_deadline_that_passes_during_the_wait_after_a_429_reports_the_429),
      REMOVAL(a_429_between_two_failures_does_not_use_up_the_retries),
      REMOVAL(maybe_applied_stays_set_through_later_attempts),
      REMOVAL(a_request_that_was_never_read_was_not_applied),
      LIST(maybe_applied_is_never_set_for_a_list),
      REMOVAL(a_write_that_is_not_idempotent_is_not_retried_once_it_may_have_been_read),
      REMOVAL(a_write_that_is_not_idempotent_is_retried_if_it_was_not_read),
      REMOVAL(writes_to_one_user_are_sent_one_by_one_in_order),
      REMOVAL(a_pausing_write_keeps_its_turn),
      REMOVAL(lists_and_writes_to_others_do_not_wait_for_a_write),
      REMOVAL(a_write_past_its_deadline_does_not_hold_up_others),
      REMOVAL(a_closed_write_lets_the_next_one_start),
      REMOVAL(a_cancel_or_deadline_while_a_write_waits_its_turn_leaks_nothing),
      REMOVAL(a_wait_for_a_turn_never_passes_the_deadline),
      REMOVAL(the_first_request_is_a_probe_and_others_are_sent_after_its_response),
      REMOVAL(a_request_without_a_response_does_not_hold_up_the_others_for_long),
      REMOVAL(a_call_that_is_closed_with_its_request_in_flight_does_not_hold_up_others),
      REMOVAL(a_call_that_is_aborted_with_its_request_in_flight_does_not_hold_up_others),
  };
  return cmocka_run_group_tests_name("attempts", tests, NULL, NULL);
}
