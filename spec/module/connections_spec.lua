-- How a client reaches its tenant: proxy, connect_to, HTTP/2, number of connections.

local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

local function remove(client)
  return client:remove_user_permissions(support.user, support.permissions "write:reports")
end

describe("a proxy", function()
  local process, port, configuration, log

  setup(function()
    log = os.tmpname()
    support.run("chmod 666 " .. log)
    process, port, configuration = support.start_proxy(([[
BasicAuth user hunter2
LogLevel Connect
LogFile "%s"
]]):format(log))
  end)

  teardown(function()
    support.stop(process)
    os.remove(log)
    os.remove(configuration)
  end)

  before_each(tenant.reset)

  -- How many tunnels the proxy has opened so far.
  local function tunnels()
    local count = 0
    for line in io.lines(log) do
      if line:find("CONNECT " .. tenant.domain, 1, true) then count = count + 1 end
    end
    return count
  end

  local function url(userinfo)
    return ("http://%s127.0.0.1:%d"):format(userinfo or "user:hunter2@", port)
  end

  it("is used for calls and for the token request", function()
    tenant.seed { clients = { { client_id = "id", client_secret = "secret" } } }
    local before = tunnels()
    local client = assert(auth0perm.new { domain = tenant.domain, ca_file = tenant.ca_file, client_id = "id",
      client_secret = "secret", proxy = url() })
    assert.is_true(remove(client))
    client:close()
    assert.equal(2, #tenant.requests())
    support.wait_until(function() return tunnels() >= before + 1 end)
  end)

  it("that refuses is an error of kind transport that does not contain its password", function()
    local client = support.client { proxy = url "user:wrong-hunter2@", max_retries = 0 }
    local ok, err = remove(client)
    client:close()
    assert.is_nil(ok)
    assert.equal("transport", err.kind)
    assert.is_false(err.maybe_applied)
    assert.is_nil(tostring(err):find("hunter2", 1, true))
    local none, refusal = auth0perm.new(support.options { proxy = "socks5://user:hunter2@127.0.0.1" })
    assert.is_nil(none)
    assert.is_nil(tostring(refusal):find("hunter2", 1, true))
  end)

  it("from the environment is used only if the option says so", function()
    local program = [[
      local support = require "spec.support"
      local client = support.client { proxy = os.getenv "PROXY" }
      print((client:remove_user_permissions(support.user, support.permissions "a")))
    ]]
    local before = tunnels()
    assert.equal("true\n", (support.run_lua(program, "https_proxy=" .. url())))
    assert.equal(before, tunnels())
    assert.equal("true\n", (support.run_lua(program, "PROXY=env https_proxy=" .. url())))
    support.wait_until(function() return tunnels() > before end)
  end)
end)

describe("connect_to", function()
  it("reaches a tenant whose name has no address", function()
    tenant.reset()
    local client = support.client { domain = "acme.eu.auth0.com", connect_to = "127.0.0.1:" .. tenant.port }
    assert.is_true(remove(client))
    client:close()
    local request = support.last_request()
    assert.equal("acme.eu.auth0.com", request.server_name)
    assert.equal("acme.eu.auth0.com", request.headers.host)
  end)

  it("does not make a certificate for another name acceptable", function()
    local client = support.client { domain = "other.eu.auth0.com", connect_to = "127.0.0.1:" .. tenant.port }
    local ok, err = remove(client)
    client:close()
    assert.is_nil(ok)
    assert.equal("transport", err.kind)
    assert.matches("match", err.message)
  end)

  it("requires host and port", function()
    for _, value in ipairs { "", "127.0.0.1", ":443", "127.0.0.1:", "a\nb:1" } do
      local none, err = auth0perm.new(support.options { connect_to = value })
      assert.is_nil(none)
      assert.matches("^connect_to: ", err.message)
    end
  end)
end)

describe("http2", function()
  it("puts 64 calls in flight on one connection", function()
    tenant.reset()
    local client = support.client { http2 = true }
    assert.is_true(remove(client))
    tenant.forget_requests()
    tenant.settings { bucket = 1000, refill = 1000, latency = 0.3 }
    assert.is_table(client:list_user_permissions(support.user))
    for i = 1, 64 do assert(client:start("list_user_permissions", "auth0|" .. i)) end
    support.finish(client)
    client:close()
    local first, last = math.huge, 0
    local requests = tenant.requests()
    for i = 2, #requests do
      first, last = math.min(first, requests[i].time), math.max(last, requests[i].time)
      assert.equal("HTTP/2.0", requests[i].protocol)
    end
    assert.equal(65, #requests)
    assert.equal(1, (tenant.connections()))
    assert.is_true(last - first < 3)
  end)

  it("is off by default", function()
    tenant.reset()
    local client = support.client()
    remove(client)
    client:close()
    assert.equal("HTTP/1.1", support.last_request().protocol)
  end)
end)

describe("max_connections", function()
  it("limits the number of connections", function()
    tenant.reset()
    tenant.settings { bucket = 1000, refill = 1000, latency = 0.02 }
    local client = support.client { max_connections = 3 }
    for i = 1, 30 do assert(client:start("list_user_permissions", "auth0|" .. i)) end
    support.finish(client)
    client:close()
    assert.equal(30, #tenant.requests())
    assert.is_true(tenant.connections() <= 3)
  end)

  it("must be a number from 1 to 1024", function()
    for _, value in ipairs { 0, -1, 1025, 0 / 0 } do
      local none, err = auth0perm.new(support.options { max_connections = value })
      assert.is_nil(none)
      assert.matches("^max_connections: expected 1 to 1024", err.message)
    end
  end)
end)

describe("a response that comes before the request's body was read", function()
  it("is accepted", function()
    tenant.reset()
    local client = support.client { max_retries = 0 }
    local names = {}
    for i = 1, 2500 do names[i] = ("%07d"):format(i):rep(40) end
    tenant.fault { kind = "early", status = 403 }
    local ok, err = client:remove_user_permissions(support.user, { [support.api] = names })
    assert.is_nil(ok)
    assert.is_truthy(err.status == 403 or err.kind == "transport")
    assert.is_true(client:remove_user_permissions(support.user, { [support.api] = { "a" } }))
    client:close()
  end)
end)
