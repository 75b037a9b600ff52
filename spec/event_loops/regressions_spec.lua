-- Faults that event loops met and that were mended: each spec says what went wrong.

local loops = require "spec.event_loops.loops"
local support = require "spec.support"
local tenant = support.tenant

describe("once", function()
  before_each(tenant.reset)

  it("nothing woke the loop for a connection that a callback's cancel had freed for the next call", function()
    tenant.settings { bucket = 1000, refill = 1000 }
    local client = support.client { max_connections = 1 }
    assert(client:list_user_permissions(support.user))
    tenant.fault { kind = "delay", seconds = 30, path = "/roles/" }
    local first = assert(client:start("list_user_permissions", support.user))
    local second = assert(client:start("get_role", "rol_x"))
    local third = assert(client:start("list_user_permissions", support.user, { timeout = 15 }))
    first:on_done(function() second:cancel() end)
    loops.run(loops.drivers.select, { client }, function() return third:done() end)
    assert(third:result())
    client:close()
  end)
end)
