/* Whole days of a client's life, simulated: calls come and go, requests take time, tokens expire, and the token
 * endpoint fails now and then. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scene.h"

static const double MINUTE = 60;
static const double HOUR = 3600;
static const double NEVER = HUGE_VAL;

/* How the tenant behaves, and the results. Times are seconds after BEGIN. */
struct play {
  double life;                   /* of a token, seconds */
  double response, token;        /* seconds until the response to a request, to a token request */
  double interval;               /* seconds between two calls */
  double down_from, down_to;     /* the token endpoint is down */
  int down_status;               /* its response then; 0: no connection */
  double dropped_at;             /* from then on the tenant refuses tokens that were issued before */
  double jump_at, jump;          /* the wall clocks jump then, by this many seconds */
  size_t calls, failed;          /* calls that ended; those that ended with an error */
  size_t tokens, token_attempts; /* tokens issued; requests for them */
};

static struct play play;
static double clock_now;

static double wall_clock(void) {
  return 1.7e9 + clock_now + (clock_now >= BEGIN + play.jump_at ? play.jump : 0);
}

static bool is_down(void) {
  return clock_now >= BEGIN + play.down_from && clock_now < BEGIN + play.down_to;
}

static void respond_to_token_request(struct call *fetcher) {
  char value[30];
  struct response response;
  play.token_attempts++;
  if (is_down() && !play.down_status) {
    fail_at(fetcher, FAILURE_CONNECT, false, clock_now);
    return;
  }
  response_open(&response, is_down() ? play.down_status : 200);
  response.date = wall_clock();
  if (!is_down()) {
    snprintf(value, sizeof value, "s3cr3t-%zu", ++play.tokens);
    response.access_token = text_of(value);
    response.expires_in = play.life;
  }
  call_feed(fetcher, &response, clock_now);
}

/* The number in a token tells the tenant when it was issued. */
static void respond_to_call(struct call *sender) {
  static size_t oldest;
  struct response response = page_of(0, 100, 0, 0);
  unsigned number = 0;
  assert_int_equal(sscanf(sender->request.secret.data, "s3cr3t-%u", &number), 1);
  if (play.calls == 0) oldest = 1;
  if (clock_now >= BEGIN + play.dropped_at) {
    oldest = play.tokens + 1;
    play.dropped_at = NEVER;
  }
  assert_true(clock_now < client.token.expires_at + play.response + 1);
  if (number < oldest) response_open(&response, 401);
  response.date = wall_clock();
  call_feed(sender, &response, clock_now);
}

/* Moves a call on until it waits for something; returns the time of that, or HUGE_VAL if the call is done. */
static double move(struct call *moving) {
  switch (call_next(moving, clock_now)) {
    case CALL_SEND: return clock_now + (moving->token_request ? play.token : play.response);
    case CALL_WAIT: assert_true(moving->wait > 0); return clock_now + moving->wait;
    default: break;
  }
  play.calls++;
  if (moving->error.kind != ERROR_NONE) play.failed++;
  call_close(moving);
  *moving = (struct call){0};
  return NEVER;
}

static void run(double seconds) {
  double due[CROWD], next_call = BEGIN;
  char user[30];
  size_t started = 0;
  for (int i = 0; i < CROWD; i++) due[i] = NEVER;
  client.epoch = wall_clock;
  for (;;) {
    int first = 0, idle = -1;
    for (int i = 0; i < CROWD; i++) {
      if (due[i] < due[first]) first = i;
      if (!crowd[i].client) idle = i;
    }
    bool starts = next_call < BEGIN + seconds && next_call <= due[first];
    if (!starts && due[first] == NEVER) return;
    clock_now = starts ? next_call : due[first];
    if (starts) {
      assert_true(idle >= 0);
      first = idle;
      next_call += play.interval;
      snprintf(user, sizeof user, "auth0|%zu", started++);
      open_another(&crowd[first], operation_find("list_user_permissions"), user);
    } else if (crowd[first].state == CALL_SENDING) {
      if (crowd[first].token_request) {
        respond_to_token_request(&crowd[first]);
      } else {
        respond_to_call(&crowd[first]);
      }
    }
    due[first] = move(&crowd[first]);
  }
}

static int open_day(void **state) {
  play = (struct play){.life = 24 * HOUR,
                       .response = 0.125,
                       .token = 0.25,
                       .interval = 5,
                       .down_from = NEVER,
                       .down_to = NEVER,
                       .dropped_at = NEVER,
                       .jump_at = NEVER};
  return open_with_secret(state);
}

TEST(a_run_of_25_hours_fetches_two_tokens_and_no_call_fails) {
  run(25 * HOUR);
  assert_int_equal(play.calls, 18000);
  assert_int_equal(play.failed, 0);
  assert_int_equal(play.tokens, 2);
  assert_int_equal(play.token_attempts, 2);
}

TEST(a_busy_run_of_25_hours_fetches_two_tokens_and_no_call_fails) {
  play.interval = 0.5;
  play.token = 2;
  run(25 * HOUR);
  assert_int_equal(play.calls, 180000);
  assert_int_equal(play.failed, 0);
  assert_int_equal(play.token_attempts, 2);
}

TEST(a_run_of_a_week_fetches_a_token_every_24_hours_less_15_minutes) {
  run(7 * 24 * HOUR);
  assert_int_equal(play.failed, 0);
  assert_int_equal(play.token_attempts, 8);
}

TEST(a_wall_clock_that_jumps_an_hour_either_way_changes_nothing) {
  static const double jumps[] = {3600, -3600};
  for (size_t i = 0; i < COUNT(jumps); i++) {
    close_all(NULL);
    open_day(NULL);
    play.jump_at = 23.5 * HOUR;
    play.jump = jumps[i];
    run(25 * HOUR);
    assert_int_equal(play.calls, 18000);
    assert_int_equal(play.failed, 0);
    assert_int_equal(play.token_attempts, 2);
  }
}

/* The token endpoint is down for ten minutes, from this many minutes before the token expires. */
static void check_outage(double minutes, int status) {
  close_all(NULL);
  open_day(NULL);
  play.down_from = 24 * HOUR - minutes * MINUTE;
  play.down_to = play.down_from + 10 * MINUTE;
  play.down_status = status;
  run(25 * HOUR);
  assert_int_equal(play.calls, 18000);
  assert_int_equal(play.failed, 0);
  assert_int_equal(play.tokens, 2);
  assert_in_range(play.token_attempts, 2 + 9, 2 + 20);
}

TEST(no_call_fails_when_the_token_endpoint_is_down_for_10_minutes_before_expiry) {
  check_outage(15, 0);
  check_outage(15, 503);
  check_outage(20, 500);
}

TEST(no_call_fails_when_the_token_endpoint_refuses_for_10_minutes_before_expiry) {
  check_outage(15, 401);
  check_outage(15, 403);
  check_outage(15, 429);
}

TEST(no_call_fails_when_a_token_is_revoked_in_the_middle_of_the_day) {
  play.dropped_at = 10 * HOUR;
  run(20 * HOUR);
  assert_int_equal(play.failed, 0);
  assert_int_equal(play.token_attempts, 2);
}

TEST(tokens_that_live_a_minute_serve_a_whole_hour) {
  play.life = MINUTE;
  run(HOUR);
  assert_int_equal(play.calls, 720);
  assert_int_equal(play.failed, 0);
  assert_in_range(play.token_attempts, 60, 67);
}

TEST(tokens_that_live_a_second_serve_too) {
  play.life = 1;
  play.interval = 0.25;
  run(5 * MINUTE);
  assert_int_equal(play.failed, 0);
  assert_in_range(play.token_attempts, 250, 400);
}

TEST(sixty_four_calls_at_once_make_one_token_request) {
  play.interval = 0x1p-20;
  run(64 * 0x1p-20);
  assert_int_equal(play.calls, 64);
  assert_int_equal(play.failed, 0);
  assert_int_equal(play.token_attempts, 1);
}

TEST(sixty_four_calls_at_once_with_a_wrong_secret_make_one_token_request) {
  play.interval = 0x1p-20;
  play.down_from = 0;
  play.down_status = 401;
  run(64 * 0x1p-20);
  assert_int_equal(play.calls, 64);
  assert_int_equal(play.failed, 64);
  assert_int_equal(play.token_attempts, 1);
}

#define DAY(test) cmocka_unit_test_setup_teardown(test, open_day, close_all)

int test_days(void) {
  static const struct CMUnitTest tests[] = {
      DAY(a_run_of_25_hours_fetches_two_tokens_and_no_call_fails),
      DAY(a_busy_run_of_25_hours_fetches_two_tokens_and_no_call_fails),
      DAY(a_run_of_a_week_fetches_a_token_every_24_hours_less_15_minutes),
      DAY(a_wall_clock_that_jumps_an_hour_either_way_changes_nothing),
      DAY(no_call_fails_when_the_token_endpoint_is_down_for_10_minutes_before_expiry),
      DAY(no_call_fails_when_the_token_endpoint_refuses_for_10_minutes_before_expiry),
      DAY(no_call_fails_when_a_token_is_revoked_in_the_middle_of_the_day),
      DAY(tokens_that_live_a_minute_serve_a_whole_hour),
      DAY(tokens_that_live_a_second_serve_too),
      DAY(sixty_four_calls_at_once_make_one_token_request),
      DAY(sixty_four_calls_at_once_with_a_wrong_secret_make_one_token_request),
  };
  return cmocka_run_group_tests_name("days", tests, NULL, NULL);
}
