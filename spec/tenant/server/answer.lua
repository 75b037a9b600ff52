-- Writes an answer {status, body, headers} to the client. A body is a table (JSON), text, or nil.

local json = require "server.json"
local problem = require "server.problem"

local answer = {}

local JSON_TYPE = "application/json; charset=utf-8"

-- The body as text.
function answer.text(reply)
  if type(reply.body) == "table" then
    return json.encode(reply.body)
  end
  return reply.body or ""
end

-- Sets the status and the headers; `length` is the body's, in bytes, or false for none.
function answer.start(reply, length)
  ngx.status = reply.status
  ngx.header["Content-Type"] = JSON_TYPE
  for name, value in pairs(reply.headers or {}) do
    ngx.header[name] = value
  end
  -- RFC 9110, 8.6: a 204 has no Content-Length.
  if length and reply.status ~= 204 then
    ngx.header["Content-Length"] = length
  end
end

function answer.send(reply)
  local text = answer.text(reply)
  answer.start(reply, #text)
  ngx.print(text)
end

-- The same as the bytes of a whole HTTP/1.1 answer, for a connection that is closed behind it.
function answer.bytes(reply)
  local text = answer.text(reply)
  local lines = {
    ("HTTP/1.1 %d %s"):format(reply.status, problem.reason(reply.status)),
    "Date: " .. ngx.http_time(ngx.time()),
    "Content-Type: " .. JSON_TYPE,
    "Connection: close",
  }
  if reply.status ~= 204 then
    lines[#lines + 1] = "Content-Length: " .. #text
  end
  for name, value in pairs(reply.headers or {}) do
    lines[#lines + 1] = name .. ": " .. tostring(value)
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. text
end

return answer
