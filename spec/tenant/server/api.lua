-- The API side: what happens to each request, from its first byte to its answer.

local answer = require "server.answer"
local authorization = require "server.authorization"
local faults = require "server.faults"
local json = require "server.json"
local limiter = require "server.limiter"
local misbehave = require "server.misbehave"
local problem = require "server.problem"
local query = require "server.query"
local record = require "server.record"
local router = require "server.router"
local schema = require "server.schema"
local settings = require "server.settings"

local api = {}

-- The API speaks JSON; a body without a type is taken for it.
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

-- The checks of path, query and body, in the API's order; returns the refusal, or nil.
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

-- Authentication, scopes, rate limit; returns the refusal, or nil and the limiter's headers.
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

-- Performs the operation that the request asks for; returns the answer.
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
  -- A plus sign in a path is itself.
  request.id = segment and ngx.unescape_uri((segment:gsub("%+", "%%2B")))
  local reply = input_refusal(row, request) or row.handler(request)
  -- Recorded: every 2xx tells the limits, and no refusal does.
  if reply.status < 300 then
    reply.headers = headers
  end
  return reply
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

-- Answers a request that a fault was meant for.
local function perform_with_fault(fault, request, entry)
  local kind = fault.kind
  if kind == "delay" and not fault.applied and not faults.sleep(fault.seconds or misbehave.DELAY) then
    return ngx.exit(misbehave.RESET)
  end
  local reply
  if fault.applied or misbehave.COMPLETE[kind] or (misbehave.PARTIAL[kind] and request.method == "GET") then
    reply = perform(request)
    entry.performed = reply.status
  end
  local ending = misbehave.perform(fault, reply)
  if ending then
    return ngx.exit(ending)
  end
  -- Of bytes on the bare connection nginx knows nothing.
  if misbehave.COMPLETE[kind] then
    entry.status = reply.status
  elseif ngx.headers_sent and ngx.status > 0 then
    entry.status = ngx.status
  end
end

-- Answers the current request.
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
  local reply = perform(request)
  entry.performed, entry.status = reply.status, reply.status
  return answer.send(reply)
end

-- Puts what nginx refused by itself (a body too large, a malformed URI) into the API's shape.
function api.refuse()
  -- A body without a length is found too large only while it is read: the request is on the record by then.
  local entry = record.find_or_add()
  local status = ngx.status
  -- On the way to an error page nginx makes every method a GET.
  entry.method = (ngx.var.request or ""):match("^%S+")
  entry.status = status
  local reply = problem.plain(status)
  if status == 413 then
    reply = problem.new(413, "Payload content length greater than maximum allowed: 1048576")
  end
  return answer.send(reply)
end

return api
