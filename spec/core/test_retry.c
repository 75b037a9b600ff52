#include "core/retry.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

static const char TOKEN[] = "s3cr3t.t0ken";

static struct error error;

static const struct operation *removing(void) {
  return operation_find("remove_user_permissions");
}

static const struct operation *listing(void) {
  return operation_find("list_user_permissions");
}

static enum retry_verdict judge(const struct operation *operation, const struct response *response) {
  memset(&error, 0x55, sizeof error);
  return retry_response(operation, response, text_of(TOKEN), &error);
}

/* Returns a response whose body has this errorCode and message. */
static struct response response_with(int status, const char *code, const char *message) {
  struct response response;
  response_open(&response, status);
  response.body = RESPONSE_OBJECT;
  response.code = text_of(code);
  response.message = text_of(message);
  return response;
}

/* The verdict expected for a response with this status to an operation that may be repeated. */
static enum retry_verdict verdict_of(int status) {
  switch (status) {
    case 401: return RETRY_NEW_TOKEN;
    case 429: return RETRY_LIMITED;
    case 408: return RETRY_AGAIN;
    case 501:
    case 505: return RETRY_GIVE_UP;
    default: return status >= 500 ? RETRY_AGAIN : RETRY_GIVE_UP;
  }
}

static void check_refusal(const struct response *response, enum error_kind kind, bool maybe_applied) {
  enum retry_verdict verdict = verdict_of(response->status);
  assert_int_equal(judge(removing(), response), verdict);
  assert_int_equal(error.kind, kind);
  assert_int_equal(error.status, response->status);
  assert_int_equal(error.maybe_applied, maybe_applied);
  assert_int_equal(judge(listing(), response), verdict);
  assert_int_equal(error.kind, kind);
  assert_false(error.maybe_applied);
}

TEST(a_204_is_success_whatever_the_body) {
  struct response response;
  response_open(&response, 204);
  assert_int_equal(judge(removing(), &response), RETRY_DONE);
  response.body = RESPONSE_OTHER;
  response.html = true;
  assert_int_equal(judge(removing(), &response), RETRY_DONE);
}

/* Returns a response whose body is not needed. */
static struct response unread(int status, enum response_body body, bool html) {
  struct response response;
  response_open(&response, status);
  response.body = body;
  response.html = html;
  return response;
}

TEST(an_expected_status_with_json_or_no_body_is_success_if_the_body_is_not_needed) {
  static const enum response_body bodies[] = {RESPONSE_EMPTY, RESPONSE_OBJECT, RESPONSE_ARRAY};
  for (size_t i = 0; i < COUNT(bodies); i++) {
    struct response response = unread(200, bodies[i], false);
    assert_int_equal(judge(operation_find("assign_role_users"), &response), RETRY_DONE);
    assert_int_equal(judge(operation_find("delete_role"), &response), RETRY_DONE);
    assert_int_equal(judge(operation_find("remove_role_permissions"), &response), RETRY_DONE);
    response.status = 201;
    assert_int_equal(judge(operation_find("assign_user_permissions"), &response), RETRY_DONE);
  }
}

TEST(an_html_page_with_an_expected_status_is_a_protocol_error_with_maybe_applied_and_is_not_retried) {
  static const char *names[] = {"assign_role_users", "delete_role", "remove_role_permissions"};
  static const struct {
    enum response_body body;
    bool html;
    const char *message;
  } pages[] = {
      {RESPONSE_OTHER, true, "the response is an HTML page"},
      {RESPONSE_EMPTY, true, "the response is an HTML page"},
      {RESPONSE_OTHER, false, "the response is not JSON"},
  };
  for (size_t i = 0; i < COUNT(names); i++) {
    for (size_t j = 0; j < COUNT(pages); j++) {
      struct response response = unread(200, pages[j].body, pages[j].html);
      assert_int_equal(judge(operation_find(names[i]), &response), RETRY_GIVE_UP);
      assert_int_equal(error.kind, ERROR_PROTOCOL);
      assert_int_equal(error.status, 200);
      assert_string_equal(error.message, pages[j].message);
      assert_true(error.maybe_applied);
    }
  }
}

TEST(a_response_that_would_take_too_much_memory_is_a_protocol_error) {
  struct response response = unread(200, RESPONSE_LARGE, false);
  assert_int_equal(judge(listing(), &response), RETRY_GIVE_UP);
  assert_int_equal(error.kind, ERROR_PROTOCOL);
  assert_string_equal(error.message, "the response would take more than 64 MiB of memory");
  assert_int_equal(judge(operation_find("get_user"), &response), RETRY_GIVE_UP);
  assert_string_equal(error.message, "the response would take more than 64 MiB of memory");
}

TEST(a_list_is_success_only_with_its_items) {
  struct response response;
  response_open(&response, 200);
  response.body = RESPONSE_OBJECT;
  response.item_count = 0;
  assert_int_equal(judge(listing(), &response), RETRY_DONE);
  response.item_count = -1;
  assert_int_equal(judge(listing(), &response), RETRY_GIVE_UP);
  assert_int_equal(error.kind, ERROR_PROTOCOL);
  assert_string_equal(error.message, "the response has no list of objects named \"permissions\"");
}

TEST(a_list_that_is_not_a_json_object_is_distinguished_from_html) {
  struct response response;
  response_open(&response, 200);
  assert_int_equal(judge(listing(), &response), RETRY_GIVE_UP);
  assert_string_equal(error.message, "the response is not a JSON object");
  response.body = RESPONSE_OTHER;
  response.html = true;
  assert_int_equal(judge(listing(), &response), RETRY_GIVE_UP);
  assert_int_equal(error.kind, ERROR_PROTOCOL);
  assert_string_equal(error.message, "the response is not a JSON object but an HTML page");
}

TEST(an_object_is_success_only_where_one_is_expected) {
  struct response response;
  response_open(&response, 201);
  response.body = RESPONSE_OBJECT;
  assert_int_equal(judge(operation_find("update_resource_server"), &response), RETRY_DONE);
  response.body = RESPONSE_OTHER;
  assert_int_equal(judge(operation_find("update_resource_server"), &response), RETRY_GIVE_UP);
  assert_int_equal(error.kind, ERROR_PROTOCOL);
  assert_string_equal(error.message, "the response is not a JSON object");
  assert_true(error.maybe_applied);
}

TEST(an_array_is_success_only_where_one_is_expected) {
  struct response response;
  response_open(&response, 200);
  response.item_count = 0;
  assert_int_equal(judge(operation_find("list_users_by_email"), &response), RETRY_DONE);
  response.item_count = -1;
  response.body = RESPONSE_OBJECT;
  assert_int_equal(judge(operation_find("list_users_by_email"), &response), RETRY_GIVE_UP);
  assert_string_equal(error.message, "the response is not a JSON array");
}

TEST(the_apis_error_message_is_quoted) {
  struct response response = response_with(404, "inexistent_user", "The user does not exist.");
  check_refusal(&response, ERROR_API, false);
  assert_string_equal(error.code, "inexistent_user");
  assert_string_equal(error.message, "The user does not exist.");
}

TEST(a_400_for_the_body_is_an_api_error) {
  struct response response = response_with(400, "invalid_body", "Payload validation error");
  check_refusal(&response, ERROR_API, false);
}

TEST(a_400_with_the_code_bearer_is_a_token_error) {
  struct response response = response_with(400, "Bearer", "Bad HTTP authentication header format");
  check_refusal(&response, ERROR_TOKEN, false);
  response = response_with(400, "bearer", "");
  check_refusal(&response, ERROR_API, false);
  response = response_with(404, "Bearer", "");
  check_refusal(&response, ERROR_API, false);
}

TEST(a_401_is_a_token_error) {
  struct response response = response_with(401, "", "Expired token received for JSON Web Token validation");
  check_refusal(&response, ERROR_TOKEN, false);
}

TEST(a_403_a_404_a_409_and_a_413_are_api_errors_that_changed_nothing) {
  static const int statuses[] = {403, 404, 409, 413, 418, 499};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    struct response response = response_with(statuses[i], "", "");
    check_refusal(&response, ERROR_API, false);
  }
}

TEST(a_429_is_a_limit_error_with_a_retry_time) {
  struct response response = response_with(429, "too_many_requests", "Global limit has been reached");
  response.retry_seconds = 7;
  check_refusal(&response, ERROR_LIMIT, false);
  assert_seconds(error.retry_after, 7);
  response.retry_seconds = -1;
  check_refusal(&response, ERROR_LIMIT, false);
  assert_true(error.retry_after < 0);
}

TEST(after_a_408_or_5xx_a_write_may_have_been_applied) {
  static const int statuses[] = {408, 500, 501, 502, 503, 504, 520, 529, 599};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    struct response response = response_with(statuses[i], "", "");
    check_refusal(&response, ERROR_API, true);
  }
}

TEST(a_status_without_a_message_gets_the_default_message) {
  static const struct {
    int status;
    const char *words;
  } rows[] = {
      {400, "Bad Request"},           {401, "Unauthorized"}, {403, "Forbidden"},           {404, "Not Found"},
      {408, "Request Timeout"},       {409, "Conflict"},     {413, "Content Too Large"},   {429, "Too Many Requests"},
      {500, "Internal Server Error"}, {502, "Bad Gateway"},  {503, "Service Unavailable"}, {504, "Gateway Timeout"},
      {418, "client error"},          {520, "server error"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct response response;
    response_open(&response, rows[i].status);
    judge(removing(), &response);
    assert_string_equal(error.message, rows[i].words);
    assert_string_equal(error.code, "");
  }
}

TEST(an_html_page_is_reported_as_html) {
  struct response response;
  response_open(&response, 502);
  response.html = true;
  check_refusal(&response, ERROR_API, true);
  assert_string_equal(error.message, "Bad Gateway (an HTML page, not an API response)");
  assert_int_equal(error.status, 502);
}

TEST(an_error_code_beside_an_html_page_is_kept) {
  struct response response = response_with(503, "overloaded", "");
  response.html = true;
  check_refusal(&response, ERROR_API, true);
  assert_string_equal(error.code, "overloaded");
  assert_string_equal(error.message, "Service Unavailable (an HTML page, not an API response)");
}

TEST(another_2xx_is_not_success_and_the_write_may_have_been_applied) {
  struct response response = response_with(200, "", "");
  assert_int_equal(judge(removing(), &response), RETRY_GIVE_UP);
  assert_int_equal(error.kind, ERROR_PROTOCOL);
  assert_int_equal(error.status, 200);
  assert_true(error.maybe_applied);
  assert_string_equal(error.message, "expected status 204, got 200");
}

TEST(a_redirect_is_a_protocol_error) {
  struct response response;
  response_open(&response, 300);
  check_refusal(&response, ERROR_PROTOCOL, false);
  response_open(&response, 302);
  response.html = true;
  check_refusal(&response, ERROR_PROTOCOL, false);
  assert_string_equal(error.message, "expected status 200, got 302 (an HTML page)");
}

TEST(a_token_that_the_tenant_repeats_is_not_in_the_error) {
  struct response response = response_with(401, "code s3cr3t.t0ken", "Invalid token: s3cr3t.t0ken");
  judge(removing(), &response);
  assert_string_equal(error.code, "code [secret]");
  assert_string_equal(error.message, "Invalid token: [secret]");
}

/* An operation that must not be repeated once its request was read. */
static struct operation creating(void) {
  struct operation operation = *operation_find("assign_user_permissions");
  operation.creates = true;
  return operation;
}

TEST(each_kind_of_failure_has_its_kind_of_error_and_its_verdict) {
  static const struct {
    enum failure_kind failure;
    enum error_kind kind;
    bool passing;
  } rows[] = {
      {FAILURE_CONNECT, ERROR_TRANSPORT, true},  {FAILURE_TLS, ERROR_TRANSPORT, false},
      {FAILURE_TIMEOUT, ERROR_TIMEOUT, true},    {FAILURE_TRANSPORT, ERROR_TRANSPORT, true},
      {FAILURE_PROTOCOL, ERROR_PROTOCOL, false}, {FAILURE_TOKEN, ERROR_TOKEN, false},
      {FAILURE_MEMORY, ERROR_MEMORY, false},     {FAILURE_CANCELED, ERROR_CANCELED, false},
      {FAILURE_CLOSED, ERROR_CLOSED, false},
  };
  struct operation once = creating();
  for (size_t i = 0; i < 2 * COUNT(rows); i++) {
    bool maybe_read = i % 2 == 0;
    enum retry_verdict verdict = rows[i / 2].passing ? RETRY_AGAIN : RETRY_GIVE_UP;
    struct failure failure = {.kind = rows[i / 2].failure, .maybe_read = maybe_read, .message = "100%s broken"};
    assert_int_equal(retry_failure(removing(), &failure, text_of(TOKEN), &error), verdict);
    assert_int_equal(error.kind, rows[i / 2].kind);
    assert_string_equal(error.message, "100%s broken");
    assert_int_equal(error.status, 0);
    assert_true(error.retry_after < 0);
    assert_int_equal(retry_failure(listing(), &failure, text_of(TOKEN), &error), verdict);
    if (maybe_read) verdict = RETRY_GIVE_UP;
    assert_int_equal(retry_failure(&once, &failure, text_of(TOKEN), &error), verdict);
    assert_int_equal(error.maybe_applied, maybe_read);
  }
}

TEST(each_status_has_its_verdict) {
  struct operation once = creating();
  for (int status = 100; status < 600; status++) {
    struct response response;
    response_open(&response, status);
    enum retry_verdict verdict = status == 204 ? RETRY_DONE : verdict_of(status);
    assert_int_equal(judge(removing(), &response), verdict);
    verdict = status == 201 ? RETRY_DONE : verdict_of(status);
    assert_int_equal(judge(&once, &response), verdict == RETRY_AGAIN ? RETRY_GIVE_UP : verdict);
  }
}

TEST(the_error_of_every_status_has_the_retry_after) {
  static const int statuses[] = {403, 408, 429, 500, 503};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    struct response response;
    response_open(&response, statuses[i]);
    response_header(&response, TEXT("retry-after"), TEXT("Sun, 06 Nov 1994 08:49:42 GMT"));
    response_header(&response, TEXT("date"), TEXT("Sun, 06 Nov 1994 08:47:37 GMT"));
    judge(removing(), &response);
    assert_seconds(error.retry_after, 125);
  }
}

TEST(an_absurd_retry_after_is_not_in_the_error) {
  static const char *const absurd[] = {"1000000", "-1", "soon", "Sun, 06 Nov 1994 08:49:36 GMT"};
  for (size_t i = 0; i < COUNT(absurd); i++) {
    struct response response;
    response_open(&response, 503);
    response_header(&response, TEXT("retry-after"), text_of(absurd[i]));
    response_header(&response, TEXT("date"), TEXT("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_int_equal(judge(removing(), &response), RETRY_AGAIN);
    assert_seconds(error.retry_after, -1);
  }
}

static enum retry_verdict judge_token(const struct response *response) {
  memset(&error, 0x55, sizeof error);
  return retry_token_response(response, text_of(TOKEN), &error);
}

TEST(a_token_request_succeeds_only_with_a_200_and_a_token) {
  struct response response;
  response_open(&response, 200);
  response.access_token = TEXT("x");
  assert_int_equal(judge_token(&response), RETRY_DONE);
  response.access_token = TEXT("");
  assert_int_equal(judge_token(&response), RETRY_AGAIN);
  assert_int_equal(error.kind, ERROR_TOKEN);
  assert_string_equal(error.message, "access token: the token endpoint responded with status 200 and no token");
  response_open(&response, 201);
  response.access_token = TEXT("x");
  assert_int_equal(judge_token(&response), RETRY_AGAIN);
  response_open(&response, 302);
  response.html = true;
  assert_int_equal(judge_token(&response), RETRY_AGAIN);
  assert_string_equal(error.message,
                      "access token: the token endpoint responded with status 302 and no token (an HTML page)");
}

TEST(a_token_that_has_expired_on_arrival_is_a_token_error_and_is_not_retried) {
  struct response response;
  response_open(&response, 200);
  response.access_token = TEXT("x");
  response.expires_in = 0;
  assert_int_equal(judge_token(&response), RETRY_GIVE_UP);
  assert_int_equal(error.kind, ERROR_TOKEN);
  assert_contains(error.message, "invalid expires_in; expected a number > 0");
  response.expires_in = 0.5;
  assert_int_equal(judge_token(&response), RETRY_DONE);
}

TEST(only_a_refusal_by_the_token_endpoint_itself_is_final) {
  for (int status = 400; status < 600; status++) {
    bool final = status == 400 || status == 401 || status == 403;
    enum retry_verdict verdict = final ? RETRY_GIVE_UP : status == 429 ? RETRY_LIMITED : RETRY_AGAIN;
    struct response response = response_with(status, "access_denied", "Unauthorized s3cr3t.t0ken");
    response.quota.per_hour.quota = 10;
    assert_int_equal(judge_token(&response), verdict);
    assert_int_equal(error.kind, status == 429 ? ERROR_LIMIT : ERROR_TOKEN);
    assert_int_equal(error.status, status);
    assert_string_equal(error.message, "access token: Unauthorized [secret]");
    assert_string_equal(error.code, "access_denied");
    assert_int_equal(error.quota.per_hour.quota, 10);
    assert_false(error.maybe_applied);
    response.html = true;
    assert_int_equal(judge_token(&response), final ? RETRY_AGAIN : verdict);
  }
}

TEST(a_failed_token_request_never_applied_anything) {
  static const enum failure_kind passing[] = {FAILURE_CONNECT, FAILURE_TIMEOUT, FAILURE_TRANSPORT};
  struct failure failure = {.maybe_read = true, .message = "s3cr3t.t0ken broken"};
  for (size_t i = 0; i < COUNT(passing); i++) {
    failure.kind = passing[i];
    assert_int_equal(retry_token_failure(&failure, text_of(TOKEN), &error), RETRY_AGAIN);
    assert_string_equal(error.message, "access token: [secret] broken");
    assert_false(error.maybe_applied);
  }
  failure.kind = FAILURE_TLS;
  assert_int_equal(retry_token_failure(&failure, text_of(TOKEN), &error), RETRY_GIVE_UP);
  assert_int_equal(error.kind, ERROR_TRANSPORT);
}

TEST(a_pause_is_random_within_a_range_that_doubles_up_to_twenty_seconds_and_never_zero) {
  static const double ranges[] = {0.25, 0.5, 1, 2, 4, 8, 16, 20, 20, 20};
  uint64_t random = 0x9E3779B97F4A7C15;
  for (int number = 0; number < (int)COUNT(ranges); number++) {
    double least = 1000, most = 0, sum = 0;
    for (int i = 0; i < 10000; i++) {
      double seconds = retry_pause(number, &random);
      least = seconds < least ? seconds : least;
      most = seconds > most ? seconds : most;
      sum += seconds;
    }
    assert_true(least >= 0.001 && least < 0.01 * ranges[number]);
    assert_true(most < ranges[number] && most > 0.99 * ranges[number]);
    assert_true(sum / 10000 > 0.48 * ranges[number] && sum / 10000 < 0.52 * ranges[number]);
  }
  assert_true(retry_pause(1000000000, &random) <= 20);
}

TEST(two_generators_with_the_same_seed_give_the_same_pauses) {
  uint64_t one = 1, other = 1;
  for (int i = 0; i < 100; i++) assert_seconds(retry_pause(i, &one), retry_pause(i, &other));
  assert_true(one != 0);
}

TEST(only_a_write_that_may_have_been_read_may_have_been_applied) {
  struct failure failure = {.kind = FAILURE_TRANSPORT, .maybe_read = true, .message = "reset"};
  retry_failure(removing(), &failure, text_of(TOKEN), &error);
  assert_true(error.maybe_applied);
  retry_failure(listing(), &failure, text_of(TOKEN), &error);
  assert_false(error.maybe_applied);
  failure.maybe_read = false;
  retry_failure(removing(), &failure, text_of(TOKEN), &error);
  assert_false(error.maybe_applied);
}

TEST(a_token_that_a_failure_repeats_is_not_in_the_error) {
  struct failure failure = {.kind = FAILURE_TOKEN, .message = "no s3cr3t.t0ken,\ns3cr3t.t0ken!"};
  assert_int_equal(retry_failure(removing(), &failure, text_of(TOKEN), &error), RETRY_GIVE_UP);
  assert_string_equal(error.message, "no [secret], [secret]!");
  retry_failure(removing(), &failure, TEXT(""), &error);
  assert_string_equal(error.message, "no s3cr3t.t0ken, s3cr3t.t0ken!");
}

int test_retry(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_204_is_success_whatever_the_body),
      cmocka_unit_test(an_expected_status_with_json_or_no_body_is_success_if_the_body_is_not_needed),
      cmocka_unit_test(an_html_page_with_an_expected_status_is_a_protocol_error_with_maybe_applied_and_is_not_retried),
      cmocka_unit_test(a_response_that_would_take_too_much_memory_is_a_protocol_error),
      cmocka_unit_test(a_list_is_success_only_with_its_items),
      cmocka_unit_test(a_list_that_is_not_a_json_object_is_distinguished_from_html),
      cmocka_unit_test(an_object_is_success_only_where_one_is_expected),
      cmocka_unit_test(an_array_is_success_only_where_one_is_expected),
      cmocka_unit_test(the_apis_error_message_is_quoted),
      cmocka_unit_test(a_400_for_the_body_is_an_api_error),
      cmocka_unit_test(a_400_with_the_code_bearer_is_a_token_error),
      cmocka_unit_test(a_401_is_a_token_error),
      cmocka_unit_test(a_403_a_404_a_409_and_a_413_are_api_errors_that_changed_nothing),
      cmocka_unit_test(a_429_is_a_limit_error_with_a_retry_time),
      cmocka_unit_test(after_a_408_or_5xx_a_write_may_have_been_applied),
      cmocka_unit_test(a_status_without_a_message_gets_the_default_message),
      cmocka_unit_test(an_html_page_is_reported_as_html),
      cmocka_unit_test(an_error_code_beside_an_html_page_is_kept),
      cmocka_unit_test(another_2xx_is_not_success_and_the_write_may_have_been_applied),
      cmocka_unit_test(a_redirect_is_a_protocol_error),
      cmocka_unit_test(a_token_that_the_tenant_repeats_is_not_in_the_error),
      cmocka_unit_test(each_kind_of_failure_has_its_kind_of_error_and_its_verdict),
      cmocka_unit_test(each_status_has_its_verdict),
      cmocka_unit_test(a_token_that_has_expired_on_arrival_is_a_token_error_and_is_not_retried),
      cmocka_unit_test(only_a_refusal_by_the_token_endpoint_itself_is_final),
      cmocka_unit_test(the_error_of_every_status_has_the_retry_after),
      cmocka_unit_test(an_absurd_retry_after_is_not_in_the_error),
      cmocka_unit_test(a_token_request_succeeds_only_with_a_200_and_a_token),
      cmocka_unit_test(a_failed_token_request_never_applied_anything),
      cmocka_unit_test(a_pause_is_random_within_a_range_that_doubles_up_to_twenty_seconds_and_never_zero),
      cmocka_unit_test(two_generators_with_the_same_seed_give_the_same_pauses),
      cmocka_unit_test(only_a_write_that_may_have_been_read_may_have_been_applied),
      cmocka_unit_test(a_token_that_a_failure_repeats_is_not_in_the_error),
  };
  return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
