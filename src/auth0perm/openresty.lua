-- auth0perm in OpenResty: the methods yield where those of "auth0perm" would block. Calls decide, this performs: each
-- step that a call asks for is one function here.

local auth0perm = require "auth0perm"
local cosocket = require "auth0perm.cosocket"

local KEEPALIVE_TIMEOUT = 60 -- seconds that an idle connection is kept, by default
local CONNECTIONS_MOST = 1024

-- What belongs into nginx's configuration, and where.
local DIRECTIVES = {
  ca_file = "lua_ssl_trusted_certificate in nginx.conf names the certificates to trust",
  proxy = "cosockets know no proxy; an `exchange` of your own may",
  http2 = "cosockets speak HTTP/1.1 alone",
  driver = "this is one",
  share_tokens = "name a lua_shared_dict as token_dict",
}

-- The options that are for this file and not for the core, and their types.
local OWN = {
  token = "string or function",
  connect_to = "string",
  max_connections = "number",
  keepalive_timeout = "number",
  token_dict = "string",
  exchange = "function",
}

local Client = {}
Client.__index = Client

-- Raises for a bad option.
local function refuse(name, problem)
  error(("bad argument #1 to 'new' (%s: %s)"):format(name, problem), 0)
end

-- Splits what `new` was given into the core's options and those of this file.
local function split(options)
  local core, own = {}, {}
  for name, value in pairs(options) do
    if DIRECTIVES[name] then refuse(name, DIRECTIVES[name]) end
    if OWN[name] and not OWN[name]:find(type(value), 1, true) then
      refuse(name, ("%s expected, got %s"):format(OWN[name], type(value)))
    end
    if OWN[name] and not (name == "token" and type(value) == "string") then
      own[name] = value
    else
      core[name] = value
    end
  end
  return core, own
end

-- Raises where a number of this file's options is none that can be right.
local function check_numbers(own)
  local connections, idle = own.max_connections, own.keepalive_timeout
  if connections and not (connections >= 1 and connections <= CONNECTIONS_MOST and connections % 1 == 0) then
    refuse("max_connections", ("1 to %d expected, got %s"):format(CONNECTIONS_MOST, connections))
  end
  if idle and not (idle >= 0 and idle <= 86400) then
    refuse("keepalive_timeout", ("0 to 86400 seconds expected, got %s"):format(idle))
  end
end

local function new(options)
  if type(options) ~= "table" then
    error(("bad argument #1 to 'new' (options: table expected, got %s)"):format(type(options)), 0)
  end
  local core_options, own = split(options)
  check_numbers(own)
  core_options.driver = "none"
  local core, problem = auth0perm.new(core_options)
  if not core then return nil, problem end
  local route = cosocket.route(options.domain, own.connect_to, own.max_connections,
    own.keepalive_timeout or KEEPALIVE_TIMEOUT)
  if not route then refuse("connect_to", 'host:port expected, such as "127.0.0.1:8443"') end
  return setmetatable({ core = core, own = own, route = route }, Client)
end

local STEPS = {}

function STEPS.send(run, request)
  local response, kind, message = cosocket.exchange(run.client.route, request, run)
  if response then
    run.call:feed(response)
  else
    run.call:fail(kind, message)
  end
end

function STEPS.wait(_, seconds)
  ngx.sleep(seconds)
end

function STEPS.authorize(run)
  local supply = run.client.own.token
  if not supply then
    run.call:fail("token", "the client was made without a token")
    return
  end
  local token, expires_in = supply()
  if token then
    run.call:authorize(token, expires_in)
  else
    run.call:fail("token", expires_in or "the token function returned no string")
  end
end

-- Drives a call until it is done.
local function drive(run)
  while true do
    local step, detail, expires_in = run.call:next()
    if step == "done" then return end
    STEPS[step](run, detail, expires_in)
  end
end

for _, operation in ipairs(auth0perm.operations()) do
  local name = operation.name
  Client[name] = function(self, ...)
    local call, problem = self.core[name](self.core, ...)
    if not call then return nil, problem end
    drive { client = self, call = call }
    return call:result()
  end
end

-- Ends everything.
function Client:close()
  self.core:close()
end

return { new = new, operations = auth0perm.operations }
