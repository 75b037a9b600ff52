-- HTTP/1.1 framing (RFC 9112), for drivers that have just a stream of bytes: writes a request as text, and reads one
-- response, whole or not at all. It does not know sockets: a function returns the bytes.
--
-- A server must not be able to keep the caller busy: each step takes time in proportion to the bytes that it consumes,
-- and reading pauses now and then. So no pattern here has repetitions that can divide the same text in several ways,
-- such as ".-[ \t]*$".

local http1 = {}

local HEAD_MAX = 64 * 1024       -- bytes of all headers, including those of 1xx responses and trailers
local BODY_MAX = 8 * 1024 * 1024 -- bytes of a body
local ALL_MAX = 2 * BODY_MAX     -- bytes in total: chunks have lines of their own
local CHUNK_LINE_MAX = 4096      -- bytes of a chunk's header line
local DIGITS_MAX = 12            -- of a length: a number holds that many
local INFORMATIONAL_MAX = 16     -- 1xx responses before the final one
local STEPS_MAX = 1024           -- lines and pieces consumed between two pauses

-- A stream may read a multiple of this many bytes at a time. If a response ends exactly there, more may have arrived
-- that is not seen yet, and would be mistaken for the response to the next request.
local BLOCK = 1024

local CR = 13

local TOKEN = "^[%w!#$%%&'*+%-.^_`|~]+$" -- RFC 9110, section 5.6.2

-- The class of errors that are raised in this file and caught in `read`.
local Failure = {}

-- Raises a failure; `kind` is one of call:fail.
local function fail(kind, message)
  error(setmetatable({ kind = kind, message = message }, Failure), 0)
end

-- Returns a request as sent over the connection. The URL is absolute, and names the host.
function http1.write(request)
  local authority, target = request.url:match "^https://([^/]+)(/.*)$"
  local lines = { ("%s %s HTTP/1.1"):format(request.method, target), "Host: " .. authority }
  for name, value in pairs(request.headers) do
    lines[#lines + 1] = name .. ": " .. value
  end
  if request.body or request.method ~= "GET" then
    lines[#lines + 1] = "Content-Length: " .. #(request.body or "")
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (request.body or "")
end

-- Lets others run from time to time: a stream whose next piece is always available would never wait.
local function count_step(stream)
  stream.steps = stream.steps + 1
  if stream.steps < STEPS_MAX then return end
  stream.steps = 0
  stream.pause()
end

-- Appends one more piece of the stream to the few bytes left in the buffer; false at the end of the stream.
local function fill(stream)
  count_step(stream)
  local piece, kind, message = stream.receive()
  if not piece then
    if kind == "closed" then return false end
    fail(kind, message)
  end
  stream.received = stream.received + #piece
  if stream.received > ALL_MAX then fail("protocol", "the response is larger than 16 MiB") end
  stream.buffer = stream.buffer:sub(stream.at) .. piece
  stream.at = 1
  return true
end

-- The same, but the end of the stream is a failure.
local function fill_more(stream)
  if not fill(stream) then
    fail("transport", stream.received == 0 and "the connection was closed before a response arrived"
      or "the connection was closed in the middle of the response")
  end
end

-- How many bytes have arrived and were not consumed yet.
local function waiting(stream)
  return #stream.buffer - stream.at + 1
end

-- Consumes `length` of them, or as many as there are.
local function take(stream, length)
  local bytes = stream.buffer:sub(stream.at, stream.at + length - 1)
  stream.at = stream.at + #bytes
  return bytes
end

-- Returns a line without the CR LF, or LF, at its end.
local function without_end(line)
  return line:sub(1, line:byte(-2) == CR and -3 or -2)
end

-- Returns a text from `first` on, without the spaces and tabs around it.
local function trim(text, first)
  first = text:find("[^ \t]", first)
  return first and text:sub(first, text:match("^.*[^ \t]()", first) - 1) or ""
end

-- Consumes a line; returns it without its line end, and its length with it. `refusal` is the message if it is longer
-- than `max` bytes. The line may arrive in many pieces; each is scanned once.
local function take_line(stream, max, refusal)
  local pieces, length = {}, 0
  count_step(stream)
  while true do
    local last = stream.buffer:find("\n", stream.at, true)
    local piece = take(stream, last and last - stream.at + 1 or waiting(stream))
    length = length + #piece
    if length > max then fail("protocol", refusal) end
    pieces[#pieces + 1] = piece
    if last then return without_end(table.concat(pieces)), length end
    fill_more(stream)
  end
end

-- Consumes a header line; the headers share one limit.
local function take_head_line(stream)
  local line, length = take_line(stream, stream.head_left, "the response headers are larger than 64 KiB")
  stream.head_left = stream.head_left - length
  return line
end

-- Consumes the status line; returns the minor version and the status.
local function take_status(stream)
  while waiting(stream) < 5 do fill_more(stream) end
  if stream.buffer:sub(stream.at, stream.at + 4) ~= "HTTP/" then fail("protocol", "the response is not HTTP") end
  local line = take_head_line(stream)
  local minor, status, rest = line:match "^HTTP/1%.(%d) (%d%d%d)(.?)"
  if not status or (rest ~= "" and rest ~= " ") or status < "100" then
    fail("protocol", "malformed status line in the response")
  end
  return tonumber(minor), tonumber(status)
end

-- Consumes header lines up to the empty one; returns lists of values under lower-case names.
local function take_headers(stream)
  local headers = {}
  while true do
    local line = take_head_line(stream)
    if line == "" then return headers end
    local colon = line:find(":", 1, true)
    local name = colon and line:sub(1, colon - 1):lower()
    if not name or not name:find(TOKEN) or line:find "[%z\r]" then
      fail("protocol", "malformed header line in the response")
    end
    local value = trim(line, colon + 1)
    headers[name] = headers[name] or {}
    table.insert(headers[name], value)
  end
end

-- The value of Content-Length, or nil. Several values must agree (RFC 9112, section 6.3).
local function length_of(headers)
  if not headers["content-length"] then return nil end
  local length
  for part in (table.concat(headers["content-length"], ",") .. ","):gmatch "([^,]*)," do
    local digits = trim(part)
    if not digits:find "^%d+$" then fail("protocol", "invalid Content-Length in the response") end
    digits = digits:match "^0*(.*)$"
    local value = #digits > DIGITS_MAX and math.huge or tonumber("0" .. digits)
    if length and length ~= value then fail("protocol", "conflicting Content-Length values in the response") end
    length = value
  end
  return length
end

local function check_size(size)
  if size > BODY_MAX then fail("protocol", "the response body is larger than 8 MiB") end
end

-- Moves `length` bytes of the stream to the pieces of a body.
local function move(stream, length, pieces)
  while length > 0 do
    if waiting(stream) == 0 then fill_more(stream) end
    local piece = take(stream, length)
    length = length - #piece
    pieces[#pieces + 1] = piece
  end
end

-- Consumes a chunked body and its trailers.
local function take_chunks(stream, pieces)
  local size = 0
  while true do
    local line = take_line(stream, CHUNK_LINE_MAX, "a chunk header in the response is too long")
    local digits = line:match "^(%x+)[ \t]*$" or line:match "^(%x+)[ \t]*;"
    local length = digits and (#digits > DIGITS_MAX and math.huge or tonumber(digits, 16))
    if not length then fail("protocol", "invalid chunk length in the response") end
    if length == 0 then break end
    size = size + length
    check_size(size)
    move(stream, length, pieces)
    if take_line(stream, 2, "a chunk of the response is longer than its stated length") ~= "" then
      fail("protocol", "a chunk of the response is longer than its stated length")
    end
  end
  take_headers(stream)
end

-- Consumes everything up to the end of the stream.
local function take_rest(stream, pieces)
  local size = 0
  repeat
    local piece = take(stream, waiting(stream))
    size = size + #piece
    check_size(size)
    pieces[#pieces + 1] = piece
  until not fill(stream)
end

-- Consumes the body that the headers announce; returns it, and whether its end was marked.
local function take_body(stream, status, headers)
  local coding, length = headers["transfer-encoding"], length_of(headers)
  if status == 204 or status == 304 then return "", not coding and (length or 0) == 0 end
  local pieces = {}
  if coding and length then fail("protocol", "the response has both Content-Length and Transfer-Encoding") end
  if coding then
    if table.concat(coding, ","):lower() ~= "chunked" then
      fail("protocol", "unsupported Transfer-Encoding in the response")
    end
    take_chunks(stream, pieces)
  elseif length then
    check_size(length)
    move(stream, length, pieces)
  else
    take_rest(stream, pieces)
  end
  return table.concat(pieces), (coding or length) ~= nil
end

-- Whether the connection may carry another request after this response.
local function stays_open(stream, minor, headers)
  local options = "," .. table.concat(headers.connection or {}, ","):lower():gsub("[ \t]", "") .. ","
  return minor >= 1 and not options:find(",close,", 1, true) and waiting(stream) == 0 and stream.received % BLOCK ~= 0
end

-- Reads the final response, skipping 1xx responses.
local function take_response(stream)
  for _ = 0, INFORMATIONAL_MAX do
    local minor, status = take_status(stream)
    local headers = take_headers(stream)
    if status == 101 then fail("protocol", "unexpected status 101 (Switching Protocols)") end
    if status >= 200 then
      local body, marked = take_body(stream, status, headers)
      return { status = status, headers = headers, body = body }, marked and stays_open(stream, minor, headers)
    end
  end
  fail("protocol", "too many 1xx responses")
end

-- Reads one response. `receive` returns the next piece of the stream, or nil, a kind of call:fail and a message; the
-- kind "closed" means a clean end. `pause` is called from time to time, and lets others run. Returns the argument for
-- call:feed, and whether the connection may be reused; or nil, kind and message.
function http1.read(receive, pause)
  local stream = {
    receive = receive, pause = pause, steps = 0, buffer = "", at = 1, received = 0, head_left = HEAD_MAX,
  }
  local ok, response, reusable = pcall(take_response, stream)
  if ok then return response, reusable end
  if getmetatable(response) == Failure then return nil, response.kind, response.message end
  error(response, 0)
end

return http1
