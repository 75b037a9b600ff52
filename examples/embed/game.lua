-- The script that host.c runs in each of its Lua states: removes permissions from a user, one call for each, while
-- frames go on.
--
-- Arguments: the state's name, a user's id, an API's identifier, permission names. Environment variables: AUTH0_DOMAIN,
-- AUTH0_API_TOKEN and, for the mock tenant, AUTH0_CA_FILE.

local auth0perm = require "auth0perm"

local name, user_id, api = ...
local permissions = { select(4, ...) }
assert(#permissions > 0, "usage: embed game.lua USER_ID API_IDENTIFIER PERMISSION...")

local client, err = auth0perm.new {
  domain = os.getenv "AUTH0_DOMAIN",
  token = os.getenv "AUTH0_API_TOKEN",
  ca_file = os.getenv "AUTH0_CA_FILE",
  http2 = true, -- one connection, and so one TLS handshake, for all calls
}
if not client then error(tostring(err)) end

-- Starting a call sends nothing; the first step does.
local calls = {}
for _, permission in ipairs(permissions) do
  local call, refusal = client:start("remove_user_permissions", user_id, { [api] = { permission } })
  if not call then error(tostring(refusal)) end
  calls[permission] = call
end

local frame = 0

-- Called once per frame; returns true when nothing is left to do.
return function()
  frame = frame + 1
  local in_flight = client:step(0)
  for permission, call in pairs(calls) do
    if call:done() then
      local removed, problem = call:result()
      print(("%s: frame %d: %s: %s"):format(name, frame, permission, removed and "removed" or tostring(problem)))
      calls[permission] = nil
    end
  end
  return in_flight == 0
end
