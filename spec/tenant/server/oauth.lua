-- POST /oauth/token: client credentials with a client secret. Errors are {"error","error_description"}.

local json = require "server.json"
local store = require "server.store"
local tokens = require "server.tokens"

local oauth = {}

local error_shape = json.shape("error", "error_description")
local token_shape = json.shape("access_token", "scope", "expires_in", "token_type")

local function refusal(status, code, description)
  return { status = status, body = error_shape { error = code, error_description = description } }
end

-- Returns the parameters from a form or JSON body, or nil if it is neither.
local function parameters(request)
  local text = request.raw_body
  if (request.content_type or ""):find("^application/x%-www%-form%-urlencoded") then
    return ngx.decode_args(text, 0)
  end
  local decoded = json.decode(text)
  return json.is_object(decoded) and decoded or nil
end

local function missing_parameter(given)
  for _, name in ipairs { "grant_type", "client_id", "audience" } do
    if type(given[name]) ~= "string" then
      return name
    end
  end
end

-- Returns the refusal for wrong credentials or a wrong audience, or nil.
local function grant_refusal(given, client)
  if not client or client.client_secret ~= given.client_secret then
    return refusal(401, "access_denied", "Unauthorized")
  elseif client.unauthorized then
    return refusal(403, "unauthorized_client", "Grant type 'client_credentials' not allowed for the client.")
  elseif not tokens.is_own_audience(given.audience) then
    return refusal(403, "access_denied", "Service not enabled within domain: " .. given.audience)
  elseif client.scope == false then
    return refusal(403, "access_denied", ('Client is not authorized to access "%s". You need to create a '
      .. '"client-grant" associated to this API.'):format(given.audience))
  end
end

function oauth.token(request)
  local given = parameters(request)
  if not given then
    return refusal(400, "invalid_request", "Invalid request payload JSON format")
  end
  local name = missing_parameter(given)
  if name then
    return refusal(400, "invalid_request", "Missing required parameter: " .. name)
  elseif given.grant_type ~= "client_credentials" then
    return refusal(403, "unsupported_grant_type", "Unsupported grant type: " .. given.grant_type)
  end
  local client = store.clients[given.client_id]
  local refused = grant_refusal(given, client)
  if refused then
    return refused
  end
  local text, token = tokens.issue({
    scope = client.scope, audience = given.audience, expires_in = client.expires_in, client_id = client.client_id,
  })
  return {
    status = 200,
    headers = { ["Cache-Control"] = "no-store", Pragma = "no-cache" },
    body = token_shape {
      access_token = text, scope = token.scope, expires_in = client.expires_in or 86400, token_type = "Bearer",
    },
  }
end

return oauth
