-- Lists that are paged by checkpoint, and client:each, which reads a list item by item.

local support = require "spec.support"
local tenant = support.tenant

local ROLE = "rol_many"

-- Gives a role `count` users, in order.
local function seed(count)
  tenant.empty()
  local users = {}
  for i = 1, count do
    users[i] = { user_id = ("auth0|%04d"):format(i), roles = { ROLE } }
  end
  tenant.seed { roles = { { id = ROLE, name = "Many" } } }
  tenant.seed { users = users }
end

-- Makes the tenant respond with these bodies.
local function respond(...)
  for _, body in ipairs { ... } do
    tenant.fault { kind = "status", status = 200, body = body }
  end
end

describe("a list by checkpoint", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  local function check(count, requests)
    local list = assert(client:list_role_users(ROLE))
    assert.equal(count, #list)
    for i, user in ipairs(list) do
      assert.equal(("auth0|%04d"):format(i), user.user_id)
    end
    assert.equal(requests, #tenant.requests())
    tenant.forget_requests()
  end

  it("is read page by page, without a request after the last page", function()
    for _, case in ipairs { { 0, 1 }, { 1, 1 }, { 100, 1 }, { 101, 2 }, { 1234, 13 } } do
      seed(case[1])
      check(case[1], case[2])
    end
  end)

  it("is complete when the tenant caps pages below the requested size", function()
    seed(101)
    tenant.settings { page_cap = 30 }
    check(101, 4)
  end)

  it("sends each checkpoint unchanged, percent-encoded", function()
    respond('{"users":[{"user_id":"a"}],"next":"a+/=&b \\u00e4"}', '{"users":[{"user_id":"b"}]}')
    assert.equal(2, #client:list_role_users(ROLE))
    assert.equal("/api/v2/roles/rol_many/users?take=100&from=a%2B%2F%3D%26b%20%C3%A4", support.last_request().uri)
  end)

  it("ends at a checkpoint that is null or empty", function()
    for _, last in ipairs { "null", '""' } do
      respond('{"users":[{"user_id":"a"}],"next":' .. last .. '}')
      assert.equal(1, #client:list_role_users(ROLE))
    end
  end)

  it("continues after an empty page", function()
    respond('{"users":[],"next":"x"}', '{"users":[{"user_id":"b"}]}')
    assert.equal(1, #client:list_role_users(ROLE))
  end)

  local function refused(...)
    tenant.reset()
    respond(...)
    local list, err = client:list_role_users(ROLE)
    assert.is_nil(list)
    assert.equal("protocol", err.kind)
    return err.message
  end

  it("whose checkpoint does not advance is an error and not an endless loop", function()
    local page = '{"users":[{"user_id":"a"}],"next":"%s"}'
    assert.matches("does not end", refused(page:format "x", page:format "x"))
    assert.matches("does not end", refused(page:format "x", page:format "y", page:format "x"))
    assert.matches('"next" is not a string', refused '{"users":[],"next":7}')
  end)

  it("whose query the tenant ignores is an error and not a short list", function()
    assert.matches("not a JSON object", refused('{"users":[{"user_id":"a"}],"next":"x"}', '[{"user_id":"a"}]'))
  end)
end)

describe("client:each", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  it("returns all items in order", function()
    for _, count in ipairs { 0, 1, 100, 101, 250 } do
      seed(count)
      local seen = 0
      for user in client:each("list_role_users", ROLE) do
        seen = seen + 1
        assert.equal(("auth0|%04d"):format(seen), user.user_id)
      end
      assert.equal(count, seen)
    end
  end)

  it("works with numbered pages and plain arrays too", function()
    local names = {}
    for permission in client:each("list_user_permissions", support.user) do
      names[#names + 1] = permission.permission_name
    end
    assert.same({ "read:reports" }, names)
    for user in client:each("list_users_by_email", "ada@example.com") do
      names[#names + 1] = user.user_id
    end
    assert.equal(support.user, names[2])
  end)

  it("requests a page only when it is needed", function()
    seed(25)
    local iterate = client:each("list_role_users", ROLE, { per_page = 10 })
    assert.equal(0, #tenant.requests())
    for i = 1, 25 do
      assert.is_table(iterate())
      assert.equal(math.ceil(i / 10), #tenant.requests())
    end
    assert.is_nil(iterate())
    assert.is_nil(iterate())
    assert.equal(3, #tenant.requests())
  end)

  it("keeps one page in memory at a time", function()
    seed(40)
    local held = setmetatable({}, { __mode = "k" })
    for user in client:each("list_role_users", ROLE, { per_page = 10 }) do
      held[user] = true
    end
    collectgarbage()
    collectgarbage()
    local count = 0
    for _ in pairs(held) do count = count + 1 end
    assert.is_true(count <= 10)
  end)

  it("can be left early without leaving anything behind", function()
    seed(30)
    for _ = 1, 20 do
      for user in client:each("list_role_users", ROLE, { per_page = 10 }) do
        if user.user_id == "auth0|0003" then break end
      end
    end
    assert.equal(0, client:step())
    client:close()
    assert.equal(0, support.open_connections(0))
  end)

  it("raises the error that the method would return, in the middle of a list, too", function()
    seed(30)
    tenant.fault { kind = "status", status = 500, after = 1, count = 100 }
    local seen = 0
    local ok, err = pcall(function()
      for _ in client:each("list_role_users", ROLE, { per_page = 10 }) do seen = seen + 1 end
    end)
    assert.is_false(ok)
    assert.equal(10, seen)
    assert.equal("api", err.kind)
    assert.equal(500, err.status)
    assert.equal("list_role_users", err.operation)
    assert.matches("^list_role_users: api 500", tostring(err))
  end)

  it("raises for wrong values and types before anything is sent", function()
    local ok, err = pcall(client.each, client, "list_user_permissions", "..")
    assert.is_false(ok)
    assert.equal("invalid", err.kind)
    ok, err = pcall(client.each, client, "list_user_permissions", 7)
    assert.is_false(ok)
    assert.matches("bad argument #2 to 'each' %(user_id: expected a string, got number%)", err)
    ok, err = pcall(client.each, client, "get_role")
    assert.is_false(ok)
    assert.matches('operation: expected one that returns a list, got "get_role"', err)
    ok, err = pcall(client.each, client, "remove_everything")
    assert.is_false(ok)
    assert.matches("expected the name of an operation", err)
    assert.equal(0, #tenant.requests())
  end)

  it("raises when the client is closed between two pages", function()
    seed(20)
    local iterate = client:each("list_role_users", ROLE, { per_page = 10 })
    for _ = 1, 10 do iterate() end
    client:close()
    local ok, err = pcall(iterate)
    assert.is_false(ok)
    assert.equal("closed", err.kind)
    ok, err = pcall(client.each, client, "list_roles")
    assert.is_false(ok)
    assert.equal("closed", err.kind)
  end)

  it("applies its timeout to each page, not to the loop's own work", function()
    seed(30)
    local socket = require "socket"
    local seen = 0
    for _ in client:each("list_role_users", ROLE, { per_page = 10, timeout = 1 }) do
      seen = seen + 1
      if seen % 10 == 0 then socket.sleep(0.6) end
    end
    assert.equal(30, seen)
    tenant.fault { kind = "delay", seconds = 5, after = 1 }
    local ok, err = pcall(function()
      for _ in client:each("list_role_users", ROLE, { per_page = 10, timeout = 0.3 }) do seen = seen + 1 end
    end)
    assert.is_false(ok)
    assert.equal("timeout", err.kind)
    assert.equal(40, seen)
  end)

  it("runs beside other calls and other iterators", function()
    seed(5)
    local seen = 0
    for user in client:each("list_role_users", ROLE, { per_page = 2 }) do
      for role in client:each("list_user_roles", user.user_id, { per_page = 1 }) do
        assert.equal(ROLE, role.id)
        seen = seen + 1
      end
      assert.is_true(client:remove_user_roles(user.user_id, { "rol_other" }))
    end
    assert.equal(5, seen)
  end)

  it("works when only the iterator refers to the client", function()
    seed(30)
    local iterate = support.client():each("list_role_users", ROLE, { per_page = 10 })
    local seen = 0
    while iterate() do
      seen = seen + 1
      collectgarbage()
    end
    assert.equal(30, seen)
  end)
end)
