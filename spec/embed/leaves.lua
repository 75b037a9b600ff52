-- A closed state leaves nothing behind in its host. Each spec file chooses how the state gets the module: linked in
-- ("static"), or as a shared library at a path.

local hosts = require "spec.embed.hosts"
local tenant = require "spec.tenant.control"

local title, module = ...

describe("a state with the module in it", function()
  before_each(tenant.reset)

  -- Opens, uses and closes states; fails if anything is left behind.
  local function leaves_nothing(scene, rounds)
    hosts.run("GLIBC_TUNABLES=glibc.malloc.tcache_count=0 %s/leaves %s %s %d", hosts.build, module, scene, rounds)
  end

  describe("(" .. title .. ") leaves no thread, descriptor, handler or memory behind", function()
    it("when the module was loaded and not used", function() leaves_nothing("loaded", 20) end)

    it("when a client was made and not used", function() leaves_nothing("made", 20) end)

    it("after calls", function() leaves_nothing("blocking", 20) end)

    it("after calls on HTTP/2", function() leaves_nothing("http2", 20) end)

    it("after a client was closed", function() leaves_nothing("closed", 20) end)

    it("after a connection was refused", function() leaves_nothing("refused", 20) end)

    it("with a call in flight", function()
      tenant.fault { kind = "delay", seconds = 60, count = 1000 }
      leaves_nothing("in_flight", 20)
    end)

    it("while a name is being resolved", function() leaves_nothing("resolving", 10) end)
  end)

  describe("(" .. title .. ") does not wait for a name that is being resolved", function()
    it("when the call is canceled", function() leaves_nothing("canceled_resolving", 5) end)

    it("when connect_timeout expires", function() leaves_nothing("timed_out_resolving", 5) end)
  end)
end)
