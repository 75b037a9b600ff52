#include "core/response.h"

#include "support.h"

TEST(a_new_digest_has_only_the_status) {
  struct response response;
  response_open(&response, 204);
  assert_int_equal(response.status, 204);
  assert_true(response_retry_after(&response) < 0);
  assert_true(response.date < 0);
  assert_true(response.limit_size < 0);
  assert_true(response.limit_remaining < 0);
  assert_int_equal(response.quota.per_hour.quota, -1);
  assert_int_equal(response.quota.per_day.reset, -1);
  assert_int_equal(response.access_token.length, 0);
  assert_true(response.expires_in < 0);
  assert_false(response.html);
  assert_int_equal(response.body, RESPONSE_EMPTY);
  assert_int_equal(response.code.length, 0);
  assert_int_equal(response.message.length, 0);
  assert_int_equal(response.item_count, -1);
  assert_int_equal(response.start, -1);
  assert_int_equal(response.limit, -1);
  assert_int_equal(response.total, -1);
}

static double retry_after(struct text value) {
  struct response response;
  struct text copy = text_copy(value);
  response_open(&response, 429);
  response_header(&response, TEXT("Retry-After"), copy);
  text_free(copy);
  return response_retry_after(&response);
}

TEST(retry_after_is_read_in_seconds) {
  assert_seconds(retry_after(TEXT("0")), 0);
  assert_seconds(retry_after(TEXT("1")), 1);
  assert_seconds(retry_after(TEXT("0120")), 120);
  assert_seconds(retry_after(TEXT("86399")), 86399);
}

TEST(a_retry_after_of_more_than_a_day_is_ignored) {
  assert_seconds(retry_after(TEXT("86400")), 86400);
  assert_true(retry_after(TEXT("86401")) < 0);
  assert_true(retry_after(TEXT("1000000")) < 0);
  assert_true(retry_after(TEXT("99999999999999999999999999999999999999999999")) < 0);
}

TEST(a_retry_after_that_is_not_a_number_of_seconds_is_ignored) {
  assert_true(retry_after(TEXT("")) < 0);
  assert_true(retry_after(TEXT("-1")) < 0);
  assert_true(retry_after(TEXT("1.5")) < 0);
  assert_true(retry_after(TEXT("1e3")) < 0);
  assert_true(retry_after(TEXT("soon")) < 0);
  assert_true(retry_after(TEXT("/")) < 0);
  assert_true(retry_after(TEXT(":")) < 0);
}

TEST(header_names_match_in_any_case) {
  struct response response;
  response_open(&response, 429);
  response_header(&response, TEXT("rEtRy-AfTeR"), TEXT("7"));
  assert_seconds(response_retry_after(&response), 7);
  response_header(&response, TEXT("CONTENT-TYPE"), TEXT("TEXT/HTML; charset=utf-8"));
  assert_true(response.html);
}

TEST(similar_header_names_are_ignored) {
  struct response response;
  response_open(&response, 429);
  response_header(&response, TEXT("Retry-Afte"), TEXT("7"));
  response_header(&response, TEXT("Retry-After2"), TEXT("7"));
  response_header(&response, TEXT("X-Retry-After"), TEXT("7"));
  response_header(&response, TEXT(""), TEXT("7"));
  response_header(&response, TEXT("Content-Type2"), TEXT("text/html"));
  assert_true(response_retry_after(&response) < 0);
  assert_false(response.html);
}

TEST(json_is_not_html) {
  struct response response;
  response_open(&response, 200);
  response_header(&response, TEXT("content-type"), TEXT("application/json; charset=utf-8"));
  assert_false(response.html);
  response_header(&response, TEXT("content-type"), TEXT("text/ht"));
  assert_false(response.html);
}

static double date(const char *value) {
  struct response response;
  struct text copy = text_copy(text_of(value));
  response_open(&response, 200);
  response_header(&response, TEXT("date"), copy);
  text_free(copy);
  return response.date;
}

TEST(a_date_is_read_as_seconds_since_1970) {
  assert_seconds(date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  assert_seconds(date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  assert_seconds(date("Tue, 29 Feb 2000 23:59:59 GMT"), 951868799);
  assert_seconds(date("Wed, 01 Mar 2000 00:00:00 GMT"), 951868800);
  assert_seconds(date("Tue, 19 Jan 2038 03:14:08 GMT"), 2147483648);
  assert_seconds(date("Fri, 31 Dec 2100 23:59:59 GMT"), 4133980799);
}

TEST(only_the_date_format_of_http_is_read) {
  assert_true(date("") < 0);
  assert_true(date("Sunday, 06-Nov-94 08:49:37 GMT") < 0);
  assert_true(date("Sun Nov  6 08:49:37 1994") < 0);
  assert_true(date("Sun, 06 Nov 1994 08:49:37 UTC") < 0);
  assert_true(date("Sun, 06 Nov 1994 08:49:37 GMT ") < 0);
  assert_true(date("Sun, 06 Nov 1994 08:49:37 GM") < 0);
  assert_true(date("Sun, 06 Nix 1994 08:49:37 GMT") < 0);
  assert_true(date("Wed, 31 Dec 1969 23:59:59 GMT") < 0);
  assert_true(date("-----------------------------") < 0);
}

/* The wait in seconds that a tenant whose clock shows `now` asks for with this Retry-After. */
static double wait_until(const char *when, const char *now) {
  struct response response;
  response_open(&response, 503);
  response_header(&response, TEXT("retry-after"), text_of(when));
  if (now) response_header(&response, TEXT("date"), text_of(now));
  return response_retry_after(&response);
}

TEST(a_retry_after_that_is_a_date_counts_from_the_tenants_own_date) {
  assert_seconds(wait_until("Sun, 06 Nov 1994 08:49:42 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"), 5);
  assert_seconds(wait_until("Sun, 06 Nov 1994 08:51:42 GMT", "Sun, 06 Nov 1994 08:51:37 GMT"), 5);
  assert_seconds(wait_until("Sun, 06 Nov 1994 08:47:42 GMT", "Sun, 06 Nov 1994 08:47:37 GMT"), 5);
  assert_seconds(wait_until("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"), 0);
  assert_seconds(wait_until("Mon, 07 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"), 86400);
}

TEST(a_retry_after_date_that_cannot_be_true_is_ignored) {
  assert_true(wait_until("Sun, 06 Nov 1994 08:49:36 GMT", "Sun, 06 Nov 1994 08:49:37 GMT") < 0);
  assert_true(wait_until("Mon, 07 Nov 1994 08:49:38 GMT", "Sun, 06 Nov 1994 08:49:37 GMT") < 0);
  assert_true(wait_until("Sun, 06 Nov 1994 08:49:42 GMT", NULL) < 0);
  assert_true(wait_until("Sun, 06 Nov 1994 08:49:42 GMT", "yesterday") < 0);
}

TEST(a_date_beside_a_retry_after_in_seconds_changes_nothing) {
  assert_seconds(wait_until("5", "Sun, 06 Nov 1994 08:49:37 GMT"), 5);
  assert_seconds(wait_until("5", NULL), 5);
}

static struct response limited(const char *reset, const char *now) {
  struct response response;
  response_open(&response, 200);
  response_header(&response, TEXT("X-RateLimit-Limit"), TEXT("10"));
  response_header(&response, TEXT("x-ratelimit-remaining"), TEXT("0"));
  response_header(&response, TEXT("x-ratelimit-reset"), text_of(reset));
  if (now) response_header(&response, TEXT("date"), text_of(now));
  return response;
}

TEST(the_rate_limit_is_read) {
  struct response response = limited("784111780", "Sun, 06 Nov 1994 08:49:37 GMT");
  assert_seconds(response.limit_size, 10);
  assert_seconds(response.limit_remaining, 0);
  assert_seconds(response.limit_reset, 784111780);
  response = limited("soon", NULL);
  assert_true(response.limit_reset < 0);
}

TEST(a_number_has_only_digits_and_no_more_than_a_double_can_hold) {
  static const char *const wrong[] = {"", "-1", "+1", "1.5", "1e3", " 1", "1 ", "0x10", "10, 10", "1234567890123456"};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    struct response response;
    struct text copy = text_copy(text_of(wrong[i]));
    response_open(&response, 200);
    response_header(&response, TEXT("x-ratelimit-limit"), copy);
    text_free(copy);
    assert_seconds(response.limit_size, -1);
  }
  struct response response;
  response_open(&response, 200);
  response_header(&response, TEXT("x-ratelimit-limit"), TEXT("123456789012345"));
  assert_seconds(response.limit_size, 123456789012345);
}

static struct quota quota(const char *value) {
  struct response response;
  struct text copy = text_copy(text_of(value));
  response_open(&response, 429);
  response_header(&response, TEXT("Auth0-Client-Quota-Limit"), copy);
  text_free(copy);
  return response.quota;
}

static void check_span(struct quota_span span, long long most, long long remaining, long long reset) {
  assert_int_equal(span.quota, most);
  assert_int_equal(span.remaining, remaining);
  assert_int_equal(span.reset, reset);
}

TEST(a_quota_has_an_hour_and_a_day) {
  struct quota read = quota("b=per_hour;q=10;r=7;t=3540,b=per_day;q=1000;r=997;t=86340");
  check_span(read.per_hour, 10, 7, 3540);
  check_span(read.per_day, 1000, 997, 86340);
}

TEST(a_quota_has_only_the_fields_that_the_header_names) {
  struct quota read = quota("b=per_day;q=5");
  check_span(read.per_hour, -1, -1, -1);
  check_span(read.per_day, 5, -1, -1);
  read = quota("b=per_week;q=1;r=1;t=1,b=per_hour;r=0;q=-3;t=;x=4;;q");
  check_span(read.per_hour, -1, 0, -1);
  read = quota(",;=,b=,b=per_hour");
  check_span(read.per_hour, -1, -1, -1);
  check_span(read.per_day, -1, -1, -1);
  read = quota("");
  check_span(read.per_hour, -1, -1, -1);
}

int test_response(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_digest_has_only_the_status),
      cmocka_unit_test(retry_after_is_read_in_seconds),
      cmocka_unit_test(a_retry_after_of_more_than_a_day_is_ignored),
      cmocka_unit_test(a_retry_after_that_is_not_a_number_of_seconds_is_ignored),
      cmocka_unit_test(header_names_match_in_any_case),
      cmocka_unit_test(similar_header_names_are_ignored),
      cmocka_unit_test(json_is_not_html),
      cmocka_unit_test(a_date_is_read_as_seconds_since_1970),
      cmocka_unit_test(only_the_date_format_of_http_is_read),
      cmocka_unit_test(a_retry_after_that_is_a_date_counts_from_the_tenants_own_date),
      cmocka_unit_test(a_retry_after_date_that_cannot_be_true_is_ignored),
      cmocka_unit_test(a_date_beside_a_retry_after_in_seconds_changes_nothing),
      cmocka_unit_test(the_rate_limit_is_read),
      cmocka_unit_test(a_number_has_only_digits_and_no_more_than_a_double_can_hold),
      cmocka_unit_test(a_quota_has_an_hour_and_a_day),
      cmocka_unit_test(a_quota_has_only_the_fields_that_the_header_names),
  };
  return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
