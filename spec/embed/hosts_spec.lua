-- What a host in C sees of the module: linked in or loaded, in states that are opened and closed, in processes that fork. The
-- programs are built of spec/embed and examples/embed; what they find, they say.

local support = require "spec.support"
local tenant = support.tenant

-- Where the module and the programs were built: `make check` has Lua look there first.
local build = os.getenv "LUA_CPATH":match "^([^;]*)/%?%.so"

-- Runs a command; its output is part of the failure when it does not end with 0.
local function run(command, ...)
  local output, status = support.run(command:format(...))
  assert(status == 0, ("status %d: %s"):format(status, output))
  return output
end

describe("a state with the module in it", function()
  before_each(tenant.reset)

  -- Opens, uses and closes states; fails where anything is left behind.
  local function leaves_nothing(module, scene, rounds)
    run("GLIBC_TUNABLES=glibc.malloc.tcache_count=0 %s/leaves %s %s %d", build, module, scene, rounds)
  end

  for title, module in pairs { ["linked in"] = "static", ["a shared library"] = build .. "/auth0perm.so" } do
    describe("(" .. title .. ") leaves no thread, descriptor, handler or memory behind", function()
      it("when the module was loaded and not used", function() leaves_nothing(module, "loaded", 20) end)

      it("when a client was made and not used", function() leaves_nothing(module, "made", 20) end)

      it("after calls", function() leaves_nothing(module, "blocking", 20) end)

      it("after calls on HTTP/2", function() leaves_nothing(module, "http2", 20) end)

      it("after a client was closed", function() leaves_nothing(module, "closed", 20) end)

      it("after a connection was refused", function() leaves_nothing(module, "refused", 20) end)

      it("with a call in flight", function()
        tenant.fault { kind = "delay", seconds = 60, count = 1000 }
        leaves_nothing(module, "in_flight", 20)
      end)

      it("while a name is being resolved", function() leaves_nothing(module, "resolving", 10) end)
    end)

    describe("(" .. title .. ") does not wait for a name that is being resolved", function()
      it("when the call is canceled", function() leaves_nothing(module, "canceled_resolving", 5) end)

      it("when the time for a connection is over", function() leaves_nothing(module, "timed_out_resolving", 5) end)
    end)
  end
end)

describe("after a fork", function()
  before_each(tenant.reset)

  -- Runs a scene; returns the number of the connection that each request came on, in the order of the requests, the first
  -- connection being 1.
  local function connections(scene)
    run("%s/forks %s", build, scene)
    local numbers, count, list = {}, 0, {}
    for i, request in ipairs(tenant.requests()) do
      assert.equal(204, request.status)
      if not numbers[request.connection] then
        count = count + 1
        numbers[request.connection] = count
      end
      list[i] = numbers[request.connection]
    end
    return table.concat(list, " ")
  end

  for title, suffix in pairs { ["HTTP/1.1"] = "", ["HTTP/2"] = "_http2" } do
    describe("(" .. title .. ")", function()
      it("a child opens a connection of its own, and the parent keeps its own", function()
        assert.equal("1 2 2 1", connections("fork_kept" .. suffix))
      end)

      it("a child that closes its state says nothing on the parent's connection", function()
        assert.equal("1 1", connections("fork_unused" .. suffix))
      end)

      it("a call in flight is canceled in the child, goes on in the parent, and is sent once", function()
        tenant.fault { kind = "delay", seconds = 2, after = 1 }
        local order = connections("fork_in_flight" .. suffix)
        assert.is_truthy(order == "1 1 2 1" or order == "1 2 1 1", order)
      end)
    end)
  end

  it("a child that closes its client says nothing on the parent's connection", function()
    assert.equal("1 1", connections "fork_close")
  end)

  it("a child that ends says nothing on the parent's connection", function()
    assert.equal("1 1", connections "fork_exit")
  end)

  it("a child's own child opens a connection of its own", function()
    assert.equal("1 2 2 3 3 2 1", connections "fork_twice")
  end)

  it("a call whose name is being resolved is canceled in the child and goes on in the parent", function()
    assert.equal("1", connections "fork_resolving")
  end)

  it("a child whose call waits does not spin for the sake of its parent's time limits", function()
    tenant.fault { kind = "delay", seconds = 3, method = "DELETE", after = 1 }
    tenant.fault { kind = "status", status = 429, headers = { ["Retry-After"] = "8" }, method = "GET" }
    run("%s/forks fork_waiting", build)
  end)

  it("a child closes its state while a thread of its parent's resolves a name", function()
    assert.equal("1", connections "fork_resolving_unused")
  end)
end)

describe("the static library", function()
  it("shows one symbol, so that no name of the module's meets one of the host's", function()
    local shown = {}
    for name in run("nm -g --defined-only %s/libauth0perm.a", build):gmatch " [A-Z] (%S+)" do shown[#shown + 1] = name end
    assert.same({ "luaopen_auth0perm" }, shown)
  end)

  it("serves the example host, whose two states give all memory back", function()
    tenant.reset()
    local names = { "read:reports", "write:reports", "delete:reports" }
    assert(support.client():assign_user_permissions(support.user, { [support.api] = names }))
    local output = run("examples/embed/run %s/embed", build)
    for _, state in ipairs { "game", "editor" } do
      for _, name in ipairs(names) do assert.matches(state .. ": frame %d+: " .. name .. ": removed\n", output) end
      assert.matches(state .. ": 0 bytes are left of %d+ at the most", output)
    end
    assert.same({}, tenant.user(support.user).permissions)
  end)
end)
