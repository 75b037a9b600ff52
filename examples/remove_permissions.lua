-- Removes permissions from a user of a real tenant:
--
--   export AUTH0_DOMAIN=acme.eu.auth0.com AUTH0_API_TOKEN=eyJ...
--   lua5.4 examples/remove_permissions.lua USER_ID API_IDENTIFIER PERMISSION...
--
-- The token is one for the Management API with the scopes update:users and read:users. AUTH0_CA_FILE names a file of
-- certificates to trust instead of the system's; the mock tenant needs it.

local auth0perm = require "auth0perm"

local user_id, api = arg[1], arg[2]
local names = { select(3, (table.unpack or unpack)(arg)) } -- luacheck: ignore unpack

if #names == 0 then
  io.stderr:write "usage: remove_permissions.lua USER_ID API_IDENTIFIER PERMISSION...\n"
  os.exit(2)
end

-- What the environment has to say, or the end of this program.
local function environment(name)
  local value = os.getenv(name)
  if not value or value == "" then
    io.stderr:write(name, " is not set\n")
    os.exit(2)
  end
  return value
end

-- The value of a call that went well, or the end of this program.
local function check(value, err)
  if value then return value end
  io.stderr:write(tostring(err), "\n")
  if err.maybe_applied then io.stderr:write "The tenant may have carried it out all the same.\n" end
  os.exit(1)
end

local client = check(auth0perm.new {
  domain = environment "AUTH0_DOMAIN",
  token = environment "AUTH0_API_TOKEN",
  ca_file = os.getenv "AUTH0_CA_FILE" ~= "" and os.getenv "AUTH0_CA_FILE" or nil,
})

-- The API answers the same whether the user held a permission or not, so look first: a typing error shows here.
local held = {}
for _, permission in ipairs(check(client:list_user_permissions(user_id))) do
  for _, source in ipairs(permission.sources) do
    if permission.resource_server_identifier == api then
      held[permission.permission_name] = held[permission.permission_name] == "DIRECT" and "DIRECT" or source.source_type
    end
  end
end

check(client:remove_user_permissions(user_id, { [api] = names }))

for _, name in ipairs(names) do
  local before = held[name]
  print(("%s: %s"):format(name, before == "DIRECT" and "removed"
    or before and "not removed, a role gives it" or "nothing to remove, the user did not hold it"))
end
client:close()
