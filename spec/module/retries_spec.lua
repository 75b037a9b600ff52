-- Retries, pauses, deadlines: first to the millisecond with the driver protocol, then against the tenant.

local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

describe("a call that fails temporarily", function()
  local client

  local function new(changes)
    local options = { domain = "acme.eu.auth0.com", token = "given" }
    for name, value in pairs(changes or {}) do options[name] = value end
    return assert(auth0perm.new(options))
  end

  local function prepare(options)
    return assert(client:prepare("remove_user_permissions", support.user, support.permissions "a", options))
  end

  before_each(function() client = new() end)

  after_each(function() client:close() end)

  -- Drives a call from time `now` on; `respond` handles each request. Returns the pauses before each retry and the time
  -- when the call was done.
  local function drive(call, now, respond)
    local pauses, pause = {}, 0
    for _ = 1, 10000 do
      local step, detail = call:next(now)
      if step == "done" then return pauses, now end
      if step == "send" then
        pauses[#pauses + 1] = pause
        pause = 0
        respond(call, now, #pauses)
      else
        assert.equal("wait", step)
        assert.is_true(detail > 0)
        pause, now = pause + detail, now + detail
      end
    end
    error "the call does not end"
  end

  local function always(response)
    return function(call, now) call:feed(response, now) end
  end

  it("is retried up to 4 times, after random pauses in a range that doubles", function()
    local longest = { 0, 0, 0, 0 }
    for _ = 1, 200 do
      local call = prepare()
      local pauses = drive(call, 100, always { status = 503 })
      assert.equal(5, #pauses)
      assert.equal(5, select(2, call:result()).attempts)
      for i = 1, 4 do
        local pause = pauses[i + 1]
        assert.is_true(pause > 0 and pause <= 0.25 * 2 ^ (i - 1) + 1e-9)
        longest[i] = math.max(longest[i], pause)
      end
    end
    for i = 1, 4 do assert.is_true(longest[i] > 0.8 * 0.25 * 2 ^ (i - 1)) end
  end)

  it("pauses for at most 20 s", function()
    client:close()
    client = new { max_retries = 12, timeout = 10000 }
    for _ = 1, 20 do
      for _, pause in ipairs(drive(prepare(), 0, always { status = 503 })) do
        assert.is_true(pause <= 20 + 1e-9)
      end
    end
  end)

  it("is retried after each temporary failure, and after no other", function()
    local attempts = { [408] = 5, [500] = 5, [502] = 5, [503] = 5, [504] = 5, [520] = 5, [400] = 1, [401] = 1,
      [403] = 1, [404] = 1, [409] = 1, [413] = 1, [501] = 1, [302] = 1, [200] = 1, connect = 5, timeout = 5,
      transport = 5, tls = 1, protocol = 1, token = 1, canceled = 1 }
    for failure, expected in pairs(attempts) do
      local call = prepare()
      local pauses = drive(call, 0, function(failing, now)
        if type(failure) == "number" then
          failing:feed({ status = failure }, now)
        else
          failing:fail(failure, "so it was", now)
        end
      end)
      assert.equal(expected, #pauses, tostring(failure))
    end
  end)

  it("succeeds when a later attempt does", function()
    local call = prepare()
    drive(call, 0, function(failing, now, attempt)
      if attempt < 3 then failing:fail("transport", "reset", now) else failing:feed({ status = 204 }, now) end
    end)
    assert.is_true(call:result())
  end)

  it("sets maybe_applied if any attempt may have been applied", function()
    local call = prepare()
    drive(call, 0, function(failing, now, attempt)
      failing:fail(attempt == 1 and "timeout" or "connect", "no answer", now)
    end)
    assert.is_true(select(2, call:result()).maybe_applied)
    call = prepare()
    drive(call, 0, function(failing, now) failing:fail("connect", "refused", now) end)
    assert.is_false(select(2, call:result()).maybe_applied)
  end)

  it("waits as long as Retry-After says, in seconds or as a date on the tenant's clock", function()
    local date = "Sun, 06 Nov 1994 08:49:37 GMT"
    for _, case in ipairs {
      { { ["Retry-After"] = "7" }, 7 },
      { { ["Retry-After"] = "Sun, 06 Nov 1994 08:49:49 GMT", Date = date }, 12 },
      { { ["Retry-After"] = "Mon, 07 Nov 1994 00:00:07 GMT", Date = "Sun, 06 Nov 1994 23:59:57 GMT" }, 10 },
      { { ["Retry-After"] = "Wed, 01 Mar 2000 00:00:05 GMT", Date = "Tue, 29 Feb 2000 23:59:59 GMT" }, 6 },
    } do
      local call = prepare()
      local pauses = drive(call, 0, function(failing, now, attempt)
        failing:feed(attempt == 1 and { status = 503, headers = case[1] } or { status = 204 }, now)
      end)
      assert.is_true(math.abs(pauses[2] - case[2]) < 1e-6)
    end
  end)

  it("pauses as usual if Retry-After is absurd", function()
    for _, headers in ipairs { { ["Retry-After"] = "1000000" }, { ["Retry-After"] = "-1" },
      { ["Retry-After"] = "soon" },
      { ["Retry-After"] = "0" }, { ["Retry-After"] = "Sun, 06 Nov 1994 08:49:37 GMT" },
      { ["Retry-After"] = "Sun, 06 Nov 1994 08:49:37 GMT", Date = "Sun, 06 Nov 1994 08:51:37 GMT" },
      { ["Retry-After"] = "Sun, 06 Foo 1994 08:49:37 GMT", Date = "Sun, 06 Nov 1994 08:49:00 GMT" } } do
      local call = prepare()
      local pauses = drive(call, 0, function(failing, now, attempt)
        failing:feed(attempt == 1 and { status = 503, headers = headers } or { status = 204 }, now)
      end)
      assert.equal(2, #pauses)
      assert.is_true(pauses[2] > 0 and pauses[2] <= 0.25)
    end
  end)

  it("ends at once when its pause would pass the deadline", function()
    local call = prepare { timeout = 5 }
    local _, done = drive(call, 50, always { status = 503, headers = { ["Retry-After"] = "5" } })
    assert.equal(50, done)
    local _, err = call:result()
    assert.equal("api", err.kind)
    assert.equal(503, err.status)
    assert.equal(5, err.retry_after)
  end)

  it("ends at its deadline in any state, and reports what held it up", function()
    local call = prepare { timeout = 0.5 }
    assert.equal("send", (call:next(10)))
    call:feed({ status = 503 }, 10.1)
    local step = call:next(10.1)
    if step == "send" then call:feed({ status = 503 }, 10.2) end
    assert.equal("done", (call:next(10.5)))
    local _, err = call:result()
    assert.is_truthy(err.kind == "timeout" or err.kind == "api")
  end)

  it("ends at once when it is canceled during a pause", function()
    local call = prepare()
    call:next(0)
    call:feed({ status = 503, headers = { ["Retry-After"] = "20" } }, 0)
    assert.equal("wait", (call:next(1)))
    assert.is_true(call:cancel())
    assert.equal("canceled", select(2, call:result()).kind)
    assert.equal("done", (call:next(1)))
  end)

  it("makes one attempt with max_retries = 0", function()
    client:close()
    client = new { max_retries = 0 }
    assert.equal(1, #drive(prepare(), 0, always { status = 503 }))
  end)

  it("waits after a 429, which does not count as an attempt", function()
    local call = prepare()
    local pauses, done = drive(call, 0, function(failing, now, attempt)
      failing:feed(attempt <= 8 and { status = 429, headers = { ["Retry-After"] = "1" } } or { status = 204 }, now)
    end)
    assert.is_true(call:result())
    assert.equal(9, #pauses)
    assert.is_true(done >= 8 and done < 60)
  end)

  it("fails with kind limit when it would have to wait past its deadline", function()
    local call = prepare { timeout = 10 }
    local _, done = drive(call, 0, always { status = 429, headers = { ["Retry-After"] = "60" } })
    assert.is_true(done <= 10)
    local _, err = call:result()
    assert.equal("limit", err.kind)
    assert.equal(60, err.retry_after)
  end)
end)

describe("calls that write to the same user", function()
  local client

  before_each(function() client = assert(auth0perm.new { domain = "acme.eu.auth0.com", token = "given" }) end)

  after_each(function() client:close() end)

  local function prepare(operation, user)
    return assert(client:prepare(operation, user, support.permissions "a"))
  end

  it("do so one after the other, in the order in which they were begun", function()
    local assign, remove = prepare("assign_user_permissions", "auth0|1"), prepare("remove_user_permissions", "auth0|1")
    assert.equal("send", (assign:next(0)))
    assert.equal("wait", (remove:next(0)))
    assign:feed({ status = 201 }, 1)
    assert.equal("send", (remove:next(1)))
  end)

  it("do not wait for reads or for writes to other users", function()
    local assign = prepare("assign_user_permissions", "auth0|1")
    assert.equal("send", (assign:next(0)))
    assign:feed({ status = 503, headers = { ["x-ratelimit-limit"] = "50", ["x-ratelimit-remaining"] = "49" } }, 0)
    assert.equal("send", (client:prepare("list_user_permissions", "auth0|1"):next(1)))
  end)

  it("continue when the one before is canceled or collected", function()
    local first, second = prepare("assign_user_permissions", "auth0|1"), prepare("remove_user_permissions", "auth0|1")
    first:next(0)
    assert.equal("wait", (second:next(0)))
    first:cancel()
    assert.not_equal("done", (second:next(30)))
    second:cancel()
    first = prepare("assign_user_permissions", "auth0|1")
    first:next(40)
    first = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.equal("send", (prepare("remove_user_permissions", "auth0|1"):next(99)))
  end)
end)

describe("against the tenant", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  local function remove()
    return client:remove_user_permissions(support.user, support.permissions "write:reports")
  end

  it("a removal survives every temporary failure", function()
    for _, fault in ipairs {
      { kind = "status", status = 503 }, { kind = "html", status = 502 }, { kind = "reset_before" },
      { kind = "close_before" }, { kind = "reset_during", applied = true }, { kind = "truncated", applied = true },
      { kind = "status", status = 429, headers = { ["Retry-After"] = "1" } },
    } do
      tenant.fault(fault)
      assert.is_true(remove(), fault.kind)
    end
  end)

  it("a request whose response stalls after its headers ends at request_timeout and is retried", function()
    client:close()
    client = support.client { request_timeout = 0.3 }
    tenant.fault { kind = "stall", seconds = 10 }
    assert.is_table(client:list_user_permissions(support.user))
  end)

  it("a request that libcurl resends on its own, on a dead connection, is one attempt", function()
    assert.is_true(remove())
    tenant.fault { kind = "close_before" }
    assert.is_true(remove())
    tenant.forget_requests()
    local call = assert(client:start("remove_user_permissions", support.user, support.permissions "a"))
    support.finish(client)
    assert.equal(1, call:info().attempts)
    assert.equal(204, call:info().status)
    assert.is_true(call:info().reused)
    assert.equal(50, call:info().limit)
  end)

  it("a cancel during a pause leaves nothing running", function()
    tenant.fault { kind = "status", status = 503, headers = { ["Retry-After"] = "30" } }
    local call = assert(client:start("remove_user_permissions", support.user, support.permissions "a"))
    support.wait_until(function()
      client:step(0.02)
      return #tenant.requests() == 1
    end)
    client:step(0.1)
    assert.is_false(call:done())
    assert.is_true(call:cancel())
    assert.equal(0, client:step(0))
    assert.equal(1, #tenant.requests())
  end)

  it("writes to one user arrive in order, however many are started", function()
    tenant.settings { latency = 0.005 }
    local calls = {}
    for i = 1, 20 do
      local operation = i % 2 == 1 and "assign_user_permissions" or "remove_user_permissions"
      calls[i] = assert(client:start(operation, support.user, support.permissions "write:reports"))
    end
    tenant.fault { kind = "status", status = 503, after = 4 }
    support.finish(client)
    for _, call in ipairs(calls) do assert.is_true(call:result()) end
    assert.same({}, tenant.user(support.user).permissions)
    local previous
    for _, request in ipairs(tenant.requests()) do
      if request.status ~= 503 then
        assert.not_equal(previous, request.method)
        previous = request.method
      end
    end
  end)
end)
