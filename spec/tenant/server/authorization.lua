-- The API's checks of the Authorization header, in the API's order.

local json = require "server.json"
local problem = require "server.problem"
local tokens = require "server.tokens"

local authorization = {}

local attributes = json.shape("error")

local function unauthorized(message)
  return problem.new(401, message, nil, attributes { error = message },
    { ["WWW-Authenticate"] = ('Bearer error="%s"'):format(message) })
end

-- Recorded: a token that is not a JWT gets a 400, not a 401.
local function bad_format()
  return problem.new(400, "Bad HTTP authentication header format", "Bearer")
end

local function missing()
  return problem.new(401, "Missing authentication", nil, nil, { ["WWW-Authenticate"] = "Bearer" })
end

-- Returns the token in the header, or nil and the refusal.
function authorization.token(header_value)
  if not header_value then
    return nil, missing()
  end
  local scheme, text = header_value:match("^(%S+)%s+(%S+)$")
  if not scheme then
    return nil, bad_format()
  elseif scheme:lower() ~= "bearer" then
    return nil, missing()
  end
  local token = tokens.find(text)
  if not text:find("^[%w_-]+%.[%w_-]+%.[%w_-]+$") then
    return nil, bad_format()
  elseif not token then
    return nil, unauthorized("Invalid token")
  elseif token.expires_at <= ngx.now() then
    return nil, unauthorized("Expired token received for JSON Web Token validation")
  elseif not tokens.is_own_audience(token.audience) then
    return nil, unauthorized("Bad audience: " .. token.audience)
  end
  return token
end

-- Returns the refusal if the token has none of the scopes (with `all`: if it lacks any of them), else nil.
function authorization.scope_refusal(token, scopes, all)
  local held = 0
  for _, scope in ipairs(scopes) do
    held = held + (token.scopes[scope] and 1 or 0)
  end
  if held >= (all and #scopes or 1) then
    return nil
  end
  return problem.new(403, ("Insufficient scope, expected %s of: %s"):format(all and "all" or "any",
    table.concat(scopes, ", ")), "insufficient_scope")
end

return authorization
