#include "core/call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"

TEST(a_removal_sends_its_request_and_is_done_with_the_response) {
  send_at(BEGIN);
  assert_string_equal(call.request.method, "DELETE");
  assert_string_equal(call.request.url, "https://acme.eu.auth0.com/api/v2/users/auth0%7C1/permissions");
  assert_string_equal(call.request.headers[0], "Authorization: Bearer s3cr3t");
  assert_memory_equal(call.request.headers[1], "Auth0-Client: ", 14);
  assert_string_equal(call.request.headers[1] + 14, client.agent.data);
  feed_status(204);
  assert_done(ERROR_NONE);
  assert_int_equal(call.error.attempts, 1);
}

TEST(a_done_call_holds_no_memory_of_its_own) {
  send_at(BEGIN);
  feed_status(204);
  client_close(&client);
  memory_assert_all_back(&memory);
}

TEST(an_assignment_is_a_post_that_ends_with_201) {
  call_close(&call);
  open_call("assign_user_permissions");
  send_at(BEGIN);
  assert_string_equal(call.request.method, "POST");
  feed_status(201);
  assert_done(ERROR_NONE);
}

/* Checks that this response to the removal, which makes only one attempt, ends the call with this error. */
static void check_response(int status, const char *code, enum error_kind kind, bool maybe_applied) {
  struct response response;
  response_open(&response, status);
  response.code = text_of(code);
  response.message = TEXT("what s3cr3t happened");
  client.max_retries = 0;
  send_at(BEGIN);
  assert_false(call_feed(&call, &response, BEGIN + 1));
  assert_done(kind);
  assert_int_equal(call.error.status, status);
  assert_int_equal(call.error.attempts, 1);
  assert_string_equal(call.error.code, code);
  assert_int_equal(call.error.maybe_applied, maybe_applied);
  assert_seconds(call.error.retry_after, -1);
  if (status >= 400) assert_string_equal(call.error.message, "what [secret] happened");
}

TEST(a_400_ends_the_call_as_an_api_error) {
  check_response(400, "invalid_body", ERROR_API, false);
}

TEST(a_400_for_a_token_that_is_not_a_jwt_ends_the_call_as_a_token_error) {
  check_response(400, "Bearer", ERROR_TOKEN, false);
}

TEST(a_401_ends_the_call_as_a_token_error) {
  check_response(401, "", ERROR_TOKEN, false);
}

TEST(a_403_ends_the_call_as_an_api_error) {
  check_response(403, "insufficient_scope", ERROR_API, false);
}

TEST(a_404_ends_the_call_as_an_api_error) {
  check_response(404, "inexistent_user", ERROR_API, false);
}

TEST(a_408_ends_the_call_and_may_have_been_applied) {
  check_response(408, "", ERROR_API, true);
}

TEST(a_409_ends_the_call_as_an_api_error) {
  check_response(409, "", ERROR_API, false);
}

TEST(a_413_ends_the_call_as_an_api_error) {
  check_response(413, "", ERROR_API, false);
}

TEST(a_500_ends_the_call_and_may_have_been_applied) {
  check_response(500, "", ERROR_API, true);
}

TEST(a_503_ends_the_call_and_may_have_been_applied) {
  check_response(503, "", ERROR_API, true);
}

TEST(a_200_in_place_of_a_204_is_a_protocol_error_and_may_have_been_applied) {
  send_at(BEGIN);
  feed_status(200);
  assert_done(ERROR_PROTOCOL);
  assert_int_equal(call.error.status, 200);
  assert_true(call.error.maybe_applied);
}

TEST(a_redirect_is_a_protocol_error_and_is_not_followed) {
  send_at(BEGIN);
  feed_status(302);
  assert_done(ERROR_PROTOCOL);
  assert_false(call.error.maybe_applied);
}

TEST(an_html_502_is_an_api_error_that_says_so) {
  struct response response;
  response_open(&response, 502);
  response.html = true;
  response.body = RESPONSE_OTHER;
  client.max_retries = 0;
  send_at(BEGIN);
  assert_false(call_feed(&call, &response, BEGIN));
  assert_done(ERROR_API);
  assert_contains(call.error.message, "HTML");
  assert_true(call.error.maybe_applied);
}

TEST(each_failure_of_a_request_ends_the_call_with_its_kind) {
  static const struct {
    enum failure_kind failure;
    enum error_kind kind;
  } rows[] = {
      {FAILURE_CONNECT, ERROR_TRANSPORT},   {FAILURE_TLS, ERROR_TRANSPORT},     {FAILURE_TIMEOUT, ERROR_TIMEOUT},
      {FAILURE_TRANSPORT, ERROR_TRANSPORT}, {FAILURE_PROTOCOL, ERROR_PROTOCOL}, {FAILURE_TOKEN, ERROR_TOKEN},
      {FAILURE_MEMORY, ERROR_MEMORY},       {FAILURE_CANCELED, ERROR_CANCELED}, {FAILURE_CLOSED, ERROR_CLOSED},
  };
  for (size_t i = 0; i < 2 * COUNT(rows); i++) {
    bool maybe_read = i % 2 == 0;
    call_close(&call);
    open_call("remove_user_permissions");
    client.max_retries = 0;
    send_at(BEGIN);
    fail_with(rows[i / 2].failure, maybe_read, BEGIN + 1);
    assert_done(rows[i / 2].kind);
    assert_string_equal(call.error.message, "broken");
    assert_int_equal(call.error.attempts, 1);
    assert_int_equal(call.error.maybe_applied, maybe_read);
  }
}

TEST(the_deadline_counts_from_the_first_step) {
  send_at(BEGIN);
  assert_seconds(call.deadline, BEGIN + TIMEOUT);
}

TEST(beginning_a_call_again_keeps_its_first_deadline) {
  call_begin(&call, BEGIN - 20);
  call_begin(&call, BEGIN - 10);
  send_at(BEGIN);
  assert_seconds(call.deadline, BEGIN - 20 + TIMEOUT);
}

TEST(a_call_still_sends_a_millisecond_before_its_deadline) {
  call_begin(&call, BEGIN);
  send_at(BEGIN + TIMEOUT - MILLISECOND);
  assert_seconds(call.request.time_limit, MILLISECOND);
  assert_seconds(call.request.connect_limit, MILLISECOND);
}

TEST(a_call_at_its_deadline_has_timed_out) {
  call_begin(&call, BEGIN);
  assert_int_equal(call_next(&call, BEGIN + TIMEOUT), CALL_DONE);
  assert_done(ERROR_TIMEOUT);
  assert_string_equal(call.error.message, "timed out after 60 s");
  assert_int_equal(call.error.attempts, 0);
  assert_false(call.error.maybe_applied);
}

TEST(a_call_can_have_a_timeout_of_its_own) {
  call.timeout = 2;
  call_begin(&call, BEGIN);
  assert_int_equal(call_next(&call, BEGIN + 2), CALL_DONE);
  assert_string_equal(call.error.message, "timed out after 2 s");
}

TEST(a_request_has_its_own_timeouts_while_the_deadline_is_far) {
  send_at(BEGIN);
  assert_seconds(call.request.time_limit, 30);
  assert_seconds(call.request.connect_limit, 10);
}

TEST(a_request_has_only_the_remaining_time_when_the_deadline_is_near) {
  call_begin(&call, BEGIN);
  send_at(BEGIN + TIMEOUT - 20);
  assert_seconds(call.request.time_limit, 20);
  assert_seconds(call.request.connect_limit, 10);
}

TEST(a_request_that_reaches_the_deadline_is_reported_as_a_missed_deadline) {
  send_at(BEGIN);
  fail_with(FAILURE_TIMEOUT, true, BEGIN + TIMEOUT);
  assert_done(ERROR_TIMEOUT);
  assert_string_equal(call.error.message, "timed out after 60 s");
  assert_true(call.error.maybe_applied);
  assert_int_equal(call.error.attempts, 1);
}

TEST(a_request_that_reaches_its_own_timeout_keeps_the_drivers_message) {
  client.max_retries = 0;
  send_at(BEGIN);
  fail_with(FAILURE_TIMEOUT, false, BEGIN + TIMEOUT - 16 * MILLISECOND);
  assert_done(ERROR_TIMEOUT);
  assert_string_equal(call.error.message, "broken");
}

TEST(a_timeout_just_before_the_deadline_counts_as_the_deadline) {
  send_at(BEGIN);
  fail_with(FAILURE_TIMEOUT, false, BEGIN + TIMEOUT - 8 * MILLISECOND);
  assert_done(ERROR_TIMEOUT);
  assert_string_equal(call.error.message, "timed out after 60 s");
  assert_false(call.error.maybe_applied);
}

TEST(another_failure_after_the_deadline_keeps_its_kind) {
  send_at(BEGIN);
  fail_with(FAILURE_CANCELED, true, BEGIN + TIMEOUT + 1);
  assert_done(ERROR_CANCELED);
}

TEST(a_call_waits_until_the_bucket_is_ready) {
  hold_rate(2.5, BEGIN);
  assert_waits(&call, RATE_LOOK, BEGIN);
  assert_int_equal(call.waits_for, CALL_WAITS_FOR_RATE);
  assert_waits(&call, RATE_LOOK, BEGIN + 1);
  assert_waits(&call, MILLISECOND, BEGIN + 2.5 - MILLISECOND);
  assert_int_equal(call.state, CALL_DECIDING);
  send_at(BEGIN + 2.5);
  assert_int_equal(call.attempts, 1);
}

/* One request has left, and the next may leave 100 seconds later. */
static void slow_down(void) {
  client.bucket.options.max_rate = 0.01;
  bucket_sent(&client.bucket, BEGIN);
}

TEST(a_wait_never_passes_the_deadline) {
  slow_down();
  assert_waits(&call, RATE_LOOK, BEGIN);
  assert_waits(&call, 0.125, BEGIN + TIMEOUT - 0.125);
}

/* Looks just before a request may leave, as closely as the clock can tell. */
TEST(after_a_wait_for_the_rate_limit_the_clock_shows_another_time) {
  double now = BEGIN;
  for (int i = 0; i < 3000; i++) {
    double leave = now + bucket_wait(&client.bucket, now);
    for (int step = 0; step < 4; step++, leave = nextafter(leave, 0)) {
      if (bucket_wait(&client.bucket, leave) <= 0) continue;
      call.begun = false;
      assert_int_equal(call_next(&call, leave), CALL_WAIT);
      assert_true(leave + call.wait > leave);
    }
    now += bucket_wait(&client.bucket, now);
    struct bucket_response response = {.limit = 10, .remaining = i * 7 % 11, .retry_after = -1};
    response.ticket = bucket_sent(&client.bucket, now);
    now += 0.001 + i % 13 * 0.0007;
    bucket_received(&client.bucket, &response, now);
  }
}

TEST(a_deadline_that_passes_during_a_wait_ends_the_call_with_the_reason) {
  slow_down();
  assert_int_equal(call_next(&call, BEGIN), CALL_WAIT);
  assert_int_equal(call_next(&call, BEGIN + TIMEOUT - MILLISECOND), CALL_WAIT);
  assert_seconds(call.wait, MILLISECOND);
  assert_int_equal(call_next(&call, BEGIN + TIMEOUT), CALL_DONE);
  assert_done(ERROR_TIMEOUT);
  assert_string_equal(call.error.message, "timed out after 60 s while waiting for the rate limit");
  assert_int_equal(call.error.attempts, 0);
}

TEST(a_cancel_during_a_wait_takes_effect_at_once) {
  hold_rate(50, BEGIN);
  assert_int_equal(call_next(&call, BEGIN), CALL_WAIT);
  fail_with(FAILURE_CANCELED, false, BEGIN + 1);
  assert_done(ERROR_CANCELED);
  assert_false(call.error.maybe_applied);
}

TEST(a_cancel_before_the_first_step_sends_nothing) {
  fail_with(FAILURE_CANCELED, false, BEGIN);
  assert_done(ERROR_CANCELED);
  assert_int_equal(call.error.attempts, 0);
}

TEST(a_failure_before_the_first_step_keeps_its_message) {
  fail_with(FAILURE_TIMEOUT, false, BEGIN);
  assert_done(ERROR_TIMEOUT);
  assert_string_equal(call.error.message, "broken");
}

TEST(a_cancel_while_sending_ends_the_call_and_its_response_is_ignored) {
  send_at(BEGIN);
  fail_with(FAILURE_CANCELED, true, BEGIN + 1);
  assert_done(ERROR_CANCELED);
  assert_true(call.error.maybe_applied);
  feed_status(204);
  assert_done(ERROR_CANCELED);
}

TEST(a_response_without_a_request_is_ignored) {
  feed_status(404);
  assert_int_equal(call.state, CALL_DECIDING);
  send_at(BEGIN);
}

TEST(a_done_call_cannot_fail_afterwards) {
  send_at(BEGIN);
  feed_status(204);
  fail_with(FAILURE_CANCELED, true, BEGIN);
  assert_done(ERROR_NONE);
}

TEST(a_done_call_whose_result_is_lost_can_be_aborted) {
  send_at(BEGIN);
  feed_status(204);
  call_overrule(&call, &(struct failure){.kind = FAILURE_MEMORY, .maybe_read = true, .message = "lost"});
  assert_done(ERROR_MEMORY);
  assert_string_equal(call.error.message, "lost");
  assert_true(call.error.maybe_applied);
}

TEST(a_call_without_a_token_asks_for_one_and_then_sends) {
  assert_int_equal(call_next(&call, BEGIN), CALL_AUTHORIZE);
  assert_int_equal(call_next(&call, BEGIN), CALL_AUTHORIZE);
  call_authorize(&call, TEXT("s3cr3t"), HUGE_VAL, BEGIN);
  send_at(BEGIN + 1);
  assert_string_equal(call.request.headers[0], "Authorization: Bearer s3cr3t");
}

TEST(a_token_serves_every_call_of_its_client) {
  struct call other;
  call_authorize(&call, TEXT("s3cr3t"), HUGE_VAL, BEGIN);
  call_open(&other, &client, operation_find("list_user_permissions"));
  assert_int_equal(call_next(&other, BEGIN), CALL_SEND);
  call_close(&other);
}

/* Opens calls that want a token, which the first asks for. */
static void open_asking(int count) {
  for (int i = 0; i < count; i++) {
    open_another(&crowd[i], operation_find("list_user_permissions"), "auth0|1");
    assert_int_equal(call_next(&crowd[i], BEGIN), i == 0 ? CALL_AUTHORIZE : CALL_WAIT);
  }
}

TEST(one_call_asks_for_a_token_and_the_others_wait_for_it) {
  open_asking(3);
  assert_int_equal(crowd[1].waits_for, CALL_WAITS_FOR_TOKEN);
  call_authorize(&crowd[0], TEXT("s3cr3t"), HUGE_VAL, BEGIN);
  send_with(&crowd[0], "s3cr3t", BEGIN);
  assert_int_equal(call_next(&crowd[1], BEGIN), CALL_WAIT);
  assert_int_equal(crowd[1].waits_for, CALL_WAITS_FOR_RATE);
}

TEST(calls_that_waited_for_a_token_that_did_not_come_end_with_the_reason) {
  open_asking(3);
  fail_at(&crowd[0], FAILURE_TOKEN, false, BEGIN);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(call_next(&crowd[i], BEGIN), CALL_DONE);
    assert_ended(&crowd[i], ERROR_TOKEN);
    assert_string_equal(crowd[i].error.message, crowd[0].error.message);
  }
  assert_int_equal(call_next(&call, BEGIN), CALL_AUTHORIZE);
}

TEST(another_call_asks_for_the_token_when_the_one_that_asked_is_canceled) {
  open_asking(2);
  fail_at(&crowd[0], FAILURE_CANCELED, false, BEGIN);
  assert_int_equal(call_next(&crowd[1], BEGIN), CALL_AUTHORIZE);
}

TEST(a_token_that_is_gone_as_soon_as_it_was_given_ends_the_call) {
  assert_int_equal(call_next(&call, BEGIN), CALL_AUTHORIZE);
  call_authorize(&call, TEXT("s3cr3t"), MILLISECOND, BEGIN);
  assert_int_equal(call_next(&call, BEGIN + MILLISECOND), CALL_DONE);
  assert_done(ERROR_TOKEN);
  assert_string_equal(call.error.message, "the supplied token expired at once");
}

TEST(a_call_asks_for_a_new_token_when_the_old_one_has_expired) {
  open_asking(1);
  call_authorize(&crowd[0], TEXT("s3cr3t"), 10, BEGIN);
  send_with(&crowd[0], "s3cr3t", BEGIN);
  assert_int_equal(call_next(&call, BEGIN + 10), CALL_AUTHORIZE);
  call_authorize(&call, TEXT("newer"), 10, BEGIN + 10);
  send_at(BEGIN + 10);
  assert_string_equal(call.request.headers[0], "Authorization: Bearer newer");
}

TEST(a_token_is_used_until_it_expires) {
  call_authorize(&call, TEXT("s3cr3t"), 10, BEGIN);
  send_at(BEGIN + 10 - MILLISECOND);
}

TEST(a_token_that_does_not_fit_a_header_ends_the_call_as_a_token_error) {
  assert_int_equal(call_next(&call, BEGIN), CALL_AUTHORIZE);
  call_authorize(&call, TEXT("s3cr3t\n"), HUGE_VAL, BEGIN);
  assert_done(ERROR_TOKEN);
  assert_lacks(call.error.message, "s3cr3t");
}

TEST(a_token_that_has_expired_already_ends_the_call_as_a_token_error) {
  static const double expired[] = {0, -0.0, -1, -HUGE_VAL, NAN};
  for (size_t i = 0; i < COUNT(expired); i++) {
    call_close(&call);
    open_call("remove_user_permissions");
    assert_int_equal(call_next(&call, BEGIN), CALL_AUTHORIZE);
    call_authorize(&call, TEXT("s3cr3t"), expired[i], BEGIN);
    assert_done(ERROR_TOKEN);
    assert_string_equal(call.error.message, "the supplied token has already expired");
    assert_int_equal(call.error.attempts, 0);
    assert_text(token_value(&client.token), "");
  }
}

TEST(a_token_given_to_a_sending_call_is_ignored) {
  send_at(BEGIN);
  call_authorize(&call, TEXT("newer"), HUGE_VAL, BEGIN);
  call_authorize(&call, TEXT("bad\n"), HUGE_VAL, BEGIN);
  call_authorize(&call, TEXT("late"), 0, BEGIN);
  assert_int_equal(call.state, CALL_SENDING);
  assert_string_equal(call.request.headers[0], "Authorization: Bearer s3cr3t");
  assert_text(token_value(&client.token), "s3cr3t");
  feed_status(204);
  assert_done(ERROR_NONE);
}

TEST(a_token_given_to_a_done_call_is_ignored) {
  send_at(BEGIN);
  feed_status(204);
  call_authorize(&call, TEXT("newer"), HUGE_VAL, BEGIN);
  call_authorize(&call, TEXT("bad\n"), HUGE_VAL, BEGIN);
  call_authorize(&call, TEXT("late"), 0, BEGIN);
  assert_done(ERROR_NONE);
  assert_text(token_value(&client.token), "s3cr3t");
}

/* Another call of the client replaces the token that this call has sent. */
static void replace_token(void) {
  struct error error;
  send_at(BEGIN);
  assert_true(token_give(&client.token, TEXT("newer"), BEGIN, HUGE_VAL, &error));
}

TEST(a_replaced_token_that_a_response_repeats_is_not_in_the_error) {
  struct response response;
  response_open(&response, 401);
  response.code = TEXT("s3cr3t!");
  response.message = TEXT("bad token s3cr3t");
  replace_token();
  assert_false(call_feed(&call, &response, BEGIN));
  assert_done(ERROR_TOKEN);
  assert_string_equal(call.error.code, "[secret]!");
  assert_string_equal(call.error.message, "bad token [secret]");
}

TEST(a_replaced_token_that_a_failure_repeats_is_not_in_the_error) {
  client.max_retries = 0;
  replace_token();
  call_fail(&call, &(struct failure){.kind = FAILURE_TRANSPORT, .message = "sent s3cr3t"}, BEGIN);
  assert_done(ERROR_TRANSPORT);
  assert_string_equal(call.error.message, "sent [secret]");
}

TEST(a_failure_before_a_request_does_not_put_the_clients_token_into_the_error) {
  call_fail(&call, &(struct failure){.kind = FAILURE_MEMORY, .message = "no room for s3cr3t"}, BEGIN);
  assert_done(ERROR_MEMORY);
  assert_string_equal(call.error.message, "no room for [secret]");
  call_overrule(&call, &(struct failure){.kind = FAILURE_MEMORY, .message = "again s3cr3t"});
  assert_string_equal(call.error.message, "again [secret]");
}

TEST(a_missing_token_ends_the_call_as_a_token_error) {
  assert_int_equal(call_next(&call, BEGIN), CALL_AUTHORIZE);
  fail_with(FAILURE_TOKEN, false, BEGIN + 1);
  assert_done(ERROR_TOKEN);
  assert_int_equal(call.error.attempts, 0);
}

TEST(a_deadline_that_passes_while_a_token_is_awaited_ends_the_call) {
  assert_int_equal(call_next(&call, BEGIN), CALL_AUTHORIZE);
  call_authorize(&call, TEXT("s3cr3t"), HUGE_VAL, BEGIN + TIMEOUT);
  assert_int_equal(call_next(&call, BEGIN + TIMEOUT), CALL_DONE);
  assert_done(ERROR_TIMEOUT);
}

TEST(a_call_of_a_closed_client_sends_nothing) {
  client_close(&client);
  assert_int_equal(call_next(&call, BEGIN), CALL_DONE);
  assert_done(ERROR_CLOSED);
  assert_string_equal(call.error.message, "the client is closed");
  assert_int_equal(call.error.attempts, 0);
}

TEST(a_token_for_a_closed_client_ends_the_call_and_is_not_stored) {
  client_close(&client);
  call_authorize(&call, TEXT("s3cr3t"), HUGE_VAL, BEGIN);
  assert_done(ERROR_CLOSED);
  memory_assert_all_back(&memory);
}

TEST(a_call_that_was_never_opened_can_be_closed) {
  struct call unopened = {0};
  call_close(&unopened);
}

/* Plays a whole call of this operation, with a token that is given on demand. */
static bool live(const char *name, struct allocator allocator, struct error *error) {
  struct client_options options = client_defaults();
  struct client lived = {0};
  bool good;
  options.domain = TEXT("acme.eu.auth0.com");
  options.lua_version = TEXT("5.4");
  if ((good = client_open(&lived, &options, allocator, error))) {
    call_open(&call, &lived, operation_find(name));
    good = request_identify(&call.request, "user_id", TEXT("auth0|1"), error);
    if (good && call.operation->body == BODY_PERMISSIONS) {
      good =
          request_add_permission(&call.request, TEXT("a"), TEXT("b"), error) && request_end_list(&call.request, error);
    }
    while (good && call.state != CALL_FINISHED) {
      enum call_step step = call_next(&call, BEGIN);
      if (step == CALL_AUTHORIZE) call_authorize(&call, TEXT("s3cr3t"), HUGE_VAL, BEGIN);
      if (step != CALL_SEND) continue;
      struct response response;
      response_open(&response, call.operation->success);
      if (call.operation->result == RESULT_LIST) response = requested_page(50, 120);
      call_feed(&call, &response, BEGIN);
    }
    if (good && call.error.kind != ERROR_NONE) {
      *error = call.error;
      good = false;
    }
    call_close(&call);
  }
  client_close(&lived);
  return good;
}

static bool live_removing(struct allocator allocator, struct error *error) {
  return live("remove_user_permissions", allocator, error);
}

static bool live_listing(struct allocator allocator, struct error *error) {
  return live("list_user_permissions", allocator, error);
}

TEST(a_removal_reports_every_failed_allocation_and_leaks_nothing) {
  torture(live_removing);
}

TEST(a_list_reports_every_failed_allocation_and_leaks_nothing) {
  torture(live_listing);
}

static const struct call *woken;
static int wakes;

static bool note_wake(struct call *waiting) {
  if (waiting->driver == &wakes) return false;
  woken = waiting;
  wakes++;
  return true;
}

TEST(the_end_of_a_write_wakes_only_the_next_write_to_the_same_user) {
  const struct operation *removal = operation_find("remove_user_permissions");
  wakes = 0;
  client.wake = note_wake;
  open_another(&crowd[0], removal, "auth0|2");
  open_another(&crowd[1], removal, "auth0|1");
  open_another(&crowd[2], removal, "auth0|1");
  send_with(&crowd[0], "s3cr3t", 0);
  succeed_at(&crowd[0], 0);
  assert_int_equal(wakes, 0);
  send_at(1);
  assert_int_equal(call_next(&crowd[1], 1), CALL_WAIT);
  assert_int_equal(crowd[1].waits_for, CALL_WAITS_FOR_WRITER);
  assert_int_equal(call_next(&crowd[2], 1), CALL_WAIT);
  feed_status(204);
  assert_int_equal(wakes, 1);
  assert_ptr_equal(woken, &crowd[1]);
  send_with(&crowd[1], "s3cr3t", 2);
}

TEST(the_end_of_a_write_wakes_the_one_behind_a_write_that_was_given_up) {
  const struct operation *removal = operation_find("remove_user_permissions");
  wakes = 0;
  client.wake = note_wake;
  for (int i = 0; i < 3; i++) open_another(&crowd[i], removal, "auth0|1");
  crowd[0].driver = crowd[1].driver = &wakes;
  crowd[1].timeout = 1;
  send_with(&crowd[0], "s3cr3t", 0);
  assert_int_equal(call_next(&crowd[1], 0), CALL_WAIT);
  assert_int_equal(call_next(&crowd[2], 2), CALL_WAIT);
  succeed_at(&crowd[0], 3);
  assert_int_equal(wakes, 1);
  assert_ptr_equal(woken, &crowd[2]);
  send_with(&crowd[2], "s3cr3t", 3);
}

int test_call(void) {
  static const struct CMUnitTest tests[] = {
      REMOVAL(the_end_of_a_write_wakes_only_the_next_write_to_the_same_user),
      REMOVAL(the_end_of_a_write_wakes_the_one_behind_a_write_that_was_given_up),
      REMOVAL(a_removal_sends_its_request_and_is_done_with_the_response),
      REMOVAL(a_done_call_holds_no_memory_of_its_own),
      REMOVAL(an_assignment_is_a_post_that_ends_with_201),
      REMOVAL(a_400_ends_the_call_as_an_api_error),
      REMOVAL(a_400_for_a_token_that_is_not_a_jwt_ends_the_call_as_a_token_error),
      REMOVAL(a_401_ends_the_call_as_a_token_error),
      REMOVAL(a_403_ends_the_call_as_an_api_error),
      REMOVAL(a_404_ends_the_call_as_an_api_error),
      REMOVAL(a_408_ends_the_call_and_may_have_been_applied),
      REMOVAL(a_409_ends_the_call_as_an_api_error),
      REMOVAL(a_413_ends_the_call_as_an_api_error),
      REMOVAL(a_500_ends_the_call_and_may_have_been_applied),
      REMOVAL(a_503_ends_the_call_and_may_have_been_applied),
      REMOVAL(a_200_in_place_of_a_204_is_a_protocol_error_and_may_have_been_applied),
      REMOVAL(a_redirect_is_a_protocol_error_and_is_not_followed),
      REMOVAL(an_html_502_is_an_api_error_that_says_so),
      REMOVAL(each_failure_of_a_request_ends_the_call_with_its_kind),
      REMOVAL(the_deadline_counts_from_the_first_step),
      REMOVAL(beginning_a_call_again_keeps_its_first_deadline),
      REMOVAL(a_call_still_sends_a_millisecond_before_its_deadline),
      REMOVAL(a_call_at_its_deadline_has_timed_out),
      REMOVAL(a_call_can_have_a_timeout_of_its_own),
      REMOVAL(a_request_has_its_own_timeouts_while_the_deadline_is_far),
      REMOVAL(a_request_has_only_the_remaining_time_when_the_deadline_is_near),
      REMOVAL(a_request_that_reaches_the_deadline_is_reported_as_a_missed_deadline),
      REMOVAL(a_request_that_reaches_its_own_timeout_keeps_the_drivers_message),
      REMOVAL(a_timeout_just_before_the_deadline_counts_as_the_deadline),
      REMOVAL(another_failure_after_the_deadline_keeps_its_kind),
      REMOVAL(a_call_waits_until_the_bucket_is_ready),
      REMOVAL(a_wait_never_passes_the_deadline),
      LIST(after_a_wait_for_the_rate_limit_the_clock_shows_another_time),
      REMOVAL(a_deadline_that_passes_during_a_wait_ends_the_call_with_the_reason),
      REMOVAL(a_cancel_during_a_wait_takes_effect_at_once),
      REMOVAL(a_cancel_before_the_first_step_sends_nothing),
      REMOVAL(a_failure_before_the_first_step_keeps_its_message),
      REMOVAL(a_cancel_while_sending_ends_the_call_and_its_response_is_ignored),
      REMOVAL(a_response_without_a_request_is_ignored),
      REMOVAL(a_done_call_cannot_fail_afterwards),
      REMOVAL(a_done_call_whose_result_is_lost_can_be_aborted),
      TOKENLESS(a_call_without_a_token_asks_for_one_and_then_sends),
      TOKENLESS(a_token_serves_every_call_of_its_client),
      TOKENLESS(one_call_asks_for_a_token_and_the_others_wait_for_it),
      TOKENLESS(calls_that_waited_for_a_token_that_did_not_come_end_with_the_reason),
      TOKENLESS(another_call_asks_for_the_token_when_the_one_that_asked_is_canceled),
      TOKENLESS(a_token_that_is_gone_as_soon_as_it_was_given_ends_the_call),
      TOKENLESS(a_call_asks_for_a_new_token_when_the_old_one_has_expired),
      TOKENLESS(a_token_is_used_until_it_expires),
      TOKENLESS(a_token_that_does_not_fit_a_header_ends_the_call_as_a_token_error),
      TOKENLESS(a_token_that_has_expired_already_ends_the_call_as_a_token_error),
      REMOVAL(a_token_given_to_a_sending_call_is_ignored),
      REMOVAL(a_token_given_to_a_done_call_is_ignored),
      REMOVAL(a_replaced_token_that_a_response_repeats_is_not_in_the_error),
      REMOVAL(a_replaced_token_that_a_failure_repeats_is_not_in_the_error),
      REMOVAL(a_failure_before_a_request_does_not_put_the_clients_token_into_the_error),
      TOKENLESS(a_missing_token_ends_the_call_as_a_token_error),
      TOKENLESS(a_deadline_that_passes_while_a_token_is_awaited_ends_the_call),
      REMOVAL(a_call_of_a_closed_client_sends_nothing),
      TOKENLESS(a_token_for_a_closed_client_ends_the_call_and_is_not_stored),
      cmocka_unit_test(a_call_that_was_never_opened_can_be_closed),
      cmocka_unit_test(a_removal_reports_every_failed_allocation_and_leaks_nothing),
      cmocka_unit_test(a_list_reports_every_failed_allocation_and_leaks_nothing),
  };
  return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
