-- A TLS server that plays scripts byte by byte: server.lua DIRECTORY, which has server.pem and server.key. For Lua 5.4.
-- Prints its port and the port of its control side, and ends when the first connection to the control side ends. See
-- README.md.

local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local json = require "cjson"
local luasocket = require "socket"
local socket = require "cqueues.socket"
local ssl = require "ssl"

local PATIENCE = 60     -- seconds: nothing on the wire or at the control side takes longer
local FIRST_WORD = 20   -- seconds until the first connection to the control side must come
local SETTLE_LIMIT = 10 -- seconds that the steps between two cues may take

local CHUNK = 65536     -- bytes read at a time
local COMMAND_MAX = 2 ^ 28 -- bytes of a command, which may hold long scripts

local directory = assert(arg[1], "server.lua DIRECTORY")

local loop = cqueues.new()
local changed = condition.new() -- the state of a connection

local scripts, connections, requests
local kept = {}

local function forget()
  scripts, connections, requests = {}, {}, {}
end

local function tls_context(protocol)
  return assert(ssl.newcontext {
    mode = "server",
    protocol = "any",
    options = { "no_sslv2", "no_sslv3", "no_tlsv1", "no_tlsv1_1" },
    certificate = directory .. "/server.pem",
    key = directory .. "/server.key",
    alpn = protocol and function() return protocol end,
  })
end

-- --- one connection

local function set_state(connection, state)
  connection.state = state
  changed:signal()
end

-- Calls a method of the connection's socket until it does not have to wait; returns its results.
local function persist(connection, method, ...)
  while true do
    local result, reason, partial = connection.socket[method](connection.socket, ...)
    local events = (reason == "wantwrite" or (reason == "timeout" and method == "send")) and "w" or "r"
    local waits = reason == "wantread" or reason == "wantwrite" or reason == "timeout"
    if result or not waits or (partial and partial ~= "") then return result or partial, reason end
    local handle = { pollfd = connection.socket:getfd(), events = events }
    if cqueues.poll(handle, PATIENCE) ~= handle then return nil, "timeout" end
  end
end

-- Reads more input; returns false if there will be none.
local function read_more(connection)
  local some = persist(connection, "receive", CHUNK)
  if not some or some == "" then return false end
  connection.unread = connection.unread .. some
  return true
end

-- Reads a request, head and body, and records it; returns false if the connection ends first.
local function read_request(connection)
  local head, rest
  repeat
    head, rest = connection.unread:match "^(.-\r\n\r\n)(.*)$"
    if not head and not read_more(connection) then return false end
  until head
  local length = tonumber(head:lower():match "\ncontent%-length: *(%d+)" or 0)
  connection.unread = rest
  while #connection.unread < length do
    if not read_more(connection) then return false end
  end
  requests[#requests + 1] = { connection = connection.number, head = head, body = connection.unread:sub(1, length) }
  connection.unread = connection.unread:sub(length + 1)
  return true
end

local function send(connection, bytes)
  local sent = 0
  while sent and sent < #bytes do sent = persist(connection, "send", bytes, sent + 1) end
  return sent
end

local steps = {}

function steps.request(connection)
  set_state(connection, "waiting")
  local came = read_request(connection)
  set_state(connection, "playing")
  return came
end

function steps.bytes(connection)
  set_state(connection, "waiting")
  local some = read_more(connection)
  connection.unread = ""
  set_state(connection, "playing")
  return some
end

function steps.cue(connection)
  set_state(connection, "at cue")
  while connection.state == "at cue" do changed:wait() end
  return true
end

function steps.hold(connection)
  set_state(connection, "waiting")
  while read_more(connection) do connection.unread = "" end
end

local function over(connection)
  set_state(connection, "over")
end

-- Returns a LuaSocket handle for the connection's descriptor, without TLS. LuaSec's own handle must not be collected:
-- it would send a close_notify on whatever has the descriptor by then.
local function without_tls(connection)
  local handle = luasocket.tcp4()
  handle:close()
  handle:setfd(connection.socket:getfd())
  kept[#kept + 1] = connection.socket
  return handle
end

-- Closes the connection without close_notify, as when a process dies.
function steps.fin(connection)
  cqueues.cancel(connection.socket:getfd())
  without_tls(connection):close()
  over(connection)
end

-- A socket that is closed with a linger time of 0 sends a RST.
function steps.reset(connection)
  cqueues.cancel(connection.socket:getfd())
  local handle = without_tls(connection)
  assert(handle:setoption("linger", { on = true, timeout = 0 }))
  handle:close()
  over(connection)
end

-- Sends close_notify, then a FIN; LuaSec's close does both.
function steps.goodbye(connection)
  cqueues.cancel(connection.socket:getfd())
  connection.socket:close()
  over(connection)
end

-- Performs a step; returns false if the script cannot continue.
local function perform(connection, step)
  if type(step) == "number" then
    cqueues.sleep(step)
    return true
  elseif type(step) == "string" then
    return send(connection, step)
  end
  return steps[step.step](connection)
end

-- Starts TLS on the connection; returns false if the handshake fails.
local function shake_hands(connection, protocol)
  local plain = connection.socket
  connection.socket = assert(ssl.wrap(plain, tls_context(protocol)))
  connection.socket:settimeout(0)
  return persist(connection, "dohandshake")
end

local function play(connection, script)
  connection.socket:settimeout(0)
  assert(connection.socket:setoption("tcp-nodelay", true))
  if script.plain or shake_hands(connection, script.protocol) then
    local place = 1
    while script[place] and perform(connection, script[place]) do place = place + 1 end
  end
  if connection.state ~= "over" then steps.goodbye(connection) end
end

local function accept(server)
  local handle = { pollfd = server:getfd(), events = "r" }
  while true do
    cqueues.poll(handle)
    local accepted = server:accept()
    if accepted then
      local number = #connections + 1
      local connection = { number = number, socket = accepted, unread = "", state = "playing" }
      connections[number] = connection
      loop:wrap(play, connection, scripts[math.min(number, #scripts)] or {})
    end
  end
end

-- --- the control side

-- Waits until no connection is in the middle of its steps.
local function settle()
  local deadline = cqueues.monotime() + SETTLE_LIMIT
  local function busy()
    for _, connection in ipairs(connections) do
      if connection.state == "playing" then return true end
    end
  end
  while busy() and cqueues.monotime() < deadline do changed:wait(deadline - cqueues.monotime()) end
  return not busy()
end

local commands = {}

-- Sets the scripts of the next connections; the last one is for all later ones, too.
function commands.play(wanted)
  forget()
  scripts = wanted
  return true
end

-- Makes the connections that wait for a cue continue; returns whether they then wait again.
function commands.cue()
  if not settle() then return false end
  for _, connection in ipairs(connections) do
    if connection.state == "at cue" then set_state(connection, "playing") end
  end
  return settle()
end

function commands.settle()
  return settle()
end

function commands.seen()
  return { connections = #connections, requests = requests }
end

-- Serves the process that started this, then ends.
local function obey(server)
  local control = server:accept(FIRST_WORD)
  if not control then os.exit(1) end
  control:onerror(function(_, _, code) return code end)
  control:setmaxline(COMMAND_MAX)
  for line in control:lines "*l" do
    local command = json.decode(line)
    control:write(json.encode { commands[command.name](command.argument) }, "\n")
    control:flush()
  end
  os.exit(0)
end

forget()
local wire = assert(luasocket.bind("127.0.0.1", 0))
wire:settimeout(0)
local control = socket.listen("127.0.0.1", 0)
control:listen()
print(select(2, wire:getsockname()), select(3, control:localname()))
io.stdout:flush()
loop:wrap(accept, wire)
loop:wrap(function()
  local _, problem = pcall(obey, control)
  io.stderr:write("wire: ", tostring(problem), "\n")
  os.exit(1)
end)
for message in loop:errors() do
  io.stderr:write("wire: ", tostring(message), "\n")
end
