-- One spec for each bug that was found and fixed, named after what went wrong.

local socket = require "socket"
local support = require "spec.support"
local tenant = support.tenant

-- Makes the garbage collector call a function as soon as it runs.
local function on_collection(action)
  local newproxy = rawget(_G, "newproxy")
  if newproxy then
    local proxy = newproxy(true)
    getmetatable(proxy).__gc = action
  else
    setmetatable({}, { __gc = action })
  end
end

describe("a fixed bug:", function()
  before_each(tenant.reset)

  it("a client closed by a finalizer while responses were read gave one call another's items, or crashed", function()
    tenant.settings { bucket = 1000, refill = 1000 }
    for _ = 1, 20 do
      local client = support.client()
      assert(client:list_user_permissions(support.user))
      local calls = {}
      for i = 1, 2 do calls[i] = assert(client:start("list_user_permissions", support.user)) end
      client:step(0)
      socket.sleep(0.02)
      for _ = 1, 50 do on_collection(function() client:close() end) end
      client:step(0)
      collectgarbage()
      client:step(0)
      for _, call in ipairs(calls) do
        assert.is_true(call:done())
        local list, err = call:result()
        assert.is_true(list and #list == 1 or err.kind == "closed")
      end
    end
  end)

  it("a hook that raised while a response was read was reported as an invalid response", function()
    local output = support.run_lua [[
      local support = require "spec.support"
      for nth = 1, 3 do
        local client = support.client()
        local method, count = client.list_user_permissions, 0
        debug.sethook(function()
          local called = debug.getinfo(2, "f").func
          if called == method or called == debug.sethook or called == pcall then return end
          count = count + 1
          if count == nth then
            debug.sethook()
            error("interrupted!", 0)
          end
        end, "c")
        local ok, message = pcall(method, client, support.user)
        debug.sethook()
        io.write(tostring(ok), " ", tostring(message), "; ")
      end
    ]]
    assert.equal(("false interrupted!; "):rep(3), output)
  end)

  it("a prepared call could be used again after it was collected", function()
    local client = support.client()
    local step, done
    do
      local call
      on_collection(function() step, done = call:next(), call:done() end)
      call = assert(client:prepare("remove_user_permissions", support.user, support.permissions "a"))
    end
    for _ = 1, 3 do collectgarbage() end
    assert.is_truthy(step == nil or step == "done" and done or step == "send")
    client:close()
  end)

  it("keys that a finalizer added to a map while it was read were written past the end of a block", function()
    local client = support.client { domain = "localhost:1" }
    for round = 1, 30 do
      local map, armed = {}, true
      for i = 1, 3 + round do map["urn:" .. i] = { "p" } end
      on_collection(function()
        if not armed then return end
        armed = false
        for i = 1, 500 do map["extra" .. i] = { "p" } end
      end)
      pcall(client.prepare, client, "remove_user_permissions", "u", map)
      armed = false
    end
    client:close()
  end)

  it("new raised an error in programs where undeclared globals raise", function()
    local output = support.run_lua [[
      local support = require "spec.support"
      setmetatable(_G, { __index = function(_, name) error("undeclared variable " .. name) end })
      print(pcall(support.client))
    ]]
    assert.matches("^true\tauth0perm client", output)
  end)

  it("libcurl resent a write on its own, and maybe_applied was false for a write that had been applied", function()
    local client = support.client { max_retries = 0 }
    assert(client:list_user_permissions(support.user))
    tenant.fault { kind = "close_before", applied = true }
    tenant.fault { kind = "status", status = 403 }
    local ok, err = client:assign_user_permissions(support.user, support.permissions "write:reports")
    client:close()
    assert.is_nil(ok)
    assert.equal("transport", err.kind)
    assert.is_true(err.maybe_applied)
    assert.equal(2, #tenant.requests())
  end)

  it("a name with a zero byte was accepted as another name", function()
    local client = support.client()
    assert.is_false((pcall(client.start, client, "list_user_permissions\0x", support.user)))
    assert.is_false((pcall(support.auth0perm.new, { domain = "a", ["token\0x"] = "b" })))
    client:close()
  end)

  it("a token function that canceled the next waiting call left the others waiting forever, past their deadlines",
    function()
    local calls = {}
    local client = support.client { token = function()
      calls[2]:cancel()
      return tenant.token, 3600
    end }
    for i = 1, 4 do calls[i] = assert(client:start("list_user_permissions", support.user)) end
    support.finish(client)
    assert.equal("canceled", select(2, calls[2]:result()).kind)
    for _, i in ipairs { 1, 3, 4 } do assert(calls[i]:result()) end
    assert.equal(0, client:step(0))
    assert.is_nil(client:timeout())
    client:close()
  end)
end)

describe("calls behind one that waits", function()
  before_each(tenant.reset)

  local function started(client, number, options)
    local calls = {}
    for i = 1, number do calls[i] = client:start("list_user_permissions", "auth0|" .. i, options) end
    return calls
  end

  it("say in a timeout what they all waited for", function()
    local client = support.client { max_rate = 0.1, timeout = 1 }
    local calls = started(client, 5)
    support.finish(client)
    local count = 0
    for _, call in ipairs(calls) do
      local _, err = call:result()
      if err.kind == "timeout" then
        assert.matches("waiting for the rate limit$", err.message)
        count = count + 1
      end
    end
    assert.equal(4, count)
    client:close()
  end)

  it("end at once if they have no time for the pause that the token endpoint asks for", function()
    tenant.fault { kind = "status", status = 429, path = "/oauth/token", headers = { ["Retry-After"] = "30" } }
    local client = assert(support.auth0perm.new {
      domain = tenant.domain, ca_file = tenant.ca_file, client_id = "app", client_secret = "s" })
    started(client, 1)
    local hurried = support.wait_until(function() -- the tenant may take a while to say so
      local call = started(client, 1, { timeout = 20 })[1]
      client:step()
      return call:done() and call
    end)
    assert.equal("limit", select(2, hurried:result()).kind)
    client:close()
  end)
end)
