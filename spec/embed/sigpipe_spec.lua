-- The module leaves the host's SIGPIPE unchanged with every libcurl. The host is sigpipe.c.

local support = require "spec.support"
local hosts = require "spec.embed.hosts"
local build, run, tenant = hosts.build, hosts.run, support.tenant

describe("a libcurl that raises SIGPIPE", function()
  before_each(tenant.reset)

  for how, title in pairs {
    default = "does not end a host with the default action",
    blocked = "leaves none pending in a host that blocks it",
    pending = "does not remove one that was pending in the host",
  } do
    it(title, function() run("%s/sigpipe %s", build, how) end)
  end
end)

describe("a libcurl that does not raise SIGPIPE", function()
  it("makes the module leave signals alone", function()
    tenant.reset()
    run("%s/sigpipe new", build)
  end)
end)
