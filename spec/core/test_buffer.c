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

TEST(what_is_appended_is_there_in_order_and_terminated) {
  buffer_append_string(&buffer, "https://");
  buffer_append(&buffer, "acme.com and more", 8);
  buffer_append_unsigned(&buffer, 443);
  assert_buffer(&buffer, "https://acme.com443");
}

TEST(appended_zeros_are_bytes_like_any_other) {
  buffer_append(&buffer, "a\0b", 3);
  assert_int_equal(buffer.length, 3);
  assert_memory_equal(buffer.data, "a\0b", 4);
}

TEST(an_empty_append_makes_an_empty_string) {
  buffer_append(&buffer, NULL, 0);
  assert_buffer(&buffer, "");
}

TEST(a_buffer_that_grows_byte_by_byte_keeps_all_of_them) {
  for (int i = 0; i < 5000; i++) {
    char byte = (char)('a' + i % 26);
    buffer_append(&buffer, &byte, 1);
    assert_int_equal(buffer.data[i + 1], 0);
  }
  assert_int_equal(buffer.length, 5000);
  for (int i = 0; i < 5000; i++) assert_int_equal(buffer.data[i], 'a' + i % 26);
}

TEST(an_append_of_many_times_the_capacity_fits) {
  struct text text = text_repeat("x", 50000);
  buffer_append_string(&buffer, "y");
  buffer_append(&buffer, text.data, text.length);
  assert_int_equal(buffer.length, 50001);
  assert_memory_equal(buffer.data + 1, text.data, text.length);
  text_free(text);
}

TEST(growing_takes_few_blocks) {
  for (int i = 0; i < LIMIT; i++) buffer_append(&buffer, "x", 1);
  assert_true(memory.requests < 12);
}

TEST(a_buffer_takes_its_limit_and_not_a_byte_more) {
  limit_to(5);
  buffer_append_string(&buffer, "abc");
  buffer_append_string(&buffer, "de");
  assert_buffer(&buffer, "abcde");
  buffer_append_string(&buffer, "f");
  assert_int_equal(buffer.state, BUFFER_FULL);
  assert_string_equal(buffer.data, "abcde");
}

TEST(an_append_that_does_not_fit_leaves_no_part_of_it) {
  limit_to(5);
  buffer_append_string(&buffer, "abc");
  buffer_append_string(&buffer, "def");
  assert_int_equal(buffer.state, BUFFER_FULL);
  assert_string_equal(buffer.data, "abc");
}

TEST(a_huge_length_does_not_wrap_around) {
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

TEST(without_memory_the_buffer_keeps_what_it_held) {
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

TEST(what_was_reserved_is_appended_without_another_block) {
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

TEST(reserving_what_is_there_takes_no_block) {
  buffer_append_string(&buffer, "kept");
  buffer_reserve(&buffer, 0);
  buffer_reserve(&buffer, buffer.capacity - 5);
  assert_int_equal(memory.requests, 1);
  buffer_reserve(&buffer, buffer.capacity - 4);
  assert_int_equal(memory.requests, 2);
}

TEST(nothing_is_reserved_past_the_limit) {
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

TEST(nothing_is_reserved_by_a_failed_buffer) {
  buffer_append(&buffer, "", LIMIT + 1);
  assert_int_equal(buffer.state, BUFFER_FULL);
  buffer_reserve(&buffer, 10);
  assert_int_equal(buffer.state, BUFFER_FULL);
  assert_int_equal(memory.requests, 0);
}

TEST(a_reservation_without_memory_is_a_failure_that_stays) {
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

TEST(a_reservation_wipes_the_block_it_leaves) {
  memory.secret = TEXT("S3CRET");
  buffer_append_string(&buffer, "S3CRET");
  buffer_reserve(&buffer, 5000);
  assert_int_equal(memory.requests, 2);
  assert_int_equal(memory.block_count, 1);
  assert_int_equal(memory.revealed, 0);
}

TEST(a_cut_forgets_and_wipes_what_follows) {
  buffer_append_string(&buffer, "open secret");
  buffer_cut(&buffer, 4);
  assert_buffer(&buffer, "open");
  assert_memory_equal(buffer.data + 4, "\0\0\0\0\0\0\0", 8);
  buffer_append_string(&buffer, "ing");
  assert_buffer(&buffer, "opening");
}

TEST(a_cut_makes_a_failed_buffer_good_again) {
  limit_to(5);
  buffer_append_string(&buffer, "abc");
  buffer_append_string(&buffer, "def");
  buffer_cut(&buffer, 1);
  buffer_append_string(&buffer, "bcde");
  assert_buffer(&buffer, "abcde");
}

TEST(a_cut_behind_the_end_takes_nothing_away) {
  buffer_append_string(&buffer, "abc");
  buffer_cut(&buffer, 3);
  assert_buffer(&buffer, "abc");
  buffer_cut(&buffer, 1000);
  assert_buffer(&buffer, "abc");
}

TEST(a_cut_of_an_empty_buffer_is_let_pass) {
  buffer_cut(&buffer, 0);
  buffer_cut(&buffer, 10);
  assert_null(buffer.data);
  assert_int_equal(buffer.length, 0);
}

TEST(blocks_that_a_growing_buffer_leaves_hold_no_byte_of_it) {
  memory.secret = TEXT("S");
  for (int i = 0; i < 5000; i++) buffer_append(&buffer, "S", 1);
  assert_true(memory.requests > 3);
  assert_int_equal(memory.revealed, 0);
}

TEST(a_closed_buffer_leaves_no_byte_of_what_it_held_even_before_a_cut) {
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

TEST(the_largest_unsigned_number_is_written_whole) {
  buffer_append_unsigned(&buffer, ULLONG_MAX);
  assert_true(strtoull(buffer.data, NULL, 10) == ULLONG_MAX);
  assert_true(buffer.length >= 20);
}

TEST(wiping_stops_at_the_length_and_lets_null_pass) {
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

TEST(a_text_equals_the_string_of_the_same_bytes_and_no_other) {
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
      WITH_BUFFER(what_is_appended_is_there_in_order_and_terminated),
      WITH_BUFFER(appended_zeros_are_bytes_like_any_other),
      WITH_BUFFER(an_empty_append_makes_an_empty_string),
      WITH_BUFFER(a_buffer_that_grows_byte_by_byte_keeps_all_of_them),
      WITH_BUFFER(an_append_of_many_times_the_capacity_fits),
      WITH_BUFFER(growing_takes_few_blocks),
      WITH_BUFFER(a_buffer_takes_its_limit_and_not_a_byte_more),
      WITH_BUFFER(an_append_that_does_not_fit_leaves_no_part_of_it),
      WITH_BUFFER(a_huge_length_does_not_wrap_around),
      WITH_BUFFER(after_a_failure_later_appends_do_nothing),
      WITH_BUFFER(without_memory_the_buffer_keeps_what_it_held),
      WITH_BUFFER(what_was_reserved_is_appended_without_another_block),
      WITH_BUFFER(a_buffer_is_terminated_after_a_reservation),
      WITH_BUFFER(reserving_what_is_there_takes_no_block),
      WITH_BUFFER(nothing_is_reserved_past_the_limit),
      WITH_BUFFER(nothing_is_reserved_by_a_failed_buffer),
      WITH_BUFFER(a_reservation_without_memory_is_a_failure_that_stays),
      WITH_BUFFER(a_reservation_wipes_the_block_it_leaves),
      WITH_BUFFER(a_cut_forgets_and_wipes_what_follows),
      WITH_BUFFER(a_cut_makes_a_failed_buffer_good_again),
      WITH_BUFFER(a_cut_behind_the_end_takes_nothing_away),
      WITH_BUFFER(a_cut_of_an_empty_buffer_is_let_pass),
      WITH_BUFFER(blocks_that_a_growing_buffer_leaves_hold_no_byte_of_it),
      WITH_BUFFER(a_closed_buffer_leaves_no_byte_of_what_it_held_even_before_a_cut),
      WITH_BUFFER(a_closed_buffer_can_be_used_again_with_its_limit),
      WITH_BUFFER(unsigned_numbers_are_written_in_decimal),
      WITH_BUFFER(the_largest_unsigned_number_is_written_whole),
      cmocka_unit_test(a_text_equals_the_string_of_the_same_bytes_and_no_other),
      WITH_BUFFER(wiping_stops_at_the_length_and_lets_null_pass),
  };
  return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
