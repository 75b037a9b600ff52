local host = require "spec.openresty.host"
local support = require "spec.support"
local tenant = support.tenant

describe("auth0perm.openresty", function()
  local nginx

  setup(function() nginx = host.start() end)
  teardown(function() nginx:stop() end)
  before_each(tenant.reset)

  it("removes what it assigned, and lists what is there", function()
    local ok, list, left = nginx:run [[
      local client = inside.client()
      assert(client:assign_user_permissions(inside.user, inside.permissions("read:reports", "write:reports")))
      assert(client:remove_user_permissions(inside.user, inside.permissions("write:reports")))
      return true, client:list_role_permissions("rol_Auditor0000000001"), client:list_user_permissions(inside.user)
    ]]
    assert.is_true(ok)
    assert.equal("read:reports", list[1].permission_name)
    assert.equal(1, #left)
    assert.equal(1, (tenant.connections()))
  end)
end)
