-- The control side: JSON over plain HTTP, for specs and scripts that drive the tenant.

local faults = require "server.faults"
local grants = require "server.grants"
local json = require "server.json"
local limiter = require "server.limiter"
local record = require "server.record"
local settings = require "server.settings"
local state = require "server.state"
local store = require "server.store"
local tokens = require "server.tokens"

local control = {}

local LIMITER_SETTINGS = { "bucket", "refill", "mode", "phase", "enforce" }

-- Each handler takes the body as a table and returns the response body as a table, or nil and a message.
local handlers = {}

handlers["POST /reset"] = function()
  state.reset()
  return {}
end

handlers["POST /seed"] = function(data)
  local ok, message = state.seed(data)
  return ok and {}, message
end

handlers["POST /example"] = function()
  state.add_example()
  return {}
end

handlers["GET /token"] = function()
  return { access_token = tokens.standing() }
end

handlers["POST /token"] = function(wanted)
  return { access_token = (tokens.issue(wanted)) }
end

handlers["GET /settings"] = function()
  return settings.all()
end

handlers["POST /settings"] = function(changes)
  for name, value in pairs(changes) do
    if value == json.null then
      changes[name] = false
    end
  end
  local ok, message = settings.change(changes)
  if not ok then
    return nil, message
  end
  for _, name in ipairs(LIMITER_SETTINGS) do
    if changes[name] ~= nil then
      limiter.reset()
    end
  end
  return settings.all()
end

handlers["GET /fault"] = function()
  return faults.pending()
end

handlers["POST /fault"] = function(fault)
  local ok, message = faults.add(fault)
  return ok and {}, message
end

handlers["DELETE /fault"] = function()
  faults.reset()
  return {}
end

handlers["GET /requests"] = function()
  return record.requests()
end

handlers["DELETE /requests"] = function()
  record.forget_requests()
  return {}
end

-- `open` counts the connections to all ports of the tenant, except the one that carries this request.
handlers["GET /connections"] = function()
  return { count = record.connection_count(), open = tonumber(ngx.var.connections_active) - 1 }
end

local permission_shape = json.shape("resource_server_identifier", "permission_name")

-- What the tenant stores about a user: direct permissions only, and the ids of the roles.
local function view_of_user(user)
  local permissions, roles = json.array(), json.array()
  grants.each(user.direct, function(identifier, name)
    permissions[#permissions + 1] = permission_shape { resource_server_identifier = identifier, permission_name = name }
  end)
  table.sort(permissions, function(a, b)
    return a.permission_name .. "\0" .. a.resource_server_identifier
      < b.permission_name .. "\0" .. b.resource_server_identifier
  end)
  for id in pairs(user.roles) do
    roles[#roles + 1] = id
  end
  table.sort(roles)
  return { user_id = user.user_id, email = user.email, name = user.name, permissions = permissions, roles = roles }
end

local function respond(status, body)
  local text = json.encode(body)
  ngx.status = status
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Content-Length"] = #text
  ngx.print(text)
end

local function request_body()
  ngx.req.read_body()
  local text = ngx.req.get_body_data() or ""
  if text == "" then
    return {}
  end
  local body = json.decode(text)
  return type(body) == "table" and body ~= json.null and body or nil
end

-- Responds to the current request.
function control.serve()
  local method, path = ngx.req.get_method(), ngx.var.request_uri:match("^[^?]*")
  local id = method == "GET" and path:match("^/users/([^/]+)$")
  if id then
    local user = store.users[ngx.unescape_uri((id:gsub("%+", "%%2B")))]
    if not user then
      return respond(404, { error = "no such user" })
    end
    return respond(200, view_of_user(user))
  end
  local handler = handlers[method .. " " .. path]
  local body = request_body()
  if not handler then
    return respond(404, { error = ("no such endpoint: %s %s"):format(method, path) })
  elseif not body then
    return respond(400, { error = "the body is not a JSON object" })
  end
  -- A handler raises when a member has the wrong type.
  local ok, result, message = pcall(handler, body)
  if not ok then
    ngx.log(ngx.ERR, result)
    return respond(400, { error = "invalid body: " .. tostring(result) })
  elseif not result then
    return respond(400, { error = message })
  end
  return respond(200, result)
end

return control
