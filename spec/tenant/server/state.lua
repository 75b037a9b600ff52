-- The tenant as a whole: starting it, emptying it, filling it.

local faults = require "server.faults"
local limiter = require "server.limiter"
local record = require "server.record"
local settings = require "server.settings"
local silence = require "server.silence"
local store = require "server.store"
local tokens = require "server.tokens"

local state = {}

-- Empties everything. Only the token that `run` handed out stays valid.
function state.reset()
  store.reset()
  faults.reset()
  record.reset()
  settings.reset()
  limiter.reset()
  tokens.reset()
end

local SEEDS = { resource_servers = true, roles = true, users = true, clients = true }

-- Returns a message about the first permission or role of `holder` (a user or role) that does not exist, or nil.
local function unknown_grant(holder)
  for _, permission in ipairs(holder.permissions or {}) do
    local identifier, name = permission.resource_server_identifier, permission.permission_name
    if not store.find_permission(identifier, name) then
      return ("no such permission: %s of %s"):format(tostring(name), tostring(identifier))
    end
  end
  for _, id in ipairs(holder.roles or {}) do
    if not store.roles[id] then
      return "no such role: " .. tostring(id)
    end
  end
end

-- Calls put for each item of `list`. Returns nil and a message if one lacks its key or refers to something that does
-- not exist.
local function put_all(list, key, put)
  for _, fields in ipairs(list or {}) do
    local message = key and type(fields[key]) ~= "string" and key .. " is missing" or unknown_grant(fields)
    if message then
      return nil, message
    end
    put(fields)
  end
  return true
end

local function put_client(fields)
  store.clients[fields.client_id] = fields
end

-- Adds resource servers, roles, users and clients, in this order, because each may refer to earlier ones.
-- Stops at the first invalid one and returns nil and a message.
function state.seed(data)
  for name in pairs(data) do
    if not SEEDS[name] then
      return nil, "unknown kind of data: " .. tostring(name)
    end
  end
  local ok, message = put_all(data.resource_servers, "identifier", store.put_resource_server)
  if ok then
    ok, message = put_all(data.roles, nil, store.put_role)
  end
  if ok then
    ok, message = put_all(data.users, "user_id", store.put_user)
  end
  if ok then
    ok, message = put_all(data.clients, "client_id", put_client)
  end
  return ok, message
end

function state.add_example()
  assert(state.seed(require "server.example"))
end

-- nginx would go on after an error in this phase, with an incomplete tenant.
local function listen_or_end(port)
  local ok, message = pcall(silence.listen, port)
  if not ok then
    ngx.log(ngx.ERR, message)
    os.exit(1)
  end
end

-- Called once, when nginx starts.
function state.start(port, silent_port, with_example)
  listen_or_end(silent_port)
  math.randomseed(ngx.now() * 1000 + ngx.worker.pid())
  tokens.start("localhost:" .. port)
  if with_example then
    state.add_example()
  end
end

return state
