-- Event loops that drive clients, for the specs: cqueues, luv, and a loop on LuaSocket's select.

local socket = require "socket"
local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local luv = require "luv"

local TICK = 0.01 -- seconds between ticks of a loop's own timer
local LIMIT = 20  -- seconds after which a loop that is not finished fails
local QUIET = 0.3 -- seconds between a loop's checks whether it is finished, if it has no ticks

-- A run: what a loop is to do, and what it did. The loop drives `clients` until `over()` is true, and calls `tick` (if
-- given) every TICK seconds.
local function new_run(clients, over, tick)
  local run = { clients = clients, steps = 0, ticks = 0, longest = 0, began = socket.gettime() }
  local last = run.began

  function run.over()
    if socket.gettime() - run.began > LIMIT then error "the loop is not over" end
    return over()
  end

  function run.step(client)
    run.steps = run.steps + 1
    assert(client:step(0))
  end

  if tick then
    function run.tick()
      local now = socket.gettime()
      run.ticks, run.longest, last = run.ticks + 1, math.max(run.longest, now - last), now
      tick(run)
    end
  end

  return run
end

-- Returns an object that LuaSocket's select accepts for a client.
local function selectable(client)
  local descriptor = assert(client:pollfd())
  return { getfd = function() return descriptor end }
end

-- Each loop steps a client only when its descriptor or its timeout() asks for it: if ticks stepped it too, they would
-- hide a lost wakeup. A loop adds functions to a run: `watch` and `close` add and remove a client, `changed` says that
-- calls were started or canceled outside a step.
local drivers = {}

function drivers.select(run)
  local watched = {}

  function run.watch(client) watched[#watched + 1] = { client = client, socket = selectable(client) } end

  function run.close(client)
    for i = #watched, 1, -1 do
      if watched[i].client == client then table.remove(watched, i) end
    end
    client:close()
  end

  function run.changed() end

  for _, client in ipairs(run.clients) do run.watch(client) end
  local next_tick = run.began + TICK
  while not run.over() do
    local sockets, wait = {}, run.tick and math.max(next_tick - socket.gettime(), 0) or QUIET
    for i, entry in ipairs(watched) do
      sockets[i] = entry.socket
      wait = math.min(wait, entry.client:timeout() or wait)
    end
    local readable = socket.select(sockets, nil, wait)
    for _, entry in ipairs(watched) do
      if readable[entry.socket] or entry.client:timeout() == 0 then run.step(entry.client) end
    end
    if run.tick and socket.gettime() >= next_tick then
      next_tick = next_tick + TICK
      run.tick()
    end
  end
end

function drivers.cqueues(run)
  local loop = cqueues.new()
  local changed = condition.new()
  local closed = {}

  function run.watch(client)
    loop:wrap(function()
      while not run.over() and not closed[client] do
        local woken = cqueues.poll(client, changed)
        if woken ~= changed and not closed[client] then run.step(client) end
      end
      changed:signal()
    end)
  end

  function run.close(client)
    closed[client] = true
    loop:cancel(client:pollfd())
    client:close()
    changed:signal()
  end

  function run.changed() changed:signal() end

  for _, client in ipairs(run.clients) do run.watch(client) end
  loop:wrap(function()
    while not run.over() do
      cqueues.sleep(run.tick and TICK or QUIET)
      if run.tick then run.tick() end
    end
    changed:signal()
  end)
  assert(loop:loop())
end

-- Wraps a callback for luv so that an error ends the loop; luv would end the process.
local function guarded(run, callback)
  return function()
    local ok, over = pcall(function()
      callback()
      return run.over()
    end)
    if not ok then run.problem = over end
    if over then luv.stop() end
  end
end

-- Makes luv drive a client; returns the handles, which the caller must close.
local function watch_with_luv(run, client)
  local readable, timer, before_waiting = luv.new_poll(client:pollfd()), luv.new_timer(), luv.new_prepare()
  local step = guarded(run, function() run.step(client) end)
  readable:start("r", step)
  before_waiting:start(guarded(run, function()
    local seconds = client:timeout()
    if seconds then timer:start(math.ceil(seconds * 1000), 0, step) else timer:stop() end
  end))
  return { readable, timer, before_waiting }
end

function drivers.luv(run)
  local handles = {}

  function run.watch(client) handles[client] = watch_with_luv(run, client) end

  local function unwatch(client)
    for _, handle in ipairs(handles[client]) do handle:close() end
    handles[client] = nil
  end

  function run.close(client)
    unwatch(client)
    client:close()
  end

  function run.changed() end

  for _, client in ipairs(run.clients) do run.watch(client) end
  local ticker = luv.new_timer()
  local milliseconds = (run.tick and TICK or QUIET) * 1000
  ticker:start(milliseconds, milliseconds, guarded(run, run.tick or function() end))
  luv.run()
  ticker:close()
  while next(handles) do unwatch(next(handles)) end
  luv.run "nowait" -- closes the handles
  assert(not run.problem, run.problem)
end

local loops = { TICK = TICK, QUIET = QUIET, drivers = drivers, selectable = selectable }

-- Runs a loop that drives these clients until `over()` is true and calls `tick` (if given) every TICK seconds. Returns
-- what it did: the `seconds` that it took, `steps`, `ticks`, and the `longest` time between two ticks.
function loops.run(drive, clients, over, tick)
  local run = new_run(clients, over, tick)
  drive(run)
  run.seconds = socket.gettime() - run.began
  return run
end

return loops
