#include "response.h"

#include "support.h"

TEST(a_new_digest_knows_nothing_but_the_status) {
  struct response response;
  response_open(&response, 204);
  assert_int_equal(response.status, 204);
  assert_true(response.retry_after < 0);
  assert_false(response.html);
  assert_int_equal(response.body, RESPONSE_UNREAD);
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
  return response.retry_after;
}

TEST(retry_after_is_read_in_seconds) {
  assert_seconds(retry_after(TEXT("0")), 0);
  assert_seconds(retry_after(TEXT("1")), 1);
  assert_seconds(retry_after(TEXT("0120")), 120);
  assert_seconds(retry_after(TEXT("86399")), 86399);
}

TEST(retry_after_is_never_believed_beyond_a_day) {
  assert_seconds(retry_after(TEXT("86400")), 86400);
  assert_seconds(retry_after(TEXT("86401")), 86400);
  assert_seconds(retry_after(TEXT("99999999999999999999999999999999999999999999")), 86400);
}

TEST(a_retry_after_that_is_no_number_of_seconds_is_as_good_as_none) {
  assert_true(retry_after(TEXT("")) < 0);
  assert_true(retry_after(TEXT("-1")) < 0);
  assert_true(retry_after(TEXT("1.5")) < 0);
  assert_true(retry_after(TEXT("1e3")) < 0);
  assert_true(retry_after(TEXT("soon")) < 0);
  assert_true(retry_after(TEXT("/")) < 0);
  assert_true(retry_after(TEXT(":")) < 0);
}

TEST(header_names_are_known_in_any_case) {
  struct response response;
  response_open(&response, 429);
  response_header(&response, TEXT("rEtRy-AfTeR"), TEXT("7"));
  assert_seconds(response.retry_after, 7);
  response_header(&response, TEXT("CONTENT-TYPE"), TEXT("TEXT/HTML; charset=utf-8"));
  assert_true(response.html);
}

TEST(names_that_only_resemble_are_let_pass) {
  struct response response;
  response_open(&response, 429);
  response_header(&response, TEXT("Retry-Afte"), TEXT("7"));
  response_header(&response, TEXT("Retry-After2"), TEXT("7"));
  response_header(&response, TEXT("X-Retry-After"), TEXT("7"));
  response_header(&response, TEXT(""), TEXT("7"));
  response_header(&response, TEXT("Content-Type2"), TEXT("text/html"));
  assert_true(response.retry_after < 0);
  assert_false(response.html);
}

TEST(json_is_no_html) {
  struct response response;
  response_open(&response, 200);
  response_header(&response, TEXT("content-type"), TEXT("application/json; charset=utf-8"));
  assert_false(response.html);
  response_header(&response, TEXT("content-type"), TEXT("text/ht"));
  assert_false(response.html);
}

int test_response(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_digest_knows_nothing_but_the_status),
      cmocka_unit_test(retry_after_is_read_in_seconds),
      cmocka_unit_test(retry_after_is_never_believed_beyond_a_day),
      cmocka_unit_test(a_retry_after_that_is_no_number_of_seconds_is_as_good_as_none),
      cmocka_unit_test(header_names_are_known_in_any_case),
      cmocka_unit_test(names_that_only_resemble_are_let_pass),
      cmocka_unit_test(json_is_no_html),
  };
  return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
