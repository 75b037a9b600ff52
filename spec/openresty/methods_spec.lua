-- The OpenResty driver: its methods, in a real nginx, against the mock tenant. Snippets run inside nginx; see
-- spec/openresty.

local socket = require "socket"
local host = require "spec.openresty.host"
local support = require "spec.support"
local tenant = support.tenant

-- Returns how many requests of this kind the tenant got.
local function count(method, pattern)
  local number = 0
  for _, request in ipairs(tenant.requests()) do
    if request.method == method and request.uri:find(pattern) then number = number + 1 end
  end
  return number
end

describe("auth0perm.openresty", function()
  local nginx

  setup(function() nginx = host.start() end)
  teardown(function() nginx:stop() end)
  before_each(tenant.reset)

  it("assigns, removes and lists permissions on one connection", function()
    local ok, list, left = nginx:run [[
      local client = inside.client {}
      assert(client:assign_user_permissions(inside.user, inside.permissions("read:reports", "write:reports")))
      assert(client:remove_user_permissions(inside.user, inside.permissions("write:reports")))
      return true, client:list_role_permissions("rol_Auditor0000000001"), client:list_user_permissions(inside.user)
    ]]
    assert.is_true(ok)
    assert.equal("read:reports", list[1].permission_name)
    assert.equal(1, #left)
    assert.is_true((tenant.connections()) <= 1)
  end)

  it("has a method for each operation, and otherwise only its own", function()
    local missing = nginx:run [[
      local missing = {}
      for _, operation in ipairs(inside.auth0perm.operations()) do
        if not inside.client()[operation.name] then missing[#missing + 1] = operation.name end
      end
      return table.concat(missing, " ") .. "|" .. tostring(inside.client())
    ]]
    assert.equal(("|auth0perm client (%s)"):format(tenant.domain), missing)
    assert.equal("nil nil nil nil nil", (nginx:run [[
      local client = inside.client()
      local call = client:start("get_role", "rol_Auditor0000000001")
      return table.concat({ tostring(client.prepare), tostring(client.pollfd), tostring(client.events),
        tostring(client.timeout), tostring(call.on_done) }, " ")
    ]]))
  end)

  it("says that a client or a call was expected if a method is called with a dot instead of a colon", function()
    for _, method in ipairs { "list_user_permissions", "each", "start", "step", "close" } do
      local what, message = nginx:run(("local client = inside.client() client.%s(1)"):format(method))
      assert.equal("raised", what)
      assert.equal(("snippet:1: bad argument #1 to '%s' (auth0perm.openresty.Client expected, got number)")
        :format(method), message)
    end
    for _, method in ipairs { "done", "result", "info", "cancel" } do
      local what, message = nginx:run(
        ("local call = inside.client():start('get_user', inside.user) call.%s()"):format(method))
      assert.equal("raised", what)
      assert.equal(("snippet:1: bad argument #1 to '%s' (auth0perm.openresty.Call expected, got nil)"):format(method),
        message)
    end
  end)

  it("returns the module's errors", function()
    local ok, err = nginx:run [[return inside.client():get_role("rol_none")]]
    assert.is_nil(ok)
    assert.same({ "api", 404, "get_role", 1 }, { err.kind, err.status, err.operation, err.attempts })
    ok, err = nginx:run [[return inside.client():get_role("..")]]
    assert.is_nil(ok)
    assert.equal("invalid", err.kind)
    assert.matches("^get_role: ", err.text)
    assert.equal(1, count("GET", "roles"))
  end)

  it("raises for wrong types, with the called function's name and the right argument position", function()
    local function raised(code)
      local what, message = nginx:run(code)
      assert.equal("raised", what)
      return message
    end
    assert.matches("^snippet:1: bad argument #2 to 'remove_user_permissions' "
      .. "%(permissions: expected a table, got number%)",
      raised "inside.client():remove_user_permissions('x', 1)")
    assert.matches("^snippet:1: bad argument #2 to 'start' %(user_id: expected a string",
      raised "inside.client():start('get_user', {})")
    assert.matches("^snippet:1: bad argument #1 to 'start' %(", raised "inside.client():start('no_such')")
    assert.matches("^snippet:1: bad argument #1 to 'each' %(operation: expected one that returns a list",
      raised "inside.client():each('get_user', 'x')")
    assert.matches("^snippet:1: bad argument #1 to 'step' %(seconds: expected a number >= 0, got string%)",
      raised "inside.client():step('x')")
  end)

  it("reads a list page by page, and raises the error object", function()
    local permissions = {}
    for i = 1, 5 do permissions[i] = { resource_server_identifier = "urn:big", permission_name = "p" .. i } end
    local scopes = { "p1", "p2", "p3", "p4", "p5" }
    tenant.seed {
      resource_servers = { { identifier = "urn:big", name = "Big", scopes = scopes } },
      users = { { user_id = "auth0|big", email = "b@example.com", permissions = permissions } },
    }
    local names = nginx:run [[
      local names = {}
      for permission in inside.client():each("list_user_permissions", "auth0|big", { per_page = 2 }) do
        names[#names + 1] = permission.permission_name
      end
      table.sort(names)
      return table.concat(names, " ")
    ]]
    assert.equal("p1 p2 p3 p4 p5", names)
    assert.equal(3, count("GET", "permissions"))
    nginx:run [[for _ in inside.client():each("list_user_permissions", "auth0|big", { per_page = 2 }) do break end]]
    assert.equal(4, count("GET", "permissions"))
    local what, err = nginx:run [[for _ in inside.client():each("list_user_permissions", "auth0|none") do end]]
    assert.same({ "raised", "api", 404 }, { what, err.kind, err.status })
    assert.equal("", (nginx:run [[
      local ended = inside.client():each("list_user_permissions", "auth0|5f7c8ec7c33c6c004bbafe83")
      return (tostring(ended() or "") .. tostring(ended() or ""))
    ]]))
  end)

  it("starts calls that run in the background, and steps until each is done", function()
    tenant.settings { latency = 0.1 }
    local left, done, results, info = nginx:run [[
      local client, calls = inside.client(), {}
      for i = 1, 5 do calls[i] = assert(client:start("list_user_permissions", inside.user)) end
      local before = calls[1]:done()
      while client:step(5) > 0 do end
      local results = 0
      for i = 1, 5 do results = results + (calls[i]:result() and 1 or 0) end
      return client:step(5), before, results, calls[1]:info()
    ]]
    assert.equal(0, left)
    assert.is_false(done)
    assert.equal(5, results)
    assert.equal(200, info.status)
  end)

  it("reports the end of a call to each light thread that steps", function()
    tenant.settings { latency = 0.2 }
    local seconds = nginx:run [[
      local client = inside.client {}
      assert(client:start("list_user_permissions", inside.user))
      local began, threads = ngx.now(), {}
      for i = 1, 3 do threads[i] = ngx.thread.spawn(function() return client:step(30) end) end
      for i = 1, 3 do ngx.thread.wait(threads[i]) end
      return ngx.now() - began
    ]]
    assert.is_true(seconds < 20)
  end)

  it("reports the end of a call in one step, and waits in the next", function()
    tenant.settings { latency = 0.3 }
    local steps = nginx:run [[
      local client, steps = inside.client {}, 0
      for i = 1, 5 do assert(client:start("list_user_permissions", inside.user)) end
      while client:step(0) > 0 do end
      assert(client:start("list_user_permissions", inside.user))
      repeat steps = steps + 1 until client:step(30) == 0
      return steps
    ]]
    assert.equal(1, steps)
  end)

  it("refuses an invalid started call at once", function()
    local call, err = nginx:run [[return inside.client():start("get_role", "")]]
    assert.is_nil(call)
    assert.same({ "invalid", "get_role" }, { err.kind, err.operation })
  end)

  it("ends a canceled call and its connection at once, wherever it is canceled", function()
    for _, way in ipairs {
      "call:cancel()",
      "ngx.thread.wait(ngx.thread.spawn(function() call:cancel() end))",
      "ngx.timer.at(0, function() call:cancel() end) ngx.sleep(0.1)",
    } do
      tenant.reset()
      tenant.fault { kind = "delay", seconds = 30 }
      local connection = nginx:begin(([[
        local client = inside.client { keepalive_timeout = 0 }
        local before, began = inside.descriptors(), ngx.now()
        local call = assert(client:start("remove_user_permissions", inside.user, inside.permissions("read:reports")))
        repeat ngx.sleep(0.05) until call:info().attempts == 1
        ngx.sleep(0.2)
        %s
        ngx.sleep(0.1)
        local more = math.max(inside.descriptors() - before, 0)
        return client:step(5) + more, select(2, call:result()), call:cancel(), ngx.now() - began
      ]]):format(way))
      local left, err, again, seconds = host.finish(connection)
      assert.equal(0, left)
      assert.same({ "canceled", true }, { err.kind, err.maybe_applied })
      assert.is_false(again)
      assert.is_true(seconds < 10)
    end
  end)

  it("does not delay the end of a request because of canceled calls", function()
    tenant.fault { kind = "delay", seconds = 30 }
    local began = socket.gettime()
    assert.is_true((nginx:run [[
      local call = inside.client():start("get_user", inside.user)
      ngx.sleep(0.1)
      return call:cancel()
    ]]))
    assert.is_true(socket.gettime() - began < 10)
  end)

  it("leaves no light thread of calls that were started and stepped", function()
    tenant.settings { bucket = 1000000, refill = 1000000 }
    local grown = nginx:run [[
      local client = inside.client()
      local function round(times)
        for _ = 1, times do
          client:start("get_user", inside.user)
          while client:step(5) > 0 do end
        end
        collectgarbage() collectgarbage()
        return collectgarbage("count")
      end
      round(50)
      local before = round(50)
      return round(300) - before
    ]]
    assert.is_true(grown < 100, grown .. " KiB")
  end)

  it("ends all calls of a closed client, including sleeping ones", function()
    tenant.fault { kind = "status", status = 503, headers = { ["Retry-After"] = "20" } }
    tenant.fault { kind = "delay", seconds = 30 }
    nginx:run "return 1"
    local before = nginx:descriptors()
    local began = socket.gettime()
    local first, second, third, fourth = nginx:run [[
      local client = inside.client { keepalive_timeout = 0 }
      local sleeping = ngx.thread.spawn(function() return select(2, client:get_user(inside.user)) end)
      ngx.sleep(0.3)
      local call = client:start("get_role", "rol_x")
      ngx.sleep(0.2)
      client:close()
      client:close()
      local _, err = ngx.thread.wait(sleeping)
      ngx.sleep(0)
      return err, select(2, call:result()), select(2, client:get_user(inside.user)),
        { select(2, client:start("get_role", "x")), select(2, client:step(1)),
          select(2, pcall(client.each, client, "list_roles")) }
    ]]
    assert.same({ "closed", "closed", "closed" }, { first.kind, second.kind, third.kind })
    assert.same({ "start", "step", "each" }, { fourth[1].operation, fourth[2].operation, fourth[3].operation })
    assert.is_true(socket.gettime() - began < 10)
    support.wait_until(function() return nginx:descriptors() <= before end)
  end)

  it("passes on an error that the user's function raises, and leaks nothing of the call", function()
    local ok, message, result = nginx:run [[
      local client = inside.client { exchange = function() error("mine", 0) end }
      local ok, message = pcall(client.remove_user_permissions, client, inside.user, inside.permissions("x"))
      client.exchange = nil
      return ok, message, client:remove_user_permissions(inside.user, inside.permissions("x"))
    ]]
    assert.is_false(ok)
    assert.equal("mine", message)
    assert.is_true(result)
  end)

  it("continues waiting calls as soon as the thing they wait for has happened", function()
    local done, first, second = nginx:run [[
      -- Without rate limit headers, the number of requests in flight may double with each round of responses.
      local client = inside.client { exchange = function()
        ngx.sleep(0.01)
        return { status = 200, body = '{"id":"rol_x"}' }
      end }
      local done = 0
      local function ask()
        local began, calls = ngx.now(), {}
        for i = 1, 500 do calls[i] = client:start("get_role", "rol_x") end
        while client:step(5) > 0 do end
        for i = 1, 500 do done = done + (calls[i]:result() and 1 or 0) end
        return ngx.now() - began
      end
      local first, second = ask(), ask()
      return done, first, second
    ]]
    assert.equal(1000, done)
    -- nine doublings; checking four times a second would take two seconds longer
    assert.is_true(first < second + 1, first .. " and " .. second .. " s")
  end)

  it("sends writes to the same user one after the other, in order", function()
    tenant.settings { bucket = 1000000, refill = 1000000 }
    local done = nginx:run [[
      local client, calls = inside.client {}, {}
      for i = 1, 20 do calls[i] = client:start("remove_user_permissions", inside.user, inside.permissions("p" .. i)) end
      while client:step(5) > 0 do end
      local done = 0
      for i = 1, 20 do done = done + (calls[i]:result() and 1 or 0) end
      return done
    ]]
    assert.equal(20, done)
    for i, request in ipairs(tenant.requests()) do assert.matches('"p' .. i .. '"', request.body) end
  end)

  it("does 200 removals in one worker in the time of a few, while the worker serves other requests", function()
    local users = {}
    for i = 1, 200 do users[i] = { user_id = "auth0|u" .. i, email = i .. "@example.com" } end
    tenant.seed { users = users }
    tenant.settings { latency = 0.3, bucket = 1000000, refill = 1000000 }
    local connection = nginx:begin [[
      local client, calls = inside.client {}, {}
      local began = ngx.now()
      for i = 1, 200 do
        calls[i] = assert(client:start("remove_user_permissions", "auth0|u" .. i, inside.permissions("read:reports")))
      end
      while client:step(5) > 0 do end
      local removed = 0
      for i = 1, 200 do removed = removed + (calls[i]:result() and 1 or 0) end
      ngx.update_time()
      return removed, ngx.now() - began
    ]]
    local worst, pings = 0, 0
    connection:settimeout(0)
    repeat
      local began = socket.gettime()
      assert.equal("pong", (nginx:get "/ping"))
      worst, pings = math.max(worst, socket.gettime() - began), pings + 1
      local readable = socket.select({ connection }, nil, 0.005)
    until readable[1]
    connection:settimeout(60)
    local removed, seconds = host.finish(connection)
    assert.equal(200, removed)
    assert.is_true(seconds < 10, seconds .. " s") -- one after the other would take 60 s
    assert.is_true(pings >= 5)
    assert.is_true(worst < 2, worst .. " s")
  end)
end)

describe("auth0perm.openresty.new", function()
  local nginx

  setup(function() nginx = host.start() end)
  teardown(function() nginx:stop() end)
  before_each(tenant.reset)

  -- Returns what `new` raises for these options, which are Lua source.
  local function refusal(options)
    local what, message = nginx:run(("inside.auth0perm.new(inside.options {%s})"):format(options))
    assert.equal("raised", what)
    return message
  end

  it("accepts the options that it lists, and no others", function()
    local names = nginx:run [[
      local names = {}
      for i, option in ipairs(inside.auth0perm.options()) do
        assert(option.drivers[1] == "openresty" and #option.meaning > 10, option.name)
        names[i] = option.name
      end
      table.sort(names)
      return table.concat(names, ", ")
    ]]
    assert.equal(names, refusal("no_such_option = 1"):match "expected one of: (.*)%)$")
  end)

  it("refuses options of the curl driver, and says what nginx has instead", function()
    assert.equal("snippet:1: bad argument #1 to 'new' (ca_file: not available in nginx: "
      .. "set lua_ssl_trusted_certificate in nginx.conf)", refusal "ca_file = '/x'")
    for _, option in ipairs { "proxy = 'http://x:1'", "http2 = true", "driver = 'curl'", "share_tokens = true" } do
      assert.matches("^snippet:1: bad argument #1 to 'new' %(%w+_?%w*: not available in nginx: ", refusal(option))
    end
  end)

  it("raises for wrong types, unknown options, and values that it does not support", function()
    assert.matches("options: expected a table, got string", select(2, nginx:run "inside.auth0perm.new('x')"))
    assert.equal("snippet:1: bad argument #1 to 'new' (retires: unknown option; expected one of: audience, client_id, "
      .. "client_secret, connect_timeout, connect_to, domain, exchange, keepalive_timeout, max_connections, max_rate, "
      .. "max_retries, private_key, "
      .. "request_timeout, reserve, signing_algorithm, timeout, token, token_dict)", refusal "retires = 1")
    assert.matches("max_connections: expected a number, got string", refusal "max_connections = '1'")
    assert.matches("exchange: expected a function, got string", refusal "exchange = 'x'")
    for _, value in ipairs { "0", "1025", "1.5", "-1", "0/0" } do
      assert.matches("max_connections: expected 1 to 1024, got ", refusal("max_connections = " .. value))
    end
    for _, value in ipairs { "-1", "86401", "0/0" } do
      assert.matches("keepalive_timeout: expected 0 to 86400 seconds, got ", refusal("keepalive_timeout = " .. value))
    end
    for _, value in ipairs { "''", "'x'", "'x:'", "':1'", "'x:0'", "'x:65536'", "'x:y'" } do
      assert.matches('connect_to: expected host:port, such as "127.0.0.1:8443"', refusal("connect_to = " .. value))
    end
    local client, err = nginx:run "return inside.auth0perm.new(inside.options { token_dict = 'auth0perm' })"
    assert.is_nil(client)
    assert.same({ "invalid", "token_dict: needs client_id; without it there is no token to share" },
      { err.kind, err.message })
    assert.matches('token_dict: no "lua_shared_dict no_such" in nginx.conf',
      refusal "token = false, client_id = 'a', client_secret = 'b', token_dict = 'no_such'")
    assert.matches("token_dict: only works with client_id", refusal "token = function() end, token_dict = 'auth0perm'")
  end)

  it("returns the module's errors for other invalid values", function()
    local client, err = nginx:run "return inside.auth0perm.new(inside.options { domain = 'https://x' })"
    assert.is_nil(client)
    assert.equal("invalid", err.kind)
    for _, domain in ipairs { "127.0.0.1", "127.0.0.1:8443", "10.1", "1.2.3.4.", "2130706433" } do
      client, err = nginx:run(("return inside.auth0perm.new(inside.options { domain = %q })"):format(domain))
      assert.is_nil(client)
      assert.equal("invalid", err.kind)
      assert.matches("^domain: nginx verifies certificates only for DNS names, not for IP addresses; ", err.message)
      local options = ("{ domain = %q, exchange = function() end }"):format(domain)
      assert.matches("auth0perm client", (nginx:run(("return tostring(inside.client(%s))"):format(options))))
    end
    for _, domain in ipairs { "a1", "1a.test:1", "auth0.c0m", "1.example" } do
      assert.matches("auth0perm client", (nginx:run(("return tostring(inside.client { domain = %q })"):format(domain))))
    end
    client, err = nginx:run "return inside.auth0perm.new(inside.options { token_dict = 'auth0perm' })"
    assert.is_nil(client)
    assert.equal("invalid", err.kind)
  end)

  it("accepts a token function that may yield, and calls it once for all calls that need a token", function()
    local results, calls = nginx:run [[
      local calls = 0
      local client = inside.client { token = function()
        calls = calls + 1
        ngx.sleep(0.2)
        return os.getenv "TENANT_TOKEN", 100
      end }
      for _ = 1, 20 do client:start("get_user", inside.user) end
      local started = client:start("get_user", inside.user)
      while client:step(5) > 0 do end
      return started:result().email, calls
    ]]
    assert.equal("ada@example.com", results)
    assert.equal(1, calls)
  end)

  it("ends calls with kind token if the function returns none", function()
    for code, message in pairs {
      ["return nil, 'vault is sealed'"] = "vault is sealed",
      ["error('no vault', 0)"] = "no vault",
      ["error {}"] = "the token function raised an error",
      ["return 1"] = "the token function did not return a string",
      ["return 'x', 0"] = "the supplied token has already expired",
      ["return 'x', 'soon'"] = "the supplied token has already expired",
      ["return 'short-lived', 1e-9"] = "the supplied token expired at once",
    } do
      local _, err = nginx:run(
        ("return inside.client { token = function() %s end }:get_user(inside.user)"):format(code))
      assert.same({ "token", message }, { err.kind, err.message })
    end
  end)

  it("calls the token function again if the light thread that called it is gone", function()
    local email = nginx:run [[
      local first = true
      local client = inside.client { token = function()
        if first then first = false ngx.sleep(30) end
        return os.getenv "TENANT_TOKEN"
      end }
      local call = client:start("get_user", inside.user)
      ngx.sleep(0.1)
      call:cancel()
      return client:get_user(inside.user).email
    ]]
    assert.equal("ada@example.com", email)
  end)

  it("says so if there is no token at all", function()
    local _, err = nginx:run "return inside.client { token = false }:get_user(inside.user)"
    assert.same({ "token", "the client has no token and no client_id" }, { err.kind, err.message })
  end)

  it("sends requests through the user's own function", function()
    local name, url = nginx:run [[
      local url
      local client = inside.client { exchange = function(request)
        url = request.method .. " " .. request.url
        ngx.sleep(0.01)
        return { status = 200, headers = {}, body = '{"id":"rol_x","name":"mine"}' }
      end }
      return client:get_role("rol_x").name, url
    ]]
    assert.equal("mine", name)
    assert.equal(("GET https://%s/api/v2/roles/rol_x"):format(tenant.domain), url)
  end)

  it("serves any number of calls in a worker", function()
    local done = nginx:run [[
      local done = 0
      local client = inside.client { exchange = function() return { status = 200, body = '{"id":"rol_x"}' } end }
      for _ = 1, 30000 do
        if client:get_role "rol_x" then done = done + 1 end
      end
      return done
    ]]
    assert.equal(30000, done)
  end)

  it("uses what that function returns for a failure as its kind or its message", function()
    for code, expected in pairs {
      ["return nil, 'timeout'"] = { "timeout", "timeout" },
      ["return nil, 'tls', 'a bad certificate'"] = { "transport", "a bad certificate" },
      ["return nil, 'connection refused'"] = { "transport", "connection refused" },
      ["return nil"] = { "transport", "no response" },
    } do
      local client = ("inside.client { max_retries = 0, exchange = function() %s end }"):format(code)
      local _, err = nginx:run(("return %s:get_role('x')"):format(client))
      assert.same(expected, { err.kind, err.message })
    end
  end)
end)

describe("the blocking client in nginx", function()
  it("says in the log which module to require instead, once per worker", function()
    local nginx = host.start()
    finally(function() nginx:stop() end)
    local function warnings()
      return select(2, nginx:log():gsub('%[warn%][^\n]*require "auth0perm.openresty" instead of "auth0perm"', ""))
    end
    nginx:run "inside.client()"
    assert.equal(0, warnings())
    for _ = 1, 3 do
      nginx:run "assert(require('auth0perm').new { domain = 'acme.test', token = 'x' })"
      assert.equal(1, warnings())
    end
  end)
end)
