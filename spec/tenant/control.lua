-- The control side of the mock tenant as Lua functions, for specs and demos. For Lua 5.1 to 5.5 and LuaJIT, with
-- LuaSocket and lua-cjson. The process must have been started by spec/tenant/run, whose tenant it controls.

local http = require "socket.http"
local ltn12 = require "ltn12"
local cjson = require "cjson"

-- Environment variable set by `run` -> field of this module.
local VARIABLES = {
  TENANT_DOMAIN = "domain",
  TENANT_PORT = "port",
  TENANT_CA_FILE = "ca_file",
  TENANT_OTHER_CA_FILE = "other_ca_file",
  TENANT_TOKEN = "token",
  TENANT_CONTROL = "control",
  TENANT_DIRECTORY = "directory",
  TENANT_EXPIRED_DOMAIN = "expired_domain",
  TENANT_WRONG_HOST_DOMAIN = "wrong_host_domain",
  TENANT_PLAIN_DOMAIN = "plain_domain",
  TENANT_OLD_TLS_DOMAIN = "old_tls_domain",
  TENANT_SILENT_DOMAIN = "silent_domain",
}

local tenant = {}

for variable, field in pairs(VARIABLES) do
  tenant[field] = os.getenv(variable)
    or error(variable .. " is not set: start this program with spec/tenant/run [--] COMMAND", 0)
end
tenant.port = tonumber(tenant.port)

-- Replaces null, which lua-cjson decodes to a true value, with nil.
local function without_nulls(value)
  if value == cjson.null then
    return nil
  elseif type(value) == "table" then
    for key, item in pairs(value) do
      value[key] = without_nulls(item)
    end
  end
  return value
end

-- Sends a request to the control side. Returns the decoded response, or nil for a 404. Raises any other error.
local function ask(method, path, body)
  local text = body and cjson.encode(body) or ""
  local chunks = {}
  local ok, status = http.request {
    method = method,
    url = tenant.control .. path,
    headers = { ["Content-Type"] = "application/json", ["Content-Length"] = tostring(#text) },
    source = ltn12.source.string(text),
    sink = ltn12.sink.table(chunks),
  }
  local response = table.concat(chunks)
  if not ok then
    error(("no response from the tenant to %s %s: %s"):format(method, path, tostring(status)), 3)
  elseif status == 404 and method == "GET" then
    return nil
  elseif status ~= 200 then
    error(("the tenant refused %s %s: %s %s"):format(method, path, status, response), 3)
  end
  return without_nulls(cjson.decode(response))
end

-- Resets the tenant to the example data: no faults, an empty record, default settings. tenant.token stays valid; all
-- other tokens become invalid.
function tenant.reset()
  ask("POST", "/reset")
  ask("POST", "/example")
end

-- Empties the tenant, without example data. tenant.token stays valid.
function tenant.empty()
  ask("POST", "/reset")
end

-- Adds { resource_servers = {}, roles = {}, users = {}, clients = {} }, each optional.
function tenant.seed(data)
  ask("POST", "/seed", data)
end

-- Returns a new token as a string; wanted = { scope, expires_in (seconds), audience, token }, each optional.
function tenant.issue_token(wanted)
  return ask("POST", "/token", wanted or {}).access_token
end

-- Applies `changes` if given (false turns an optional setting off). Returns all settings.
function tenant.settings(changes)
  if changes then
    return ask("POST", "/settings", changes)
  end
  return ask("GET", "/settings")
end

-- Queues a fault: { kind =, count =, after =, method =, path =, applied =, ... }.
function tenant.fault(fault)
  ask("POST", "/fault", fault)
end

-- Returns the faults that are still waiting for a request.
function tenant.pending_faults()
  return ask("GET", "/fault")
end

-- Returns the recorded requests, oldest first.
function tenant.requests()
  return ask("GET", "/requests")
end

function tenant.forget_requests()
  ask("DELETE", "/requests")
end

-- Returns how many connections carried requests since the reset, and how many are open now, to any port of the tenant.
function tenant.connections()
  local connections = ask("GET", "/connections")
  return connections.count, connections.open
end

-- Returns what the tenant stores about a user, { user_id, email, name, permissions, roles }, or nil.
function tenant.user(id)
  return ask("GET", "/users/" .. id:gsub("[^%w%-._~]", function(character)
    return ("%%%02X"):format(character:byte())
  end))
end

return tenant
