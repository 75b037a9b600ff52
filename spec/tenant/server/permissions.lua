-- Permissions of users and roles, in the API's formats.

local grants = require "server.grants"
local json = require "server.json"
local problem = require "server.problem"
local store = require "server.store"

local permissions = {}

local MAX_PER_HOLDER = 1000 -- direct permissions of a user, and permissions of a role

local entry_shape = json.shape("permission_name", "description", "resource_server_name", "resource_server_identifier",
  "sources")

-- The schema of the body of an assignment or removal. `about` describes the list.
function permissions.body(about)
  return {
    type = "object",
    required = { "permissions" },
    properties = {
      permissions = {
        type = "array", min_items = 1, about = about,
        items = {
          type = "object",
          required = { "resource_server_identifier", "permission_name" },
          properties = {
            resource_server_identifier = {
              type = "string", about = "Resource server (API) identifier that this permission is for.",
            },
            permission_name = { type = "string", about = "Name of this permission." },
          },
        },
      },
    },
  }
end

-- Returns the API's entry for a permission, or nil if it does not exist (any more).
function permissions.entry(identifier, name)
  local scope, server = store.find_permission(identifier, name)
  if not scope then
    return nil
  end
  return entry_shape {
    permission_name = name,
    description = scope.description,
    resource_server_name = server.name,
    resource_server_identifier = identifier,
  }
end

-- Recorded: lists of permissions are sorted by permission_name.
function permissions.sort(entries)
  table.sort(entries, function(a, b)
    if a.permission_name ~= b.permission_name then
      return a.permission_name < b.permission_name
    end
    return a.resource_server_identifier < b.resource_server_identifier
  end)
  return entries
end

-- Adds all of `list` to `set`, or none of it. `holder` is "user" or "role", for the message of a refusal.
function permissions.assign(set, list, holder)
  local new = grants.new()
  for _, permission in ipairs(list) do
    local identifier, name = permission.resource_server_identifier, permission.permission_name
    if not store.find_permission(identifier, name) then
      return problem.inexistent_permission(identifier, name)
    end
    if not grants.has(set, identifier, name) then
      grants.add(new, identifier, name)
    end
  end
  if set.count + new.count > MAX_PER_HOLDER then
    return problem.new(400, ("No more permissions can be assigned to this %s."):format(holder))
  end
  grants.each(new, function(identifier, name)
    grants.add(set, identifier, name)
  end)
  return { status = 201, body = {} }
end

-- Removes `list` from `set`. Recorded: permissions that are not held or do not exist are silently ignored.
function permissions.remove(set, list)
  for _, permission in ipairs(list) do
    grants.remove(set, permission.resource_server_identifier, permission.permission_name)
  end
  return { status = 204 }
end

return permissions
