-- Handlers of /roles: each takes a request {id, query, body} and returns a response {status, body, headers}.

local grants = require "server.grants"
local json = require "server.json"
local paging = require "server.paging"
local permissions = require "server.permissions"
local problem = require "server.problem"
local store = require "server.store"

local roles = {}

local role_shape = json.shape("id", "name", "description")
local member_shape = json.shape("user_id", "email", "picture", "name")

-- Wraps a handler: looks up the role by the id in the path, and responds with 404 if there is none.
local function with_role(handler)
  return function(request)
    local role = store.roles[request.id]
    if not role then
      return problem.inexistent_role()
    end
    return handler(role, request)
  end
end

local function view(role)
  return role_shape { id = role.id, name = role.name, description = role.description }
end

local function is_name_taken(name, except)
  for _, role in pairs(store.roles) do
    if role ~= except and role.name == name then
      return true
    end
  end
  return false
end

local function name_conflict()
  return problem.new(409, "The role already exists.")
end

function roles.list(request)
  local filter = (request.query.name_filter or ""):lower()
  local found = store.in_order(store.roles, function(role)
    return role.name:lower():find(filter, 1, true)
  end)
  for index, role in ipairs(found) do
    found[index] = view(role)
  end
  return paging.by_number(found, request.query, "roles")
end

function roles.create(request)
  if is_name_taken(request.body.name) then
    return name_conflict()
  end
  local role = store.put_role({ name = request.body.name, description = request.body.description })
  return { status = 200, body = view(role) }
end

roles.get = with_role(function(role)
  return { status = 200, body = view(role) }
end)

roles.update = with_role(function(role, request)
  if is_name_taken(request.body.name, role) then
    return name_conflict()
  end
  role.name = request.body.name or role.name
  role.description = request.body.description or role.description
  return { status = 200, body = view(role) }
end)

-- Recorded: 200 with an empty object.
roles.remove = with_role(function(role)
  store.remove_role(role)
  return { status = 200, body = {} }
end)

roles.list_permissions = with_role(function(role, request)
  local entries = {}
  grants.each(role.permissions, function(identifier, name)
    entries[#entries + 1] = permissions.entry(identifier, name)
  end)
  return paging.by_number(permissions.sort(entries), request.query, "permissions")
end)

roles.assign_permissions = with_role(function(role, request)
  return permissions.assign(role.permissions, request.body.permissions, "role")
end)

roles.remove_permissions = with_role(function(role, request)
  return permissions.remove(role.permissions, request.body.permissions)
end)

-- Recorded: with `take`, paging is by checkpoint even if include_totals and per_page are given.
roles.list_users = with_role(function(role, request)
  local members = store.in_order(store.users, function(user) return user.roles[role.id] end)
  for index, user in ipairs(members) do
    members[index] = member_shape {
      user_id = user.user_id, email = user.email, name = user.name,
      picture = "https://cdn.auth0.com/avatars/default.png",
    }
  end
  if request.query.take or request.query.from then
    return paging.by_checkpoint(members, request.query, "users")
  end
  return paging.by_number(members, request.query, "users")
end)

roles.assign_users = with_role(function(role, request)
  for _, id in ipairs(request.body.users) do
    if not store.users[id] then
      return problem.inexistent_user()
    end
  end
  for _, id in ipairs(request.body.users) do
    store.users[id].roles[role.id] = true
  end
  return { status = 200, body = {} }
end)

return roles
