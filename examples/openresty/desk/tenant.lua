-- The tenant: which one, and what the desk asks of it. Nothing here blocks a worker.

local auth0perm = require "auth0perm.openresty"

local tenant = {}

local TIMEOUT = 30 -- seconds: as long as somebody at a page waits
local USER_FIELDS = "user_id,email,email_verified,name,nickname,blocked,last_login"

-- A setting from the environment; nginx does not start without those that are needed.
local function setting(name, needed)
  local value = os.getenv(name)
  if value == "" then
    value = nil
  end
  if needed and not value then
    error(name .. " is not set", 0)
  end
  return value
end

local options = {
  domain = setting("AUTH0_DOMAIN", true),
  client_id = setting("AUTH0_CLIENT_ID", true),
  client_secret = setting("AUTH0_CLIENT_SECRET", true),
  audience = setting "AUTH0_AUDIENCE",
  connect_to = setting "AUTH0_CONNECT_TO",
  token_dict = "auth0perm",
  timeout = TIMEOUT,
}

tenant.domain = options.domain

local client

-- The client of this worker, made when it is first needed.
local function connected()
  client = client or assert(auth0perm.new(options))
  return client
end

local STATUS_OF = { invalid = 400, limit = 503, timeout = 504 }

-- An error of the module as an answer. Only these members leave; none of them ever holds a secret.
local function failure(err)
  return nil, {
    status = err.status == 404 and 404 or STATUS_OF[err.kind] or 502,
    error = {
      kind = err.kind,
      operation = err.operation,
      status = err.status,
      code = err.code,
      message = err.message,
      attempts = err.attempts,
      retry_after = err.retry_after,
      maybe_applied = err.maybe_applied,
    },
  }
end

-- Passes on what a method returned: its value, or nil and an answer that tells its error.
local function answer(value, err)
  if value == nil then
    return failure(err)
  end
  return value
end

-- The user with this id in a list, or an empty list where there is none.
function tenant.users_by_id(user_id)
  local user, err = connected():get_user(user_id, { fields = USER_FIELDS, include_fields = true })
  if user then
    return { user }
  elseif err.code == "inexistent_user" then
    return {}
  end
  return failure(err)
end

function tenant.users_by_email(email)
  return answer(connected():list_users_by_email(email, { fields = USER_FIELDS, include_fields = true }))
end

function tenant.permissions(user_id)
  return answer(connected():list_user_permissions(user_id))
end

-- The APIs and their permissions, as `{identifier, name, scopes}`. Not as they come: an API has secrets too.
function tenant.apis()
  local servers, err = connected():list_resource_servers()
  if not servers then
    return failure(err)
  end
  local apis = {}
  for _, server in ipairs(servers) do
    if type(server) == "table" and server.is_system ~= true then -- no user can hold permissions of the Management API
      local scopes = type(server.scopes) == "table" and server.scopes or {}
      apis[#apis + 1] = { identifier = server.identifier, name = server.name, scopes = scopes[1] and scopes }
    end
  end
  return apis
end

-- Each of these sends all of the list with one request: either the tenant takes it whole, or not at all.

function tenant.remove(user_id, permissions)
  return answer(connected():remove_user_permissions(user_id, permissions))
end

function tenant.assign(user_id, permissions)
  return answer(connected():assign_user_permissions(user_id, permissions))
end

return tenant
