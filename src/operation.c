#include "operation.h"

#include <string.h>

static const struct operation OPERATIONS[] = {
    /*---
    --- Removes permissions that are assigned directly to a user. What a role gives stays. Removing what the
    --- user does not hold, or what does not exist, succeeds without a word: that is how the API answers.
    --- `DELETE /api/v2/users/{id}/permissions`, scope `update:users` (guide "Remove Permissions from Users").
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param permissions auth0perm.Permissions
    ---@param options? auth0perm.CallOptions
    ---@return true? removed
    ---@return auth0perm.Error? err  of any kind
    function Client:remove_user_permissions(user_id, permissions, options) end
    */
    {
        .name = "remove_user_permissions",
        .method = "DELETE",
        .path = "/users/{id}/permissions",
        .id_name = "user_id",
        .scope = "update:users",
        .body = BODY_PERMISSIONS,
        .answer = ANSWER_NOTHING,
        .success = 204,
    },
    /*---
    --- Assigns permissions directly to a user. Assigning what the user already holds succeeds.
    --- `POST /api/v2/users/{id}/permissions`, scope `update:users` (OpenAPI, `post_permissions`).
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param permissions auth0perm.Permissions
    ---@param options? auth0perm.CallOptions
    ---@return true? assigned
    ---@return auth0perm.Error? err  of any kind; `api` with status 404 where a permission does not exist
    function Client:assign_user_permissions(user_id, permissions, options) end
    */
    {
        .name = "assign_user_permissions",
        .method = "POST",
        .path = "/users/{id}/permissions",
        .id_name = "user_id",
        .scope = "update:users",
        .body = BODY_PERMISSIONS,
        .answer = ANSWER_NOTHING,
        .success = 201,
    },
    /*---
    --- Lists all permissions of a user, page after page: those assigned directly and those that roles give.
    --- `GET /api/v2/users/{id}/permissions`, scope `read:users` (OpenAPI, `get_permissions`).
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param options? auth0perm.CallOptions
    ---@return auth0perm.UserPermission[]? permissions
    ---@return auth0perm.Error? err  of any kind
    function Client:list_user_permissions(user_id, options) end
    */
    {
        .name = "list_user_permissions",
        .method = "GET",
        .path = "/users/{id}/permissions",
        .id_name = "user_id",
        .scope = "read:users",
        .body = BODY_NONE,
        .answer = ANSWER_LIST,
        .list_name = "permissions",
        .success = 200,
    },
};

const struct operation *operation_at(size_t index) {
  return index < sizeof OPERATIONS / sizeof *OPERATIONS ? &OPERATIONS[index] : NULL;
}

const struct operation *operation_find(const char *name) {
  const struct operation *operation;
  for (size_t i = 0; (operation = operation_at(i)); i++) {
    if (strcmp(operation->name, name) == 0) return operation;
  }
  return NULL;
}

bool operation_writes(const struct operation *operation) {
  return strcmp(operation->method, "GET") != 0;
}
