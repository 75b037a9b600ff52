-- The settings that the control side can change while the tenant runs.

local settings = {}

local DEFAULTS = {
  page_cap = false, -- entries; no page is longer than this, whatever the client asks for
  latency = 0,      -- seconds; delays each API response
  record = true,    -- whether requests are recorded
  bucket = 50,      -- requests; the size of the rate limiter's bucket (as for an enterprise production tenant)
  refill = 16,      -- requests per second
  mode = "drip",    -- "drip", or "window": all at once, once a second
  phase = false,    -- [0, 1): when in each second window mode refills; false: at the time of the first request
  enforce = false,  -- whether the limiter refuses requests
  retry_after = false, -- the Retry-After header of the limiter's 429 (seconds or a date)
}

local function is_boolean(value) return type(value) == "boolean" end
local function is_positive(value) return type(value) == "number" and value > 0 end
local function is_count(value) return is_positive(value) and value % 1 == 0 end

local CHECKS = {
  page_cap = function(value) return value == false or is_count(value) end,
  latency = function(value) return type(value) == "number" and value >= 0 end,
  record = is_boolean,
  bucket = is_count,
  refill = is_positive,
  mode = function(value) return value == "drip" or value == "window" end,
  phase = function(value) return value == false or (type(value) == "number" and value >= 0 and value < 1) end,
  enforce = is_boolean,
  retry_after = function(value) return value == false or type(value) == "number" or type(value) == "string" end,
}

local current

function settings.reset()
  current = {}
  for name, value in pairs(DEFAULTS) do
    current[name] = value
  end
end

settings.reset()

function settings.get(name)
  return current[name]
end

function settings.all()
  return current
end

-- Applies `changes`. If one is unknown or invalid, applies none and returns nil and a message.
function settings.change(changes)
  for name, value in pairs(changes) do
    if not CHECKS[name] then
      return nil, "unknown setting: " .. tostring(name)
    elseif not CHECKS[name](value) then
      return nil, ("setting %s cannot be %s"):format(name, tostring(value))
    end
  end
  for name, value in pairs(changes) do
    current[name] = value
  end
  return true
end

return settings
