#include "core/request.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "core/version.h"
#include "support.h"

static const char API[] = "https://api.example.com/";

enum { CONTENT_MAX = 1000 * 1000 }; /* bytes */

static struct memory memory;
static struct request request;
static struct error error;

static const struct request_frame FRAME = {
    .domain = "acme.eu.auth0.com", .agent = "e30", .token = {.data = "s3cr3t", .length = 6}};

static int open_as(const char *operation) {
  memory_open(&memory);
  memory.secret = TEXT("s3cr3t");
  request_open(&request, operation_find(operation), memory_allocator(&memory));
  return 0;
}

static int open_removal(void **state) {
  (void)state;
  return open_as("remove_user_permissions");
}

static int open_list(void **state) {
  (void)state;
  return open_as("list_user_permissions");
}

static int close_request(void **state) {
  (void)state;
  request_close(&request);
  memory_assert_all_back(&memory);
  return 0;
}

/* Adds a permission from exact copies, so that a sanitizer detects a read past their ends. */
static bool add(struct text identifier, struct text name) {
  struct text identifier_copy = text_copy(identifier);
  struct text name_copy = text_copy(name);
  bool added = request_add_permission(&request, identifier_copy, name_copy, &error);
  text_free(identifier_copy);
  text_free(name_copy);
  return added;
}

static void assert_invalid(const char *message) {
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_string_equal(error.message, message);
}

static void assert_body(const char *expected) {
  assert_true(request_end_list(&request, &error));
  assert_text(request.body, expected);
  assert_null(request.items.slots);
}

TEST(the_request_of_auth0s_guide_is_correct_to_the_last_byte) {
  assert_true(request_identify(&request, "user_id", TEXT("auth0|5f7c8ec7c33c6c004bbafe82"), &error));
  assert_true(add(text_of(API), TEXT("read:reports")));
  assert_true(request_end_list(&request, &error));
  assert_true(request_address(&request, &FRAME, NULL, &error));
  assert_string_equal(request.method, "DELETE");
  assert_string_equal(request.url,
                      "https://acme.eu.auth0.com/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82/permissions");
  assert_text(request.body,
              "{\"permissions\":[{\"resource_server_identifier\":\"https://api.example.com/\","
              "\"permission_name\":\"read:reports\"}]}");
  assert_string_equal(request.headers[0], "Authorization: Bearer s3cr3t");
  assert_string_equal(request.headers[1], "Auth0-Client: e30");
  assert_string_equal(request.headers[2], "Cache-Control: no-cache");
  assert_string_equal(request.headers[3], "User-Agent: auth0perm/" MODULE_VERSION);
  assert_string_equal(request.headers[4], "Content-Type: application/json");
  assert_null(request.headers[5]);
}

TEST(a_list_request_has_a_page_with_totals_and_no_body) {
  struct request_page page = {.number = 3, .per_page = 50};
  assert_true(request_identify(&request, "user_id", TEXT("auth0|1"), &error));
  assert_true(request_address(&request, &FRAME, &page, &error));
  assert_string_equal(request.method, "GET");
  assert_string_equal(request.url,
                      "https://acme.eu.auth0.com/api/v2/users/auth0%7C1/permissions"
                      "?per_page=50&page=3&include_totals=true");
  assert_null(request.body.data);
  assert_string_equal(request.headers[1], "Auth0-Client: e30");
  assert_string_equal(request.headers[2], "Cache-Control: no-cache");
  assert_string_equal(request.headers[3], "User-Agent: auth0perm/" MODULE_VERSION);
  assert_null(request.headers[4]);
}

TEST(addressing_a_request_again_wipes_the_previous_token) {
  struct request_page page = {.number = 0, .per_page = 100};
  struct request_frame frame = FRAME;
  assert_true(request_identify(&request, "user_id", TEXT("auth0|1"), &error));
  assert_true(request_address(&request, &frame, &page, &error));
  page.number = 1;
  frame.token = TEXT("x");
  assert_true(request_address(&request, &frame, &page, &error));
  assert_contains(request.url, "&page=1&");
  assert_string_equal(request.headers[0], "Authorization: Bearer x");
  assert_text(request.secret, "x");
  const char *end = request.head.data + request.head.capacity;
  for (const char *byte = request.headers[0]; byte + 6 <= end; byte++) assert_memory_not_equal(byte, "s3cr3t", 6);
}

TEST(the_token_is_sent_as_a_bearer_token_and_marked_as_the_secret) {
  struct text token = text_copy(TEXT("s3cr3t-and-more"));
  struct request_frame frame = FRAME;
  assert_text(request.secret, "");
  token.length = 6;
  frame.token = token;
  assert_true(request_identify(&request, "user_id", TEXT("auth0|1"), &error));
  assert_true(request_address(&request, &frame, NULL, &error));
  text_free(token);
  assert_string_equal(request.headers[0], "Authorization: Bearer s3cr3t");
  assert_text(request.secret, "s3cr3t");
}

TEST(addressing_a_request_takes_a_single_block) {
  struct text token = text_repeat("s3cr3t", 500);
  struct text agent = text_repeat("a", 1000);
  struct request_frame frame = {.domain = "acme.eu.auth0.com", .agent = agent.data, .token = token};
  struct request_page page = {.number = LLONG_MAX, .per_page = LLONG_MAX};
  assert_true(request_identify(&request, "user_id", TEXT("auth0|1"), &error));
  size_t before = memory.requests;
  assert_true(request_address(&request, &frame, &page, &error));
  assert_int_equal(memory.requests, before + 1);
  text_free(token);
  text_free(agent);
}

TEST(a_request_that_could_not_be_addressed_can_be_addressed_again) {
  assert_true(request_identify(&request, "user_id", TEXT("auth0|1"), &error));
  memory.fail_at = memory.requests + 1;
  assert_false(request_address(&request, &FRAME, NULL, &error));
  assert_int_equal(error.kind, ERROR_MEMORY);
  assert_true(request_address(&request, &FRAME, NULL, &error));
  assert_string_equal(request.url, "https://acme.eu.auth0.com/api/v2/users/auth0%7C1/permissions");
}

TEST(a_closed_request_leaks_nothing_and_can_be_closed_again) {
  assert_true(request_identify(&request, "user_id", TEXT("auth0|1"), &error));
  assert_true(add(text_of(API), TEXT("read:reports")));
  assert_true(request_end_list(&request, &error));
  assert_true(request_address(&request, &FRAME, NULL, &error));
  request_close(&request);
  memory_assert_all_back(&memory);
  assert_null(request.url);
  assert_null(request.body.data);
  assert_null(request.headers[0]);
  assert_text(request.secret, "");
  request_close(&request);
}

/* Checks the path for this id, below /api/v2/users/. */
static void check_path(struct text id, const char *segment) {
  char expected[300];
  struct text copy = text_copy(id);
  request_close(&request);
  assert_true(request_identify(&request, "user_id", copy, &error));
  snprintf(expected, sizeof expected, "/api/v2/users/%s/permissions", segment);
  assert_buffer(&request.path, expected);
  text_free(copy);
}

TEST(an_id_is_one_path_segment_whatever_it_contains) {
  check_path(TEXT("auth0|5f7c"), "auth0%7C5f7c");
  check_path(TEXT("samlp|conn|a/b"), "samlp%7Cconn%7Ca%2Fb");
  check_path(TEXT("a/../../roles/rol_1"), "a%2F..%2F..%2Froles%2Frol_1");
  check_path(TEXT("../rol_1"), "..%2Frol_1");
  check_path(TEXT("%2e%2e"), "%252e%252e");
  check_path(TEXT("a?b#c&d=e;f"), "a%3Fb%23c%26d%3De%3Bf");
  check_path(TEXT("waad|J\u00f6rg \u20ac@x.org"), "waad%7CJ%C3%B6rg%20%E2%82%AC%40x.org");
  check_path(TEXT("a\\b"), "a%5Cb");
}

TEST(dots_that_are_not_a_dot_segment_make_an_id) {
  check_path(TEXT("..."), "...");
  check_path(TEXT(".a"), ".a");
  check_path(TEXT("..a"), "..a");
  check_path(TEXT("a.."), "a..");
}

TEST(a_row_may_have_several_ids_in_its_path) {
  static const struct operation row = {
      .name = "list_organization_member_roles",
      .method = "GET",
      .path = "/organizations/{organization_id}/members/{user_id}/roles",
      .arguments = {{"organization_id", IN_PATH}, {"user_id", IN_PATH}},
      .result = RESULT_LIST,
      .list_name = "roles",
      .success = 200,
  };
  request_close(&request);
  request_open(&request, &row, memory_allocator(&memory));
  assert_true(request_identify(&request, "organization_id", TEXT("org_1/2"), &error));
  assert_true(request_identify(&request, "user_id", TEXT("auth0|1"), &error));
  assert_buffer(&request.path, "/api/v2/organizations/org_1%2F2/members/auth0%7C1/roles");
  assert_text(request_subject(&request), "/api/v2/organizations/org_1%2F2/members/auth0%7C1");
}

TEST(the_second_id_is_checked_like_the_first_and_named_in_the_message) {
  static const struct operation row = {.method = "GET", .path = "/a/{first}/b/{second}"};
  request_close(&request);
  request_open(&request, &row, memory_allocator(&memory));
  assert_true(request_identify(&request, "first", TEXT("1"), &error));
  assert_false(request_identify(&request, "second", TEXT(".."), &error));
  assert_invalid("second: expected an id, got \"..\"");
}

static void check_id_refused(struct text id, const char *message) {
  struct text copy = text_copy(id);
  assert_false(request_identify(&request, "user_id", copy, &error));
  assert_invalid(message);
  assert_null(request.path.data);
  text_free(copy);
}

TEST(an_empty_id_is_refused) {
  check_id_refused(TEXT(""), "user_id: expected an id, got \"\"");
}

TEST(dot_segments_are_refused) {
  check_id_refused(TEXT("."), "user_id: expected an id, got \".\"");
  check_id_refused(TEXT(".."), "user_id: expected an id, got \"..\"");
}

TEST(an_id_with_control_characters_is_refused) {
  for (int byte = 0; byte <= 0x7f; byte = byte == 0x1f ? 0x7f : byte + 1) {
    char id[] = {'a', (char)byte, 'b'};
    check_id_refused((struct text){.data = id, .length = 3}, "user_id: expected an id without control characters");
  }
}

TEST(an_id_that_is_not_utf8_is_refused) {
  check_id_refused(TEXT("auth0|\xc3"), "user_id: expected valid UTF-8");
  check_id_refused(TEXT("\xc0\xae\xc0\xae"), "user_id: expected valid UTF-8");
}

TEST(an_id_that_does_not_fit_a_url_is_refused) {
  struct text id = text_repeat("|", 8000);
  assert_false(request_identify(&request, "user_id", id, &error));
  assert_invalid("user_id: too long: the path of the URL would exceed 8000 bytes");
  text_free(id);
}

TEST(the_longest_path_is_accepted_and_a_longer_one_refused) {
  struct text id = text_repeat("x", 8000 - strlen("/api/v2/users//permissions") + 1);
  assert_false(request_identify(&request, "user_id", id, &error));
  assert_int_equal(error.kind, ERROR_INVALID);
  request_close(&request);
  id.length--;
  assert_true(request_identify(&request, "user_id", id, &error));
  assert_int_equal(request.path.length, 8000);
  text_free(id);
}

TEST(permissions_keep_their_order) {
  assert_true(add(TEXT("b"), TEXT("2")));
  assert_true(add(TEXT("a"), TEXT("9")));
  assert_true(add(TEXT("b"), TEXT("1")));
  assert_body(
      "{\"permissions\":[{\"resource_server_identifier\":\"b\",\"permission_name\":\"2\"},"
      "{\"resource_server_identifier\":\"a\",\"permission_name\":\"9\"},"
      "{\"resource_server_identifier\":\"b\",\"permission_name\":\"1\"}]}");
}

TEST(a_permission_given_twice_is_sent_once) {
  assert_true(add(TEXT("a"), TEXT("1")));
  assert_true(add(TEXT("a"), TEXT("1")));
  assert_true(add(TEXT("a"), TEXT("2")));
  assert_true(add(TEXT("a"), TEXT("1")));
  assert_body(
      "{\"permissions\":[{\"resource_server_identifier\":\"a\",\"permission_name\":\"1\"},"
      "{\"resource_server_identifier\":\"a\",\"permission_name\":\"2\"}]}");
}

TEST(permissions_that_are_equal_only_when_joined_are_different) {
  assert_true(add(TEXT("ab"), TEXT("c")));
  assert_true(add(TEXT("a"), TEXT("bc")));
  assert_true(add(TEXT("c"), TEXT("ab")));
  assert_int_equal(request.items.used, 3);
}

TEST(names_are_escaped_for_json) {
  assert_true(add(TEXT("urn:\"x\"\\"), TEXT("a\0\n\u20ac")));
  assert_body(
      "{\"permissions\":[{\"resource_server_identifier\":\"urn:\\\"x\\\"\\\\\","
      "\"permission_name\":\"a\\u0000\\n\u20ac\"}]}");
}

/* Adds `count` permissions named n0, n1, ... */
static void add_many(int count) {
  for (int i = 0; i < count; i++) {
    char name[20];
    snprintf(name, sizeof name, "n%d", i);
    assert_true(add(text_of(API), text_of(name)));
    assert_true(request.items.slot_count == 0 || 2 * request.items.used <= request.items.slot_count);
  }
}

TEST(a_few_permissions_are_each_sent_once_and_take_no_memory_to_be_told_apart) {
  for (int count = 1; count < REQUEST_FEW_ITEMS; count++) {
    request_close(&request);
    add_many(count);
    add_many(count);
    assert_int_equal(request.items.used, count);
    assert_int_equal(request.items.slot_count, 0);
  }
  add_many(REQUEST_FEW_ITEMS + 1);
  add_many(REQUEST_FEW_ITEMS + 1);
  assert_int_equal(request.items.used, REQUEST_FEW_ITEMS + 1);
}

TEST(a_thousand_permissions_are_each_sent_once_and_in_order) {
  add_many(1000);
  add_many(1000);
  add_many(500);
  assert_int_equal(request.items.used, 1000);
  assert_true(request_end_list(&request, &error));
  const char *place = request.body.data;
  for (int i = 0; i < 1000; i++) {
    char name[20];
    snprintf(name, sizeof name, ":\"n%d\"}", i);
    place = strstr(place, name);
    assert_non_null(place);
  }
  assert_string_equal(strchr(place, '}'), "}]}");
}

/* With 8 of 16 slots taken, some of this many names must share a slot, whatever the hash. */
TEST(permissions_that_share_a_hash_slot_are_distinguished) {
  for (int first = 0; first < 200; first += 8) {
    char name[20];
    for (int i = first; i < first + 16; i++) {
      snprintf(name, sizeof name, "n%d", first + i % 8);
      assert_true(add(text_of("a"), text_of(name)));
    }
    assert_int_equal(request.items.used, 8);
    request_close(&request);
  }
}

TEST(lengths_are_limited_in_characters) {
  struct text identifier = text_repeat("\u20ac", 600);
  struct text name = text_repeat("\u20ac", 280);
  assert_true(add(identifier, name));
  assert_true(add(TEXT("a"), TEXT("b")));
  text_free(identifier);
  text_free(name);
}

static void check_permission_refused(struct text identifier, struct text name, const char *message) {
  assert_false(add(identifier, name));
  assert_invalid(message);
  assert_int_equal(request.content.length, 0);
}

TEST(an_empty_or_too_long_identifier_is_refused) {
  struct text identifier = text_repeat("x", 601);
  check_permission_refused(identifier, TEXT("p"), "resource_server_identifier: expected 1 to 600 characters, got 601");
  check_permission_refused(TEXT(""), TEXT("p"), "resource_server_identifier: expected 1 to 600 characters, got 0");
  text_free(identifier);
}

TEST(an_empty_or_too_long_permission_name_is_refused) {
  struct text name = text_repeat("x", 281);
  check_permission_refused(TEXT("a"), name, "permission_name: expected 1 to 280 characters, got 281");
  check_permission_refused(TEXT("a"), TEXT(""), "permission_name: expected 1 to 280 characters, got 0");
  text_free(name);
}

TEST(names_that_are_not_utf8_are_refused) {
  check_permission_refused(TEXT("a\xff"), TEXT("p"), "resource_server_identifier: expected valid UTF-8");
  check_permission_refused(TEXT("a"), TEXT("\xed\xa0\x80"), "permission_name: expected valid UTF-8");
}

TEST(an_empty_list_of_permissions_is_refused) {
  assert_false(request_end_list(&request, &error));
  assert_invalid("permissions: expected at least 1 item, got none");
  assert_null(request.body.data);
}

/* Adds permissions of a known size until no other one, with the end of the body, would fit; returns the bytes left. */
static size_t fill_body(void) {
  struct text identifier = text_repeat("i", 600);
  size_t item = 0, before = 0;
  for (int i = 0; request.content.length + item + 2 <= CONTENT_MAX; i++) {
    char name[20];
    snprintf(name, sizeof name, "%05d", i);
    before = request.content.length;
    assert_true(add(identifier, text_of(name)));
    item = request.content.length - before;
  }
  text_free(identifier);
  return CONTENT_MAX - request.content.length;
}

/* Adds a permission that takes this many bytes, including its comma. */
static void add_sized(size_t bytes) {
  static const char around[] = ",{\"resource_server_identifier\":\"\",\"permission_name\":\"p\"}";
  struct text identifier = text_repeat("x", bytes - (sizeof around - 1));
  assert_true(add(identifier, TEXT("p")));
  text_free(identifier);
}

TEST(a_body_of_exactly_one_megabyte_is_sent) {
  add_sized(fill_body() - 2);
  assert_true(request_end_list(&request, &error));
  assert_int_equal(request.body.length, CONTENT_MAX);
}

TEST(a_body_of_one_byte_more_is_refused_when_it_is_finished) {
  add_sized(fill_body() - 1);
  assert_false(request_end_list(&request, &error));
  assert_invalid("request body: expected at most 1000000 bytes, got more");
  assert_null(request.body.data);
}

TEST(a_permission_that_does_not_fit_is_refused_and_so_is_the_body) {
  fill_body();
  struct text identifier = text_repeat("x", 600);
  assert_false(add(identifier, TEXT("p")));
  assert_invalid("request body: expected at most 1000000 bytes, got more");
  assert_false(request_end_list(&request, &error));
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_null(request.body.data);
  text_free(identifier);
}

static int open_roles(void **state) {
  (void)state;
  return open_as("assign_user_roles");
}

static int open_effective(void **state) {
  (void)state;
  return open_as("list_effective_user_permissions");
}

static int open_all_roles(void **state) {
  (void)state;
  return open_as("list_roles");
}

TEST(ids_are_sent_as_a_list_named_after_their_argument) {
  assert_true(request_add_id(&request, TEXT("rol_1"), &error));
  assert_true(request_add_id(&request, TEXT("a\"b"), &error));
  assert_true(request_add_id(&request, TEXT("rol_1"), &error));
  assert_body("{\"roles\":[\"rol_1\",\"a\\\"b\"]}");
}

TEST(an_id_in_a_body_is_checked_like_one_in_a_path) {
  assert_false(request_add_id(&request, TEXT(""), &error));
  assert_invalid("expected an id, got \"\"");
  assert_false(request_add_id(&request, TEXT(".."), &error));
  assert_invalid("expected an id, got \"..\"");
  assert_false(request_add_id(&request, TEXT("a\nb"), &error));
  assert_invalid("expected an id without control characters");
  assert_false(request_add_id(&request, TEXT("\xff"), &error));
  assert_invalid("expected valid UTF-8");
  assert_false(request_end_list(&request, &error));
  assert_invalid("roles: expected at least 1 item, got none");
}

TEST(checkpoints_and_query_arguments_are_percent_encoded) {
  struct request_page page = {.paging = PAGING_CHECKPOINT, .per_page = 100};
  assert_true(request_identify(&request, "user_id", TEXT("auth0|1"), &error));
  assert_true(request_add_query(&request, "resource_server_identifier", TEXT("https://a/?b&c"), &error));
  assert_true(request_address(&request, &FRAME, &page, &error));
  assert_string_equal(request.url,
                      "https://acme.eu.auth0.com/api/v2/users/auth0%7C1/effective-permissions"
                      "?resource_server_identifier=https%3A%2F%2Fa%2F%3Fb%26c&take=100");
  page.from = TEXT("a+b/=&c");
  assert_true(request_address(&request, &FRAME, &page, &error));
  assert_contains(request.url, "&take=100&from=a%2Bb%2F%3D%26c");
}

TEST(an_operation_without_an_id_in_its_path_needs_none) {
  struct request_page page = {.number = 0, .per_page = 100};
  assert_true(request_add_query(&request, "name_filter", TEXT("a b"), &error));
  assert_true(request_address(&request, &FRAME, &page, &error));
  assert_string_equal(request.url,
                      "https://acme.eu.auth0.com/api/v2/roles"
                      "?name_filter=a%20b&per_page=100&page=0&include_totals=true");
}

TEST(a_value_that_does_not_fit_a_query_is_refused) {
  struct text longest = text_repeat("x", 8001);
  assert_false(request_add_query(&request, "name_filter", TEXT(""), &error));
  assert_invalid("name_filter: expected at least 1 character, got none");
  assert_false(request_add_query(&request, "name_filter", TEXT("a\0"), &error));
  assert_invalid("name_filter: expected a string without control characters");
  assert_false(request_add_query(&request, "name_filter", TEXT("\xff"), &error));
  assert_invalid("name_filter: expected valid UTF-8");
  assert_false(request_add_query(&request, "name_filter", longest, &error));
  assert_invalid("name_filter: too long: the query of the URL would exceed 8000 bytes");
  text_free(longest);
}

TEST(a_correlation_id_is_a_header_of_its_own) {
  struct text longest = text_repeat("x", 129);
  assert_true(request_correlate(&request, TEXT("job-7"), &error));
  assert_true(request_address(&request, &FRAME, NULL, &error));
  assert_string_equal(request.headers[4], "X-Correlation-ID: job-7");
  assert_null(request.headers[5]);
  assert_false(request_correlate(&request, TEXT(""), &error));
  assert_invalid("correlation_id: expected 1 to 128 characters, got 0");
  assert_false(request_correlate(&request, longest, &error));
  assert_invalid("correlation_id: expected 1 to 128 characters, got 129");
  assert_false(request_correlate(&request, TEXT("a\r\nb"), &error));
  assert_invalid("correlation_id: expected printable ASCII without spaces, got another character at position 2");
  text_free(longest);
}

TEST(a_rested_request_has_no_token_and_can_be_addressed_again) {
  assert_true(request_address(&request, &FRAME, NULL, &error));
  request_wipe_token(&request);
  assert_null(request.url);
  assert_null(request.headers[0]);
  assert_int_equal(request.secret.length, 0);
  assert_true(request_address(&request, &FRAME, NULL, &error));
  assert_string_equal(request.url, "https://acme.eu.auth0.com/api/v2/roles");
}

TEST(the_user_agent_names_module_version_and_language) {
  struct buffer expected, agent;
  buffer_open(&expected, memory_allocator(&memory), 1000);
  buffer_open(&agent, memory_allocator(&memory), 1000);
  encode_base64url(&expected,
                   TEXT("{\"name\":\"auth0perm\",\"version\":\"" MODULE_VERSION "\",\"env\":{\"lua\":\"5.4\"}}"));
  request_describe_agent(&agent, TEXT("5.4"));
  assert_buffer(&agent, expected.data);
  buffer_close(&agent);
  buffer_close(&expected);
}

TEST(a_user_agent_that_does_not_fit_fails_the_buffer) {
  struct buffer agent;
  buffer_open(&agent, memory_allocator(&memory), 20);
  request_describe_agent(&agent, TEXT("5.4"));
  assert_int_equal(agent.state, BUFFER_FULL);
  buffer_close(&agent);
}

/* A complete request with enough permissions to make table and body grow. */
static bool build(struct allocator allocator, struct error *failure) {
  struct request built;
  request_open(&built, operation_find("assign_user_permissions"), allocator);
  bool good = request_identify(&built, "user_id", TEXT("auth0|1"), failure);
  for (int i = 0; good && i < 60; i++) {
    char name[20];
    snprintf(name, sizeof name, "n%d", i % 50);
    good = request_add_permission(&built, text_of(API), text_of(name), failure);
  }
  good = good && request_end_list(&built, failure) && request_address(&built, &FRAME, NULL, failure);
  request_close(&built);
  return good;
}

TEST(a_request_reports_every_failed_allocation_and_leaks_nothing) {
  torture(build);
}

/* The same for a list with everything that its head can contain. */
static bool build_list(struct allocator allocator, struct error *failure) {
  struct request built;
  struct request_page page = {.paging = PAGING_CHECKPOINT, .per_page = 100, .from = TEXT("next")};
  struct text filter = text_repeat("x", 700);
  request_open(&built, operation_find("list_effective_user_permissions"), allocator);
  bool good = request_identify(&built, "user_id", TEXT("auth0|1"), failure) &&
              request_add_query(&built, "resource_server_identifier", filter, failure) &&
              request_correlate(&built, TEXT("job-7"), failure) && request_address(&built, &FRAME, &page, failure);
  text_free(filter);
  request_close(&built);
  return good;
}

TEST(a_list_reports_every_failed_allocation_and_leaks_nothing) {
  torture(build_list);
}

static bool describe(struct allocator allocator, struct error *failure) {
  struct buffer agent;
  buffer_open(&agent, allocator, 1000);
  request_describe_agent(&agent, TEXT("5.4"));
  bool good = agent.state == BUFFER_GOOD;
  if (agent.state == BUFFER_NO_MEMORY) error_set_memory(failure);
  buffer_close(&agent);
  return good;
}

TEST(the_user_agent_reports_every_failed_allocation_and_leaks_nothing) {
  torture(describe);
}

#define REMOVAL(test) cmocka_unit_test_setup_teardown(test, open_removal, close_request)
#define LIST(test) cmocka_unit_test_setup_teardown(test, open_list, close_request)
#define ROLES(test) cmocka_unit_test_setup_teardown(test, open_roles, close_request)
#define EFFECTIVE(test) cmocka_unit_test_setup_teardown(test, open_effective, close_request)
#define ALL_ROLES(test) cmocka_unit_test_setup_teardown(test, open_all_roles, close_request)

int test_request(void) {
  static const struct CMUnitTest tests[] = {
      REMOVAL(the_request_of_auth0s_guide_is_correct_to_the_last_byte),
      LIST(a_list_request_has_a_page_with_totals_and_no_body),
      LIST(addressing_a_request_again_wipes_the_previous_token),
      LIST(the_token_is_sent_as_a_bearer_token_and_marked_as_the_secret),
      LIST(addressing_a_request_takes_a_single_block),
      LIST(a_request_that_could_not_be_addressed_can_be_addressed_again),
      REMOVAL(a_closed_request_leaks_nothing_and_can_be_closed_again),
      LIST(an_id_is_one_path_segment_whatever_it_contains),
      LIST(dots_that_are_not_a_dot_segment_make_an_id),
      LIST(a_row_may_have_several_ids_in_its_path),
      LIST(the_second_id_is_checked_like_the_first_and_named_in_the_message),
      LIST(an_empty_id_is_refused),
      LIST(dot_segments_are_refused),
      LIST(an_id_with_control_characters_is_refused),
      LIST(an_id_that_is_not_utf8_is_refused),
      LIST(an_id_that_does_not_fit_a_url_is_refused),
      LIST(the_longest_path_is_accepted_and_a_longer_one_refused),
      REMOVAL(permissions_keep_their_order),
      REMOVAL(a_permission_given_twice_is_sent_once),
      REMOVAL(permissions_that_are_equal_only_when_joined_are_different),
      REMOVAL(names_are_escaped_for_json),
      REMOVAL(a_few_permissions_are_each_sent_once_and_take_no_memory_to_be_told_apart),
      REMOVAL(a_thousand_permissions_are_each_sent_once_and_in_order),
      REMOVAL(permissions_that_share_a_hash_slot_are_distinguished),
      REMOVAL(lengths_are_limited_in_characters),
      REMOVAL(an_empty_or_too_long_identifier_is_refused),
      REMOVAL(an_empty_or_too_long_permission_name_is_refused),
      REMOVAL(names_that_are_not_utf8_are_refused),
      REMOVAL(an_empty_list_of_permissions_is_refused),
      REMOVAL(a_body_of_exactly_one_megabyte_is_sent),
      REMOVAL(a_body_of_one_byte_more_is_refused_when_it_is_finished),
      REMOVAL(a_permission_that_does_not_fit_is_refused_and_so_is_the_body),
      ROLES(ids_are_sent_as_a_list_named_after_their_argument),
      ROLES(an_id_in_a_body_is_checked_like_one_in_a_path),
      EFFECTIVE(checkpoints_and_query_arguments_are_percent_encoded),
      ALL_ROLES(an_operation_without_an_id_in_its_path_needs_none),
      ALL_ROLES(a_value_that_does_not_fit_a_query_is_refused),
      ALL_ROLES(a_correlation_id_is_a_header_of_its_own),
      ALL_ROLES(a_rested_request_has_no_token_and_can_be_addressed_again),
      REMOVAL(the_user_agent_names_module_version_and_language),
      REMOVAL(a_user_agent_that_does_not_fit_fails_the_buffer),
      cmocka_unit_test(a_request_reports_every_failed_allocation_and_leaks_nothing),
      cmocka_unit_test(a_list_reports_every_failed_allocation_and_leaks_nothing),
      cmocka_unit_test(the_user_agent_reports_every_failed_allocation_and_leaks_nothing),
  };
  return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
