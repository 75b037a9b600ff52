-- The mock tenant responds as the real API does. Tested with curl, so that a mistake in our module cannot hide the same
-- mistake in the tenant.

local socket = require "socket"
local cjson = require "cjson"
local tenant = require "spec.tenant.control"
local curl = require "spec.tenant.curl"

local API = "https://api.example.com/"
local ADA, GRACE = "auth0|5f7c8ec7c33c6c004bbafe82", "auth0|5f7c8ec7c33c6c004bbafe83"
local ADAS = "/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82/permissions"
local GRACES = "/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe83/permissions"
local NOBODYS = "/api/v2/users/auth0%7Cnobody/permissions"
local AUDITOR = "/api/v2/roles/rol_Auditor0000000001"
local MEGABYTE = 1024 * 1024
local LIMITS = { "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset" }

local ask = curl.ask

-- { permissions = { ... } } of the example's API.
local function body_of(...)
  local list = {}
  for i, name in ipairs { ... } do
    list[i] = { resource_server_identifier = API, permission_name = name }
  end
  return { permissions = list }
end

local function held(id)
  local names = {}
  for i, permission in ipairs(tenant.user(id).permissions) do names[i] = permission.permission_name end
  return table.concat(names, " ")
end

local function names_of(list)
  local names = {}
  for i, entry in ipairs(list) do names[i] = entry.permission_name end
  return table.concat(names, " ")
end

-- Checks an error response in the API's format.
local function assert_error(response, status, reason, message, code)
  assert.equal(status, response.status)
  assert.same({ statusCode = status, error = reason, message = message, errorCode = code }, response.json)
  assert.equal("application/json; charset=utf-8", response.headers["content-type"])
end

local function assert_limits(response, expected)
  for _, name in ipairs(LIMITS) do
    if expected then
      assert.matches("^%d+$", response.headers[name])
    else
      assert.is_nil(response.headers[name])
    end
  end
end

before_each(tenant.reset)

describe("users/{id}/permissions of the tenant", function()
  it("responds to a removal with 204, a content type and no body", function()
    ask("POST", ADAS, { body = body_of "read:reports" })
    for _, http in ipairs { "1.1", "2" } do
      local response = ask("DELETE", ADAS, { body = body_of "read:reports", http = http })
      assert.equal(0, response.exit)
      assert.equal(http, response.http)
      assert.equal(204, response.status)
      assert.equal("", response.body)
      assert.equal("application/json; charset=utf-8", response.headers["content-type"])
      assert.is_nil(response.headers["content-length"])
      assert.is_nil(response.headers["transfer-encoding"])
    end
    assert.equal("", held(ADA))
  end)

  it("silently ignores the removal of permissions that are not held or do not exist", function()
    ask("POST", GRACES, { body = body_of("read:reports", "write:reports") })
    local mixed = body_of("approve:invoices", "no:such", "read:reports")
    table.insert(mixed.permissions, 1, { resource_server_identifier = "urn:no:such", permission_name = "x" })
    local response = ask("DELETE", GRACES, { body = mixed })
    assert.equal(204, response.status)
    assert.equal("write:reports", held(GRACE))
  end)

  it("silently removes nothing when an API is named by its id instead of its identifier", function()
    ask("POST", GRACES, { body = body_of "read:reports" })
    local id = ask("GET", "/api/v2/resource-servers").json[1].id
    assert.matches("^%x+$", id)
    assert.equal(24, #id)
    local response = ask("DELETE", GRACES, { body = {
      permissions = { { resource_server_identifier = id, permission_name = "read:reports" } } } })
    assert.equal(204, response.status)
    assert.equal("read:reports", held(GRACE))
  end)

  it("keeps a permission that a role grants, and lists the role in its sources", function()
    ask("POST", ADAS, { body = body_of "read:reports" })
    local direct = { source_id = "", source_name = "", source_type = "DIRECT" }
    local role = { source_id = "rol_Auditor0000000001", source_name = "Auditor", source_type = "ROLE" }
    assert.same({ direct, role }, ask("GET", ADAS).json[1].sources)
    assert.equal(204, ask("DELETE", ADAS, { body = body_of "read:reports" }).status)
    assert.same({ role }, ask("GET", ADAS).json[1].sources)
  end)

  it("responds to an assignment, even a repeated one, with 201 and an empty object", function()
    for _ = 1, 2 do
      local response = ask("POST", GRACES, { body = body_of("read:reports", "read:invoices") })
      assert.equal(201, response.status)
      assert.equal("{}", response.body)
      assert.equal("2", response.headers["content-length"])
      assert.equal("read:invoices read:reports", held(GRACE))
    end
  end)

  it("assigns nothing from a list with a permission that does not exist", function()
    assert_error(ask("POST", GRACES, { body = body_of("read:reports", "fly:reports") }), 404, "Not Found",
      "This permission does not exist: 'https://api.example.com/ - fly:reports'",
      "inexistent_resource_server_permission")
    assert.equal("", held(GRACE))
  end)

  it("responds with 404 for an unknown user, whatever the method", function()
    for method, body in pairs { GET = false, POST = body_of "no:such", DELETE = body_of "no:such" } do
      assert_error(ask(method, NOBODYS, { body = body or nil }), 404, "Not Found", "The user does not exist.",
        "inexistent_user")
    end
  end)

  it("allows at most 1000 direct permissions per user", function()
    local scopes, list = {}, {}
    for i = 1, 1001 do
      scopes[i] = "scope:" .. i
      list[i] = { resource_server_identifier = "urn:many", permission_name = scopes[i] }
    end
    tenant.seed { resource_servers = { { identifier = "urn:many", scopes = scopes } } }
    assert_error(ask("POST", GRACES, { body = { permissions = list } }), 400, "Bad Request",
      "No more permissions can be assigned to this user.")
    assert.equal("", held(GRACE))
    table.remove(list)
    assert.equal(201, ask("POST", GRACES, { body = { permissions = list } }).status)
    assert.equal(201, ask("POST", GRACES, { body = { permissions = list } }).status)
    assert.equal(400, ask("POST", GRACES, { body = body_of "read:reports" }).status)
  end)

  it("lists each permission once, sorted by name, with the name and description from its API", function()
    ask("POST", GRACES, { body = body_of("write:reports", "approve:invoices", "read:reports") })
    local response = ask("GET", GRACES)
    assert.equal(200, response.status)
    assert.equal("approve:invoices read:reports write:reports", names_of(response.json))
    assert.same({
      permission_name = "approve:invoices", description = "Approve invoices", resource_server_name = "Example API",
      resource_server_identifier = API, sources = { { source_id = "", source_name = "", source_type = "DIRECT" } },
    }, response.json[1])
  end)

  it("drops permissions whose scope was removed from the API", function()
    ask("POST", GRACES, { body = body_of("read:reports", "write:reports") })
    local response = ask("PATCH", "/api/v2/resource-servers/https%3A%2F%2Fapi.example.com%2F",
      { body = { scopes = { { value = "write:reports" } } } })
    assert.equal(200, response.status)
    assert.equal("write:reports", names_of(ask("GET", GRACES).json))
    assert.equal("[]", ask("GET", ADAS).body)
    assert.equal(204, ask("DELETE", GRACES, { body = body_of "read:reports" }).status)
  end)

  it("has a sibling that lists effective permissions by checkpoint", function()
    ask("POST", ADAS, { body = body_of("read:reports", "write:reports") })
    local path = ADAS:gsub("permissions$", "effective-permissions?resource_server_identifier=")
    local first = ask("GET", path .. "https%3A%2F%2Fapi.example.com%2F&take=1")
    assert.same({ "direct", "roles" }, first.json.permissions[1].sources)
    local second = ask("GET", path .. "https%3A%2F%2Fapi.example.com%2F&take=1&from=" .. first.json.next)
    assert.same({ "direct" }, second.json.permissions[1].sources)
    assert.is_nil(second.json.next)
    assert_error(ask("GET", path .. "urn%3Ano"), 404, "Not Found", "The resource server does not exist",
      "inexistent_resource_server")
    assert.equal(400, ask("GET", path).status)
  end)
end)

describe("the tenant's check of request bodies", function()
  it("describes each error in the API's words", function()
    local item = '{"resource_server_identifier":"a","permission_name":"b"%s}'
    for body, reason in pairs {
      ["{}"] = "'Missing required property: permissions'",
      ['{"permissions":[]}'] = "'Array is too short (0), minimum 1' on property permissions "
        .. "(List of permissions to remove from this user.)",
      ['{"permissions":{}}'] = "'Expected type array but found type object' on property permissions "
        .. "(List of permissions to remove from this user.)",
      ['{"permissions":null}'] = "'Expected type array but found type null' on property permissions "
        .. "(List of permissions to remove from this user.)",
      ['{"permissions":[' .. item:format "" .. '],"x":1}'] = "'Additional properties not allowed: x'",
      ['{"permissions":[' .. item:format ',"y":1' .. "]}"] =
        "'Additional properties not allowed: y' on property permissions[0]",
      ['{"permissions":[' .. item:format "" .. ',{"permission_name":"b"}]}'] =
        "'Missing required property: resource_server_identifier' on property permissions[1]",
      ['{"permissions":[{"resource_server_identifier":"a","permission_name":1}]}'] =
        "'Expected type string but found type integer' on property permissions[0].permission_name "
        .. "(Name of this permission.)",
      ['{"permissions":["b"]}'] = "'Expected type object but found type string' on property permissions[0]",
      ["[]"] = "'Expected type object but found type array'",
      ["null"] = "'Expected type object but found type null'",
      [""] = "'Expected type object but found type null'",
    } do
      assert_error(ask("DELETE", ADAS, { body = body }), 400, "Bad Request",
        "Payload validation error: " .. reason .. ".", "invalid_body")
    end
  end)

  it("always reports the same one of two errors", function()
    local responses = {}
    for i = 1, 3 do
      responses[i] = ask("DELETE", ADAS, {
        body = { permissions = { { resource_server_identifier = 1, permission_name = 2 } } } }).body
    end
    assert.matches("permissions%[0%]%.permission_name", responses[1])
    assert.same({ responses[1], responses[1], responses[1] }, responses)
  end)

  it("names the operation's list in the message", function()
    for path, description in pairs {
      [ADAS] = "List of permissions to add to this user.",
      [AUDITOR .. "/permissions"] = "array of resource_server_identifier, permission_name pairs.",
    } do
      assert_error(ask("POST", path, { body = '{"permissions":[]}' }), 400, "Bad Request",
        ("Payload validation error: 'Array is too short (0), minimum 1' on property permissions (%s).")
          :format(description), "invalid_body")
    end
  end)

  it("refuses a body that is not JSON", function()
    for _, body in ipairs { "{", "{}}", "{'permissions':[]}", '{"permissions":[]', "[1,]", "\255" } do
      assert_error(ask("DELETE", ADAS, { body = body }), 400, "Bad Request", "Invalid request payload JSON format",
        "invalid_body")
    end
  end)

  it("refuses another content type with 415", function()
    local response = ask("DELETE", ADAS, { body = body_of "read:reports", headers = { ["Content-Type"] = "text/xml" } })
    assert_error(response, 415, "Unsupported Media Type", "Unsupported Media Type")
  end)

  it("refuses a body of more than 1 MB, with or without Content-Length, on HTTP/1.1 and HTTP/2", function()
    local padding = (" "):rep(MEGABYTE - #cjson.encode(body_of "read:reports"))
    local whole = cjson.encode(body_of "read:reports") .. padding
    assert.equal(204, ask("DELETE", ADAS, { body = whole }).status)
    tenant.forget_requests()
    for i, how in ipairs {
      { http = "1.1" }, { http = "2" }, { http = "1.1", headers = { ["Transfer-Encoding"] = "chunked" } },
    } do
      how.body = whole .. " "
      assert_error(ask("DELETE", ADAS, how), 413, "Request Entity Too Large",
        "Payload content length greater than maximum allowed: 1048576")
      local requests = tenant.requests()
      assert.equal(i, #requests)
      assert.equal("DELETE", requests[i].method)
      assert.equal(413, requests[i].status)
      assert.is_nil(requests[i].performed)
    end
  end)
end)

describe("an id in a path of the tenant", function()
  before_each(function() tenant.seed { users = { { user_id = "samlp|conn|a/b" }, { user_id = "samlp|a+b c" } } } end)

  it("is one segment of the raw path, so a slash in it must be encoded", function()
    assert.equal(200, ask("GET", "/api/v2/users/samlp%7Cconn%7Ca%2Fb/permissions").status)
    assert.equal(200, ask("GET", "/api/v2/users/samlp%7cconn|a%2fb/permissions").status)
    assert_error(ask("GET", "/api/v2/users/samlp%7Cconn%7Ca/b/permissions"), 404, "Not Found", "Not Found")
    assert_error(ask("GET", "/api/v2/users/samlp%7Cconn%7Ca%252Fb/permissions"), 404, "Not Found",
      "The user does not exist.", "inexistent_user")
  end)

  it("may contain a plus sign, which does not stand for a space", function()
    assert.equal(200, ask("GET", "/api/v2/users/samlp%7Ca+b%20c/permissions").status)
    assert.equal(200, ask("GET", "/api/v2/users/samlp%7Ca%2Bb%20c/permissions").status)
    assert.equal(404, ask("GET", "/api/v2/users/samlp%7Ca+b+c/permissions").status)
  end)

  it("cannot lead to another resource with dots", function()
    ask("POST", AUDITOR .. "/permissions", { body = body_of "read:invoices" })
    for _, segment in ipairs { "a/../../roles/rol_Auditor0000000001", "..", ".", "" } do
      assert_error(ask("DELETE", "/api/v2/users/" .. segment .. "/permissions", { body = body_of "read:invoices" }),
        segment:find "^%.%.?$" and 400 or 404, segment:find "^%.%.?$" and "Bad Request" or "Not Found",
        segment:find "^%.%.?$" and ("Path validation error: 'Object didn't pass validation for format user-id: "
          .. segment .. "' on property id (ID of the user to remove permissions from.).") or "Not Found",
        segment:find "^%.%.?$" and "invalid_uri" or nil)
    end
    assert.equal("read:invoices read:reports", names_of(ask("GET", AUDITOR .. "/permissions").json))
  end)

  it("is refused when it has the wrong format, with its value in the message", function()
    for segment, id in pairs { ada = "ada", ["%2F%C3%A9"] = "/é", ["a%20b%7Cc"] = "a b|c" } do
      assert_error(ask("GET", "/api/v2/users/" .. segment .. "/permissions"), 400, "Bad Request",
        ("Path validation error: 'Object didn't pass validation for format user-id: %s' on property id "
          .. "(ID of the user to retrieve the permissions for.)."):format(id), "invalid_uri")
    end
  end)

  it("is refused when it cannot be decoded", function()
    assert_error(ask("GET", "/api/v2/users/auth0%7/permissions"), 400, "Bad Request", "Bad Request")
  end)
end)

describe("the tenant's check of credentials", function()
  local function with(value) return ask("GET", ADAS, { token = false, headers = { Authorization = value } }) end

  it("responds with 401 to a request without a bearer token", function()
    for _, response in ipairs { ask("GET", ADAS, { token = false }), with "Basic YTpi", with "Digest x" } do
      assert_error(response, 401, "Unauthorized", "Missing authentication")
      assert.equal("Bearer", response.headers["www-authenticate"])
    end
  end)

  it("responds with 400 to a token that is not a JWT", function()
    for _, value in ipairs { "Bearer abc", "Bearer", "Bearer a.b", "Bearer a b.c.d", "Bearer a.b.c.d", "abc" } do
      assert_error(with(value), 400, "Bad Request", "Bad HTTP authentication header format", "Bearer")
    end
  end)

  it("responds with 401 to an invalid, expired or foreign token, and says which it is", function()
    local foreign = "https://other.eu.auth0.com/api/v2/"
    local slashless = "https://" .. tenant.domain .. "/api/v2"
    for token, message in pairs {
      ["eyJhbGciOiJSUzI1NiJ9.e30.c2ln"] = "Invalid token",
      [tenant.issue_token { expires_in = -1 }] = "Expired token received for JSON Web Token validation",
      [tenant.issue_token { audience = foreign }] = "Bad audience: " .. foreign,
      [tenant.issue_token { audience = slashless }] = "Bad audience: " .. slashless,
    } do
      local response = ask("GET", ADAS, { token = token })
      assert.equal(401, response.status)
      assert.same({ statusCode = 401, error = "Unauthorized", message = message, attributes = { error = message } },
        response.json)
      assert.equal(('Bearer error="%s"'):format(message), response.headers["www-authenticate"])
    end
  end)

  it("ignores the case of the word Bearer", function()
    assert.equal(200, with("bearer " .. tenant.token).status)
  end)

  it("requires the scopes of each operation", function()
    local role_users = AUDITOR .. "/users"
    for _, row in ipairs {
      { "GET", ADAS, "any of: read:users" },
      { "POST", ADAS, "any of: update:users", body_of "read:reports" },
      { "DELETE", ADAS, "any of: update:users", body_of "read:reports" },
      { "GET", AUDITOR .. "/permissions", "any of: read:roles" },
      { "POST", AUDITOR .. "/permissions", "any of: update:roles", body_of "read:reports" },
      { "DELETE", AUDITOR .. "/permissions", "any of: update:roles", body_of "read:reports" },
      { "GET", role_users, "all of: read:users, read:roles" },
      { "GET", "/api/v2/resource-servers", "any of: read:resource_servers" },
    } do
      local method, path, scopes, body = row[1], row[2], row[3], row[4]
      local other = tenant.issue_token { scope = "read:clients read:userss" }
      local response = ask(method, path, { token = other, body = body })
      assert_error(response, 403, "Forbidden", "Insufficient scope, expected " .. scopes, "insufficient_scope")
      local wanted = tenant.issue_token { scope = scopes:gsub("^.-: ", ""):gsub(",", "") }
      assert.is_true(ask(method, path, { token = wanted, body = body }).status < 300)
    end
    assert.equal(403, ask("GET", role_users, { token = tenant.issue_token { scope = "read:users" } }).status)
  end)

  it("comes before the checks of path, query, body and existence, in this order", function()
    local weak = tenant.issue_token { scope = "read:clients" }
    local bad_id, wrong = "/api/v2/users/ada/permissions", { body = '{"permissions":[]}' }
    local function status_and_code(response) return { response.status, response.json.errorCode } end
    local function delete(path, token) return ask("DELETE", path, { body = wrong.body, token = token }) end
    assert.same({ 404 }, status_and_code(delete("/api/v2/nothing", false)))
    assert.same({ 401 }, status_and_code(delete(bad_id, false)))
    assert.same({ 403, "insufficient_scope" }, status_and_code(delete(bad_id, weak)))
    assert.same({ 400, "invalid_uri" }, status_and_code(delete(bad_id)))
    assert.same({ 400, "invalid_query_string" }, status_and_code(ask("GET", NOBODYS .. "?page=x")))
    assert.same({ 400, "invalid_body" }, status_and_code(delete(NOBODYS)))
    assert.same({ 404, "inexistent_user" }, status_and_code(ask("POST", NOBODYS, { body = body_of "no:such" })))
  end)

  it("responds with 401 once a token has expired", function()
    local token = tenant.issue_token { expires_in = 0.1 }
    socket.sleep(0.11)
    assert.equal(401, ask("GET", ADAS, { token = token }).status)
  end)
end)

describe("the tenant's rate limiter", function()
  it("sends its headers with every 2xx and with no refusal", function()
    local some, none = body_of "read:reports", '{"permissions":[]}'
    for _, response in ipairs {
      ask("GET", ADAS), ask("POST", ADAS, { body = some }), ask("DELETE", ADAS, { body = some }),
      ask("GET", ADAS, { http = "2" }), ask("DELETE", ADAS, { body = some, http = "2" }),
      ask("GET", "/api/v2/roles"), ask("DELETE", AUDITOR),
    } do
      assert.is_true(response.status < 300)
      assert_limits(response, true)
    end
    local weak = tenant.issue_token { scope = "read:clients" }
    for status, response in pairs {
      [400] = ask("DELETE", ADAS, { body = none }), [401] = ask("GET", ADAS, { token = false }),
      [403] = ask("GET", ADAS, { token = weak }), [404] = ask("GET", NOBODYS),
    } do
      assert.equal(status, response.status)
      assert_limits(response, false)
    end
  end)

  -- Window mode rounds, so the time of a full bucket may be off by a second.
  local function near(expected, actual) return math.abs(expected - actual) <= 1 end

  for _, mode in ipairs { "drip", "window" } do
    it("refuses requests while the bucket is empty, at no cost, in " .. mode .. " mode", function()
      tenant.settings { enforce = true, bucket = 2, refill = 0.01, mode = mode }
      local requests = {}
      for i = 1, 5 do requests[i] = { method = "GET", path = ADAS } end
      local responses = curl.perform(requests)
      for i, response in ipairs(responses) do
        assert.equal(i <= 2 and 200 or 429, response.status)
        assert.equal("2", response.headers["x-ratelimit-limit"])
        assert.equal(i == 1 and "1" or "0", response.headers["x-ratelimit-remaining"])
        assert.is_nil(response.headers["retry-after"])
      end
      assert_error(responses[3], 429, "Too Many Requests", "Global limit has been reached", "too_many_requests")
      local function reset(i) return tonumber(responses[i].headers["x-ratelimit-reset"]) end
      assert.is_true(near(reset(2), reset(3)) and near(reset(3), reset(5)))
      assert.is_true(near(tenant.requests()[1].time + 200, reset(5)))
    end)

    it("lets requests pass again after a refill, in " .. mode .. " mode", function()
      tenant.settings { enforce = true, bucket = 1, refill = mode == "drip" and 5 or 1, mode = mode }
      assert.equal(200, ask("GET", ADAS).status)
      socket.sleep(mode == "drip" and 0.21 or 1.01)
      assert.equal(200, ask("GET", ADAS).status)
    end)
  end

  it("sends the time when the bucket will be full, rounded up to a second, as x-ratelimit-reset", function()
    for _, case in ipairs {
      { bucket = 10, refill = 2, mode = "drip", full = function(time) return time + 1 / 2 end },
      { bucket = 10, refill = 2, mode = "window", full = function(time) return time + 1 end },
      { bucket = 10, refill = 2, mode = "window", phase = 0.5,
        full = function(time) return math.floor(time - 0.5) + 0.5 + 1 end },
    } do
      tenant.settings { bucket = case.bucket, refill = case.refill, mode = case.mode, phase = case.phase or false }
      tenant.forget_requests()
      local response = ask("GET", ADAS)
      assert.equal("9", response.headers["x-ratelimit-remaining"])
      assert.equal(math.ceil(case.full(tenant.requests()[1].time)), tonumber(response.headers["x-ratelimit-reset"]))
    end
  end)

  it("counts requests for unknown users, but not those without a sufficient token or with an unknown path", function()
    tenant.settings { enforce = true, bucket = 1, refill = 0.01 }
    local weak = tenant.issue_token { scope = "read:clients" }
    assert.equal(401, ask("GET", ADAS, { token = false }).status)
    assert.equal(403, ask("GET", ADAS, { token = weak }).status)
    assert.equal(404, ask("GET", "/api/v2/nothing").status)
    assert.equal(404, ask("GET", NOBODYS).status)
    assert.equal(429, ask("GET", NOBODYS).status)
  end)

  it("only counts when it is not enforced", function()
    tenant.settings { bucket = 1, refill = 0.01 }
    for _ = 1, 3 do
      local response = ask("GET", ADAS)
      assert.equal(200, response.status)
      assert.equal("0", response.headers["x-ratelimit-remaining"])
    end
  end)

  it("sends Retry-After if that is set, and starts with a full bucket after a change", function()
    tenant.settings { enforce = true, bucket = 1, refill = 0.01, retry_after = 7 }
    ask("GET", ADAS)
    assert.equal("7", ask("GET", ADAS).headers["retry-after"])
    tenant.settings { bucket = 2 }
    assert.equal("1", ask("GET", ADAS).headers["x-ratelimit-remaining"])
  end)
end)

describe("a list from the tenant", function()
  local function list(query) return ask("GET", GRACES .. query) end

  before_each(function()
    local scopes, permissions = {}, {}
    for i = 1, 120 do
      scopes[i] = ("scope:%03d"):format(i)
      permissions[i] = { resource_server_identifier = "urn:many", permission_name = scopes[i] }
    end
    tenant.seed {
      resource_servers = { { identifier = "urn:many", scopes = scopes } },
      users = { { user_id = GRACE, permissions = permissions } },
    }
  end)

  it("is, without totals, a page of 50 entries or of the requested size", function()
    local response = list ""
    assert.equal(50, #response.json)
    assert.equal("scope:001", response.json[1].permission_name)
    assert.equal(100, #list("?per_page=100").json)
    local last = list("?per_page=50&page=2").json
    assert.equal(20, #last)
    assert.equal("scope:101", last[1].permission_name)
    assert.equal("[]", list("?page=3").body)
    assert.equal(50, #list("?include_totals=false").json)
  end)

  it("has, with totals, its start, limit and total", function()
    for query, expected in pairs {
      ["?include_totals=true"] = { 50, 0, 50 },
      ["?include_totals=true&per_page=100&page=1"] = { 20, 100, 100 },
      ["?include_totals=true&page=9"] = { 0, 450, 50 },
    } do
      local body = list(query).json
      assert.same(expected, { #body.permissions, body.start, body.limit })
      assert.equal(120, body.total)
    end
    assert.equal('{"permissions":[],"start":450,"limit":50,"total":120}', list("?include_totals=true&page=9").body)
  end)

  it("has shorter pages, with start and limit to match, when the tenant caps pages", function()
    tenant.settings { page_cap = 30 }
    assert.equal(30, #list("?per_page=100").json)
    local body = list("?include_totals=true&per_page=100&page=1").json
    assert.same({ 30, 30, 30, 120 }, { #body.permissions, body.start, body.limit, body.total })
    assert.equal(10, #list("?per_page=10").json)
    tenant.settings { page_cap = false }
    assert.equal(100, #list("?per_page=100").json)
  end)

  it("is refused for an invalid query", function()
    for query, reason in pairs {
      ["?per_page=101"] = "'Value 101 is greater than maximum 100' on property per_page (Number of results per page.)",
      ["?per_page=0"] = "'Value 0 is less than minimum 1' on property per_page (Number of results per page.)",
      ["?page=-1"] = "'Value -1 is less than minimum 0' on property page "
        .. "(Page index of the results to return. First page is 0.)",
      ["?page=x"] = "'Expected type integer but found type string' on property page "
        .. "(Page index of the results to return. First page is 0.)",
      ["?order=up"] = "'Additional properties not allowed: order'",
    } do
      assert_error(list(query), 400, "Bad Request", "Query validation error: " .. reason .. ".", "invalid_query_string")
    end
  end)

  it("continues, for a role's users, at the checkpoint that the page before named", function()
    tenant.seed { users = { { user_id = GRACE, roles = { "rol_Auditor0000000001" } } } }
    local first = ask("GET", AUDITOR .. "/users?take=1").json
    assert.equal(ADA, first.users[1].user_id)
    local last = ask("GET", AUDITOR .. "/users?take=1&from=" .. first.next).json
    assert.equal(GRACE, last.users[1].user_id)
    assert.is_nil(last.next)
    assert.equal(400, ask("GET", AUDITOR .. "/users?take=1&from=nonsense").status)
  end)
end)
