-- The API side: what happens to each request, from its first byte to the response.

local authorization = require "server.authorization"
local faults = require "server.faults"
local json = require "server.json"
local limiter = require "server.limiter"
local misbehave = require "server.misbehave"
local problem = require "server.problem"
local query = require "server.query"
local record = require "server.record"
local responses = require "server.responses"
local router = require "server.router"
local schema = require "server.schema"
local settings = require "server.settings"

local api = {}

-- The API accepts JSON only; a body without a Content-Type counts as JSON.
local function body_refusal(request, rules)
  local kind = request.content_type
  if kind and not kind:lower():find("^application/json") then
    return problem.plain(415)
  end
  local body = nil
  if request.raw_body:find("%S") then
    body = json.decode(request.raw_body)
    if body == nil then
      return problem.new(400, "Invalid request payload JSON format", "invalid_body")
    end
  end
  request.body = body
  return schema.refusal(rules, body, "Payload", "invalid_body")
end

-- Checks path, query and body, in the API's order. Returns the refusal, or nil.
local function input_refusal(row, request)
  local refusal = row.id and schema.refusal(row.id, { id = request.id }, "Path", "invalid_uri")
  if refusal then
    return refusal
  end
  request.query, refusal = query.parse(request.query_string, row.query or {})
  return refusal or (row.body and body_refusal(request, row.body))
end

local function rate_limit_headers(limit, remaining, reset)
  return { ["x-ratelimit-limit"] = limit, ["x-ratelimit-remaining"] = remaining, ["x-ratelimit-reset"] = reset }
end

-- Checks authentication, scopes and rate limit. Returns the refusal, or nil and the rate limit headers.
local function admission(row)
  local token, refusal = authorization.token(ngx.var.http_authorization)
  refusal = refusal or authorization.scope_refusal(token, row.scopes, row.all_scopes)
  if refusal then
    return refusal
  end
  local allowed, limit, remaining, reset = limiter.take(ngx.now())
  local headers = rate_limit_headers(limit, remaining, reset)
  if allowed then
    return nil, headers
  end
  refusal = problem.too_many_requests()
  refusal.headers = headers
  headers["Retry-After"] = settings.get("retry_after") or nil
  return refusal
end

-- Performs the requested operation and returns the response.
local function perform(request)
  local row, segment = router.find(request.method, request.path)
  if not row then
    return problem.plain(404)
  elseif not row.scopes then
    return row.handler(request)
  end
  local refusal, headers = admission(row)
  if refusal then
    return refusal
  end
  -- In a path, a plus sign does not stand for a space.
  request.id = segment and ngx.unescape_uri((segment:gsub("%+", "%%2B")))
  local response = input_refusal(row, request) or row.handler(request)
  -- Recorded: every 2xx carries the rate limit headers; 400, 401 and 404 carry none.
  if response.status < 300 then
    response.headers = headers
  end
  return response
end

local function current_request(uri)
  ngx.req.read_body()
  local path, query_string = uri:match("^([^?]*)%??(.*)$")
  return {
    method = ngx.req.get_method(),
    path = path,
    query_string = query_string,
    raw_body = ngx.req.get_body_data() or "",
    content_type = ngx.var.http_content_type,
  }
end

-- Responds to a request that matched a fault.
local function perform_with_fault(fault, request, entry)
  local kind = fault.kind
  if kind == "delay" and not fault.applied and not faults.sleep(fault.seconds or misbehave.DELAY) then
    return ngx.exit(misbehave.RESET)
  end
  local response
  if fault.applied or misbehave.COMPLETE[kind] or (misbehave.PARTIAL[kind] and request.method == "GET") then
    response = perform(request)
    entry.performed = response.status
  end
  local ending = misbehave.perform(fault, response)
  if ending then
    return ngx.exit(ending)
  end
  -- nginx does not see what was written to the raw connection.
  if misbehave.COMPLETE[kind] then
    entry.status = response.status
  elseif ngx.headers_sent and ngx.status > 0 then
    entry.status = ngx.status
  end
end

-- Responds to the current request.
function api.serve()
  local entry = record.add()
  local fault = faults.take(ngx.req.get_method(), entry.uri)
  if fault then
    entry.fault = fault.kind
    if fault.kind == "early" then
      entry.status = fault.status or misbehave.EARLY_STATUS
      return misbehave.perform(fault)
    end
  end
  local request = current_request(entry.uri)
  entry.body = request.raw_body
  if settings.get("latency") > 0 then
    ngx.sleep(settings.get("latency"))
  end
  if fault then
    return perform_with_fault(fault, request, entry)
  end
  local response = perform(request)
  entry.performed, entry.status = response.status, response.status
  return responses.send(response)
end

-- Gives nginx's own refusals (a body that is too large, a malformed URI) the form of the API's errors.
function api.refuse()
  -- A body without a Content-Length turns out to be too large only while it is read: by then the request is recorded.
  local entry = record.find_or_add()
  local status = ngx.status
  -- nginx turns every method into GET for an error page.
  entry.method = (ngx.var.request or ""):match("^%S+")
  entry.status = status
  local response = problem.plain(status)
  if status == 413 then
    response = problem.new(413, "Payload content length greater than maximum allowed: 1048576")
  end
  return responses.send(response)
end

return api
