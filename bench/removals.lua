-- Removes permissions with the module: does the same work as raw.c, in Lua.
--
-- Usage: LUA removals.lua sequential COUNT
--        LUA removals.lua multi COUNT IN_FLIGHT
--
-- Prints "requests=... wall=... cpu=...", in seconds. The tenant is in TENANT_DOMAIN, TENANT_CA_FILE and TENANT_TOKEN;
-- the module comes from LUA_CPATH.

local auth0perm = require "auth0perm"
local socket = require "socket"

local WARM_UP = 50 -- requests before the clock starts; the same in raw.c
local STEP = 1     -- seconds

local USERS = 64 -- the same in raw.c; a client sends one write per user at a time, so each removal is for another user

local PERMISSIONS = {
  { resource_server_identifier = "https://api.example.com/", permission_name = "read:reports" },
  { resource_server_identifier = "https://api.example.com/", permission_name = "write:reports" },
  { resource_server_identifier = "https://api.example.com/", permission_name = "delete:reports" },
}

local function user(number)
  return ("auth0|bench%02d"):format(number % USERS)
end

local function sequential(client, count)
  for i = 1, count do
    assert(client:remove_user_permissions(user(i), PERMISSIONS))
  end
end

local function multi(client, count, in_flight)
  local calls, left, done = {}, count, 0
  local function start(slot)
    calls[slot] = nil
    if left > 0 then
      left = left - 1
      calls[slot] = assert(client:start("remove_user_permissions", user(left), PERMISSIONS))
    end
  end
  for slot = 1, in_flight do
    start(slot)
  end
  while done < count do
    client:step(STEP)
    for slot = 1, in_flight do
      local call = calls[slot]
      if call and call:done() then
        assert(call:result())
        done = done + 1
        start(slot)
      end
    end
  end
end

local MODES = { sequential = sequential, multi = multi }

local perform, count, in_flight = MODES[arg[1]], tonumber(arg[2]), tonumber(arg[3])
if not perform or not count or (perform == multi) ~= (in_flight ~= nil) then
  io.stderr:write("Usage: LUA removals.lua sequential COUNT | multi COUNT IN_FLIGHT\n")
  os.exit(2)
end

local client = assert(auth0perm.new {
  domain = os.getenv "TENANT_DOMAIN",
  ca_file = os.getenv "TENANT_CA_FILE",
  token = os.getenv "TENANT_TOKEN",
})
perform(client, WARM_UP, in_flight)
local wall, cpu = socket.gettime(), os.clock()
perform(client, count, in_flight)
cpu, wall = os.clock() - cpu, socket.gettime() - wall
client:close()
print(("requests=%d wall=%.6f cpu=%.6f"):format(count, wall, cpu))
