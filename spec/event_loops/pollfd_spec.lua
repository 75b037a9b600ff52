-- pollfd, events and timeout, by themselves.

local driving = require "spec.event_loops.driving"
local loops = require "spec.event_loops.loops"
local socket = require "socket"
local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

local after, start, assert_lists, start_proxy = driving.after, driving.start, driving.assert_lists, driving.start_proxy
local QUIET = loops.QUIET

describe("pollfd", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  it("is the same descriptor for the client's whole life", function()
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

  it("is watched for reading only", function()
    assert.equal("r", client:events())
  end)

  it("stays quiet when the tenant closes idle connections", function()
    local port, stop = start_proxy()
    client:close()
    client = support.client { proxy = "http://127.0.0.1:" .. port }
    start(client, 10)
    support.finish(client)
    stop()
    socket.sleep(0.2)
    local run = loops.run(loops.drivers.select, { client }, after(QUIET))
    assert.is_true(run.steps <= 20) -- one for each closed connection would be all right
  end)

  it("is nil, like timeout, when the client is closed", function()
    start(client, 1)
    client:close()
    assert.is_nil(client:pollfd())
    assert.is_nil(client:timeout())
    assert.equal("r", client:events())
  end)

  it("raises, like timeout, for a client without a driver", function()
    local other = assert(auth0perm.new { domain = "acme.eu.auth0.com", token = "given", driver = "none" })
    assert.error_matches(function() other:pollfd() end, "'pollfd': this client has no driver")
    assert.error_matches(function() other:timeout() end, "'timeout': this client has no driver")
  end)
end)

describe("timeout", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  it("is 0 when a step has something to do at once", function()
    start(client, 1)
    assert.equal(0, client:timeout())
    support.finish(client)
    assert.is_nil(client:timeout())
  end)

  it("never passes a deadline, and counts down by itself", function()
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
