/* Calls of a client that shares its tokens with clients elsewhere: a call asks for a shared token before it fetches. */
#include <math.h>
#include <string.h>

#include "scene.h"

static const double DAY = 86400;

static int open_sharing(void **state) {
  if (open_with_secret(state) != 0) return -1;
  client.share_tokens = true;
  return 0;
}

#define SHARING(test) cmocka_unit_test_setup_teardown(test, open_sharing, close_all)

static void asks_at(struct call *asking, double now) {
  assert_int_equal(call_next(asking, now), CALL_AUTHORIZE);
}

static void offer(struct call *asking, const char *token, double expires_in, bool taken, double now) {
  struct text text = {.data = token, .length = strlen(token)};
  assert_int_equal(call_authorize(asking, text, expires_in, now), taken);
}

static void shares(struct call *sharing, const char *token, double expires_in, double now) {
  double told;
  assert_int_equal(call_next(sharing, now), CALL_SHARE);
  assert_text(call_shared(sharing, now, &told), token);
  if (*token) assert_seconds(told, expires_in);
}

/* The call asks, may fetch, and fetches. */
static void ask_and_fetch(struct call *asking, const char *token, double expires_in, double now) {
  asks_at(asking, now);
  call_fetch(asking);
  fetch_at(asking, now);
  give_token(asking, token, expires_in, now);
  shares(asking, token, expires_in, now);
}

TEST(one_call_asks_for_a_shared_token_while_the_others_wait) {
  open_crowd();
  asks_at(&call, BEGIN);
  for (int i = 0; i < CROWD; i++) assert_waits(&crowd[i], 0.1, BEGIN);
  offer(&call, "s3cr3t-1", DAY, true, BEGIN + 1);
  send_with(&crowd[0], "s3cr3t-1", BEGIN + 1);
  assert_null(client.token.fetcher);
}

TEST(a_call_that_may_fetch_fetches_a_token_and_shares_it) {
  ask_and_fetch(&call, "s3cr3t-1", 100, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  succeed_at(&call, BEGIN);
}

TEST(a_call_that_did_not_ask_may_not_fetch) {
  call_fetch(&call);
  asks_at(&call, BEGIN);
  open_crowd();
  call_fetch(&crowd[0]);
  assert_waits(&crowd[0], 0.1, BEGIN);
  assert_false(crowd[0].may_fetch);
}

TEST(a_call_asks_again_later_for_a_token_that_is_fetched_elsewhere) {
  open_crowd();
  asks_at(&call, BEGIN);
  call_defer(&call, 0.5, BEGIN);
  assert_waits(&call, 0.5, BEGIN);
  assert_waits(&crowd[0], 0.25, BEGIN + 0.25);
  asks_at(&crowd[0], BEGIN + 0.5); /* the first call that comes */
  assert_waits(&call, 0.1, BEGIN + 0.5);
}

TEST(a_call_that_was_put_off_past_its_deadline_reports_why) {
  asks_at(&call, BEGIN);
  call_defer(&call, 2 * TIMEOUT, BEGIN);
  assert_int_equal(call_next(&call, BEGIN), CALL_DONE);
  assert_int_equal(call.error.kind, ERROR_TOKEN);
  assert_string_equal(call.error.message, "a token being fetched elsewhere did not arrive");
}

TEST(a_call_that_is_put_off_continues_with_a_valid_token) {
  ask_and_fetch(&call, "s3cr3t-1", 1000, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  succeed_at(&call, BEGIN);
  open_crowd();
  asks_at(&crowd[0], BEGIN + 950); /* in the token's last 100 seconds */
  call_defer(&crowd[0], 1, BEGIN + 950);
  send_with(&crowd[0], "s3cr3t-1", BEGIN + 950);
  send_with(&crowd[1], "s3cr3t-1", BEGIN + 950);
  asks_at(&crowd[2], BEGIN + 951);
}

TEST(sharing_the_current_token_again_changes_nothing) {
  ask_and_fetch(&call, "s3cr3t-1", 1000, BEGIN);
  open_crowd();
  asks_at(&crowd[0], BEGIN + 950);
  offer(&crowd[0], "s3cr3t-1", 50, false, BEGIN + 950);
  offer(&crowd[0], "s3cr3t-2", 1000, true, BEGIN + 950);
  send_with(&crowd[0], "s3cr3t-2", BEGIN + 950);
}

TEST(a_shared_token_that_the_tenant_refused_is_not_used_again) {
  asks_at(&call, BEGIN);
  offer(&call, "s3cr3t-1", DAY, true, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  feed_status(401);
  asks_at(&call, BEGIN);
  offer(&call, "s3cr3t-1", DAY, false, BEGIN);
  call_fetch(&call);
  fetch_at(&call, BEGIN);
  give_token(&call, "s3cr3t-2", DAY, BEGIN);
  shares(&call, "s3cr3t-2", DAY, BEGIN);
  send_with(&call, "s3cr3t-2", BEGIN);
  succeed_at(&call, BEGIN);
}

TEST(an_invalid_shared_token_is_ignored_and_fails_no_call) {
  asks_at(&call, BEGIN);
  offer(&call, "bad\n", DAY, false, BEGIN);
  offer(&call, "", DAY, false, BEGIN);
  call_fetch(&call);
  fetch_at(&call, BEGIN);
}

TEST(an_early_fetch_that_fails_is_reported_too) {
  ask_and_fetch(&call, "s3cr3t-1", 1000, BEGIN);
  open_crowd();
  asks_at(&crowd[0], BEGIN + 930);
  call_fetch(&crowd[0]);
  fetch_at(&crowd[0], BEGIN + 930);
  refuse_token(&crowd[0], 503, -1, BEGIN + 930);
  shares(&crowd[0], "", 0, BEGIN + 930);
  send_with(&crowd[0], "s3cr3t-1", BEGIN + 930);
}

TEST(a_retried_fetch_does_not_ask_again) {
  asks_at(&call, BEGIN);
  call_fetch(&call);
  fetch_at(&call, BEGIN);
  refuse_token(&call, 503, 2, BEGIN);
  assert_waits(&call, 2, BEGIN);
  fetch_at(&call, BEGIN + 2);
  give_token(&call, "s3cr3t-1", DAY, BEGIN + 2);
  shares(&call, "s3cr3t-1", DAY, BEGIN + 2);
}

TEST(a_quota_that_is_used_up_ends_the_fetch) {
  asks_at(&call, BEGIN);
  call_fetch(&call);
  fetch_at(&call, BEGIN);
  refuse_token(&call, 429, 5, BEGIN);
  shares(&call, "", 0, BEGIN);
  assert_waits(&call, 5, BEGIN);
  asks_at(&call, BEGIN + 5);
}

TEST(an_asker_that_is_canceled_is_followed_by_another) {
  open_crowd();
  asks_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  fail_at(&call, FAILURE_CANCELED, false, BEGIN);
  asks_at(&crowd[0], BEGIN);
}

TEST(an_asker_that_is_no_longer_driven_is_followed_by_another) {
  open_crowd();
  asks_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  asks_at(&crowd[1], BEGIN + 61);
}

TEST(a_fetch_that_the_tenant_refuses_fails_the_call_and_the_waiting_ones) {
  open_crowd();
  asks_at(&call, BEGIN);
  call_fetch(&call);
  fetch_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  refuse_token(&call, 401, -1, BEGIN);
  assert_int_equal(call_next(&call, BEGIN), CALL_DONE);
  assert_int_equal(call_next(&crowd[0], BEGIN), CALL_DONE);
  assert_int_equal(crowd[0].error.kind, ERROR_TOKEN);
}

TEST(an_unused_approval_to_fetch_ends_when_a_token_arrives) {
  open_crowd();
  asks_at(&call, BEGIN);
  call_fetch(&call);
  offer(&crowd[0], "s3cr3t-1", DAY, true, BEGIN); /* the token has arrived from elsewhere meanwhile */
  send_with(&call, "s3cr3t-1", BEGIN);
  feed_status(401);
  asks_at(&call, BEGIN);
}

int test_share(void) {
  const struct CMUnitTest tests[] = {
      SHARING(one_call_asks_for_a_shared_token_while_the_others_wait),
      SHARING(a_call_that_may_fetch_fetches_a_token_and_shares_it),
      SHARING(a_call_that_did_not_ask_may_not_fetch),
      SHARING(a_call_asks_again_later_for_a_token_that_is_fetched_elsewhere),
      SHARING(a_call_that_was_put_off_past_its_deadline_reports_why),
      SHARING(a_call_that_is_put_off_continues_with_a_valid_token),
      SHARING(sharing_the_current_token_again_changes_nothing),
      SHARING(a_shared_token_that_the_tenant_refused_is_not_used_again),
      SHARING(an_invalid_shared_token_is_ignored_and_fails_no_call),
      SHARING(an_early_fetch_that_fails_is_reported_too),
      SHARING(a_retried_fetch_does_not_ask_again),
      SHARING(a_quota_that_is_used_up_ends_the_fetch),
      SHARING(an_asker_that_is_canceled_is_followed_by_another),
      SHARING(an_asker_that_is_no_longer_driven_is_followed_by_another),
      SHARING(a_fetch_that_the_tenant_refuses_fails_the_call_and_the_waiting_ones),
      SHARING(an_unused_approval_to_fetch_ends_when_a_token_arrives),
  };
  return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
