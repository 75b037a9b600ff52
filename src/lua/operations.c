#include "operations.h"

#include "../core/operation.h"
#include "options.h"

/*---
---@class auth0perm.Operation
--- The client's method.
---@field name string
--- The HTTP method.
---@field method "GET"|"POST"|"PATCH"|"DELETE"
--- With the arguments that are part of it in braces: `/api/v2/users/{user_id}/permissions`.
---@field path string
--- The scopes that the access token needs, separated by spaces.
---@field scope string
--- The names of the arguments, in order; options come after them.
---@field arguments string[]
--- The names of its options.
---@field options string[]
---@field returns "true"|"list"|"object"
--- Whether it changes anything at the tenant.
---@field writes boolean

---@class auth0perm.RolePermission: auth0perm.Permission
---@field description? string
---@field resource_server_name string

---@class auth0perm.UserPermission: auth0perm.RolePermission
--- How the user holds it. `source_type` is `"DIRECT"`, or `"ROLE"` with the role's id and name.
---@field sources { source_id: string, source_name: string, source_type: string }[]

---@class auth0perm.EffectivePermission: auth0perm.RolePermission
--- Where it comes from.
---@field sources ("direct"|"roles")[]

---@class auth0perm.Role
---@field id string
---@field name string
---@field description? string

---@class auth0perm.RoleFields
---@field name? string
---@field description? string

---@class auth0perm.RoleUser
---@field user_id string
---@field name? string
---@field email? string
---@field picture? string

--- The usual members. There are more, and connections add their own.
---@class auth0perm.User
---@field user_id string
---@field email? string
---@field email_verified? boolean
---@field username? string
---@field name? string
---@field nickname? string
---@field picture? string
---@field blocked? boolean
---@field identities? { connection: string, user_id: string|integer, provider: string, isSocial: boolean }[]
---@field app_metadata? table
---@field user_metadata? table
---@field created_at? string
---@field updated_at? string
---@field last_login? string
---@field logins_count? integer

---@class auth0perm.Scope
--- The permission's name.
---@field value string
---@field description? string

--- What can be changed about an API. Auth0 accepts further members, and refuses unknown ones. `cjson.null` unsets a
--- member that can be unset.
---@class auth0perm.ResourceServerFields
---@field name? string
--- All permissions of the API. A permission that is left out is lost to every user and role.
---@field scopes? auth0perm.Scope[]
--- Whether RBAC is on. Without it, Auth0 ignores permissions.
---@field enforce_policies? boolean
--- `"access_token_authz"` and `"rfc9068_profile_authz"` put permissions into access tokens.
---@field token_dialect? "access_token"|"access_token_authz"|"rfc9068_profile"|"rfc9068_profile_authz"
--- Seconds.
---@field token_lifetime? integer
---@field allow_offline_access? boolean
---@field skip_consent_for_verifiable_first_party_clients? boolean
---@field signing_alg? string

---@class auth0perm.ResourceServer: auth0perm.ResourceServerFields
---@field id string
--- The audience.
---@field identifier string
---@field is_system? boolean
--- Seconds.
---@field token_lifetime_for_web? integer
*/

static const char *name_result(enum operation_result result) {
  switch (result) {
    case RESULT_NOTHING: return "true";
    case RESULT_LIST:
    case RESULT_ARRAY: return "list";
    case RESULT_OBJECT: return "object";
  }
  return "";
}

static void set_string(lua_State *L, const char *name, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static void push_arguments(lua_State *L, const struct operation *operation) {
  lua_newtable(L);
  for (int i = 0; operation->arguments[i].name; i++) {
    lua_pushstring(L, operation->arguments[i].name);
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_operation(lua_State *L, const struct operation *operation) {
  lua_createtable(L, 0, 8);
  set_string(L, "name", operation->name);
  set_string(L, "method", operation->method);
  lua_pushfstring(L, "%s%s", OPERATION_API_PATH, operation->path);
  lua_setfield(L, -2, "path");
  set_string(L, "scope", operation->scope);
  push_arguments(L, operation);
  lua_setfield(L, -2, "arguments");
  options_push_names(L, operation);
  lua_setfield(L, -2, "options");
  set_string(L, "returns", name_result(operation->result));
  lua_pushboolean(L, operation_writes(operation));
  lua_setfield(L, -2, "writes");
}

/*---
--- Returns a list of all operations, for tools: to request the right scopes, for example, or to make a command of each.
---@return auth0perm.Operation[] operations  a new table each time
function auth0perm.operations() end
*/
int operations_list(lua_State *L) {
  const struct operation *operation;
  lua_newtable(L);
  for (int i = 0; (operation = operation_at((size_t)i)); i++) {
    push_operation(L, operation);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}
