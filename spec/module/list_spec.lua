-- Lists: all pages, each requested once, and never an incomplete list that looks complete.

local support = require "spec.support"
local tenant = support.tenant

describe("a list", function()
  local client

  -- Replaces the example user's direct permissions by `count` new ones, p0001 and on.
  local function seed(count)
    tenant.empty()
    local scopes, held = {}, {}
    for i = 1, count do
      scopes[i] = ("p%04d"):format(i)
      held[i] = { resource_server_identifier = support.api, permission_name = scopes[i] }
    end
    tenant.seed {
      resource_servers = { { identifier = support.api, scopes = scopes } },
      users = { { user_id = support.user, permissions = held } },
    }
  end

  -- Reads the list, and checks that each permission is in it once and in order.
  local function check(count, requests)
    local list = assert(client:list_user_permissions(support.user))
    assert.equal(count, #list)
    for i, permission in ipairs(list) do
      assert.equal(("p%04d"):format(i), permission.permission_name)
    end
    assert.equal(requests, #tenant.requests())
    tenant.forget_requests()
  end

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  it("has all members that the API sends, including those of the sources", function()
    client:assign_user_permissions(support.user, support.permissions "write:reports")
    local list = client:list_user_permissions(support.user)
    assert.equal("read:reports write:reports", support.names(list))
    assert.equal("Example API", list[2].resource_server_name)
    assert.equal(support.api, list[2].resource_server_identifier)
    assert.equal("ROLE", list[1].sources[1].source_type)
    assert.equal("Auditor", list[1].sources[1].source_name)
    assert.equal("DIRECT", list[2].sources[1].source_type)
  end)

  it("without items is an empty table", function()
    seed(0)
    check(0, 1)
  end)

  it("is read page by page, without a request after the last page", function()
    for _, case in ipairs { { 1, 1 }, { 99, 1 }, { 100, 1 }, { 101, 2 }, { 200, 2 }, { 201, 3 }, { 1000, 10 } } do
      seed(case[1])
      check(case[1], case[2])
    end
  end)

  it("is complete when the tenant caps pages below the requested size", function()
    for _, cap in ipairs { 50, 30, 7, 1 } do
      seed(101)
      tenant.settings { page_cap = cap }
      check(101, math.ceil(101 / cap))
    end
  end)

  it("is complete when the cap changes between two pages", function()
    seed(250)
    for _, page in ipairs { { 100, 0, 0 }, { 40, 80, 1 } } do
      local items = {}
      for i = 1, page[1] do
        items[i] = ('{"permission_name":"p%04d"}'):format(page[2] + i)
      end
      tenant.fault { kind = "status", status = 200,
        body = ('{"permissions":[%s],"start":%d,"limit":%d,"total":250}'):format(
          table.concat(items, ","), page[2], page[1]) }
    end
    local list = assert(client:list_user_permissions(support.user))
    assert.equal(250, #list)
    for i, permission in ipairs(list) do
      assert.equal(("p%04d"):format(i), permission.permission_name)
    end
  end)

  -- Lists permissions from a tenant that contradicts itself with these responses.
  local function inconsistent(...)
    for _, body in ipairs { ... } do
      tenant.fault { kind = "status", status = 200, body = body }
    end
    return client:list_user_permissions(support.user)
  end

  it("with a gap between its pages is an error", function()
    local list, err = inconsistent('{"permissions":[{"permission_name":"a"}],"start":0,"limit":1,"total":3}',
      '{"permissions":[{"permission_name":"c"}],"start":2,"limit":1,"total":3}')
    assert.is_nil(list)
    assert.equal("protocol", err.kind)
    assert.matches("expected item 1 of 3 next", err.message)
  end)

  it("that ends before its total is an error", function()
    local list, err = inconsistent('{"permissions":[{"permission_name":"a"}],"start":0,"limit":1,"total":3}',
      '{"permissions":[],"start":1,"limit":1,"total":3}')
    assert.is_nil(list)
    assert.equal("protocol", err.kind)
  end)

  it("that shrinks while it is read ends at its new end", function()
    local list = inconsistent('{"permissions":[{"permission_name":"a"}],"start":0,"limit":1,"total":3}',
      '{"permissions":[],"start":1,"limit":1,"total":1}')
    assert.equal("a", support.names(list))
  end)

  it("with absurd numbers neither crashes nor loops", function()
    for _, body in ipairs {
      '{"permissions":[],"start":1e300,"limit":-5,"total":1e300}',
      '{"permissions":[],"start":-1,"limit":0,"total":0.5}',
      '{"permissions":[],"start":"0","limit":{},"total":[]}', '{"permissions":[1,"two",null,true]}',
      '{"permissions":{"a":1},"start":0,"limit":50,"total":0}',
      '{"permissions":[],"start":9007199254740992,"limit":1,"total":1}',
    } do
      tenant.fault { kind = "status", status = 200, body = body }
      tenant.fault { kind = "status", status = 200, body = '{"permissions":[],"start":0,"limit":50,"total":0}' }
      local list, err = client:list_user_permissions(support.user)
      assert.is_truthy(list or err.kind == "protocol")
      tenant.reset()
    end
  end)

  it("fails whole when a later page fails", function()
    seed(150)
    tenant.fault { kind = "status", status = 501, after = 1 }
    local list, err = client:list_user_permissions(support.user)
    assert.is_nil(list)
    assert.equal(501, err.status)
    assert.equal(1, err.attempts)
  end)

  it("has integers if the Lua version has them, and no nulls", function()
    local list = inconsistent('{"permissions":[{"permission_name":"a","description":null,"count":3,"share":0.5,'
      .. '"nested":{"n":[1,2.5,{"deep":-7}],"gone":null}}],"start":0,"limit":50,"total":1}')
    local item = list[1]
    assert.is_nil(item.description)
    assert.is_nil(next(item.nested, "n"))
    assert.equal("3 0.5 1 2.5 -7", ("%s %s %s %s %s"):format(item.count, item.share, item.nested.n[1], item.nested.n[2],
      item.nested.n[3].deep))
  end)

  it("does not change the settings of the program's own cjson", function()
    local cjson = require "cjson"
    assert.equal(1000, (cjson.decode_max_depth()))
  end)
end)
