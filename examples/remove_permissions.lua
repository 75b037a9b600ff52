-- Removes permissions from a user of a real tenant:
--
--   export AUTH0_DOMAIN=acme.eu.auth0.com AUTH0_API_TOKEN=eyJ...
--   lua5.4 examples/remove_permissions.lua USER_ID API_IDENTIFIER PERMISSION...
--
-- The token is for the Management API, with the scopes update:users and read:users. AUTH0_CA_FILE names a file with CA
-- certificates to trust instead of the system's; it is needed for the mock tenant.

local auth0perm = require "auth0perm"

local user_id, api = arg[1], arg[2]
local names = { select(3, (table.unpack or unpack)(arg)) } -- luacheck: ignore unpack

if #names == 0 then
  io.stderr:write "usage: remove_permissions.lua USER_ID API_IDENTIFIER PERMISSION...\n"
  os.exit(2)
end

-- Returns an environment variable, or exits with a message if it is not set.
local function environment(name)
  local value = os.getenv(name)
  if not value or value == "" then
    io.stderr:write(name, " is not set\n")
    os.exit(2)
  end
  return value
end

-- Returns the value of a successful call, or exits with its error.
local function check(value, err)
  if value then return value end
  io.stderr:write(tostring(err), "\n")
  if err.maybe_applied then io.stderr:write "The tenant may have applied the change anyway.\n" end
  os.exit(1)
end

local client = check(auth0perm.new {
  domain = environment "AUTH0_DOMAIN",
  token = environment "AUTH0_API_TOKEN",
  ca_file = os.getenv "AUTH0_CA_FILE" ~= "" and os.getenv "AUTH0_CA_FILE" or nil,
})

-- The API's response is the same whether or not the user held a permission, so list them first: this reveals typing
-- errors.
local held = {}
for _, permission in ipairs(check(client:list_user_permissions(user_id))) do
  for _, source in ipairs(permission.sources) do
    if permission.resource_server_identifier == api then
      local how = held[permission.permission_name] or {}
      how[source.source_type] = true
      held[permission.permission_name] = how
    end
  end
end

check(client:remove_user_permissions(user_id, { [api] = names }))

for _, name in ipairs(names) do
  local before = held[name] or {}
  print(("%s: %s"):format(name, before.DIRECT and before.ROLE and "removed, but a role still grants it"
    or before.DIRECT and "removed" or before.ROLE and "not removed: comes from a role"
    or "not removed: the user does not hold it"))
end
client:close()
