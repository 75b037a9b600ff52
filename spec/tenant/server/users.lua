-- Handlers of /users: each takes a request {id, query, body} and returns a response {status, body, headers}.

local grants = require "server.grants"
local json = require "server.json"
local paging = require "server.paging"
local permissions = require "server.permissions"
local problem = require "server.problem"
local store = require "server.store"

local users = {}

local MAX_ROLES = 50 -- of a user

local user_shape = json.shape("created_at", "email", "email_verified", "identities", "name", "nickname", "picture",
  "updated_at", "user_id")
local identity_shape = json.shape("user_id", "provider", "connection", "isSocial")
local source_shape = json.shape("source_id", "source_name", "source_type")
local role_shape = json.shape("id", "name", "description")

-- Wraps a handler: looks up the user by the id in the path, and responds with 404 if there is none.
local function with_user(handler)
  return function(request)
    local user = store.users[request.id]
    if not user then
      return problem.inexistent_user()
    end
    return handler(user, request)
  end
end

local function profile(user)
  local provider, id = user.user_id:match("^([^|]+)|(.+)$")
  return user_shape {
    created_at = user.created_at,
    email = user.email,
    email_verified = user.email and true or nil,
    identities = json.array { identity_shape {
      user_id = id, provider = provider, isSocial = provider ~= "auth0",
      connection = provider == "auth0" and "Username-Password-Authentication" or provider,
    } },
    name = user.name,
    nickname = (user.email or user.name):match("^[^@]*"),
    picture = "https://cdn.auth0.com/avatars/default.png",
    updated_at = user.updated_at,
    user_id = user.user_id,
  }
end

-- Returns the object with only the fields that `fields` lists (comma-separated), or without them if `include_fields`
-- is false.
local function selected(object, query)
  if not query.fields or query.fields == "" then
    return object
  end
  local named = {}
  for field in query.fields:gmatch("[^,%s]+") do
    named[field] = true
  end
  local include = query.include_fields ~= false
  local result = user_shape {}
  for field, value in pairs(object) do
    if (named[field] == true) == include then
      result[field] = value
    end
  end
  return result
end

users.get = with_user(function(user, request)
  return { status = 200, body = selected(profile(user), request.query) }
end)

function users.by_email(request)
  local found = json.array()
  for index, user in ipairs(store.users_by_email[request.query.email] or {}) do
    found[index] = selected(profile(user), request.query)
  end
  return { status = 200, body = found }
end

local function roles_of(user)
  return store.in_order(store.roles, function(role) return user.roles[role.id] end)
end

-- Calls visit(identifier, name) for each direct permission of the user, and visit(identifier, name, role) for each
-- permission of each of their roles.
local function each_permission(user, visit)
  grants.each(user.direct, visit)
  for _, role in ipairs(roles_of(user)) do
    grants.each(role.permissions, function(identifier, name)
      visit(identifier, name, role)
    end)
  end
end

-- Returns the user's permissions, sorted. new_source(sources, role or nil) adds each origin to an entry's `sources`.
local function list_permissions(user, new_source)
  local entries, entry_of = {}, {}
  each_permission(user, function(identifier, name, role)
    local key = identifier .. "\0" .. name
    local entry = entry_of[key]
    if not entry then
      entry = permissions.entry(identifier, name)
      if not entry then
        return
      end
      entry.sources = json.array()
      entry_of[key] = entry
      entries[#entries + 1] = entry
    end
    new_source(entry.sources, role)
  end)
  return permissions.sort(entries)
end

local function add_full_source(sources, role)
  sources[#sources + 1] = source_shape {
    source_id = role and role.id or "",
    source_name = role and role.name or "",
    source_type = role and "ROLE" or "DIRECT",
  }
end

-- Effective permissions name each kind of source once: "direct", "roles".
local function add_kind_of_source(sources, role)
  local kind = role and "roles" or "direct"
  if sources[#sources] ~= kind then
    sources[#sources + 1] = kind
  end
end

users.list_permissions = with_user(function(user, request)
  return paging.by_number(list_permissions(user, add_full_source), request.query, "permissions")
end)

users.assign_permissions = with_user(function(user, request)
  return permissions.assign(user.direct, request.body.permissions, "user")
end)

users.remove_permissions = with_user(function(user, request)
  return permissions.remove(user.direct, request.body.permissions)
end)

users.list_effective_permissions = with_user(function(user, request)
  local wanted = request.query.resource_server_identifier
  if not store.resource_servers[wanted] then
    return problem.inexistent_resource_server()
  end
  local found = {}
  for _, entry in ipairs(list_permissions(user, add_kind_of_source)) do
    if entry.resource_server_identifier == wanted then
      found[#found + 1] = entry
    end
  end
  return paging.by_checkpoint(found, request.query, "permissions")
end)

users.list_roles = with_user(function(user, request)
  local list = roles_of(user)
  for index, role in ipairs(list) do
    list[index] = role_shape { id = role.id, name = role.name, description = role.description }
  end
  return paging.by_number(list, request.query, "roles")
end)

users.assign_roles = with_user(function(user, request)
  local count = #roles_of(user)
  for _, id in ipairs(request.body.roles) do
    if not store.roles[id] then
      return problem.inexistent_role()
    end
    count = count + (user.roles[id] and 0 or 1)
  end
  if count > MAX_ROLES then
    return problem.new(400, "No more roles can be assigned to this user.")
  end
  for _, id in ipairs(request.body.roles) do
    user.roles[id] = true
  end
  return { status = 204 }
end)

users.remove_roles = with_user(function(user, request)
  for _, id in ipairs(request.body.roles) do
    user.roles[id] = nil
  end
  return { status = 204 }
end)

return users
