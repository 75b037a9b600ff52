-- One HTTP exchange over an OpenResty cosocket: connects or reuses a kept connection, verifies the tenant's
-- certificate, sends, reads, and keeps the connection. Knows nothing about calls except the names of the kinds of
-- failure.

local semaphore = require "ngx.semaphore"
local http1 = require "auth0perm.openresty.http1"
local nginx = require "auth0perm.openresty.nginx"

local cosocket = {}

local PIECE_MAX = 64 * 1024 -- bytes to read at a time, and to send
local KEPT = 64             -- idle connections that a worker keeps by default
local BACKLOG = 2 ^ 31 - 1  -- if connections are limited, all other requests may wait for one
local MILLISECONDS = 1000
local TIME_MAX = 2 ^ 31 - 1 -- milliseconds, for a timeout
local NO_HOST = ""          -- cannot be connected to, but nginx looks for a kept connection first
local PAUSE = 0.001         -- seconds for others to run
local PEEK_TIME = 1         -- milliseconds to read what has arrived on an idle connection

-- A handshake keeps the worker busy for about a millisecond. Many at once would run one right after another, and
-- nothing else would be served in the meantime. So they start one at a time.
local SPACING = 0.001 -- seconds between two handshakes
local SPACED_MAX = 1  -- seconds that one waits for its turn
local next_handshake = 0

-- What ngx_lua says about a handshake that failed for a reason other than the certificate. (The number of an earlier
-- error may precede it.)
local OTHER_PROBLEMS = { ["handshake failed"] = true, timeout = true, closed = true }

-- Describes how to reach a tenant: domain is "host" or "host:port"; connect_to ("host:port"), max_connections and
-- keepalive_timeout (seconds) may be nil. Returns nil if connect_to is malformed.
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
    is_address = host:find "^[%d.]+$" or host:find "^%[",
    pool = pool,
    kept = max_connections or KEPT,
    idle = keepalive_timeout * MILLISECONDS,
  }
end

-- Milliseconds left until a time; at least 1, because 0 would mean the default of nginx's configuration.
local function left_until(time)
  return math.max(1, math.min(math.floor((time - nginx.now()) * MILLISECONDS), TIME_MAX))
end

-- Lets other light threads and requests run.
local function pause()
  ngx.sleep(PAUSE)
end

-- Sets the socket's timeouts to the time left until `time`.
local function limit(socket, time)
  local left = left_until(time)
  socket:settimeouts(left, left, left)
end

-- Returns nil, kind and message for a connection that failed; `part` says which part of it, "" for all.
local function no_connection(route, part, problem)
  local hint = ""
  if problem:find("no resolver", 1, true) then hint = "; set resolver in nginx.conf, or the connect_to option" end
  local message = ("%s:%d: %s%s%s"):format(route.host, route.port, part, problem, hint)
  return nil, problem == "timeout" and "connect_timeout" or "connect", message
end

-- Waits for the turn of a handshake. Returns how many seconds that took, which are not the tenant's fault.
local function space_out()
  local now = nginx.now()
  local turn = math.min(math.max(now, next_handshake), now + SPACED_MAX)
  next_handshake = turn + SPACING
  if turn <= now then return 0 end
  ngx.sleep(math.max(turn - now, SPACING))
  return nginx.now() - now
end

-- Performs the TLS handshake of a new connection, and verifies the certificate, before the deadline. The wait for its
-- turn extends the deadline, but not beyond `last`. Returns true, or nil, kind and message.
local function shake_hands(socket, route, deadline, last)
  limit(socket, math.min(deadline + space_out(), last))
  local trusted, problem = socket:sslhandshake(false, route.name, true)
  -- ngx_lua 0.10.23 returns true for an untrusted certificate if the handshake needs no wait. But it has closed the
  -- connection, which this call finds out.
  if trusted and socket:getreusedtimes() then return true end
  if trusted then problem = "not trusted; see nginx's error log" end
  local words = problem:gsub("^%d+: ", "")
  if OTHER_PROBLEMS[words] then return no_connection(route, "TLS: ", words) end
  local message = "the certificate of %s was rejected: %s (check lua_ssl_trusted_certificate)"
  return nil, "tls", message:format(route.name, words)
end

-- Whether the call stack allows a yield: a C function in between, such as string.gsub, does not. Spawning a light
-- thread there would raise too late, after nginx has started it.
local function may_spawn()
  for level = 2, math.huge do
    local frame = debug.getinfo(level, "Sf")
    if not frame then return true end
    if frame.what == "C" and frame.func ~= pcall and frame.func ~= xpcall then return false end
  end
end

-- The light thread that connects to a host name: stores the results of socket:connect in the attempt.
local function attempt_connect(attempt, socket, route)
  attempt.returned, attempt.connected, attempt.problem =
    pcall(socket.connect, socket, route.host, route.port, route.pool)
  attempt.over:post()
end

-- Connects to a host name like socket:connect, but not beyond the deadline. nginx looks a name up for as long as
-- resolver_timeout, whatever the socket's timeouts. So a separate light thread does it, and is killed when the time is
-- up.
local function connect_to_name(socket, route, deadline, held)
  local attempt = { over = semaphore.new() }
  local spawned, thread
  if may_spawn() then spawned, thread = pcall(ngx.thread.spawn, attempt_connect, attempt, socket, route) end
  -- An older nginx has phases without light threads.
  if not spawned then return socket:connect(route.host, route.port, route.pool) end
  held.connecting = attempt.over
  attempt.over:wait(left_until(deadline) / MILLISECONDS)
  held.connecting = nil
  pcall(ngx.thread.kill, thread) -- even if it has ended: until then, its parent keeps it
  if attempt.returned == nil or held.given_up then return nil, "timeout" end
  if not attempt.returned then error(attempt.connected, 0) end
  return attempt.connected, attempt.problem
end

-- Whether nothing has arrived on a kept connection, so that what arrives after a request is its response. nginx closes
-- idle connections on which something arrives, but only when it handles the event, and a busy worker has not done so
-- yet. What has arrived may also be part of TLS (session tickets): then a read returns nothing, and leaves nothing.
local function is_quiet(socket)
  if not nginx.readable(socket) then return true end
  socket:settimeouts(PEEK_TIME, PEEK_TIME, PEEK_TIME)
  local _, problem, partial = socket:receiveany(1)
  return problem == "timeout" and (partial or "") == "" and not nginx.readable(socket)
end

-- Connects, or reuses a kept connection, before the deadline.
local function connect_or_reuse(socket, route, deadline, held)
  limit(socket, deadline)
  if route.is_address then return socket:connect(route.host, route.port, route.pool) end
  -- If connections are limited, this would wait for one to become free, and then not take it.
  local kept = not route.pool.backlog and socket:connect(NO_HOST, route.port, route.pool)
  if kept then return kept end
  return connect_to_name(socket, route, deadline, held)
end

-- Makes the socket connected and trusted. Returns true, or nil, kind and message.
local function connect(socket, route, request, start, held)
  local deadline = start + request.connect_timeout
  -- If connections are limited, this also waits for one to become free, which is not the tenant's fault.
  local last = route.pool.backlog and start + request.timeout or deadline
  if not nginx.shows_descriptors then pause() end -- afterwards nginx has handled the events of idle connections
  local connected, problem = connect_or_reuse(socket, route, last, held)
  while connected and socket:getreusedtimes() > 0 do
    if is_quiet(socket) then return true end
    socket:close()
    connected, problem = connect_or_reuse(socket, route, last, held)
  end
  if not connected then return no_connection(route, "", problem) end
  if route.pool.backlog then deadline = math.min(nginx.now() + request.connect_timeout, start + request.timeout) end
  return shake_hands(socket, route, deadline, start + request.timeout)
end

-- Sends all bytes before the deadline. Returns true, or nil and the reason.
local function send(socket, bytes, deadline)
  for from = 1, #bytes, PIECE_MAX do
    if nginx.now() >= deadline then return nil, "timeout" end
    limit(socket, deadline)
    local sent, problem = socket:send(bytes:sub(from, from + PIECE_MAX - 1))
    if not sent then return nil, problem end
  end
  return true
end

-- Returns the kind and the message for a broken connection.
local function failure_of(problem)
  if problem == "timeout" then return "timeout", "the request timed out" end
  return "transport", "the connection was lost: " .. problem
end

-- Returns a function for http1.read, which returns what arrives before the deadline. The deadline is that of the whole
-- response, so that one that drips does not last forever.
local function receiver(socket, deadline)
  return function()
    if nginx.now() >= deadline then return nil, failure_of "timeout" end
    limit(socket, deadline)
    local piece, problem, rest = socket:receiveany(PIECE_MAX)
    piece = piece or (rest ~= "" and rest)
    if piece then return piece end
    if problem == "closed" then return nil, "closed" end
    return nil, failure_of(problem)
  end
end

-- Keeps a connection for the next request, or closes it.
local function put_away(socket, route, reusable)
  local kept = reusable and route.idle > 0 and socket:setkeepalive(route.idle, route.kept)
  if not kept then socket:close() end
end

-- Performs a request of call:next. Returns the argument for call:feed; or nil, a kind of call:fail and a message. The
-- socket is stored in `held.socket`. During a name lookup, `held.connecting` is a semaphore; to end the lookup, set
-- `held.given_up` and post to it.
function cosocket.exchange(route, request, held)
  local start = nginx.now()
  local deadline = start + request.timeout
  local socket = ngx.socket.tcp()
  held.socket = socket
  local connected, kind, message = connect(socket, route, request, start, held)
  if not connected then
    socket:close()
    return nil, kind, message
  end
  local sent, problem = send(socket, http1.write(request), deadline)
  -- A server that rejects a request may respond before it has read all of it, and close the connection. So there may be
  -- a response.
  local response, reusable_or_kind, why = http1.read(receiver(socket, deadline), pause)
  put_away(socket, route, sent and response and reusable_or_kind)
  if response then return response end
  if not sent then return nil, failure_of(problem) end
  return nil, reusable_or_kind, why
end

return cosocket
