-- Pacing against the tenant's own limiter, which refuses requests that come too early. The simulator (make pacing)
-- checks the figures; this shows that they hold on real connections, too. Each spec file names how the bucket is
-- refilled.

local support = require "spec.support"
local tenant = support.tenant
local run = require "spec.pacing.pacing".run

local mode = ...

describe("pacing", function()
  it("completes 600 operations at 50/16 in little more than the least time, with hardly a refusal: " .. mode, function()
    tenant.reset()
    tenant.settings { bucket = 50, refill = 16, mode = mode, enforce = true }
    local took, refused = run(600)
    local ideal = (600 - 50) / 16
    print(("pacing: %s 50/16, 600 operations: ideal/actual %.3f, %d refused"):format(mode, ideal / took, refused))
    assert.is_true(refused <= 3)
    assert.is_true(ideal / took > 0.9) -- a busy machine adds to the time; the figure is printed
  end)
end)
