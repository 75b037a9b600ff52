-- Starts and controls a TLS server that plays scripts byte by byte. For Lua 5.1 to 5.5 and LuaJIT, with LuaSocket and
-- lua-cjson. README.md describes the scripts.

local cjson = require "cjson"
local socket = require "socket"
local tenant = require "spec.tenant.control"

local PATIENCE = 60 -- seconds for the server to execute a command

local wire = {
  REQUEST = { step = "request" },
  BYTES = { step = "bytes" },
  CUE = { step = "cue" },
  HOLD = { step = "hold" },
  FIN = { step = "fin" },
  RESET = { step = "reset" },
  GOODBYE = { step = "goodbye" },
}

local server = {}
server.__index = server

-- Starts a server with the tenant's certificate. It ends with `stop`, or with this process at the latest.
function wire.start()
  local pipe = assert(io.popen("exec env -u LD_PRELOAD lua5.4 spec/wire/server.lua " .. tenant.directory))
  local port, control_port = (pipe:read "*l" or ""):match "(%d+)%s(%d+)"
  if not port then error "the wire server did not start" end
  local control = assert(socket.connect("127.0.0.1", tonumber(control_port)))
  control:settimeout(PATIENCE)
  return setmetatable({
    pipe = pipe,
    control = control,
    port = tonumber(port),
    domain = "localhost:" .. port,
    address = "127.0.0.1:" .. port,
  }, server)
end

function server:stop()
  self.control:close()
  self.pipe:close()
end

local function tell(self, name, argument)
  assert(self.control:send(cjson.encode { name = name, argument = argument } .. "\n"))
  local reply = assert(self.control:receive "*l")
  return cjson.decode(reply)[1]
end

-- Sets the scripts of the next connections, one each; the last one is for all later ones, too. Clears the record.
function server:play(...)
  tell(self, "play", { ... })
end

-- Makes all connections that wait for a cue continue. Returns once they wait for something again or have ended: the
-- client's kernel has received everything that they sent.
function server:cue()
  assert(tell(self, "cue"), "the steps behind a cue take too long")
end

-- Returns once all connections wait for something, or have ended.
function server:settle()
  assert(tell(self, "settle"), "the steps of a script take too long")
end

-- Returns the recorded requests, oldest first: { connection = its number, head = , body = }, and the number of
-- connections.
function server:requests()
  local seen = tell(self, "seen")
  return seen.requests, seen.connections
end

-- Returns a response with this status line, body and additional header lines (without line ends).
function wire.response(status, body, ...)
  local lines = { "HTTP/1.1 " .. status, ... }
  if body then
    lines[#lines + 1] = "Content-Type: application/json"
    lines[#lines + 1] = "Content-Length: " .. #body
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

wire.NO_CONTENT = wire.response "204 No Content"
wire.FORBIDDEN = wire.response("403 Forbidden",
  '{"statusCode":403,"error":"Forbidden","message":"Insufficient scope","errorCode":"insufficient_scope"}')

return wire
