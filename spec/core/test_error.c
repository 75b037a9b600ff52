#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "support.h"

static struct error error;

TEST(every_kind_has_the_name_that_lua_programs_see) {
  static const struct {
    enum error_kind kind;
    const char *name;
  } rows[] = {
      {ERROR_NONE, "none"},           {ERROR_INVALID, "invalid"},
      {ERROR_TOKEN, "token"},         {ERROR_API, "api"},
      {ERROR_LIMIT, "limit"},         {ERROR_TIMEOUT, "timeout"},
      {ERROR_TRANSPORT, "transport"}, {ERROR_PROTOCOL, "protocol"},
      {ERROR_MEMORY, "memory"},       {ERROR_CANCELED, "canceled"},
      {ERROR_CLOSED, "closed"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) assert_string_equal(error_kind_name(rows[i].kind), rows[i].name);
}

TEST(a_new_error_has_only_a_kind_and_a_message) {
  memset(&error, 0x55, sizeof error);
  assert_false(error_set(&error, ERROR_INVALID, "%s: at most %d", "user_id", 7));
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_string_equal(error.message, "user_id: at most 7");
  assert_string_equal(error.code, "");
  assert_int_equal(error.status, 0);
  assert_int_equal(error.attempts, 0);
  assert_true(error.retry_after < 0);
  assert_false(error.maybe_applied);
}

TEST(running_out_of_memory_is_an_error_of_its_own_kind) {
  assert_false(error_set_memory(&error));
  assert_int_equal(error.kind, ERROR_MEMORY);
  assert_string_equal(error.message, "not enough memory");
}

TEST(control_characters_in_a_message_become_spaces) {
  error_set(&error, ERROR_INVALID, "a\tb\r\nc\x1b[31m\x7f\x01z~");
  assert_string_equal(error.message, "a b  c [31m  z~");
}

/* U+0080 to U+009F control terminals, too; the code points right after them do not. */
TEST(two_byte_control_characters_become_spaces) {
  for (unsigned char second = 0x80; second <= 0xBF; second++) {
    char text[] = {'a', (char)0xC2, (char)second, 'b', '\0'};
    error_set(&error, ERROR_INVALID, "%s", text);
    assert_string_equal(error.message, second <= 0x9F ? "a  b" : text);
    error_quote_code(&error, text_of(text), TEXT(""));
    assert_string_equal(error.code, second <= 0x9F ? "a  b" : text);
  }
}

TEST(the_second_byte_of_a_control_character_alone_stays) {
  error_set(&error, ERROR_INVALID, "%s", "\u0140 \u0ac5 \xc3\x85");
  assert_string_equal(error.message, "\u0140 \u0ac5 \xc3\x85");
}

TEST(a_two_byte_control_character_cut_at_the_end_leaves_no_half) {
  struct text text = text_repeat("x", ERROR_MESSAGE_SIZE - 2);
  error_set(&error, ERROR_INVALID, "%s\xc2\x9b", text.data);
  assert_string_equal(error.message, text.data);
  error_set(&error, ERROR_INVALID, "%s\xc2\x9b", text.data + 1);
  assert_int_equal(strlen(error.message), ERROR_MESSAGE_SIZE - 1);
  assert_string_equal(error.message + ERROR_MESSAGE_SIZE - 4, "x  ");
  text_free(text);
}

TEST(a_message_that_just_fits_is_kept_whole) {
  struct text text = text_repeat("x", ERROR_MESSAGE_SIZE - 1);
  error_set(&error, ERROR_INVALID, "%s", text.data);
  assert_string_equal(error.message, text.data);
  text_free(text);
}

TEST(a_message_that_is_too_long_is_cut_at_the_size_of_the_field) {
  struct text text = text_repeat("x", 2000);
  error_set(&error, ERROR_INVALID, "%s", text.data);
  assert_int_equal(strlen(error.message), ERROR_MESSAGE_SIZE - 1);
  text_free(text);
}

/* Wherever the cut falls, only whole characters stay, and only the character at the cut is lost. */
static void check_cut(const char *character) {
  size_t width = strlen(character);
  struct text text = text_repeat(character, 600);
  for (size_t shift = 0; shift < width; shift++) {
    error_set(&error, ERROR_INVALID, "%.*s%s", (int)shift, "xxxx", text.data);
    size_t whole = shift + (ERROR_MESSAGE_SIZE - 1 - shift) / width * width;
    assert_int_equal(strlen(error.message), whole);
    assert_true(encode_utf8_length(text_of(error.message)) > 0);
  }
  text_free(text);
}

TEST(a_cut_never_splits_a_character_of_two_three_or_four_bytes) {
  check_cut("\u00e9");
  check_cut("\u0800");
  check_cut("\u20ac");
  check_cut("\U0001f511");
}

TEST(characters_before_the_end_of_a_short_message_stay_as_they_are) {
  error_set(&error, ERROR_INVALID, "%s", "\U0001f511");
  assert_string_equal(error.message, "\U0001f511");
  error_set(&error, ERROR_INVALID, "%s", "");
  assert_string_equal(error.message, "");
}

TEST(bytes_that_are_not_utf8_are_harmless) {
  error_set(&error, ERROR_INVALID, "%s", "\x80\x80\x80\x80\x80\x80");
  error_set(&error, ERROR_INVALID, "%s", "\x80");
  error_set(&error, ERROR_INVALID, "%s", "ok\xc3");
  assert_string_equal(error.message, "ok");
}

TEST(quoted_text_replaces_the_message_and_nothing_else) {
  error_set(&error, ERROR_API, "Not Found");
  error.status = 404;
  error_quote_code(&error, TEXT("inexistent_user"), TEXT(""));
  error_quote_message(&error, TEXT("The user does not exist."), TEXT(""));
  assert_int_equal(error.kind, ERROR_API);
  assert_int_equal(error.status, 404);
  assert_string_equal(error.code, "inexistent_user");
  assert_string_equal(error.message, "The user does not exist.");
}

TEST(quoted_control_characters_and_zeros_become_spaces) {
  error_quote_message(&error, TEXT("a\0b\nc\x1b"), TEXT("secret"));
  assert_string_equal(error.message, "a b c ");
}

TEST(every_occurrence_of_the_secret_is_replaced) {
  error_quote_message(&error, TEXT("s3cret, s3crets3cret and s3cre"), TEXT("s3cret"));
  assert_string_equal(error.message, "[secret], [secret][secret] and s3cre");
  error_quote_code(&error, TEXT("s3cret"), TEXT("s3cret"));
  assert_string_equal(error.code, "[secret]");
}

TEST(a_secret_with_a_repeated_beginning_is_found) {
  error_quote_message(&error, TEXT("aaab aab"), TEXT("aab"));
  assert_string_equal(error.message, "a[secret] [secret]");
}

TEST(an_empty_secret_replaces_nothing) {
  error_quote_message(&error, TEXT("plain"), (struct text){0});
  assert_string_equal(error.message, "plain");
}

TEST(quoting_an_empty_text_empties_the_field) {
  error_set(&error, ERROR_API, "old");
  error_quote_message(&error, (struct text){0}, TEXT("s"));
  assert_string_equal(error.message, "");
}

/* The secret crosses the end of the field: none of its bytes may be in the field. */
TEST(a_secret_across_the_end_of_the_field_shows_no_part) {
  for (size_t before = ERROR_CODE_SIZE - 12; before < ERROR_CODE_SIZE; before++) {
    struct text padding = text_repeat("x", before);
    char text[200];
    memcpy(text, padding.data, before);
    memcpy(text + before, "S3CRETS3CRET", 12);
    error_quote_code(&error, (struct text){.data = text, .length = before + 12}, TEXT("S3CRETS3CRET"));
    assert_null(strchr(error.code, 'S'));
    assert_true(strlen(error.code) < ERROR_CODE_SIZE);
    text_free(padding);
  }
}

TEST(quoted_text_stays_within_its_field) {
  struct text text = text_repeat("x", 1000);
  error_set(&error, ERROR_API, "message");
  error_quote_code(&error, text, TEXT(""));
  assert_int_equal(strlen(error.code), ERROR_CODE_SIZE - 1);
  assert_string_equal(error.message, "message");
  error_quote_message(&error, text, TEXT(""));
  assert_int_equal(strlen(error.message), ERROR_MESSAGE_SIZE - 1);
  text_free(text);
}

TEST(quoted_text_is_cut_between_characters) {
  struct text text = text_repeat("\u20ac", 300);
  error_quote_message(&error, text, TEXT(""));
  assert_int_equal(strlen(error.message), (ERROR_MESSAGE_SIZE - 1) / 3 * 3);
  error_quote_code(&error, text, TEXT(""));
  assert_int_equal(strlen(error.code), (ERROR_CODE_SIZE - 1) / 3 * 3);
  text_free(text);
}

TEST(a_secret_is_not_looked_for_past_the_end_of_the_text) {
  struct text text = text_copy(TEXT("abc"));
  error_quote_message(&error, text, TEXT("abcd"));
  assert_string_equal(error.message, "abc");
  text_free(text);
}

/* Fields are on the heap, so that a sanitizer detects a write past their ends. */
TEST(a_text_can_be_quoted_into_a_field_of_any_size) {
  static const char whole[] = "a [secret] b";
  for (size_t size = 1; size <= sizeof whole + 3; size++) {
    char expected[sizeof whole];
    char *field = malloc(size);
    assert_non_null(field);
    snprintf(expected, size < sizeof expected ? size : sizeof expected, "%s", whole);
    error_quote(field, size,
                TEXT("a\ns3cret\x7f"
                     "b"),
                TEXT("s3cret"));
    assert_string_equal(field, expected);
    free(field);
  }
}

TEST(a_field_is_cut_between_characters) {
  char field[6];
  error_quote(field, sizeof field, TEXT("ab\u20ac\u20ac"), TEXT(""));
  assert_string_equal(field, "ab\u20ac");
  error_quote(field, sizeof field, TEXT("abc\u20ac"), TEXT(""));
  assert_string_equal(field, "abc");
}

TEST(a_place_is_put_before_the_message) {
  error_set(&error, ERROR_INVALID, "permission_name: expected valid UTF-8");
  error_locate(&error, "permissions[3]", ".");
  assert_string_equal(error.message, "permissions[3].permission_name: expected valid UTF-8");
  assert_int_equal(error.kind, ERROR_INVALID);
}

TEST(a_place_before_a_full_message_cuts_its_end_between_characters) {
  struct text text = text_repeat("\u20ac", 170);
  static const char *const places[] = {"permissions[3]", "permissions[33]", "permissions[333]"};
  for (size_t i = 0; i < COUNT(places); i++) {
    error_set(&error, ERROR_INVALID, "%s", text.data);
    error_locate(&error, places[i], ": ");
    assert_memory_equal(error.message, places[i], strlen(places[i]));
    assert_true(strlen(error.message) > ERROR_MESSAGE_SIZE - 4);
    assert_true(encode_utf8_length(text_of(error.message)) > 0);
  }
  text_free(text);
}

TEST(a_place_that_is_too_long_is_cut_between_characters) {
  struct text place = text_repeat("\u20ac", 400);
  error_set(&error, ERROR_INVALID, "expected valid UTF-8");
  error_locate(&error, place.data, ": ");
  assert_int_equal(strlen(error.message), (ERROR_MESSAGE_SIZE - 1) / 3 * 3);
  assert_memory_equal(error.message, place.data, strlen(error.message));
  text_free(place);
}

TEST(a_place_of_any_length_leaves_the_rest_of_the_field_to_the_message) {
  struct text place = text_repeat("p", ERROR_MESSAGE_SIZE + 2);
  for (size_t length = 0; length <= place.length; length++) {
    char expected[2 * ERROR_MESSAGE_SIZE];
    const char *start = place.data + place.length - length;
    snprintf(expected, sizeof expected, "%s: a message", start);
    expected[ERROR_MESSAGE_SIZE - 1] = '\0';
    error_set(&error, ERROR_INVALID, "a message");
    error_locate(&error, start, ": ");
    assert_string_equal(error.message, expected);
  }
  text_free(place);
}

TEST(control_characters_in_a_place_become_spaces) {
  error_set(&error, ERROR_INVALID, "expected seconds");
  error_locate(&error,
               "options.a\nb\x1b\xc2\x85"
               "c",
               ":\t");
  assert_string_equal(error.message, "options.a b   c: expected seconds");
}

TEST(a_place_changes_nothing_but_the_message) {
  error_set(&error, ERROR_API, "gone");
  error.status = 410;
  error.attempts = 2;
  error.maybe_applied = true;
  error_quote_code(&error, TEXT("code"), TEXT(""));
  error_locate(&error, "here", " ");
  assert_string_equal(error.message, "here gone");
  assert_string_equal(error.code, "code");
  assert_int_equal(error.kind, ERROR_API);
  assert_int_equal(error.status, 410);
  assert_int_equal(error.attempts, 2);
  assert_true(error.maybe_applied);
}

int test_error(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_has_the_name_that_lua_programs_see),
      cmocka_unit_test(a_new_error_has_only_a_kind_and_a_message),
      cmocka_unit_test(running_out_of_memory_is_an_error_of_its_own_kind),
      cmocka_unit_test(control_characters_in_a_message_become_spaces),
      cmocka_unit_test(two_byte_control_characters_become_spaces),
      cmocka_unit_test(the_second_byte_of_a_control_character_alone_stays),
      cmocka_unit_test(a_two_byte_control_character_cut_at_the_end_leaves_no_half),
      cmocka_unit_test(a_message_that_just_fits_is_kept_whole),
      cmocka_unit_test(a_message_that_is_too_long_is_cut_at_the_size_of_the_field),
      cmocka_unit_test(a_cut_never_splits_a_character_of_two_three_or_four_bytes),
      cmocka_unit_test(characters_before_the_end_of_a_short_message_stay_as_they_are),
      cmocka_unit_test(bytes_that_are_not_utf8_are_harmless),
      cmocka_unit_test(quoted_text_replaces_the_message_and_nothing_else),
      cmocka_unit_test(quoted_control_characters_and_zeros_become_spaces),
      cmocka_unit_test(every_occurrence_of_the_secret_is_replaced),
      cmocka_unit_test(a_secret_with_a_repeated_beginning_is_found),
      cmocka_unit_test(an_empty_secret_replaces_nothing),
      cmocka_unit_test(quoting_an_empty_text_empties_the_field),
      cmocka_unit_test(a_secret_across_the_end_of_the_field_shows_no_part),
      cmocka_unit_test(quoted_text_stays_within_its_field),
      cmocka_unit_test(quoted_text_is_cut_between_characters),
      cmocka_unit_test(a_secret_is_not_looked_for_past_the_end_of_the_text),
      cmocka_unit_test(a_text_can_be_quoted_into_a_field_of_any_size),
      cmocka_unit_test(a_field_is_cut_between_characters),
      cmocka_unit_test(a_place_is_put_before_the_message),
      cmocka_unit_test(a_place_before_a_full_message_cuts_its_end_between_characters),
      cmocka_unit_test(a_place_that_is_too_long_is_cut_between_characters),
      cmocka_unit_test(a_place_of_any_length_leaves_the_rest_of_the_field_to_the_message),
      cmocka_unit_test(control_characters_in_a_place_become_spaces),
      cmocka_unit_test(a_place_changes_nothing_but_the_message),
  };
  return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
