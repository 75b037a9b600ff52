-- The access tokens that the tenant has issued. They look like JWTs but are only compared as strings: no signature is
-- verified, so a spec can make any string a token.

local json = require "server.json"

local tokens = {}

local ALL_SCOPES = table.concat({
  "read:users", "update:users", "create:users", "delete:users",
  "read:roles", "create:roles", "update:roles", "delete:roles",
  "read:role_members", "create:role_members", "delete:role_members",
  "read:resource_servers", "create:resource_servers", "update:resource_servers", "delete:resource_servers",
  "read:user_effective_permissions",
}, " ")

local DAY = 86400 -- seconds; the lifetime of a Management API token

-- The hosts whose `https://{host}/api/v2/` is this tenant's audience, on any port. The last two are for clients that
-- connect here under another domain name.
local HOSTS = { ["localhost"] = true, ["127.0.0.1"] = true, ["tenant.test"] = true, ["acme.eu.auth0.com"] = true }

local issued      -- text -> { scopes, scope, audience, expires_at }
local standing    -- the token that `run` hands out; stays valid after a reset
local domain      -- host:port of the tenant

function tokens.start(tenant_domain)
  domain = tenant_domain
  issued = {}
  standing = tokens.issue({})
end

function tokens.standing()
  return standing
end

function tokens.domain()
  return domain
end

-- Forgets every token but the standing one.
function tokens.reset()
  issued = { [standing] = issued[standing] }
end

local function base64url(bytes)
  return (ngx.encode_base64(bytes, true):gsub("[+/]", { ["+"] = "-", ["/"] = "_" }))
end

local serial = 0

-- Returns text that looks like a signature and differs from token to token.
local function signature()
  serial = serial + 1
  local parts = {}
  for index = 1, 12 do
    parts[index] = ngx.sha1_bin(table.concat({ domain, serial, index, math.random() }, " "))
  end
  return base64url(table.concat(parts))
end

local header = json.shape("alg", "typ", "kid")
local payload = json.shape("iss", "sub", "aud", "iat", "exp", "scope", "gty", "azp")

local function new_text(token, client_id, now)
  local claims = payload {
    iss = "https://" .. domain .. "/", sub = client_id .. "@clients", aud = token.audience,
    iat = math.floor(now), exp = math.floor(token.expires_at), scope = token.scope,
    gty = "client-credentials", azp = client_id,
  }
  return table.concat({
    base64url(json.encode(header { alg = "RS256", typ = "JWT", kid = "mock-tenant" })),
    base64url(json.encode(claims)),
    signature(),
  }, ".")
end

-- Issues a token and returns its text and its entry. All members of `wanted` are optional: scope ("read:users
-- update:users"; default: all), expires_in (seconds, may be negative), audience, token (the text), client_id.
function tokens.issue(wanted)
  local now = ngx.now()
  local token = {
    scope = wanted.scope or ALL_SCOPES,
    audience = wanted.audience or "https://" .. domain .. "/api/v2/",
    expires_at = now + (wanted.expires_in or DAY),
    scopes = {},
  }
  for scope in token.scope:gmatch("%S+") do
    token.scopes[scope] = true
  end
  local text = wanted.token or new_text(token, wanted.client_id or "mock-tenant", now)
  issued[text] = token
  return text, token
end

function tokens.find(text)
  return issued[text]
end

-- Returns whether this is the Management API's audience. The trailing slash is required.
function tokens.is_own_audience(audience)
  local host = audience:match("^https://([^/:]+):?%d*/api/v2/$")
  return host ~= nil and HOSTS[host] ~= nil
end

return tokens
