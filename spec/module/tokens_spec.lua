-- Access tokens: fetched once, kept, and replaced when the tenant refuses them.

local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

local ID, SECRET = "machine-to-machine", "canary-s3cret-of-the-machine"

local function remove(client)
  return client:remove_user_permissions(support.user, support.permissions "write:reports")
end

-- How many requests the token endpoint got.
local function token_requests()
  local count = 0
  for _, request in ipairs(tenant.requests()) do
    if request.uri == "/oauth/token" then count = count + 1 end
  end
  return count
end

describe("a client with client_id and client_secret", function()
  local client

  local function new(changes)
    local options = { domain = tenant.domain, ca_file = tenant.ca_file, client_id = ID, client_secret = SECRET }
    for name, value in pairs(changes or {}) do options[name] = value end
    return assert(auth0perm.new(options))
  end

  before_each(function()
    tenant.reset()
    tenant.seed { clients = { { client_id = ID, client_secret = SECRET } } }
    client = new()
  end)

  after_each(function() client:close() end)

  it("fetches a token for the Management API before the first call", function()
    assert.is_true(remove(client))
    local requests = tenant.requests()
    assert.equal(2, #requests)
    assert.equal("POST", requests[1].method)
    assert.equal("/oauth/token", requests[1].uri)
    assert.equal("application/json", requests[1].headers["content-type"])
    assert.is_nil(requests[1].headers.authorization)
    assert.same({ grant_type = "client_credentials", client_id = ID, client_secret = SECRET,
      audience = "https://" .. tenant.domain .. "/api/v2/" }, require "cjson".decode(requests[1].body))
  end)

  it("keeps the token", function()
    for _ = 1, 5 do assert.is_true(remove(client)) end
    assert.equal(1, token_requests())
  end)

  it("makes one token request for 64 calls that start without a token", function()
    local calls = {}
    for i = 1, 64 do
      calls[i] = assert(client:start("list_user_permissions", support.user))
    end
    support.finish(client)
    for _, call in ipairs(calls) do assert.is_table(call:result()) end
    assert.equal(1, token_requests())
    assert.equal(65, #tenant.requests())
  end)

  it("lets another call fetch the token when the fetching one is canceled", function()
    tenant.fault { kind = "delay", seconds = 5, path = "/oauth/token" }
    local first = assert(client:start("list_user_permissions", support.user))
    local second = assert(client:start("list_user_permissions", support.user))
    client:step(0.3)
    first:cancel()
    support.finish(client)
    assert.is_table(second:result())
  end)

  it("replaces a refused token, once", function()
    assert.is_true(remove(client))
    tenant.fault { kind = "status", status = 401 }
    assert.is_true(remove(client))
    assert.equal(2, token_requests())
    tenant.fault { kind = "status", status = 401, count = 5, path = "^/api/v2/" }
    local ok, err = remove(client)
    assert.is_nil(ok)
    assert.equal("token", err.kind)
    assert.equal(401, err.status)
    assert.equal(2, err.attempts)
    assert.equal(3, token_requests())
  end)

  it("fetches two tokens, and no more for a while, when the tenant refuses every token", function()
    tenant.fault { kind = "status", status = 401, count = 1000, path = "^/api/v2/" }
    for _ = 1, 100 do
      local ok, err = remove(client)
      assert.is_nil(ok)
      assert.equal("token", err.kind)
      assert.equal(401, err.status)
    end
    assert.equal(2, token_requests())
  end)

  it("retries when something else responds in place of the token endpoint", function()
    tenant.fault { kind = "html", status = 200, path = "/oauth/token" }
    tenant.fault { kind = "status", status = 302, path = "/oauth/token" }
    tenant.fault { kind = "html", status = 404, path = "/oauth/token" }
    tenant.fault { kind = "garbage", path = "/oauth/token" }
    assert.is_true(remove(client))
    assert.equal(5, token_requests())
  end)

  it("fails later calls only for a refusal of the token endpoint, not for other failures", function()
    client:close()
    client = new { max_retries = 0 }
    for _, fault in ipairs { { kind = "html", status = 200 }, { kind = "html", status = 403 }, { kind = "garbage" } } do
      fault.path = "/oauth/token"
      tenant.fault(fault)
      assert.is_nil((remove(client)))
    end
    assert.is_true(remove(client))
  end)

  it("refuses a token that has expired, or whose expires_in is not a number of seconds", function()
    for _, expires_in in ipairs { "0", "-1", '"soon"', "{}", "true" } do
      client:close()
      client = new()
      tenant.fault { kind = "status", status = 200, path = "/oauth/token",
        body = '{"access_token":"s3cr3t","expires_in":' .. expires_in .. "}" }
      local ok, err = remove(client)
      assert.is_nil(ok)
      assert.equal("token", err.kind)
      assert.equal("access token: the token endpoint returned an invalid expires_in; expected a number > 0",
        err.message)
    end
    assert.equal(5, #tenant.requests())
  end)

  it("does not retry a wrong secret, and fails all waiting calls with the refusal", function()
    client:close()
    client = new { client_secret = "wrong" }
    local calls = {}
    for i = 1, 10 do calls[i] = assert(client:start("list_user_permissions", support.user)) end
    support.finish(client)
    for _, call in ipairs(calls) do
      local ok, err = call:result()
      assert.is_nil(ok)
      assert.equal("token", err.kind)
      assert.equal(401, err.status)
      assert.equal("access_denied", err.code)
      assert.equal("access token: Unauthorized", err.message)
    end
    assert.equal(1, #tenant.requests())
  end)

  it("retries when the token endpoint fails temporarily", function()
    tenant.fault { kind = "status", status = 503, path = "/oauth/token", count = 2 }
    assert.is_true(remove(client))
    assert.equal(3, token_requests())
  end)

  it("reports what is left of the quota when the token endpoint responds with 429", function()
    tenant.fault { kind = "status", status = 429, path = "/oauth/token", headers = { ["Retry-After"] = "3540",
      ["Auth0-Client-Quota-Limit"] = "b=per_hour;q=10;r=0;t=3540,b=per_day;q=100;r=42;t=80000" },
      body = '{"error":"too_many_requests","error_description":"Client quota exceeded"}' }
    local ok, err = remove(client)
    assert.is_nil(ok)
    assert.equal("limit", err.kind)
    assert.equal(3540, err.retry_after)
    assert.equal("access token: Client quota exceeded", err.message)
    assert.same({ quota = 10, remaining = 0, reset = 3540 }, err.quota.per_hour)
    assert.same({ quota = 100, remaining = 42, reset = 80000 }, err.quota.per_day)
  end)

  it("never sends a token request twice when the connection that it reuses is dead", function()
    tenant.settings { latency = 0 }
    assert.is_true(remove(client))
    tenant.fault { kind = "close_before", path = "/oauth/token", count = 1 }
    tenant.fault { kind = "status", status = 401 }
    assert.is_true(remove(client))
    assert.equal(3, token_requests()) -- the first, the one that broke, and its retry after a pause
  end)

  it("accepts an audience for custom domains", function()
    client:close()
    client = new { audience = "https://acme.eu.auth0.com/api/v2/" }
    remove(client)
    assert.equal("https://acme.eu.auth0.com/api/v2/", require "cjson".decode(tenant.requests()[1].body).audience)
  end)

  it("does not reveal its secret in any error or text", function()
    client:close()
    client = new { client_secret = SECRET .. "-wrong" }
    tenant.fault { kind = "status", status = 401, path = "/oauth/token",
      body = '{"error":"access_denied","error_description":"no such secret: ' .. SECRET .. '-wrong"}' }
    local _, err = remove(client)
    assert.equal("access token: no such secret: [secret]", err.message)
    for _, options in ipairs { { client_id = "" }, { client_id = ID, client_secret = SECRET, private_key = SECRET },
      { client_secret = SECRET }, { client_id = ID, private_key = SECRET },
      { client_id = ID, client_secret = "\255" .. SECRET },
      { token = SECRET, client_id = ID, client_secret = SECRET } } do
      options.domain = tenant.domain
      local none, refusal = auth0perm.new(options)
      assert.is_nil(none)
      assert.equal("invalid", refusal.kind)
      assert.is_nil(tostring(refusal):find(SECRET, 1, true))
    end
  end)
end)

describe("a client with a token function", function()
  local client, calls, supply

  before_each(function()
    tenant.reset()
    calls = 0
    supply = function() return tenant.token, 3600 end
    client = assert(auth0perm.new { domain = tenant.domain, ca_file = tenant.ca_file, token = function()
      calls = calls + 1
      return supply()
    end })
  end)

  after_each(function() client:close() end)

  it("calls it once and keeps the token", function()
    for _ = 1, 3 do assert.is_true(remove(client)) end
    assert.equal(1, calls)
  end)

  it("calls it again when the tenant refuses the token", function()
    assert.is_true(remove(client))
    tenant.fault { kind = "status", status = 401 }
    assert.is_true(remove(client))
    assert.equal(2, calls)
  end)

  it("turns whatever it raises or returns into an error of the call", function()
    for _, case in ipairs {
      { function() error "the vault is sealed" end, "the vault is sealed" },
      { function() error({}) end, "the token function raised an error" },
      { function() return nil, "no token today" end, "no token today" },
      { function() return nil end, "the token function did not return a string" },
      { function() return 42 end, "the token function did not return a string" },
      { function() return "a\nb" end, "token: expected printable ASCII" },
      { function() return tenant.token, -1 end, "already expired" },
      { function() return tenant.token, {} end, "already expired" },
      { function() coroutine.yield() end, "yield" },
      { function() client:list_user_permissions(support.user) end, "cannot be called from the token function" },
    } do
      supply = case[1]
      local ok, err = remove(client)
      assert.is_nil(ok)
      assert.equal("token", err.kind)
      assert.is_truthy(err.message:find(case[2], 1, true), err.message)
    end
    assert.equal(0, #tenant.requests())
    supply = function() return tenant.token end
    assert.is_true(remove(client))
  end)

  it("survives when it closes the client", function()
    supply = function()
      client:close()
      return tenant.token
    end
    local ok, err = remove(client)
    assert.is_true(ok or err.kind == "closed")
    assert.equal("closed", select(2, remove(client)).kind)
  end)
end)

describe("a client with a private key", function()
  it("signs an assertion for each token request and sends no secret", function()
    tenant.reset()
    local key = support.run "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null"
    for _, algorithm in ipairs { "RS256", "RS384", "PS256" } do
      tenant.forget_requests()
      local client = assert(auth0perm.new { domain = tenant.domain, ca_file = tenant.ca_file, client_id = ID,
        private_key = key, signing_algorithm = algorithm })
      remove(client)
      local body = require "cjson".decode(tenant.requests()[1].body)
      assert.equal("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", body.client_assertion_type)
      assert.matches("^[%w_-]+%.[%w_-]+%.[%w_-]+$", body.client_assertion)
      assert.is_true(#body.client_assertion <= 2048)
      assert.is_nil(body.client_secret)
      client:close()
    end
    local none, err = auth0perm.new { domain = "a", client_id = ID, private_key = key, signing_algorithm = "none" }
    assert.is_nil(none)
    assert.matches("^signing_algorithm", err.message)
  end)
end)
