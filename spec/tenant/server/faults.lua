-- The queue of faults that the control side added, and which request gets which fault.

local json = require "server.json"

local faults = {}

local function is_number(value) return type(value) == "number" and value >= 0 end
local function is_count(value) return is_number(value) and value % 1 == 0 end
local function is_string(value) return type(value) == "string" end
local function is_boolean(value) return type(value) == "boolean" end
local function is_status(value) return is_count(value) and value >= 200 and value <= 599 end
local function is_table(value) return json.is_object(value) end
local function is_body(value) return is_string(value) or type(value) == "table" end

-- Members of every fault: which requests it applies to.
local COMMON = {
  kind = is_string, count = is_count, after = is_count, method = is_string, path = is_string, applied = is_boolean,
}

-- Members of each kind. What a kind does is in misbehave.lua.
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

-- Seconds between two checks of a sleeping fault: was it ended by a reset?
local SLICE = 0.05
-- Seconds. nginx's clock counts milliseconds, and does not move during a shorter sleep.
local TICK = 0.001

local queue, generation = nil, 0

-- Drops the queued faults and ends those that sleep.
function faults.reset()
  queue, generation = {}, generation + 1
end

faults.reset()

-- Returns a message that says what is wrong with a fault, or nil.
local function complaint(fault)
  local own = KINDS[fault.kind]
  if not own then
    return "unknown kind of fault: " .. tostring(fault.kind)
  end
  for name, value in pairs(fault) do
    local is_right = COMMON[name] or own[name]
    if not is_right then
      return ("a fault of kind %s has no member %s"):format(fault.kind, tostring(name))
    elseif not is_right(value) then
      return ("%s of a fault cannot be %s"):format(name, tostring(value))
    end
  end
  if fault.kind == "status" and not fault.status then
    return "a fault of kind status needs a status"
  elseif fault.kind == "early" and fault.applied then
    return "an early response comes before the operation can be applied"
  elseif not pcall(string.find, "", fault.path or "") then
    return "path is not a Lua pattern: " .. fault.path
  end
end

-- Queues a fault. Returns nil and a message if it is not valid.
function faults.add(fault)
  local message = complaint(fault)
  if message then
    return nil, message
  end
  fault.count = fault.count or 1
  fault.after = fault.after or 0
  if fault.count > 0 then
    queue[#queue + 1] = fault
  end
  return true
end

-- Returns the faults that are still waiting for a request.
function faults.pending()
  return json.array(queue)
end

-- Sleeps. Returns true after that time, or false as soon as the faults are reset: then the caller's request is older
-- than the reset and must not touch the data.
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

-- Returns the fault for this request, or nil: the first in the queue that matches and has skipped as many requests as
-- `after` says. A fault leaves the queue when its count is used up.
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
