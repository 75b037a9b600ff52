-- The mock tenant misbehaves as its README says, records requests, and leaves nothing behind.

local socket = require "socket"
local tenant = require "spec.tenant.control"
local curl = require "spec.tenant.curl"

local PATH = "/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe83/permissions"
local GRACE = "auth0|5f7c8ec7c33c6c004bbafe83"
local BODY = '{"permissions":[{"resource_server_identifier":"https://api.example.com/",'
  .. '"permission_name":"read:reports"}]}'

-- curl's exit statuses.
local UNSUPPORTED_PROTOCOL, TLS_CONNECT, PARTIAL_FILE, TIMEOUT, EMPTY_REPLY = 1, 35, 18, 28, 52
local RECEIVE_FAILURE, BAD_CERTIFICATE, HTTP2_STREAM = 56, 60, 92

local ask = curl.ask

local function get(request) return ask("GET", PATH, request) end

local function delete(request)
  request = request or {}
  request.body = request.body or BODY
  return ask("DELETE", PATH, request)
end

local function assign() assert.equal(201, ask("POST", PATH, { body = BODY }).status) end

local function held() return #tenant.user(GRACE).permissions end

-- Calls check until it returns true, for a bounded time; returns whether it did.
local function becomes(check)
  for _ = 1, 1500 do
    if check() then return true end
    socket.sleep(0.02)
  end
  return false
end

before_each(tenant.reset)

describe("a fault of the tenant", function()
  it("of kind status sends the API's error body, or the given body", function()
    tenant.fault { kind = "status", status = 503 }
    local response = delete()
    assert.equal(503, response.status)
    assert.same({ statusCode = 503, error = "Service Unavailable", message = "Service Unavailable" }, response.json)
    tenant.fault { kind = "status", status = 429 }
    assert.equal("too_many_requests", delete().json.errorCode)
    tenant.fault { kind = "status", status = 520, body = "<html>", headers = { ["Retry-After"] = "7" } }
    response = delete()
    assert.equal(520, response.status)
    assert.equal("<html>", response.body)
    assert.equal("7", response.headers["retry-after"])
    tenant.fault { kind = "status", status = 400, body = { message = "json" } }
    assert.equal('{"message":"json"}', delete().body)
    tenant.fault { kind = "status", status = 204 }
    assert.equal("", delete().body)
  end)

  it("of kind reset_before, close_before or garbage breaks the connection before a response", function()
    for _, kind in ipairs { "reset_before", "close_before", "garbage" } do
      local expected = ({ reset_before = RECEIVE_FAILURE, close_before = EMPTY_REPLY,
        garbage = UNSUPPORTED_PROTOCOL })[kind]
      for _, request in ipairs { get, delete } do
        tenant.fault { kind = kind }
        local response = request()
        assert.equal(kind .. " " .. expected, kind .. " " .. response.exit)
        assert.equal(0, response.status)
        assert.equal("", response.body)
      end
      tenant.fault { kind = kind }
      assert.equal(HTTP2_STREAM, get({ http = "2" }).exit)
    end
    for _, request in ipairs(tenant.requests()) do
      assert.is_nil(request.status)
      assert.is_nil(request.performed)
    end
  end)

  it("of kind reset_during or truncated breaks the connection after half of the body", function()
    assign()
    local whole = get().body
    for kind, expected in pairs { reset_during = RECEIVE_FAILURE, truncated = PARTIAL_FILE } do
      tenant.fault { kind = kind }
      local response = get()
      assert.equal(expected, response.exit)
      assert.equal(200, response.status)
      assert.equal(tostring(#whole), response.headers["content-length"])
      assert.equal(whole:sub(1, math.floor(#whole / 2)), response.body)
      -- The response to a removal has no body to cut, so it gets one.
      tenant.fault { kind = kind }
      response = delete()
      assert.equal(expected, response.exit)
      assert.equal(200, response.status)
      assert.equal(tonumber(response.headers["content-length"]), #response.body * 2 + 1)
      tenant.fault { kind = kind }
      assert.equal(HTTP2_STREAM, get({ http = "2" }).exit)
    end
    assert.equal(1, held())
    for i, request in ipairs(tenant.requests()) do
      if i > 2 then assert.is_nil(request.status) end
    end
  end)

  it("of kind truncated_json sends a complete response with half of the JSON", function()
    tenant.fault { kind = "truncated_json", count = 2 }
    for _, http in ipairs { "1.1", "2" } do
      local response = delete { http = http }
      assert.equal(0, response.exit)
      assert.equal(200, response.status)
      assert.is_nil(response.json)
      assert.equal('{"permissions":[],"start', response.body)
    end
  end)

  it("of kind stall stops in the middle of the body and closes the connection in the end", function()
    tenant.fault { kind = "stall" }
    local response = get { max_time = 0.2 }
    assert.equal(TIMEOUT, response.exit)
    assert.equal(200, response.status)
    assert.equal("[", response.body)
    tenant.fault { kind = "stall", seconds = 0.05 }
    response = get()
    assert.equal(PARTIAL_FILE, response.exit)
    assert.equal("[", response.body)
  end)

  it("of kind drip or delay sends the complete response late", function()
    assign()
    local whole = get().body
    tenant.fault { kind = "drip", interval = 0.001 }
    local response = get()
    assert.equal(whole, response.body)
    assert.is_true(response.seconds > 0.0005 * #whole)
    tenant.fault { kind = "delay", seconds = 0.1 }
    response = get()
    assert.equal(whole, response.body)
    assert.is_true(response.seconds > 0.09)
  end)

  it("of kind delay performs the operation after the wait, or before it with applied", function()
    assign()
    tenant.fault { kind = "delay", seconds = 0.3 }
    assert.equal(TIMEOUT, delete({ max_time = 0.1 }).exit)
    assert.is_true(becomes(function() return held() == 0 end))
    assign()
    tenant.fault { kind = "delay", seconds = 60, applied = true }
    assert.equal(TIMEOUT, delete({ max_time = 0.1 }).exit)
    assert.is_true(becomes(function() return held() == 0 end))
  end)

  it("of kind html sends a page like a CDN's", function()
    tenant.fault { kind = "html" }
    local response = delete()
    assert.equal(502, response.status)
    assert.equal("text/html; charset=UTF-8", response.headers["content-type"])
    assert.equal("cloudflare", response.headers.server)
    assert.matches("^<!DOCTYPE html>.*502: Bad Gateway.*</html>\n$", response.body)
    tenant.fault { kind = "html", status = 504 }
    assert.equal(504, delete().status)
  end)

  it("of kind huge sends valid JSON of the requested size", function()
    for _, chunked in ipairs { true, false } do
      tenant.fault { kind = "huge", bytes = 200001, chunked = chunked }
      local response = get()
      assert.equal(0, response.exit)
      assert.equal(200001, #response.body)
      assert.same({}, response.json)
      assert.equal(chunked and "chunked" or nil, response.headers["transfer-encoding"])
      assert.equal(not chunked and "200001" or nil, response.headers["content-length"])
    end
    tenant.fault { kind = "huge" }
    assert.equal(9 * 1024 * 1024, #get().body)
  end)

  it("of kind huge_header sends one huge header, or many smaller ones", function()
    tenant.fault { kind = "huge_header", bytes = 30000 }
    assert.equal(30000, #get().headers["x-huge-1"])
    tenant.fault { kind = "huge_header", bytes = 30000, headers = 3 }
    local response = get()
    assert.equal(10000, #response.headers["x-huge-3"])
    assert.equal("[]", response.body)
  end)

  it("of kind redirect sends a redirect to the given location", function()
    tenant.fault { kind = "redirect" }
    local response = delete()
    assert.equal(302, response.status)
    assert.equal("https://localhost/elsewhere", response.headers.location)
    tenant.fault { kind = "redirect", status = 307, location = "/x" }
    response = delete()
    assert.equal(307, response.status)
    assert.matches("/x$", response.headers.location)
  end)

  it("of kind early responds without reading the body, and closes the connection", function()
    tenant.fault { kind = "early", count = 2 }
    for _, http in ipairs { "1.1", "2" } do
      local response = delete { http = http, body = BODY .. (" "):rep(500000) }
      assert.equal(0, response.exit)
      assert.equal(503, response.status)
      assert.equal(http == "1.1" and "close" or nil, response.headers.connection)
    end
    for _, request in ipairs(tenant.requests()) do
      assert.equal("", request.body)
      assert.equal(503, request.status)
    end
  end)

  it("of kind informational sends a 1xx response before the real one", function()
    assign()
    tenant.fault { kind = "informational", method = "DELETE" }
    local response = delete()
    assert.equal(0, response.exit)
    assert.equal(2, response.blocks)
    assert.equal(204, response.status)
    assert.equal("application/json; charset=utf-8", response.headers["content-type"])
    assert.matches("^%d+$", response.headers["x-ratelimit-reset"])
    assert.equal(0, held())
    tenant.fault { kind = "informational" }
    assert.equal("[]", get().body)
    tenant.fault { kind = "informational" }
    assert.equal(1, get({ http = "2" }).blocks)
  end)

  it("prevents the removal, unless applied is set", function()
    for _, kind in ipairs {
      "status", "reset_before", "close_before", "reset_during", "truncated", "truncated_json", "garbage", "html",
      "redirect",
    } do
      for _, applied in ipairs { false, true } do
        assign()
        tenant.forget_requests()
        tenant.fault { kind = kind, status = kind == "status" and 500 or nil, applied = applied }
        delete()
        assert.equal(kind .. (applied and 0 or 1), kind .. held())
        local request = tenant.requests()[1]
        assert.equal(kind, request.fault)
        assert.equal(applied and 204 or nil, request.performed)
      end
    end
  end)

  it("applies to matching requests only: count of them, after skipping the first ones", function()
    tenant.fault { kind = "status", status = 500, method = "DELETE", path = "/permissions$", after = 1, count = 2 }
    tenant.fault { kind = "status", status = 501, method = "GET" }
    assert.equal(501, get().status)
    assert.equal(200, get().status)
    assert.equal(404, ask("DELETE", "/api/v2/users/x", { body = BODY }).status)
    local statuses = {}
    for i = 1, 4 do
      statuses[i] = delete().status
      if i == 2 then
        local pending = tenant.pending_faults()
        assert.equal(1, #pending)
        assert.equal(1, pending[1].count)
      end
    end
    assert.same({ 204, 500, 500, 204 }, statuses)
    assert.same({}, tenant.pending_faults())
  end)

  it("is refused with a message that names the error if it is not valid", function()
    for complaint, fault in pairs {
      ["unknown kind of fault: nonsense"] = { kind = "nonsense" },
      ["a fault of kind delay has no member status"] = { kind = "delay", status = 500 },
      ["a fault of kind status needs a status"] = { kind = "status" },
      ["count of a fault cannot be 0%.5"] = { kind = "garbage", count = 0.5 },
      ["an early response comes before the operation can be applied"] = { kind = "early", applied = true },
      ["path is not a Lua pattern"] = { kind = "garbage", path = "%" },
    } do
      assert.error_matches(function() tenant.fault(fault) end, complaint)
    end
    assert.same({}, tenant.pending_faults())
  end)
end)

describe("a reset of the tenant", function()
  it("ends requests that a fault holds up, so that they cannot change the data afterwards", function()
    tenant.fault { kind = "delay", seconds = 0.3 }
    tenant.fault { kind = "stall" }
    tenant.fault { kind = "delay", seconds = 60, applied = true }
    for _ = 1, 3 do assert.equal(TIMEOUT, delete({ max_time = 0.1 }).exit) end
    tenant.reset()
    assert.is_true(becomes(function() return select(2, tenant.connections()) == 0 end))
    assign()
    socket.sleep(0.3)
    assert.equal(1, held())
  end)
end)

describe("the tenant's other ports", function()
  it("present certificates that a client must not trust", function()
    for _, domain in ipairs { tenant.expired_domain, tenant.wrong_host_domain } do
      assert.equal(BAD_CERTIFICATE, ask("GET", "https://" .. domain .. PATH).exit)
      assert.equal(200, ask("GET", "https://" .. domain .. PATH, { options = { insecure = true } }).status)
    end
    assert.equal(BAD_CERTIFICATE, get({ ca_file = tenant.other_ca_file }).exit)
  end)

  it("use old TLS, no TLS, or send nothing at all", function()
    assert.equal(TLS_CONNECT, ask("GET", "https://" .. tenant.old_tls_domain .. PATH).exit)
    assert.equal(200, ask("GET", "https://" .. tenant.old_tls_domain .. PATH,
      { options = { tlsv1 = true, ciphers = "ALL:@SECLEVEL=0" } }).status)
    assert.equal(TLS_CONNECT, ask("GET", "https://" .. tenant.plain_domain .. PATH).exit)
    assert.equal(200, ask("GET", "http://" .. tenant.plain_domain .. PATH).status)
    assert.equal(TIMEOUT, ask("GET", "https://" .. tenant.silent_domain .. PATH, { max_time = 0.2 }).exit)
  end)

  it("accept the domain names in the certificate and no others", function()
    local options = { ["connect-to"] = "::" .. tenant.domain }
    assert.equal(200, ask("GET", "https://acme.eu.auth0.com" .. PATH, { options = options }).status)
    assert.equal(BAD_CERTIFICATE, ask("GET", "https://other.eu.auth0.com" .. PATH, { options = options }).exit)
  end)
end)

describe("the tenant's record", function()
  it("contains requests exactly as they were sent, with the status of the response", function()
    delete { headers = { ["X-Twice"] = "a", ["x-twice"] = "b", ["X-Empty"] = "" } }
    ask("GET", PATH .. "?page=1&x=%2F", { http = "2" })
    local first, second = tenant.requests()[1], tenant.requests()[2]
    assert.equal("DELETE", first.method)
    assert.equal(PATH, first.uri)
    assert.equal("/api/v2/users/" .. GRACE .. "/permissions", first.path_decoded)
    assert.equal(BODY, first.body)
    assert.equal("application/json", first.headers["content-type"])
    assert.equal("", first.headers["x-empty"])
    table.sort(first.headers["x-twice"])
    assert.same({ "a", "b" }, first.headers["x-twice"])
    assert.equal("Host", first.header_names[1])
    assert.same({ 204, 204 }, { first.status, first.performed })
    assert.equal("HTTP/1.1", first.protocol)
    assert.equal(tenant.port, first.port)
    assert.equal("localhost", first.server_name)
    assert.matches("^TLSv1%.[23]$", first.tls_version)
    assert.is_false(first.reused_session)
    assert.equal("HTTP/2.0", second.protocol)
    assert.equal(PATH .. "?page=1&x=%2F", second.uri)
    assert.same({ 400, 400 }, { second.status, second.performed })
  end)

  it("can be cleared and turned off", function()
    get()
    tenant.forget_requests()
    assert.same({}, tenant.requests())
    tenant.settings { record = false }
    get()
    assert.same({}, tenant.requests())
  end)

  it("counts all connections and the open ones", function()
    local request = { method = "GET", path = PATH }
    local responses = curl.perform { request, request, request }
    assert.same({ 1, 0, 0 }, { responses[1].connects, responses[2].connects, responses[3].connects })
    assert.equal(1, (tenant.connections()))
    get()
    assert.equal(2, (tenant.connections()))
    assert.is_true(becomes(function() return select(2, tenant.connections()) == 0 end))
    local requests = tenant.requests()
    assert.equal(requests[1].connection, requests[3].connection)
    assert.are_not.equal(requests[3].connection, requests[4].connection)
    assert.same({ 1, 2, 3, 1 }, { requests[1].connection_requests, requests[2].connection_requests,
      requests[3].connection_requests, requests[4].connection_requests })
    tenant.reset()
    assert.equal(0, (tenant.connections()))
  end)
end)

describe("the tenant's data", function()
  it("is gone after a reset, and so are faults, record and settings", function()
    assign()
    tenant.fault { kind = "garbage" }
    tenant.settings { bucket = 7, page_cap = 2 }
    local token = tenant.issue_token()
    tenant.empty()
    assert.same({}, tenant.requests())
    assert.same({}, tenant.pending_faults())
    local settings = tenant.settings()
    assert.same({ 50, false }, { settings.bucket, settings.page_cap })
    assert.is_nil(tenant.user(GRACE))
    assert.equal(404, get().status)
    assert.equal("[]", ask("GET", "/api/v2/roles").body)
    assert.equal(401, get({ token = token }).status)
  end)

  it("is the README's example data after a reset to it", function()
    assert.same({ user_id = "auth0|5f7c8ec7c33c6c004bbafe82", email = "ada@example.com", name = "Ada Example",
      permissions = {}, roles = { "rol_Auditor0000000001" } }, tenant.user "auth0|5f7c8ec7c33c6c004bbafe82")
    assert.same({ user_id = GRACE, email = "grace@example.com", name = "Grace Example", permissions = {}, roles = {} },
      tenant.user(GRACE))
  end)

  it("can be added as in the README", function()
    tenant.seed {
      resource_servers = { { identifier = "urn:shop", name = "Shop",
        scopes = { "read:cart", { value = "pay", description = "Pay" } } } },
      roles = { { id = "rol_buyer", name = "Buyer",
        permissions = { { resource_server_identifier = "urn:shop", permission_name = "pay" } } } },
      users = { { user_id = "samlp|conn|a/b", email = "b@example.com", roles = { "rol_buyer" },
        permissions = { { resource_server_identifier = "urn:shop", permission_name = "read:cart" } } } },
    }
    assert.same({ "rol_buyer" }, tenant.user("samlp|conn|a/b").roles)
    local list = ask("GET", "/api/v2/users/samlp%7Cconn%7Ca%2Fb/permissions").json
    assert.same({ "pay", "read:cart" }, { list[1].permission_name, list[2].permission_name })
    assert.equal("ROLE", list[1].sources[1].source_type)
    assert.is_nil(list[2].description)
  end)

  it("is refused with a message that names the error if it is not valid", function()
    local no_scope = { { resource_server_identifier = "urn:no", permission_name = "x" } }
    for complaint, data in pairs {
      ["no such permission: x of urn:no"] = { users = { { user_id = "a|b", permissions = no_scope } } },
      ["no such role: rol_no"] = { users = { { user_id = "a|b", roles = { "rol_no" } } } },
      ["user_id is missing"] = { users = { { email = "a@example.com" } } },
      ["unknown kind of data: usrs"] = { usrs = {} },
      ["invalid body: "] = { users = "ada" },
    } do
      assert.error_matches(function() tenant.seed(data) end, "400 .*" .. complaint)
    end
    assert.error_matches(function() tenant.settings { nonsense = 1 } end, "unknown setting: nonsense")
    assert.error_matches(function() tenant.settings { bucket = 0 } end, "setting bucket cannot be 0")
    assert.error_matches(function() tenant.issue_token { scope = 1 } end, "400 .*invalid body: ")
  end)
end)

describe("spec/tenant/run", function()
  local notes = tenant.directory .. "/notes"

  -- Runs a shell command line; returns its output (stdout and stderr) and its status.
  local function shell(line)
    local pipe = assert(io.popen("{ " .. line .. "\n} 2>&1; echo \"status $?\""))
    local output = pipe:read "*a"
    pipe:close()
    local text, status = output:match "^(.*)status (%d+)\n$"
    return text, tonumber(status)
  end

  local function exists(path)
    local file = io.open(path)
    if file then file:close() end
    return file ~= nil
  end

  -- Whether a process is running; a zombie is not.
  local function is_running(process)
    local file = io.open("/proc/" .. process .. "/stat")
    local text = file and file:read "*a" or ""
    if file then file:close() end
    local state = text:match "%) (%a)"
    return state ~= nil and state ~= "Z" and state ~= "X"
  end

  -- Whether no process names the directory on its command line, and the directory is gone.
  local function nothing_left(directory)
    local file = assert(io.open(notes .. ".pattern", "w"))
    file:write(directory, "\n")
    file:close()
    local _, status = shell(("grep -qsF -f '%s.pattern' /proc/[0-9]*/cmdline"):format(notes))
    return status ~= 0 and not exists(directory .. "/nginx.conf") and not exists(directory)
  end

  -- Starts a tenant in the background whose command sleeps; returns its directory and the process ids of `run`, nginx
  -- and the command.
  local function start()
    os.remove(notes)
    local line = ([[env --default-signal=INT spec/tenant/run -- sh -c '
      echo "$TENANT_DIRECTORY $(cat "$TENANT_DIRECTORY/nginx.pid") $$" >"$1.new"; mv "$1.new" "$1"; exec sleep 20
    ' sh '%s' >/dev/null 2>&1 & echo $! >'%s.run']]):format(notes, notes)
    shell(line)
    assert.is_true(becomes(function() return exists(notes) end))
    local directory, nginx, command = assert(io.open(notes)):read "*a":match "^(%S+) (%d+) (%d+)"
    local run = assert(io.open(notes .. ".run")):read "*a":match "%d+"
    return directory, run, nginx, command
  end

  it("ends with the status of its command, and leaves nothing behind", function()
    for _, case in ipairs { { "exit 7", 7 }, { "kill -TERM $$", 143 } } do
      local text, status = shell(("spec/tenant/run -- sh -c 'echo $TENANT_DIRECTORY; %s'"):format(case[1]))
      assert.equal(case[2], status)
      assert.is_true(becomes(function() return nothing_left(text:match "%S+") end))
    end
    assert.equal(127, select(2, shell "spec/tenant/run -- no-such-command-as-this"))
  end)

  it("ends its command and leaves nothing behind when it receives SIGTERM", function()
    local directory, run, nginx, command = start()
    assert.is_true(is_running(nginx) and is_running(command))
    shell("kill -TERM " .. run)
    assert.is_true(becomes(function() return not is_running(run) end))
    assert.is_false(is_running(nginx))
    assert.is_false(is_running(command))
    assert.is_true(becomes(function() return nothing_left(directory) end))
  end)

  it("leaves no nginx and no directory behind when it is killed", function()
    local directory, run, nginx, command = start()
    shell("kill -KILL " .. run)
    assert.is_true(becomes(function() return not is_running(run) and not is_running(nginx) end))
    assert.is_true(becomes(function() return nothing_left(directory) end))
    shell("kill " .. command)
  end)

  -- Starts `make tenant` in the background, in a new session whose leader is a shell. Returns the process ids of make,
  -- of that shell and of `run`, and the directory.
  local function start_make(before)
    local output = notes .. ".make"
    shell("rm -f " .. output)
    shell(([[env --default-signal=HUP setsid sh -c '
      %s make -s tenant >"$1" 2>&1 </dev/null & echo "$! $$" >"$1.ids"; wait
    ' sh '%s' >/dev/null 2>&1 &]]):format(before or "", output))
    local function read(path) return (shell("cat " .. path)) end
    local directory
    assert.is_true(becomes(function()
      directory = read(output):match "TENANT_CA_FILE=(%S+)/ca%.pem"
      return directory
    end))
    local make, leader = read(output .. ".ids"):match "(%d+) (%d+)"
    local run = shell("pgrep -P " .. make):match "%d+"
    return make, leader, run, directory
  end

  for title, signal in pairs { ["make receives SIGTERM"] = "TERM", ["make receives SIGHUP"] = "HUP" } do
    it("leaves nothing behind when " .. title, function()
      local make, _, run, directory = start_make()
      shell(("kill -%s %s"):format(signal, make))
      assert.is_true(becomes(function() return not is_running(make) and not is_running(run) end))
      assert.is_true(becomes(function() return nothing_left(directory) end))
    end)
  end

  it("leaves nothing behind when its session ends", function()
    local make, leader, run, directory = start_make()
    shell("kill -HUP " .. leader)
    assert.is_true(becomes(function() return not is_running(make) and not is_running(run) end))
    assert.is_true(becomes(function() return nothing_left(directory) end))
  end)

  it("outlives its session under nohup, until it receives SIGTERM", function()
    local make, leader, run, directory = start_make "nohup"
    shell("kill -HUP " .. leader)
    assert.is_true(becomes(function() return not is_running(leader) end))
    shell "sleep 2.5" -- the session is checked once a second
    assert.is_true(is_running(run))
    shell("kill " .. make)
    assert.is_true(becomes(function() return not is_running(run) and nothing_left(directory) end))
  end)

  it("passes arguments, standard input and the environment on to its command", function()
    local text = shell [[echo input | X='a b' spec/tenant/run --empty -- sh -c 'cat; echo "$X|$1|$2"' sh 'c  d' '' ]]
    assert.equal("input\na b|c  d|\n", text)
  end)

  it("starts without data with --empty, and refuses a --port that is in use", function()
    local text = shell [[spec/tenant/run --empty sh -c \
      'curl -s "$TENANT_CONTROL/users/auth0%7C5f7c8ec7c33c6c004bbafe83"']]
    assert.matches("no such user", text)
    local refusal, status = shell("spec/tenant/run --port " .. tenant.port .. " true")
    assert.equal(1, status)
    assert.equal("port " .. tenant.port .. " is in use", refusal:match "tenant: (port [^\n]+)")
  end)

  it("shows its usage with --help, and refuses unknown options", function()
    assert.matches("^Usage: run", (shell "spec/tenant/run --help"))
    local text, status = shell "spec/tenant/run --nonsense true"
    assert.equal(1, status)
    assert.matches("unknown option: %-%-nonsense", text)
  end)
end)
