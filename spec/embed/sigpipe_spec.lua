-- What the host keeps of SIGPIPE, whichever libcurl it has. sigpipe.c is the host.

local support = require "spec.support"
local hosts = require "spec.embed.hosts"
local build, run, tenant = hosts.build, hosts.run, support.tenant

describe("a libcurl that raises SIGPIPE", function()
  before_each(tenant.reset)

  for how, title in pairs {
    default = "does not end a host that leaves the signal alone",
    blocked = "leaves none pending in a host that blocks it",
    pending = "takes none from a host that has one pending",
  } do
    it(title, function() run("%s/sigpipe %s", build, how) end)
  end
end)

describe("a libcurl that raises no SIGPIPE", function()
  it("has nobody look at the host's signals", function()
    tenant.reset()
    run("%s/sigpipe new", build)
  end)
end)
