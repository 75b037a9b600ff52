-- Who may ask: the desk's own page, in a browser that has been given a token by this desk.
--
-- A page of another site could have a browser send requests here, too. It cannot set a header of its own, nor read what
-- the desk answers, nor say that it is of this origin: any one of these checks would do, and all of them are made.

local refuse = require "desk.refuse"

local guard = {}

local COOKIE = "permission_desk"
local SECRET_LENGTH = 32 -- hexadecimal digits

-- Some random bytes, as hexadecimal digits.
local function random(digits)
  local source = assert(io.open("/dev/urandom", "rb"))
  local bytes = assert(source:read(digits / 2))
  source:close()
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- Made before nginx forks its workers, so that all of them have the same. A page that is open while nginx restarts is
-- given a new token when it asks for one.
local key = random(64)

-- The token that belongs to a browser's secret.
local function token_of(secret)
  return ngx.encode_base64(ngx.hmac_sha1(key, secret))
end

-- Whether two texts are equal. What is compared are digests that nobody outside can foresee, so the time that it takes
-- tells nothing.
local function same(a, b)
  return ngx.hmac_sha1(key, a) == ngx.hmac_sha1(key, b)
end

-- The secret in this browser's cookie, or nil.
local function secret_of_browser()
  local secret = ngx.var["cookie_" .. COOKIE]
  return secret and #secret == SECRET_LENGTH and secret:find "^%x+$" and secret or nil
end

-- The token that this browser's page sends with each change; gives the browser a secret where it has none.
function guard.token()
  local secret = secret_of_browser()
  if not secret then
    secret = random(SECRET_LENGTH)
    local secure = ngx.var.desk_origin:find "^https:" and "; Secure" or ""
    ngx.header["Set-Cookie"] = ("%s=%s; Path=/; HttpOnly; SameSite=Strict%s"):format(COOKIE, secret, secure)
  end
  return token_of(secret)
end

-- Whether a request that changes nothing is the page's own, or one by hand: true, or nil and a refusal.
function guard.may_read()
  local site = ngx.var.http_sec_fetch_site -- absent where there is no browser, or an old one
  if site and site ~= "same-origin" and site ~= "none" then
    return refuse(403, "this request comes from another site", "foreign_site")
  end
  return true
end

-- Whether a request that changes something is the page's own: true, or nil and a refusal.
function guard.may_change()
  local site = ngx.var.http_sec_fetch_site
  if (site and site ~= "same-origin") or ngx.var.http_origin ~= ngx.var.desk_origin then
    return refuse(403, "this request does not come from the desk's own page", "foreign_site")
  end
  local secret, given = secret_of_browser(), ngx.var.http_x_csrf_token
  if not secret or not given or not same(given, token_of(secret)) then
    return refuse(403, "the token of this page is missing or too old; load the page again", "csrf_token")
  end
  return true
end

return guard
