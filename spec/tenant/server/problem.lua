-- The API's error responses: `{"statusCode":N,"error":"<reason phrase>","message":"...","errorCode":"..."}`;
-- errorCode is often absent.

local json = require "server.json"

local problem = {}

local shape = json.shape("statusCode", "error", "message", "attributes", "errorCode")

local REASONS = {
  [200] = "OK", [201] = "Created", [204] = "No Content",
  [400] = "Bad Request", [401] = "Unauthorized", [402] = "Payment Required", [403] = "Forbidden", [404] = "Not Found",
  [405] = "Method Not Allowed", [408] = "Request Time-out", [409] = "Conflict", [413] = "Request Entity Too Large",
  [414] = "Request-URI Too Large", [415] = "Unsupported Media Type", [422] = "Unprocessable Entity",
  [429] = "Too Many Requests", [500] = "Internal Server Error", [501] = "Not Implemented", [502] = "Bad Gateway",
  [503] = "Service Unavailable", [504] = "Gateway Time-out",
}

function problem.reason(status)
  return REASONS[status] or "Unknown"
end

-- Returns an error response. `code` (the errorCode), `attributes` and `headers` may be nil.
function problem.new(status, message, code, attributes, headers)
  return {
    status = status,
    headers = headers,
    body = shape {
      statusCode = status, error = problem.reason(status), message = message, attributes = attributes, errorCode = code,
    },
  }
end

-- Returns an error response with the reason phrase as its message, like the API's 404 for an unknown path.
function problem.plain(status)
  return problem.new(status, problem.reason(status))
end

function problem.too_many_requests()
  return problem.new(429, "Global limit has been reached", "too_many_requests")
end

function problem.inexistent_user()
  return problem.new(404, "The user does not exist.", "inexistent_user")
end

-- Recorded: no errorCode.
function problem.inexistent_role()
  return problem.new(404, "The role does not exist.")
end

function problem.inexistent_resource_server()
  return problem.new(404, "The resource server does not exist", "inexistent_resource_server")
end

function problem.inexistent_permission(identifier, name)
  return problem.new(404, ("This permission does not exist: '%s - %s'"):format(identifier, name),
    "inexistent_resource_server_permission")
end

return problem
