-- Each operation: what it sends, what it returns, and what it refuses.

local cjson = require "cjson"
local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

local ROLE = "rol_Auditor0000000001"
local OTHER_USER = "auth0|5f7c8ec7c33c6c004bbafe83"
local USER_PATH = "/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82"
local ROLE_PATH = "/api/v2/roles/" .. ROLE
local API_PATH = "/api/v2/resource-servers/https%3A%2F%2Fapi.example.com%2F"
local PAGE = "per_page=100&page=0&include_totals=true"
local PERMISSIONS = support.permissions "read:invoices"
local PERMISSIONS_BODY = '{"permissions":[{"resource_server_identifier":"https://api.example.com/",'
  .. '"permission_name":"read:invoices"}]}'

-- The rows, deliberately written a second time: arguments, then the request, then the scopes that the token needs.
-- `returns` is true, or the type of the result.
local ROWS = {
  remove_user_permissions = { { support.user, PERMISSIONS }, "DELETE", USER_PATH .. "/permissions", PERMISSIONS_BODY,
    scope = "update:users", returns = true },
  assign_user_permissions = { { support.user, PERMISSIONS }, "POST", USER_PATH .. "/permissions", PERMISSIONS_BODY,
    scope = "update:users", returns = true },
  list_user_permissions = { { support.user }, "GET", USER_PATH .. "/permissions?" .. PAGE,
    scope = "read:users", returns = "list", member = "permissions" },
  list_effective_user_permissions = { { support.user, support.api }, "GET",
    USER_PATH .. "/effective-permissions?resource_server_identifier=https%3A%2F%2Fapi.example.com%2F&take=100",
    scope = "read:user_effective_permissions", returns = "list", member = "permissions" },
  list_user_roles = { { support.user }, "GET", USER_PATH .. "/roles?" .. PAGE,
    scope = "read:users", returns = "list", member = "roles" },
  assign_user_roles = { { support.user, { ROLE } }, "POST", USER_PATH .. "/roles", '{"roles":["' .. ROLE .. '"]}',
    scope = "update:users create:role_members", returns = true },
  remove_user_roles = { { support.user, { ROLE } }, "DELETE", USER_PATH .. "/roles", '{"roles":["' .. ROLE .. '"]}',
    scope = "update:users delete:role_members", returns = true },
  list_role_permissions = { { ROLE }, "GET", ROLE_PATH .. "/permissions?" .. PAGE,
    scope = "read:roles", returns = "list", member = "permissions" },
  add_role_permissions = { { ROLE, PERMISSIONS }, "POST", ROLE_PATH .. "/permissions", PERMISSIONS_BODY,
    scope = "update:roles", returns = true },
  remove_role_permissions = { { ROLE, PERMISSIONS }, "DELETE", ROLE_PATH .. "/permissions", PERMISSIONS_BODY,
    scope = "update:roles", returns = true },
  list_role_users = { { ROLE }, "GET", ROLE_PATH .. "/users?take=100",
    scope = "read:users read:roles", returns = "list", member = "users" },
  assign_role_users = { { ROLE, { OTHER_USER } }, "POST", ROLE_PATH .. "/users", '{"users":["' .. OTHER_USER .. '"]}',
    scope = "update:roles create:role_members", returns = true },
  list_roles = { {}, "GET", "/api/v2/roles?" .. PAGE, scope = "read:roles", returns = "list", member = "roles" },
  get_role = { { ROLE }, "GET", ROLE_PATH, scope = "read:roles", returns = "object" },
  create_role = { { { name = "Editor", description = "Edits" } }, "POST", "/api/v2/roles",
    '{"description":"Edits","name":"Editor"}', scope = "create:roles", returns = "object" },
  update_role = { { ROLE, { description = "Looks" } }, "PATCH", ROLE_PATH, '{"description":"Looks"}',
    scope = "update:roles", returns = "object" },
  delete_role = { { ROLE }, "DELETE", ROLE_PATH, scope = "delete:roles", returns = true },
  get_user = { { support.user }, "GET", USER_PATH, scope = "read:users", returns = "object" },
  list_users_by_email = { { "ada@example.com" }, "GET", "/api/v2/users-by-email?email=ada%40example.com",
    scope = "read:users", returns = "list" },
  list_resource_servers = { {}, "GET", "/api/v2/resource-servers?" .. PAGE,
    scope = "read:resource_servers", returns = "list", member = "resource_servers" },
  get_resource_server = { { support.api }, "GET", API_PATH, scope = "read:resource_servers", returns = "object" },
  update_resource_server = { { support.api, { enforce_policies = true } }, "PATCH", API_PATH,
    '{"enforce_policies":true}',
    scope = "update:resource_servers", returns = "object" },
}

local unpack = table.unpack or unpack -- luacheck: ignore unpack

describe("an operation", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  local function call(name, on)
    on = on or client
    return on[name](on, unpack(ROWS[name][1]))
  end

  -- Returns a copy of its arguments with one more.
  local function with_options(name, options)
    local arguments = { unpack(ROWS[name][1]) }
    arguments[#arguments + 1] = options
    return unpack(arguments)
  end

  for name, row in pairs(ROWS) do
    it(name .. " sends one correct request, and succeeds", function()
      local result, err = call(name)
      assert.is_nil(err)
      local request, count = support.last_request()
      assert.equal(1, count)
      assert.equal(row[2], request.method)
      assert.equal(row[3], request.uri)
      assert.equal(row[4] or "", request.body)
      assert.equal(row[4] and "application/json", request.headers["content-type"])
      if row.returns == true then
        assert.is_true(result)
      else
        assert.is_table(result)
        assert.equal(row.returns == "list", result[1] ~= nil)
      end
    end)

    it(name .. " needs the documented scope and no other", function()
      local enough = support.client { token = tenant.issue_token { scope = row.scope } }
      assert.is_truthy(call(name, enough))
      enough:close()
      local short = support.client { token = tenant.issue_token { scope = "read:nothing" } }
      local result, err = call(name, short)
      short:close()
      assert.is_nil(result)
      assert.equal("api 403 insufficient_scope", ("%s %s %s"):format(err.kind, err.status, err.code))
      assert.equal(name, err.operation)
    end)

    it(name .. " reports an error for a response of another form", function()
      local bodies = { object = "[]", list = row.member and "[]" or "{}", [true] = "" }
      local status = row.returns == true and 202 or 200
      tenant.fault { kind = "status", status = status, body = bodies[row.returns] }
      local result, err = call(name)
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      assert.equal(row[2] ~= "GET", err.maybe_applied)
    end)

    it(name .. " names its options when it gets an unknown one", function()
      local ok, message = pcall(client[name], client, with_options(name, { retries = 1 }))
      assert.is_false(ok)
      assert.matches("bad argument #" .. #row[1] + 1 .. " to '" .. name
        .. "' %(options.retries: unknown option; expected one of: timeout, correlation_id", message)
      assert.equal(row.member ~= nil, message:find("per_page", 1, true) ~= nil)
      assert.equal(0, #tenant.requests())
    end)

    it(name .. " is in auth0perm.operations()", function()
      for _, operation in ipairs(auth0perm.operations()) do
        if operation.name == name then
          assert.equal(row[2], operation.method)
          assert.equal(row.scope, operation.scope)
          assert.equal(#row[1], #operation.arguments)
          assert.equal(tostring(row.returns), operation.returns)
          assert.equal(row[2] ~= "GET", operation.writes)
          assert.equal("timeout", operation.options[1])
          assert.matches("^/api/v2/", operation.path)
          return
        end
      end
      error "is not there"
    end)
  end

  it("exists for each row and for no other", function()
    for _, operation in ipairs(auth0perm.operations()) do
      assert.is_truthy(ROWS[operation.name], operation.name)
      assert.is_function(client[operation.name])
    end
  end)

  it("also succeeds with the other status that the API's documents name", function()
    tenant.fault { kind = "status", status = 201, body = '{"id":"1","identifier":"urn:a"}' }
    assert.equal("urn:a", call("update_resource_server").identifier)
    tenant.fault { kind = "status", status = 204, body = "" }
    assert.is_true(call "delete_role")
  end)

  it("changes the tenant's data", function()
    local role = assert(client:create_role { name = "Editor" })
    assert.equal("Editor", role.name)
    assert.is_true(client:add_role_permissions(role.id, { [support.api] = { "read:invoices", "write:reports" } }))
    assert.is_true(client:remove_role_permissions(role.id, { [support.api] = { "write:reports" } }))
    assert.equal("read:invoices", support.names(client:list_role_permissions(role.id)))
    assert.is_true(client:assign_role_users(role.id, { support.user, OTHER_USER }))
    assert.equal(2, #client:list_role_users(role.id))
    assert.is_true(client:remove_user_roles(OTHER_USER, { role.id }))
    assert.equal(1, #client:list_role_users(role.id))
    assert.equal(2, #client:list_user_roles(support.user))
    local list = client:list_effective_user_permissions(support.user, support.api)
    assert.equal("read:invoices read:reports", support.names(list))
    assert.equal("roles", list[1].sources[1])
    assert.equal("Better", client:update_role(role.id, { description = "Better" }).description)
    assert.is_true(client:delete_role(role.id))
    assert.equal(404, select(2, client:get_role(role.id)).status)
  end)

  it("can switch RBAC on", function()
    local server = assert(client:update_resource_server(support.api,
      { enforce_policies = true, token_dialect = "access_token_authz", token_lifetime = 3600 }))
    assert.is_true(server.enforce_policies)
    assert.equal("access_token_authz", client:get_resource_server(support.api).token_dialect)
    assert.equal("3600", tostring(server.token_lifetime))
    assert.equal(5, #server.scopes)
  end)

  it("returns an object with integers if the Lua version has them, and without nulls", function()
    tenant.fault { kind = "status", status = 200,
      body = '{"user_id":"a","logins_count":7,"email":null,"m":{"x":null}}' }
    local user = client:get_user(support.user)
    assert.equal("7", tostring(user.logins_count))
    assert.is_nil(user.email)
    assert.is_nil(next(user.m))
  end)

  it("returns an empty list if no user has that email address", function()
    assert.same({}, client:list_users_by_email "nobody@example.com")
  end)

  it("quotes what the API says about a field", function()
    local role, err = client:create_role { title = "x" }
    assert.is_nil(role)
    assert.equal(400, err.status)
    assert.matches("Additional properties not allowed: title", err.message)
    assert.equal(409, select(2, client:create_role { name = "Auditor" }).status)
  end)
end)

describe("the options of a call", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  it("become headers and query parameters, always in the same order", function()
    client:get_user(support.user, { include_fields = true, fields = "email,name", correlation_id = "job-7" })
    local request = support.last_request()
    assert.matches("%?fields=email%%2Cname&include_fields=true$", request.uri)
    assert.equal("job-7", request.headers["x-correlation-id"])
    client:list_roles { name_filter = "a&b c", per_page = 7 }
    assert.equal("/api/v2/roles?name_filter=a%26b%20c&per_page=7&page=0&include_totals=true",
      support.last_request().uri)
    client:list_resource_servers { identifiers = { "urn:a", support.api } }
    assert.matches("%?identifiers=urn%%3Aa&identifiers=https%%3A%%2F%%2Fapi.example.com%%2F&per",
      support.last_request().uri)
    client:list_role_users(ROLE, { per_page = 3 })
    assert.matches("users%?take=3$", support.last_request().uri)
  end)

  it("that are filters filter", function()
    assert.equal(1, #client:list_roles { name_filter = "audi" })
    assert.equal(0, #client:list_roles { name_filter = "nothing" })
    assert.same({ email = "ada@example.com" }, client:get_user(support.user, { fields = "email" }))
    assert.is_nil(client:get_user(support.user, { fields = "email", include_fields = false }).email)
    assert.equal(0, #client:list_resource_servers { identifiers = { "urn:other" } })
  end)

  it("are refused if a value is invalid, and nothing is sent", function()
    local function refused(options)
      local list, err = client:list_roles(options)
      assert.is_nil(list)
      assert.equal("invalid", err.kind)
      return err.message
    end
    assert.equal("options.per_page: expected a whole number from 1 to 100, got 0", refused { per_page = 0 })
    assert.equal("options.per_page: expected a whole number from 1 to 100, got 101", refused { per_page = 101 })
    assert.equal("options.per_page: expected a whole number from 1 to 100, got 1.5", refused { per_page = 1.5 })
    assert.matches("options.correlation_id: expected 1 to 128 characters", refused { correlation_id = "" })
    assert.matches("options.correlation_id: expected 1 to 128 characters", refused { correlation_id = ("x"):rep(129) })
    assert.matches("options.correlation_id: expected printable ASCII", refused { correlation_id = "a\r\nX-Evil: 1" })
    assert.matches("options.name_filter: expected at least 1 character", refused { name_filter = "" })
    assert.matches("options.name_filter: expected valid UTF%-8", refused { name_filter = "\255" })
    assert.matches("options.name_filter: too long", refused { name_filter = ("x"):rep(9000) })
    local many = {}
    for i = 1, 11 do many[i] = "urn:" .. i end
    assert.equal("options.identifiers: expected 1 to 10 items, got 11",
      select(2, client:list_resource_servers { identifiers = many }).message)
    assert.equal(0, #tenant.requests())
  end)

  it("raise if they are of a wrong type", function()
    local function raised(method, ...)
      local ok, message = pcall(client[method], client, ...)
      assert.is_false(ok)
      return message
    end
    assert.matches("#1 .*options.per_page: expected a number, got string", raised("list_roles", { per_page = "5" }))
    assert.matches("#1 .*options.name_filter: expected a string, got number", raised("list_roles", { name_filter = 5 }))
    assert.matches("#1 .*options.correlation_id: expected a string, got table",
      raised("list_roles", { correlation_id = {} }))
    assert.matches("#2 .*options.include_fields: expected a boolean, got string",
      raised("get_user", support.user, { include_fields = "yes" }))
    assert.matches("#1 .*options.identifiers: expected a table, got string",
      raised("list_resource_servers", { identifiers = "a" }))
    assert.matches("#1 .*options.identifiers%[2%]: expected a string, got nil",
      raised("list_resource_servers", { identifiers = { "a", nil, "b" } }))
    assert.matches("options: unknown key of type number; expected one of: timeout, correlation_id, per_page, "
      .. "name_filter%)",
      raised("list_roles", { [1] = "x" }))
    assert.matches("#2 .*options.per_page: unknown option", raised("get_role", ROLE, { per_page = 1 }))
    assert.matches("#2 .*options.timeout: unknown option", raised("get_role", ROLE, { ["timeout\0x"] = 1 }))
    assert.equal(0, #tenant.requests())
  end)
end)

describe("ids in a body", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  it("are each sent once, in order", function()
    client:remove_user_roles(support.user, { "rol_b", "rol_a", "rol_b", 'x"y' })
    assert.equal('{"roles":["rol_b","rol_a","x\\"y"]}', support.last_request().body)
  end)

  it("are refused in the same cases as ids in a path", function()
    local function refused(roles)
      local ok, err = client:assign_user_roles(support.user, roles)
      assert.is_nil(ok)
      assert.equal("invalid", err.kind)
      return err.message
    end
    assert.equal("roles: expected at least 1 item, got none", refused {})
    assert.equal('roles[2]: expected an id, got ""', refused { "a", "" })
    assert.equal('roles[1]: expected an id, got ".."', refused { ".." })
    assert.equal("roles[1]: expected an id without control characters", refused { "a\n" })
    assert.equal("roles[1]: expected valid UTF-8", refused { "\255" })
    assert.equal(0, #tenant.requests())
  end)

  it("raise if one is of a wrong type, or if the list has holes", function()
    local function raised(...)
      local ok, message = pcall(client.assign_role_users, client, ROLE, ...)
      assert.is_false(ok)
      return message
    end
    assert.matches("#2 .*users: expected a table, got nil", raised())
    assert.matches("#2 .*users: expected a table, got string", raised "auth0|a")
    assert.matches("#2 .*users%[2%]: expected a string, got nil", raised { "a", nil, "b" })
    assert.matches("#2 .*users%[1%]: expected a string, got number", raised { 7 })
    assert.matches("#2 .*users: expected a list, got a table with a string key", raised { user_id = "a" })
    assert.equal(0, #tenant.requests())
  end)
end)

describe("fields", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  -- Returns the body for these fields.
  local function body(fields)
    client:update_resource_server(support.api, fields)
    return support.last_request().body
  end

  it("are sent as JSON, sorted by name, with whole numbers without a decimal point", function()
    assert.equal('{"a":true,"b":[1,2.5,-3],"c":{"d":"\\"\\u0001\228"},"e":0.1,"f":1e+300,'
      .. '"g":9007199254740992,"z":false}',
      (body { z = false, a = true, b = { 1, 2.5, -3 }, c = { d = '"\1\195\164' }, e = 0.1, f = 1e300, g = 2 ^ 53 }
        :gsub("\195\164", "\228")))
  end)

  it("send an empty table as an array where the API expects one, else as an object", function()
    assert.equal('{"authorization_details":[],"other":{},"scopes":[]}',
      body { scopes = {}, authorization_details = {}, other = {} })
    assert.equal('{"other":{"scopes":{}}}', body { other = { scopes = {} } })
    assert.equal("{}", body {})
  end)

  it("may be null", function()
    assert.equal('{"consent_policy":null}', body { consent_policy = cjson.null })
  end)

  it("arrive complete", function()
    local server = client:update_resource_server(support.api,
      { scopes = { { value = "x", description = "\226\130\172 \"" }, { value = "y" } } })
    assert.equal("\226\130\172 \"", server.scopes[1].description)
    assert.equal("y", server.scopes[2].value)
  end)

  it("are refused, with their place, if JSON cannot represent them", function()
    local function refused(fields)
      local result, err = client:update_role(ROLE, fields)
      assert.is_nil(result)
      assert.equal("invalid", err.kind)
      return err.message
    end
    assert.equal("fields.name: expected valid UTF-8", refused { name = "\255" })
    assert.matches("^fields%..*: expected valid UTF%-8", refused { ["\255"] = 1 })
    assert.equal("fields.a[2].b: expected a finite number", refused { a = { 1, { b = 1 / 0 } } })
    assert.equal("fields.a: expected a finite number", refused { a = 0 / 0 })
    local circle = {}
    circle.circle = circle
    assert.matches("^fields%.circle%.circle.*: expected at most 16 levels", refused(circle))
    assert.matches("request body: expected at most 1000000 bytes", refused { name = ("x"):rep(1000001) })
    assert.equal(0, #tenant.requests())
  end)

  it("raise an error with their place if they are of a wrong type", function()
    local function raised(...)
      local ok, message = pcall(client.update_role, client, ROLE, ...)
      assert.is_false(ok)
      return message
    end
    assert.matches("#2 .*fields: expected a table, got nil", raised())
    assert.matches("#2 .*fields: expected a table with string keys, got a list", raised { "x" })
    assert.matches("#2 .*fields.name: expected a string, number, boolean or table, got function",
      raised { name = print })
    assert.matches("#2 .*fields.name: expected .*, got userdata", raised { name = io.stdout })
    assert.matches("#2 .*fields.a%[2%]: expected .*, got nil", raised { a = { 1, nil, 3 } })
    assert.matches("#2 .*fields.a: ", raised { a = { 1, x = 2 } })
    assert.matches("#2 .*fields.a: expected a list or a table with string keys, got a table with a boolean key",
      raised { a = { [true] = 1 } })
    assert.matches("bad argument #1 to 'create_role' %(fields: expected a table, got string%)",
      select(2, pcall(client.create_role, client, "Editor")))
    assert.equal(0, #tenant.requests())
  end)

  it("do not depend on the host's locale", function()
    local before = os.setlocale(nil, "numeric")
    for _, locale in ipairs { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8" } do
      if os.setlocale(locale, "numeric") then break end
    end
    local text = body { share = 0.5 }
    os.setlocale(before, "numeric")
    assert.equal('{"share":0.5}', text)
  end)
end)

describe("an argument in the query", function()
  it("is checked like an id, and percent-encoded", function()
    tenant.reset()
    local client = support.client()
    local list, err = client:list_users_by_email ""
    assert.is_nil(list)
    assert.equal("email: expected at least 1 character, got none", err.message)
    assert.equal("email: expected a string without control characters",
      select(2, client:list_users_by_email "a\n").message)
    assert.equal("resource_server_identifier: expected valid UTF-8",
      select(2, client:list_effective_user_permissions(support.user, "\255")).message)
    assert.equal(0, #tenant.requests())
    local ok, message = pcall(client.list_effective_user_permissions, client, support.user)
    assert.is_false(ok)
    assert.matches("#2 .*resource_server_identifier: expected a string, got nil", message)
    client:list_users_by_email "a+b&c=d@example.com"
    assert.matches("%?email=a%%2Bb%%26c%%3Dd%%40example.com$", support.last_request().uri)
    client:close()
  end)
end)
