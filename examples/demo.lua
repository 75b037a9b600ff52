-- The program behind `make demo`: shows the permissions of a user of the mock tenant, before and after two are removed.

local auth0perm = require "auth0perm"

local USER = "auth0|5f7c8ec7c33c6c004bbafe82"
local API = "https://api.example.com/"

local client = assert(auth0perm.new {
  domain = os.getenv "TENANT_DOMAIN",
  token = os.getenv "TENANT_TOKEN",
  ca_file = os.getenv "TENANT_CA_FILE",
})

-- Returns how a user holds a permission: directly, through roles, or both.
local function assignment(permission)
  local ways = {}
  for i, source in ipairs(permission.sources) do
    ways[i] = source.source_type == "DIRECT" and "direct" or "role " .. source.source_name
  end
  return table.concat(ways, ", ")
end

local function show(title)
  local row = "  %-16s  %-14s  %s"
  print(title)
  print(row:format("PERMISSION", "API", "ASSIGNED"))
  for _, permission in ipairs(assert(client:list_user_permissions(USER))) do
    print(row:format(permission.permission_name, permission.resource_server_name, assignment(permission)))
  end
  print()
end

print(("Tenant: %s, user: %s\n"):format(os.getenv "TENANT_DOMAIN", USER))

assert(client:assign_user_permissions(USER, { [API] = { "read:reports", "write:reports", "delete:reports" } }))
show "After assigning read:reports, write:reports and delete:reports:"

assert(client:remove_user_permissions(USER, { [API] = { "read:reports", "delete:reports" } }))
show "After removing read:reports and delete:reports:"

print "Permissions from a role stay: only direct assignments can be removed."
client:close()
