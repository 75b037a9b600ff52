-- The newest requests to the API side, and the connections that carried them.

local json = require "server.json"
local settings = require "server.settings"

local record = {}

local CAPACITY = 20000 -- requests; older ones are forgotten

local ring, newest  -- newest: how many were ever added; the newest is at (newest - 1) % CAPACITY + 1
local connections   -- serial -> { tls_version, server_name, reused_session }
local connection_count

function record.forget_requests()
  ring, newest = {}, 0
end

function record.reset()
  record.forget_requests()
  connections, connection_count = {}, 0
end

record.reset()

-- Looked up once per connection, because it is the same for all of its requests.
local function connection_of(serial)
  local connection = connections[serial]
  if not connection then
    connection = {
      tls_version = ngx.var.ssl_protocol,
      server_name = ngx.var.ssl_server_name,
      reused_session = ngx.var.ssl_session_reused == "r",
    }
    connections[serial] = connection
    connection_count = connection_count + 1
  end
  return connection
end

-- Returns the raw header block, or for HTTP/2, which has none, a table of headers.
local function headers_of_request()
  local has_block, block = pcall(ngx.req.raw_header, true)
  if has_block and block then
    return block
  end
  return ngx.req.get_headers(0, true)
end

-- Records the current request and returns its entry. The caller fills in `body` and `status` later.
function record.add()
  local serial = ngx.var.connection
  local connection = connection_of(serial)
  local entry = { uri = ngx.var.request_uri }
  if not settings.get("record") then
    return entry
  end
  entry.method = ngx.var.request_method
  entry.header_source = headers_of_request()
  entry.serial = serial
  entry.connection_requests = ngx.var.connection_requests
  entry.protocol = ngx.var.server_protocol
  entry.port = ngx.var.server_port
  entry.time = ngx.now()
  entry.connection = connection
  newest = newest + 1
  ring[(newest - 1) % CAPACITY + 1] = entry
  return entry
end

-- Returns the entry of the current request if it has one and that has no status yet, else a new one.
function record.find_or_add()
  local serial, nth = ngx.var.connection, ngx.var.connection_requests
  for number = newest, math.max(1, newest - CAPACITY + 1), -1 do
    local entry = ring[(number - 1) % CAPACITY + 1]
    if entry.serial == serial and entry.connection_requests == nth then
      return entry.status and record.add() or entry
    end
  end
  return record.add()
end

local function add_header(headers, name, value)
  local before = headers[name]
  if before == nil then
    headers[name] = value
  elseif json.is_array(before) then
    before[#before + 1] = value
  else
    headers[name] = json.array { before, value }
  end
end

-- Returns the headers by lower-case name (a repeated one as a list), and the original names in order.
local function parse_headers(source)
  if type(source) == "table" then
    return source, json.array()
  end
  local headers, names = {}, json.array()
  for name, value in source:gmatch("([^:\r\n]+):[ \t]*([^\r\n]*)\r?\n") do
    names[#names + 1] = name
    add_header(headers, name:lower(), value)
  end
  return headers, names
end

local function view(entry)
  local headers, names = parse_headers(entry.header_source)
  local path = (entry.uri or ""):match("^[^?]*")
  return {
    method = entry.method, uri = entry.uri, path_decoded = ngx.unescape_uri((path:gsub("%+", "%%2B"))),
    headers = headers, header_names = names, body = entry.body or "",
    status = entry.status, performed = entry.performed, fault = entry.fault,
    connection = tonumber(entry.serial), connection_requests = tonumber(entry.connection_requests),
    protocol = entry.protocol, port = tonumber(entry.port), time = entry.time,
    tls_version = entry.connection.tls_version, server_name = entry.connection.server_name,
    reused_session = entry.connection.reused_session,
  }
end

-- Returns all recorded requests, oldest first.
function record.requests()
  local list = json.array()
  for number = math.max(1, newest - CAPACITY + 1), newest do
    list[#list + 1] = view(ring[(number - 1) % CAPACITY + 1])
  end
  return list
end

-- Returns how many connections carried requests since the reset.
function record.connection_count()
  return connection_count
end

return record
