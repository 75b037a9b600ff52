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

  it("ends all calls at once that a 429 outlasts, those that wait and those to come", function()
    tenant.reset()
    tenant.fault { kind = "status", status = 429, headers = { ["Retry-After"] = "70" } }
    local client = support.client { timeout = 60 }
    local calls = {}
    for i = 1, 200 do calls[i] = assert(client:start("list_user_permissions", support.user)) end
    local patient = assert(client:start("list_user_permissions", support.user, { timeout = 1000 }))
    while client:step(1) > 1 do end
    for _, call in ipairs(calls) do
      local ok, err = call:result()
      assert.is_nil(ok)
      assert.equal("limit", err.kind)
      assert.equal(429, err.status)
      assert.is_true(err.retry_after > 10 and err.retry_after <= 70)
    end
    local ok, err = client:list_user_permissions(support.user)
    assert.is_nil(ok)
    assert.equal("limit", err.kind)
    assert.equal(0, err.attempts)
    assert.is_false(patient:done())
    assert.equal(1, #tenant.requests())
    client:close()
  end)
end)
