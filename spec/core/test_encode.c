#include "core/encode.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { LIMIT = 10000 };

static struct memory memory;
static struct buffer buffer;

static int open_buffer(void **state) {
  (void)state;
  memory_open(&memory);
  buffer_open(&buffer, memory_allocator(&memory), LIMIT);
  return 0;
}

static int close_buffer(void **state) {
  (void)state;
  buffer_close(&buffer);
  memory_assert_all_back(&memory);
  return 0;
}

/* The length of an exact copy of the text, so that a sanitizer detects a read past its end. */
static long long measure(struct text text) {
  struct text copy = text_copy(text);
  long long length = encode_utf8_length(copy);
  text_free(copy);
  return length;
}

TEST(lengths_count_characters_not_bytes) {
  assert_int_equal(measure(TEXT("")), 0);
  assert_int_equal(measure(TEXT("auth0|1")), 7);
  assert_int_equal(measure(TEXT("a\0b")), 3);
  assert_int_equal(measure(TEXT("\u00e9\u20ac\U0001f511x")), 4);
}

TEST(the_first_and_last_character_of_each_width_is_valid) {
  assert_int_equal(measure(TEXT("\x7f")), 1);
  assert_int_equal(measure(TEXT("\xc2\x80")), 1);
  assert_int_equal(measure(TEXT("\xdf\xbf")), 1);
  assert_int_equal(measure(TEXT("\xe0\xa0\x80")), 1);
  assert_int_equal(measure(TEXT("\xed\x9f\xbf")), 1);
  assert_int_equal(measure(TEXT("\xee\x80\x80")), 1);
  assert_int_equal(measure(TEXT("\xef\xbf\xbf")), 1);
  assert_int_equal(measure(TEXT("\xf0\x90\x80\x80")), 1);
  assert_int_equal(measure(TEXT("\xf4\x8f\xbf\xbf")), 1);
}

TEST(overlong_forms_are_not_valid) {
  assert_int_equal(measure(TEXT("\xc0\xae")), -1);
  assert_int_equal(measure(TEXT("\xc1\xbf")), -1);
  assert_int_equal(measure(TEXT("\xe0\x80\xaf")), -1);
  assert_int_equal(measure(TEXT("\xe0\x9f\xbf")), -1);
  assert_int_equal(measure(TEXT("\xf0\x80\x80\xaf")), -1);
  assert_int_equal(measure(TEXT("\xf0\x8f\xbf\xbf")), -1);
}

TEST(surrogates_are_not_valid) {
  assert_int_equal(measure(TEXT("\xed\xa0\x80")), -1);
  assert_int_equal(measure(TEXT("\xed\xbf\xbf")), -1);
  assert_int_equal(measure(TEXT("\xed\xa0\xbd\xed\xb4\x91")), -1);
}

TEST(code_points_above_10ffff_are_not_valid) {
  assert_int_equal(measure(TEXT("\xf4\x90\x80\x80")), -1);
  assert_int_equal(measure(TEXT("\xf5\x80\x80\x80")), -1);
  assert_int_equal(measure(TEXT("\xf8\x88\x80\x80\x80")), -1);
  assert_int_equal(measure(TEXT("\xfe")), -1);
  assert_int_equal(measure(TEXT("\xff")), -1);
}

TEST(truncated_sequences_are_not_valid) {
  assert_int_equal(measure(TEXT("a\xc3")), -1);
  assert_int_equal(measure(TEXT("\xe2\x82")), -1);
  assert_int_equal(measure(TEXT("\xe2")), -1);
  assert_int_equal(measure(TEXT("\xf0\x9f\x94")), -1);
  assert_int_equal(measure(TEXT("\xf0\x9f")), -1);
}

TEST(misplaced_bytes_are_not_valid) {
  assert_int_equal(measure(TEXT("\x80")), -1);
  assert_int_equal(measure(TEXT("\xbf"
                                "a")),
                   -1);
  assert_int_equal(measure(TEXT("\xc3"
                                "a")),
                   -1);
  assert_int_equal(measure(TEXT("\xc3\xc3\xa9")), -1);
  assert_int_equal(measure(TEXT("\xe2\x82"
                                "a")),
                   -1);
  assert_int_equal(measure(TEXT("\xe2"
                                "a\x82")),
                   -1);
  assert_int_equal(measure(TEXT("\xf0\x9f\x94"
                                "a")),
                   -1);
  assert_int_equal(measure(TEXT("good\xa9")), -1);
}

/* Every code point except the surrogates, encoded exactly as RFC 3629 says, is one character. */
TEST(every_code_point_except_the_surrogates_is_one_character) {
  for (unsigned long point = 0x800; point < 0x10000; point++) {
    char bytes[] = {(char)(0xE0 | point >> 12), (char)(0x80 | (point >> 6 & 63)), (char)(0x80 | (point & 63))};
    bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    assert_int_equal(encode_utf8_length((struct text){.data = bytes, .length = 3}), surrogate ? -1 : 1);
  }
  for (unsigned long point = 0x10000; point < 0x200000; point += 61) {
    char bytes[] = {(char)(0xF0 | point >> 18), (char)(0x80 | (point >> 12 & 63)), (char)(0x80 | (point >> 6 & 63)),
                    (char)(0x80 | (point & 63))};
    assert_int_equal(encode_utf8_length((struct text){.data = bytes, .length = 4}), point > 0x10FFFF ? -1 : 1);
  }
}

static void assert_json(struct text text, const char *expected) {
  struct text copy = text_copy(text);
  buffer_cut(&buffer, 0);
  encode_json_string(&buffer, copy);
  assert_buffer(&buffer, expected);
  text_free(copy);
}

TEST(plain_text_is_quoted_unchanged) {
  assert_json(TEXT(""), "\"\"");
  assert_json(TEXT("read:reports"), "\"read:reports\"");
  assert_json(TEXT("https://api.example.com/"), "\"https://api.example.com/\"");
  assert_json(TEXT("\u00e9\u20ac\U0001f511\x7f"), "\"\u00e9\u20ac\U0001f511\x7f\"");
}

TEST(quotes_and_backslashes_are_escaped_wherever_they_are) {
  assert_json(TEXT("\""), "\"\\\"\"");
  assert_json(TEXT("\\\\"), "\"\\\\\\\\\"");
  assert_json(TEXT("\"a\"b\""), "\"\\\"a\\\"b\\\"\"");
}

TEST(each_control_character_has_its_json_escape) {
  static const char *const escapes[0x20] = {
      "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007",
      "\\b",     "\\t",     "\\n",     "\\u000B", "\\f",     "\\r",     "\\u000E", "\\u000F",
      "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017",
      "\\u0018", "\\u0019", "\\u001A", "\\u001B", "\\u001C", "\\u001D", "\\u001E", "\\u001F",
  };
  for (int byte = 0; byte < 0x20; byte++) {
    char text[] = {'a', (char)byte, 'z'};
    char expected[16] = "\"a";
    strcat(strcat(expected, escapes[byte]), "z\"");
    assert_json((struct text){.data = text, .length = 3}, expected);
  }
}

TEST(only_two_printable_ascii_characters_are_escaped_in_json) {
  for (int byte = 0x20; byte < 0x80; byte++) {
    if (byte == '"' || byte == '\\') continue;
    char text = (char)byte;
    char expected[] = {'"', text, '"', 0};
    assert_json((struct text){.data = &text, .length = 1}, expected);
  }
}

TEST(only_unreserved_characters_stay_unescaped_in_a_url) {
  static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  static const char digits[] = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; byte++) {
    char text = (char)byte;
    char escaped[] = {'%', digits[byte / 16], digits[byte % 16], 0};
    char plain[] = {text, 0};
    buffer_cut(&buffer, 0);
    encode_percent(&buffer, (struct text){.data = &text, .length = 1});
    assert_buffer(&buffer, byte && strchr(unreserved, byte) ? plain : escaped);
  }
}

TEST(a_text_is_percent_encoded_byte_by_byte_exactly_once) {
  encode_percent(&buffer, TEXT("samlp|conn|a/b%7C \u00e9+"));
  assert_buffer(&buffer, "samlp%7Cconn%7Ca%2Fb%257C%20%C3%A9%2B");
}

/* From RFC 4648, section 10, without padding. */
TEST(base64url_matches_the_test_vectors_of_its_rfc) {
  static const struct {
    const char *plain, *encoded;
  } rows[] = {
      {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct text copy = text_copy(text_of(rows[i].plain));
    buffer_cut(&buffer, 0);
    encode_base64url(&buffer, copy);
    assert_buffer(&buffer, rows[i].encoded);
    text_free(copy);
  }
}

TEST(base64url_of_an_empty_text_is_empty) {
  encode_base64url(&buffer, TEXT(""));
  assert_int_equal(buffer.length, 0);
}

TEST(base64url_uses_only_characters_allowed_in_urls) {
  encode_base64url(&buffer, TEXT("\xfb\xff\xfe\x00\x10"));
  assert_buffer(&buffer, "-__-ABA");
}

#define WITH_BUFFER(test) cmocka_unit_test_setup_teardown(test, open_buffer, close_buffer)

int test_encode(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(lengths_count_characters_not_bytes),
      cmocka_unit_test(the_first_and_last_character_of_each_width_is_valid),
      cmocka_unit_test(overlong_forms_are_not_valid),
      cmocka_unit_test(surrogates_are_not_valid),
      cmocka_unit_test(code_points_above_10ffff_are_not_valid),
      cmocka_unit_test(truncated_sequences_are_not_valid),
      cmocka_unit_test(misplaced_bytes_are_not_valid),
      cmocka_unit_test(every_code_point_except_the_surrogates_is_one_character),
      WITH_BUFFER(plain_text_is_quoted_unchanged),
      WITH_BUFFER(quotes_and_backslashes_are_escaped_wherever_they_are),
      WITH_BUFFER(each_control_character_has_its_json_escape),
      WITH_BUFFER(only_two_printable_ascii_characters_are_escaped_in_json),
      WITH_BUFFER(only_unreserved_characters_stay_unescaped_in_a_url),
      WITH_BUFFER(a_text_is_percent_encoded_byte_by_byte_exactly_once),
      WITH_BUFFER(base64url_matches_the_test_vectors_of_its_rfc),
      WITH_BUFFER(base64url_of_an_empty_text_is_empty),
      WITH_BUFFER(base64url_uses_only_characters_allowed_in_urls),
  };
  return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
