-- In which phases of nginx the OpenResty driver works, what it reports in the others, and what is left when a request
-- ends.

local host = require "spec.openresty.host"
local support = require "spec.support"
local tenant = support.tenant

-- Sends the tenant a request; returns the result and the number of calls in flight.
local ASK = [[
  local user, err = inside.client():get_user(inside.user)
  return user and user.email, err, inside.client():step(0)
]]

-- The same, with a started call.
local START = [[
  local client = inside.client()
  local call = client:start("get_user", inside.user)
  while client:step(5) > 0 do end
  return call:result().email
]]

-- Returns a directive that runs the snippet and stores its results under this name.
local function noting(directive, name)
  return ("%s { require('spec.openresty.inside').note(%q, %q) }\n"):format(directive, name, ASK)
end

describe("auth0perm.openresty", function()
  local nginx

  setup(function()
    tenant.reset()
    nginx = host.start {
      http = noting("init_by_lua_block", "init") .. noting("init_worker_by_lua_block", "init_worker") .. [[
        upstream nobody {
          server 127.0.0.1:1;
          ]] .. noting("balancer_by_lua_block", "balancer") .. [[
        }
        server {
          listen 127.0.0.1:@TLS_PORT@ ssl;
          ssl_certificate @CERTIFICATES@/server.pem;
          ssl_certificate_key @CERTIFICATES@/server.key;
          ssl_certificate_by_lua_block {
            local inside = require "spec.openresty.inside"
            inside.note("ssl_certificate", ]] .. ("%q"):format(ASK) .. [[)
            inside.note("start", ]] .. ("%q"):format(START) .. [[)
          }
          location / { return 200; }
        }
      ]],
      server = [[
        location = /phases {
          set_by_lua_block $ignored { require("spec.openresty.inside").note("set", ]] ..
            ("%q"):format(ASK) .. [[) return "" }
          ]] .. noting("rewrite_by_lua_block", "rewrite") .. noting("access_by_lua_block", "access") .. [[
          content_by_lua_block {
            require("spec.openresty.inside").note("content", ]] .. ("%q"):format(ASK) .. [[)
            ngx.say "x"
          }
          ]] .. noting("header_filter_by_lua_block", "header_filter")
          .. noting("body_filter_by_lua_block", "body_filter")
          .. noting("log_by_lua_block", "log") .. [[
        }
        location = /balancer { proxy_pass http://nobody; }
      ]],
    }
  end)
  teardown(function() nginx:stop() end)

  it("works in rewrite, access and content", function()
    tenant.reset()
    nginx:get "/phases"
    for _, phase in ipairs { "rewrite", "access", "content" } do
      assert.same({ phase, "ada@example.com" }, { phase, nginx:noted(phase)[1] })
    end
  end)

  it("works in timers", function()
    tenant.reset()
    nginx:run(("ngx.timer.at(0, function() inside.note('timer', %q) end)"):format(ASK))
    assert.equal("ada@example.com", nginx:noted("timer")[1])
  end)

  it("works while a certificate is selected", function()
    tenant.reset()
    local text = support.run(("curl -sk https://127.0.0.1:%d/"):format(nginx.tls_port))
    assert.equal("", text)
    assert.equal("ada@example.com", nginx:noted("ssl_certificate")[1])
  end)

  it("starts calls in each phase where it works", function()
    tenant.reset()
    support.run(("curl -sk https://127.0.0.1:%d/"):format(nginx.tls_port))
    assert.equal("ada@example.com", nginx:noted("start")[1])
  end)

  it("works in the user's own coroutines, and in subrequests", function()
    tenant.reset()
    assert.equal("ada@example.com", (nginx:run("return coroutine.wrap(function() " .. ASK .. " end)()")))
    assert.equal("ada@example.com",
      (nginx:run(("local answer = ngx.location.capture('/run', { method = ngx.HTTP_POST, body = %q })\n"
        .. "return answer.body:match '[%%w@.]+'"):format(ASK))))
  end)

  it("returns an error that names the phase and says what to do in all others", function()
    tenant.reset()
    nginx:get "/phases"
    nginx:get "/balancer"
    for _, phase in ipairs { "init", "init_worker", "set", "header_filter", "body_filter", "log", "balancer" } do
      local noted = nginx:noted(phase)
      assert.is_nil(noted[1])
      local err = noted[2]
      assert.same({ "transport", "get_user", 0, false }, { err.kind, err.operation, err.attempts, err.maybe_applied })
      assert.equal(0, noted[3])
      assert.equal(("cosockets are not available in the %s phase; use a timer: ngx.timer.at(0, ...)"):format(phase),
        err.message)
    end
  end)

  it("raises what nginx raises where it cannot yield, and works afterwards", function()
    tenant.reset()
    local ok, message, email = nginx:run [[
      local client = inside.client {}
      local ok, message = pcall(string.gsub, "x", "x", function() client:get_user(inside.user) end)
      return ok, message, client:get_user(inside.user).email
    ]]
    assert.is_false(ok)
    assert.matches("attempt to yield", message)
    assert.equal("ada@example.com", email)
  end)
end)

describe("auth0perm.openresty, in a request that goes on,", function()
  local nginx

  setup(function() nginx = host.start() end)
  teardown(function() nginx:stop() end)

  it("reuses the record that ties a call to its request, so that a timer with a loop does not grow", function()
    local records, ties = nginx:run [[
      local nginx = require "auth0perm.openresty.nginx"
      local seen, records, ties, leash = {}, 0, 0, nginx.leash
      nginx.leash = function(call)
        local tie = leash(call)
        local record = tostring(tie.cleanup)
        records, ties, seen[record] = records + (seen[record] and 0 or 1), ties + 1, true
        return tie
      end
      local client = inside.client { exchange = function() ngx.sleep(0.001) return { status = 204, headers = {} } end }
      for i = 1, 20 do
        assert(client:delete_role("rol_x"))
        local call = client:start("delete_role", "rol_x")
        if i % 2 == 0 then call:cancel() end
        while client:step(1) > 0 do end
      end
      nginx.leash = leash
      return records, ties
    ]]
    assert.same({ 1, 40 }, { records, ties })
  end)
end)

describe("auth0perm.openresty, when a request ends early,", function()
  local nginx

  setup(function() nginx = host.start() end)
  teardown(function() nginx:stop() end)
  before_each(tenant.reset)

  local REMOVE = [[inside.client():remove_user_permissions(inside.user, inside.permissions("read:reports"))]]

  -- Waits until the tenant holds up a matching request.
  local function until_faults_are_taken()
    support.wait_until(function() return #tenant.pending_faults() == 0 end)
  end

  it("leaves no open socket", function()
    nginx:run("return 1")
    local before = nginx:descriptors()
    for _, code in ipairs { REMOVE, "inside.client():start('get_user', inside.user) ngx.sleep(60)" } do
      tenant.fault { kind = "delay", seconds = 60, count = 5 }
      local connections = {}
      for i = 1, 5 do
        connections[i] = nginx:begin(code:gsub("inside.client%(%)", "inside.client { keepalive_timeout = 0 }"))
      end
      until_faults_are_taken()
      assert.is_true(nginx:descriptors() >= before + 6)
      for i = 1, 5 do connections[i]:close() end
      support.wait_until(function() return nginx:descriptors() <= before end)
      tenant.reset()
    end
  end)

  it("lets another write to the same user start promptly", function()
    tenant.fault { kind = "delay", seconds = 60 }
    local first = nginx:begin(REMOVE)
    until_faults_are_taken()
    local second = nginx:begin("local began = ngx.now() local ok = " .. REMOVE .. " return ok, ngx.now() - began")
    first:close()
    local ok, seconds = host.finish(second)
    assert.is_true(ok)
    assert.is_true(seconds < 20)
  end)

  it("lets another call fetch the token that the ended one was fetching", function()
    tenant.seed { clients = { { client_id = "alone", client_secret = "s3cr3t-of-alone" } } }
    tenant.fault { kind = "delay", seconds = 60, path = "/oauth/token" }
    local ask = "local c = inside.shared('alone', { token_dict = false }) "
      .. "local user = c:get_user(inside.user) return user.email"
    local first = nginx:begin(ask)
    until_faults_are_taken()
    local second = nginx:begin(ask)
    first:close()
    assert.equal("ada@example.com", (host.finish(second)))
  end)

  it("leaks nothing of a call whose light thread is killed or exits", function()
    for _, way in ipairs {
      "local thread = ngx.thread.spawn(function() " .. REMOVE .. " end) ngx.sleep(0.2) ngx.thread.kill(thread)",
      "ngx.thread.spawn(function() " .. REMOVE .. " end) ngx.sleep(0.2) ngx.exit(204)",
    } do
      tenant.reset()
      tenant.fault { kind = "delay", seconds = 60 }
      nginx:get("/run", way:gsub("inside.client%(%)", "inside.client { keepalive_timeout = 0 }"))
      until_faults_are_taken()
      assert.is_true((nginx:run("return " .. REMOVE)))
    end
  end)

  it("ends the calls of a worker that is told to quit, and works in the next one", function()
    tenant.fault { kind = "delay", seconds = 0.5 }
    local old = nginx:workers()[1]
    local connection = nginx:begin("return " .. REMOVE)
    until_faults_are_taken()
    nginx:reload()
    assert.is_true((host.finish(connection)))
    assert.is_true((nginx:run("return " .. REMOVE)))
    support.wait_until(function() return support.run("kill -0 " .. old) ~= "" end)
    assert.not_matches("%[alert%]", nginx:log())
  end)
end)
