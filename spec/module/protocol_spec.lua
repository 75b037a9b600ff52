-- The driver protocol, for hosts with their own HTTP. These specs use no sockets, and pass the time in.

local support = require "spec.support"
local auth0perm = support.auth0perm

describe("a prepared call", function()
  local client

  local function new(changes)
    local options = { domain = "acme.eu.auth0.com", token = "given", max_retries = 0 }
    for name, value in pairs(changes or {}) do options[name] = value or nil end
    return assert(auth0perm.new(options))
  end

  local function prepare(options)
    return assert(client:prepare("remove_user_permissions", support.user, support.permissions "read:reports", options))
  end

  before_each(function() client = new() end)

  after_each(function() client:close() end)

  it("wants to send, is fed the response, and is done", function()
    local call = prepare()
    local step, request = call:next(100)
    assert.equal("send", step)
    assert.equal("DELETE", request.method)
    assert.equal("https://acme.eu.auth0.com/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82/permissions", request.url)
    assert.equal("Bearer given", request.headers.Authorization)
    assert.equal("application/json", request.headers["Content-Type"])
    assert.equal("no-cache", request.headers["Cache-Control"])
    assert.matches("^auth0perm/", request.headers["User-Agent"])
    assert.matches("^[%w_-]+$", request.headers["Auth0-Client"])
    assert.matches('^{"permissions":%[{', request.body)
    assert.equal(30, request.timeout)
    assert.equal(10, request.connect_timeout)
    assert.is_false(call:done())
    call:feed({ status = 204 }, 100.1)
    assert.equal("done", (call:next(100.2)))
    assert.is_true(call:done())
    assert.is_true(call:result())
  end)

  it("uses the system's clock if no time is given", function()
    local call = prepare()
    assert.equal("send", (call:next()))
    call:feed { status = 204, headers = {}, body = "" }
    assert.is_true(call:result())
  end)

  it("requests one page after the other", function()
    local call = assert(client:prepare("list_user_permissions", support.user))
    for page = 0, 2 do
      local step, request = call:next(page)
      assert.equal("send", step)
      assert.is_nil(request.body)
      assert.matches("per_page=" .. (page == 0 and 100 or 2) .. "&page=" .. page .. "&include_totals=true$",
        request.url)
      call:feed({ status = 200, headers = { ["content-type"] = "application/json" }, body = page < 2
        and ('{"permissions":[{"permission_name":"a%d"},{"permission_name":"b%d"}],"start":%d,"limit":2,"total":5}')
          :format(page, page, 2 * page) or '{"permissions":[{"permission_name":"c"}],"start":4,"limit":2,"total":5}' },
            page)
    end
    assert.equal("done", (call:next(3)))
    assert.equal("a0 b0 a1 b1 c", support.names(call:result()))
  end)

  it("asks for a token if the client has none, once for all calls of the client", function()
    client:close()
    client = new { token = false }
    local call = prepare()
    assert.equal("authorize", (call:next(10)))
    call:authorize("fresh", 3600, 10)
    local step, request = call:next(10)
    assert.equal("send", step)
    assert.equal("Bearer fresh", request.headers.Authorization)
    assert.equal("send", (client:prepare("list_user_permissions", support.user):next(3609)))
    assert.equal("authorize", (client:prepare("list_user_permissions", support.user):next(3610)))
  end)

  it("ends with kind token if it gets no token, or one that does not fit a header", function()
    client:close()
    client = new { token = false }
    local call = prepare()
    call:next(0)
    call:fail("token", "the vault is sealed", 0)
    local _, err = call:result()
    assert.equal("token", err.kind)
    assert.equal("the vault is sealed", err.message)
    call = prepare()
    call:next(0)
    call:authorize("a\r\nb", nil, 0)
    _, err = call:result()
    assert.equal("token", err.kind)
    assert.matches("^token: expected printable ASCII", err.message)
  end)

  it("limits each request to the time left until its deadline, to the millisecond", function()
    client:close()
    client = new { timeout = 50, request_timeout = 30, connect_timeout = 10 }
    local call = assert(client:prepare("list_user_permissions", support.user))
    local function page(number, now)
      local _, request = call:next(now)
      call:feed({ status = 200, body = ('{"permissions":[{}],"start":%d,"limit":1,"total":9}'):format(number) }, now)
      return request
    end
    assert.equal(30, page(0, 1000).timeout)
    assert.equal(30, page(1, 1020).timeout)
    assert.equal(29.5, page(2, 1020.5).timeout)
    assert.equal(10, page(3, 1040).connect_timeout)
    assert.equal(4, page(4, 1046).connect_timeout)
    assert.is_true(math.abs(page(5, 1049.999).timeout - 0.001) < 1e-6)
    assert.equal("done", (call:next(1050)))
    local _, err = call:result()
    assert.equal("timeout", err.kind)
    assert.equal("timed out after 50 s", err.message)
  end)

  it("turns each failure into an error with the right maybe_applied", function()
    for kind, expected in pairs {
      connect = { "transport", false }, tls = { "transport", false }, timeout = { "timeout", true },
      transport = { "transport", true }, protocol = { "protocol", true }, canceled = { "canceled", true },
      token = { "token", true }, -- a driver's mistake, while a request is in flight: it may have been read
    } do
      local call = prepare()
      call:next(0)
      call:fail(kind, "so it was", 1)
      local ok, err = call:result()
      assert.is_nil(ok)
      assert.equal(expected[1], err.kind)
      assert.equal(expected[2], err.maybe_applied)
      assert.equal("so it was", err.message)
      assert.equal(1, err.attempts)
    end
  end)

  it("can fail before anything was sent", function()
    local call = prepare()
    call:fail("transport", "no network", 0)
    local _, err = call:result()
    assert.is_false(err.maybe_applied)
    assert.equal(0, err.attempts)
  end)

  it("raises for a failure of an unknown kind", function()
    local call = prepare()
    assert.has_error(function() call:fail "weather" end)
    assert.has_error(function() call:fail() end)
    assert.is_false(call:done())
  end)

  it("hands out a request once, and raises if asked again before its response", function()
    local call = prepare()
    call:next(0)
    local ok, message = pcall(call.next, call, 1)
    assert.is_false(ok)
    assert.matches("call feed or fail first", message)
  end)

  it("raises when it is fed a response to no request", function()
    local call = prepare()
    local ok, message = pcall(call.feed, call, { status = 204 })
    assert.is_false(ok)
    assert.matches("no request is in flight", message)
  end)

  it("raises for an invalid response, and can still be fed", function()
    local call = prepare()
    call:next(0)
    for _, response in ipairs { 5, {}, { status = "204" }, { status = 100 }, { status = 204, body = {} },
      { status = 204, headers = "none" }, { status = 0 / 0 }, { status = 1e9 } } do
      local ok, message = pcall(call.feed, call, response)
      assert.is_false(ok)
      assert.matches("bad argument #1 to 'feed' %(response", message)
    end
    call:feed { status = 204 }
    assert.is_true(call:result())
  end)

  it("accepts headers in any case, as strings or lists", function()
    for _, headers in ipairs { { ["Retry-After"] = "12" }, { ["retry-after"] = 12 },
      { ["RETRY-AFTER"] = { "12", "13" } } } do
      local call = prepare()
      call:next(0)
      call:feed({ status = 503, headers = headers, body = "" }, 0)
      local _, err = call:result()
      assert.equal("api", err.kind)
      assert.equal(12, err.retry_after)
    end
  end)

  it("ignores absurd values of Retry-After", function()
    for value, expected in pairs { ["1000000"] = false, ["99999999999999999999"] = false, ["-1"] = false, soon = false,
      ["1.5"] = false, [""] = false, ["1 2"] = false } do
      local call = prepare()
      call:next(0)
      call:feed({ status = 503, headers = { ["Retry-After"] = value } }, 0)
      assert.equal(expected or nil, select(2, call:result()).retry_after)
    end
  end)

  it("ignores a response that comes after a cancel", function()
    local call = prepare()
    call:next(0)
    assert.is_true(call:cancel())
    call:feed({ status = 204 }, 1)
    local ok, err = call:result()
    assert.is_nil(ok)
    assert.equal("canceled", err.kind)
    assert.is_true(err.maybe_applied)
    assert.equal("done", (call:next(2)))
  end)

  it("raises for an invalid time", function()
    local call = prepare()
    for _, now in ipairs { "1", 0 / 0, 1 / 0, {} } do
      assert.is_false((pcall(call.next, call, now)))
    end
  end)

  it("ends with kind closed when its client was closed", function()
    local call = prepare()
    client:close()
    assert.equal("done", (call:next(0)))
    assert.equal("closed", select(2, call:result()).kind)
    client = new()
    call = prepare()
    call:next(0)
    client:close()
    call:feed({ status = 204 }, 0)
    assert.is_true(call:result())
  end)

  it("uses the timeout from its options", function()
    local call = prepare { timeout = 3 }
    local _, request = call:next(7)
    assert.equal(3, request.timeout)
    assert.equal(3, request.connect_timeout)
  end)
end)
