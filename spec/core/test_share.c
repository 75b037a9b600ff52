/* Calls of a client that shares its tokens with clients elsewhere: they ask before they fetch. */
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

/* Asks, is allowed to fetch, and fetches. */
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

TEST(a_call_that_is_allowed_to_fetches_a_token_and_shares_it) {
  ask_and_fetch(&call, "s3cr3t-1", 100, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  succeed_at(&call, BEGIN);
}

TEST(a_call_is_not_allowed_to_fetch_when_it_did_not_ask) {
  call_fetch(&call);
  asks_at(&call, BEGIN);
  open_crowd();
  call_fetch(&crowd[0]);
  assert_waits(&crowd[0], 0.1, BEGIN);
  assert_false(crowd[0].may_fetch);
}

TEST(a_token_that_is_fetched_elsewhere_is_asked_for_again_later) {
  open_crowd();
  asks_at(&call, BEGIN);
  call_defer(&call, 0.5, BEGIN);
  assert_waits(&call, 0.5, BEGIN);
  assert_waits(&crowd[0], 0.25, BEGIN + 0.25);
  asks_at(&crowd[0], BEGIN + 0.5); /* whoever comes first */
  assert_waits(&call, 0.1, BEGIN + 0.5);
}

TEST(a_call_that_was_put_off_past_its_deadline_tells_why) {
  asks_at(&call, BEGIN);
  call_defer(&call, 2 * TIMEOUT, BEGIN);
  assert_int_equal(call_next(&call, BEGIN), CALL_DONE);
  assert_int_equal(call.error.kind, ERROR_TOKEN);
  assert_string_equal(call.error.message, "a token was being fetched elsewhere, and has not come");
}

TEST(a_call_that_is_put_off_goes_on_with_a_token_that_lives) {
  ask_and_fetch(&call, "s3cr3t-1", 1000, BEGIN);
  send_with(&call, "s3cr3t-1", BEGIN);
  succeed_at(&call, BEGIN);
  open_crowd();
  asks_at(&crowd[0], BEGIN + 950); /* in its last 100 seconds */
  call_defer(&crowd[0], 1, BEGIN + 950);
  send_with(&crowd[0], "s3cr3t-1", BEGIN + 950);
  send_with(&crowd[1], "s3cr3t-1", BEGIN + 950);
  asks_at(&crowd[2], BEGIN + 951);
}

TEST(the_token_that_is_there_is_no_news) {
  ask_and_fetch(&call, "s3cr3t-1", 1000, BEGIN);
  open_crowd();
  asks_at(&crowd[0], BEGIN + 950);
  offer(&crowd[0], "s3cr3t-1", 50, false, BEGIN + 950);
  offer(&crowd[0], "s3cr3t-2", 1000, true, BEGIN + 950);
  send_with(&crowd[0], "s3cr3t-2", BEGIN + 950);
}

TEST(a_token_that_the_tenant_did_not_take_is_no_news) {
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

TEST(what_is_no_token_is_no_news_and_ends_nothing) {
  asks_at(&call, BEGIN);
  offer(&call, "bad\n", DAY, false, BEGIN);
  offer(&call, "", DAY, false, BEGIN);
  call_fetch(&call);
  fetch_at(&call, BEGIN);
}

TEST(a_fetch_ahead_of_time_that_fails_is_told_too) {
  ask_and_fetch(&call, "s3cr3t-1", 1000, BEGIN);
  open_crowd();
  asks_at(&crowd[0], BEGIN + 930);
  call_fetch(&crowd[0]);
  fetch_at(&crowd[0], BEGIN + 930);
  refuse_token(&crowd[0], 503, -1, BEGIN + 930);
  shares(&crowd[0], "", 0, BEGIN + 930);
  send_with(&crowd[0], "s3cr3t-1", BEGIN + 930);
}

TEST(a_fetch_that_is_tried_again_is_not_asked_for_again) {
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

TEST(an_asker_that_nobody_drives_any_more_is_followed_by_another) {
  open_crowd();
  asks_at(&call, BEGIN);
  assert_waits(&crowd[0], 0.1, BEGIN);
  asks_at(&crowd[1], BEGIN + 61);
}

TEST(a_fetch_that_the_tenant_refuses_ends_the_call_and_those_that_wait) {
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

TEST(a_leave_to_fetch_that_was_not_used_does_not_last) {
  open_crowd();
  asks_at(&call, BEGIN);
  call_fetch(&call);
  offer(&crowd[0], "s3cr3t-1", DAY, true, BEGIN); /* it has come from elsewhere after all */
  send_with(&call, "s3cr3t-1", BEGIN);
  feed_status(401);
  asks_at(&call, BEGIN);
}

int test_share(void) {
  const struct CMUnitTest tests[] = {
      SHARING(one_call_asks_for_a_shared_token_while_the_others_wait),
      SHARING(a_call_that_is_allowed_to_fetches_a_token_and_shares_it),
      SHARING(a_call_is_not_allowed_to_fetch_when_it_did_not_ask),
      SHARING(a_token_that_is_fetched_elsewhere_is_asked_for_again_later),
      SHARING(a_call_that_was_put_off_past_its_deadline_tells_why),
      SHARING(a_call_that_is_put_off_goes_on_with_a_token_that_lives),
      SHARING(the_token_that_is_there_is_no_news),
      SHARING(a_token_that_the_tenant_did_not_take_is_no_news),
      SHARING(what_is_no_token_is_no_news_and_ends_nothing),
      SHARING(a_fetch_ahead_of_time_that_fails_is_told_too),
      SHARING(a_fetch_that_is_tried_again_is_not_asked_for_again),
      SHARING(a_quota_that_is_used_up_ends_the_fetch),
      SHARING(an_asker_that_is_canceled_is_followed_by_another),
      SHARING(an_asker_that_nobody_drives_any_more_is_followed_by_another),
      SHARING(a_fetch_that_the_tenant_refuses_ends_the_call_and_those_that_wait),
      SHARING(a_leave_to_fetch_that_was_not_used_does_not_last),
  };
  return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
