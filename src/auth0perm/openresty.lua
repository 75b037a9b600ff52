-- auth0perm in OpenResty: the methods yield where those of "auth0perm" would block. Calls decide, and this performs:
-- each step that a call asks for is one function here.

local semaphore = require "ngx.semaphore"
local auth0perm = require "auth0perm"
local cosocket = require "auth0perm.openresty.cosocket"
local light_call = require "auth0perm.openresty.light_call"
local nginx = require "auth0perm.openresty.nginx"
local token_dict = require "auth0perm.openresty.token_dict"

local KEEPALIVE_TIMEOUT = 60 -- seconds to keep an idle connection, by default
local KEEPALIVE_MAX = 86400  -- seconds
local CONNECTIONS_MAX = 1024
local LOOK = 0.1             -- seconds between two looks for a token that another worker fetches
local STEP_MAX = 3600        -- seconds, for one step
local WAIT_MIN = 0.001       -- seconds: a shorter wait might not yield

--[[---
--- The module for nginx: `local auth0perm = require "auth0perm.openresty"`.
---@class auth0perm.openresty
--- Its name and version.
---@field _VERSION string
local openresty = {}

--- Returns a list of all operations, as `auth0perm.operations` does.
---@return auth0perm.Operation[] operations
function openresty.operations() end

--- The options of `new` in nginx: those of `auth0perm.Options`, except `ca_file`, `proxy`, `http2`, `driver` and
--- `share_tokens`; and these.
---@class auth0perm.openresty.Options: auth0perm.Options
--- How many connections each worker may have open; further requests wait. Default: no limit, and up to 64 are kept.
---@field max_connections? integer
--- For how many seconds an idle connection is kept; 0 keeps none. Default 60.
---@field keepalive_timeout? number
--- The name of a `lua_shared_dict` in which all workers share tokens. Needs `client_id`.
---@field token_dict? string
--- Performs the requests instead of cosockets; may yield. Returns the response; or nil, a kind of `Call:fail` and a
--- message; or nil and a message.
---@field exchange? fun(request: auth0perm.Request): table?, string?, string?
]]

-- Why some options are not available in nginx, and what to use instead.
local ELSEWHERE = {
  ca_file = "set lua_ssl_trusted_certificate in nginx.conf",
  proxy = "cosockets do not support proxies; set `exchange` to a client that does",
  http2 = "cosockets support only HTTP/1.1",
  driver = "nginx is the driver",
  share_tokens = "use token_dict",
}

-- The kinds of failure that the user's `exchange` may return.
local FAILURES = {
  connect = true, connect_timeout = true, tls = true, timeout = true, transport = true, protocol = true,
}

-- The options that only this driver has, or that have another meaning here.
local OWN = {
  { name = "connect_to", type = "string", meaning = "host:port to connect to instead of the domain's own address" },
  { name = "max_connections", type = "integer",
    meaning = "how many connections each worker may have open; by default there is no limit, and up to 64 are kept" },
  { name = "keepalive_timeout", type = "number", default = KEEPALIVE_TIMEOUT, unit = "seconds",
    meaning = "how long to keep an idle connection; 0 keeps none" },
  { name = "token_dict", type = "string",
    meaning = "with client_id: the lua_shared_dict in which all workers share tokens" },
  { name = "exchange", type = "function", meaning = "performs the requests instead of cosockets; may yield" },
}

-- The types of these options, by Lua's names.
local TYPES = {}
for _, option in ipairs(OWN) do TYPES[option.name] = option.type == "integer" and "number" or option.type end

local openresty = { operations = auth0perm.operations }
openresty["_VERSION"] = auth0perm._VERSION -- written like this so that OPM does not mistake it for the version

--[[---
--- Returns a list of the options of `new` in nginx, as `auth0perm.options` does for the module.
---@return auth0perm.Option[] options  a new table each time
function openresty.options() end
]]
function openresty.options()
  local options = {}
  for _, option in ipairs(auth0perm.options()) do
    if table.concat(option.drivers, " "):find "openresty" then
      option.drivers = { "openresty" }
      options[#options + 1] = option
    end
  end
  for _, own in ipairs(OWN) do
    local option = { drivers = { "openresty" } }
    for member, value in pairs(own) do option[member] = value end
    options[#options + 1] = option
  end
  return options
end

-- What the module is told about this driver, so that its messages name what the user called and set.
local HOST = { level = 2, prepare = "start", share_tokens = "token_dict", options = {} }
for i, option in ipairs(openresty.options()) do HOST.options[i] = option.name end
table.sort(HOST.options)

--[[---
--- Holds what a worker's calls to one tenant share: connections, token, rate limit. Its methods are the operations.
--- nginx's own loop drives the calls, so the methods for other loops and for drivers of your own are missing.
---@class auth0perm.openresty.Client: auth0perm.Operations
local Client = {}
]]
local Client = {}
Client.__index = Client

-- Raises if a method was called on something else, most likely with a dot instead of a colon.
local function expect_client(value, method)
  if getmetatable(value) == Client then return end
  error(("bad argument #1 to '%s' (auth0perm.openresty.Client expected, got %s)"):format(method, type(value)), 3)
end

-- Returns nil and the message for a bad option, in the module's form.
local function refuse(name, ...)
  return nil, ("bad argument #1 to 'new' (%s: %s)"):format(name, string.format(...))
end

-- Splits the options of `new` into those of the module and those of this driver. Returns nil and a message for a bad
-- one.
local function split(options)
  if type(options) ~= "table" then return refuse("options", "expected a table, got %s", type(options)) end
  local core, own = { driver = "none" }, {}
  for name, value in pairs(options) do
    local kind = TYPES[name]
    if ELSEWHERE[name] then return refuse(name, "not available in nginx: %s", ELSEWHERE[name]) end
    if kind and type(value) ~= kind then return refuse(name, "expected a %s, got %s", kind, type(value)) end
    local whose = kind and own or core
    whose[name] = value
  end
  core.share_tokens = own.token_dict and true
  own.supply = type(options.token) == "function" and options.token or nil
  return core, own
end

-- Checks the values of this driver's options. Returns true, or nil and a message.
local function check(own)
  local connections, idle = own.max_connections or 1, own.keepalive_timeout or KEEPALIVE_TIMEOUT
  if not (connections >= 1 and connections <= CONNECTIONS_MAX and connections % 1 == 0) then
    return refuse("max_connections", "expected 1 to %d, got %s", CONNECTIONS_MAX, connections)
  elseif not (idle >= 0 and idle <= KEEPALIVE_MAX) then
    return refuse("keepalive_timeout", "expected 0 to %d seconds, got %s", KEEPALIVE_MAX, idle)
  elseif own.supply and own.token_dict then
    return refuse("token_dict", "only works with client_id, not with a token function")
  end
  return true
end

-- Returns nil and an error of kind `invalid`.
local function invalid(message)
  local _, problem = auth0perm.new { driver = "none", domain = "", token = "" }
  problem.message = message
  return nil, problem
end

-- Whether a domain is an IP address: no top-level domain is a number.
local function is_address(domain)
  return domain:gsub(":%d+$", ""):find "%f[^.%z]%d+%.?$" ~= nil
end

-- Finds where to connect, and where tokens are shared. Returns nil and a message if there is no such place.
local function find_places(options, own)
  local route = cosocket.route(options.domain, own.connect_to, own.max_connections,
    own.keepalive_timeout or KEEPALIVE_TIMEOUT)
  if not route then
    return refuse("connect_to", 'expected host:port, such as "127.0.0.1:8443", got "%s"', own.connect_to)
  end
  local tokens = own.token_dict and token_dict.open(own.token_dict, options)
  if own.token_dict and not tokens then
    return refuse("token_dict", 'no "lua_shared_dict %s" in nginx.conf', own.token_dict)
  end
  return route, tokens
end

--[[---
--- Makes a client for one tenant, in any phase. It has the methods of `auth0perm.Client`, except `prepare`, `pollfd`,
--- `events` and `timeout`; they yield instead of blocking. Its calls have no `on_done`. Share it among requests, in a
--- variable of a module. Raises an error for wrong types, unknown options, and values that nginx cannot serve. Returns
--- an error of kind `invalid` for other impossible values.
---@param options auth0perm.openresty.Options
---@return auth0perm.openresty.Client? client
---@return auth0perm.Error? err  of kind `invalid` or `memory`
function openresty.new(options) end
]]
function openresty.new(options)
  local core_options, own = split(options)
  if not core_options then error(own, 2) end
  local good, message = check(own)
  if not good then error(message, 2) end
  local core, problem = auth0perm.new(core_options, HOST)
  if not core then return nil, problem end
  if is_address(options.domain) and not own.exchange then
    return invalid("domain: nginx verifies certificates only for DNS names, not for IP addresses; "
      .. "use a name that the certificate has, and set connect_to to the address")
  end
  local route, tokens = find_places(options, own)
  if not route then error(tokens, 2) end
  return setmetatable({
    core = core,
    route = route,
    tokens = tokens,
    supply = own.supply,
    exchange = own.exchange,
    started = setmetatable({}, { __mode = "k" }),  -- calls that may be in flight
  }, Client)
end

-- The steps of a call. A run is the state of one call while it is driven: `client`, `call`, a `leash` to its request,
-- and at times a `socket`, a `lease` while it fetches a token for all workers, and `rung` after the bell has ended a
-- wait.
local STEPS = {}

-- Wakes the call that has waited longest: something has happened that it may be waiting for. If that lets it continue,
-- it rings for the next one. So this costs the same however many calls wait.
local function ring(client)
  if client.bell and client.bell:count() < 0 then client.bell:post() end
end

function STEPS.send(run, request)
  local client = run.client
  local response, kind, message
  if run.lease then run.lease:hold(request.timeout) end
  if client.exchange then
    response, kind, message = client.exchange(request)
    if not FAILURES[kind] then kind, message = "transport", tostring(kind or "no response") end
  else
    response, kind, message = cosocket.exchange(client.route, request, run)
    run.socket = nil
  end
  if response then
    run.call:feed(response)
  else
    run.call:fail(kind, message)
  end
  ring(client)
end

-- Sleeps, unless the bell rings.
function STEPS.wait(run, seconds)
  local client = run.client
  if run.lease then run.lease:hold(seconds) end
  client.bell = client.bell or semaphore.new()
  run.rung = client.bell:wait(math.max(seconds, WAIT_MIN))
end

-- Gives a call the token that another worker has fetched. Returns false if there is none, or if the call knows it.
local function borrow(run)
  local token, expires_in = run.client.tokens:get()
  return token and run.call:authorize(token, expires_in)
end

-- Lets others fetch a token.
local function release(run)
  if run.lease then run.lease:release() end
  run.lease = nil
end

-- Gives a call a token from the dictionary, lets it fetch one, or makes it wait for the one that another worker is
-- fetching.
local function share(run)
  release(run)
  if borrow(run) then return end
  run.lease = run.client.tokens:lease(run.call)
  if not run.lease then
    run.call:defer(LOOK)
  elseif borrow(run) then -- it arrived between the two looks
    release(run)
  else
    run.call:fetch()
  end
end

function STEPS.authorize(run)
  if run.client.tokens then
    share(run)
  elseif run.client.supply then
    run.call:supply(pcall(run.client.supply))
    ring(run.client)
  else
    run.call:fail("token", "the client has no token and no client_id")
  end
end

function STEPS.share(run, token, expires_in)
  if token then run.client.tokens:set(token, expires_in) end
  release(run)
end

local function turn(run)
  while true do
    local step, detail, expires_in = run.call:next()
    if run.rung and step ~= "wait" then ring(run.client) end
    run.rung = nil
    if step == "done" then return end
    STEPS[step](run, detail, expires_in)
  end
end

-- Drives a call until it is done. An error (from a function of the user, or because this may not yield here) is raised
-- again after everything of the call is cleaned up.
local function drive(run)
  run.leash = nginx.leash(run.call)
  local ok, problem = pcall(turn, run)
  nginx.unleash(run.leash)
  release(run)
  if ok then return end
  run.call:cancel()
  if run.socket then run.socket:close() end
  error(problem, 0)
end

-- Whether the current phase has cosockets; if not, ends the call.
local function can_drive(call)
  if pcall(ngx.socket.tcp) then return true end
  call:fail("connect", ("cosockets are not available in the %s phase; use a timer: ngx.timer.at(0, ...)"):format(
    ngx.get_phase()))
  return false
end

-- Drives a call in the current light thread, and returns what the method returns.
local function perform(client, call)
  if can_drive(call) then drive { client = client, call = call } end
  return call:result()
end

for _, operation in ipairs(auth0perm.operations()) do
  local name = operation.name
  Client[name] = function(self, ...)
    expect_client(self, name)
    local call, problem = self.core[name](self.core, ...)
    if not call then return nil, problem end
    return perform(self, call)
  end
end

--[[---
--- Iterates over a list while holding only one page of it, as `Client:each` of `auth0perm` does. Raises the error
--- object instead of returning it.
---@param operation string  a method that returns a list
---@param ... any  the method's arguments
---@return fun(): any iterator  the next item, or nil after the last
function Client:each(operation, ...) end
]]
function Client:each(...)
  expect_client(self, "each")
  local call = self.core:each(...)
  local page, index
  return function()
    repeat
      if not page then
        local problem
        page, problem = perform(self, call)
        if not page then error(problem, 0) end
        index = 0
      end
      index = index + 1
      local item = page[index]
      if item ~= nil then return item end
      local more = call:resume()
      if more then page = nil end
    until not more
  end
end

--[[---
--- Starts an operation without waiting for it. Light threads of the current request drive it, and the request does not
--- end before they do. `step` waits for it.
---@param operation string  a method's name
---@param ... any  the method's arguments
---@return auth0perm.openresty.Call? call
---@return auth0perm.Error? err  if the method would refuse its arguments
function Client:start(operation, ...) end
]]
function Client:start(...)
  expect_client(self, "start")
  if self.closed then return self.core:start() end -- which returns the error
  local call, problem = self.core:prepare(...)
  if not call then return nil, problem end
  if not can_drive(call) then return call:result() end
  local started = light_call.start(self, drive, { client = self, call = call })
  self.started[started] = true
  return started
end

--[[---
--- Lets started calls continue: waits until a call of the current request is done, for at most `seconds`. A call that
--- was done since the last `step` counts.
---@param seconds? number  default 0: only lets other light threads run
---@return integer? in_flight  calls of this request that are not done yet
---@return auth0perm.Error? err  of kind `closed`
function Client:step(seconds) end
]]
function Client:step(seconds)
  expect_client(self, "step")
  if seconds ~= nil and not (type(seconds) == "number" and seconds >= 0) then
    error(("bad argument #1 to 'step' (seconds: expected a number >= 0, got %s)"):format(
      type(seconds) == "number" and seconds or type(seconds)), 2)
  end
  if self.closed then return self.core:step() end -- which returns the error
  return light_call.wait(self, math.min(seconds or 0, STEP_MAX))
end

--[[---
--- Ends this worker's calls in flight with an error of kind `closed`, and wipes the token. A method that waits for the
--- network returns when the network responds, or at its timeout. You may call it more than once.
function Client:close() end
]]
function Client:close()
  expect_client(self, "close")
  self.closed = true
  self.core:close()
  for started in pairs(self.started) do started:close() end
  local sleeping = self.bell and -self.bell:count() or 0
  if sleeping > 0 then self.bell:post(sleeping) end
end

function Client:__tostring()
  return tostring(self.core)
end

return openresty
