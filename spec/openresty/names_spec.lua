-- The OpenResty driver and host names: how long nginx may take to resolve one, and what is left afterwards. nginx uses
-- the spec's own resolver, which responds only when it is told to.

local socket = require "socket"
local host = require "spec.openresty.host"
local support = require "spec.support"
local tenant = support.tenant

describe("auth0perm.openresty, resolving a name,", function()
  local nginx, resolver

  setup(function()
    resolver = assert(socket.udp())
    assert(resolver:setsockname("127.0.0.1", 0))
    local _, port = resolver:getsockname()
    nginx = host.start { http = ("resolver 127.0.0.1:%d ipv6=off; resolver_timeout 60s;"):format(port) }
  end)
  teardown(function()
    nginx:stop()
    resolver:close()
  end)
  before_each(tenant.reset)

  -- Responds to a query for the name: with an error code, or with 127.0.0.1.
  local function answer(name, code)
    resolver:settimeout(60)
    local question, from, port
    repeat
      question, from, port = assert(resolver:receivefrom())
    until question:find(name, 1, true)
    local flags = "\129" .. string.char(128 + (code or 0))
    local record = code and "" or "\192\12\0\1\0\1\0\0\0\0\0\4\127\0\0\1"
    local head = question:sub(1, 2) .. flags .. "\0\1" .. (code and "\0\0" or "\0\1") .. "\0\0\0\0"
    local body = question:sub(13, (question:find("\0", 13, true)) + 4)
    assert(resolver:sendto(head .. body .. record, from, port))
  end

  -- Runs a snippet with a client of the tenant under a name.
  local function begin(name, options, code)
    return nginx:begin(([[local client = inside.client { connect_to = "%s.test:%d", max_retries = 0, %s } %s]]):format(
      name, tenant.port, options, code))
  end

  it("waits no longer than connect_timeout, and no longer than timeout", function()
    for _, options in ipairs {
      "connect_timeout = 0.3", "timeout = 0.3", "connect_timeout = 0.3, max_connections = 1, timeout = 0.5",
    } do
      local began = socket.gettime()
      local ok, err = host.finish(begin("nobody", options, "return client:get_user(inside.user)"))
      assert.is_nil(ok)
      assert.equal("timeout", err.kind)
      assert.is_true(socket.gettime() - began < 20)
    end
  end)

  it("connects to the address that nginx resolves or remembers", function()
    for name, options in pairs { plain = "", bounded = "max_connections = 1" } do
      tenant.reset()
      local connection = begin(name, options, [[
        local first = client:get_user(inside.user).email
        ngx.sleep(2.1) -- nginx forgets the address
        return first, client:get_user(inside.user).email
      ]])
      answer(name)
      assert.same({ "ada@example.com", "ada@example.com" }, { host.finish(connection) })
      assert.is_true(tenant.connections() <= 1)
    end
  end)

  it("reports why the name could not be resolved", function()
    local connection = begin("unknown", "", "return client:get_user(inside.user)")
    answer("unknown", 3) -- no such name
    local _, err = host.finish(connection)
    assert.equal("transport", err.kind)
    assert.matches("unknown.test could not be resolved %(3: Host not found%)", err.message)
  end)

  it("no longer counts a connection that failed against max_connections", function()
    local connection = begin("late", "connect_timeout = 0.2, max_connections = 1, timeout = 0.4", [[
      local kinds = {}
      for i = 1, 3 do kinds[i] = select(2, client:get_user(inside.user)).kind end
      local patient = inside.client { connect_to = client.route.host .. ":" .. client.route.port, max_connections = 1 }
      return table.concat(kinds, " "), patient:get_user(inside.user)
    ]])
    socket.sleep(1.5)
    answer "late"
    local kinds, user = host.finish(connection)
    assert.same({ "timeout timeout timeout", "ada@example.com" }, { kinds, user.email })
  end)

  it("ends a canceled call at once, and leaves no light thread that the request would wait for", function()
    for way, kind in pairs { ["call:cancel()"] = "canceled", ["client:close()"] = "closed" } do
      local began = socket.gettime()
      local err = host.finish(begin("silent", "timeout = 50, connect_timeout = 50", ([[
        local call = client:start("get_user", inside.user)
        ngx.sleep(0.2)
        %s
        ngx.sleep(0.2)
        return select(2, call:result())
      ]]):format(way)))
      assert.equal(kind, err.kind)
      assert.is_true(socket.gettime() - began < 20)
    end
  end)

  it("raises where nginx cannot yield, and works afterwards", function()
    local ok, message, slept = host.finish(begin("callback", "timeout = 50, connect_timeout = 50", [[
      local ok, message = pcall(string.gsub, "x", "x", function() client:get_user(inside.user) end)
      local began = ngx.now()
      ngx.sleep(0.2)
      ngx.update_time()
      return ok, message, ngx.now() - began
    ]]))
    assert.is_false(ok)
    assert.matches("attempt to yield across", message)
    assert.is_true(slept > 0.15)
  end)
end)
