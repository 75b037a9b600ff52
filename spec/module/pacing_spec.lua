-- Pacing against the tenant's own limiter, which refuses requests that come too early. The simulator (make pacing) checks
-- the figures; this shows that they hold on real connections, too.

local socket = require "socket"
local support = require "spec.support"
local tenant = support.tenant

describe("pacing", function()
  -- Starts `count` lists at once; returns how many seconds they took and how many requests were refused.
  local function run(count, options)
    local client = support.client(options)
    local calls = {}
    local began = socket.gettime()
    for i = 1, count do
      calls[i] = assert(client:start("list_user_permissions", support.user, { timeout = 120 }))
    end
    while client:step(1) > 0 do end -- ends, because each call has a deadline
    local took = socket.gettime() - began
    client:close()
    for _, call in ipairs(calls) do assert.is_table(call:result()) end
    local refused = 0
    for _, request in ipairs(tenant.requests()) do
      if request.status == 429 then refused = refused + 1 end
    end
    return took, refused
  end

  for _, mode in ipairs { "drip", "window" } do
    it("completes 600 operations at 50/16 in little more than the least time, with hardly a refusal: " .. mode, function()
      tenant.reset()
      tenant.settings { bucket = 50, refill = 16, mode = mode, enforce = true }
      local took, refused = run(600)
      local ideal = (600 - 50) / 16
      print(("pacing: %s 50/16, 600 operations: ideal/actual %.3f, %d refused"):format(mode, ideal / took, refused))
      assert.is_true(refused <= 3)
      assert.is_true(ideal / took > 0.9) -- a busy machine adds to the time; the figure is printed
    end)
  end

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
