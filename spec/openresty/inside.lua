-- Functions for the specs' snippets inside nginx.

local cjson = require "cjson"
local socket = require "socket"
local auth0perm = require "auth0perm.openresty"

local inside = { auth0perm = auth0perm, user = "auth0|5f7c8ec7c33c6c004bbafe82", api = "https://api.example.com/" }

-- Returns options for a client of the tenant, with an address, because nginx has no resolver here.
function inside.options(changes)
  local options = {
    domain = os.getenv "TENANT_DOMAIN",
    token = os.getenv "TENANT_TOKEN",
    connect_to = "127.0.0.1:" .. os.getenv "TENANT_PORT",
  }
  for name, value in pairs(changes or {}) do
    options[name] = value or nil
  end
  return options
end

local client

-- Returns the worker's client of the tenant or, with changes, a new one.
function inside.client(changes)
  if changes then return assert(auth0perm.new(inside.options(changes))) end
  client = client or assert(auth0perm.new(inside.options()))
  return client
end

-- Returns options for a client of the server that `host:respond_with` controls.
function inside.raw_options(changes)
  local port = os.getenv "RAW_PORT"
  local options = inside.options { domain = "localhost:" .. port, connect_to = "127.0.0.1:" .. port, max_retries = 0 }
  for name, value in pairs(changes or {}) do
    options[name] = value
  end
  return options
end

-- Returns a new client of that server.
function inside.raw_client(changes)
  return assert(auth0perm.new(inside.raw_options(changes)))
end

-- Calls get_role with a new client of that server.
function inside.ask_raw(changes)
  return inside.raw_client(changes):get_role "rol_x"
end

-- Handles a connection as `host:respond_with` says.
function inside.respond()
  local connection = assert(ngx.req.socket(true))
  for _, step in ipairs(cjson.decode(ngx.shared.results:get "response")) do
    if type(step) == "number" then
      ngx.sleep(step)
    elseif not step then
      connection:receiveuntil "\r\n\r\n"()
    elseif not connection:send(step) then
      break
    end
  end
  ngx.exit(444)
end

local shared = {}

-- Returns the worker's client with these credentials, which shares tokens with the other workers.
function inside.shared(client_id, changes)
  if not shared[client_id] then
    local options = { token = false, client_id = client_id, client_secret = "s3cr3t-of-" .. client_id,
      token_dict = "auth0perm" }
    for name, value in pairs(changes or {}) do options[name] = value end
    shared[client_id] = inside.client(options)
  end
  return shared[client_id]
end

-- Returns how many descriptors this worker has open. (Blocks.)
function inside.descriptors()
  local pipe = io.popen(("ls /proc/%d/fd | wc -l"):format(ngx.worker.pid()))
  local number = tonumber(pipe:read "*a")
  pipe:close()
  return number
end

function inside.permissions(...)
  return { [inside.api] = { ... } }
end

-- Blocks the worker until the function of `host:while_busy` has returned.
function inside.be_busy()
  local mark = ngx.config.prefix() .. "busy"
  io.open(mark, "w"):close()
  repeat
    socket.sleep(0.01)
    local file = io.open(mark)
    if file then file:close() end
  until not file
end

-- Calls a function. Returns the longest time in which the worker served no other request meanwhile, in seconds of CPU
-- time, and what the function returned.
function inside.longest_turn(call)
  local longest, last, over = 0, os.clock(), false
  local function note()
    local now = os.clock()
    longest, last = math.max(longest, now - last), now
  end
  local thread = ngx.thread.spawn(function()
    while not over do
      note()
      ngx.sleep(0.001)
    end
  end)
  local first, second = call()
  note()
  over = true
  ngx.thread.wait(thread)
  return longest, first, second
end

-- Returns the part of a value that JSON can represent; an error becomes a table with its text.
local function plain(value)
  local kind = type(value)
  if kind == "table" then
    local copy = {}
    for key, item in pairs(value) do copy[key] = plain(item) end
    if value.kind and value.operation then copy.text = tostring(value) end
    return copy
  elseif value == nil then
    return cjson.null
  elseif kind == "number" or kind == "string" or kind == "boolean" then
    return value
  end
  return tostring(value)
end

-- Runs Lua code; returns its results, or "raised" and the error, as JSON.
local function evaluate(code)
  local chunk = assert(loadstring(code, "=snippet"))
  setfenv(chunk, setmetatable({ inside = inside }, { __index = _G }))
  local values = { pcall(chunk) }
  local list = {}
  if not values[1] then list[1] = "raised" end
  for i = 2, math.max(2, table.maxn(values)) do
    list[#list + 1] = plain(values[i])
  end
  return cjson.encode(list)
end

-- Runs the snippet in the request's body, and responds with its results.
function inside.run()
  ngx.req.read_body()
  ngx.print(evaluate(ngx.req.get_body_data()))
end

-- For phases that cannot respond: stores the results of a snippet in the dictionary of results.
function inside.note(name, code)
  ngx.shared.results:set(name, evaluate(code))
end

return inside
