#include "core/buffer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { LIMIT = 100000 };

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

static void limit_to(size_t limit) {
  buffer_open(&buffer, memory_allocator(&memory), limit);
}

TEST(a_new_buffer_owns_no_memory) {
  assert_null(buffer.data);
  assert_int_equal(memory.requests, 0);
}

TEST(appended_bytes_are_in_order_and_terminated) {
  buffer_append_string(&buffer, "https://");
  buffer_append(&buffer, "acme.com and more", 8);
  buffer_append_unsigned(&buffer, 443);
  assert_buffer(&buffer, "https://acme.com443");
}

TEST(appended_zero_bytes_are_kept) {
  buffer_append(&buffer, "a\0b", 3);
  assert_int_equal(buffer.length, 3);
  assert_memory_equal(buffer.data, "a\0b", 4);
}

TEST(an_empty_append_makes_an_empty_string) {
  buffer_append(&buffer, NULL, 0);
  assert_buffer(&buffer, "");
}

TEST(a_buffer_that_grows_byte_by_byte_keeps_every_byte) {
  for (int i = 0; i < 5000; i++) {
    char byte = (char)('a' + i % 26);
    buffer_append(&buffer, &byte, 1);
    assert_int_equal(buffer.data[i + 1], 0);
  }
  assert_int_equal(buffer.length, 5000);
  for (int i = 0; i < 5000; i++) assert_int_equal(buffer.data[i], 'a' + i % 26);
}

TEST(an_append_may_be_many_times_the_capacity) {
  struct text text = text_repeat("x", 50000);
  buffer_append_string(&buffer, "y");
  buffer_append(&buffer, text.data, text.length);
  assert_int_equal(buffer.length, 50001);
  assert_memory_equal(buffer.data + 1, text.data, text.length);
  text_free(text);
}

TEST(growing_needs_few_blocks) {
  for (int i = 0; i < LIMIT; i++) buffer_append(&buffer, "x", 1);
  assert_true(memory.requests < 12);
}

TEST(a_buffer_holds_as_many_bytes_as_its_limit_and_no_more) {
  limit_to(5);
  buffer_append_string(&buffer, "abc");
  buffer_append_string(&buffer, "de");
  assert_buffer(&buffer, "abcde");
  buffer_append_string(&buffer, "f");
  assert_int_equal(buffer.state, BUFFER_FULL);
  assert_string_equal(buffer.data, "abcde");
}

TEST(an_append_that_does_not_fit_appends_no_part) {
  limit_to(5);
  buffer_append_string(&buffer, "abc");
  buffer_append_string(&buffer, "def");
  assert_int_equal(buffer.state, BUFFER_FULL);
  assert_string_equal(buffer.data, "abc");
}

TEST(a_huge_length_does_not_overflow) {
  buffer_append_string(&buffer, "abc");
  buffer_append(&buffer, "", SIZE_MAX);
  assert_int_equal(buffer.state, BUFFER_FULL);
  assert_string_equal(buffer.data, "abc");
}

TEST(after_a_failure_later_appends_do_nothing) {
  limit_to(5);
  buffer_append_string(&buffer, "abcdef");
  buffer_append_string(&buffer, "a");
  assert_int_equal(buffer.state, BUFFER_FULL);
  assert_int_equal(buffer.length, 0);
}

TEST(out_of_memory_the_buffer_keeps_its_contents) {
  struct text text = text_repeat("x", 1000);
  buffer_append_string(&buffer, "kept");
  memory.fail_at = 2;
  buffer_append(&buffer, text.data, text.length);
  assert_int_equal(buffer.state, BUFFER_NO_MEMORY);
  buffer_append_string(&buffer, "!");
  assert_int_equal(buffer.state, BUFFER_NO_MEMORY);
  assert_string_equal(buffer.data, "kept");
  text_free(text);
}

TEST(an_append_within_a_reservation_needs_no_new_block) {
  struct text text = text_repeat("x", 5000);
  buffer_append_string(&buffer, "kept");
  buffer_reserve(&buffer, text.length);
  size_t before = memory.requests;
  assert_int_equal(buffer.length, 4);
  assert_memory_equal(buffer.data, "kept", 4);
  for (size_t i = 0; i < text.length; i++) buffer_append(&buffer, "x", 1);
  assert_int_equal(memory.requests, before);
  assert_int_equal(buffer.state, BUFFER_GOOD);
  assert_string_equal(buffer.data + 4, text.data);
  text_free(text);
}

TEST(a_buffer_is_terminated_after_a_reservation) {
  buffer_append_string(&buffer, "kept");
  buffer_reserve(&buffer, 5000);
  assert_memory_equal(buffer.data, "kept", 5);
  buffer_close(&buffer);
  buffer_reserve(&buffer, 5000);
  assert_memory_equal(buffer.data, "", 1);
}

TEST(a_reservation_within_the_capacity_needs_no_new_block) {
  buffer_append_string(&buffer, "kept");
  buffer_reserve(&buffer, 0);
  buffer_reserve(&buffer, buffer.capacity - 5);
  assert_int_equal(memory.requests, 1);
  buffer_reserve(&buffer, buffer.capacity - 4);
  assert_int_equal(memory.requests, 2);
}

TEST(a_reservation_beyond_the_limit_fails) {
  limit_to(5);
  buffer_reserve(&buffer, 6);
  assert_null(buffer.data);
  buffer_append_string(&buffer, "abc");
  buffer_reserve(&buffer, 3);
  buffer_reserve(&buffer, SIZE_MAX);
  buffer_reserve(&buffer, SIZE_MAX - 2);
  assert_int_equal(memory.requests, 1);
  buffer_reserve(&buffer, 2);
  buffer_append_string(&buffer, "de");
  assert_buffer(&buffer, "abcde");
}

TEST(a_failed_buffer_reserves_nothing) {
  static const char zeros[LIMIT + 1];
  buffer_append(&buffer, zeros, sizeof zeros);
  assert_int_equal(buffer.state, BUFFER_FULL);
  buffer_reserve(&buffer, 10);
  assert_int_equal(buffer.state, BUFFER_FULL);
  assert_int_equal(memory.requests, 0);
}

TEST(a_reservation_without_memory_fails_the_buffer_for_good) {
  buffer_append_string(&buffer, "kept");
  memory.fail_at = 2;
  buffer_reserve(&buffer, 5000);
  assert_int_equal(buffer.state, BUFFER_NO_MEMORY);
  buffer_reserve(&buffer, 5000);
  buffer_append_string(&buffer, "!");
  assert_int_equal(buffer.state, BUFFER_NO_MEMORY);
  assert_int_equal(memory.requests, 2);
  assert_string_equal(buffer.data, "kept");
  buffer_cut(&buffer, 4);
  buffer_append_string(&buffer, "!");
  assert_buffer(&buffer, "kept!");
}

TEST(a_reservation_wipes_the_old_block) {
  memory.secret = TEXT("S3CRET");
  buffer_append_string(&buffer, "S3CRET");
  buffer_reserve(&buffer, 5000);
  assert_int_equal(memory.requests, 2);
  assert_int_equal(memory.block_count, 1);
  assert_int_equal(memory.revealed, 0);
}

TEST(a_cut_removes_and_wipes_the_rest) {
  buffer_append_string(&buffer, "open secret");
  buffer_cut(&buffer, 4);
  assert_buffer(&buffer, "open");
  assert_memory_equal(buffer.data + 4, "\0\0\0\0\0\0\0", 8);
  buffer_append_string(&buffer, "ing");
  assert_buffer(&buffer, "opening");
}

TEST(a_cut_makes_a_failed_buffer_usable_again) {
  limit_to(5);
  buffer_append_string(&buffer, "abc");
  buffer_append_string(&buffer, "def");
  buffer_cut(&buffer, 1);
  buffer_append_string(&buffer, "bcde");
  assert_buffer(&buffer, "abcde");
}

TEST(a_cut_beyond_the_end_removes_nothing) {
  buffer_append_string(&buffer, "abc");
  buffer_cut(&buffer, 3);
  assert_buffer(&buffer, "abc");
  buffer_cut(&buffer, 1000);
  assert_buffer(&buffer, "abc");
}

TEST(a_cut_of_an_empty_buffer_does_nothing) {
  buffer_cut(&buffer, 0);
  buffer_cut(&buffer, 10);
  assert_null(buffer.data);
  assert_int_equal(buffer.length, 0);
}

TEST(a_growing_buffer_wipes_its_old_blocks) {
  memory.secret = TEXT("S");
  for (int i = 0; i < 5000; i++) buffer_append(&buffer, "S", 1);
  assert_true(memory.requests > 3);
  assert_int_equal(memory.revealed, 0);
}

TEST(a_closed_buffer_wipes_all_its_bytes_even_those_cut_off) {
  memory.secret = TEXT("S");
  struct text text = text_repeat("S", 3000);
  buffer_append(&buffer, text.data, text.length);
  buffer_cut(&buffer, 10);
  buffer_close(&buffer);
  memory_assert_all_back(&memory);
  text_free(text);
}

TEST(a_closed_buffer_can_be_used_again_with_its_limit) {
  limit_to(5);
  buffer_append_string(&buffer, "abcdef");
  buffer_close(&buffer);
  buffer_close(&buffer);
  assert_null(buffer.data);
  buffer_append_string(&buffer, "abcde");
  assert_buffer(&buffer, "abcde");
  buffer_append_string(&buffer, "f");
  assert_int_equal(buffer.state, BUFFER_FULL);
}

TEST(unsigned_numbers_are_written_in_decimal) {
  static const struct {
    unsigned long long number;
    const char *written;
  } rows[] = {
      {0, "0"}, {9, "9"}, {10, "10"}, {100, "100"}, {12345, "12345"}, {4294967296ULL, "4294967296"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    buffer_cut(&buffer, 0);
    buffer_append_unsigned(&buffer, rows[i].number);
    assert_buffer(&buffer, rows[i].written);
  }
}

TEST(the_largest_unsigned_number_is_written_in_full) {
  buffer_append_unsigned(&buffer, ULLONG_MAX);
  assert_true(strtoull(buffer.data, NULL, 10) == ULLONG_MAX);
  assert_true(buffer.length >= 20);
}

TEST(wiping_stops_at_the_length_and_accepts_null) {
  char bytes[] = "abcdef";
  buffer_wipe_memory(bytes, 4);
  assert_memory_equal(bytes, "\0\0\0\0ef", 7);
  buffer_wipe_memory(NULL, 10);
}

static bool equals(struct text text, const char *string) {
  struct text copy = text_copy(text);
  bool equal = text_equals(copy, string);
  text_free(copy);
  return equal;
}

TEST(a_text_equals_only_a_string_of_the_same_bytes) {
  assert_true(equals(TEXT("Bearer"), "Bearer"));
  assert_true(equals(TEXT(""), ""));
  assert_false(equals(TEXT("Bearer"), "bearer"));
  assert_false(equals(TEXT("Bear"), "Bearer"));
  assert_false(equals(TEXT("Bearer"), "Bear"));
  assert_false(equals(TEXT("Bear\0er"), "Bear"));
  assert_false(equals(TEXT(""), "Bearer"));
  assert_false(text_equals((struct text){0}, "Bearer"));
}

#define WITH_BUFFER(test) cmocka_unit_test_setup_teardown(test, open_buffer, close_buffer)

int test_buffer(void) {
  static const struct CMUnitTest tests[] = {
      WITH_BUFFER(a_new_buffer_owns_no_memory),
      WITH_BUFFER(appended_bytes_are_in_order_and_terminated),
      WITH_BUFFER(appended_zero_bytes_are_kept),
      WITH_BUFFER(an_empty_append_makes_an_empty_string),
      WITH_BUFFER(a_buffer_that_grows_byte_by_byte_keeps_every_byte),
      WITH_BUFFER(an_append_may_be_many_times_the_capacity),
      WITH_BUFFER(growing_needs_few_blocks),
      WITH_BUFFER(a_buffer_holds_as_many_bytes_as_its_limit_and_no_more),
      WITH_BUFFER(an_append_that_does_not_fit_appends_no_part),
      WITH_BUFFER(a_huge_length_does_not_overflow),
      WITH_BUFFER(after_a_failure_later_appends_do_nothing),
      WITH_BUFFER(out_of_memory_the_buffer_keeps_its_contents),
      WITH_BUFFER(an_append_within_a_reservation_needs_no_new_block),
      WITH_BUFFER(a_buffer_is_terminated_after_a_reservation),
      WITH_BUFFER(a_reservation_within_the_capacity_needs_no_new_block),
      WITH_BUFFER(a_reservation_beyond_the_limit_fails),
      WITH_BUFFER(a_failed_buffer_reserves_nothing),
      WITH_BUFFER(a_reservation_without_memory_fails_the_buffer_for_good),
      WITH_BUFFER(a_reservation_wipes_the_old_block),
      WITH_BUFFER(a_cut_removes_and_wipes_the_rest),
      WITH_BUFFER(a_cut_makes_a_failed_buffer_usable_again),
      WITH_BUFFER(a_cut_beyond_the_end_removes_nothing),
      WITH_BUFFER(a_cut_of_an_empty_buffer_does_nothing),
      WITH_BUFFER(a_growing_buffer_wipes_its_old_blocks),
      WITH_BUFFER(a_closed_buffer_wipes_all_its_bytes_even_those_cut_off),
      WITH_BUFFER(a_closed_buffer_can_be_used_again_with_its_limit),
      WITH_BUFFER(unsigned_numbers_are_written_in_decimal),
      WITH_BUFFER(the_largest_unsigned_number_is_written_in_full),
      cmocka_unit_test(a_text_equals_only_a_string_of_the_same_bytes),
      WITH_BUFFER(wiping_stops_at_the_length_and_accepts_null),
  };
  return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
