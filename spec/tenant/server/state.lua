-- The tenant as a whole: starting it, emptying it, filling it.

local faults = require "server.faults"
local limiter = require "server.limiter"
local record = require "server.record"
local settings = require "server.settings"
local silence = require "server.silence"
local store = require "server.store"
local tokens = require "server.tokens"

local state = {}

-- Everything back to empty; only the token that `run` handed out stays valid.
function state.reset()
  store.reset()
  faults.reset()
  record.reset()
  settings.reset()
  limiter.reset()
  tokens.reset()
end

local SEEDS = { resource_servers = true, roles = true, users = true, clients = true }

-- Returns a message for the first permission or role of `holder` (a user or role) that does not exist.
local function unknown_grant(holder)
  for _, permission in ipairs(holder.permissions or {}) do
    local identifier, name = permission.resource_server_identifier, permission.permission_name
    if not store.find_permission(identifier, name) then
      return ("there is no permission %s of %s"):format(tostring(name), tostring(identifier))
    end
  end
  for _, id in ipairs(holder.roles or {}) do
    if not store.roles[id] then
      return "there is no role " .. tostring(id)
    end
  end
end

-- Puts each of `list`; returns nil and a message when one lacks its key or names what does not exist.
local function put_all(list, key, put)
  for _, fields in ipairs(list or {}) do
    local wrong = key and type(fields[key]) ~= "string" and key .. " is missing" or unknown_grant(fields)
    if wrong then
      return nil, wrong
    end
    put(fields)
  end
  return true
end

local function put_client(fields)
  store.clients[fields.client_id] = fields
end

-- Adds resource servers, roles, users and clients, in this order, because each may name those before it.
-- Returns nil and a message at the first that makes no sense.
function state.seed(data)
  for name in pairs(data) do
    if not SEEDS[name] then
      return nil, "unknown kind of data: " .. tostring(name)
    end
  end
  local ok, wrong = put_all(data.resource_servers, "identifier", store.put_resource_server)
  if ok then
    ok, wrong = put_all(data.roles, nil, store.put_role)
  end
  if ok then
    ok, wrong = put_all(data.users, "user_id", store.put_user)
  end
  if ok then
    ok, wrong = put_all(data.clients, "client_id", put_client)
  end
  return ok, wrong
end

function state.add_example()
  assert(state.seed(require "server.example"))
end

-- nginx goes on when this phase fails, which here would be a tenant that is not whole.
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
