-- A client in event loops: cqueues, luv, and LuaSocket's select, each with the same demands.

local socket = require "socket"
local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local luv = require "luv"
local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

local TICK = 0.01 -- seconds between two ticks of a loop's own timer
local LIMIT = 20  -- seconds after which a loop that is not over is given up
local QUIET = 0.3 -- seconds for which a loop that has nothing to do is watched
local UNLIMITED = 1000000000 -- requests: a bucket, and a refill, so large that no request is paced

-- What a loop is to do and what it did: it drives `clients` until `over()` is true, and calls `tick` every TICK seconds,
-- if there is one.
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

-- What LuaSocket's select takes for a client.
local function selectable(client)
  local descriptor = assert(client:pollfd())
  return { getfd = function() return descriptor end }
end

-- Whether a client's descriptor is readable now.
local function is_readable(client)
  return #socket.select({ selectable(client) }, nil, 0) == 1
end

-- Each loop steps a client only where its descriptor or its timeout() asks for that: what wakes it otherwise, such as a
-- tick, must not hide that a wakeup was lost. A loop adds to a run: `watch` and `close` take a client in and out,
-- `changed` tells that calls were started or canceled outside of a step.
local loops = {}

function loops.select(run)
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

function loops.cqueues(run)
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

-- A callback for luv, which ends the process when one raises: the error ends the loop instead.
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

-- Has luv drive a client; returns the handles, to be closed.
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

function loops.luv(run)
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

-- Whether all of these calls are done.
local function all_done(calls)
  return function()
    for _, call in ipairs(calls) do
      if not call:done() then return false end
    end
    return true
  end
end

-- What is over once so many seconds have passed.
local function after(seconds)
  local ends = socket.gettime() + seconds
  return function() return socket.gettime() >= ends end
end

local function nothing() end

-- Starts so many lists of permissions.
local function start(client, count, options)
  local calls = {}
  for i = 1, count do calls[i] = assert(client:start("list_user_permissions", support.user, options)) end
  return calls
end

local function assert_lists(calls)
  for _, call in ipairs(calls) do
    assert.equal("read:reports", support.names(assert(call:result())))
  end
end

-- A client that knows that no request is paced, and has a connection.
local function warm_client(changes)
  local client = support.client(changes)
  assert(client:list_user_permissions(support.user))
  tenant.forget_requests()
  return client
end

-- Nothing is in flight, and nobody asks for anything.
local function assert_idle(client)
  assert.is_nil(client:timeout())
  assert.is_false(is_readable(client))
end

for name, drive in pairs(loops) do
  describe("the loop of " .. name, function()
    local client

    -- Drives the client, or these, and returns the run.
    local function run(over, tick, clients)
      local result = new_run(clients or { client }, over, tick)
      drive(result)
      result.seconds = socket.gettime() - result.began
      return result
    end

    before_each(function()
      tenant.reset()
      tenant.settings { bucket = UNLIMITED, refill = UNLIMITED }
      client = warm_client()
    end)

    after_each(function() client:close() end)

    it("keeps ticking every 10 ms while 32 calls run", function()
      tenant.settings { latency = 0.2 }
      local calls = start(client, 32)
      local result = run(all_done(calls), nothing)
      assert_lists(calls)
      assert.equal(32, #tenant.requests())
      assert.is_true(result.seconds >= 0.4) -- two rounds of 16 connections
      assert.is_true(result.ticks >= result.seconds / TICK / 4)
      assert.is_true(result.longest < 0.5)
      assert_idle(client)
    end)

    it("sends removals, and the tenant carries them out", function()
      local users = {}
      for i = 1, 32 do
        users[i] = { user_id = "auth0|" .. i, permissions = support.permissions("write:reports", "delete:reports") }
      end
      tenant.seed { users = users }
      local calls = {}
      for i, user in ipairs(users) do
        calls[i] = assert(client:start("remove_user_permissions", user.user_id, support.permissions "write:reports"))
      end
      run(all_done(calls))
      for i, user in ipairs(users) do
        assert.is_true(calls[i]:result())
        assert.equal("delete:reports", support.names(tenant.user(user.user_id).permissions))
      end
    end)

    it("is quiet while nothing is in flight", function()
      assert_idle(client)
      assert.equal(0, run(after(QUIET)).steps)
      local calls = start(client, 20)
      run(all_done(calls))
      assert_idle(client)
      assert.equal(0, run(after(QUIET)).steps)
    end)

    it("drives a call that a timer starts", function()
      local calls = {}
      local function finished() return #calls == 3 and all_done(calls)() end
      run(finished, function(result)
        if #calls < 3 and all_done(calls)() then
          calls[#calls + 1] = start(client, 1)[1]
          result.changed()
        end
      end)
      assert_lists(calls)
    end)

    it("drives the other calls when a timer cancels some", function()
      tenant.settings { latency = 0.3 }
      local calls, canceled = start(client, 20), {}
      run(all_done(calls), function(result)
        if result.ticks ~= 5 then return end
        for i = #calls, 1, -2 do
          canceled[#canceled + 1] = calls[i]
          assert.is_true(calls[i]:cancel())
        end
        result.changed()
      end)
      assert.equal(10, #canceled)
      for _, call in ipairs(canceled) do assert.equal("canceled", select(2, call:result()).kind) end
      for i = 1, 19, 2 do assert_lists { calls[i] } end
      assert_idle(client)
    end)

    it("ends a call at its deadline, with nothing but timeout() to wake it", function()
      tenant.fault { kind = "delay", seconds = 10, count = 2 }
      local calls = start(client, 2, { timeout = 0.3 })
      local result = run(all_done(calls))
      for _, call in ipairs(calls) do assert.equal("timeout", select(2, call:result()).kind) end
      assert.is_true(result.seconds >= 0.29 and result.seconds < 3)
      assert.is_true(result.steps < 60)
    end)

    it("ends calls that wait for a connection at their deadlines", function()
      client:close()
      client = warm_client { max_connections = 1 }
      tenant.fault { kind = "delay", seconds = 1.5 }
      local slow = start(client, 1)
      local calls = start(client, 3, { timeout = 0.2 })
      local result = run(all_done(calls))
      for _, call in ipairs(calls) do assert.equal("timeout", select(2, call:result()).kind) end
      assert.is_true(result.seconds >= 0.19 and result.seconds < 1.4)
      run(all_done(slow))
      assert_lists(slow)
    end)

    it("gives up a request at request_timeout, and tries again", function()
      client:close()
      client = warm_client { request_timeout = 0.3 }
      tenant.fault { kind = "stall" }
      local calls = start(client, 1)
      assert.is_true(run(all_done(calls)).seconds >= 0.29)
      assert_lists(calls)
    end)

    it("wakes at the end of the pauses between tries", function()
      tenant.fault { kind = "status", status = 503, count = 2 }
      tenant.fault { kind = "reset_before" }
      local calls = start(client, 1)
      local result = run(all_done(calls))
      assert_lists(calls)
      assert.equal(4, calls[1]:info().attempts)
      assert.is_true(result.steps < 100)
    end)

    it("sleeps through a Retry-After, and does not spin", function()
      tenant.fault { kind = "status", status = 429, headers = { ["Retry-After"] = "1" } }
      local calls = start(client, 1)
      local result = run(all_done(calls))
      assert_lists(calls)
      assert.is_true(result.seconds >= 0.9)
      assert.is_true(result.steps < 60)
    end)

    it("sends no faster than the tenant's bucket allows, and does not spin meanwhile", function()
      client:close()
      tenant.settings { bucket = 5, refill = 10, enforce = true }
      client = support.client()
      local calls = start(client, 15)
      local result = run(all_done(calls))
      assert_lists(calls)
      assert.is_true(result.seconds >= 0.5)
      assert.is_true(result.steps < 40 * 15)
    end)

    it("fetches a token", function()
      client:close()
      tenant.seed { clients = { { client_id = "id", client_secret = "secret" } } }
      client = assert(auth0perm.new { domain = tenant.domain, ca_file = tenant.ca_file, client_id = "id",
        client_secret = "secret" })
      tenant.fault { kind = "delay", seconds = 0.2, path = "/oauth/token" }
      local calls = start(client, 8)
      local result = run(all_done(calls), nothing)
      assert_lists(calls)
      assert.equal(9, #tenant.requests())
      assert.is_true(result.ticks >= result.seconds / TICK / 4)
    end)

    it("asks a function for tokens", function()
      client:close()
      local asked = 0
      client = support.client { token = function()
        asked = asked + 1
        return tenant.token, 3600
      end }
      local calls = start(client, 8)
      run(all_done(calls))
      assert_lists(calls)
      assert.equal(1, asked)
    end)

    it("reads a list of many pages", function()
      local users = {}
      for i = 1, 1050 do users[i] = { user_id = ("auth0|%04d"):format(i), roles = { "rol_many" } } end
      tenant.seed { roles = { { id = "rol_many", name = "Many" } } }
      tenant.seed { users = users }
      local call = assert(client:start("list_role_users", "rol_many"))
      run(all_done { call }, nothing)
      local list = assert(call:result())
      assert.equal(1050, #list)
      for i, user in ipairs(list) do assert.equal(users[i].user_id, user.user_id) end
      assert.equal(11, #tenant.requests())
    end)

    it("drives many clients beside each other", function()
      tenant.settings { latency = 0.1 }
      local clients, calls = {}, {}
      for i = 1, 5 do
        clients[i] = support.client()
        for _, call in ipairs(start(clients[i], 8)) do calls[#calls + 1] = call end
      end
      local result = run(all_done(calls), nothing, clients)
      assert_lists(calls)
      assert.is_true(result.ticks >= result.seconds / TICK / 4)
      for _, one in ipairs(clients) do
        assert_idle(one)
        one:close()
      end
    end)

    it("goes on with one client when a timer closes another", function()
      tenant.settings { latency = 0.3 }
      local other = warm_client()
      local lost, calls = start(other, 5), start(client, 5)
      run(all_done(calls), function(result)
        if result.ticks == 5 then result.close(other) end
      end, { client, other })
      assert_lists(calls)
      for _, call in ipairs(lost) do assert.equal("closed", select(2, call:result()).kind) end
    end)

    it("watches a new client in the place of one that was closed, on the same descriptor", function()
      tenant.settings { latency = 0.1 }
      local calls, lost = start(client, 3), nil
      local function over() return lost and all_done(calls)() end
      run(over, function(result)
        if result.ticks ~= 5 then return end
        local descriptor = client:pollfd()
        result.close(client)
        client = support.client()
        assert.equal(descriptor, client:pollfd())
        lost, calls = calls, start(client, 3)
        result.watch(client)
      end)
      for _, call in ipairs(lost) do assert.equal("closed", select(2, call:result()).kind) end
      assert_lists(calls)
    end)

    it("and step with a time, and methods that block, may take turns", function()
      tenant.settings { latency = 0.1 }
      local calls = start(client, 40)
      run(after(0.05), nothing)
      assert.is_true(client:step(0.02) > 0)
      assert(client:list_user_permissions(support.user))
      run(after(0.05), nothing)
      support.finish(client)
      assert_lists(calls)
      assert_idle(client)
      calls = start(client, 20)
      client:step(0.05)
      run(all_done(calls))
      assert_lists(calls)
    end)

    it("calls on_done, which may start the next call", function()
      local results = {}
      local function look(result, err)
        results[#results + 1] = assert(result, err)
        if #results < 10 then start(client, 1)[1]:on_done(look) end
      end
      start(client, 1)[1]:on_done(look)
      local result = run(function() return #results == 10 end)
      assert.equal(10, #tenant.requests())
      assert.is_true(result.steps < 400)
      assert_idle(client)
    end)

    it("drives calls over HTTP/2", function()
      client:close()
      client = warm_client { http2 = true }
      tenant.settings { latency = 0.2 }
      local calls = start(client, 64)
      local result = run(all_done(calls), nothing)
      assert_lists(calls)
      assert.is_true(result.ticks >= result.seconds / TICK / 4)
      assert_idle(client)
    end)
  end)
end

-- Starts a proxy; returns its port, and a function that ends it, and with it all connections.
local function start_proxy()
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  server:close()
  local configuration = os.tmpname()
  local file = assert(io.open(configuration, "w"))
  file:write(("Port %d\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\n"):format(port))
  file:close()
  local process = support.start("LD_PRELOAD= tinyproxy -d -c " .. configuration)
  support.wait_until(function() return socket.connect("127.0.0.1", port) end):close()
  return port, function()
    support.run("kill -9 " .. process)
    os.remove(configuration)
  end
end

describe("pollfd", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  it("is the same descriptor as long as the client lives", function()
    local descriptor = client:pollfd()
    assert.equal("number", type(descriptor))
    assert.equal(0, descriptor % 1)
    tenant.fault { kind = "close_before", after = 2 }
    for _ = 1, 4 do
      assert(client:list_user_permissions(support.user))
      assert.equal(descriptor, client:pollfd())
    end
    local calls = start(client, 40)
    client:step(0)
    assert.equal(descriptor, client:pollfd())
    support.finish(client)
    assert_lists(calls)
    assert.equal(descriptor, client:pollfd())
  end)

  it("differs from client to client", function()
    local other = support.client()
    assert.not_equal(client:pollfd(), other:pollfd())
    other:close()
  end)

  it("is to be waited for until it is readable", function()
    assert.equal("r", client:events())
  end)

  it("stays quiet when connections that are kept are closed from the other side", function()
    local port, stop = start_proxy()
    client:close()
    client = support.client { proxy = "http://127.0.0.1:" .. port }
    start(client, 10)
    support.finish(client)
    stop()
    socket.sleep(0.2)
    local run = new_run({ client }, after(QUIET))
    loops.select(run)
    assert.is_true(run.steps <= 20) -- one for each connection that ended would be fair
  end)

  it("of a closed client is an error of kind closed, like its timeout", function()
    client:close()
    for _, method in ipairs { "pollfd", "timeout" } do
      local value, err = client[method](client)
      assert.is_nil(value)
      assert.equal("closed", err.kind)
    end
  end)
end)

describe("timeout", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  it("is 0 where a step has something to do at once", function()
    start(client, 1)
    assert.equal(0, client:timeout())
    support.finish(client)
    assert.is_nil(client:timeout())
  end)

  it("is never past a deadline, and runs down by itself", function()
    tenant.fault { kind = "delay", seconds = 10 }
    local call = start(client, 1, { timeout = 2 })[1]
    support.wait_until(function()
      client:step(0)
      return client:timeout() > 0.1
    end)
    local before = client:timeout()
    assert.is_true(before <= 2)
    socket.sleep(0.05)
    assert.is_true(client:timeout() < before)
    call:cancel()
  end)

  it("is not negative when its time has passed", function()
    tenant.fault { kind = "delay", seconds = 10 }
    start(client, 1, { timeout = 0.2 })
    client:step(0.1)
    socket.sleep(0.3)
    assert.equal(0, client:timeout())
    support.finish(client)
  end)
end)
