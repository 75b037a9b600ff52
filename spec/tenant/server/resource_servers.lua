-- Handlers of /resource-servers: each takes a request {id, query, body} and returns a response {status, body}.

local json = require "server.json"
local paging = require "server.paging"
local problem = require "server.problem"
local store = require "server.store"

local resource_servers = {}

local MAX_SCOPES = 1000 -- of an API

local server_shape = json.shape("id", "name", "identifier", "scopes", "signing_alg", "allow_offline_access",
  "skip_consent_for_verifiable_first_party_clients", "token_lifetime", "token_lifetime_for_web")
local scope_shape = json.shape("value", "description")

-- Wraps a handler: looks up the resource server by the id or identifier in the path, and responds with 404 if there
-- is none.
local function with_server(handler)
  return function(request)
    local server = store.find_resource_server(request.id)
    if not server then
      return problem.inexistent_resource_server()
    end
    return handler(server, request)
  end
end

local function view(server)
  local scopes = json.array()
  for index, scope in ipairs(server.scopes) do
    scopes[index] = scope_shape { value = scope.value, description = scope.description }
  end
  local fields = server_shape {
    id = server.id, name = server.name, identifier = server.identifier, scopes = scopes, signing_alg = "RS256",
    allow_offline_access = false, skip_consent_for_verifiable_first_party_clients = false,
    token_lifetime = 86400, token_lifetime_for_web = 7200,
  }
  for name, value in pairs(server.options) do
    fields[name] = value
  end
  return fields
end

function resource_servers.list(request)
  local wanted = request.query.identifiers
  local list = store.in_order(store.resource_servers, wanted and function(server)
    for _, identifier in ipairs(wanted) do
      if identifier == server.identifier then
        return true
      end
    end
  end)
  for index, server in ipairs(list) do
    list[index] = view(server)
  end
  return paging.by_number(list, request.query, "resource_servers")
end

resource_servers.get = with_server(function(server)
  return { status = 200, body = view(server) }
end)

-- Recorded: 200. `scopes` replaces the whole list; everyone loses the permissions that are no longer in it.
resource_servers.update = with_server(function(server, request)
  local changes = request.body
  if changes.scopes and #changes.scopes > MAX_SCOPES then
    return problem.new(400, "No more scopes can be added to this resource server.")
  end
  for name, value in pairs(changes) do
    if name == "scopes" then
      store.set_scopes(server, value)
      store.drop_vanished_permissions(server)
    elseif name == "name" then
      server.name = value
    elseif value == json.null then
      server.options[name] = nil
    else
      server.options[name] = value
    end
  end
  return { status = 200, body = view(server) }
end)

return resource_servers
