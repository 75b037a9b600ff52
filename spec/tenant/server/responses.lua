-- Writes a response {status, body, headers} to the client. The body is a table (sent as JSON), a string, or nil.

local json = require "server.json"
local problem = require "server.problem"

local responses = {}

local JSON_TYPE = "application/json; charset=utf-8"

-- Returns the body as a string.
function responses.text(response)
  if type(response.body) == "table" then
    return json.encode(response.body)
  end
  return response.body or ""
end

-- Sets the status and the headers. `length` is the Content-Length in bytes, or false to send none.
function responses.start(response, length)
  ngx.status = response.status
  ngx.header["Content-Type"] = JSON_TYPE
  for name, value in pairs(response.headers or {}) do
    ngx.header[name] = value
  end
  -- RFC 9110, 8.6: a 204 has no Content-Length.
  if length and response.status ~= 204 then
    ngx.header["Content-Length"] = length
  end
end

function responses.send(response)
  local text = responses.text(response)
  responses.start(response, #text)
  ngx.print(text)
end

-- Returns the whole HTTP/1.1 response as bytes, for a connection that is closed after it.
function responses.bytes(response)
  local text = responses.text(response)
  local lines = {
    ("HTTP/1.1 %d %s"):format(response.status, problem.reason(response.status)),
    "Date: " .. ngx.http_time(ngx.time()),
    "Content-Type: " .. JSON_TYPE,
    "Connection: close",
  }
  if response.status ~= 204 then
    lines[#lines + 1] = "Content-Length: " .. #text
  end
  for name, value in pairs(response.headers or {}) do
    lines[#lines + 1] = name .. ": " .. tostring(value)
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. text
end

return responses
