-- The tenant and the desk's requests to it. Nothing here blocks a worker.

local auth0perm = require "auth0perm.openresty"

local tenant = {}

local TIMEOUT = 30 -- seconds; somebody is waiting at the page
local USER_FIELDS = "user_id,email,email_verified,name,nickname,blocked,last_login"

-- Returns a setting from the environment. nginx does not start without the required ones.
local function setting(name, required)
  local value = os.getenv(name)
  if value == "" then
    value = nil
  end
  if required and not value then
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

-- Returns this worker's client, which is made when first used.
local function connected()
  client = client or assert(auth0perm.new(options))
  return client
end

local STATUS_OF = { invalid = 400, limit = 503, timeout = 504 }

-- Returns nil and a response for an error of the module. Only these members are sent; none of them ever contains a
-- secret.
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

-- Returns a method's value, or nil and a response that reports its error.
local function result(value, err)
  if value == nil then
    return failure(err)
  end
  return value
end

-- Returns a list with the user of this id, or an empty list if there is none.
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
  return result(connected():list_users_by_email(email, { fields = USER_FIELDS, include_fields = true }))
end

function tenant.permissions(user_id)
  return result(connected():list_user_permissions(user_id))
end

-- Returns the APIs and their permissions, as `{identifier, name, scopes}`. Other members of an API may be secret.
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

-- These send the whole list in one request: the tenant applies all of it or nothing.

function tenant.remove(user_id, permissions)
  return result(connected():remove_user_permissions(user_id, permissions))
end

function tenant.assign(user_id, permissions)
  return result(connected():assign_user_permissions(user_id, permissions))
end

return tenant
