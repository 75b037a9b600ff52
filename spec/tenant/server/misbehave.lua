-- What each kind of fault does to the client.
--
-- On HTTP/1.1 each kind does on the wire what its name says. HTTP/2 has no room for bytes outside frames, and closes
-- streams instead of connections: there the kinds that cut a response off end the stream with RST_STREAM.

local faults = require "server.faults"
local json = require "server.json"
local problem = require "server.problem"
local responses = require "server.responses"

local misbehave = {}

misbehave.DELAY = 1              -- seconds
local STALL = 3600               -- seconds
local DRIP_INTERVAL = 0.05       -- seconds between bytes
misbehave.EARLY_STATUS = 503
local HUGE_BODY = 9 * 1024 * 1024  -- bytes
local HUGE_HEADER = 100 * 1024   -- bytes
local CHUNK = 64 * 1024          -- bytes: how much of a huge body is written at once
-- Seconds between the last write and the RST, which could otherwise overtake the data.
local SETTLE = 0.02

-- Kinds that send the complete response, only strangely: the operation is always performed.
misbehave.COMPLETE = { delay = true, drip = true, informational = true }

-- Kinds that send part of the response: a GET is performed so that there is one.
misbehave.PARTIAL = { reset_during = true, truncated = true, truncated_json = true, stall = true }

local list_shape = json.shape("permissions", "start", "limit", "total")

-- How a kind ends the connection, as statuses for ngx.exit. RESET: with an RST, dropping what was not sent yet
-- (reset_timedout_connection covers 444). CLOSE: with an orderly close, even if the body is incomplete.
local RESET, CLOSE = 444, ngx.ERROR
misbehave.RESET = RESET

-- Returns the response to cut: the real one if it has a body, else one with a body.
local function something_to_cut(response)
  if response and response.body and response.status < 300 then
    return { status = response.status, headers = response.headers, body = responses.text(response) }
  end
  local body = list_shape { permissions = json.array(), start = 0, limit = 50, total = 0 }
  return { status = 200, headers = response and response.headers, body = json.encode(body) }
end

-- Sends the headers, with the full Content-Length, and the first half of the body.
local function send_half(response)
  local text = response.body
  responses.start(response, #text)
  ngx.print(text:sub(1, math.max(1, math.floor(#text / 2))))
  ngx.flush(true)
end

-- Returns the raw connection, for bytes that nginx would not send; nil on HTTP/2. nginx closes it afterwards.
local function raw_connection()
  return ngx.req.http_version() < 2 and ngx.req.socket(true) or nil
end

-- Each handles the current request and returns RESET, CLOSE, or nothing if nginx is to end the request as usual.
local kinds = {}

function kinds.status(fault, response)
  if fault.status == 204 then
    return responses.send({ status = 204, headers = fault.headers })
  end
  local body = fault.body
  if body == nil then
    body = fault.status == 429 and problem.too_many_requests().body or problem.plain(fault.status).body
  end
  local headers = fault.headers or (response and response.headers)
  return responses.send({ status = fault.status, headers = headers, body = body })
end

function kinds.delay(fault, response)
  if fault.applied and not faults.sleep(fault.seconds or misbehave.DELAY) then
    return RESET
  end
  return responses.send(response)
end

function kinds.reset_before()
  return RESET
end

-- nginx closes a raw connection that nothing was written to with a TLS close_notify.
function kinds.close_before()
  if not raw_connection() then
    return CLOSE
  end
end

function kinds.reset_during(_, response)
  send_half(something_to_cut(response))
  ngx.sleep(SETTLE)
  return RESET
end

function kinds.truncated(_, response)
  send_half(something_to_cut(response))
  return CLOSE
end

function kinds.truncated_json(_, response)
  local whole = something_to_cut(response)
  whole.body = whole.body:sub(1, math.max(1, math.floor(#whole.body / 2)))
  return responses.send(whole)
end

function kinds.garbage()
  local connection = raw_connection()
  if not connection then
    return CLOSE
  end
  connection:send("\0\1\2 this is not HTTP\r\n\r\n\255\254\r\n")
end

function kinds.html(fault)
  local status = fault.status or 502
  local title = ("%d: %s"):format(status, problem.reason(status))
  return responses.send({
    status = status,
    headers = { ["Content-Type"] = "text/html; charset=UTF-8", Server = "cloudflare" },
    body = ("<!DOCTYPE html>\n<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n</body>\n</html>\n")
      :format(title, title),
  })
end

-- The body is valid JSON: white space and an empty array.
function kinds.huge(fault)
  local left = math.max(2, fault.bytes or HUGE_BODY)
  responses.start({ status = 200 }, not fault.chunked and left)
  local spaces = (" "):rep(CHUNK)
  while left > 2 do
    local size = math.min(CHUNK, left - 2)
    if not ngx.print(size == CHUNK and spaces or spaces:sub(1, size)) or not ngx.flush(true) then
      return CLOSE
    end
    left = left - size
  end
  ngx.print("[]")
end

-- One header of `bytes` bytes, or `headers` headers that add up to them.
function kinds.huge_header(fault)
  local bytes, count = fault.bytes or HUGE_HEADER, fault.headers or 1
  local headers = {}
  for index = 1, count do
    headers["X-Huge-" .. index] = ("x"):rep(math.ceil(bytes / count))
  end
  return responses.send({ status = 200, headers = headers, body = json.array() })
end

function kinds.stall(fault, response)
  send_half(something_to_cut(response))
  return faults.sleep(fault.seconds or STALL) and CLOSE or RESET
end

function kinds.drip(fault, response)
  local text = responses.text(response)
  responses.start(response, #text)
  for index = 1, #text do
    if not ngx.print(text:sub(index, index)) or not ngx.flush(true) then
      return CLOSE
    end
    ngx.sleep(fault.interval or DRIP_INTERVAL)
  end
end

function kinds.redirect(fault)
  return responses.send({
    status = fault.status or 302,
    headers = { Location = fault.location or "https://localhost/elsewhere" },
    body = {},
  })
end

-- Called before the request's body was read. The location @early has no keep-alive: nginx responds, discards the rest
-- of the body, and closes the connection.
function kinds.early(fault)
  ngx.var.early_status = fault.status or misbehave.EARLY_STATUS
  return ngx.exec("@early")
end

-- The content of @early.
function misbehave.respond_early()
  return responses.send(problem.plain(tonumber(ngx.var.early_status)))
end

function kinds.informational(fault, response)
  local connection = raw_connection()
  if not connection then
    return responses.send(response)
  end
  local status = fault.status or 103
  connection:send(("HTTP/1.1 %d Informational\r\nX-Informational: yes\r\n\r\n"):format(status))
  connection:send(responses.bytes(response))
end

-- Handles the current request as the fault says. `response` is the real response, if the operation was performed.
-- Returns a status for ngx.exit that ends the connection, or nil.
function misbehave.perform(fault, response)
  return kinds[fault.kind](fault, response)
end

return misbehave
