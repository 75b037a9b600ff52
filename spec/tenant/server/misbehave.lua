-- What each kind of fault does to the client.
--
-- On HTTP/1.1 each is what its name says on the wire. HTTP/2 has no place for bytes outside of frames and
-- closes streams, not connections: there the kinds that cut an answer off end in an RST_STREAM.

local answer = require "server.answer"
local faults = require "server.faults"
local json = require "server.json"
local problem = require "server.problem"

local misbehave = {}

misbehave.DELAY = 1              -- seconds
local STALL = 3600               -- seconds
local DRIP_INTERVAL = 0.05       -- seconds between bytes
misbehave.EARLY_STATUS = 503
local HUGE_BODY = 9 * 1024 * 1024  -- bytes
local HUGE_HEADER = 100 * 1024   -- bytes
local CHUNK = 64 * 1024          -- bytes of a huge body that are written at once
-- What was written must have reached the client before an RST overtakes it.
local SETTLE = 0.02              -- seconds

-- Kinds whose request is answered in full, if strangely: the operation is always performed.
misbehave.COMPLETE = { delay = true, drip = true, informational = true }

-- Kinds that show a part of the answer: a GET is performed to have one.
misbehave.PARTIAL = { reset_during = true, truncated = true, truncated_json = true, stall = true }

local list_shape = json.shape("permissions", "start", "limit", "total")

-- How a kind may ask to end the connection, as statuses for ngx.exit: with an RST in place of everything that was
-- not sent yet (reset_timedout_connection covers 444), or in order, whatever the headers promised.
local RESET, CLOSE = 444, ngx.ERROR
misbehave.RESET = RESET

-- The answer to cut: the real one if it has a body, else one that has.
local function something_to_cut(reply)
  if reply and reply.body and reply.status < 300 then
    return { status = reply.status, headers = reply.headers, body = answer.text(reply) }
  end
  local body = list_shape { permissions = json.array(), start = 0, limit = 50, total = 0 }
  return { status = 200, headers = reply and reply.headers, body = json.encode(body) }
end

-- Sends the headers, with the true length, and the first half of the body.
local function send_half(reply)
  local text = reply.body
  answer.start(reply, #text)
  ngx.print(text:sub(1, math.max(1, math.floor(#text / 2))))
  ngx.flush(true)
end

-- The connection itself, for bytes that are not nginx's; nil on HTTP/2. nginx closes it afterwards.
local function raw_connection()
  return ngx.req.http_version() < 2 and ngx.req.socket(true) or nil
end

-- Each answers the current request and returns RESET, CLOSE, or nothing when nginx shall end it as usual.
local kinds = {}

function kinds.status(fault, reply)
  if fault.status == 204 then
    return answer.send({ status = 204, headers = fault.headers })
  end
  local body = fault.body
  if body == nil then
    body = fault.status == 429 and problem.too_many_requests().body or problem.plain(fault.status).body
  end
  return answer.send({ status = fault.status, headers = fault.headers or (reply and reply.headers), body = body })
end

function kinds.delay(fault, reply)
  if fault.applied and not faults.sleep(fault.seconds or misbehave.DELAY) then
    return RESET
  end
  return answer.send(reply)
end

function kinds.reset_before()
  return RESET
end

-- With the connection taken over and nothing written to it, nginx closes it with TLS's own goodbye.
function kinds.close_before()
  if not raw_connection() then
    return CLOSE
  end
end

function kinds.reset_during(_, reply)
  send_half(something_to_cut(reply))
  ngx.sleep(SETTLE)
  return RESET
end

function kinds.truncated(_, reply)
  send_half(something_to_cut(reply))
  return CLOSE
end

function kinds.truncated_json(_, reply)
  local whole = something_to_cut(reply)
  whole.body = whole.body:sub(1, math.max(1, math.floor(#whole.body / 2)))
  return answer.send(whole)
end

function kinds.garbage()
  local connection = raw_connection()
  if not connection then
    return CLOSE
  end
  connection:send("\0\1\2 this is no HTTP\r\n\r\n\255\254\r\n")
end

function kinds.html(fault)
  local status = fault.status or 502
  local title = ("%d: %s"):format(status, problem.reason(status))
  return answer.send({
    status = status,
    headers = { ["Content-Type"] = "text/html; charset=UTF-8", Server = "cloudflare" },
    body = ("<!DOCTYPE html>\n<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n</body>\n</html>\n")
      :format(title, title),
  })
end

-- Valid JSON all the same: white space and an empty array.
function kinds.huge(fault)
  local left = math.max(2, fault.bytes or HUGE_BODY)
  answer.start({ status = 200 }, not fault.chunked and left)
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

-- One header of that many bytes, or so many headers that together have them.
function kinds.huge_header(fault)
  local bytes, count = fault.bytes or HUGE_HEADER, fault.headers or 1
  local headers = {}
  for index = 1, count do
    headers["X-Huge-" .. index] = ("x"):rep(math.ceil(bytes / count))
  end
  return answer.send({ status = 200, headers = headers, body = json.array() })
end

function kinds.stall(fault, reply)
  send_half(something_to_cut(reply))
  return faults.sleep(fault.seconds or STALL) and CLOSE or RESET
end

function kinds.drip(fault, reply)
  local text = answer.text(reply)
  answer.start(reply, #text)
  for index = 1, #text do
    if not ngx.print(text:sub(index, index)) or not ngx.flush(true) then
      return CLOSE
    end
    ngx.sleep(fault.interval or DRIP_INTERVAL)
  end
end

function kinds.redirect(fault)
  return answer.send({
    status = fault.status or 302,
    headers = { Location = fault.location or "https://localhost/elsewhere" },
    body = {},
  })
end

-- Called before the request's body was read. The location @early has no keep-alive: nginx answers, swallows what
-- still comes of the body, and closes.
function kinds.early(fault)
  ngx.var.early_status = fault.status or misbehave.EARLY_STATUS
  return ngx.exec("@early")
end

-- The content of @early.
function misbehave.answer_early()
  return answer.send(problem.plain(tonumber(ngx.var.early_status)))
end

function kinds.informational(fault, reply)
  local connection = raw_connection()
  if not connection then
    return answer.send(reply)
  end
  local status = fault.status or 103
  connection:send(("HTTP/1.1 %d Informational\r\nX-Informational: yes\r\n\r\n"):format(status))
  connection:send(answer.bytes(reply))
end

-- Answers the current request as the fault says; `reply` is the real answer, if the operation was performed.
-- Returns the status for ngx.exit that ends the connection as the fault says, or nil.
function misbehave.perform(fault, reply)
  return kinds[fault.kind](fault, reply)
end

return misbehave
