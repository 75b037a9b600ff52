-- The control side of the mock tenant, for specs and demos: for Lua 5.1 to 5.4 and LuaJIT, with LuaSocket and
-- lua-cjson. It drives the tenant that spec/tenant/run started this process under.

local http = require "socket.http"
local ltn12 = require "ltn12"
local cjson = require "cjson"

-- Variables of `run` -> fields of this module.
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
    or error(variable .. " is not set: start this through spec/tenant/run [--] COMMAND", 0)
end
tenant.port = tonumber(tenant.port)

-- lua-cjson gives null as a value that is true; for a caller, nothing is nil.
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

-- Performs a request of the control side; returns the decoded answer, or nil for a 404. Raises on any other error.
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
  local answer = table.concat(chunks)
  if not ok then
    error(("the tenant does not answer %s %s: %s"):format(method, path, tostring(status)), 3)
  elseif status == 404 and method == "GET" then
    return nil
  elseif status ~= 200 then
    error(("the tenant refused %s %s: %s %s"):format(method, path, status, answer), 3)
  end
  return without_nulls(cjson.decode(answer))
end

-- Back to the example data, with no faults, an empty record and the settings as they were at the start.
-- tenant.token stays valid; every other token is forgotten.
function tenant.reset()
  ask("POST", "/reset")
  ask("POST", "/example")
end

-- Back to nothing at all; tenant.token stays valid.
function tenant.empty()
  ask("POST", "/reset")
end

-- Adds { resource_servers = {}, roles = {}, users = {}, clients = {} }, each optional.
function tenant.seed(data)
  ask("POST", "/seed", data)
end

-- Returns the text of a new token; wanted = { scope, expires_in (seconds), audience, token }, each optional.
function tenant.issue_token(wanted)
  return ask("POST", "/token", wanted or {}).access_token
end

-- Changes settings, if any are given; false turns an optional one off. Returns all of them.
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

-- Returns the faults that still wait for a request.
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

-- Returns how many connections carried requests since the reset, and how many are open to any of the tenant's ports.
function tenant.connections()
  local connections = ask("GET", "/connections")
  return connections.count, connections.open
end

-- Returns what the tenant itself keeps of a user, { user_id, email, name, permissions, roles }, or nil.
function tenant.user(id)
  return ask("GET", "/users/" .. id:gsub("[^%w%-._~]", function(character)
    return ("%%%02X"):format(character:byte())
  end))
end

return tenant
