-- Which arguments are accepted, and which are refused before anything is sent.

local cjson = require "cjson"
local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

-- Returns a list with one permission.
local function one(identifier, name)
  return { { resource_server_identifier = identifier, permission_name = name } }
end

describe("the check of arguments", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  -- Returns the error of a removal, and checks that nothing was sent.
  local function refused(user_id, permissions)
    local ok, err = client:remove_user_permissions(user_id, permissions)
    assert.is_nil(ok)
    assert.equal("invalid", err.kind)
    assert.equal("remove_user_permissions", err.operation)
    assert.equal(0, err.attempts)
    assert.is_false(err.maybe_applied)
    assert.equal(0, #tenant.requests())
    return err.message
  end

  -- Returns the message that a removal raises, and checks that nothing was sent.
  local function raised(...)
    local ok, message = pcall(client.remove_user_permissions, client, ...)
    assert.is_false(ok)
    assert.equal(0, #tenant.requests())
    return message
  end

  it("refuses an id that is empty or a dot segment", function()
    local good = support.permissions "read:reports"
    assert.equal('user_id: expected an id, got ""', refused("", good))
    assert.equal('user_id: expected an id, got "."', refused(".", good))
    assert.equal('user_id: expected an id, got ".."', refused("..", good))
  end)

  it("refuses an id with a control character or invalid UTF-8", function()
    local good = support.permissions "read:reports"
    for _, id in ipairs { "auth0|\0", "a\0b", "auth0|a\n", "\r", "a\127", "a\31b" } do
      assert.matches("^user_id: expected an id without control characters", refused(id, good))
    end
    assert.matches("^user_id: expected valid UTF%-8", refused("auth0|\255", good))
    assert.matches("^user_id: too long: the path of the URL", refused(("x"):rep(8000), good))
  end)

  it("refuses an empty list of permissions", function()
    assert.matches("expected at least 1 item", refused(support.user, {}))
    assert.matches('permissions%["urn:b"%]: expected at least 1 permission name',
      refused(support.user, { ["urn:a"] = { "x" }, ["urn:b"] = {} }))
  end)

  it("limits lengths in characters, as the API does", function()
    local umlaut = "\195\188"
    assert.equal("permissions[1].permission_name: expected 1 to 280 characters, got 281",
      refused(support.user, one("urn:a", umlaut:rep(281))))
    assert.equal("permissions[1].permission_name: expected 1 to 280 characters, got 0",
      refused(support.user, one("urn:a", "")))
    assert.equal("permissions[1].resource_server_identifier: expected 1 to 600 characters, got 601",
      refused(support.user, one(umlaut:rep(601), "x")))
    assert.equal("permissions[1].resource_server_identifier: expected 1 to 600 characters, got 0",
      refused(support.user, one("", "x")))
    assert.equal('permissions["urn:a"][2]: permission_name: expected 1 to 280 characters, got 0',
      refused(support.user, { ["urn:a"] = { "x", "" } }))
    assert.is_true(client:remove_user_permissions(support.user, one(umlaut:rep(600), umlaut:rep(280))))
  end)

  it("refuses text that is not UTF-8 and says where it is", function()
    for _, bad in ipairs { "\255", "\192\128", "\237\160\128", "\244\144\128\128", "a\226\130", "\128" } do
      assert.equal("permissions[2].permission_name: expected valid UTF-8",
        refused(support.user, { support.permissions("a")[1], one("urn:a", bad)[1] }))
      assert.equal("permissions[1].resource_server_identifier: expected valid UTF-8",
        refused(support.user, one(bad, "x")))
    end
  end)

  it("refuses a body of more than 1 MB", function()
    local list = {}
    for i = 1, 4000 do
      list[i] = { resource_server_identifier = support.api, permission_name = ("%07d"):format(i):rep(40) }
    end
    assert.matches("request body: expected at most 1000000 bytes", refused(support.user, list))
  end)

  it("accepts a body just below 1 MB, which arrives complete", function()
    local list = {}
    for i = 1, 2750 do
      list[i] = { resource_server_identifier = support.api, permission_name = ("%07d"):format(i):rep(40) }
    end
    assert.is_true(client:remove_user_permissions(support.user, list))
    assert.equal(2750, #cjson.decode(support.last_request().body).permissions)
  end)

  it("raises an error that says where a value has the wrong type", function()
    assert.matches("bad argument #1 to 'remove_user_permissions' %(user_id: expected a string, got nil%)", raised())
    assert.matches("#1 .*user_id: expected a string, got number", raised(5, {}))
    assert.matches("#2 .*permissions: expected a table, got nil", raised(support.user))
    assert.matches("#2 .*permissions: expected a table, got string", raised(support.user, "read:reports"))
    assert.matches("%(permissions%[1%]: expected a table, got string%)", raised(support.user, { "read:reports" }))
    assert.matches("bad argument #2 to 'remove_user_permissions' "
      .. "%(permissions%[3%]%.permission_name: expected a string, got nil%)",
      raised(support.user, { one("a", "b")[1], one("a", "b")[1], { resource_server_identifier = "a" } }))
    assert.matches("%(permissions%[1%]%.resource_server_identifier: expected a string, got number%)",
      raised(support.user, one(7, "x")))
    local single = "bad argument #2 to 'remove_user_permissions' "
      .. "%(permissions: expected a list of permissions, got a single one; wrap it in { }%)"
    assert.matches(single, raised(support.user, one("a", "b")[1]))
    assert.matches(single, raised(support.user, { resource_server_identifier = "a" }))
    assert.matches(single, raised(support.user, { permission_name = "b" }))
    assert.matches('%(permissions%["urn:a"%]: expected a list of permission names, got string%)',
      raised(support.user, { ["urn:a"] = "x" }))
    assert.matches('%(permissions%["urn:a"%]%[2%]: expected a string, got boolean%)',
      raised(support.user, { ["urn:a"] = { "x", true } }))
  end)

  it("raises for a list with a hole instead of losing the items after it", function()
    assert.matches("permissions%[2%]: expected a table, got nil",
      raised(support.user, { one("a", "b")[1], nil, one("a", "c")[1] }))
    assert.matches('permissions%["urn:a"%]%[2%]: expected a string, got nil',
      raised(support.user, { ["urn:a"] = { "x", nil, "y" } }))
    assert.matches("permissions%[2%]: expected a table, got nil",
      raised(support.user, { [1] = one("a", "b")[1], [0] = one("a", "c")[1] }))
  end)

  it("raises for a mixture of both forms, in either order", function()
    assert.matches("permissions: ", raised(support.user, { one("a", "b")[1], ["urn:a"] = { "x" } }))
    assert.matches('permissions%["urn:a"%]: expected a list', raised(support.user, { ["urn:a"] = { "x", y = "z" } }))
  end)

  it("raises for an extra argument", function()
    assert.matches("#4 .*expected no more arguments, got string",
      raised(support.user, support.permissions "a", {}, "extra"))
  end)

  it("refuses unknown options of a call, and options of a wrong type or value", function()
    local good = support.permissions "read:reports"
    assert.matches("#3 .*options%.retries: unknown option; expected one of: timeout, correlation_id",
      raised(support.user, good, { retries = 1 }))
    assert.matches("#3 .*options%.timeout: expected a number, got string",
      raised(support.user, good, { timeout = "1" }))
    assert.matches("#3 .*options: expected a table, got number", raised(support.user, good, 5))
    local ok, err = client:remove_user_permissions(support.user, good, { timeout = -1 })
    assert.is_nil(ok)
    assert.equal("options.timeout: expected 0.001 to 1000000 seconds, got -1", err.message)
  end)

  it("is the same in start, prepare and the method", function()
    for _, method in ipairs { "start", "prepare" } do
      local call, err = client[method](client, "remove_user_permissions", "..", support.permissions "a")
      assert.is_nil(call)
      assert.equal("invalid", err.kind)
      local ok, message = pcall(client[method], client, "remove_user_permissions", support.user, { "x" })
      assert.is_false(ok)
      assert.matches("bad argument #3 to '" .. method .. "' %(permissions%[1%]: expected a table", message)
      ok, message = pcall(client[method], client, "remove_everything")
      assert.is_false(ok)
      assert.matches('bad argument #1 .*expected the name of an operation, got "remove_everything"', message)
    end
    assert.equal(0, #tenant.requests())
  end)
end)

describe("auth0perm.new", function()
  local function refused(changes)
    local client, err = auth0perm.new(support.options(changes))
    assert.is_nil(client)
    assert.equal("invalid", err.kind)
    assert.equal("new", err.operation)
    return err.message
  end

  it("refuses a domain that is a URL or has userinfo, a path or a space", function()
    for _, domain in ipairs {
      "", "https://acme.eu.auth0.com", "acme.eu.auth0.com/", "acme.eu.auth0.com/api/v2", "user:pass@acme.eu.auth0.com",
      "acme.eu.auth0.com ", " acme", "acme\n", "acme\0.com", "acme:", "acme:0", "acme:65536", "acme:80:80", "acme:8a",
      ":443",
      ".acme", "-acme", "acm\195\169.com", "acme?x", "acme#x", "acme\\x", ("a"):rep(300),
    } do
      assert.matches("^domain: expected a host name such as", refused { domain = domain })
    end
    assert.is_nil(refused { domain = "user:hunter2@acme.eu.auth0.com" }:find "hunter2")
  end)

  it("refuses a token that does not fit a header", function()
    for _, token in ipairs { "", "a\r\nX-Evil: 1", "a\n", "a b", "a\0", "t\195\182ken", ("x"):rep(20000) } do
      assert.matches("^token: ", refused { token = token })
    end
  end)

  it("refuses timeouts that make no sense", function()
    for _, name in ipairs { "timeout", "connect_timeout", "request_timeout" } do
      for _, value in ipairs { 0, -1, 1 / 0, 1e9 } do
        assert.matches("^" .. name .. ": expected 0%.001 to 1000000 seconds, got", refused { [name] = value })
      end
      assert.equal(name .. ": expected a number of seconds, got NaN", refused { [name] = 0 / 0 })
    end
  end)

  it("refuses a ca_file that cannot be read", function()
    assert.equal('ca_file: expected a readable PEM file, got "/nowhere/ca.pem"',
      refused { ca_file = "/nowhere/ca.pem" })
    assert.matches("^ca_file: ", refused { ca_file = "/" })
    assert.matches("^ca_file: expected a string without control", refused { ca_file = "a\0b" })
    assert.equal("ca_file: expected a non-empty string", refused { ca_file = "" })
  end)

  it("raises an error that names the option if it is unknown or of the wrong type", function()
    local function raised(...)
      local ok, message = pcall(auth0perm.new, ...)
      assert.is_false(ok)
      return message
    end
    assert.matches("bad argument #1 to 'new' %(options: expected a table, got nil%)", raised())
    assert.matches("%(domain: expected a string, got nil%)", raised {})
    assert.matches("%(domain: expected a string, got number%)", raised { domain = 5 })
    assert.matches("%(tokn: unknown option; expected one of: domain, token,", raised { domain = "a", tokn = "x" })
    assert.matches("%(options: expected option names as keys, got a number%)", raised { "acme.eu.auth0.com" })
    assert.matches("%(timeout: expected a number, got string%)", raised { domain = "a", timeout = "60" })
    assert.matches("%(token: expected a string or function, got number%)", raised { domain = "a", token = 42 })
  end)

  it("does not connect, and neither does a call that is refused", function()
    local before = support.open_connections(0)
    local client = support.client()
    client:remove_user_permissions("", {})
    client:start("remove_user_permissions", "..", support.permissions "a")
    client:step(0.1)
    assert.equal(before, (select(2, tenant.connections())))
    client:close()
  end)
end)
