-- What a call returns, whatever the tenant, the CDN in front of it or the network does.

local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

describe("a response", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client { timeout = 20, max_retries = 0 }
  end)

  after_each(function() client:close() end)

  local function remove(with)
    return (with or client):remove_user_permissions(support.user, support.permissions "write:reports")
  end

  -- Returns the error of a removal with this client, or with the default one.
  local function failed(with)
    local ok, err = remove(with)
    assert.is_nil(ok)
    assert.equal("remove_user_permissions", err.operation)
    return err
  end

  -- Checks the members of an error; `maybe_applied` is expected to be false unless given, and `attempts` to be 1.
  local function check(err, expected)
    for name, value in pairs(expected) do
      assert.equal(value, err[name], name)
    end
    if expected.maybe_applied == nil then assert.is_false(err.maybe_applied) end
    assert.equal(1, err.attempts)
  end

  it("with status 204 returns true, and its body is ignored", function()
    assert.is_true(remove())
    tenant.fault { kind = "status", status = 204, headers = { ["Content-Type"] = "application/json" }, body = "" }
    assert.is_true(remove())
  end)

  it("to the removal of a permission that the user does not hold returns true", function()
    assert.is_true(client:remove_user_permissions(support.user, { ["urn:nowhere"] = { "no:such" } }))
  end)

  it("with status 404 says that the user does not exist", function()
    local ok, err = client:remove_user_permissions("auth0|nobody", support.permissions "write:reports")
    assert.is_nil(ok)
    check(err, { kind = "api", status = 404, code = "inexistent_user", message = "The user does not exist." })
    assert.equal("remove_user_permissions: api 404 inexistent_user: The user does not exist.", tostring(err))
  end)

  it("with status 404 says that a permission to assign does not exist", function()
    local ok, err = client:assign_user_permissions(support.user, support.permissions "no:such")
    assert.is_nil(ok)
    check(err, { kind = "api", status = 404, code = "inexistent_resource_server_permission",
      message = "This permission does not exist: 'https://api.example.com/ - no:such'" })
  end)

  it("with status 400 quotes the API's reason", function()
    local ok, err = client:list_user_permissions "no-provider"
    assert.is_nil(ok)
    check(err, { kind = "api", status = 400, code = "invalid_uri" })
    assert.matches("format user%-id", err.message)
  end)

  it("with status 400 to a token that is not a JWT is an error of kind token", function()
    local other = support.client { token = "not-a-jwt" }
    check(failed(other), { kind = "token", status = 400, code = "Bearer",
      message = "Bad HTTP authentication header format" })
    other:close()
  end)

  it("with status 401 to an expired or unknown token is an error of kind token", function()
    local expired = support.client { token = tenant.issue_token { expires_in = -10 } }
    check(failed(expired), { kind = "token", status = 401 })
    local unknown = support.client { token = "aaaa.bbbb.cccc" }
    check(failed(unknown), { kind = "token", status = 401 })
    local elsewhere = support.client { token = tenant.issue_token { audience = "https://elsewhere.example/" } }
    check(failed(elsewhere), { kind = "token", status = 401 })
  end)

  it("with status 403 says which scope is missing", function()
    local reader = support.client { token = tenant.issue_token { scope = "read:users" } }
    check(failed(reader), { kind = "api", status = 403, code = "insufficient_scope",
      message = "Insufficient scope, expected any of: update:users" })
    assert.is_table(reader:list_user_permissions(support.user))
  end)

  it("with status 409 or 413 is an error of kind api", function()
    for _, status in ipairs { 409, 413 } do
      tenant.fault { kind = "status", status = status }
      check(failed(), { kind = "api", status = status })
    end
  end)

  it("with status 429 is an error of kind limit that says how long to wait", function()
    tenant.fault { kind = "status", status = 429, headers = { ["Retry-After"] = "70" } }
    check(failed(), { kind = "limit", status = 429, code = "too_many_requests", retry_after = 70 })
  end)

  it("with status 5xx or 408 to a write sets maybe_applied", function()
    for _, status in ipairs { 408, 500, 502, 503, 504, 520 } do
      tenant.fault { kind = "status", status = status, applied = true }
      check(failed(), { kind = "api", status = status, maybe_applied = true })
    end
  end)

  it("with status 5xx to a list does not set maybe_applied", function()
    tenant.fault { kind = "status", status = 500 }
    local ok, err = client:list_user_permissions(support.user)
    assert.is_nil(ok)
    check(err, { kind = "api", status = 500 })
  end)

  it("in HTML, from a CDN, is reported as HTML and not quoted", function()
    tenant.fault { kind = "html", status = 502 }
    check(failed(), { kind = "api", status = 502, maybe_applied = true,
      message = "Bad Gateway (an HTML page, not an API response)" })
    tenant.fault { kind = "html", status = 200 }
    check(failed(), { kind = "protocol", status = 200, maybe_applied = true,
      message = "expected status 204, got 200 (an HTML page)" })
    tenant.fault { kind = "html", status = 200 }
    local ok, err = client:list_user_permissions(support.user)
    assert.is_nil(ok)
    check(err, { kind = "protocol", status = 200, message = "the response is not a JSON object but an HTML page" })
  end)

  it("with an unreadable error body still reports its status", function()
    for _, body in ipairs { "", "nonsense", "[]", "null", '"text"', '{"message":17,"errorCode":{}}', "{\"message\":",
      "\0" } do
      tenant.fault { kind = "status", status = 403, body = body }
      check(failed(), { kind = "api", status = 403, message = "Forbidden" })
    end
  end)

  it("with control characters in its message gives a printable message", function()
    tenant.fault { kind = "status", status = 400,
      body = '{"message":"a\\u001b[31mb\\r\\nc\\u0000d","errorCode":"x\\ny"}' }
    check(failed(), { kind = "api", status = 400, message = "a [31mb  c d", code = "x y" })
  end)

  it("with a very long message gives one that is cut between characters", function()
    tenant.fault { kind = "status", status = 400, body = '{"message":"' .. ("\195\188"):rep(4000) .. '"}' }
    local message = failed().message
    assert.is_true(#message > 400 and #message < 600)
    assert.equal(0, #message % 2)
  end)

  it("that is nested too deeply or has an invalid number is an error", function()
    for _, body in ipairs { ("["):rep(5000), '{"permissions":[{"a":' .. ("["):rep(40) .. ("]"):rep(40) .. "}]}",
      '{"permissions":[NaN],"start":0,"limit":50,"total":1}' } do
      tenant.fault { kind = "status", status = 200, body = body }
      local ok, err = client:list_user_permissions(support.user)
      assert.is_nil(ok)
      check(err, { kind = "protocol", status = 200, message = "the response is not a JSON object" })
    end
  end)

  it("without its list is an error, not an empty list", function()
    for _, body in ipairs { "{}", '{"permissions":null}', '{"permissions":"none"}', '{"roles":[]}',
      '{"permissions":{}}',
      '{"permissions":{"a":{}}}', '{"permissions":{"1":{}}}' } do
      tenant.fault { kind = "status", status = 200, body = body }
      local ok, err = client:list_user_permissions(support.user)
      assert.is_nil(ok)
      check(err, { kind = "protocol", status = 200,
        message = 'the response has no list of objects named "permissions"' })
    end
  end)

  it("whose list has items that are not objects is an error", function()
    for _, body in ipairs { '{"permissions":[1]}', '{"permissions":[{},"a"]}', '{"permissions":[null]}' } do
      tenant.fault { kind = "status", status = 200, body = body }
      local ok, err = client:list_user_permissions(support.user)
      assert.is_nil(ok)
      check(err, { kind = "protocol", status = 200,
        message = 'the response has no list of objects named "permissions"' })
    end
    for _, body in ipairs { "[1]", "{}", '[null]' } do
      tenant.fault { kind = "status", status = 200, body = body }
      local ok, err = client:list_users_by_email "nobody@example.com"
      assert.is_nil(ok)
      check(err, { kind = "protocol", status = 200, message = "the response is not a JSON array" })
    end
  end)

  it("with an empty list returns an empty table", function()
    for _, body in ipairs { '{"permissions":[]}', ' { "total" : 0 , "permissions" : [ ] } ' } do
      tenant.fault { kind = "status", status = 200, body = body }
      assert.same({}, client:list_user_permissions(support.user))
    end
    tenant.fault { kind = "status", status = 200, body = "[]" }
    assert.same({}, client:list_users_by_email "nobody@example.com")
  end)

  it("with status 200 in HTML is an error even if the body is not needed, and is not retried", function()
    client:close()
    client = support.client { max_retries = 4 }
    tenant.fault { kind = "html", status = 200, count = 3 }
    for _, arguments in ipairs { { "delete_role", "rol_1" }, { "assign_role_users", "rol_1", { support.user } },
      { "remove_role_permissions", "rol_1", support.permissions "write:reports" } } do
      local ok, err = client[arguments[1]](client, arguments[2], arguments[3])
      assert.is_nil(ok)
      check(err, { kind = "protocol", status = 200, maybe_applied = true,
        message = "the response is an HTML page" })
    end
    assert.equal(3, #tenant.requests())
  end)

  it("with more items than requested is an error", function()
    local items = ("{},"):rep(100) .. "{}"
    tenant.fault { kind = "status", status = 200,
      body = '{"permissions":[' .. items .. '],"start":0,"limit":101,"total":101}' }
    local ok, err = client:list_user_permissions(support.user)
    assert.is_nil(ok)
    check(err, { kind = "protocol", status = 200,
      message = "expected at most 100 items on a page, got 101" })
  end)

  it("that would take far more memory than its length is not decoded", function()
    local call = auth0perm.new { domain = "acme.eu.auth0.com", token = "t", driver = "none" }
      :prepare("list_user_permissions", support.user)
    assert.equal("send", (call:next()))
    local body = '{"permissions":[{"a":[' .. ("[],"):rep(2500000) .. "[]]}]}"
    collectgarbage()
    local before = collectgarbage "count"
    call:feed { status = 200, body = body }
    assert.is_true(collectgarbage "count" - before < 64 * 1024)
    local ok, err = call:result()
    assert.is_nil(ok)
    check(err, { kind = "protocol", status = 200, message = "the response would take more than 64 MiB of memory" })
  end)

  it("that is truncated is never a success", function()
    for _, kind in ipairs { "truncated", "reset_during" } do
      tenant.fault { kind = kind }
      local ok, err = client:list_user_permissions(support.user)
      assert.is_nil(ok)
      check(err, { kind = "transport" })
    end
    tenant.fault { kind = "truncated_json" }
    local ok, err = client:list_user_permissions(support.user)
    assert.is_nil(ok)
    check(err, { kind = "protocol", status = 200 })
  end)

  it("of more than 8 MiB is rejected, with or without a Content-Length", function()
    for _, chunked in ipairs { true, false } do
      tenant.fault { kind = "huge", chunked = chunked }
      local ok, err = client:list_user_permissions(support.user)
      assert.is_nil(ok)
      check(err, { kind = "protocol", message = "the response body is larger than 8 MiB" })
    end
  end)

  it("with more than 64 KiB of headers is rejected", function()
    tenant.fault { kind = "huge_header", bytes = 90000, headers = 20 }
    check(failed(), { kind = "protocol", maybe_applied = true,
      message = "the response headers are larger than 64 KiB" })
    tenant.fault { kind = "huge_header", bytes = 90000, headers = 1 }
    check(failed(), { kind = "protocol", maybe_applied = true,
      message = "the response headers are larger than 64 KiB" })
  end)

  it("that is not HTTP is an error of kind protocol", function()
    tenant.fault { kind = "garbage" }
    check(failed(), { kind = "protocol", maybe_applied = true })
  end)

  it("is still awaited after an informational one", function()
    tenant.fault { kind = "informational", status = 103, count = 2 }
    assert.is_true(remove())
    assert.is_table(client:list_user_permissions(support.user))
  end)

  it("that never comes because the connection is reset or closed sets maybe_applied", function()
    for _, kind in ipairs { "reset_before", "close_before" } do
      tenant.fault { kind = kind, applied = true }
      check(failed(), { kind = "transport", maybe_applied = true })
    end
  end)

  it("that comes too late is a timeout, and the next call works", function()
    local hasty = support.client { request_timeout = 0.3, max_retries = 0 }
    tenant.fault { kind = "delay", seconds = 3 }
    check(failed(hasty), { kind = "timeout", maybe_applied = true })
    assert.is_true(remove(hasty))
    hasty:close()
  end)

  it("whose body stalls or drips is limited by request_timeout", function()
    local hasty = support.client { request_timeout = 0.3, max_retries = 0 }
    for _, fault in ipairs { { kind = "stall", seconds = 5 }, { kind = "drip", interval = 0.05 } } do
      tenant.fault(fault)
      local ok, err = hasty:list_user_permissions(support.user)
      assert.is_nil(ok)
      check(err, { kind = "timeout" })
    end
    hasty:close()
  end)

  it("that takes longer than the call's timeout is limited by it", function()
    tenant.fault { kind = "delay", seconds = 3 }
    local ok, err = client:remove_user_permissions(support.user, support.permissions "a", { timeout = 0.25 })
    assert.is_nil(ok)
    check(err, { kind = "timeout", maybe_applied = true, message = "timed out after 0.25 s" })
  end)
end)

describe("a connection that fails", function()
  -- Returns the error of a removal with a client that has these options.
  local function failed(changes)
    changes.max_retries = 0
    local client = support.client(changes)
    local ok, err = client:remove_user_permissions(support.user, support.permissions "write:reports")
    client:close()
    assert.is_nil(ok)
    assert.is_false(err.maybe_applied)
    assert.is_nil(err.status)
    return err
  end

  before_each(tenant.reset)

  -- The tenant records a TLS handshake on its plain port as a malformed request.
  after_each(function()
    for _, request in ipairs(tenant.requests()) do
      assert.not_equal("DELETE", request.method)
    end
  end)

  it("because it is refused is an error of kind transport", function()
    assert.equal("transport", failed { domain = "127.0.0.1:1" }.kind)
  end)

  it("because the name does not resolve is an error of kind transport", function()
    local err = failed { domain = "acme.invalid" }
    assert.equal("transport", err.kind)
    assert.matches("resolve", err.message)
  end)

  it("because the CA did not sign the certificate is an error of kind transport, and nothing is sent", function()
    local err = failed { ca_file = tenant.other_ca_file }
    assert.equal("transport", err.kind)
    assert.matches("certificate", err.message)
  end)

  it("because the system's CA certificates did not sign the tenant's is an error of kind transport", function()
    local client = assert(auth0perm.new { domain = tenant.domain, token = tenant.token })
    local ok, err = client:remove_user_permissions(support.user, support.permissions "write:reports")
    client:close()
    assert.is_nil(ok)
    assert.equal("transport", err.kind)
    assert.is_false(err.maybe_applied)
  end)

  it("because the certificate has expired is an error of kind transport", function()
    local err = failed { domain = tenant.expired_domain }
    assert.equal("transport", err.kind)
    assert.matches("expired", err.message)
  end)

  it("because the certificate is for another host is an error of kind transport", function()
    local err = failed { domain = tenant.wrong_host_domain }
    assert.equal("transport", err.kind)
    assert.matches("match", err.message)
  end)

  it("because the server has no TLS, or none from 1.2 on, is an error of kind transport", function()
    assert.equal("transport", failed { domain = tenant.plain_domain }.kind)
    assert.equal("transport", failed { domain = tenant.old_tls_domain }.kind)
  end)

  it("because the server does not complete the handshake ends after connect_timeout", function()
    local err = failed { domain = tenant.silent_domain, connect_timeout = 0.3 }
    assert.equal("timeout", err.kind)
  end)
end)

describe("a proxy in the environment", function()
  it("is not used", function()
    tenant.reset()
    local output = support.run_lua([[
      local support = require "spec.support"
      print(support.client():remove_user_permissions(support.user, support.permissions "a"))
    ]], "https_proxy=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1")
    assert.equal("true\n", output)
    assert.equal(1, #tenant.requests())
  end)
end)
