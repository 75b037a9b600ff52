-- Unrequested bytes, and responses that end too early, from a server that plays scripts.

local support = require "spec.support"
local wire = require "spec.wire.wire"

local NO_CONTENT, FORBIDDEN, REQUEST = wire.NO_CONTENT, wire.FORBIDDEN, wire.REQUEST

describe("an unrequested response", function()
  local server, client

  setup(function() server = wire.start() end)
  teardown(function() server:stop() end)
  after_each(function() client:close() end)

  local function open(changes)
    local options = { domain = server.domain, max_retries = 0 }
    for name, value in pairs(changes or {}) do options[name] = value end
    client = support.client(options)
  end

  local function remove()
    return client:remove_user_permissions(support.user, support.permissions "a")
  end

  -- Sends two requests. The connection's script may send anything after the response to the first; the second must be
  -- refused with 403, on this connection or another.
  local function assert_refused(script)
    server:play(script, { REQUEST, FORBIDDEN, wire.HOLD })
    local first, err = remove()
    assert(first, tostring(err))
    server:cue()
    local second
    second, err = remove()
    assert.is_nil(second)
    assert.same({ "api", 403, 1, "" }, { err.kind, err.status, err.attempts, err.kind == "api" and "" or err.message })
  end

  for title, changes in pairs { ["HTTP/1.1"] = {}, ["HTTP/2 wanted"] = { http2 = true } } do
    it("on an idle connection is not taken for the next response (" .. title .. ")", function()
      open(changes)
      assert_refused { REQUEST, NO_CONTENT, wire.CUE, NO_CONTENT, REQUEST, FORBIDDEN, wire.HOLD }
    end)

    it("is not taken for the next response if it came with the first (" .. title .. ")", function()
      open(changes)
      assert_refused { REQUEST, NO_CONTENT .. NO_CONTENT, wire.CUE, REQUEST, FORBIDDEN, wire.HOLD }
      open(changes)
      assert_refused { REQUEST, NO_CONTENT, NO_CONTENT, wire.CUE, REQUEST, FORBIDDEN, wire.HOLD }
    end)
  end

  it("is not taken for the next response if it arrives in parts", function()
    for place = 1, #NO_CONTENT - 1, 7 do
      open()
      local head, rest = NO_CONTENT:sub(1, place), NO_CONTENT:sub(place + 1)
      assert_refused { REQUEST, NO_CONTENT, wire.CUE, head, REQUEST, rest, FORBIDDEN, wire.HOLD }
      client:close()
      open()
      assert_refused { REQUEST, NO_CONTENT .. head, wire.CUE, rest, REQUEST, FORBIDDEN, wire.HOLD }
    end
  end)

  it("is detected after a body, in the same TLS record or already read by TLS", function()
    for size = 16380, 16388 do -- a TLS record holds up to 16384 bytes
      open()
      local body = '{"start":0,"limit":100,"total":0,"permissions":[]%s}'
      local head = wire.response("200 OK", body)
      body = body:format((" "):rep(size - #head))
      local response = wire.response("200 OK", body) .. NO_CONTENT
      server:play({ REQUEST, response, wire.CUE, REQUEST, FORBIDDEN, wire.HOLD }, { REQUEST, FORBIDDEN, wire.HOLD })
      local held, err = client:list_user_permissions(support.user)
      assert(held, tostring(err))
      server:cue()
      local ok
      ok, err = remove()
      assert.is_nil(ok, size)
      assert.equal(403, err.status)
      client:close()
    end
  end)
end)

describe("a response that ends with its connection", function()
  local server

  setup(function() server = wire.start() end)
  teardown(function() server:stop() end)

  it("in the middle of its headers is not a success, wherever it is cut", function()
    local response = "HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"
    local kinds = {}
    for length = 1, #response - 1 do
      for _, ending in ipairs { wire.FIN, wire.GOODBYE } do
        server:play { REQUEST, response:sub(1, length), ending }
        local client = support.client { domain = server.domain, max_retries = 0 }
        local ok, err = client:remove_user_permissions(support.user, support.permissions "a")
        client:close()
        assert.is_nil(ok, length)
        assert.is_true(err.maybe_applied)
        kinds[err.kind] = (kinds[err.kind] or 0) + 1
        if length > #"HTTP/1.1 204 No Content\r\n" then assert.equal("transport", err.kind) end
      end
    end
    assert.is_nil(kinds.api)
    assert.is_nil(kinds.memory)
  end)

  it("after nothing but a 1xx is not a success", function()
    server:play { REQUEST, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", wire.GOODBYE }
    local client = support.client { domain = server.domain, max_retries = 0 }
    local ok, err = client:remove_user_permissions(support.user, support.permissions "a")
    client:close()
    assert.is_nil(ok)
    assert.equal("transport", err.kind)
  end)
end)
