-- Processes that fork while a Lua state has an open client.

local hosts = require "spec.embed.hosts"
local support = require "spec.support"
local build, run, tenant = hosts.build, hosts.run, support.tenant

describe("after a fork", function()
  before_each(tenant.reset)

  -- Runs a scene; returns, for each request in order, the number of its connection, counted from 1.
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

      it("a child that closes its state sends nothing on the parent's connection", function()
        assert.equal("1 1", connections("fork_unused" .. suffix))
      end)

      it("a call in flight is canceled in the child, continues in the parent, and is sent once", function()
        tenant.fault { kind = "delay", seconds = 2, after = 1 }
        local order = connections("fork_in_flight" .. suffix)
        assert.is_truthy(order == "1 1 2 1" or order == "1 2 1 1", order)
      end)
    end)
  end

  it("a child that closes its client sends nothing on the parent's connection", function()
    assert.equal("1 1", connections "fork_close")
  end)

  it("a child that exits sends nothing on the parent's connection", function()
    assert.equal("1 1", connections "fork_exit")
  end)

  it("a child's own child opens a connection of its own", function()
    assert.equal("1 2 2 3 3 2 1", connections "fork_twice")
  end)

  it("a call whose name is being resolved is canceled in the child and continues in the parent", function()
    assert.equal("1", connections "fork_resolving")
  end)

  it("a child whose call waits does not spin because of its parent's timeouts", function()
    tenant.fault { kind = "delay", seconds = 3, method = "DELETE", after = 1 }
    tenant.fault { kind = "status", status = 429, headers = { ["Retry-After"] = "8" }, method = "GET" }
    run("%s/forks fork_waiting", build)
  end)

  it("a child can close its state while a thread of its parent is resolving a name", function()
    assert.equal("1", connections "fork_resolving_unused")
  end)
end)
