-- The desk's JSON API. The response to a success is a JSON object; to a failure, `{"error": {kind, message, ...}}` with
-- a suitable status. The kind is "desk" if the desk itself refuses the request, otherwise the module's.
--
--   GET    /api/session                      {tenant, operator, csrf_token}, and a cookie that belongs to the token
--   GET    /api/users?email=E  or  ?id=I     {users: [...]}, possibly empty
--   GET    /api/permissions?user_id=I        {permissions: [...]}, as the tenant lists them
--   GET    /api/apis                         {apis: [{identifier, name, scopes}]}, to assign from
--   DELETE /api/permissions                  {user_id, permissions: [{resource_server_identifier, permission_name}]}
--                                            with X-CSRF-Token; {done: true}
--   POST   /api/permissions                  the same, to assign

local cjson = require "cjson"
local guard = require "desk.guard"
local input = require "desk.input"
local refuse = require "desk.refuse"
local tenant = require "desk.tenant"

local api = {}

-- Encodes a list as JSON. lua-cjson cannot tell an empty list from an empty object.
local function list(items)
  return items[1] == nil and "[]" or cjson.encode(items)
end

-- Returns `{"name": [...]}` for a list, or nil and the problem if there is none.
local function named_list(name, items, problem)
  if not items then
    return nil, problem
  end
  return ('{"%s":%s}'):format(name, list(items))
end

-- Returns the operator's name, if the site knows it.
local function operator()
  local name = ngx.var.desk_operator
  return name ~= "" and name or nil
end

-- Each handler returns JSON, or nil and a problem: {status, error}.

local function session()
  return cjson.encode {
    tenant = tenant.domain,
    operator = operator(),
    csrf_token = guard.token(),
  }
end

local function find_users()
  local query, problem = input.query()
  if not query then
    return nil, problem
  elseif query.email then
    return named_list("users", tenant.users_by_email(query.email))
  elseif query.id then
    return named_list("users", tenant.users_by_id(query.id))
  end
  return refuse(400, "expected email or id")
end

local function list_permissions()
  local query, problem = input.query()
  if not query then
    return nil, problem
  elseif not query.user_id then
    return refuse(400, "expected user_id")
  end
  return named_list("permissions", tenant.permissions(query.user_id))
end

-- Logs a line for each permission: who changed it, and the outcome. In JSON, so that no text can break the line, and
-- short, because nginx cuts lines at 2048 bytes.
local function log(action, change, outcome)
  for _, permission in ipairs(change.permissions) do
    ngx.log(ngx.WARN, action, ": ", cjson.encode {
      operator = operator(),
      user_id = change.user_id,
      resource_server_identifier = permission.resource_server_identifier,
      permission_name = permission.permission_name,
      outcome = outcome,
    })
  end
end

local function list_apis()
  return named_list("apis", tenant.apis())
end

-- Returns a handler that makes the tenant "remove" or "assign".
local function changing(action)
  return function()
    local change, problem = input.change()
    if not change then
      return nil, problem
    end
    local done
    done, problem = tenant[action](change.user_id, change.permissions)
    log(action, change, done and "done" or problem.error.maybe_applied and "unknown" or problem.error.kind)
    if not done then
      return nil, problem
    end
    return '{"done":true}'
  end
end

local ROUTES = {
  ["/api/session"] = { GET = session },
  ["/api/users"] = { GET = find_users },
  ["/api/apis"] = { GET = list_apis },
  ["/api/permissions"] = { GET = list_permissions, POST = changing "assign", DELETE = changing "remove" },
}

-- Returns the handler for this request, or nil and a problem.
local function handler()
  local methods = ROUTES[ngx.var.uri]
  if not methods then
    return refuse(404, "not found")
  end
  local method = ngx.req.get_method()
  if not methods[method] then
    ngx.header.Allow = methods.POST and "GET, POST, DELETE" or "GET"
    return refuse(405, method .. " is not allowed here")
  end
  local allowed, problem = guard[method == "GET" and "may_read" or "may_change"]()
  if not allowed then
    return nil, problem
  end
  return methods[method]
end

-- Responds to the request.
function api.serve()
  local body
  local handle, problem = handler()
  if handle then
    body, problem = handle()
  end
  ngx.header["Cache-Control"] = "no-store"
  ngx.header["Content-Type"] = "application/json"
  if not body then
    ngx.status = problem.status
    body = cjson.encode { error = problem.error }
  end
  ngx.print(body)
end

return api
