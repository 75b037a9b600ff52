-- One HTTP exchange over a cosocket of OpenResty's: connects or takes a connection that was kept, proves who the tenant
-- is, sends, reads, and keeps the connection. Knows nothing of calls, but for the names of the kinds of failure.

local semaphore = require "ngx.semaphore"
local http1 = require "auth0perm.openresty.http1"
local nginx = require "auth0perm.openresty.nginx"

local cosocket = {}

local PIECE_MAX = 64 * 1024 -- bytes to read at a time, and to send
local KEPT = 64             -- idle connections that a worker keeps, where no number is given
local BACKLOG = 2 ^ 31 - 1  -- with a bound to connections, all others may wait for one
local MILLISECONDS = 1000
local TIME_MAX = 2 ^ 31 - 1 -- milliseconds that a time limit can have
local NO_HOST = ""          -- connects to nowhere; but nginx looks for a connection that was kept first
local PAUSE = 0.001         -- seconds that others get
local PEEK_TIME = 1         -- milliseconds for what has come on an idle connection to be read

-- A handshake keeps the worker busy for about a millisecond. Many that begin together would do so one right after the
-- other, and nobody else would be served meanwhile: so they begin one by one.
local SPACING = 0.001 -- seconds from one to the next
local SPACED_MAX = 1  -- seconds that one waits for its turn
local next_handshake = 0

-- What ngx_lua says of a handshake that failed for no certificate's sake. (It may put the number of an earlier failure
-- before it.)
local OTHER_PROBLEMS = { ["handshake failed"] = true, timeout = true, closed = true }

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
    is_address = host:find "^[%d.]+$" or host:find "^%[",
    pool = pool,
    kept = max_connections or KEPT,
    idle = keepalive_timeout * MILLISECONDS,
  }
end

-- Milliseconds that are left until a time; at least 1, for 0 would be the default of nginx's configuration.
local function left_until(time)
  return math.max(1, math.min(math.floor((time - nginx.now()) * MILLISECONDS), TIME_MAX))
end

-- Lets other light threads and requests run.
local function pause()
  ngx.sleep(PAUSE)
end

-- Gives every operation of the socket until then.
local function limit(socket, time)
  local left = left_until(time)
  socket:settimeouts(left, left, left)
end

-- Returns nil, kind and message of a connection that did not come about; `part` is what of it failed, "" for all.
local function no_connection(route, part, problem)
  local hint = ""
  if problem:find("no resolver", 1, true) then hint = "; set resolver in nginx.conf, or the connect_to option" end
  local message = ("%s:%d: %s%s%s"):format(route.host, route.port, part, problem, hint)
  return nil, problem == "timeout" and "connect_timeout" or "connect", message
end

-- Has a handshake wait for its turn; returns for how many seconds, which are no fault of the tenant's.
local function space_out()
  local now = nginx.now()
  local turn = math.min(math.max(now, next_handshake), now + SPACED_MAX)
  next_handshake = turn + SPACING
  if turn <= now then return 0 end
  ngx.sleep(math.max(turn - now, SPACING))
  return nginx.now() - now
end

-- Has a new connection prove until then that it leads to the tenant. The wait for its turn comes on top of that, but no
-- later than `last`. Returns true, or nil, kind and message.
local function shake_hands(socket, route, deadline, last)
  limit(socket, math.min(deadline + space_out(), last))
  local trusted, problem = socket:sslhandshake(false, route.name, true)
  -- ngx_lua 0.10.23 returns true for a certificate that it does not trust where the handshake needs no wait; but it has
  -- closed the connection, and is asked for that.
  if trusted and socket:getreusedtimes() then return true end
  if trusted then problem = "not trusted; see nginx's error log" end
  local words = problem:gsub("^%d+: ", "")
  if OTHER_PROBLEMS[words] then return no_connection(route, "TLS: ", words) end
  local message = "the certificate of %s was rejected: %s (check lua_ssl_trusted_certificate)"
  return nil, "tls", message:format(route.name, words)
end

-- Whether nothing on the way to here, such as string.gsub, forbids to yield. There spawning raises too late: nginx has
-- begun it.
local function may_spawn()
  for level = 2, math.huge do
    local frame = debug.getinfo(level, "Sf")
    if not frame then return true end
    if frame.what == "C" and frame.func ~= pcall and frame.func ~= xpcall then return false end
  end
end

-- The light thread that connects to a name: leaves in the attempt what socket:connect returned.
local function attempt_connect(attempt, socket, route)
  attempt.returned, attempt.connected, attempt.problem =
    pcall(socket.connect, socket, route.host, route.port, route.pool)
  attempt.over:post()
end

-- Does what socket:connect does for a name, but no longer than until then. nginx looks a name up for resolver_timeout,
-- whatever the limits of the socket; so a light thread of its own does it, and is killed when the time is over.
local function connect_to_name(socket, route, deadline, held)
  local attempt = { over = semaphore.new() }
  local spawned, thread
  if may_spawn() then spawned, thread = pcall(ngx.thread.spawn, attempt_connect, attempt, socket, route) end
  if not spawned then return socket:connect(route.host, route.port, route.pool) end -- an older nginx has phases without
  held.connecting = attempt.over
  attempt.over:wait(left_until(deadline) / MILLISECONDS)
  held.connecting = nil
  pcall(ngx.thread.kill, thread) -- also when it has ended: until then it stays with its parent
  if attempt.returned == nil or held.given_up then return nil, "timeout" end
  if not attempt.returned then error(attempt.connected, 0) end
  return attempt.connected, attempt.problem
end

-- Whether nothing has come on a connection that was kept, so that what comes after a request is the response to it.
-- nginx closes idle connections on which something comes, but only once it handles the event, and a worker that is busy
-- has not. What has come may also be TLS's own (session tickets): then reading gives nothing, and leaves nothing.
local function is_quiet(socket)
  if not nginx.readable(socket) then return true end
  socket:settimeouts(PEEK_TIME, PEEK_TIME, PEEK_TIME)
  local _, problem, partial = socket:receiveany(1)
  return problem == "timeout" and (partial or "") == "" and not nginx.readable(socket)
end

-- Connects, or takes a connection that was kept, until then.
local function connect_or_reuse(socket, route, deadline, held)
  limit(socket, deadline)
  if route.is_address then return socket:connect(route.host, route.port, route.pool) end
  -- With a bound to connections this would wait for one to become free, and then not take it.
  local kept = not route.pool.backlog and socket:connect(NO_HOST, route.port, route.pool)
  if kept then return kept end
  return connect_to_name(socket, route, deadline, held)
end

-- Has the socket connected and trusted. Returns true, or nil, kind and message.
local function connect(socket, route, request, start, held)
  local deadline = start + request.connect_timeout
  -- With a bound to connections this also waits for one to become free, and that is no fault of the tenant's.
  local last = route.pool.backlog and start + request.timeout or deadline
  if not nginx.shows_descriptors then pause() end -- then nginx has handled the events of idle connections
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

-- Sends everything until then. Returns true, or nil and why not.
local function send(socket, bytes, deadline)
  for from = 1, #bytes, PIECE_MAX do
    if nginx.now() >= deadline then return nil, "timeout" end
    limit(socket, deadline)
    local sent, problem = socket:send(bytes:sub(from, from + PIECE_MAX - 1))
    if not sent then return nil, problem end
  end
  return true
end

-- Returns the kind and the message of what broke a connection.
local function failure_of(problem)
  if problem == "timeout" then return "timeout", "the request timed out" end
  return "transport", "the connection was lost: " .. problem
end

-- Returns a function for http1.read: what has come, or comes until then. The time is that of the whole answer, so that
-- one which drips does not last for ever.
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

-- Performs a request, of the form that call:next gives. Returns what call:feed takes; or nil, a kind of call:fail and a
-- message. Once there is a socket, it is `held.socket`. While that connects to a name, `held.connecting` is a
-- semaphore; whoever sets `held.given_up` and posts to it ends that.
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
  -- A server that does not want the whole request answers before it has read it, and closes. So there may be an answer.
  local response, reusable_or_kind, why = http1.read(receiver(socket, deadline), pause)
  put_away(socket, route, sent and response and reusable_or_kind)
  if response then return response end
  if not sent then return nil, failure_of(problem) end
  return nil, reusable_or_kind, why
end

return cosocket
