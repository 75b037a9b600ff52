-- Pacing where a client sets the rate, and where no response says how fast it may go.

local support = require "spec.support"
local tenant = support.tenant
local run = require "spec.pacing.pacing".run

describe("pacing", function()
  it("keeps to max_rate", function()
    tenant.reset()
    tenant.settings { bucket = 1000, refill = 1000, enforce = true }
    local took = run(40, { max_rate = 20 })
    assert.is_true(took >= 39 / 20 - 0.1)
  end)

  it("does not pace requests without rate limit headers until a 429 comes", function()
    tenant.reset()
    tenant.fault { kind = "status", status = 200, count = 50,
      body = '{"permissions":[],"start":0,"limit":50,"total":0}', headers = { ["x-ratelimit-limit"] = "" } }
    local took = run(40)
    assert.is_true(took < 20)
  end)
end)
