-- Measures how long client:step(0) takes, with 16 removals in flight, 60 frames per second, and a tenant that responds
-- after 100 ms. Cold starts (name resolution, connections, TLS handshakes) and the steady state after them are
-- separate. Wall time includes everything else that the machine does, such as the tenant on the same processors; CPU
-- time does not. Steps that waited for something are counted, too: the kernel counts voluntary context switches.
--
-- Usage: spec/tenant/run -- LUA bench/frames.lua [SECONDS]
--
-- SECONDS is the time for each steady state. The module comes from LUA_CPATH.

local auth0perm = require "auth0perm"
local uv = require "luv"
local tenant = require "spec.tenant.control"

local IN_FLIGHT = 16
local FRAMES_PER_SECOND = 60
local LATENCY = 0.1   -- seconds
local COLD_STARTS = 10
local SECONDS = tonumber(arg[1]) or 15
local REACH = 2       -- milliseconds: the target for the longest step, on an idle machine
local SYSTEM_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"

local PERMISSIONS = { { resource_server_identifier = "https://api.example.com/", permission_name = "read:reports" } }

local function user(number)
  return ("auth0|frames%02d"):format(number)
end

-- Writes the system's CA certificates and the tenant's to a file, which the caller must remove. Returns its name, or
-- nil if the system has none.
local function write_certificates()
  local system = io.open(SYSTEM_CERTIFICATES)
  if not system then return nil end
  local name = os.tmpname()
  local file, own = assert(io.open(name, "w")), assert(io.open(tenant.ca_file))
  file:write(system:read "*a", own:read "*a")
  own:close()
  system:close()
  file:close()
  return name
end

-- libcurl resolves "localhost" itself; this name goes to its resolver thread, like a real tenant's.
local function new_client(options)
  return assert(auth0perm.new {
    domain = tenant.domain,
    connect_to = "127.1:" .. tenant.port,
    ca_file = options.ca_file or tenant.ca_file,
    token = tenant.token,
    http2 = options.http2,
  })
end

-- Steps once; adds { wall =, cpu =, waits = } to a list: milliseconds, and how often this process waited meanwhile
-- (including the threads that resolve names).
local function measure_step(client, steps)
  local waits = uv.getrusage().nvcsw
  local wall, cpu = uv.hrtime(), os.clock()
  client:step(0)
  wall, cpu = uv.hrtime() - wall, os.clock() - cpu
  steps[#steps + 1] = { wall = wall / 1e6, cpu = cpu * 1e3, waits = uv.getrusage().nvcsw - waits }
end

local function sleep_until(time)
  local left = time - uv.hrtime()
  if left > 0 then uv.sleep(math.floor(left / 1e6)) end
end

-- Starts a new call in each slot whose call is done; returns how many were done.
local function refill(client, calls)
  local done = 0
  for slot = 1, IN_FLIGHT do
    local call = calls[slot]
    if not call or call:done() then
      if call then
        assert(call:result())
        done = done + 1
      end
      calls[slot] = assert(client:start("remove_user_permissions", user(slot), PERMISSIONS))
    end
  end
  return done
end

-- Runs frames with a new client. Steps count as cold until as many calls are done as are in flight, and then as steady,
-- for this number of seconds.
local function run(options, cold, steady, seconds)
  local client, calls, done = new_client(options), {}, 0
  local start, frame, last = uv.hrtime(), 0, nil
  repeat
    done = done + refill(client, calls)
    local warm = done >= IN_FLIGHT
    if warm and not last then last = frame + seconds * FRAMES_PER_SECOND end
    measure_step(client, warm and steady or cold)
    frame = frame + 1
    sleep_until(start + frame * 1e9 / FRAMES_PER_SECOND)
  until last and frame >= last
  client:close()
end

-- Returns the quantile of a sorted list.
local function quantile(values, share)
  return values[math.max(1, math.ceil(#values * share))]
end

local function sorted(steps, figure)
  local values = {}
  for i, step in ipairs(steps) do values[i] = step[figure] end
  table.sort(values)
  return values
end

-- Returns how many of the steps waited.
local function count_waits(steps)
  local count = 0
  for _, step in ipairs(steps) do count = count + (step.waits > 0 and 1 or 0) end
  return count
end

-- Returns the verdict on the longest step, by wall time and by CPU time.
local function verdict(worst, worst_cpu)
  if worst < REACH then return "reached" end
  return worst_cpu < REACH and "reached in CPU time only: the machine was busy" or "NOT reached"
end

local HEADING = ("%-35s %5s %7s %7s %7s %7s %7s %8s %6s"):format(
  "", "steps", "median", "95 %", "99 %", "99.9 %", "worst", "CPU", "waited")
local ROW = "%-35s %5d %7.3f %7.3f %7.3f %7.3f %7.3f %8.3f %6d"
local VERDICT = "%s: worst %.3f ms, worst CPU time %.3f ms; target of %g ms %s"

-- Prints a row; returns the verdict on it.
local function print_row(title, steps)
  local wall, cpu = sorted(steps, "wall"), sorted(steps, "cpu")
  local worst, worst_cpu = wall[#wall], cpu[#cpu]
  print(ROW:format(title, #wall, quantile(wall, 0.5), quantile(wall, 0.95), quantile(wall, 0.99), quantile(wall, 0.999),
    worst, worst_cpu, count_waits(steps)))
  return VERDICT:format(title, worst, worst_cpu, REACH, verdict(worst, worst_cpu))
end

local certificates = write_certificates()
local CASES = {
  { title = IN_FLIGHT .. " connections", seconds = SECONDS },
  { title = "HTTP/2", http2 = true, seconds = SECONDS },
  certificates and { title = "HTTP/2, system's certificates", http2 = true, ca_file = certificates, seconds = 0 },
}

tenant.reset()
tenant.settings { bucket = 1000000, refill = 1000000, latency = LATENCY, record = false }
local users = {}
for i = 1, IN_FLIGHT do users[i] = { user_id = user(i) } end
tenant.seed { users = users }

print(("%s: client:step(0) in milliseconds; %d calls in flight, %d frames per second, responses after %g ms."):format(
  jit and jit.version or _VERSION, IN_FLIGHT, FRAMES_PER_SECOND, LATENCY * 1000))
print(HEADING)
local verdicts = {}
for _, case in ipairs(CASES) do
  local cold, steady = {}, {}
  for start = 1, COLD_STARTS do run(case, cold, steady, start == COLD_STARTS and case.seconds or 0) end
  verdicts[#verdicts + 1] = print_row(case.title .. ", cold", cold)
  if case.seconds > 0 then verdicts[#verdicts + 1] = print_row(case.title .. ", steady", steady) end
end
if certificates then os.remove(certificates) end
print()
for _, line in ipairs(verdicts) do print(line) end
