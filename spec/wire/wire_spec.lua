-- The server that plays scripts follows them exactly; the specs that use it depend on that.

local support = require "spec.support"
local wire = require "spec.wire.wire"

describe("a script", function()
  local server

  setup(function() server = wire.start() end)
  teardown(function() server:stop() end)

  -- Sends a request with curl; returns curl's exit status and output.
  local function curl(options)
    local output, status = support.run(("LD_PRELOAD= curl -sS --max-time 20 --cacert %s %s https://%s/x")
      :format(support.tenant.ca_file, options or "", server.domain))
    return status, output
  end

  it("is played exactly, after the request", function()
    server:play { wire.REQUEST, "HTTP/1.1 200 ", 0.01, "OK\r\nContent-Length: 2\r\n\r", 0.01, "\nab" }
    assert.same({ 0, "ab" }, { curl "--data hello" })
    local requests, connections = server:requests()
    assert.equal(1, connections)
    assert.equal("hello", requests[1].body)
    assert.matches("^POST /x HTTP/1.1\r\n.*\r\n\r\n$", requests[1].head)
  end)

  -- Sends a request with OpenSSL's client; returns its output.
  local function openssl(options)
    return (support.run(("(echo 'GET / HTTP/1.1'; echo) | LD_PRELOAD= openssl s_client -crlf -ign_eof -connect %s %s")
      :format(server.address, options)))
  end

  it("ends its connection with close_notify, without it, or with a reset", function()
    for expected, script in pairs {
      ["SSL3 alert read:warning:close notify"] = { wire.REQUEST, "bye" },
      ["close notify"] = { wire.REQUEST, "bye", wire.GOODBYE },
      ["unexpected eof"] = { wire.REQUEST, "bye", wire.FIN },
      ["errno=104"] = { wire.REQUEST, "bye", 0.1, wire.RESET },
    } do
      server:play(script)
      assert.is_truthy(openssl "-state":find(expected, 1, true))
    end
  end)

  it("is played on one connection each, the last one on all later ones", function()
    server:play({ wire.REQUEST, wire.response("200 OK", "1") }, { wire.REQUEST, wire.response("200 OK", "2") })
    local bodies = {}
    for i = 1, 3 do bodies[i] = select(2, curl()) end
    assert.same({ "1", "2", "2" }, bodies)
  end)

  it("can do without TLS, or select HTTP/2", function()
    server:play { plain = true, wire.BYTES, "this is not TLS" }
    assert.equal(35, (curl())) -- CURLE_SSL_CONNECT_ERROR
    server:play { protocol = "h2", wire.REQUEST }
    assert.matches("ALPN protocol: h2", openssl "-alpn h2")
  end)

  it("ends with the process that started the server", function()
    local output = support.run_lua [[
      local server = require "spec.wire.wire".start()
      print(server.port)
      os.exit(false, false)
    ]]
    local port = tonumber(output:match "%d+")
    support.wait_until(function() return not require "socket".connect("127.0.0.1", port) end)
  end)
end)
