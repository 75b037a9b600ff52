-- Access tokens that all workers of an nginx share, in a lua_shared_dict: the token, which the dictionary drops when it
-- expires, and a lease for the one call that fetches the next. The lease is short, and is renewed as long as that call
-- is active. So a worker that dies delays the others by two seconds, and a call that ends early by less.

local nginx = require "auth0perm.openresty.nginx"

local LEASE = 2  -- seconds during which nobody else fetches
local BEAT = 0.5 -- seconds between two renewals, while its call is active
local GRACE = 5  -- seconds beyond the time for its step after which a call counts as inactive

local TIME_MIN = 0.001 -- seconds: less would round to 0, which means forever

local token_dict = {}
token_dict.__index = token_dict

local Lease = {}
Lease.__index = Lease

local leases = 0 -- made by this worker, so that no two have the same owner

-- The tokens in a dictionary for the application that a client's options name; nil if nginx has no such dictionary.
function token_dict.open(name, options)
  local dict = ngx.shared[name]
  if not dict then return nil end
  local audience = options.audience or ""
  local key = ("%s %d %s %s"):format(options.domain, #options.client_id, options.client_id, audience)
  return setmetatable({ dict = dict, name = name, key = "token " .. key, lock = "lock " .. key }, token_dict)
end

-- Returns the token and the seconds until it expires, nil if unknown; or nil if there is none.
function token_dict:get()
  local token = self.dict:get(self.key)
  local left = type(token) == "string" and self.dict:ttl(self.key)
  if not left or left < 0 then return nil end -- it expired just now, or is not ours
  return token, left > 0 and left or nil
end

-- Stores a token for the others; if there is no room, they fetch their own. The dictionary uses the system clock: if
-- that is set back, a token stays longer than it lives, and the tenant's 401 ends it.
function token_dict:set(token, expires_in)
  local kept, problem = self.dict:set(self.key, token, expires_in and math.max(expires_in, TIME_MIN) or 0)
  if kept then return end
  ngx.log(ngx.WARN, "auth0perm: lua_shared_dict ", self.name, " has no room for a token: ", problem)
end

-- Whether its call is still fetching, as far as this worker knows.
local function is_held(lease)
  local call = lease.calls[1]
  return not lease.released and call and not call:done() and nginx.now() < lease.hold_until
end

-- Renews a lease from time to time, and ends it when its call is gone. A timer does this, because it outlives the
-- request that made it.
local function guard(premature, lease)
  if premature then return end -- the worker is exiting, but the call may finish first: let the lease expire
  if not is_held(lease) then
    lease:release()
    return
  end
  local tokens = lease.tokens
  if tokens.dict:get(tokens.lock) == lease.owner then tokens.dict:expire(tokens.lock, LEASE) end
  ngx.timer.at(BEAT, guard, lease)
end

-- Returns a lease for a call that wants to fetch a token; nil while another call has one. If the dictionary is full,
-- every call gets one.
function token_dict:lease(call)
  leases = leases + 1
  local owner = ("%d %d %.3f"):format(ngx.worker.pid(), leases, ngx.now())
  local added, problem = self.dict:add(self.lock, owner, LEASE)
  if not added and problem == "exists" then return nil end
  local lease = setmetatable({ tokens = self, owner = owner, calls = setmetatable({ call }, { __mode = "v" }) }, Lease)
  lease:hold(0)
  -- Without a timer (the worker is exiting, or has too many), the lease simply expires.
  if added then ngx.timer.at(BEAT, guard, lease) end
  return lease
end

-- Says that the call is in a step that takes up to `seconds`.
function Lease:hold(seconds)
  self.hold_until = nginx.now() + seconds + GRACE
end

-- Lets others fetch. May be called more than once.
function Lease:release()
  if self.released then return end
  self.released = true
  local dict, lock = self.tokens.dict, self.tokens.lock
  if dict:get(lock) == self.owner then dict:delete(lock) end
end

return token_dict
