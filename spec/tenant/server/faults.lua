-- The queue of faults that the control side ordered, and which request gets which.

local json = require "server.json"

local faults = {}

local function is_number(value) return type(value) == "number" and value >= 0 end
local function is_count(value) return is_number(value) and value % 1 == 0 end
local function is_string(value) return type(value) == "string" end
local function is_boolean(value) return type(value) == "boolean" end
local function is_status(value) return is_count(value) and value >= 200 and value <= 599 end
local function is_table(value) return json.is_object(value) end
local function is_body(value) return is_string(value) or type(value) == "table" end

-- What every fault may say of the requests that it is for.
local COMMON = {
  kind = is_string, count = is_count, after = is_count, method = is_string, path = is_string, applied = is_boolean,
}

-- What each kind may say of itself; misbehave.lua says what it does.
local KINDS = {
  status = { status = is_status, headers = is_table, body = is_body },
  delay = { seconds = is_number },
  reset_before = {},
  close_before = {},
  reset_during = {},
  truncated = {},
  truncated_json = {},
  garbage = {},
  html = { status = is_status },
  huge = { bytes = is_count, chunked = is_boolean },
  huge_header = { bytes = is_count, headers = is_count },
  stall = { seconds = is_number },
  drip = { interval = is_number },
  redirect = { location = is_string, status = is_status },
  early = { status = is_status },
  informational = { status = function(value) return is_count(value) and value >= 100 and value < 200 end },
}

-- How often a sleeping fault looks whether it was ended, in seconds.
local SLICE = 0.05
-- nginx's clock has milliseconds, and stands still while somebody sleeps for less.
local TICK = 0.001

local queue, generation = nil, 0

-- Drops the faults that wait, and ends those that sleep.
function faults.reset()
  queue, generation = {}, generation + 1
end

faults.reset()

-- Returns what is wrong with a fault, or nil.
local function complaint(fault)
  local own = KINDS[fault.kind]
  if not own then
    return "unknown kind of fault: " .. tostring(fault.kind)
  end
  for name, value in pairs(fault) do
    local is_right = COMMON[name] or own[name]
    if not is_right then
      return ("a fault of kind %s knows no %s"):format(fault.kind, tostring(name))
    elseif not is_right(value) then
      return ("%s of a fault cannot be %s"):format(name, tostring(value))
    end
  end
  if fault.kind == "status" and not fault.status then
    return "a fault of kind status needs a status"
  elseif fault.kind == "early" and fault.applied then
    return "an early answer comes before the operation can be applied"
  elseif not pcall(string.find, "", fault.path or "") then
    return "path is no Lua pattern: " .. fault.path
  end
end

-- Queues a fault; returns nil and a message when it makes no sense.
function faults.add(fault)
  local wrong = complaint(fault)
  if wrong then
    return nil, wrong
  end
  fault.count = fault.count or 1
  fault.after = fault.after or 0
  if fault.count > 0 then
    queue[#queue + 1] = fault
  end
  return true
end

-- The faults that still wait for a request.
function faults.pending()
  return json.array(queue)
end

-- Sleeps; returns false, early, when the faults were reset meanwhile. Whoever slept is from before the reset then, and
-- must not touch the data of after it.
function faults.sleep(seconds)
  local mine, stop = generation, ngx.now() + seconds
  while generation == mine do
    local left = stop - ngx.now()
    if left <= 0 then
      return true
    end
    ngx.sleep(math.max(TICK, math.min(left, SLICE)))
  end
  return false
end

local function matches(fault, method, uri)
  return (not fault.method or fault.method == method) and (not fault.path or uri:find(fault.path) ~= nil)
end

-- Returns the fault for this request, or nil. The first in the queue that matches is used up, except while it
-- skips the requests that it was told to let pass.
function faults.take(method, uri)
  for index, fault in ipairs(queue) do
    if matches(fault, method, uri) then
      if fault.after > 0 then
        fault.after = fault.after - 1
      else
        fault.count = fault.count - 1
        if fault.count == 0 then
          table.remove(queue, index)
        end
        return fault
      end
    end
  end
end

return faults
