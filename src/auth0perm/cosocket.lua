-- One HTTP exchange over a cosocket of OpenResty's: connects or takes a connection that was kept, proves who the tenant
-- is, sends, reads, and keeps the connection. Knows nothing of calls, but for the names of the kinds of failure.

local http1 = require "auth0perm.http1"

local cosocket = {}

local PIECE_MOST = 64 * 1024 -- bytes to read at a time, and to send
local KEPT = 64              -- idle connections that a worker keeps, where no number is given
local BACKLOG = 2 ^ 31 - 1   -- with a bound to connections, all others may wait for one
local MILLISECONDS = 1000

-- What ngx_lua says of a certificate that is not to be trusted: OpenSSL's reason with its number, or this.
local UNTRUSTED = { "^%d+: ", "^certificate host mismatch" }

-- Describes how to reach a tenant: domain is "host" or "host:port"; connect_to ("host:port"), max_connections and
-- keepalive_timeout (seconds) may be nil. Returns nil where connect_to is not of that form.
function cosocket.route(domain, connect_to, max_connections, keepalive_timeout)
  local name = domain:match "^(.-):%d+$" or domain
  local target = connect_to or (domain == name and domain .. ":443" or domain)
  local host, port = target:match "^(.+):(%d+)$"
  port = tonumber(port)
  if not port or port < 1 or port > 65535 then return nil end
  local pool = { pool = table.concat({ "auth0perm", domain, target, max_connections }, " ") }
  if max_connections then
    pool.pool_size = max_connections
    pool.backlog = BACKLOG - max_connections
  end
  return {
    host = host,
    port = port,
    name = name,
    pool = pool,
    kept = max_connections or KEPT,
    idle = keepalive_timeout * MILLISECONDS,
  }
end

-- The clock of nginx's timers, in milliseconds.
local function now()
  return ngx.now() * MILLISECONDS
end

-- What is left until a time; at least 1, for 0 would be the default of nginx's configuration.
local function left_until(time)
  return math.max(1, math.floor(time - now()))
end

-- Gives every operation of the socket until then.
local function limit(socket, time)
  local left = left_until(time)
  socket:settimeouts(left, left, left)
end

-- Has the socket connected and trusted. Returns true, or nil, kind and message.
local function connect(socket, route, request, start)
  -- With a bound to connections, this also waits for one to become free.
  limit(socket, start + (route.pool.backlog and request.timeout or request.connect_timeout) * MILLISECONDS)
  local connected, problem = socket:connect(route.host, route.port, route.pool)
  if not connected then return nil, "connect", ("%s:%d: %s"):format(route.host, route.port, problem) end
  if socket:getreusedtimes() > 0 then return true end
  limit(socket, math.min(now() + request.connect_timeout * MILLISECONDS, start + request.timeout * MILLISECONDS))
  local trusted
  trusted, problem = socket:sslhandshake(false, route.name, true)
  if trusted then return true end
  for _, pattern in ipairs(UNTRUSTED) do
    if problem:find(pattern) then
      return nil, "tls", ("the certificate of %s: %s (see lua_ssl_trusted_certificate)"):format(route.name, problem)
    end
  end
  return nil, "connect", ("TLS with %s:%d: %s"):format(route.host, route.port, problem)
end

-- Sends everything until then. Returns true, or nil and why not.
local function send(socket, bytes, deadline)
  for from = 1, #bytes, PIECE_MOST do
    if now() >= deadline then return nil, "timeout" end
    limit(socket, deadline)
    local sent, problem = socket:send(bytes:sub(from, from + PIECE_MOST - 1))
    if not sent then return nil, problem end
  end
  return true
end

-- Returns the kind and the message of what broke a connection.
local function failure_of(problem)
  if problem == "timeout" then return "timeout", "the answer did not come in time" end
  return "transport", "the connection broke: " .. problem
end

-- Returns a function for http1.read: what has come, or comes until then. The time is that of the whole answer, so that
-- one which drips does not last for ever.
local function receiver(socket, deadline)
  return function()
    if now() >= deadline then return nil, failure_of "timeout" end
    limit(socket, deadline)
    local piece, problem, rest = socket:receiveany(PIECE_MOST)
    piece = piece or (rest ~= "" and rest)
    if piece then return piece end
    if problem == "closed" then return nil, "closed" end
    return nil, failure_of(problem)
  end
end

-- Performs a request, of the form that call:next gives. Returns what call:feed takes; or nil, a kind of call:fail and a
-- message. `held` has the socket, as `socket`, while this goes on.
function cosocket.exchange(route, request, held)
  local start = now()
  local deadline = start + request.timeout * MILLISECONDS
  local socket = ngx.socket.tcp()
  held.socket = socket
  local connected, kind, message = connect(socket, route, request, start)
  if not connected then return nil, kind, message end
  local sent, problem = send(socket, http1.write(request), deadline)
  -- A server that does not want the whole request answers before it has read it, and closes.
  local response, reusable
  response, reusable, message = http1.read(receiver(socket, deadline))
  if not (response and sent and reusable and route.idle > 0 and socket:setkeepalive(route.idle, route.kept)) then
    socket:close()
  end
  held.socket = nil
  if response then return response end
  if not sent then return nil, failure_of(problem) end
  return nil, reusable, message
end

return cosocket
