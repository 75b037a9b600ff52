#include "operation.h"

#include <string.h>

static const struct operation OPERATIONS[] = {
    /*---
    --- Removes permissions that are assigned directly to a user. What a role grants stays. Removing a permission that
    --- the user does not hold, or that does not exist, succeeds silently: the API does not report it.
    --- `DELETE /api/v2/users/{user_id}/permissions`, scope `update:users` (guide "Remove Permissions from Users").
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param permissions auth0perm.Permissions
    ---@param options? auth0perm.CallOptions
    ---@return true? removed
    ---@return auth0perm.Error? err  of any kind
    function Operations:remove_user_permissions(user_id, permissions, options) end
    */
    {
        .name = "remove_user_permissions",
        .method = "DELETE",
        .path = "/users/{user_id}/permissions",
        .scope = "update:users",
        .arguments = {{"user_id", IN_PATH}, {"permissions", IN_BODY}},
        .body = BODY_PERMISSIONS,
        .result = RESULT_NOTHING,
        .success = 204,
    },
    /*---
    --- Assigns permissions directly to a user. Assigning what the user already holds succeeds.
    --- `POST /api/v2/users/{user_id}/permissions`, scope `update:users` (OpenAPI, `post_permissions`).
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param permissions auth0perm.Permissions
    ---@param options? auth0perm.CallOptions
    ---@return true? assigned
    ---@return auth0perm.Error? err  of any kind; `api` with status 404 if a permission does not exist
    function Operations:assign_user_permissions(user_id, permissions, options) end
    */
    {
        .name = "assign_user_permissions",
        .method = "POST",
        .path = "/users/{user_id}/permissions",
        .scope = "update:users",
        .arguments = {{"user_id", IN_PATH}, {"permissions", IN_BODY}},
        .body = BODY_PERMISSIONS,
        .result = RESULT_NOTHING,
        .success = 201,
    },
    /*---
    --- Lists all permissions of a user: those assigned directly and those that roles grant.
    --- `GET /api/v2/users/{user_id}/permissions`, scope `read:users` (OpenAPI, `get_permissions`).
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param options? auth0perm.ListOptions
    ---@return auth0perm.UserPermission[]? permissions
    ---@return auth0perm.Error? err  of any kind
    function Operations:list_user_permissions(user_id, options) end
    */
    {
        .name = "list_user_permissions",
        .method = "GET",
        .path = "/users/{user_id}/permissions",
        .scope = "read:users",
        .arguments = {{"user_id", IN_PATH}},
        .result = RESULT_LIST,
        .list_name = "permissions",
        .success = 200,
    },
    /*---
    --- Lists a user's effective permissions at one API: those assigned directly and those that roles and groups grant.
    --- New in 2026; a tenant that does not have it yet responds with 404.
    --- `GET /api/v2/users/{user_id}/effective-permissions`, scope `read:user_effective_permissions` (OpenAPI,
    --- `get_user_effective_permissions`).
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param resource_server_identifier string  the API's identifier, its audience
    ---@param options? auth0perm.ListOptions
    ---@return auth0perm.EffectivePermission[]? permissions
    ---@return auth0perm.Error? err  of any kind
    function Operations:list_effective_user_permissions(user_id, resource_server_identifier, options) end
    */
    {
        .name = "list_effective_user_permissions",
        .method = "GET",
        .path = "/users/{user_id}/effective-permissions",
        .scope = "read:user_effective_permissions",
        .arguments = {{"user_id", IN_PATH}, {"resource_server_identifier", IN_QUERY}},
        .result = RESULT_LIST,
        .paging = PAGING_CHECKPOINT,
        .list_name = "permissions",
        .success = 200,
    },
    /*---
    --- Lists all roles that a user has in the tenant as a whole. Roles within organizations are not among them.
    --- `GET /api/v2/users/{user_id}/roles`, scope `read:users` (OpenAPI, `get_user_roles`; it names `read:roles` and
    --- `read:role_members` too).
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param options? auth0perm.ListOptions
    ---@return auth0perm.Role[]? roles
    ---@return auth0perm.Error? err  of any kind
    function Operations:list_user_roles(user_id, options) end
    */
    {
        .name = "list_user_roles",
        .method = "GET",
        .path = "/users/{user_id}/roles",
        .scope = "read:users",
        .arguments = {{"user_id", IN_PATH}},
        .result = RESULT_LIST,
        .list_name = "roles",
        .success = 200,
    },
    /*---
    --- Assigns roles to a user. Assigning what the user already has succeeds.
    --- `POST /api/v2/users/{user_id}/roles`, scopes `update:users` and `create:role_members`
    --- (OpenAPI, `post_user_roles`).
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param roles string[]  ids of roles, at least one; duplicates are sent once
    ---@param options? auth0perm.CallOptions
    ---@return true? assigned
    ---@return auth0perm.Error? err  of any kind
    function Operations:assign_user_roles(user_id, roles, options) end
    */
    {
        .name = "assign_user_roles",
        .method = "POST",
        .path = "/users/{user_id}/roles",
        .scope = "update:users create:role_members",
        .arguments = {{"user_id", IN_PATH}, {"roles", IN_BODY}},
        .body = BODY_IDS,
        .result = RESULT_NOTHING,
        .success = 204,
    },
    /*---
    --- Removes roles from a user, and with them the permissions that they grant. Roles within organizations stay.
    --- `DELETE /api/v2/users/{user_id}/roles`, scopes `update:users` and `delete:role_members` (OpenAPI,
    --- `delete_user_roles`).
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param roles string[]  ids of roles, at least one; duplicates are sent once
    ---@param options? auth0perm.CallOptions
    ---@return true? removed
    ---@return auth0perm.Error? err  of any kind
    function Operations:remove_user_roles(user_id, roles, options) end
    */
    {
        .name = "remove_user_roles",
        .method = "DELETE",
        .path = "/users/{user_id}/roles",
        .scope = "update:users delete:role_members",
        .arguments = {{"user_id", IN_PATH}, {"roles", IN_BODY}},
        .body = BODY_IDS,
        .result = RESULT_NOTHING,
        .success = 204,
    },
    /*---
    --- Lists all permissions that a role grants.
    --- `GET /api/v2/roles/{role_id}/permissions`, scope `read:roles` (OpenAPI, `get_role_permission`).
    ---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
    ---@param options? auth0perm.ListOptions
    ---@return auth0perm.RolePermission[]? permissions
    ---@return auth0perm.Error? err  of any kind
    function Operations:list_role_permissions(role_id, options) end
    */
    {
        .name = "list_role_permissions",
        .method = "GET",
        .path = "/roles/{role_id}/permissions",
        .scope = "read:roles",
        .arguments = {{"role_id", IN_PATH}},
        .result = RESULT_LIST,
        .list_name = "permissions",
        .success = 200,
    },
    /*---
    --- Adds permissions to a role. Adding what the role already grants succeeds.
    --- `POST /api/v2/roles/{role_id}/permissions`, scope `update:roles` (OpenAPI, `post_role_permission_assignment`).
    ---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
    ---@param permissions auth0perm.Permissions
    ---@param options? auth0perm.CallOptions
    ---@return true? added
    ---@return auth0perm.Error? err  of any kind; `api` with status 404 if a permission or the role does not exist
    function Operations:add_role_permissions(role_id, permissions, options) end
    */
    {
        .name = "add_role_permissions",
        .method = "POST",
        .path = "/roles/{role_id}/permissions",
        .scope = "update:roles",
        .arguments = {{"role_id", IN_PATH}, {"permissions", IN_BODY}},
        .body = BODY_PERMISSIONS,
        .result = RESULT_NOTHING,
        .success = 201,
    },
    /*---
    --- Removes permissions from a role. Removing what the role does not grant, or what does not exist, succeeds
    --- silently.
    --- `DELETE /api/v2/roles/{role_id}/permissions`, scope `update:roles`
    --- (OpenAPI, `delete_role_permission_assignment`).
    ---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
    ---@param permissions auth0perm.Permissions
    ---@param options? auth0perm.CallOptions
    ---@return true? removed
    ---@return auth0perm.Error? err  of any kind
    function Operations:remove_role_permissions(role_id, permissions, options) end
    */
    {
        .name = "remove_role_permissions",
        .method = "DELETE",
        .path = "/roles/{role_id}/permissions",
        .scope = "update:roles",
        .arguments = {{"role_id", IN_PATH}, {"permissions", IN_BODY}},
        .body = BODY_PERMISSIONS,
        .result = RESULT_NOTHING,
        .success = 204,
        .also_success = 200, /* according to the OpenAPI document */
    },
    /*---
    --- Lists all users who have a role.
    --- `GET /api/v2/roles/{role_id}/users`, scopes `read:users` and `read:roles` (OpenAPI, `get_role_user`; it names
    --- `read:role_members` too).
    ---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
    ---@param options? auth0perm.ListOptions
    ---@return auth0perm.RoleUser[]? users
    ---@return auth0perm.Error? err  of any kind
    function Operations:list_role_users(role_id, options) end
    */
    {
        .name = "list_role_users",
        .method = "GET",
        .path = "/roles/{role_id}/users",
        .scope = "read:users read:roles",
        .arguments = {{"role_id", IN_PATH}},
        .result = RESULT_LIST,
        .paging = PAGING_CHECKPOINT, /* page numbers end at the 1000th user (OpenAPI, `get_role_user`) */
        .list_name = "users",
        .success = 200,
    },
    /*---
    --- Assigns a role to users. To remove it, call `remove_user_roles` for each user.
    --- `POST /api/v2/roles/{role_id}/users`, scopes `update:roles` and `create:role_members`
    --- (OpenAPI, `post_role_users`).
    ---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
    ---@param users string[]  ids of users, at least one; duplicates are sent once
    ---@param options? auth0perm.CallOptions
    ---@return true? assigned
    ---@return auth0perm.Error? err  of any kind
    function Operations:assign_role_users(role_id, users, options) end
    */
    {
        .name = "assign_role_users",
        .method = "POST",
        .path = "/roles/{role_id}/users",
        .scope = "update:roles create:role_members",
        .arguments = {{"role_id", IN_PATH}, {"users", IN_BODY}},
        .body = BODY_IDS,
        .result = RESULT_NOTHING,
        .success = 200,
    },
    /*---
    --- Lists all roles of the tenant.
    --- `GET /api/v2/roles`, scope `read:roles` (OpenAPI, `get_roles`).
    ---@param options? auth0perm.RoleListOptions
    ---@return auth0perm.Role[]? roles
    ---@return auth0perm.Error? err  of any kind
    function Operations:list_roles(options) end
    */
    {
        .name = "list_roles",
        .method = "GET",
        .path = "/roles",
        .scope = "read:roles",
        .options = {{.name = "name_filter", .kind = OPTION_TEXT}},
        .result = RESULT_LIST,
        .list_name = "roles",
        .success = 200,
    },
    /*---
    --- Gets one role.
    --- `GET /api/v2/roles/{role_id}`, scope `read:roles` (OpenAPI, `get_roles_by_id`).
    ---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
    ---@param options? auth0perm.CallOptions
    ---@return auth0perm.Role? role
    ---@return auth0perm.Error? err  of any kind
    function Operations:get_role(role_id, options) end
    */
    {
        .name = "get_role",
        .method = "GET",
        .path = "/roles/{role_id}",
        .scope = "read:roles",
        .arguments = {{"role_id", IN_PATH}},
        .result = RESULT_OBJECT,
        .success = 200,
    },
    /*---
    --- Creates a role without permissions.
    --- `POST /api/v2/roles`, scope `create:roles` (OpenAPI, `post_roles`).
    ---@param fields auth0perm.RoleFields  Auth0 requires a name
    ---@param options? auth0perm.CallOptions
    ---@return auth0perm.Role? role  with its new id
    ---@return auth0perm.Error? err  of any kind; `api` with status 409 if the name is taken
    function Operations:create_role(fields, options) end
    */
    {
        .name = "create_role",
        .method = "POST",
        .path = "/roles",
        .scope = "create:roles",
        .arguments = {{"fields", IN_BODY}},
        .body = BODY_FIELDS,
        .result = RESULT_OBJECT,
        .success = 200,
        .creates = true,
    },
    /*---
    --- Changes a role's name or description.
    --- `PATCH /api/v2/roles/{role_id}`, scope `update:roles` (OpenAPI, `patch_roles_by_id`).
    ---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
    ---@param fields auth0perm.RoleFields  those to change
    ---@param options? auth0perm.CallOptions
    ---@return auth0perm.Role? role  as it is now
    ---@return auth0perm.Error? err  of any kind
    function Operations:update_role(role_id, fields, options) end
    */
    {
        .name = "update_role",
        .method = "PATCH",
        .path = "/roles/{role_id}",
        .scope = "update:roles",
        .arguments = {{"role_id", IN_PATH}, {"fields", IN_BODY}},
        .body = BODY_FIELDS,
        .result = RESULT_OBJECT,
        .success = 200,
    },
    /*---
    --- Deletes a role. Its users lose the permissions that it granted. This cannot be undone.
    --- `DELETE /api/v2/roles/{role_id}`, scope `delete:roles` (OpenAPI, `delete_roles_by_id`).
    ---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
    ---@param options? auth0perm.CallOptions
    ---@return true? deleted
    ---@return auth0perm.Error? err  of any kind
    function Operations:delete_role(role_id, options) end
    */
    {
        .name = "delete_role",
        .method = "DELETE",
        .path = "/roles/{role_id}",
        .scope = "delete:roles",
        .arguments = {{"role_id", IN_PATH}},
        .result = RESULT_NOTHING,
        .success = 200,
        .also_success = 204,
    },
    /*---
    --- Gets one user.
    --- `GET /api/v2/users/{user_id}`, scope `read:users` (OpenAPI, `get_users_by_id`).
    ---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
    ---@param options? auth0perm.UserOptions
    ---@return auth0perm.User? user
    ---@return auth0perm.Error? err  of any kind
    function Operations:get_user(user_id, options) end
    */
    {
        .name = "get_user",
        .method = "GET",
        .path = "/users/{user_id}",
        .scope = "read:users",
        .arguments = {{"user_id", IN_PATH}},
        .options = {{.name = "fields", .kind = OPTION_TEXT}, {.name = "include_fields", .kind = OPTION_BOOLEAN}},
        .result = RESULT_OBJECT,
        .success = 200,
    },
    /*---
    --- Lists the users who have an e-mail address. Auth0 compares it case-sensitively; its own databases store
    --- addresses in lower case.
    --- `GET /api/v2/users-by-email`, scope `read:users` (OpenAPI, `get_users-by-email`).
    ---@param email string
    ---@param options? auth0perm.UserOptions
    ---@return auth0perm.User[]? users  empty if there is none
    ---@return auth0perm.Error? err  of any kind
    function Operations:list_users_by_email(email, options) end
    */
    {
        .name = "list_users_by_email",
        .method = "GET",
        .path = "/users-by-email",
        .scope = "read:users",
        .arguments = {{"email", IN_QUERY}},
        .options = {{.name = "fields", .kind = OPTION_TEXT}, {.name = "include_fields", .kind = OPTION_BOOLEAN}},
        .result = RESULT_ARRAY,
        .success = 200,
    },
    /*---
    --- Lists all APIs ("resource servers") of the tenant.
    --- `GET /api/v2/resource-servers`, scope `read:resource_servers` (OpenAPI, `get_resource-servers`).
    ---@param options? auth0perm.ResourceServerListOptions
    ---@return auth0perm.ResourceServer[]? resource_servers
    ---@return auth0perm.Error? err  of any kind
    function Operations:list_resource_servers(options) end
    */
    {
        .name = "list_resource_servers",
        .method = "GET",
        .path = "/resource-servers",
        .scope = "read:resource_servers",
        .options = {{.name = "identifiers", .kind = OPTION_TEXTS, .max = 10},
                    {.name = "include_fields", .kind = OPTION_BOOLEAN}},
        .result = RESULT_LIST,
        .list_name = "resource_servers",
        .success = 200,
    },
    /*---
    --- Gets one API.
    --- `GET /api/v2/resource-servers/{resource_server}`, scope `read:resource_servers`
    --- (OpenAPI, `get_resource-servers_by_id`).
    ---@param resource_server string  its id, or its identifier (audience)
    ---@param options? auth0perm.ResourceServerOptions
    ---@return auth0perm.ResourceServer? resource_server
    ---@return auth0perm.Error? err  of any kind
    function Operations:get_resource_server(resource_server, options) end
    */
    {
        .name = "get_resource_server",
        .method = "GET",
        .path = "/resource-servers/{resource_server}",
        .scope = "read:resource_servers",
        .arguments = {{"resource_server", IN_PATH}},
        .options = {{.name = "include_fields", .kind = OPTION_BOOLEAN}},
        .result = RESULT_OBJECT,
        .success = 200,
    },
    /*---
    --- Changes settings of an API. `enforce_policies = true` switches RBAC on, without which Auth0 ignores permissions;
    --- `token_dialect = "access_token_authz"` puts permissions into access tokens. `scopes` replaces the whole list: a
    --- permission that is left out is lost to every user and role.
    --- `PATCH /api/v2/resource-servers/{resource_server}`, scope `update:resource_servers` (OpenAPI,
    --- `patch_resource-servers_by_id`).
    ---@param resource_server string  its id, or its identifier (audience)
    ---@param fields auth0perm.ResourceServerFields  those to change
    ---@param options? auth0perm.CallOptions
    ---@return auth0perm.ResourceServer? resource_server  as it is now
    ---@return auth0perm.Error? err  of any kind
    function Operations:update_resource_server(resource_server, fields, options) end
    */
    {
        .name = "update_resource_server",
        .method = "PATCH",
        .path = "/resource-servers/{resource_server}",
        .scope = "update:resource_servers",
        .arguments = {{"resource_server", IN_PATH}, {"fields", IN_BODY}},
        .body = BODY_FIELDS,
        .arrays = {"scopes", "authorization_details"},
        .result = RESULT_OBJECT,
        .success = 200,
        .also_success = 201, /* according to the OpenAPI document */
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

const char *operation_body_name(const struct operation *operation) {
  const struct operation_argument *argument = operation->arguments;
  while (argument->name && argument->place != IN_BODY) argument++;
  return argument->name;
}

bool operation_writes(const struct operation *operation) {
  return strcmp(operation->method, "GET") != 0;
}

bool operation_succeeds(const struct operation *operation, int status) {
  return status == operation->success || (operation->also_success && status == operation->also_success);
}
