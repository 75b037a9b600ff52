-- The module as a static library, linked into hosts.

local hosts = require "spec.embed.hosts"
local support = require "spec.support"
local build, run, tenant = hosts.build, hosts.run, support.tenant

describe("the static library", function()
  it("exports one symbol, so that no name of the module can clash with one of the host", function()
    local shown = {}
    for name in run("nm -g --defined-only %s/libauth0perm.a", build):gmatch " [A-Z] (%S+)" do
      shown[#shown + 1] = name
    end
    assert.same({ "luaopen_auth0perm" }, shown)
  end)

  it("works in the example host, whose two states free all memory", function()
    tenant.reset()
    local names = { "read:reports", "write:reports", "delete:reports" }
    assert(support.client():assign_user_permissions(support.user, { [support.api] = names }))
    local output = run("examples/embed/run %s/embed", build)
    for _, state in ipairs { "game", "editor" } do
      for _, name in ipairs(names) do assert.matches(state .. ": frame %d+: " .. name .. ": removed\n", output) end
      assert.matches(state .. ": 0 bytes not freed, peak %d+; ", output)
    end
    assert.same({}, tenant.user(support.user).permissions)
  end)
end)
