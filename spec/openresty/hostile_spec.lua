-- The OpenResty driver and servers that misbehave byte by byte (see spec/wire).

local host = require "spec.openresty.host"
local support = require "spec.support"
local wire = require "spec.wire.wire"

local REMOVE = [[client:remove_user_permissions(inside.user, inside.permissions("read:reports"))]]

describe("auth0perm.openresty, with a misbehaving server,", function()
  local nginx, server

  setup(function()
    support.tenant.reset()
    nginx, server = host.start(), wire.start()
  end)
  teardown(function()
    nginx:stop()
    server:stop()
  end)

  -- Returns a snippet with a client of the server.
  local function with_client(code, options)
    return ("local client = inside.client { domain = %q, connect_to = %q, %s }\n%s"):format(server.domain,
      server.address,
      options or "max_retries = 0", code)
  end

  describe("on a reused connection, while the worker was busy,", function()
    -- Removes twice; between the two, the server acts on its cue while the worker is busy.
    local TWICE = "assert(" .. REMOVE .. ") inside.be_busy() local ok, err = " .. REMOVE .. " return ok, err"

    local function remove_twice(options, ...)
      local unasked = { wire.REQUEST, wire.NO_CONTENT, wire.CUE, ... }
      for _, step in ipairs { wire.REQUEST, wire.NO_CONTENT } do unasked[#unasked + 1] = step end
      server:play(unasked, { wire.REQUEST, wire.FORBIDDEN })
      return nginx:while_busy(with_client(TWICE, options), function() server:cue() end)
    end

    it("does not take an unrequested response, or part of one, for the next request's response", function()
      for _, options in ipairs { "max_retries = 0", "max_retries = 0, max_connections = 1" } do
        for _, bytes in ipairs { wire.NO_CONTENT, "HTTP/1.1 204 No Con", "H", wire.NO_CONTENT .. wire.NO_CONTENT } do
          local ok, err = remove_twice(options, bytes)
          assert.is_nil(ok)
          assert.same({ 403, 1 }, { err.status, err.attempts })
          local requests, connections = server:requests()
          assert.same({ 2, 2 }, { #requests, connections })
        end
      end
    end)

    it("sends no request if the connection has ended", function()
      for _, step in ipairs { wire.GOODBYE, wire.FIN, wire.RESET } do
        local _, err = remove_twice(nil, step)
        assert.same({ 403, 1 }, { err.status, err.attempts })
      end
    end)

    it("sends the next request if nothing has arrived", function()
      server:play { wire.REQUEST, wire.NO_CONTENT, wire.CUE, wire.REQUEST, wire.FORBIDDEN }
      local _, err = nginx:while_busy(with_client(TWICE), function() server:cue() end)
      assert.same({ 403, 1 }, { err.status, select(2, server:requests()) })
    end)

    -- Sends two requests with a replacement for the check of idle connections; returns the status of the second, and
    -- the number of connections.
    local function status_without(replacement, ...)
      server:play(...)
      local _, err = nginx:while_busy(with_client(([[
        local nginx, looks = require "auth0perm.openresty.nginx", 0
        local readable, shows = nginx.readable, nginx.shows_descriptors
        nginx.readable, nginx.shows_descriptors = %s
        local _, first, second = pcall(function() %s end)
        nginx.readable, nginx.shows_descriptors = readable, shows
        return first, second
      ]]):format(replacement, TWICE)), function() server:cue() end)
      return { err.status, select(2, server:requests()) }
    end

    local quiet = { wire.REQUEST, wire.NO_CONTENT, wire.CUE, wire.REQUEST, wire.FORBIDDEN }
    local loud = { wire.REQUEST, wire.NO_CONTENT, wire.CUE, wire.NO_CONTENT }
    local second = { wire.REQUEST, wire.FORBIDDEN }

    it("lets nginx handle its events first if ngx_lua does not reveal descriptors", function()
      assert.same({ 403, 2 }, status_without("function() end, false", loud, second))
      assert.same({ 403, 1 }, status_without("function() end, false", quiet))
    end)

    it("reads the input of a readable connection, since it may be a session ticket", function()
      local once = "function() looks = looks + 1 return looks == 1 end, true"
      assert.same({ 403, 2 }, status_without(once, loud, second))
      assert.same({ 403, 1 }, status_without(once, quiet))
      assert.same({ 403, 2 }, status_without("function() return true end, true", quiet, second))
    end)
  end)

  -- Returns the worker's longest turn while it reads a response.
  local function turn_for(response)
    server:play { wire.REQUEST, response }
    return nginx:run(with_client("return inside.longest_turn(function() return " .. REMOVE .. " end)"))
  end

  it("serves other requests while it reads a long line, or many lines or chunks", function()
    local spaces = (" "):rep(60000)
    local head, chunked = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _, response in ipairs {
      head .. "X-A: a" .. spaces .. "a\r\nContent-Length: 0\r\n\r\n",
      head .. "Content-Length: 0" .. spaces .. "0\r\n\r\n",
      chunked .. ("1\r\n \r\n"):rep(500000) .. "0\r\n\r\n",
    } do
      assert.is_true(turn_for(response) < 0.2)
    end
  end)

  it("returns kind transport if the connection ends within the headers, however it ends", function()
    for _, finish in ipairs { wire.GOODBYE, wire.FIN, wire.RESET } do
      local line = "HTTP/1.1 204 No Content"
      for _, part in ipairs { "H", line, line .. "\r\n", line .. "\r\nX-A: b\r\n" } do
        server:play { wire.REQUEST, part, finish }
        local ok, err = nginx:run(with_client("local ok, err = " .. REMOVE .. " return ok, err"))
        assert.is_nil(ok)
        assert.same({ "transport", true }, { err.kind, err.maybe_applied })
      end
    end
  end)

  it("rejects a page whose list is an object, or has more items than requested", function()
    local items = ("{},"):rep(101):gsub(",$", "")
    for body, words in pairs {
      ["{}"] = "no list of objects",
      ['{"permissions":{}}'] = "no list of objects",
      [('{"permissions":[%s]}'):format(items)] = "100",
    } do
      server:play { wire.REQUEST, wire.response("200 OK", body) }
      local list, err = nginx:run(with_client("return client:list_user_permissions(inside.user)"))
      assert.is_nil(list)
      assert.equal("protocol", err.kind)
      assert.matches(words, err.message)
    end
  end)

  it("does not take an HTML page for a success", function()
    local page = wire.response("200 OK", nil, "Content-Type: text/html", "Content-Length: 13") .. "<html></html>"
    server:play { wire.REQUEST, page }
    local ok, err = nginx:run(with_client("return client:delete_role 'rol_x'"))
    assert.is_nil(ok)
    assert.same({ "protocol", 1, true }, { err.kind, err.attempts, err.maybe_applied })
  end)

  it("rejects a token that has already expired", function()
    for _, seconds in ipairs { "0", "-1" } do
      local token = ('{"access_token":"t0ken","token_type":"Bearer","expires_in":%s}'):format(seconds)
      server:play({ wire.REQUEST, wire.response("200 OK", token) }, { wire.REQUEST, wire.NO_CONTENT })
      local options = "max_retries = 0, token = false, client_id = 'robot', client_secret = 'secret'"
      local ok, err = nginx:run(with_client("return client:delete_role 'rol_x'", options))
      assert.is_nil(ok)
      assert.equal("token", err.kind)
    end
  end)
end)
