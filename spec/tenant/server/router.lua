-- The API's operations, one row each.
--
-- A row: method, path pattern, and
--   scopes     the token needs one of them (with all_scopes: all of them); if absent, no token is needed
--   id         the schema of the {id} segment
--   query      the query parameters and their schemas
--   body       the schema of the JSON body
--   handler    takes {id, query, body, raw_body, content_type}, returns {status, body, headers}

local oauth = require "server.oauth"
local paging = require "server.paging"
local permissions = require "server.permissions"
local resource_servers = require "server.resource_servers"
local roles = require "server.roles"
local users = require "server.users"

local router = {}

local function user_id(about)
  return { type = "object", properties = { id = { type = "string", format = "user-id", about = about } } }
end

local function query(...)
  local properties = {}
  for _, part in ipairs { ... } do
    for name, rules in pairs(part) do
      properties[name] = rules
    end
  end
  return properties
end

local FIELDS = {
  fields = { type = "string", about = "Comma-separated list of fields to include or exclude (based on value provided "
    .. "for include_fields) in the result. Leave empty to retrieve all fields." },
  include_fields = { type = "boolean",
    about = "Whether specified fields are to be included (true) or excluded (false)." },
}

local EMAIL = {
  email = { type = "string", required = true, min_length = 1, about = "Email address to search for (case-sensitive)." },
}

local API = {
  resource_server_identifier = { type = "string", required = true, min_length = 1, max_length = 600,
    about = "The identifier of the resource server for which to calculate user permissions." },
}

-- The schema of a body {name = [string, ...]}.
local function list_body(name, about, item, min_items)
  return {
    type = "object", required = { name },
    properties = { [name] = { type = "array", min_items = min_items, about = about, items = item } },
  }
end

local ROLE_ID = { type = "string", min_length = 1 }
local MEMBER_ID = { type = "string", format = "user-id" }

local function role_body(required)
  return {
    type = "object", required = required,
    properties = {
      name = { type = "string", about = "Name of the role." },
      description = { type = "string", about = "Description of the role." },
    },
  }
end

local SERVER_BODY = {
  type = "object",
  properties = {
    name = { type = "string", max_length = 200, about = "Friendly name for this resource server." },
    scopes = {
      type = "array", about = "List of permissions (scopes) that this API uses.",
      items = {
        type = "object", required = { "value" },
        properties = {
          value = { type = "string", min_length = 1, max_length = 280, about = "Value of this scope." },
          description = { type = "string", max_length = 500, about = "User-friendly description of this scope." },
        },
      },
    },
    enforce_policies = { type = "boolean",
      about = "Whether authorization policies are enforced (true) or not enforced (false)." },
    token_lifetime = { type = "integer", minimum = 0, maximum = 2592000,
      about = "Expiration value (in seconds) for access tokens issued for this API from the token endpoint." },
    token_lifetime_for_anonymous_access_tokens = { type = "integer", nullable = true },
    allow_offline_access = { type = "boolean" },
    allow_online_access = { type = "boolean" },
    allow_online_access_with_ephemeral_sessions = { type = "boolean" },
    skip_consent_for_verifiable_first_party_clients = { type = "boolean" },
    token_dialect = { type = "string" },
    signing_alg = { type = "string" },
    signing_secret = { type = "string", min_length = 16 },
    consent_policy = {}, authorization_details = {}, token_encryption = {}, proof_of_possession = {},
    subject_type_authorization = {}, authorization_policy = {},
  },
}

local ROWS = {
  { "GET", "/api/v2/users/{id}/permissions", scopes = { "read:users" },
    id = user_id("ID of the user to retrieve the permissions for."), query = paging.QUERY,
    handler = users.list_permissions },
  { "POST", "/api/v2/users/{id}/permissions", scopes = { "update:users" },
    id = user_id("ID of the user to assign permissions to."),
    body = permissions.body("List of permissions to add to this user."), handler = users.assign_permissions },
  { "DELETE", "/api/v2/users/{id}/permissions", scopes = { "update:users" },
    id = user_id("ID of the user to remove permissions from."),
    body = permissions.body("List of permissions to remove from this user."), handler = users.remove_permissions },

  { "GET", "/api/v2/users/{id}", scopes = { "read:users" },
    id = user_id("ID of the user to retrieve."), query = FIELDS, handler = users.get },
  { "GET", "/api/v2/users-by-email", scopes = { "read:users" }, query = query(FIELDS, EMAIL),
    handler = users.by_email },
  { "GET", "/api/v2/users/{id}/effective-permissions", scopes = { "read:user_effective_permissions" },
    id = user_id("ID of the user to retrieve the permissions for."), query = query(paging.CHECKPOINT_QUERY, API),
    handler = users.list_effective_permissions },

  { "GET", "/api/v2/users/{id}/roles", scopes = { "read:users", "read:role_members" },
    id = user_id("ID of the user to list roles for."), query = paging.QUERY, handler = users.list_roles },
  { "POST", "/api/v2/users/{id}/roles", scopes = { "update:users", "create:role_members" },
    id = user_id("ID of the user to associate roles with."),
    body = list_body("roles", "List of roles IDs to associated with the user.", ROLE_ID, 1),
    handler = users.assign_roles },
  { "DELETE", "/api/v2/users/{id}/roles", scopes = { "update:users", "delete:role_members" },
    id = user_id("ID of the user to remove roles from."),
    body = list_body("roles", "List of roles IDs to remove from the user.", ROLE_ID, 1),
    handler = users.remove_roles },

  { "GET", "/api/v2/roles", scopes = { "read:roles" }, handler = roles.list,
    query = query(paging.QUERY, { name_filter = { type = "string" } }) },
  { "POST", "/api/v2/roles", scopes = { "create:roles" }, body = role_body({ "name" }), handler = roles.create },
  { "GET", "/api/v2/roles/{id}", scopes = { "read:roles" }, handler = roles.get },
  { "PATCH", "/api/v2/roles/{id}", scopes = { "update:roles" }, body = role_body(), handler = roles.update },
  { "DELETE", "/api/v2/roles/{id}", scopes = { "delete:roles" }, handler = roles.remove },

  { "GET", "/api/v2/roles/{id}/permissions", scopes = { "read:roles" }, query = paging.QUERY,
    handler = roles.list_permissions },
  { "POST", "/api/v2/roles/{id}/permissions", scopes = { "update:roles" },
    body = permissions.body("array of resource_server_identifier, permission_name pairs."),
    handler = roles.assign_permissions },
  { "DELETE", "/api/v2/roles/{id}/permissions", scopes = { "update:roles" },
    body = permissions.body("array of resource_server_identifier, permission_name pairs."),
    handler = roles.remove_permissions },

  { "GET", "/api/v2/roles/{id}/users", scopes = { "read:users", "read:roles" }, all_scopes = true,
    query = query(paging.QUERY, paging.CHECKPOINT_QUERY), handler = roles.list_users },
  { "POST", "/api/v2/roles/{id}/users", scopes = { "update:roles", "create:role_members" },
    body = list_body("users", "user_id's of the users to assign the role to.", MEMBER_ID),
    handler = roles.assign_users },

  { "GET", "/api/v2/resource-servers", scopes = { "read:resource_servers" }, handler = resource_servers.list,
    query = query(paging.QUERY, { identifiers = { type = "array", items = { type = "string", min_length = 1 } },
      include_fields = FIELDS.include_fields }) },
  { "GET", "/api/v2/resource-servers/{id}", scopes = { "read:resource_servers" },
    query = { include_fields = FIELDS.include_fields }, handler = resource_servers.get },
  { "PATCH", "/api/v2/resource-servers/{id}", scopes = { "update:resource_servers" }, body = SERVER_BODY,
    handler = resource_servers.update },

  { "POST", "/oauth/token", handler = oauth.token },
}

-- Converts path patterns to Lua patterns, once. An id is one segment, so a slash in it must be encoded.
for _, row in ipairs(ROWS) do
  row.method = row[1]
  row.pattern = "^" .. row[2]:gsub("%-", "%%-"):gsub("{id}", "([^/]+)") .. "$"
end

-- Returns the row of an operation and the id segment, still encoded; nil if there is no such operation.
-- `path` is the raw path: in a normalised path, an encoded slash would be a separator.
function router.find(method, path)
  for _, row in ipairs(ROWS) do
    if row.method == method then
      local segment = path:match(row.pattern)
      if segment then
        return row, segment
      end
    end
  end
end

return router
