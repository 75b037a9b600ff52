/* The receiver of the libcurl driver: headers reach the core, trailers and the headers of 1xx responses do not, and a
 * response that is too large is refused. */
#include "curl/receiver.h"

#include <string.h>

#include "support.h"

static struct memory memory;
static struct buffer body;
static struct response response;
static struct receiver receiver;

static int open_receiver(void **state) {
  (void)state;
  memory_open(&memory);
  buffer_open(&body, memory_allocator(&memory), RECEIVER_BODY_MAX);
  receiver_open(&receiver, &response, &body);
  return 0;
}

static int close_receiver(void **state) {
  (void)state;
  buffer_close(&body);
  memory_assert_all_back(&memory);
  return 0;
}

static bool take_header(const char *line) {
  return receiver_take_header(&receiver, line, strlen(line));
}

static bool take_body(const char *text) {
  return receiver_take_body(&receiver, text, strlen(text));
}

TEST(headers_reach_the_response_without_the_space_around_their_values) {
  assert_true(take_header("HTTP/1.1 200 OK\r\n"));
  assert_true(take_header("X-RateLimit-Limit: \t10 \r\n"));
  assert_true(take_header("x-ratelimit-remaining:9\r\n"));
  assert_true(take_header("no colon\r\n"));
  assert_false(receiver.whole_headers);
  assert_true(take_header("\r\n"));
  assert_true(receiver.whole_headers);
  assert_seconds(response.limit_size, 10);
  assert_seconds(response.limit_remaining, 9);
}

TEST(headers_of_a_1xx_response_do_not_count) {
  assert_true(take_header("HTTP/1.1 103 Early Hints\r\n"));
  assert_true(take_header("x-ratelimit-limit: 10\r\n"));
  assert_true(take_header("\r\n"));
  assert_false(receiver.whole_headers);
  assert_true(take_header("HTTP/1.1 200 OK\r\n"));
  assert_true(take_header("\n"));
  assert_true(receiver.whole_headers);
  assert_true(response.limit_size < 0);
}

TEST(trailers_are_ignored) {
  assert_true(take_header("HTTP/1.1 200 OK\r\n"));
  assert_true(take_header("\r\n"));
  assert_true(take_body("{}"));
  assert_true(take_header("x-ratelimit-limit: 10\r\n"));
  assert_true(response.limit_size < 0);
  assert_buffer(&body, "{}");
}

TEST(more_than_64_kib_of_headers_are_refused_whichever_response_they_belong_to) {
  char line[1024];
  memset(line, 'x', sizeof line);
  line[sizeof line - 1] = '\n';
  for (int i = 0; i < 64; i++) assert_true(receiver_take_header(&receiver, line, sizeof line));
  assert_null(receiver.refusal);
  assert_false(take_header("\n"));
  assert_string_equal(receiver.refusal, "the response headers are larger than 64 KiB");
}

TEST(a_body_of_more_than_8_mib_is_refused) {
  static char part[RECEIVER_BODY_MAX / 8];
  memset(part, ' ', sizeof part);
  for (int i = 0; i < 8; i++) assert_true(receiver_take_body(&receiver, part, sizeof part));
  assert_null(receiver.refusal);
  assert_false(take_body("x"));
  assert_string_equal(receiver.refusal, "the response body is larger than 8 MiB");
}

TEST(a_body_without_memory_is_not_taken_and_not_blamed_on_the_tenant) {
  memory.fail_at = memory.requests + 1;
  assert_false(take_body("{}"));
  assert_null(receiver.refusal);
}

int test_receiver(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(headers_reach_the_response_without_the_space_around_their_values, open_receiver,
                                      close_receiver),
      cmocka_unit_test_setup_teardown(headers_of_a_1xx_response_do_not_count, open_receiver, close_receiver),
      cmocka_unit_test_setup_teardown(trailers_are_ignored, open_receiver, close_receiver),
      cmocka_unit_test_setup_teardown(more_than_64_kib_of_headers_are_refused_whichever_response_they_belong_to,
                                      open_receiver, close_receiver),
      cmocka_unit_test_setup_teardown(a_body_of_more_than_8_mib_is_refused, open_receiver, close_receiver),
      cmocka_unit_test_setup_teardown(a_body_without_memory_is_not_taken_and_not_blamed_on_the_tenant, open_receiver,
                                      close_receiver),
  };
  return cmocka_run_group_tests_name("receiver", tests, NULL, NULL);
}
