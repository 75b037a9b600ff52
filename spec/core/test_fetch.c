/* Calls of a client that fetches its tokens: which call fetches, which calls wait, and what happens to them if the
 * fetch fails. Whole days are in test_days.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"

static const double DAY = 86400;

static const char SECRET[] = "s3cr3t-0f-the-client";

TEST(a_token_request_is_a_post_to_the_token_endpoint) {
  fetch_at(&call, BEGIN);
  const struct request *request = call_request(&call);
  assert_string_equal(request->method, "POST");
  assert_string_equal(request->url, "https://acme.eu.auth0.com/oauth/token");
  assert_text(request->body,
              "{\"grant_type\":\"client_credentials\",\"client_id\":\"me\","
              "\"audience\":\"https://acme.eu.auth0.com/api/v2/\",\"client_secret\":\"s3cr3t-0f-the-client\"}");
  assert_text(request->secret, "s3cr3t-0f-the-client");
  for (const char *const *header = request->headers; *header; header++) assert_lacks(*header, "Authorization");
  assert_seconds(request->time_limit, 30);
  assert_seconds(request->connect_limit, 10);
}

TEST(a_fetched_token_is_sent_and_the_fetch_does_not_count_as_an_attempt) {
  fetch_token(&call, "s3cr3t-1", DAY, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN + 0.5);
  assert_int_equal(call.attempts, 1);
  succeed_at(&call, BEGIN + 1);
}

TEST(a_token_ages_from_the_time_of_its_request) {
  fetch_at(&call, BEGIN);
  give_token(&call, "s3cr3t-1", 100, BEGIN + 20);
  assert_seconds(client.token.expires_at, BEGIN + 100);
}

TEST(a_token_without_an_expiry_time_is_used_for_good) {
  fetch_token(&call, "s3cr3t-1", -1, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  succeed_at(&call, BEGIN);
  open_crowd();
  send_with(&crowd[0], "s3cr3t-1", BEGIN + 1000 * DAY);
}

TEST(other_calls_wait_for_the_token_and_learn_when_it_arrives) {
  open_crowd();
  fetch_at(&call, BEGIN);
  for (int i = 0; i < CROWD; i++) assert_waits(&crowd[i], 0.1, BEGIN);
  assert_int_not_equal(crowd[0].waits_for, CALL_WAITS_FOR_RATE);
  unsigned long changes = client.changes;
  give_token(&call, "s3cr3t-1", DAY, BEGIN + 1);
  assert_true(client.changes != changes);
  send_with(&crowd[CROWD - 1], "s3cr3t-1", BEGIN + 1);
}

TEST(a_fetcher_that_is_canceled_is_followed_by_another) {
  open_crowd();
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  unsigned long changes = client.changes;
  fail_with(FAILURE_CANCELED, true, BEGIN + 1);
  assert_done(ERROR_CANCELED);
  assert_int_equal(call.error.attempts, 0);
  assert_true(client.changes != changes);
  fetch_token(&crowd[0], "s3cr3t-1", DAY, BEGIN + 1);
  send_with(&crowd[0], "s3cr3t-1", BEGIN + 1);
}

TEST(a_fetcher_that_is_closed_is_followed_by_another) {
  open_crowd();
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  call_close(&call);
  call = (struct call){0};
  fetch_at(&crowd[0], BEGIN);
}

TEST(a_fetcher_that_is_canceled_during_a_pause_is_followed_by_another) {
  open_crowd();
  fetch_at(&call, BEGIN);
  refuse_token(&call, 503, -1, BEGIN);
  assert_int_equal(call_next(&call, BEGIN), CALL_WAIT);
  assert_waits(&crowd[0], 0.1, BEGIN);
  fail_with(FAILURE_CANCELED, false, BEGIN);
  assert_done(ERROR_CANCELED);
  fetch_at(&crowd[0], BEGIN);
}

TEST(a_silent_fetcher_is_followed_by_another_and_its_late_token_is_harmless) {
  open_crowd();
  crowd[0].timeout = crowd[1].timeout = 300;
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN + 60 - MILLISECOND);
  fetch_at(&crowd[0], BEGIN + 60);
  assert_waits(&crowd[1], 0.1, BEGIN + 60);
  give_token(&call, "s3cr3t-1", DAY, BEGIN + 61);
  send_with(&crowd[1], "s3cr3t-1", BEGIN + 61);
  succeed_at(&crowd[1], BEGIN + 61);
  give_token(&crowd[0], "s3cr3t-2", DAY, BEGIN + 62);
  send_with(&crowd[0], "s3cr3t-2", BEGIN + 62);
}

TEST(a_fetcher_that_reaches_its_deadline_is_followed_by_another) {
  open_crowd();
  call.timeout = 5;
  fetch_at(&call, BEGIN);
  assert_seconds(call.token_request->time_limit, 5);
  assert_waits(&crowd[0], 0.1, BEGIN);
  fail_with(FAILURE_TIMEOUT, false, BEGIN + 5);
  assert_done(ERROR_TIMEOUT);
  assert_string_equal(call.error.message, "timed out after 5 s");
  fetch_at(&crowd[0], BEGIN + 5);
}

TEST(a_deadline_or_cancel_while_a_token_is_awaited_leaks_nothing) {
  open_crowd();
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  assert_waits(&crowd[1], 0.1, BEGIN);
  assert_int_equal(call_next(&crowd[0], BEGIN + TIMEOUT), CALL_DONE);
  assert_ended(&crowd[0], ERROR_TIMEOUT);
  fail_at(&crowd[1], FAILURE_CANCELED, false, BEGIN + 1);
  assert_ended(&crowd[1], ERROR_CANCELED);
  assert_ptr_equal(client.token.fetcher, &call);
  give_token(&call, "s3cr3t-1", DAY, BEGIN + 1);
}

TEST(a_token_request_is_retried_like_any_other_and_does_not_count_as_an_attempt) {
  double now = BEGIN;
  for (int i = 0; i < 4; i++) {
    fetch_at(&call, now);
    if (i % 2) {
      refuse_token(&call, 503, -1, now);
    } else {
      fail_with(FAILURE_CONNECT, false, now);
    }
    assert_int_equal(call_next(&call, now), CALL_WAIT);
    now += call.wait;
  }
  fetch_token(&call, "s3cr3t-1", DAY, now);
  send_with(&call, "s3cr3t-1", now);
  assert_int_equal(call.attempts, 1);
}

/* The first fetch fails in this way until the call gives up. */
static void give_up(int status, enum failure_kind failure) {
  double now = BEGIN;
  while (call.state != CALL_FINISHED) {
    fetch_at(&call, now);
    if (status) {
      refuse_token(&call, status, -1, now);
    } else {
      fail_with(failure, true, now);
    }
    if (call.state == CALL_FINISHED) break;
    assert_int_equal(call_next(&call, now), CALL_WAIT);
    now += call.wait;
  }
}

TEST(a_failed_token_request_ends_the_call_with_its_kind_and_nothing_was_applied) {
  static const struct {
    int status;
    enum failure_kind failure;
    enum error_kind kind;
  } rows[] = {
      {400, FAILURE_CONNECT, ERROR_TOKEN},     {401, FAILURE_CONNECT, ERROR_TOKEN},
      {403, FAILURE_CONNECT, ERROR_TOKEN},     {503, FAILURE_CONNECT, ERROR_TOKEN},
      {429, FAILURE_CONNECT, ERROR_LIMIT},     {302, FAILURE_CONNECT, ERROR_TOKEN},
      {200, FAILURE_CONNECT, ERROR_TOKEN},     {0, FAILURE_CONNECT, ERROR_TRANSPORT},
      {0, FAILURE_TLS, ERROR_TRANSPORT},       {0, FAILURE_TIMEOUT, ERROR_TIMEOUT},
      {0, FAILURE_TRANSPORT, ERROR_TRANSPORT}, {0, FAILURE_PROTOCOL, ERROR_PROTOCOL},
      {0, FAILURE_MEMORY, ERROR_MEMORY},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    close_all(NULL);
    open_with_secret(NULL);
    call_close(&call);
    open_call("remove_user_permissions");
    give_up(rows[i].status, rows[i].failure);
    assert_done(rows[i].kind);
    assert_memory_equal(call.error.message, "access token: ", 14);
    assert_int_equal(call.error.status, rows[i].status);
    assert_int_equal(call.error.attempts, 0);
    assert_false(call.error.maybe_applied);
  }
}

TEST(a_token_that_does_not_fit_a_header_is_a_token_error_and_not_repeated) {
  fetch_token(&call, "s3cr3t token", DAY, BEGIN);
  assert_done(ERROR_TOKEN);
  assert_lacks(call.error.message, "s3cr3t");
  assert_text(token_value(&client.token), "");
}

TEST(no_error_contains_the_clients_secret) {
  struct response response;
  response_open(&response, 401);
  response.code = text_of(SECRET);
  response.message = TEXT("wrong secret s3cr3t-0f-the-client!");
  open_crowd();
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  assert_false(call_feed(&call, &response, BEGIN));
  assert_done(ERROR_TOKEN);
  assert_string_equal(call.error.message, "access token: wrong secret [secret]!");
  assert_string_equal(call.error.code, "[secret]");
  assert_int_equal(call_next(&crowd[0], BEGIN), CALL_DONE);
  assert_ended(&crowd[0], ERROR_TOKEN);
  assert_string_equal(crowd[0].error.message, call.error.message);
  fetch_at(&crowd[1], BEGIN + 30);
  struct failure failure = {.kind = FAILURE_TLS, .message = "sent s3cr3t-0f-the-client to nobody"};
  call_fail(&crowd[1], &failure, BEGIN + 30);
  assert_string_equal(crowd[1].error.message, "access token: sent [secret] to nobody");
}

TEST(many_calls_without_a_token_make_one_token_request) {
  open_crowd();
  fetch_at(&crowd[7], BEGIN);
  for (int i = 0; i < CROWD; i++) {
    if (i != 7) assert_waits(&crowd[i], 0.1, BEGIN);
  }
  give_token(&crowd[7], "s3cr3t-1", DAY, BEGIN + 0.5);
  double now = BEGIN + 0.5;
  for (int i = 0; i < CROWD; i++) {
    while (call_next(&crowd[i], now) == CALL_WAIT) now += crowd[i].wait;
    assert_int_equal(crowd[i].state, CALL_SENDING);
    assert_null(crowd[i].token_request);
    succeed_at(&crowd[i], now);
  }
  assert_int_equal(client.token.fetches, 1);
}

TEST(many_calls_with_a_wrong_secret_make_one_token_request_and_all_fail) {
  open_crowd();
  fetch_at(&crowd[0], BEGIN);
  for (int i = 1; i < CROWD / 2; i++) assert_waits(&crowd[i], 0.1, BEGIN);
  refuse_token(&crowd[0], 401, -1, BEGIN + 1);
  for (int i = 1; i < CROWD; i++) assert_int_equal(call_next(&crowd[i], BEGIN + 1 + 0.25 * i), CALL_DONE);
  for (int i = 0; i < CROWD; i++) {
    assert_ended(&crowd[i], ERROR_TOKEN);
    assert_int_equal(crowd[i].error.status, 401);
    assert_string_equal(crowd[i].error.message, "access token: Unauthorized");
    assert_int_equal(crowd[i].error.attempts, 0);
  }
  assert_int_equal(client.token.fetches, 1);
}

/* Responds to the token request as no token endpoint does. */
static void feed_oddity(struct call *fetcher, int status, bool html, double now) {
  struct response response;
  response_open(&response, status);
  response.html = html;
  response.body = RESPONSE_OTHER;
  assert_non_null(fetcher->token_request);
  assert_false(call_feed(fetcher, &response, now));
}

TEST(an_odd_response_from_the_token_endpoint_is_retried) {
  static const struct {
    int status;
    bool html;
  } rows[] = {{200, true}, {200, false}, {302, false}, {404, true}, {403, true}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    close_all(NULL);
    open_with_secret(NULL);
    fetch_at(&call, BEGIN);
    feed_oddity(&call, rows[i].status, rows[i].html, BEGIN);
    assert_int_equal(call_next(&call, BEGIN), CALL_WAIT);
    double now = BEGIN + call.wait;
    fetch_token(&call, "s3cr3t-1", DAY, now);
    send_with(&call, "s3cr3t-1", now);
  }
}

TEST(a_failure_of_the_token_endpoint_does_not_affect_later_calls) {
  static const enum failure_kind kinds[] = {FAILURE_TLS, FAILURE_PROTOCOL, FAILURE_CONNECT};
  for (size_t i = 0; i < COUNT(kinds); i++) {
    close_all(NULL);
    open_with_secret(NULL);
    open_crowd();
    client.max_retries = 0;
    fetch_at(&call, BEGIN);
    fail_at(&call, kinds[i], true, BEGIN);
    assert_int_equal(call.state, CALL_FINISHED);
    fetch_at(&crowd[0], BEGIN);
    feed_oddity(&crowd[0], 404, true, BEGIN);
    assert_ended(&crowd[0], ERROR_TOKEN);
    fetch_token(&crowd[1], "s3cr3t-1", DAY, BEGIN);
    send_with(&crowd[1], "s3cr3t-1", BEGIN);
  }
}

TEST(thirty_seconds_after_a_refusal_the_next_call_requests_a_token_again) {
  open_crowd();
  fetch_at(&call, BEGIN);
  refuse_token(&call, 403, -1, BEGIN);
  assert_int_equal(call_next(&crowd[0], BEGIN + 30 - MILLISECOND), CALL_DONE);
  assert_ended(&crowd[0], ERROR_TOKEN);
  fetch_at(&crowd[1], BEGIN + 30);
}

TEST(a_call_waits_as_long_as_a_429_of_the_token_endpoint_says) {
  open_crowd();
  fetch_at(&call, BEGIN);
  refuse_token(&call, 429, 20, BEGIN + 1);
  assert_waits(&call, 20, BEGIN + 1);
  assert_int_equal(call_next(&crowd[0], BEGIN + 1), CALL_WAIT);
  assert_int_equal(call_next(&crowd[0], BEGIN + 21 - MILLISECOND), CALL_WAIT);
  fetch_token(&call, "s3cr3t-1", DAY, BEGIN + 21);
  send_with(&call, "s3cr3t-1", BEGIN + 21);
  assert_int_equal(call.retries, 0);
}

TEST(a_quota_that_opens_after_the_deadline_ends_the_call_at_once_with_that_reason) {
  struct response response;
  response_open(&response, 429);
  response_header(&response, TEXT("retry-after"), TEXT("3540"));
  response_header(&response, TEXT("auth0-client-quota-limit"), TEXT("b=per_hour;q=10;r=0;t=3540"));
  response.message = TEXT("Client quota exceeded");
  fetch_at(&call, BEGIN);
  assert_false(call_feed(&call, &response, BEGIN));
  assert_done(ERROR_LIMIT);
  assert_string_equal(call.error.message, "access token: Client quota exceeded");
  assert_seconds(call.error.retry_after, 3540);
  assert_int_equal(call.error.quota.per_hour.quota, 10);
  assert_int_equal(call.error.quota.per_hour.remaining, 0);
  assert_int_equal(call.error.quota.per_hour.reset, 3540);
  assert_int_equal(call.error.quota.per_day.quota, -1);
}

/* --- refresh */

static void age(double now) {
  fetch_token(&call, "s3cr3t-1", DAY, now);
  send_with(&call, "s3cr3t-1", now);
  succeed_at(&call, now);
  open_crowd();
}

TEST(one_call_refreshes_the_token_early_while_the_others_go_on) {
  double now = BEGIN + DAY - 900;
  age(BEGIN);
  fetch_at(&crowd[0], now);
  assert_seconds(crowd[0].token_request->time_limit, 10);
  send_with(&crowd[1], "s3cr3t-1", now);
  succeed_at(&crowd[1], now);
  give_token(&crowd[0], "s3cr3t-2", DAY, now + 1);
  send_with(&crowd[2], "s3cr3t-2", now + 1);
  succeed_at(&crowd[2], now + 1);
  send_with(&crowd[0], "s3cr3t-2", now + 1);
}

TEST(a_refresh_that_fails_lets_its_call_go_on_with_the_old_token) {
  static const int statuses[] = {401, 403, 429, 500, 503, 200};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    double now = BEGIN + DAY - 900;
    close_all(NULL);
    open_with_secret(NULL);
    age(BEGIN);
    fetch_at(&crowd[0], now);
    refuse_token(&crowd[0], statuses[i], -1, now + 1);
    assert_int_equal(crowd[0].error.kind, ERROR_NONE);
    send_with(&crowd[0], "s3cr3t-1", now + 1);
    succeed_at(&crowd[0], now + 1);
    send_with(&crowd[1], "s3cr3t-1", now + 31 - MILLISECOND);
    succeed_at(&crowd[1], now + 31 - MILLISECOND);
    fetch_at(&crowd[2], now + 31);
  }
}

TEST(a_refresh_that_times_out_lets_its_call_go_on_with_the_old_token) {
  double now = BEGIN + DAY - 900;
  age(BEGIN);
  fetch_at(&crowd[0], now);
  fail_at(&crowd[0], FAILURE_TIMEOUT, true, now + 10);
  send_with(&crowd[0], "s3cr3t-1", now + 10);
  succeed_at(&crowd[0], now + 11);
}

TEST(in_its_last_minute_a_token_is_renewed_before_the_next_request) {
  double now = BEGIN + DAY - 60;
  age(BEGIN);
  fetch_at(&crowd[0], now);
  assert_waits(&crowd[1], 0.1, now);
  give_token(&crowd[0], "s3cr3t-2", DAY, now + 1);
  send_with(&crowd[1], "s3cr3t-2", now + 1);
}

TEST(a_token_that_lives_a_minute_or_a_second_is_used_and_renewed) {
  static const double lives[] = {60, 1};
  for (size_t i = 0; i < COUNT(lives); i++) {
    close_all(NULL);
    open_with_secret(NULL);
    fetch_token(&call, "s3cr3t-1", lives[i], BEGIN);
    send_with(&call, "s3cr3t-1", BEGIN + lives[i] / 2);
    succeed_at(&call, BEGIN + lives[i]);
    open_crowd();
    fetch_token(&crowd[0], "s3cr3t-2", lives[i], BEGIN + lives[i]);
    send_with(&crowd[0], "s3cr3t-2", BEGIN + lives[i]);
  }
}

/* --- 401 */

TEST(after_a_401_the_call_gets_a_new_token_and_one_more_attempt) {
  client.max_retries = 0;
  fetch_token(&call, "s3cr3t-1", DAY, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  feed_status_at(&call, 401, -1, BEGIN + 1);
  assert_int_equal(call.state, CALL_DECIDING);
  fetch_token(&call, "s3cr3t-2", DAY, BEGIN + 1);
  send_with(&call, "s3cr3t-2", BEGIN + 1);
  assert_int_equal(call.attempts, 2);
  succeed_at(&call, BEGIN + 1);
}

TEST(a_401_to_a_later_page_of_a_paged_call_gets_a_new_token_too) {
  static const char *const tokens[] = {"s3cr3t-1", "s3cr3t-2", "s3cr3t-3"};
  call.by_page = true;
  fetch_token(&call, tokens[0], DAY, BEGIN);
  for (int i = 0; i < 2; i++) {
    double now = BEGIN + 3600 * i;
    send_with(&call, tokens[i], now);
    feed_status_at(&call, 401, -1, now);
    fetch_token(&call, tokens[i + 1], DAY, now);
    send_with(&call, tokens[i + 1], now);
    struct response response = page_of(100 * i, 100, 1000, 100);
    assert_true(call_feed(&call, &response, now));
    assert_true(call.more);
    call_resume(&call);
  }
}

TEST(a_second_401_ends_the_call) {
  fetch_token(&call, "s3cr3t-1", DAY, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  feed_status_at(&call, 401, -1, BEGIN + 1);
  fetch_token(&call, "s3cr3t-2", DAY, BEGIN + 1);
  send_with(&call, "s3cr3t-2", BEGIN + 1);
  feed_status_at(&call, 401, -1, BEGIN + 2);
  assert_done(ERROR_TOKEN);
  assert_int_equal(call.error.status, 401);
  assert_int_equal(call.error.attempts, 2);
  assert_int_equal(client.token.fetches, 2);
}

TEST(a_lasting_401_takes_two_tokens_and_then_one_every_thirty_seconds) {
  double now = BEGIN;
  for (int i = 0; i < 400; i++, now += 0.25) {
    call_close(&call);
    open_call("list_user_permissions");
    while (call.state != CALL_FINISHED) {
      while (call_next(&call, now) == CALL_WAIT) now += call.wait;
      if (call.state == CALL_FINISHED) break;
      if (call.token_request) {
        give_token(&call, i % 2 ? "s3cr3t-1" : "s3cr3t-2", DAY, now);
      } else {
        feed_status_at(&call, 401, -1, now);
      }
    }
    assert_done(ERROR_TOKEN);
    assert_int_equal(call.error.status, 401);
  }
  assert_true(now >= BEGIN + 100);
  assert_true(client.token.fetches <= 2 + (unsigned long)(now - BEGIN) / 30);
}

TEST(a_token_that_the_tenant_accepts_after_all_ends_a_lasting_401) {
  fetch_token(&call, "s3cr3t-1", DAY, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  feed_status_at(&call, 401, -1, BEGIN);
  fetch_token(&call, "s3cr3t-2", DAY, BEGIN);
  send_with(&call, "s3cr3t-2", BEGIN);
  feed_status_at(&call, 401, -1, BEGIN);
  assert_done(ERROR_TOKEN);
  open_crowd();
  send_with(&crowd[0], "s3cr3t-2", BEGIN + 1);
  feed_status_at(&crowd[0], 404, -1, BEGIN + 1);
  send_with(&crowd[1], "s3cr3t-2", BEGIN + 2);
  feed_status_at(&crowd[1], 401, -1, BEGIN + 2);
  fetch_at(&crowd[1], BEGIN + 2);
}

TEST(a_401_for_a_replaced_token_does_not_drop_the_new_one) {
  fetch_token(&call, "s3cr3t-1", DAY, BEGIN);
  open_crowd();
  send_with(&call, "s3cr3t-1", BEGIN);
  bucket_lost(&client.bucket); /* ends the probe, so that others need not wait for it */
  send_with(&crowd[0], "s3cr3t-1", BEGIN);
  feed_status_at(&call, 401, -1, BEGIN + 1);
  fetch_token(&call, "s3cr3t-2", DAY, BEGIN + 1);
  feed_status_at(&crowd[0], 401, -1, BEGIN + 2);
  assert_text(token_value(&client.token), "s3cr3t-2");
  double now = BEGIN + 2;
  while (call_next(&crowd[0], now) == CALL_WAIT) now += crowd[0].wait;
  assert_text(crowd[0].request.secret, "s3cr3t-2");
  succeed_at(&crowd[0], now);
  assert_int_equal(client.token.fetches, 2);
}

TEST(many_calls_with_a_401_fetch_one_token) {
  fetch_token(&call, "s3cr3t-1", DAY, BEGIN);
  open_crowd();
  double now = BEGIN;
  for (int i = 0; i < CROWD; i++) {
    crowd[i].timeout = 1000;
    while (call_next(&crowd[i], now) == CALL_WAIT) now += crowd[i].wait;
    assert_text(crowd[i].request.secret, "s3cr3t-1");
  }
  for (int i = 0; i < CROWD; i++) feed_status_at(&crowd[i], 401, -1, now);
  fetch_at(&crowd[5], now);
  for (int i = 0; i < CROWD; i++) {
    if (i != 5) assert_int_equal(call_next(&crowd[i], now), CALL_WAIT);
  }
  give_token(&crowd[5], "s3cr3t-2", DAY, now);
  for (int i = 0; i < CROWD; i++) {
    while (call_next(&crowd[i], now) == CALL_WAIT) now += crowd[i].wait;
    assert_text(crowd[i].request.secret, "s3cr3t-2");
    succeed_at(&crowd[i], now);
  }
  assert_int_equal(client.token.fetches, 2);
}

TEST(a_401_with_a_given_token_ends_the_call_at_once) {
  send_with(&call, "s3cr3t", BEGIN);
  feed_status_at(&call, 401, -1, BEGIN);
  assert_done(ERROR_TOKEN);
  assert_int_equal(call.error.attempts, 1);
  assert_text(token_value(&client.token), "s3cr3t");
}

TEST(after_a_401_the_host_is_asked_for_a_token_once_more) {
  call_authorize(&call, TEXT("s3cr3t-1"), HUGE_VAL, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  feed_status_at(&call, 401, -1, BEGIN);
  assert_int_equal(call_next(&call, BEGIN), CALL_AUTHORIZE);
  call_authorize(&call, TEXT("s3cr3t-2"), HUGE_VAL, BEGIN);
  send_with(&call, "s3cr3t-2", BEGIN);
  feed_status_at(&call, 401, -1, BEGIN);
  assert_done(ERROR_TOKEN);
}

TEST(maybe_applied_stays_set_when_the_token_fails_afterwards) {
  call_close(&call);
  open_call("remove_user_permissions");
  fetch_token(&call, "s3cr3t-1", DAY, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  feed_status_at(&call, 503, 1, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN + 1);
  feed_status_at(&call, 401, -1, BEGIN + 1);
  fetch_at(&call, BEGIN + 1);
  refuse_token(&call, 401, -1, BEGIN + 1);
  assert_done(ERROR_TOKEN);
  assert_true(call.error.maybe_applied);
  assert_int_equal(call.error.attempts, 2);
}

/* --- edge cases */

TEST(a_list_that_continued_after_a_failed_renewal_renews_when_it_is_due) {
  double now = BEGIN + DAY - 50;
  age(BEGIN);
  fetch_at(&crowd[0], now);
  assert_waits(&crowd[1], 0.1, now);
  refuse_token(&crowd[0], 503, -1, now);
  send_with(&crowd[1], "s3cr3t-1", now);
  struct response page = page_of(0, 50, 120, 50);
  assert_true(call_feed(&crowd[1], &page, now + 31));
  fetch_at(&crowd[1], now + 31);
}

TEST(a_429_of_the_token_endpoint_is_obeyed_when_its_fetcher_is_canceled) {
  open_crowd();
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  refuse_token(&call, 429, 20, BEGIN);
  fail_with(FAILURE_CANCELED, false, BEGIN + 1);
  assert_int_equal(call_next(&crowd[0], BEGIN + 1), CALL_WAIT);
  assert_int_equal(call_next(&crowd[0], BEGIN + 20 - MILLISECOND), CALL_WAIT);
  fetch_at(&crowd[0], BEGIN + 20);
}

TEST(a_429_of_the_token_endpoint_is_obeyed_for_more_than_a_minute) {
  open_crowd();
  call.timeout = crowd[0].timeout = 300;
  fetch_at(&call, BEGIN);
  refuse_token(&call, 429, 100, BEGIN);
  assert_int_equal(call_next(&crowd[0], BEGIN + 60), CALL_WAIT);
  assert_int_equal(call_next(&crowd[0], BEGIN + 100 - MILLISECOND), CALL_WAIT);
}

TEST(a_429_of_the_token_endpoint_without_a_time_is_not_retried_at_once) {
  open_crowd();
  fetch_at(&call, BEGIN);
  refuse_token(&call, 429, -1, BEGIN);
  assert_true(call.state == CALL_FINISHED || call_next(&call, BEGIN) == CALL_WAIT);
  assert_int_not_equal(call_next(&crowd[0], BEGIN), CALL_SEND);
}

TEST(calls_that_the_quota_cannot_serve_in_time_end_at_once) {
  open_crowd();
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  refuse_token(&call, 429, 3540, BEGIN);
  assert_done(ERROR_LIMIT);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(call_next(&crowd[i], BEGIN + 1), CALL_DONE);
    assert_ended(&crowd[i], ERROR_LIMIT);
  }
}

TEST(a_refresh_that_fails_with_a_retry_after_of_zero_is_not_retried_at_once) {
  double now = BEGIN + DAY - 900;
  age(BEGIN);
  fetch_at(&crowd[0], now);
  refuse_token(&crowd[0], 503, 0, now);
  send_with(&crowd[0], "s3cr3t-1", now);
}

TEST(a_token_that_has_expired_on_arrival_is_not_fetched_over_and_over) {
  double now = BEGIN;
  size_t fetches = 0;
  while (call_next(&call, now) != CALL_DONE && call.token_request && fetches < 10) {
    fetches++;
    now += 0.5;
    give_token(&call, "s3cr3t-1", 0.25, now);
  }
  assert_true(fetches <= 2);
}

TEST(a_fetcher_without_time_for_another_attempt_does_not_fail_the_others) {
  open_crowd();
  call.timeout = MILLISECOND / 2; /* no pause is shorter than 1 ms */
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  refuse_token(&call, 503, -1, BEGIN);
  assert_done(ERROR_TOKEN);
  fetch_at(&crowd[0], BEGIN);
}

TEST(a_retry_after_of_the_token_endpoint_too_long_for_one_call_is_obeyed_by_the_others) {
  open_crowd();
  call.timeout = 1;
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  refuse_token(&call, 503, 5, BEGIN);
  assert_done(ERROR_TOKEN);
  assert_int_equal(call_next(&crowd[0], BEGIN + 5 - MILLISECOND), CALL_WAIT);
  fetch_at(&crowd[0], BEGIN + 5);
}

TEST(a_fetcher_presumed_dead_that_fails_late_does_not_disturb_the_next) {
  open_crowd();
  crowd[0].timeout = crowd[1].timeout = 300;
  call.timeout = 300;
  client.max_retries = 0;
  fetch_at(&call, BEGIN);
  fetch_at(&crowd[0], BEGIN + 60);
  assert_waits(&crowd[1], 0.1, BEGIN + 60);
  refuse_token(&call, 503, -1, BEGIN + 61);
  assert_waits(&crowd[1], 0.1, BEGIN + 61);
  give_token(&crowd[0], "s3cr3t-2", DAY, BEGIN + 62);
  send_with(&crowd[1], "s3cr3t-2", BEGIN + 62);
}

TEST(a_fetcher_whose_request_may_take_longer_than_a_minute_is_not_presumed_dead) {
  open_crowd();
  client.request_timeout = 120;
  call.timeout = crowd[0].timeout = 300;
  fetch_at(&call, BEGIN);
  assert_seconds(call.token_request->time_limit, 120);
  assert_int_equal(call_next(&crowd[0], BEGIN + 119), CALL_WAIT);
}

TEST(a_refresh_that_times_out_does_not_fail_even_a_call_with_little_time) {
  double now = BEGIN + DAY - 900;
  age(BEGIN);
  crowd[0].timeout = 5;
  fetch_at(&crowd[0], now);
  double limit = crowd[0].token_request->time_limit;
  fail_at(&crowd[0], FAILURE_TIMEOUT, true, now + limit);
  send_with(&crowd[0], "s3cr3t-1", now + limit);
}

TEST(a_fetcher_without_memory_is_followed_by_another) {
  open_crowd();
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  fail_with(FAILURE_MEMORY, false, BEGIN);
  assert_done(ERROR_MEMORY);
  fetch_at(&crowd[0], BEGIN);
}

TEST(a_token_that_one_call_had_no_memory_for_is_fetched_by_another) {
  open_crowd();
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  memory.fail_at = memory.requests + 1;
  give_token(&call, "s3cr3t-1", DAY, BEGIN);
  assert_done(ERROR_MEMORY);
  fetch_at(&crowd[0], BEGIN);
}

TEST(a_token_that_arrives_after_the_client_was_closed_is_not_stored) {
  fetch_at(&call, BEGIN);
  client_close(&client);
  give_token(&call, "s3cr3t-1", DAY, BEGIN);
  assert_done(ERROR_CLOSED);
  memory_assert_all_back(&memory);
}

TEST(a_token_request_whose_response_is_lost_has_applied_nothing) {
  call_close(&call);
  open_call("remove_user_permissions");
  fetch_at(&call, BEGIN);
  call_overrule(&call, &(struct failure){.kind = FAILURE_MEMORY, .maybe_read = true, .message = "lost"});
  assert_done(ERROR_MEMORY);
  assert_false(call.error.maybe_applied);
}

TEST(a_new_token_does_not_give_a_call_new_retries) {
  double now = BEGIN;
  client.max_retries = 1;
  fetch_token(&call, "s3cr3t-1", 1, now);
  send_with(&call, "s3cr3t-1", now);
  feed_status_at(&call, 503, 2, now);
  assert_waits(&call, 2, now);
  fetch_token(&call, "s3cr3t-2", 1, now + 2);
  send_with(&call, "s3cr3t-2", now + 2);
  feed_status_at(&call, 503, 2, now + 2);
  assert_done(ERROR_API);
  assert_int_equal(call.error.attempts, 2);
}

TEST(a_call_that_has_used_up_its_retries_can_still_retry_its_token_request) {
  client.max_retries = 1;
  fetch_token(&call, "s3cr3t-1", 1, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  feed_status_at(&call, 503, 2, BEGIN);
  fetch_at(&call, BEGIN + 2);
  fail_with(FAILURE_CONNECT, false, BEGIN + 2);
  assert_int_equal(call_next(&call, BEGIN + 2), CALL_WAIT);
}

TEST(a_pausing_fetcher_uses_a_token_that_arrives_meanwhile) {
  open_crowd();
  crowd[0].timeout = 300;
  fetch_at(&call, BEGIN);
  fetch_at(&crowd[0], BEGIN + 60);
  refuse_token(&crowd[0], 503, 10, BEGIN + 61);
  give_token(&call, "s3cr3t-1", DAY, BEGIN + 62);
  send_with(&crowd[0], "s3cr3t-1", BEGIN + 71);
}

/* --- out of memory */

/* A removal of a client that fetches its tokens: refused once, retried, and in the end sent with a new token. */
static bool live_fetching(struct allocator allocator, struct error *error) {
  struct client_options options = client_defaults();
  struct client lived = {0};
  options.domain = TEXT("acme.eu.auth0.com");
  options.lua_version = TEXT("5.4");
  options.credentials.client_id = TEXT("me");
  options.credentials.client_secret = text_of(SECRET);
  bool good = client_open(&lived, &options, allocator, error);
  if (good) {
    struct call removal;
    static const int statuses[] = {401, 503, 204};
    double now = BEGIN;
    int responses = 0;
    call_open(&removal, &lived, operation_find("remove_user_permissions"));
    good = request_identify(&removal.request, "user_id", TEXT("auth0|1"), error) &&
           request_add_permission(&removal.request, TEXT("a"), TEXT("b"), error) &&
           request_end_list(&removal.request, error);
    while (good && removal.state != CALL_FINISHED) {
      enum call_step step = call_next(&removal, now);
      if (step == CALL_WAIT) now += removal.wait;
      if (step != CALL_SEND) continue;
      struct response response;
      response_open(&response, removal.token_request ? 200 : statuses[responses++]);
      response.access_token = TEXT("s3cr3t-1");
      call_feed(&removal, &response, now);
    }
    if (good && removal.error.kind != ERROR_NONE) {
      *error = removal.error;
      good = false;
    }
    call_close(&removal);
    assert_null(lived.token.fetcher);
    assert_false(removal.writer.waiting);
  }
  client_close(&lived);
  return good;
}

TEST(a_fetch_reports_every_failed_allocation_and_leaks_nothing) {
  torture(live_fetching);
}

int test_fetch(void) {
  static const struct CMUnitTest tests[] = {
      FETCHING(a_token_request_is_a_post_to_the_token_endpoint),
      FETCHING(a_fetched_token_is_sent_and_the_fetch_does_not_count_as_an_attempt),
      FETCHING(a_token_ages_from_the_time_of_its_request),
      FETCHING(a_token_without_an_expiry_time_is_used_for_good),
      FETCHING(other_calls_wait_for_the_token_and_learn_when_it_arrives),
      FETCHING(a_fetcher_that_is_canceled_is_followed_by_another),
      FETCHING(a_fetcher_that_is_closed_is_followed_by_another),
      FETCHING(a_fetcher_that_is_canceled_during_a_pause_is_followed_by_another),
      FETCHING(a_silent_fetcher_is_followed_by_another_and_its_late_token_is_harmless),
      FETCHING(a_fetcher_that_reaches_its_deadline_is_followed_by_another),
      FETCHING(a_deadline_or_cancel_while_a_token_is_awaited_leaks_nothing),
      FETCHING(a_token_request_is_retried_like_any_other_and_does_not_count_as_an_attempt),
      FETCHING(a_failed_token_request_ends_the_call_with_its_kind_and_nothing_was_applied),
      FETCHING(a_token_that_does_not_fit_a_header_is_a_token_error_and_not_repeated),
      FETCHING(no_error_contains_the_clients_secret),
      FETCHING(many_calls_without_a_token_make_one_token_request),
      FETCHING(many_calls_with_a_wrong_secret_make_one_token_request_and_all_fail),
      FETCHING(thirty_seconds_after_a_refusal_the_next_call_requests_a_token_again),
      FETCHING(a_call_waits_as_long_as_a_429_of_the_token_endpoint_says),
      FETCHING(a_quota_that_opens_after_the_deadline_ends_the_call_at_once_with_that_reason),
      FETCHING(one_call_refreshes_the_token_early_while_the_others_go_on),
      FETCHING(a_refresh_that_fails_lets_its_call_go_on_with_the_old_token),
      FETCHING(a_refresh_that_times_out_lets_its_call_go_on_with_the_old_token),
      FETCHING(in_its_last_minute_a_token_is_renewed_before_the_next_request),
      FETCHING(a_token_that_lives_a_minute_or_a_second_is_used_and_renewed),
      FETCHING(after_a_401_the_call_gets_a_new_token_and_one_more_attempt),
      FETCHING(a_401_to_a_later_page_of_a_paged_call_gets_a_new_token_too),
      FETCHING(a_second_401_ends_the_call),
      FETCHING(a_lasting_401_takes_two_tokens_and_then_one_every_thirty_seconds),
      FETCHING(a_token_that_the_tenant_accepts_after_all_ends_a_lasting_401),
      FETCHING(an_odd_response_from_the_token_endpoint_is_retried),
      FETCHING(a_failure_of_the_token_endpoint_does_not_affect_later_calls),
      FETCHING(a_401_for_a_replaced_token_does_not_drop_the_new_one),
      FETCHING(many_calls_with_a_401_fetch_one_token),
      LIST(a_401_with_a_given_token_ends_the_call_at_once),
      TOKENLESS(after_a_401_the_host_is_asked_for_a_token_once_more),
      FETCHING(maybe_applied_stays_set_when_the_token_fails_afterwards),
      cmocka_unit_test(a_fetch_reports_every_failed_allocation_and_leaks_nothing),
      FETCHING(a_list_that_continued_after_a_failed_renewal_renews_when_it_is_due),
      FETCHING(a_429_of_the_token_endpoint_is_obeyed_when_its_fetcher_is_canceled),
      FETCHING(a_429_of_the_token_endpoint_is_obeyed_for_more_than_a_minute),
      FETCHING(a_429_of_the_token_endpoint_without_a_time_is_not_retried_at_once),
      FETCHING(calls_that_the_quota_cannot_serve_in_time_end_at_once),
      FETCHING(a_refresh_that_fails_with_a_retry_after_of_zero_is_not_retried_at_once),
      FETCHING(a_token_that_has_expired_on_arrival_is_not_fetched_over_and_over),
      FETCHING(a_fetcher_without_time_for_another_attempt_does_not_fail_the_others),
      FETCHING(a_retry_after_of_the_token_endpoint_too_long_for_one_call_is_obeyed_by_the_others),
      FETCHING(a_fetcher_presumed_dead_that_fails_late_does_not_disturb_the_next),
      FETCHING(a_fetcher_whose_request_may_take_longer_than_a_minute_is_not_presumed_dead),
      FETCHING(a_refresh_that_times_out_does_not_fail_even_a_call_with_little_time),
      FETCHING(a_fetcher_without_memory_is_followed_by_another),
      FETCHING(a_token_that_one_call_had_no_memory_for_is_fetched_by_another),
      FETCHING(a_token_that_arrives_after_the_client_was_closed_is_not_stored),
      FETCHING(a_token_request_whose_response_is_lost_has_applied_nothing),
      FETCHING(a_new_token_does_not_give_a_call_new_retries),
      FETCHING(a_call_that_has_used_up_its_retries_can_still_retry_its_token_request),
      FETCHING(a_pausing_fetcher_uses_a_token_that_arrives_meanwhile),
  };
  return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
