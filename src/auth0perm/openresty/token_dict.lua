-- Access tokens that all workers of an nginx share, in a lua_shared_dict: the token, which the dictionary forgets when
-- it expires, and a lease for the one call that fetches the next. The lease is short, and renewed while that call is at
-- it; so a worker that dies holds up the others for two seconds, and a call that ends early for less.

local nginx = require "auth0perm.openresty.nginx"

local LEASE = 2  -- seconds for which nobody else fetches
local BEAT = 0.5 -- seconds after which the lease is renewed, if its call is still at it
local GRACE = 5  -- seconds, beyond the time that its step may take, after which a call is not at it any more

local TIME_MIN = 0.001 -- seconds: less would be no end at all

local token_dict = {}
token_dict.__index = token_dict

local Lease = {}
Lease.__index = Lease

local leases = 0 -- that this worker has made: no two have the same owner

-- The tokens that a dictionary has for what `options` of a client name; nil where nginx has no such dictionary.
function token_dict.open(name, options)
  local dict = ngx.shared[name]
  if not dict then return nil end
  local audience = options.audience or ""
  local key = ("%s %d %s %s"):format(options.domain, #options.client_id, options.client_id, audience)
  return setmetatable({ dict = dict, name = name, key = "token " .. key, lock = "lock " .. key }, token_dict)
end

-- Returns the token and the seconds that it lives, nil where that is not known; or nil.
function token_dict:get()
  local token = self.dict:get(self.key)
  local left = type(token) == "string" and self.dict:ttl(self.key)
  if not left or left < 0 then return nil end -- it expired just now, or is none of ours
  return token, left > 0 and left or nil
end

-- Keeps a token for the others, who fetch one themselves where there is no room for it. The dictionary goes by the
-- date: one that is set back has a token outlive its time there, and the tenant's 401 then ends it.
function token_dict:set(token, expires_in)
  local kept, problem = self.dict:set(self.key, token, expires_in and math.max(expires_in, TIME_MIN) or 0)
  if kept then return end
  ngx.log(ngx.WARN, "auth0perm: lua_shared_dict ", self.name, " has no room for a token: ", problem)
end

-- Whether its call still fetches, as far as anybody can tell.
local function is_held(lease)
  local call = lease.calls[1]
  return not lease.released and call and not call:done() and nginx.now() < lease.hold_until
end

-- Renews a lease from time to time, and ends it when its call is gone: a timer outlives the request that made it.
local function guard(premature, lease)
  if premature then return end -- the worker is ending, but perhaps not before the call: the lease's time decides
  if not is_held(lease) then
    lease:release()
    return
  end
  local tokens = lease.tokens
  if tokens.dict:get(tokens.lock) == lease.owner then tokens.dict:expire(tokens.lock, LEASE) end
  ngx.timer.at(BEAT, guard, lease)
end

-- Returns a lease for a call that wants to fetch a token; nil while somebody else has one. Without room in the
-- dictionary everybody has one.
function token_dict:lease(call)
  leases = leases + 1
  local owner = ("%d %d %.3f"):format(ngx.worker.pid(), leases, ngx.now())
  local added, problem = self.dict:add(self.lock, owner, LEASE)
  if not added and problem == "exists" then return nil end
  local lease = setmetatable({ tokens = self, owner = owner, calls = setmetatable({ call }, { __mode = "v" }) }, Lease)
  lease:hold(0)
  -- Without a timer (the worker is exiting, or has too many) the others look after the lease's time.
  if added then ngx.timer.at(BEAT, guard, lease) end
  return lease
end

-- The call is at a step that takes up to so many seconds.
function Lease:hold(seconds)
  self.hold_until = nginx.now() + seconds + GRACE
end

-- Lets others fetch. May be called again.
function Lease:release()
  if self.released then return end
  self.released = true
  local dict, lock = self.tokens.dict, self.tokens.lock
  if dict:get(lock) == self.owner then dict:delete(lock) end
end

return token_dict
