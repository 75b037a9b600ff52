-- Decides which requests are allowed: those of the desk's own page, in a browser that has a token from this desk.
--
-- A page of another site can make a browser send requests here, too. But it cannot set headers of its own, read the
-- desk's responses, or pretend to have this origin. Any one of these checks would be enough; the desk makes all of
-- them.

local refuse = require "desk.refuse"

local guard = {}

local COOKIE = "permission_desk"
local SECRET_LENGTH = 32 -- hexadecimal digits

-- Returns random bytes as hexadecimal digits.
local function random(digits)
  local source = assert(io.open("/dev/urandom", "rb"))
  local bytes = assert(source:read(digits / 2))
  source:close()
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- Made before nginx forks its workers, so that all of them have the same key. A page that stays open while nginx
-- restarts gets a new token when it asks for one.
local key = random(64)

-- Returns the token that belongs to a browser's secret.
local function token_of(secret)
  return ngx.encode_base64(ngx.hmac_sha1(key, secret))
end

-- Whether two texts are equal. Compares digests that an attacker cannot predict, so the time that it takes reveals
-- nothing.
local function same(a, b)
  return ngx.hmac_sha1(key, a) == ngx.hmac_sha1(key, b)
end

-- Returns the secret in this browser's cookie, or nil.
local function secret_of_browser()
  local secret = ngx.var["cookie_" .. COOKIE]
  return secret and #secret == SECRET_LENGTH and secret:find "^%x+$" and secret or nil
end

-- Returns the token that this browser's page must send with each change. Gives the browser a secret if it has none.
function guard.token()
  local secret = secret_of_browser()
  if not secret then
    secret = random(SECRET_LENGTH)
    local secure = ngx.var.desk_origin:find "^https:" and "; Secure" or ""
    ngx.header["Set-Cookie"] = ("%s=%s; Path=/; HttpOnly; SameSite=Strict%s"):format(COOKIE, secret, secure)
  end
  return token_of(secret)
end

-- Returns true if a request that changes nothing comes from the page or was made by hand, else nil and a refusal.
function guard.may_read()
  local site = ngx.var.http_sec_fetch_site -- absent without a browser, or with an old one
  if site and site ~= "same-origin" and site ~= "none" then
    return refuse(403, "this request comes from another site", "foreign_site")
  end
  return true
end

-- Returns true if a request that changes something comes from the page, else nil and a refusal.
function guard.may_change()
  local site = ngx.var.http_sec_fetch_site
  if (site and site ~= "same-origin") or ngx.var.http_origin ~= ngx.var.desk_origin then
    return refuse(403, "this request does not come from the desk's own page", "foreign_site")
  end
  local secret, given = secret_of_browser(), ngx.var.http_x_csrf_token
  if not secret or not given or not same(given, token_of(secret)) then
    return refuse(403, "the token of this page is missing or out of date; reload the page", "csrf_token")
  end
  return true
end

return guard
