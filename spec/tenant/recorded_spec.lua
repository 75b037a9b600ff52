-- Replays exchanges that were recorded with real tenants (by the authors of Auth0's Terraform provider and Go SDK)
-- against the mock tenant, and tests its token endpoint. Only the form of the recordings is kept here.

local cjson = require "cjson"
local tenant = require "spec.tenant.control"
local curl = require "spec.tenant.curl"

local API, API_NAME = "https://uat.api.terraform-provider-auth0.com/testaccount", "Acceptance Test"
local API_PATH = "/api/v2/resource-servers/https:%2F%2Fuat.api.terraform-provider-auth0.com%2Ftestaccount"
local USER = "/api/v2/users/auth0%7Ctestaccount"
local ROLE = "/api/v2/roles/rol_n1z6LFTpIHVtfM8R"
local PAGE, FIRST_PAGE = "?include_totals=true&per_page=50", "?include_totals=true&page=0&per_page=100"

local ask = curl.ask

local function body_of(...)
  local items = {}
  for i, name in ipairs { ... } do
    items[i] = ('{"resource_server_identifier":"%s","permission_name":"%s"}'):format(API, name)
  end
  return '{"permissions":[' .. table.concat(items, ",") .. "]}"
end

-- The recorded text of a list of permissions. `sources` is for a user's entries; a role's have none.
local function list_of(limit, sources, ...)
  local items = {}
  for i, name in ipairs { ... } do
    items[i] = ('{"permission_name":"%s:foo","description":"Can %s Foo","resource_server_name":"%s",'
      .. '"resource_server_identifier":"%s"%s}'):format(name, name, API_NAME, API, sources)
  end
  return ('{"permissions":[%s],"start":0,"limit":%d,"total":%d}'):format(table.concat(items, ","), limit, #items)
end

local DIRECT = ',"sources":[{"source_id":"","source_name":"","source_type":"DIRECT"}]'

-- Sends the requests of { method, path, body or false, status, response } in order, and compares the response texts.
local function replay(exchanges)
  local requests = {}
  for i, exchange in ipairs(exchanges) do
    requests[i] = { method = exchange[1], path = exchange[2], body = exchange[3] or nil }
  end
  local responses, exit = curl.perform(requests)
  assert.equal(0, exit)
  for i, exchange in ipairs(exchanges) do
    local title = ("%d: %s %s "):format(i, exchange[1], exchange[2])
    assert.equal(title .. exchange[4] .. " " .. exchange[5], title .. responses[i].status .. " " .. responses[i].body)
    assert.equal("application/json; charset=utf-8", responses[i].headers["content-type"])
    assert.matches("^%d+$", responses[i].headers["x-ratelimit-remaining"])
  end
end

describe("the tenant, replaying a recording,", function()
  before_each(function()
    tenant.empty()
    tenant.seed {
      resource_servers = { { id = "66e0a201e5d56cfb7a9a50a1", identifier = API, name = API_NAME,
        scopes = { { value = "create:foo", description = "Can create Foo" },
          { value = "read:foo", description = "Can read Foo" } } } },
      roles = { { id = "rol_n1z6LFTpIHVtfM8R", name = "test-role", description = "Test Role" } },
      users = { { user_id = "auth0|testaccount", email = "testaccount@acceptance.test.com" } },
    }
  end)

  it("assigns, lists and removes a user's permissions as recorded", function()
    local path = USER .. "/permissions"
    replay {
      { "POST", path, body_of "read:foo", 201, "{}" },
      { "GET", path .. PAGE, false, 200, list_of(50, DIRECT, "read") },
      { "GET", USER .. "/roles" .. FIRST_PAGE, false, 200, '{"roles":[],"start":0,"limit":100,"total":0}' },
      { "GET", path .. FIRST_PAGE, false, 200, list_of(100, DIRECT, "read") },
      { "POST", path, body_of "create:foo", 201, "{}" },
      { "GET", path .. PAGE, false, 200, list_of(50, DIRECT, "create", "read") },
      { "DELETE", path, body_of "create:foo", 204, "" },
      { "DELETE", path, body_of "read:foo", 204, "" },
      { "GET", path .. FIRST_PAGE, false, 200, list_of(100, DIRECT) },
      { "POST", path, body_of("create:foo", "read:foo"), 201, "{}" },
      { "GET", path .. FIRST_PAGE, false, 200, list_of(100, DIRECT, "create", "read") },
      -- As recorded: both at once, then each again.
      { "DELETE", path, body_of("create:foo", "read:foo"), 204, "" },
      { "DELETE", path, body_of "create:foo", 204, "" },
      { "DELETE", path, body_of "read:foo", 204, "" },
    }
  end)

  it("assigns, lists and removes a role's permissions as recorded", function()
    local path = ROLE .. "/permissions"
    replay {
      { "GET", ROLE, false, 200, '{"id":"rol_n1z6LFTpIHVtfM8R","name":"test-role","description":"Test Role"}' },
      { "POST", path, body_of "read:foo", 201, "{}" },
      { "GET", path .. FIRST_PAGE, false, 200, list_of(100, "", "read") },
      { "GET", ROLE .. "/users?include_totals=true&per_page=50&take=100", false, 200, '{"users":[]}' },
      { "POST", path, body_of "create:foo", 201, "{}" },
      { "GET", path .. FIRST_PAGE, false, 200, list_of(100, "", "create", "read") },
      { "DELETE", path, body_of "read:foo", 204, "" },
      { "GET", path .. FIRST_PAGE, false, 200, list_of(100, "", "create") },
      { "DELETE", path, body_of("read:foo", "create:foo"), 204, "" },
      { "GET", path .. PAGE, false, 200, list_of(50, "") },
      { "DELETE", ROLE, "{}", 200, "{}" },
    }
  end)

  it("assigns, lists and removes a user's roles as recorded", function()
    local path, body = USER .. "/roles", '{"roles":["rol_n1z6LFTpIHVtfM8R"]}'
    replay {
      { "POST", path, body, 204, "" },
      { "GET", path .. PAGE, false, 200, '{"roles":[{"id":"rol_n1z6LFTpIHVtfM8R","name":"test-role",'
        .. '"description":"Test Role"}],"start":0,"limit":50,"total":1}' },
      { "DELETE", path, body, 204, "" },
      { "GET", path .. PAGE, false, 200, '{"roles":[],"start":0,"limit":50,"total":0}' },
    }
  end)

  it("replaces the scopes of an API as recorded", function()
    for _, scopes in ipairs { { { value = "read:foo", description = "Can read Foo" } }, cjson.decode "[]" } do
      local response = ask("PATCH", API_PATH, { body = #scopes > 0 and { scopes = scopes } or '{"scopes":[]}' })
      assert.equal(200, response.status)
      assert.same({
        id = "66e0a201e5d56cfb7a9a50a1", name = API_NAME, identifier = API, allow_offline_access = false,
        skip_consent_for_verifiable_first_party_clients = false, token_lifetime = 86400,
        token_lifetime_for_web = 7200, signing_alg = "RS256", scopes = scopes,
      }, response.json)
    end
    replay { { "DELETE", USER .. "/permissions", body_of "read:foo", 204, "" } }
  end)

  it("responds with 404 and no errorCode for an unknown role", function()
    for method, body in pairs { GET = false, POST = body_of "read:foo", DELETE = body_of "read:foo" } do
      local response = ask(method, "/api/v2/roles/rol_0000000000000000/permissions", { body = body or nil })
      assert.equal('{"statusCode":404,"error":"Not Found","message":"The role does not exist."}', response.body)
    end
  end)
end)

describe("/oauth/token of the tenant", function()
  local audience = "https://" .. tenant.domain .. "/api/v2/"

  local function granted(changes)
    local body = {
      grant_type = "client_credentials", client_id = "robot", client_secret = "s3cret&%", audience = audience,
    }
    for name, value in pairs(changes or {}) do body[name] = value or nil end
    return ask("POST", "/oauth/token", { token = false, body = body })
  end

  local function assert_refused(response, status, code, description)
    assert.equal(status, response.status)
    assert.same({ error = code, error_description = description }, response.json)
    assert.equal("application/json; charset=utf-8", response.headers["content-type"])
  end

  before_each(function()
    tenant.reset()
    tenant.seed { clients = {
      { client_id = "robot", client_secret = "s3cret&%", scope = "read:users", expires_in = 120 },
      { client_id = "lord", client_secret = "s3cret&%" },
      { client_id = "stranger", client_secret = "s3cret&%", scope = false },
      { client_id = "page", client_secret = "s3cret&%", unauthorized = true },
    } }
  end)

  it("issues a token with the client's scope and lifetime", function()
    local response = granted()
    assert.equal(200, response.status)
    assert.equal("no-store", response.headers["cache-control"])
    local token = response.json.access_token
    assert.matches("^[%w_-]+%.[%w_-]+%.[%w_-]+$", token)
    assert.same({ access_token = token, scope = "read:users", expires_in = 120, token_type = "Bearer" }, response.json)
    assert.equal(200, ask("GET", "/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82", { token = token }).status)
    assert.equal(403, ask("GET", "/api/v2/roles", { token = token }).status)
    assert.are_not.equal(token, granted().json.access_token)
  end)

  it("issues a token for all scopes and a day if the client has no limits of its own", function()
    local response = granted { client_id = "lord" }
    assert.equal(86400, response.json.expires_in)
    assert.matches("update:users", response.json.scope)
    assert.equal(200, ask("GET", "/api/v2/roles", { token = response.json.access_token }).status)
  end)

  it("accepts a form, too", function()
    local response = ask("POST", "/oauth/token", {
      token = false, headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
      body = "grant_type=client_credentials&client_id=robot&client_secret=s3cret%26%25&audience="
        .. audience:gsub("[:/]", { [":"] = "%3A", ["/"] = "%2F" }),
    })
    assert.equal(200, response.status)
    assert.equal("read:users", response.json.scope)
  end)

  it("refuses a wrong secret and an unknown client in the same way", function()
    for _, changes in ipairs { { client_secret = "guess" }, { client_secret = false }, { client_id = "nobody" } } do
      assert_refused(granted(changes), 401, "access_denied", "Unauthorized")
    end
  end)

  it("refuses clients without a grant, and other grant types", function()
    assert_refused(granted { client_id = "stranger" }, 403, "access_denied",
      ('Client is not authorized to access "%s". You need to create a "client-grant" associated to this API.')
        :format(audience))
    assert_refused(granted { client_id = "page" }, 403, "unauthorized_client",
      "Grant type 'client_credentials' not allowed for the client.")
    assert_refused(granted { grant_type = "password" }, 403, "unsupported_grant_type",
      "Unsupported grant type: password")
  end)

  it("refuses a foreign audience, and one without the trailing slash", function()
    for _, other in ipairs { audience:sub(1, -2), "https://other.eu.auth0.com/api/v2/" } do
      assert_refused(granted { audience = other }, 403, "access_denied", "Service not enabled within domain: " .. other)
    end
  end)

  it("refuses a request with a missing parameter, malformed JSON or the wrong method", function()
    assert_refused(granted { audience = false }, 400, "invalid_request", "Missing required parameter: audience")
    assert_refused(granted { grant_type = false }, 400, "invalid_request", "Missing required parameter: grant_type")
    assert_refused(ask("POST", "/oauth/token", { token = false, body = "{" }), 400, "invalid_request",
      "Invalid request payload JSON format")
    assert.equal(404, ask("GET", "/oauth/token", { token = false }).status)
  end)

  it("invalidates all tokens on a reset except TENANT_TOKEN", function()
    local token = granted().json.access_token
    tenant.reset()
    assert.equal(401, ask("GET", "/api/v2/roles", { token = token }).status)
    assert.equal(200, ask("GET", "/api/v2/roles").status)
    assert_refused(granted(), 401, "access_denied", "Unauthorized")
  end)
end)
