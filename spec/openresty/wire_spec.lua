-- The OpenResty driver and the network: TLS, connections, timeouts, and invalid responses.

local socket = require "socket"
local host = require "spec.openresty.host"
local support = require "spec.support"
local tenant = support.tenant

local OK = 'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"id":"rol_x"}'
local CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

describe("auth0perm.openresty on the wire", function()
  local nginx

  setup(function() nginx = host.start() end)
  teardown(function() nginx:stop() end)
  before_each(tenant.reset)

  -- Returns the error of list_user_permissions with a client that does not retry.
  local function failure(changes)
    local list, err = nginx:run(([[
      local changes = { max_retries = 0 %s }
      return inside.client(changes):list_user_permissions(inside.user)
    ]]):format(changes and ", " .. changes or ""))
    assert.is_nil(list)
    return err
  end

  local function elsewhere(domain)
    return ("domain = %q, connect_to = '127.0.0.1:%s'"):format(domain, domain:match ":(%d+)$")
  end

  -- Returns the error of get_role when the server sends this.
  local function failure_of_response(list, changes)
    nginx:respond_with(list)
    local role, err = nginx:run(("return inside.ask_raw {%s}"):format(changes or ""))
    assert.is_nil(role)
    return err
  end

  it("rejects a certificate that has expired, is for another name, or is signed by another CA", function()
    local err = failure(elsewhere(tenant.expired_domain))
    assert.equal("transport", err.kind)
    assert.matches("^the certificate of localhost was rejected: .* %(check lua_ssl_trusted_certificate%)$", err.message)
    err = failure(elsewhere(tenant.wrong_host_domain))
    assert.matches("^the certificate of localhost was rejected: ", err.message)
    local log = nginx:log()
    assert.matches("certificate verify error: %(10: certificate has expired%)", log)
    assert.matches('certificate does not match host "localhost"', log)
    local other = host.start { ca_file = tenant.other_ca_file }
    finally(function() other:stop() end)
    local _, refused = other:run "return inside.client {}:list_user_permissions(inside.user)"
    assert.matches("^the certificate of localhost was rejected: ", refused.message)
    assert.equal(1, refused.attempts) -- permanent, so not retried
    assert.equal(0, #tenant.requests())
  end)

  it("verifies the certificate even if the handshake completes at once", function()
    local told = nginx:run(([[
      local client, told = inside.client { max_retries = 0, %s }, {}
      for i = 1, 100 do told[i] = select(2, client:get_role("rol_x")).message end
      return told
    ]]):format(elsewhere(tenant.expired_domain)))
    assert.equal(100, #told)
    for _, message in ipairs(told) do assert.matches("^the certificate of localhost was rejected: ", message) end
  end)

  it("refuses TLS 1.0 and 1.1, and servers without TLS", function()
    for _, domain in ipairs { tenant.old_tls_domain, tenant.plain_domain } do
      local err = failure(elsewhere(domain))
      assert.equal("transport", err.kind)
      assert.matches("TLS: handshake failed", err.message)
    end
    for _, request in ipairs(tenant.requests()) do assert.not_equal("GET", request.method) end
  end)

  it("sends the domain as server name and Host, wherever it connects to", function()
    nginx:run("return inside.client { domain = 'acme.eu.auth0.com' }:list_user_permissions(inside.user)")
    local request = support.last_request()
    assert.equal("acme.eu.auth0.com", request.server_name)
    assert.equal("acme.eu.auth0.com", request.headers.host)
    assert.equal("HTTP/1.1", request.protocol)
  end)

  it("says what to do about a missing resolver, and which address refused a connection", function()
    local err = failure "connect_to = false"
    assert.equal("transport", err.kind)
    assert.matches('no resolver defined to resolve "localhost"; set resolver in nginx.conf, or the connect_to option',
      err.message)
    err = failure "connect_to = '127.0.0.1:1'"
    assert.equal("127.0.0.1:1: connection refused", err.message)
  end)

  it("limits connecting, including the TLS handshake, to connect_timeout", function()
    local began = socket.gettime()
    local err = failure(elsewhere(tenant.silent_domain) .. ", connect_timeout = 0.2")
    assert.equal("timeout", err.kind)
    assert.matches("TLS: timeout", err.message)
    assert.is_false(err.maybe_applied)
    assert.is_true(socket.gettime() - began < 8)
  end)

  it("limits a request to request_timeout even if the response drips", function()
    for _, fault in ipairs { { kind = "stall" }, { kind = "drip", interval = 0.1 } } do
      tenant.fault(fault)
      local began = socket.gettime()
      local err = failure "request_timeout = 0.5"
      assert.same({ "timeout", "the request timed out" }, { err.kind, err.message })
      assert.is_true(socket.gettime() - began < 8)
    end
  end)

  it("ends a call at its deadline while the response drips", function()
    tenant.fault { kind = "drip", interval = 0.1 }
    local err = failure "timeout = 0.5"
    assert.equal("timeout", err.kind)
    assert.matches("^timed out after 0.5 s", err.message)
  end)

  it("accepts a response that drips in time or follows a 1xx response", function()
    tenant.fault { kind = "drip", interval = 0.001 }
    tenant.fault { kind = "informational" }
    for _ = 1, 2 do
      assert.equal("table", type((nginx:run "return inside.client():list_user_permissions(inside.user)")))
    end
  end)

  it("does not take an incomplete response for a success", function()
    for kind, expected in pairs {
      reset_before = "^the connection ",
      close_before = "^the connection was closed before a response arrived$",
      reset_during = "^the connection ",
      truncated = "^the connection was closed in the middle of the response$",
    } do
      tenant.fault { kind = kind }
      local err = failure()
      assert.equal("transport", err.kind)
      assert.matches(expected, err.message)
    end
  end)

  it("reports an error for an invalid response", function()
    for kind, expected in pairs {
      garbage = "^the response is not HTTP$",
      huge = "^the response body is larger than 8 MiB$",
      huge_header = "^the response headers are larger than 64 KiB$",
      truncated_json = "JSON",
      redirect = "^expected status 200, got 302",
    } do
      tenant.fault { kind = kind }
      local err = failure()
      assert.same({ "protocol", kind }, { err.kind, kind })
      assert.matches(expected, err.message)
    end
    tenant.fault { kind = "huge", chunked = true }
    assert.equal("the response body is larger than 8 MiB", failure().message)
  end)

  it("accepts a response that comes before the request was read", function()
    tenant.fault { kind = "early", status = 503, count = 1 }
    local err = failure()
    assert.same({ "api", 503 }, { err.kind, err.status })
  end)

  it("sends a large request completely", function()
    local names = nginx:run [[
      local names = {}
      for i = 1, 400 do names[i] = ("x"):rep(250) .. i end
      local ok, err = inside.client { request_timeout = 20 }:remove_user_permissions(inside.user,
        { [inside.api] = names })
      return ok and #names or tostring(err)
    ]]
    assert.equal(400, names)
    assert.is_true(#support.last_request().body > 100000)
  end)

  it("follows the framing exactly, however the bytes arrive", function()
    for _, list in ipairs {
      { OK },
      { CHUNKED .. "7\r\n{\"id\":\"", 0.02, "\r\n7;x=y\r\nrol_x\"}\r\n0\r", 0.02, "\nA: b\r\n\r\n" },
      { "HTTP/1.0 200 OK\r\n\r\n", 0.02, '{"id":"rol_x"}' },
    } do
      nginx:respond_with(list)
      local role, err = nginx:run "return inside.ask_raw()"
      assert.same({ "rol_x" }, { role and role.id or err.text })
    end
    assert.equal("protocol", failure_of_response({ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" }).kind)
    assert.equal("transport",
      failure_of_response({ "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"id\":\"rol_x\"}" }).kind)
  end)

  it("does not wait for the end of a line that never ends", function()
    local err = failure_of_response { "HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(70000), 20 }
    assert.equal("the response headers are larger than 64 KiB", err.message)
  end)

  it("reuses a connection, for one request at a time", function()
    local before = tenant.connections()
    nginx:run [[
      local client = inside.client { keepalive_timeout = 61 }
      for _ = 1, 5 do assert(client:list_user_permissions(inside.user)) end
    ]]
    assert.is_true(tenant.connections() - before <= 1)
  end)

  it("keeps no connection if the options or the tenant say so", function()
    local before = tenant.connections()
    nginx:run [[
      local client = inside.client { keepalive_timeout = 0 }
      for _ = 1, 3 do assert(client:list_user_permissions(inside.user)) end
    ]]
    assert.equal(3, tenant.connections() - before)
    nginx:respond_with { (OK:gsub("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)), 1 }
    assert.equal("rol_x", (nginx:run "inside.ask_raw() return inside.ask_raw().id"))
  end)

  -- Returns a response of `size` bytes in all.
  local function response_of(size)
    local head = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    local length = size - #head:format(size)
    return head:format(length) .. ('{"id":"rol_x","name":"%s"}'):format(("n"):rep(length - #'{"id":"rol_x","name":""}'))
  end

  it("does not reuse a connection that may hold an unrequested response after the one that was read", function()
    local evil = 'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"id":"evil"}'
    for _, size in ipairs { 4000, 4096, 8192, 16384 } do
      nginx:respond_with { response_of(size) .. evil, false, OK }
      local ids = nginx:run [[
        local client, ids = inside.raw_client(), {}
        for i = 1, 3 do ids[i] = client:get_role("rol_x").id end
        return ids
      ]]
      assert.same({ "rol_x", "rol_x", "rol_x" }, ids)
    end
  end)

  it("retries when a reused connection turns out to be dead", function()
    nginx:respond_with { OK, 0.01, false }
    local name, attempts = nginx:run [[
      local client = inside.auth0perm.new(inside.raw_options { max_retries = 3 })
      assert(client:get_role "rol_x")
      local call = client:start("get_role", "rol_x")
      while client:step(5) > 0 do end
      return call:result().id, call:info().attempts
    ]]
    assert.equal("rol_x", name)
    assert.equal(2, attempts)
  end)

  it("opens at most max_connections connections, and makes other calls wait", function()
    tenant.settings { latency = 0.05 }
    local before = tenant.connections()
    local done = nginx:run [[
      local client, calls = inside.client { max_connections = 2, connect_timeout = 0.2 }, {}
      for i = 1, 12 do calls[i] = client:start("list_user_permissions", inside.user) end
      while client:step(5) > 0 do end
      local done = 0
      for i = 1, 12 do done = done + (calls[i]:result() and 1 or 0) end
      return done
    ]]
    assert.equal(12, done)
    assert.is_true(tenant.connections() - before <= 2)
  end)

  it("does not use a connection that was opened without verifying the certificate", function()
    local err = nginx:run(([[
      local other = ngx.socket.tcp()
      assert(other:connect("127.0.0.1", %s))
      assert(other:sslhandshake(nil, nil, false))
      assert(other:setkeepalive())
      local _, err = inside.client { max_retries = 0, %s }:get_role("rol_x")
      return err
    ]]):format(tenant.expired_domain:match "%d+$", elsewhere(tenant.expired_domain)))
    assert.matches("^the certificate of localhost was rejected: ", err.message)
  end)
end)
