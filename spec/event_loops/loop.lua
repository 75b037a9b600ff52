-- A client in an event loop: cqueues, luv, or LuaSocket's select. Each spec file names one.

local driving = require "spec.event_loops.driving"
local loops = require "spec.event_loops.loops"
local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

local TICK, QUIET = loops.TICK, loops.QUIET
local UNLIMITED = 1000000 -- requests: a bucket, and a refill, so large that no request is paced

local all_done, after, nothing, start = driving.all_done, driving.after, driving.nothing, driving.start
local assert_lists, assert_idle = driving.assert_lists, driving.assert_idle
local warm_client, start_proxy = driving.warm_client, driving.start_proxy

local name = ...
local drive = loops.drivers[name]

describe("the loop of " .. name, function()
  local client

  -- Drives `client`, or the given clients, and returns the run.
  local function run(over, tick, clients)
    return loops.run(drive, clients or { client }, over, tick)
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
    assert.is_true(result.seconds >= 0.4) -- two rounds on 16 connections
    assert.is_true(result.ticks >= result.seconds / TICK / 10)
    assert.is_true(result.longest < 2)
    assert_idle(client)
  end)

  it("sends removals, which the tenant applies", function()
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

  it("ends a call at its deadline, woken only by timeout()", function()
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
    tenant.fault { kind = "delay", seconds = 10 }
    local slow = start(client, 1)
    local calls = start(client, 3, { timeout = 0.2 })
    local result = run(all_done(calls))
    for _, call in ipairs(calls) do assert.equal("timeout", select(2, call:result()).kind) end
    assert.is_true(result.seconds >= 0.19 and result.seconds < 5)
    slow[1]:cancel()
  end)

  it("ends a request at request_timeout and retries it", function()
    client:close()
    client = warm_client { request_timeout = 0.3 }
    tenant.fault { kind = "stall" }
    local calls = start(client, 1)
    assert.is_true(run(all_done(calls)).seconds >= 0.29)
    assert_lists(calls)
  end)

  it("wakes at the end of the pauses between attempts", function()
    tenant.fault { kind = "status", status = 503, count = 2 }
    tenant.fault { kind = "reset_before" }
    local calls = start(client, 1)
    local result = run(all_done(calls))
    assert_lists(calls)
    assert.equal(4, calls[1]:info().attempts)
    assert.is_true(result.steps < 100)
  end)

  it("sleeps through a Retry-After without spinning", function()
    tenant.fault { kind = "status", status = 429, headers = { ["Retry-After"] = "1" } }
    local calls = start(client, 1)
    local result = run(all_done(calls))
    assert_lists(calls)
    assert.is_true(result.seconds >= 0.9)
    assert.is_true(result.steps < 60)
  end)

  it("sends no faster than the tenant's bucket allows, without spinning", function()
    client:close()
    tenant.settings { bucket = 5, refill = 20, enforce = true }
    client = support.client()
    local calls = start(client, 15)
    local result = run(all_done(calls))
    assert_lists(calls)
    assert.is_true(result.seconds >= 10 / 20 - 0.1)
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
    assert.is_true(result.ticks >= result.seconds / TICK / 10)
  end)

  it("resolves names, and uses a proxy", function()
    local port, stop = start_proxy()
    for _, options in ipairs {
      { connect_to = "localhost:" .. tenant.port }, { proxy = "http://localhost:" .. port },
    } do
      client:close()
      client = support.client(options)
      local calls = start(client, 4)
      local result = run(all_done(calls))
      assert_lists(calls)
      assert.is_true(result.steps < 400)
      assert_idle(client)
    end
    stop()
  end)

  it("ends calls that cannot connect", function()
    client:close()
    client = support.client { connect_to = "127.0.0.1:" .. support.free_port(), max_retries = 1 }
    local calls = start(client, 4)
    local result = run(all_done(calls))
    for _, call in ipairs(calls) do assert.equal("transport", select(2, call:result()).kind) end
    assert.is_true(result.steps < 200)
    assert_idle(client)
  end)

  it("gets tokens from a function", function()
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

  it("drives many clients at once", function()
    tenant.settings { latency = 0.1 }
    local clients, calls = {}, {}
    for i = 1, 5 do
      clients[i] = support.client()
      for _, call in ipairs(start(clients[i], 8)) do calls[#calls + 1] = call end
    end
    local result = run(all_done(calls), nothing, clients)
    assert_lists(calls)
    assert.is_true(result.ticks >= result.seconds / TICK / 10)
    for _, one in ipairs(clients) do
      assert_idle(one)
      one:close()
    end
  end)

  it("keeps driving one client when a timer closes another", function()
    tenant.settings { latency = 0.3 }
    local other = warm_client()
    local lost, calls = start(other, 5), start(client, 5)
    run(all_done(calls), function(result)
      if result.ticks == 5 then result.close(other) end
    end, { client, other })
    assert_lists(calls)
    for _, call in ipairs(lost) do assert.equal("closed", select(2, call:result()).kind) end
  end)

  it("watches a new client that has the descriptor of a closed one", function()
    tenant.settings { latency = 1 } -- on a busy machine, too, the calls are in flight at the fifth tick
    local calls, lost = start(client, 3), nil
    local function over() return lost and all_done(calls)() end
    run(over, function(result)
      if lost then return end
      local descriptor, others = client:pollfd(), {}
      result.close(client)
      client = support.client()
      while client:pollfd() ~= descriptor and #others < 100 do -- the others took lower descriptors that were free
        others[#others + 1] = client
        client = support.client()
      end
      assert.equal(descriptor, client:pollfd())
      lost, calls = calls, start(client, 3)
      result.watch(client)
    end)
    for _, call in ipairs(lost) do assert.equal("closed", select(2, call:result()).kind) end
    assert_lists(calls)
  end)

  it("can be mixed with step(seconds) and methods that block", function()
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
    assert.is_true(result.ticks >= result.seconds / TICK / 10)
    assert_idle(client)
  end)
end)
