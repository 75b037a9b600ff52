#include "core/bucket.h"

#include <math.h>

#include "support.h"

static const double NOW = 1000;     /* seconds: when each test begins */
static const double WAIT_MAX = 300; /* seconds */
static const double PATIENCE = 2;   /* seconds */
static const double NO_HEADER = -1;

static struct bucket bucket;

static void open_bucket(double max_rate, double reserve) {
  struct bucket_options options = {.max_rate = max_rate, .reserve = reserve};
  bucket_open(&bucket, &options);
}

static void open_default(void) {
  struct bucket_options options = bucket_defaults();
  bucket_open(&bucket, &options);
}

static void respond(struct bucket_ticket ticket, double limit, double remaining, double now) {
  struct bucket_response response = {.ticket = ticket, .limit = limit, .remaining = remaining, .retry_after = -1};
  bucket_received(&bucket, &response, now);
}

static void refuse(struct bucket_ticket ticket, double retry_after, double now) {
  struct bucket_response response = {
      .ticket = ticket, .refused = true, .limit = NO_HEADER, .remaining = NO_HEADER, .retry_after = retry_after};
  bucket_received(&bucket, &response, now);
}

/* Sends one request and gets its response at once. */
static void exchange(double limit, double remaining, double now) {
  respond(bucket_sent(&bucket, now), limit, remaining, now);
}

/* Sends requests as long as the bucket allows it at `now`, but at most `most`; returns how many. */
static int count_leaving(double now, int max) {
  int count = 0;
  for (; count < max && bucket_wait(&bucket, now) <= 0; count++) bucket_sent(&bucket, now);
  return count;
}

static void assert_near(double seconds, double expected, double tolerance) {
  if (fabs(seconds - expected) > tolerance) fail_msg("%g s, not %g s", seconds, expected);
}

/* --- before the first response */

TEST(the_first_request_is_a_probe_and_the_others_wait_for_its_response) {
  open_default();
  assert_int_equal(count_leaving(NOW, 10), 1);
  assert_seconds(bucket_wait(&bucket, NOW + 0.5), PATIENCE - 0.5);
}

TEST(a_probe_without_a_response_does_not_stall_the_others) {
  open_default();
  bucket_sent(&bucket, NOW);
  assert_seconds(bucket_wait(&bucket, NOW + PATIENCE), 0);
  bucket_lost(&bucket);
  assert_seconds(bucket_wait(&bucket, NOW + 0.1), 0);
}

TEST(without_headers_each_response_allows_one_more_request_in_flight) {
  open_default();
  struct bucket_ticket first = bucket_sent(&bucket, NOW);
  respond(first, NO_HEADER, NO_HEADER, NOW + 0.1);
  assert_int_equal(count_leaving(NOW + 0.1, 10), 2);
  struct bucket_ticket second = {.sent_at = NOW + 0.1, .number = 2};
  respond(second, NO_HEADER, NO_HEADER, NOW + 0.2);
  assert_int_equal(count_leaving(NOW + 0.2, 10), 2);
}

TEST(without_headers_requests_are_not_paced_until_a_429) {
  open_default();
  for (int i = 0; i < 1000; i++) {
    assert_seconds(bucket_wait(&bucket, NOW), 0);
    exchange(NO_HEADER, NO_HEADER, NOW);
  }
}

/* Without headers: sends requests at a fixed rate for 20 seconds, then has one refused. Returns when. */
static double refuse_after(double rate) {
  double now = NOW;
  open_default();
  for (int i = 0; i < 20 * rate; i++, now += 1 / rate) exchange(NO_HEADER, NO_HEADER, now);
  refuse(bucket_sent(&bucket, now), -1, now);
  return now;
}

/* Requests per second that may leave at this time. */
static double rate_at(double now) {
  bucket_sent(&bucket, now);
  bucket.in_flight = 0;
  return 1 / bucket_wait(&bucket, now);
}

TEST(without_headers_a_429_cuts_the_rate_to_seven_tenths_and_it_grows_again) {
  double now = refuse_after(100);
  assert_near(rate_at(now), 70, 1);
  assert_near(rate_at(now + 1), 100, 2);
  assert_near(rate_at(now + 1.5), 100, 1);
  assert_near(rate_at(now + 2), 100, 2);
  assert_true(rate_at(now + 10) > 400);
}

TEST(without_headers_a_slow_client_probes_no_sooner_than_after_some_requests) {
  double now = refuse_after(5);
  double before = rate_at(now) / 0.7;
  assert_true(rate_at(now + 1.5) < 0.95 * before);
  assert_near(rate_at(now + 25 / before), before, 0.1);
}

TEST(without_headers_a_few_429s_do_not_slow_a_client_for_long) {
  double now = refuse_after(400);
  for (int i = 0; i < 9; i++) {
    for (double end = now + 3; now < end; now += fmax(0.0025, bucket_wait(&bucket, now))) {
      exchange(NO_HEADER, NO_HEADER, now);
    }
    refuse(bucket_sent(&bucket, now), -1, now);
  }
  assert_true(rate_at(now + 3) > 300);
}

TEST(without_headers_a_pause_does_not_make_the_next_429_count_for_less) {
  double now = refuse_after(100) + 1000;
  for (int i = 0; i < 100; i++, now += 0.05) exchange(NO_HEADER, NO_HEADER, now);
  refuse(bucket_sent(&bucket, now), -1, now);
  assert_near(rate_at(now), 0.7 * 21, 2);
}

/* --- the model of the tenant's bucket */

TEST(after_the_first_response_all_but_the_reserve_may_be_sent_at_once) {
  open_default();
  exchange(10, 9, NOW);
  assert_int_equal(count_leaving(NOW, 100), 7);
  assert_true(bucket_wait(&bucket, NOW) > 0);
}

TEST(the_reserve_is_an_option_and_a_small_bucket_has_none) {
  open_bucket(0, 0.5);
  exchange(10, 9, NOW);
  assert_int_equal(count_leaving(NOW, 100), 4);
  open_bucket(0, 0);
  exchange(10, 9, NOW);
  assert_int_equal(count_leaving(NOW, 100), 9);
  open_bucket(0, 0.5);
  exchange(4, 3, NOW);
  assert_int_equal(count_leaving(NOW, 100), 3);
}

TEST(responses_without_headers_do_not_change_what_is_known) {
  open_default();
  exchange(10, 9, NOW);
  bucket_sent(&bucket, NOW);
  double left = 0;
  for (int i = 0; i < 3; i++) exchange(NO_HEADER, NO_HEADER, NOW);
  left = count_leaving(NOW, 100);
  assert_seconds(left, 7 - 1 - 3);
}

TEST(requests_in_flight_count_as_taken) {
  open_default();
  struct bucket_ticket probe = bucket_sent(&bucket, NOW);
  bucket_sent(&bucket, NOW + PATIENCE); /* the probe was slow */
  bucket_sent(&bucket, NOW + PATIENCE);
  respond(probe, 10, 9, NOW + PATIENCE);
  int leaving = count_leaving(NOW, 100);
  assert_int_equal(leaving, 5);
}

TEST(a_new_limit_is_adopted) {
  open_default();
  exchange(10, 9, NOW);
  exchange(50, 49, NOW + 1);
  assert_int_equal(count_leaving(NOW + 1, 100), 39);
  exchange(10, 1, NOW + 2);
  assert_int_equal(count_leaving(NOW + 2, 100), 0);
}

TEST(after_an_hour_the_bucket_is_full_and_one_request_is_a_probe_again) {
  open_default();
  exchange(10, 9, NOW);
  count_leaving(NOW, 100);
  for (int i = 0; i < 7; i++) bucket_lost(&bucket);
  double later = NOW + 3600;
  assert_int_equal(count_leaving(later, 100), 1);
  respond((struct bucket_ticket){.sent_at = later, .number = bucket.sent}, 10, 9, later + 0.1);
  assert_int_equal(count_leaving(later + 0.1, 100), 7);
}

/* --- against a tenant that responds at once */

struct tenant {
  double bucket, refill, level, filled_at;
  bool windows;
};

struct outcome {
  int done, refused;
};

static void tenant_fill(struct tenant *tenant, double now) {
  double elapsed = now - tenant->filled_at;
  if (tenant->windows) elapsed = floor(elapsed);
  tenant->level = fmin(tenant->bucket, tenant->level + elapsed * tenant->refill);
  tenant->filled_at += elapsed;
}

/* Sends whenever the bucket allows it, from `now` to `end`. */
static struct outcome run(struct tenant *tenant, double *now, double end) {
  struct outcome outcome = {0, 0};
  while (*now < end) {
    double wait = bucket_wait(&bucket, *now);
    assert_true(wait >= 0 && wait <= WAIT_MAX);
    *now += fmax(wait, 0.001);
    if (wait > 0) continue;
    tenant_fill(tenant, *now);
    bool refused = tenant->level < 1;
    if (!refused) tenant->level -= 1;
    struct bucket_response response = {.ticket = bucket_sent(&bucket, *now),
                                       .refused = refused,
                                       .limit = tenant->bucket,
                                       .remaining = floor(tenant->level),
                                       .retry_after = -1};
    bucket_received(&bucket, &response, *now + 0.0005);
    if (refused) {
      outcome.refused++;
    } else {
      outcome.done++;
    }
  }
  return outcome;
}

static void check_steady(double size, double refill, bool windows, double share) {
  struct tenant tenant = {.bucket = size, .refill = refill, .level = size, .filled_at = NOW - 0.3, .windows = windows};
  double now = NOW;
  open_default();
  run(&tenant, &now, NOW + 20);
  struct outcome outcome = run(&tenant, &now, NOW + 80);
  assert_int_equal(outcome.refused, 0);
  if (outcome.done < share * 60 * refill) fail_msg("%d requests in 60 s at %g per s", outcome.done, refill);
  assert_true(outcome.done <= 60 * refill + 1);
}

TEST(in_steady_state_a_drip_is_used_up_without_refusals) {
  check_steady(2, 2, false, 0.97);
  check_steady(10, 2, false, 0.98);
  check_steady(10, 2.5, false, 0.98);
  check_steady(50, 16, false, 0.99);
  check_steady(50, 50, false, 0.99);
  check_steady(250, 250, false, 0.99);
}

TEST(in_steady_state_a_refill_once_a_second_is_used_up_without_refusals) {
  check_steady(2, 2, true, 0.97);
  check_steady(10, 2, true, 0.98);
  check_steady(10, 2.5, true, 0.98);
  check_steady(50, 16, true, 0.98);
  check_steady(50, 50, true, 0.97);
  check_steady(250, 250, true, 0.96); /* this tenant's client sends one at a time */
}

TEST(a_changed_refill_rate_is_learned) {
  struct tenant tenant = {.bucket = 50, .refill = 16, .level = 50, .filled_at = NOW};
  double now = NOW;
  open_default();
  run(&tenant, &now, NOW + 30);
  tenant.refill = 50;
  run(&tenant, &now, NOW + 60);
  struct outcome outcome = run(&tenant, &now, NOW + 90);
  assert_true(outcome.done >= 0.98 * 30 * 50);
  tenant.refill = 5;
  run(&tenant, &now, NOW + 120);
  outcome = run(&tenant, &now, NOW + 150);
  assert_true(outcome.done >= 0.9 * 30 * 5);
  assert_true(outcome.refused <= 1 + outcome.done / 10);
}

/* --- bounds */

TEST(max_rate_bounds_the_rate_whatever_the_tenant_allows) {
  open_bucket(4, 0);
  assert_seconds(bucket_wait(&bucket, NOW), 0);
  exchange(1000, 999, NOW);
  assert_seconds(bucket_wait(&bucket, NOW), 0.25);
  assert_seconds(bucket_wait(&bucket, NOW + 0.125), 0.125);
  assert_seconds(bucket_wait(&bucket, NOW + 0.25), 0);
  struct tenant tenant = {.bucket = 1000, .refill = 1000, .level = 1000, .filled_at = NOW + 1};
  double now = NOW + 1;
  assert_true(run(&tenant, &now, NOW + 11).done <= 41);
}

TEST(max_rate_bounds_a_tenant_without_headers_too) {
  open_bucket(4, 0);
  exchange(NO_HEADER, NO_HEADER, NOW);
  assert_seconds(bucket_wait(&bucket, NOW), 0.25);
}

/* --- refusals */

TEST(retry_after_holds_every_request_but_for_at_most_five_minutes) {
  open_default();
  exchange(10, 9, NOW);
  refuse(bucket_sent(&bucket, NOW), 7, NOW);
  assert_seconds(bucket_wait(&bucket, NOW), 7);
  assert_seconds(bucket_wait(&bucket, NOW + 3), 4);
  refuse(bucket_sent(&bucket, NOW), 1000000, NOW);
  assert_seconds(bucket_wait(&bucket, NOW), WAIT_MAX);
}

TEST(a_429_without_retry_after_empties_the_bucket_and_holds_for_a_second_at_most) {
  open_default();
  exchange(50, 49, NOW);
  refuse(bucket_sent(&bucket, NOW), -1, NOW);
  double now = NOW;
  assert_true(bucket_wait(&bucket, now) > 0);
  for (int i = 0; i < 100; i++) {
    double wait = bucket_wait(&bucket, now);
    now += wait;
    refuse(bucket_sent(&bucket, now), -1, now);
    assert_true(bucket_wait(&bucket, now) <= PATIENCE);
  }
  assert_true(now >= NOW + 90);
}

TEST(a_refusal_of_a_request_sent_before_an_earlier_refusal_was_known_changes_nothing) {
  open_default();
  exchange(50, 49, NOW);
  struct bucket_ticket tickets[10];
  for (size_t i = 0; i < COUNT(tickets); i++) tickets[i] = bucket_sent(&bucket, NOW);
  refuse(tickets[0], -1, NOW + 0.1);
  double held_until = bucket.held_until;
  for (size_t i = 1; i < COUNT(tickets); i++) refuse(tickets[i], -1, NOW + 0.1 + 0.01 * (double)i);
  assert_seconds(bucket.held_until, held_until);
}

TEST(a_refused_request_takes_nothing_from_the_bucket) {
  open_default();
  exchange(50, 49, NOW);
  double sent = bucket.sent;
  refuse(bucket_sent(&bucket, NOW), -1, NOW);
  assert_seconds(bucket.sent, sent);
}

/* --- nonsense and liveness */

TEST(absurd_headers_count_as_absent) {
  static const double values[][2] = {{0, 0},    {-5, 3},       {10, 11},       {10, -3},       {1e300, 5}, {NAN, 3},
                                     {10, NAN}, {HUGE_VAL, 1}, {10, HUGE_VAL}, {-HUGE_VAL, 0}, {0.5, 0}};
  for (size_t i = 0; i < COUNT(values); i++) {
    open_default();
    exchange(values[i][0], values[i][1], NOW);
    assert_seconds(bucket.limit, 0);
    assert_seconds(bucket_wait(&bucket, NOW), 0);
  }
}

TEST(a_clock_that_stands_still_is_harmless) {
  open_default();
  exchange(10, 9, NOW);
  for (int i = 0; i < 100; i++) exchange(10, 5, NOW);
  double wait = bucket_wait(&bucket, NOW);
  assert_true(wait > 0 && wait <= WAIT_MAX);
  assert_seconds(bucket_wait(&bucket, NOW), wait);
}

TEST(requests_are_still_sent_when_no_response_ever_comes) {
  open_default();
  exchange(10, 9, NOW);
  double now = NOW;
  for (int i = 0; i < 500; i++) {
    double sent_at = now;
    for (double wait; (wait = bucket_wait(&bucket, now)) > 0;) now += fmax(wait, 1e-6);
    assert_true(now - sent_at <= PATIENCE + 0.001);
    bucket_sent(&bucket, now);
  }
}

static unsigned long long noise_state;

/* [0, 1) */
static double noise(void) {
  noise_state = noise_state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (double)(noise_state >> 11) / 9007199254740992.0;
}

static double absurd(void) {
  static const double values[] = {-1, 0, 1, 2, 10, 10, 10, 50, 1e6, 1e18, HUGE_VAL, -HUGE_VAL, NAN, 0.3};
  return values[(size_t)(noise() * (double)COUNT(values))];
}

/* Whatever responses come, in whatever order, a request may be sent within a bounded time. */
TEST(no_sequence_of_responses_makes_a_request_wait_forever) {
  struct bucket_ticket tickets[64];
  for (unsigned seed = 1; seed <= 50; seed++) {
    noise_state = seed;
    open_bucket(seed % 3 ? 0 : 20, noise());
    double now = NOW;
    size_t count = 0;
    for (int i = 0; i < 2000; i++) {
      now += noise() < 0.01 ? 5000 * noise() : 0.2 * noise();
      double wait = bucket_wait(&bucket, now), waited = 0;
      assert_true(wait >= 0 && wait <= WAIT_MAX);
      for (; wait > 0 && waited < 2 * WAIT_MAX; wait = bucket_wait(&bucket, now)) {
        now += fmax(wait, 1e-4);
        waited += wait;
      }
      assert_true(waited < 2 * WAIT_MAX);
      tickets[count % COUNT(tickets)] = bucket_sent(&bucket, now);
      count++;
      struct bucket_ticket ticket = tickets[(size_t)(noise() * (double)(count < 64 ? count : 64))];
      struct bucket_response response = {.ticket = ticket,
                                         .refused = noise() < 0.2,
                                         .limit = absurd(),
                                         .remaining = absurd(),
                                         .retry_after = noise() < 0.05 ? absurd() : -1};
      if (noise() < 0.1) {
        bucket_lost(&bucket);
      } else if (noise() < 0.9) {
        bucket_received(&bucket, &response, now + noise());
      }
    }
  }
}

int test_bucket(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_request_is_a_probe_and_the_others_wait_for_its_response),
      cmocka_unit_test(a_probe_without_a_response_does_not_stall_the_others),
      cmocka_unit_test(without_headers_each_response_allows_one_more_request_in_flight),
      cmocka_unit_test(without_headers_requests_are_not_paced_until_a_429),
      cmocka_unit_test(without_headers_a_429_cuts_the_rate_to_seven_tenths_and_it_grows_again),
      cmocka_unit_test(without_headers_a_slow_client_probes_no_sooner_than_after_some_requests),
      cmocka_unit_test(without_headers_a_few_429s_do_not_slow_a_client_for_long),
      cmocka_unit_test(without_headers_a_pause_does_not_make_the_next_429_count_for_less),
      cmocka_unit_test(after_the_first_response_all_but_the_reserve_may_be_sent_at_once),
      cmocka_unit_test(the_reserve_is_an_option_and_a_small_bucket_has_none),
      cmocka_unit_test(responses_without_headers_do_not_change_what_is_known),
      cmocka_unit_test(requests_in_flight_count_as_taken),
      cmocka_unit_test(a_new_limit_is_adopted),
      cmocka_unit_test(after_an_hour_the_bucket_is_full_and_one_request_is_a_probe_again),
      cmocka_unit_test(in_steady_state_a_drip_is_used_up_without_refusals),
      cmocka_unit_test(in_steady_state_a_refill_once_a_second_is_used_up_without_refusals),
      cmocka_unit_test(a_changed_refill_rate_is_learned),
      cmocka_unit_test(max_rate_bounds_the_rate_whatever_the_tenant_allows),
      cmocka_unit_test(max_rate_bounds_a_tenant_without_headers_too),
      cmocka_unit_test(retry_after_holds_every_request_but_for_at_most_five_minutes),
      cmocka_unit_test(a_429_without_retry_after_empties_the_bucket_and_holds_for_a_second_at_most),
      cmocka_unit_test(a_refusal_of_a_request_sent_before_an_earlier_refusal_was_known_changes_nothing),
      cmocka_unit_test(a_refused_request_takes_nothing_from_the_bucket),
      cmocka_unit_test(absurd_headers_count_as_absent),
      cmocka_unit_test(a_clock_that_stands_still_is_harmless),
      cmocka_unit_test(requests_are_still_sent_when_no_response_ever_comes),
      cmocka_unit_test(no_sequence_of_responses_makes_a_request_wait_forever),
  };
  return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
