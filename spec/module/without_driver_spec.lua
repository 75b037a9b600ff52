-- Clients whose host program performs the requests. No socket is opened here.

local support = require "spec.support"
local auth0perm = support.auth0perm

-- Returns a client without a driver that fetches tokens, after asking.
local function sharing_client(changes)
  local options = { domain = "acme.test", client_id = "me", client_secret = "secret", driver = "none",
    share_tokens = true }
  for name, value in pairs(changes or {}) do
    options[name] = value
  end
  return assert(auth0perm.new(options))
end

local function client_with_token()
  return assert(auth0perm.new { domain = "acme.test", token = "s3cr3t", driver = "none" })
end

-- Makes the call fetch a token, and the client learn that the tenant sends no rate limit.
local function fetch_token(call, token)
  assert.equal("authorize", call:next())
  call:fetch()
  assert.equal("send", call:next())
  call:feed { status = 200, body = ('{"access_token":"%s","expires_in":1000}'):format(token) }
end

describe("a client without a driver", function()
  it("says that a change may have been made if a driver reports no token while the change is in flight", function()
    for _, report in ipairs {
      function(call) call:fail "token" end, function(call) call:supply(true, nil) end,
    } do
      local call = assert(client_with_token():delete_role "rol_x")
      call:next()
      report(call)
      assert.is_true(select(2, call:result()).maybe_applied)
    end
  end)

  it("returns calls from its methods, which the host drives", function()
    local call = assert(client_with_token():get_role "rol_x")
    local step, request = call:next()
    assert.equal("send", step)
    assert.equal("https://acme.test/api/v2/roles/rol_x", request.url)
    call:feed { status = 200, body = '{"id":"rol_x"}' }
    assert.equal("done", call:next())
    assert.equal("rol_x", call:result().id)
  end)

  it("refuses invalid values at once, and raises for wrong types in the method's name", function()
    local client = client_with_token()
    local call, err = client:get_role ""
    assert.is_nil(call)
    assert.equal("invalid", err.kind)
    assert.error_matches(function() client:get_role {} end,
      "bad argument #1 to 'get_role' %(role_id: expected a string")
  end)

  it("raises where it would have to drive a call itself", function()
    local client = client_with_token()
    assert.error_matches(function() client:start "list_roles" end, "'start': this client has no driver")
    assert.error_matches(function() client:step() end, "'step': this client has no driver")
  end)

  it("reads a list page by page", function()
    local call = assert(client_with_token():each("list_user_permissions", "auth0|x", { per_page = 1 }))
    local names = {}
    for page = 0, 1 do
      local _, request = call:next()
      assert.matches("page=" .. page, request.url)
      call:feed {
        status = 200,
        body = ('{"permissions":[{"permission_name":"p%d"}],"start":%d,"limit":1,"total":2}'):format(page, page),
      }
      assert.equal("done", call:next())
      assert.equal(1, #call:result())
      names[#names + 1] = call:result()[1].permission_name
      assert.equal(page == 0, call:resume())
    end
    assert.equal("p0 p1", table.concat(names, " "))
  end)

  it("refuses options that only a driver needs", function()
    for name, value in pairs { ca_file = "/x", proxy = "http://x:1", connect_to = "x:1", max_connections = 1,
      http2 = true } do
      local client, err = auth0perm.new { domain = "acme.test", driver = "none", [name] = value }
      assert.is_nil(client)
      assert.equal(('%s: not available with driver "none"'):format(name), err.message)
    end
  end)

  it("is the only kind of client that shares tokens, and only if it fetches them", function()
    local options = { domain = "acme.test", client_id = "me", client_secret = "secret", share_tokens = true }
    assert.equal('share_tokens: only available with driver "none"', select(2, auth0perm.new(options)).message)
    options = { domain = "acme.test", driver = "none", share_tokens = true }
    assert.matches("^share_tokens: needs client_id", select(2, auth0perm.new(options)).message)
  end)

  it("refuses unknown drivers", function()
    assert.equal('driver: expected "curl" or "none", got "wget"',
      select(2, auth0perm.new { domain = "a", driver = "wget" }).message)
  end)
end)

describe("a client that shares tokens", function()
  it("asks for one, fetches it when told to, and hands it out", function()
    local call = assert(sharing_client():get_role "rol_x")
    fetch_token(call, "t0ken")
    local step, token, expires_in = call:next()
    assert.same({ "share", "t0ken" }, { step, token })
    assert.is_true(expires_in > 900 and expires_in <= 1000)
    local _, request = call:next()
    assert.equal("Bearer t0ken", request.headers.Authorization)
  end)

  it("uses one that was fetched elsewhere, once", function()
    local call = assert(sharing_client():get_role "rol_x")
    assert.equal("authorize", call:next())
    assert.is_true(call:authorize("t0ken", 100))
    local _, request = call:next()
    assert.equal("Bearer t0ken", request.headers.Authorization)
    call:feed { status = 401, body = "{}" }
    assert.equal("authorize", call:next())
    assert.is_false(call:authorize("t0ken", 100))
    assert.is_true(call:authorize("newer", 100))
  end)

  it("waits while another process fetches one", function()
    local call = assert(sharing_client():get_role "rol_x")
    assert.equal("authorize", (call:next(100)))
    call:defer(0.5, 100)
    assert.same({ "wait", 0.5 }, { call:next(100) })
    assert.equal("authorize", (call:next(100.5)))
  end)

  it("raises for an invalid time", function()
    local call = assert(sharing_client():get_role "rol_x")
    for _, seconds in ipairs { 0, -1, 1 / 0, "1", {} } do
      assert.error_matches(function() call:defer(seconds) end,
        "bad argument #1 to 'defer' %(seconds: expected a finite number > 0")
    end
  end)

  it("does not reveal its secret or its token in any text", function()
    local call = assert(sharing_client():get_role "rol_x")
    fetch_token(call, "t0ken")
    assert.not_matches("t0ken", tostring(call))
    call:cancel()
    assert.not_matches("t0ken", tostring(select(2, call:result())))
  end)
end)

-- Only LuaJIT can pass an address and call what `leash` returns.
local has_ffi, ffi = pcall(require, "ffi")

if has_ffi then
  describe("a leash", function()
    local memory, address

    before_each(function()
      memory = ffi.new "void *[1]"
      address = tonumber(ffi.cast("uintptr_t", ffi.cast("void *", memory)))
    end)

    -- Does what nginx does at the end of a request.
    local function end_request(handler)
      ffi.cast("void (*)(void *)", handler)(memory[0])
    end

    it("cancels the call of a request that has ended, so that others can continue", function()
      local client = sharing_client()
      local call, other = assert(client:get_role "rol_x"), assert(client:get_role "rol_y")
      local handler = call:leash(address)
      assert.equal("authorize", call:next())
      assert.equal("wait", (other:next()))
      end_request(handler)
      assert.equal("canceled", select(2, call:result()).kind)
      assert.equal("authorize", other:next())
    end)

    it("sets maybe_applied if a write may have been applied", function()
      local call = assert(client_with_token():delete_role "rol_x")
      local handler = call:leash(address)
      assert.equal("send", (call:next()))
      end_request(handler)
      assert.is_true(select(2, call:result()).maybe_applied)
      call:feed { status = 204 } -- too late, and ignored
    end)

    it("releases a call that was collected", function()
      local call = assert(client_with_token():get_role "rol_x")
      local handler = call:leash(address)
      assert.is_false(memory[0] == nil)
      call = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      assert.is_true(memory[0] == nil)
      end_request(handler)
    end)

    it("releases a call on request, and can then be used for another", function()
      local call, other = assert(client_with_token():get_role "rol_x"), assert(client_with_token():get_role "rol_y")
      assert.is_false(call:leash())
      call:leash(address)
      assert.is_true(call:leash())
      assert.is_true(memory[0] == nil)
      assert.is_false(call:leash())
      local handler = other:leash(address)
      call = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      end_request(handler)
      assert.equal("canceled", select(2, other:result()).kind)
    end)

    it("does not change a call that is done", function()
      local call = assert(client_with_token():delete_role "rol_x")
      local handler = call:leash(address)
      call:next()
      call:feed { status = 204 }
      end_request(handler)
      assert.is_true(call:result())
    end)

    it("raises for a value that is not an address", function()
      local call = assert(client_with_token():get_role "rol_x")
      for _, wrong in ipairs { 0, -8, 3, 0 / 0, 1 / 0, "x", {} } do
        assert.error_matches(function() call:leash(wrong) end, "bad argument #1 to 'leash' %(address: ")
      end
    end)
  end)
end
