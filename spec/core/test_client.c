#include "core/client.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static struct memory memory;
static struct client client;
static struct client_options options;
static struct error error;

static int prepare(void **state) {
  (void)state;
  memory_open(&memory);
  memory.secret = TEXT("s3cr3t");
  memset(&client, 0, sizeof client);
  options = client_defaults();
  options.domain = TEXT("acme.eu.auth0.com");
  options.lua_version = TEXT("5.4");
  return 0;
}

static int close_client(void **state) {
  (void)state;
  client_close(&client);
  memory_assert_all_back(&memory);
  return 0;
}

static bool open_client(void) {
  return client_open(&client, &options, memory_allocator(&memory), &error);
}

TEST(the_defaults_are_the_documented_ones) {
  assert_seconds(options.timeout, 60);
  assert_seconds(options.connect_timeout, 10);
  assert_seconds(options.request_timeout, 30);
  assert_null(options.token.data);
}

TEST(a_client_has_the_options_it_was_opened_with) {
  options.token = TEXT("s3cr3t");
  options.timeout = 5;
  options.connect_timeout = 6;
  options.request_timeout = 7;
  assert_true(open_client());
  assert_true(client.open);
  assert_buffer(&client.domain, "acme.eu.auth0.com");
  assert_memory_equal(client.agent.data, "eyJuYW1lIjoiYXV0aDBwZXJtIi", 26);
  assert_seconds(client.timeout, 5);
  assert_seconds(client.connect_timeout, 6);
  assert_seconds(client.request_timeout, 7);
  assert_text(token_value(&client.token), "s3cr3t");
  assert_true(token_lives(&client.token, 1e12));
  assert_seconds(bucket_wait(&client.bucket, 0), 0);
}

TEST(a_client_without_a_token_has_no_secret) {
  assert_true(open_client());
  assert_text(token_value(&client.token), "");
  assert_false(token_lives(&client.token, 0));
}

TEST(a_client_can_be_closed_twice_and_leaks_nothing) {
  options.token = TEXT("s3cr3t");
  assert_true(open_client());
  client_close(&client);
  memory_assert_all_back(&memory);
  assert_false(client.open);
  assert_text(token_value(&client.token), "");
  client_close(&client);
}

TEST(a_zeroed_client_can_be_closed) {
  client_close(&client);
  assert_false(client.open);
}

static void check_domain_taken(const char *domain) {
  struct text copy = text_copy(text_of(domain));
  options.domain = copy;
  assert_true(open_client());
  assert_buffer(&client.domain, domain);
  client_close(&client);
  text_free(copy);
}

TEST(host_names_addresses_and_ports_are_domains) {
  check_domain_taken("acme.eu.auth0.com");
  check_domain_taken("ACME.example");
  check_domain_taken("azAZ09.example");
  check_domain_taken("localhost");
  check_domain_taken("127.0.0.1:8443");
  check_domain_taken("a_b-c.example:1");
  check_domain_taken("x:65535");
}

TEST(the_longest_host_name_with_the_longest_port_is_a_domain) {
  struct text host = text_repeat("a", 253);
  char domain[300];
  memcpy(domain, host.data, 253);
  strcpy(domain + 253, ":65535");
  check_domain_taken(domain);
  text_free(host);
}

static void check_domain_refused(struct text domain, const char *got) {
  struct text copy = text_copy(domain);
  options.domain = copy;
  assert_false(open_client());
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_contains(error.message, "domain: expected a host name such as \"acme.eu.auth0.com\", or host:port, got ");
  assert_string_equal(strstr(error.message, ", got ") + 6, got);
  assert_int_equal(memory.requests, 0);
  client_close(&client);
  text_free(copy);
}

TEST(an_empty_domain_is_refused) {
  check_domain_refused(TEXT(""), "\"\"");
}

TEST(a_missing_domain_is_refused_like_an_empty_one) {
  options.domain = (struct text){0};
  assert_false(open_client());
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_contains(error.message, "or host:port, got \"\"");
}

TEST(a_url_is_not_a_domain) {
  check_domain_refused(TEXT("https://acme.eu.auth0.com"), "\"https://acme.eu.auth0.com\"");
  check_domain_refused(TEXT("acme.eu.auth0.com/"), "\"acme.eu.auth0.com/\"");
  check_domain_refused(TEXT("acme.eu.auth0.com/api/v2"), "\"acme.eu.auth0.com/api/v2\"");
  check_domain_refused(TEXT("acme.com?x"), "\"acme.com?x\"");
  check_domain_refused(TEXT("acme.com#x"), "\"acme.com#x\"");
  check_domain_refused(TEXT("acme.com\\x"), "\"acme.com\\x\"");
  check_domain_refused(TEXT("acme.com%2f"), "\"acme.com%2f\"");
}

TEST(a_domain_with_userinfo_is_refused_and_not_repeated) {
  check_domain_refused(TEXT("user:passw0rd@acme.com"), "a value with \"@\"");
  check_domain_refused(TEXT("https://user:passw0rd@acme.com"), "a value with \"@\"");
}

TEST(a_domain_with_spaces_or_control_characters_is_refused) {
  check_domain_refused(TEXT("acme.com "), "\"acme.com \"");
  check_domain_refused(TEXT(" acme.com"), "\" acme.com\"");
  check_domain_refused(TEXT("acme.com\r\nX: y"), "\"acme.com  X: y\"");
}

TEST(a_domain_with_a_zero_byte_is_refused) {
  check_domain_refused(TEXT("acme.com\0.evil"), "\"acme.com\"");
}

TEST(a_domain_outside_ascii_is_refused) {
  check_domain_refused(TEXT("\u00e4cme.com"), "\"\u00e4cme.com\"");
}

TEST(a_domain_with_a_leading_dot_or_dash_is_refused) {
  check_domain_refused(TEXT(".acme.com"), "\".acme.com\"");
  check_domain_refused(TEXT("-acme.com"), "\"-acme.com\"");
}

TEST(a_port_is_a_number_from_1_to_65535) {
  check_domain_refused(TEXT("acme.com:"), "\"acme.com:\"");
  check_domain_refused(TEXT("acme.com:0"), "\"acme.com:0\"");
  check_domain_refused(TEXT("acme.com:65536"), "\"acme.com:65536\"");
  check_domain_refused(TEXT("acme.com:4294967297"), "\"acme.com:4294967297\"");
  check_domain_refused(TEXT("acme.com:000443"), "\"acme.com:000443\"");
  check_domain_refused(TEXT("acme.com:https"), "\"acme.com:https\"");
  check_domain_refused(TEXT("acme.com:44a"), "\"acme.com:44a\"");
  check_domain_refused(TEXT("acme.com:+44"), "\"acme.com:+44\"");
  check_domain_refused(TEXT("acme.com:1:2"), "\"acme.com:1:2\"");
  check_domain_refused(TEXT(":443"), "\":443\"");
}

TEST(a_domain_that_is_too_long_is_refused_and_not_repeated) {
  struct text domain = text_repeat("a", 260);
  check_domain_refused(domain, "260 bytes");
  text_free(domain);
}

TEST(a_timeout_must_be_a_sensible_number_of_seconds) {
  static const double wrong[] = {0, -1, -0.0, 0.0009, 1000001, 1e300, INFINITY, -INFINITY};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    assert_false(client_check_seconds("options.timeout", wrong[i], &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_contains(error.message, "options.timeout: expected 0.001 to 1000000 seconds, got ");
  }
  assert_true(client_check_seconds("timeout", 0.001, &error));
  assert_true(client_check_seconds("timeout", 1, &error));
  assert_true(client_check_seconds("timeout", 1000000, &error));
}

/* A rounded number in the message could look like a valid one. */
TEST(an_invalid_timeout_is_reported_with_all_its_digits) {
  assert_false(client_check_seconds("timeout", 1000001, &error));
  assert_string_equal(error.message, "timeout: expected 0.001 to 1000000 seconds, got 1000001");
  assert_false(client_check_seconds("timeout", 1000000.5, &error));
  assert_string_equal(error.message, "timeout: expected 0.001 to 1000000 seconds, got 1000000.5");
  assert_false(client_check_seconds("timeout", -1, &error));
  assert_string_equal(error.message, "timeout: expected 0.001 to 1000000 seconds, got -1");
}

TEST(a_timeout_that_is_nan_is_reported_as_such) {
  assert_false(client_check_seconds("timeout", NAN, &error));
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_string_equal(error.message, "timeout: expected a number of seconds, got NaN");
  assert_false(client_check_seconds("timeout", -NAN, &error));
  assert_string_equal(error.message, "timeout: expected a number of seconds, got NaN");
}

static void check_limit_refused(double *limit, const char *name) {
  double before = *limit;
  *limit = 0;
  assert_false(open_client());
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_memory_equal(error.message, name, strlen(name));
  assert_contains(error.message, ", got 0");
  *limit = before;
}

TEST(each_timeout_is_checked_and_named_in_the_message) {
  check_limit_refused(&options.timeout, "timeout: ");
  check_limit_refused(&options.connect_timeout, "connect_timeout: ");
  check_limit_refused(&options.request_timeout, "request_timeout: ");
}

static void check_token_refused(struct text token) {
  options.token = token;
  assert_false(open_client());
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_memory_equal(error.message, "token: ", 7);
  assert_lacks(error.message, "s3cr3t");
  client_close(&client);
  memory_assert_all_back(&memory);
}

TEST(a_token_that_does_not_fit_a_header_is_refused_and_not_repeated) {
  struct text longest = text_repeat("s3cr3t", 3000);
  check_token_refused(TEXT(""));
  check_token_refused(TEXT("s3cr3t\r"));
  check_token_refused(TEXT("s3cr3t\n"));
  check_token_refused(TEXT("s3cr3t s3cr3t"));
  check_token_refused(TEXT("s3cr3t\u20ac"));
  check_token_refused(longest);
  text_free(longest);
}

static bool open_and_close(struct allocator allocator, struct error *failure) {
  struct client opened = {0};
  options.token = TEXT("s3cr3t");
  bool good = client_open(&opened, &options, allocator, failure);
  client_close(&opened);
  return good;
}

TEST(a_client_reports_every_failed_allocation_and_leaks_nothing) {
  torture(open_and_close);
}

#define PREPARED(test) cmocka_unit_test_setup_teardown(test, prepare, close_client)

int test_client(void) {
  static const struct CMUnitTest tests[] = {
      PREPARED(the_defaults_are_the_documented_ones),
      PREPARED(a_client_has_the_options_it_was_opened_with),
      PREPARED(a_client_without_a_token_has_no_secret),
      PREPARED(a_client_can_be_closed_twice_and_leaks_nothing),
      PREPARED(a_zeroed_client_can_be_closed),
      PREPARED(host_names_addresses_and_ports_are_domains),
      PREPARED(the_longest_host_name_with_the_longest_port_is_a_domain),
      PREPARED(an_empty_domain_is_refused),
      PREPARED(a_missing_domain_is_refused_like_an_empty_one),
      PREPARED(a_url_is_not_a_domain),
      PREPARED(a_domain_with_userinfo_is_refused_and_not_repeated),
      PREPARED(a_domain_with_spaces_or_control_characters_is_refused),
      PREPARED(a_domain_with_a_zero_byte_is_refused),
      PREPARED(a_domain_outside_ascii_is_refused),
      PREPARED(a_domain_with_a_leading_dot_or_dash_is_refused),
      PREPARED(a_port_is_a_number_from_1_to_65535),
      PREPARED(a_domain_that_is_too_long_is_refused_and_not_repeated),
      PREPARED(a_timeout_must_be_a_sensible_number_of_seconds),
      PREPARED(an_invalid_timeout_is_reported_with_all_its_digits),
      PREPARED(a_timeout_that_is_nan_is_reported_as_such),
      PREPARED(each_timeout_is_checked_and_named_in_the_message),
      PREPARED(a_token_that_does_not_fit_a_header_is_refused_and_not_repeated),
      PREPARED(a_client_reports_every_failed_allocation_and_leaks_nothing),
  };
  return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
