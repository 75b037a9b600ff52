#include "core/operation.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

/* The rows as in the API's documents, deliberately written a second time. */
static void check_row(const char *name, const char *method, const char *scope, enum operation_body body,
                      enum operation_result result, int success) {
  const struct operation *operation = operation_find(name);
  assert_non_null(operation);
  assert_string_equal(operation->name, name);
  assert_string_equal(operation->method, method);
  assert_string_equal(operation->path, "/users/{user_id}/permissions");
  assert_string_equal(operation->arguments[0].name, "user_id");
  assert_int_equal(operation->arguments[0].place, IN_PATH);
  assert_string_equal(operation->scope, scope);
  assert_int_equal(operation->body, body);
  assert_int_equal(operation->result, result);
  assert_int_equal(operation->success, success);
}

TEST(removing_is_a_delete_with_a_body_and_expects_a_204) {
  check_row("remove_user_permissions", "DELETE", "update:users", BODY_PERMISSIONS, RESULT_NOTHING, 204);
}

TEST(assigning_is_a_post_and_expects_a_201) {
  check_row("assign_user_permissions", "POST", "update:users", BODY_PERMISSIONS, RESULT_NOTHING, 201);
}

TEST(listing_is_a_get_and_expects_pages) {
  check_row("list_user_permissions", "GET", "read:users", BODY_NONE, RESULT_LIST, 200);
  assert_string_equal(operation_find("list_user_permissions")->list_name, "permissions");
}

TEST(an_unknown_name_finds_no_operation) {
  assert_null(operation_find(""));
  assert_null(operation_find("remove_user_permission"));
  assert_null(operation_find("remove_user_permissions "));
  assert_null(operation_find("Remove_user_permissions"));
}

TEST(the_table_ends_and_each_row_is_found_by_its_name) {
  size_t count = 0;
  for (const struct operation *operation; (operation = operation_at(count)); count++) {
    assert_ptr_equal(operation_find(operation->name), operation);
  }
  assert_true(count > 0);
  assert_null(operation_at(count));
  assert_null(operation_at(SIZE_MAX));
}

/* Each name in braces in the path is an argument that goes there, in the same order, and no other argument does. */
static void check_arguments(const struct operation *operation) {
  const char *rest = operation->path;
  assert_null(operation->arguments[OPERATION_ARGUMENTS_MAX].name);
  for (const struct operation_argument *argument = operation->arguments; argument->name; argument++) {
    if (argument->place != IN_PATH) continue;
    const char *brace = strchr(rest, '{');
    assert_non_null(brace);
    assert_memory_equal(brace + 1, argument->name, strlen(argument->name));
    assert_int_equal(brace[1 + strlen(argument->name)], '}');
    rest = brace + 1;
  }
  assert_null(strchr(rest, '{'));
}

TEST(every_row_is_complete) {
  const struct operation *operation;
  for (size_t i = 0; (operation = operation_at(i)); i++) {
    assert_non_null(operation->scope);
    assert_int_equal(operation->path[0], '/');
    check_arguments(operation);
    assert_true((operation->result == RESULT_LIST) == (operation->list_name != NULL));
    assert_true((operation->body != BODY_NONE) == (operation_body_name(operation) != NULL));
    assert_null(operation->options[OPERATION_OPTIONS_MAX].name);
    assert_null(operation->arrays[OPERATION_ARRAYS_MAX]);
    assert_true(operation->paging == PAGING_NUMBER || operation->result == RESULT_LIST);
    assert_true(operation_succeeds(operation, operation->success));
    assert_false(operation_succeeds(operation, 0));
    assert_in_range(operation->success, 200, 299);
  }
}

TEST(some_operations_have_two_success_statuses) {
  const struct operation *update = operation_find("update_resource_server");
  const struct operation *deletion = operation_find("delete_role");
  assert_true(operation_succeeds(update, 200) && operation_succeeds(update, 201));
  assert_true(operation_succeeds(deletion, 200) && operation_succeeds(deletion, 204));
  assert_false(operation_succeeds(update, 204));
  assert_false(operation_succeeds(operation_find("remove_user_permissions"), 200));
}

TEST(creating_a_role_is_the_only_operation_that_is_not_idempotent) {
  const struct operation *operation;
  for (size_t i = 0; (operation = operation_at(i)); i++) {
    assert_int_equal(operation->creates, strcmp(operation->name, "create_role") == 0);
  }
}

TEST(every_operation_that_does_not_read_writes) {
  assert_true(operation_writes(operation_find("remove_user_permissions")));
  assert_true(operation_writes(operation_find("assign_user_permissions")));
  assert_false(operation_writes(operation_find("list_user_permissions")));
}

int test_operation(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(removing_is_a_delete_with_a_body_and_expects_a_204),
      cmocka_unit_test(assigning_is_a_post_and_expects_a_201),
      cmocka_unit_test(listing_is_a_get_and_expects_pages),
      cmocka_unit_test(an_unknown_name_finds_no_operation),
      cmocka_unit_test(the_table_ends_and_each_row_is_found_by_its_name),
      cmocka_unit_test(every_row_is_complete),
      cmocka_unit_test(some_operations_have_two_success_statuses),
      cmocka_unit_test(creating_a_role_is_the_only_operation_that_is_not_idempotent),
      cmocka_unit_test(every_operation_that_does_not_read_writes),
  };
  return cmocka_run_group_tests_name("operation", tests, NULL, NULL);
}
