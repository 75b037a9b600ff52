-- A client's life: methods that block, start and step, close.

local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

local function remove(client)
  return client:remove_user_permissions(support.user, support.permissions "write:reports")
end

local function start(client, options)
  return assert(client:start("remove_user_permissions", support.user, support.permissions "write:reports", options))
end

describe("a client", function()
  before_each(tenant.reset)

  it("shows only its tenant and its state in tostring", function()
    local client = support.client()
    assert.equal("auth0perm client (" .. tenant.domain .. ")", tostring(client))
    client:close()
    assert.equal("auth0perm client (closed)", tostring(client))
  end)

  it("hides its metatable", function()
    assert.equal("protected", getmetatable(support.client()))
  end)

  it("can be closed repeatedly, and refuses calls afterwards", function()
    local client = support.client()
    assert.is_true(remove(client))
    client:close()
    client:close()
    for _, attempt in ipairs {
      function() return remove(client) end,
      function() return client:list_user_permissions(support.user) end,
      function() return client:start("list_user_permissions", support.user) end,
      function() return client:prepare("list_user_permissions", support.user) end,
      function() return client:step() end,
    } do
      local ok, err = attempt()
      assert.is_nil(ok)
      assert.equal("closed", err.kind)
    end
    assert.equal(1, #tenant.requests())
  end)

  it("closes its connections when it is closed and when it is collected", function()
    local before = support.open_connections(0)
    local client = support.client()
    remove(client)
    assert.equal(before + 1, select(2, tenant.connections()))
    client:close()
    client = support.client()
    remove(client)
    client = nil -- luacheck: ignore
    assert.equal(before, support.open_connections(before))
  end)

  if _VERSION >= "Lua 5.4" then
    it("is closed at the end of its scope if it is a to-be-closed variable", function()
      local block = assert(load [[
        local support = ...
        local client <close> = support.client()
        return client
      ]])
      assert.equal("auth0perm client (closed)", tostring(block(support)))
    end)
  end

  it("without a token returns an error that says so", function()
    local client = assert(auth0perm.new { domain = tenant.domain, ca_file = tenant.ca_file })
    local ok, err = remove(client)
    assert.is_nil(ok)
    assert.equal("token", err.kind)
    assert.equal("the client has no token and no client_id", err.message)
    assert.equal(0, #tenant.requests())
    client:close()
  end)

  it("may be one of many", function()
    local clients = {}
    for i = 1, 20 do
      clients[i] = support.client()
      assert.is_true(remove(clients[i]))
    end
    for _, client in ipairs(clients) do client:close() end
  end)

  it("works in a coroutine", function()
    local client = support.client()
    local thread = coroutine.wrap(function() return remove(client) end)
    assert.is_true(thread())
    client:close()
  end)

  it("raises if one of its methods gets something else as the client", function()
    local client = support.client()
    assert.has_error(function() client.step({}) end)
    assert.has_error(function()
      client.remove_user_permissions(client:prepare("list_user_permissions", support.user))
    end)
    client:close()
  end)

  it("lets Ctrl-C in lua interrupt a waiting call", function()
    tenant.fault { kind = "delay", seconds = 20 }
    local output, status = support.run_lua [[
      local support = require "spec.support"
      local client = support.client()
      local pipe = io.popen("sleep 0.5; kill -INT $PPID 2>/dev/null; exec true", "r")
      print(client:remove_user_permissions(support.user, support.permissions "a"))
    ]]
    assert.equal(1, status)
    assert.matches("interrupted!", output)
  end)
end)

describe("started calls", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  it("have the results that the method would return", function()
    local removal = start(client)
    local list = assert(client:start("list_user_permissions", support.user))
    local failing = assert(client:start("list_user_permissions", "auth0|nobody"))
    assert.is_false(removal:done())
    support.finish(client)
    assert.is_true(removal:done() and list:done() and failing:done())
    assert.is_true(removal:result())
    assert.equal("read:reports", support.names(list:result()))
    local ok, err = failing:result()
    assert.is_nil(ok)
    assert.equal("inexistent_user", err.code)
    assert.equal("list_user_permissions", err.operation)
  end)

  it("show their operation and state in tostring", function()
    local call = start(client)
    assert.equal("auth0perm call (remove_user_permissions, not done)", tostring(call))
    support.finish(client)
    assert.equal("auth0perm call (remove_user_permissions, done)", tostring(call))
    call = assert(client:start("list_user_permissions", "auth0|nobody"))
    support.finish(client)
    assert.equal("auth0perm call (list_user_permissions, failed)", tostring(call))
  end)

  it("are counted by step", function()
    assert.equal(0, client:step())
    tenant.fault { kind = "delay", seconds = 0.3, count = 3 }
    for _ = 1, 3 do start(client) end
    assert.equal(3, client:step(0))
    support.finish(client)
    assert.equal(0, client:step(5))
  end)

  it("raise when asked for their result before they are done", function()
    local call = start(client)
    assert.has_error(function() call:result() end, "'result': the call is not done")
  end)

  it("can be driven only by their client", function()
    local call = start(client)
    for _, method in ipairs { "next", "feed", "fail", "authorize" } do
      local ok, message = pcall(call[method], call, "transport")
      assert.is_false(ok)
      assert.matches("the client drives this call", message)
    end
    support.finish(client)
    assert.is_true(call:result())
  end)

  it("run concurrently", function()
    remove(client) -- the first response says how many requests may be sent at once
    tenant.forget_requests()
    tenant.fault { kind = "delay", seconds = 0.4, count = 10 }
    local calls = {}
    for i = 1, 10 do
      calls[i] = assert(client:start("remove_user_permissions", "auth0|" .. i, support.permissions "a"))
    end
    support.finish(client)
    local first, last = math.huge, 0
    for _, request in ipairs(tenant.requests()) do
      first, last = math.min(first, request.time), math.max(last, request.time)
    end
    assert.equal(10, #tenant.requests())
    assert.is_true(last - first < 0.4)
    for _, call in ipairs(calls) do assert.is_true(call:done()) end
  end)

  it("wait for one of 16 connections in the order in which they were started", function()
    for i = 1, 200 do
      assert(client:start("remove_user_permissions", "auth0|" .. i, support.permissions "a"))
    end
    support.finish(client)
    assert.equal(200, #tenant.requests())
    assert.is_true(tenant.connections() <= 16)
    for i, request in ipairs(tenant.requests()) do
      local number = tonumber(request.uri:match "auth0%%7C(%d+)/")
      assert.is_true(math.abs(number - i) <= 32)
    end
  end)

  it("keep their deadline while they wait for a connection", function()
    tenant.fault { kind = "delay", seconds = 2, count = 16 }
    for _ = 1, 16 do start(client) end
    client:step(0)
    local late = start(client, { timeout = 0.2 })
    local steps = 0
    while not late:done() and steps < 100 do
      client:step(0.05)
      steps = steps + 1
    end
    local ok, err = late:result()
    assert.is_nil(ok)
    assert.equal("timeout", err.kind)
    assert.equal(0, err.attempts)
    assert.is_false(err.maybe_applied)
  end)

  it("make progress while a method of the same client blocks", function()
    local call = start(client)
    assert.is_table(client:list_user_permissions(support.user))
    support.finish(client)
    assert.is_true(call:result())
  end)

  it("are done at once when canceled, whether or not their request was sent", function()
    local early = start(client)
    assert.is_true(early:cancel())
    assert.is_true(early:done())
    assert.is_false(early:cancel())
    local _, err = early:result()
    assert.equal("canceled", err.kind)
    assert.is_false(err.maybe_applied)
    assert.equal(0, err.attempts)

    tenant.fault { kind = "delay", seconds = 5 }
    local late = start(client)
    support.wait_until(function() -- libcurl 8.14 takes another step between the handshake and the request
      client:step(0.02)
      return #tenant.requests() > 0
    end)
    assert.is_false(late:done())
    assert.is_true(late:cancel())
    _, err = late:result()
    assert.equal("canceled", err.kind)
    assert.is_true(err.maybe_applied)
    assert.equal(0, client:step(0))
    assert.is_true(remove(client))
  end)

  it("end with kind closed when their client is closed", function()
    tenant.fault { kind = "delay", seconds = 5, count = 20 }
    local calls = {}
    for i = 1, 20 do calls[i] = start(client) end
    client:step(0.1)
    client:close()
    for _, call in ipairs(calls) do
      local ok, err = call:result()
      assert.is_nil(ok)
      assert.equal("closed", err.kind)
    end
  end)

  it("survive when only their client refers to them", function()
    for _ = 1, 30 do start(client) end
    collectgarbage()
    support.finish(client)
    assert.equal(30, #tenant.requests())
  end)

  it("keep their client, and so their result, alive", function()
    local call
    do
      local short_lived = support.client()
      support.finish(short_lived)
      call = start(short_lived)
    end
    collectgarbage()
    collectgarbage()
    tenant.reset()
    assert.is_false(call:done()) -- the call keeps its client alive
    assert.is_true(call:cancel())
    assert.equal("canceled", select(2, call:result()).kind)
  end)

  it("can be collected together with their client", function()
    local watch = setmetatable({}, { __mode = "k" })
    for _ = 1, 10 do
      local other = support.client()
      watch[other] = true
      watch[start(other)] = true
      other:step(0)
    end
    for _ = 1, 4 do collectgarbage() end
    assert.is_nil(next(watch))
  end)

  it("may have their client closed by a finalizer while a response is being read", function()
    local items = {}
    for i = 1, 100 do items[i] = ('{"permission_name":"p%d","a":{"b":{"c":[1,2,3]}}}'):format(i) end
    local page = ('{"permissions":[%s],"start":0,"limit":100,"total":100}'):format(table.concat(items, ","))
    local newproxy = rawget(_G, "newproxy")
    for _, deed in ipairs {
      function(other) other:close() end,
      function(_, call) call:cancel() end,
      function(other) assert(other:step(0)) end,
    } do
      local other = support.client()
      for _ = 1, 4 do tenant.fault { kind = "status", status = 200, body = page } end
      local calls = {}
      for i = 1, 4 do calls[i] = assert(other:start("list_user_permissions", support.user)) end
      local function finalize() pcall(deed, other, calls[1]) end
      for _ = 1, 500 do
        if newproxy then
          local proxy = newproxy(true)
          getmetatable(proxy).__gc = finalize
        else
          setmetatable({}, { __gc = finalize })
        end
      end
      for _ = 1, 200 do
        if (other:step(0.05) or 0) == 0 then break end
      end
      for _, call in ipairs(calls) do
        assert.is_true(call:done())
        local list, err = call:result()
        assert.is_true(list and #list == 100 or err.kind == "closed" or err.kind == "canceled")
      end
      other:close()
      tenant.reset()
    end
  end)

  it("make step reject an invalid time", function()
    for _, seconds in ipairs { -1, 0 / 0, "1", {} } do
      assert.is_false((pcall(client.step, client, seconds)))
    end
  end)
end)
