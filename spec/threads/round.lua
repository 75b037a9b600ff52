-- What each thread in threads.c does in each of its states.

local auth0perm = require "auth0perm"

local number = ...

local PERMISSIONS = { ["https://api.example.com/"] = { "read:reports", "write:reports" } }
local CALLS = 6   -- in flight
local STEP = 0.01 -- seconds

local function user(i)
  return ("auth0|thread%d-%d"):format(number, i)
end

-- Returns the value of a successful call.
local function check(value, err)
  return value or error(tostring(err), 2)
end

-- Returns a client of the tenant, under a name that libcurl resolves in a thread (it needs none for "localhost").
local function client(options)
  options.domain, options.ca_file = os.getenv "TENANT_DOMAIN", os.getenv "TENANT_CA_FILE"
  options.connect_to = "127.1:" .. os.getenv "TENANT_PORT"
  return check(auth0perm.new(options))
end

local blocking = client { token = os.getenv "TENANT_TOKEN" }
check(blocking:assign_user_permissions(user(1), PERMISSIONS))
check(blocking:remove_user_permissions(user(1), PERMISSIONS))
assert(#check(blocking:list_user_permissions(user(1))) == 0)

-- This client fetches its token.
local stepped = client { client_id = "threads", client_secret = "secret" }
local calls = {}
for i = 1, CALLS do calls[i] = check(stepped:start("remove_user_permissions", user(i), PERMISSIONS)) end
while stepped:step(STEP) > 0 do end
for i = 1, CALLS do check(calls[i]:result()) end

-- One client is closed here; the other has calls in flight when the state is closed.
stepped:close()
for i = 1, CALLS do check(blocking:start("remove_user_permissions", user(i), PERMISSIONS)) end
blocking:step(0)
