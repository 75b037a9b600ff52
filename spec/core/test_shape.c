#include "core/shape.h"

#include <stdlib.h>

#include "support.h"

TEST(the_first_byte_that_is_not_white_space_determines_the_shape) {
  assert_int_equal(shape_of(TEXT("{}")), SHAPE_OBJECT);
  assert_int_equal(shape_of(TEXT(" \t\r\n[1]")), SHAPE_ARRAY);
  assert_int_equal(shape_of(TEXT("null")), SHAPE_OTHER);
  assert_int_equal(shape_of(TEXT("<!DOCTYPE html>")), SHAPE_OTHER);
  assert_int_equal(shape_of(TEXT("\0")), SHAPE_OTHER);
  assert_int_equal(shape_of(TEXT("")), SHAPE_NOTHING);
  assert_int_equal(shape_of(TEXT("\r\n")), SHAPE_NOTHING);
}

TEST(a_member_is_found_whatever_surrounds_it) {
  static const struct {
    const char *json;
    enum shape shape;
  } rows[] = {
      {"{\"list\":[]}", SHAPE_ARRAY},
      {"{\"list\":{}}", SHAPE_OBJECT},
      {"{ \"start\" : 0 , \"list\" : [ ] , \"total\" : 0 }", SHAPE_ARRAY},
      {"{\"list\":null}", SHAPE_OTHER},
      {"{\"a\":{\"list\":[]},\"list\":{}}", SHAPE_OBJECT},
      {"{\"a\":[{\"list\":[]}]}", SHAPE_NOTHING},
      {"{\"a\":\"\\\",\\\"list\\\":[]\",\"list\":{}}", SHAPE_OBJECT},
      {"{\"a\":\"\\\\\",\"list\":[]}", SHAPE_ARRAY},
      {"{\"a\":\"list\",\"b\":[]}", SHAPE_NOTHING},
      {"{\"lists\":[],\"lis\":[]}", SHAPE_NOTHING},
      {"{\"list\":[],\"list\":{}}", SHAPE_OBJECT},
      {"{\"list\":[],\"l\\u0069st\":{}}", SHAPE_OTHER},
      {"{\"list\":[{\"l\\u0069st\":{}}]}", SHAPE_ARRAY},
      {"{}", SHAPE_NOTHING},
      {"", SHAPE_NOTHING},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct text json = text_copy(text_of(rows[i].json));
    assert_int_equal(shape_of_member(json, "list"), rows[i].shape);
    text_free(json);
  }
}

TEST(a_text_is_never_read_past_its_end) {
  static const char json[] = "{\"a\\\"\":[\"b\\\\\",{}], \"list\" : [ ] }";
  for (size_t length = 0; length < sizeof json; length++) {
    struct text part = text_copy((struct text){.data = json, .length = length});
    shape_of(part);
    shape_of_member(part, "list");
    assert_true(shape_memory(part) >= length);
    text_free(part);
  }
}

TEST(memory_is_estimated_by_length_and_nesting) {
  struct text lists = text_repeat("[],", 1000), names = text_repeat("\"[],{},,\"", 1000);
  assert_int_equal(shape_memory(names), names.length);
  assert_true(shape_memory(lists) > 30 * lists.length);
  text_free(lists);
  text_free(names);
}

int test_shape(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_byte_that_is_not_white_space_determines_the_shape),
      cmocka_unit_test(a_member_is_found_whatever_surrounds_it),
      cmocka_unit_test(a_text_is_never_read_past_its_end),
      cmocka_unit_test(memory_is_estimated_by_length_and_nesting),
  };
  return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
