#include "token.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { LONGEST = 16 * 1024 }; /* bytes */

static struct memory memory;
static struct token token;
static struct error error;

static int open_token(void **state) {
  (void)state;
  memory_open(&memory);
  memory.secret = TEXT("s3cr3t");
  token_open(&token, memory_allocator(&memory));
  return 0;
}

static int close_token(void **state) {
  (void)state;
  token_close(&token);
  memory_assert_all_back(&memory);
  return 0;
}

TEST(a_new_token_is_empty_and_no_secret) {
  assert_text(token_at(&token, 0), "");
  assert_text(token_secret(&token), "");
}

TEST(a_given_token_is_kept_byte_by_byte) {
  assert_true(token_give(&token, TEXT("a.s3cr3t-token_~+/="), HUGE_VAL, &error));
  assert_text(token_at(&token, 1e15), "a.s3cr3t-token_~+/=");
  assert_text(token_secret(&token), "a.s3cr3t-token_~+/=");
}

TEST(the_copy_of_a_token_has_no_byte_to_spare) {
  assert_true(token_give(&token, TEXT("s3cr3t"), HUGE_VAL, &error));
  assert_int_equal(memory.block_count, 1);
  assert_int_equal(memory.blocks[0].size, 6);
}

TEST(a_token_lives_until_it_expires_and_stays_a_secret_after) {
  assert_true(token_give(&token, TEXT("s3cr3t"), 100, &error));
  assert_text(token_at(&token, 99.999), "s3cr3t");
  assert_text(token_at(&token, 100), "");
  assert_text(token_at(&token, 101), "");
  assert_text(token_secret(&token), "s3cr3t");
}

TEST(a_later_token_replaces_the_one_before_which_is_wiped) {
  assert_true(token_give(&token, TEXT("s3cr3t"), 100, &error));
  assert_true(token_give(&token, TEXT("other"), 200, &error));
  assert_int_equal(memory.block_count, 1);
  assert_int_equal(memory.revealed, 0);
  assert_text(token_at(&token, 150), "other");
}

TEST(a_closed_token_is_wiped_and_can_be_closed_again) {
  assert_true(token_give(&token, TEXT("s3cr3t"), HUGE_VAL, &error));
  token_close(&token);
  token_close(&token);
  memory_assert_all_back(&memory);
  assert_text(token_at(&token, 0), "");
  assert_text(token_secret(&token), "");
}

/* The value is refused, the message does not repeat it, and the token from before stays. */
static void check_refused(struct text value, const char *message) {
  assert_true(token_give(&token, TEXT("before"), HUGE_VAL, &error));
  assert_false(token_give(&token, value, 5, &error));
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_contains(error.message, message);
  assert_lacks(error.message, "s3cr3t");
  assert_text(token_at(&token, 0), "before");
}

TEST(an_empty_token_is_refused) {
  check_refused(TEXT(""), "token: at least 1 character expected, got none");
}

TEST(a_token_that_would_end_its_header_is_refused) {
  check_refused(TEXT("s3cr3t\r"), "character 7 is not");
  check_refused(TEXT("s3cr3t\nX-Evil: 1"), "character 7 is not");
  check_refused(TEXT("s3cr3t\0tail"), "character 7 is not");
}

TEST(a_token_with_spaces_tabs_or_delete_is_refused) {
  check_refused(TEXT(" s3cr3t"), "character 1 is not");
  check_refused(TEXT("s3cr3t "), "character 7 is not");
  check_refused(TEXT("s3\tcr3t"), "character 3 is not");
  check_refused(TEXT("s3cr3t\x7f"), "character 7 is not");
}

TEST(a_token_beyond_ascii_is_refused) {
  check_refused(TEXT("s3cr3t\u00e9"), "character 7 is not");
  check_refused(TEXT("\xff"), "character 1 is not");
}

TEST(every_printable_ascii_character_is_taken) {
  char value['~' - '!' + 1];
  for (size_t i = 0; i < sizeof value; i++) value[i] = (char)('!' + i);
  assert_true(token_give(&token, (struct text){.data = value, .length = sizeof value}, HUGE_VAL, &error));
  assert_memory_equal(token_secret(&token).data, value, sizeof value);
}

TEST(the_longest_token_is_taken_and_a_longer_one_refused) {
  struct text value = text_repeat("x", LONGEST + 1);
  check_refused(value, "at most 16384 characters expected, got 16385");
  value.length = LONGEST;
  assert_true(token_give(&token, value, HUGE_VAL, &error));
  assert_int_equal(token_secret(&token).length, LONGEST);
  text_free(value);
}

TEST(a_token_can_be_given_to_itself) {
  assert_true(token_give(&token, TEXT("s3cr3t"), 10, &error));
  assert_true(token_give(&token, token_secret(&token), 20, &error));
  assert_text(token_at(&token, 15), "s3cr3t");
}

TEST(without_memory_the_token_from_before_stays) {
  assert_true(token_give(&token, TEXT("before"), HUGE_VAL, &error));
  memory.fail_at = memory.requests + 1;
  assert_false(token_give(&token, TEXT("after"), HUGE_VAL, &error));
  assert_int_equal(error.kind, ERROR_MEMORY);
  assert_text(token_at(&token, 0), "before");
}

#define WITH_TOKEN(test) cmocka_unit_test_setup_teardown(test, open_token, close_token)

int test_token(void) {
  static const struct CMUnitTest tests[] = {
      WITH_TOKEN(a_new_token_is_empty_and_no_secret),
      WITH_TOKEN(a_given_token_is_kept_byte_by_byte),
      WITH_TOKEN(the_copy_of_a_token_has_no_byte_to_spare),
      WITH_TOKEN(a_token_lives_until_it_expires_and_stays_a_secret_after),
      WITH_TOKEN(a_later_token_replaces_the_one_before_which_is_wiped),
      WITH_TOKEN(a_closed_token_is_wiped_and_can_be_closed_again),
      WITH_TOKEN(an_empty_token_is_refused),
      WITH_TOKEN(a_token_that_would_end_its_header_is_refused),
      WITH_TOKEN(a_token_with_spaces_tabs_or_delete_is_refused),
      WITH_TOKEN(a_token_beyond_ascii_is_refused),
      WITH_TOKEN(every_printable_ascii_character_is_taken),
      WITH_TOKEN(the_longest_token_is_taken_and_a_longer_one_refused),
      WITH_TOKEN(a_token_can_be_given_to_itself),
      WITH_TOKEN(without_memory_the_token_from_before_stays),
  };
  return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
