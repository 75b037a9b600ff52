-- The tenant's data: users, roles, resource servers (APIs) and clients.

local grants = require "server.grants"

local store = {}

function store.reset()
  store.users = {}            -- user_id -> user
  store.users_by_email = {}   -- email -> list of users
  store.roles = {}            -- id -> role
  store.resource_servers = {} -- identifier -> resource server
  store.resource_server_ids = {} -- id -> resource server
  store.clients = {}          -- client_id -> client
  store.serial = 0            -- for new ids and for the order of lists
end

store.reset()

local function next_serial()
  store.serial = store.serial + 1
  return store.serial
end

local function timestamp()
  return os.date("!%Y-%m-%dT%H:%M:%S.000Z")
end

-- Returns the user with this id, which is created if needed.
local function user_with_id(id)
  local user = store.users[id]
  if not user then
    user = { serial = next_serial(), user_id = id, direct = grants.new(), roles = {}, created_at = timestamp() }
    store.users[id] = user
  end
  return user
end

local function set_email(user, email)
  user.email = email
  local same = store.users_by_email[email] or {}
  store.users_by_email[email] = same
  same[#same + 1] = user
end

-- Adds or updates a user: {user_id, email?, name?, permissions?, roles?}.
function store.put_user(fields)
  local user = user_with_id(fields.user_id)
  user.name = fields.name or user.name or fields.email or user.user_id
  user.updated_at = timestamp()
  if fields.email and fields.email ~= user.email then
    set_email(user, fields.email)
  end
  for _, permission in ipairs(fields.permissions or {}) do
    grants.add(user.direct, permission.resource_server_identifier, permission.permission_name)
  end
  for _, id in ipairs(fields.roles or {}) do
    user.roles[id] = true
  end
  return user
end

-- Adds or updates a role: {id?, name, description?, permissions?}.
function store.put_role(fields)
  local serial = next_serial()
  local id = fields.id or ("rol_%016d"):format(serial)
  local role = store.roles[id] or { serial = serial, id = id, permissions = grants.new() }
  store.roles[id] = role
  role.name = fields.name or role.name or id
  role.description = fields.description or role.description
  for _, permission in ipairs(fields.permissions or {}) do
    grants.add(role.permissions, permission.resource_server_identifier, permission.permission_name)
  end
  return role
end

function store.remove_role(role)
  store.roles[role.id] = nil
  for _, user in pairs(store.users) do
    user.roles[role.id] = nil
  end
end

-- Replaces the scopes of an API: a list of {value, description?} or of names.
function store.set_scopes(server, scopes)
  server.scopes, server.scope_of = {}, {}
  for index, scope in ipairs(scopes) do
    local entry = type(scope) == "string" and { value = scope } or scope
    server.scopes[index] = entry
    server.scope_of[entry.value] = entry
  end
end

-- Removes permissions that no longer exist from all users and roles.
function store.drop_vanished_permissions(server)
  local function clean(set)
    for name in pairs(set.apis[server.identifier] or {}) do
      if not server.scope_of[name] then
        grants.remove(set, server.identifier, name)
      end
    end
  end
  for _, user in pairs(store.users) do
    clean(user.direct)
  end
  for _, role in pairs(store.roles) do
    clean(role.permissions)
  end
end

-- Adds or updates an API: {identifier, name?, id?, scopes?}.
function store.put_resource_server(fields)
  local server = store.resource_servers[fields.identifier]
  if not server then
    local serial = next_serial()
    -- The API's ids have 24 hexadecimal digits; permissions are named by its identifier instead.
    local id = fields.id or ("%024x"):format(serial)
    server = { serial = serial, id = id, identifier = fields.identifier, options = {} }
    store.set_scopes(server, {})
    store.resource_servers[server.identifier] = server
    store.resource_server_ids[server.id] = server
  end
  server.name = fields.name or server.name or fields.identifier
  if fields.scopes then
    store.set_scopes(server, fields.scopes)
  end
  return server
end

function store.find_resource_server(id_or_identifier)
  return store.resource_servers[id_or_identifier] or store.resource_server_ids[id_or_identifier]
end

-- Returns the scope {value, description} and its API, or nil if there is no such permission.
function store.find_permission(identifier, name)
  local server = store.resource_servers[identifier]
  local scope = server and server.scope_of[name]
  if scope then
    return scope, server
  end
end

-- Returns the values of `things`, or those that `wanted` accepts, in the order in which they were added.
function store.in_order(things, wanted)
  local list = {}
  for _, thing in pairs(things) do
    if not wanted or wanted(thing) then
      list[#list + 1] = thing
    end
  end
  table.sort(list, function(a, b) return a.serial < b.serial end)
  return list
end

return store
