-- The rate limiter: a token bucket with the two refill modes that Auth0 describes, a steady drip or all at once, once a
-- second. A refused request takes nothing from the bucket.

local settings = require "server.settings"

local limiter = {}

local WINDOW = 1 -- seconds

local level       -- requests that may still pass; a fraction in drip mode
local filled_at   -- epoch seconds: the time that `level` is for (in window mode: the last refill)

-- Fills the bucket. In window mode, the next request starts the phase.
function limiter.reset()
  level, filled_at = nil, nil
end

-- The time of the last refill at or before `now`, in window mode with a given phase.
local function phase_before(now, phase)
  return math.floor(now - phase) + phase
end

local function fill(now)
  local bucket, refill = settings.get("bucket"), settings.get("refill")
  if not level then
    local phase = settings.get("mode") == "window" and settings.get("phase")
    level, filled_at = bucket, phase and phase_before(now, phase) or now
  elseif settings.get("mode") == "window" then
    local windows = math.max(0, math.floor((now - filled_at) / WINDOW))
    level, filled_at = math.min(bucket, level + windows * refill), filled_at + windows * WINDOW
  else
    level, filled_at = math.min(bucket, level + math.max(0, now - filled_at) * refill), math.max(filled_at, now)
  end
end

-- The time when the bucket will be full, in epoch seconds.
local function full_at()
  local missing = (settings.get("bucket") - level) / settings.get("refill")
  if settings.get("mode") == "window" then
    missing = math.ceil(missing) * WINDOW
  end
  return filled_at + missing
end

-- Takes one request from the bucket at `now` (epoch seconds). Returns whether it may pass, and the values of the three
-- headers: limit, remaining, and reset (the time when the bucket will be full, rounded up: measured).
function limiter.take(now)
  fill(now)
  local allowed = level >= 1
  if allowed then
    level = level - 1
  elseif not settings.get("enforce") then
    allowed, level = true, 0
  end
  return allowed, settings.get("bucket"), math.floor(level), math.ceil(full_at())
end

return limiter
