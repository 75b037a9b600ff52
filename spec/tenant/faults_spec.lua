-- The mock tenant misbehaves as its README says, keeps records, and leaves nothing behind.

local socket = require "socket"
local tenant = require "spec.tenant.control"
local curl = require "spec.tenant.curl"

local PATH = "/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe83/permissions"
local GRACE = "auth0|5f7c8ec7c33c6c004bbafe83"
local BODY = '{"permissions":[{"resource_server_identifier":"https://api.example.com/",'
  .. '"permission_name":"read:reports"}]}'

-- Exit statuses of curl.
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

-- Calls check until it is true, for a bounded time; returns whether it became so.
local function becomes(check)
  for _ = 1, 250 do
    if check() then return true end
    socket.sleep(0.02)
  end
  return false
end

before_each(tenant.reset)

describe("a fault of the tenant", function()
  it("of kind status has the API's words, or what it was given", function()
    tenant.fault { kind = "status", status = 503 }
    local answer = delete()
    assert.equal(503, answer.status)
    assert.same({ statusCode = 503, error = "Service Unavailable", message = "Service Unavailable" }, answer.json)
    tenant.fault { kind = "status", status = 429 }
    assert.equal("too_many_requests", delete().json.errorCode)
    tenant.fault { kind = "status", status = 520, body = "<html>", headers = { ["Retry-After"] = "7" } }
    answer = delete()
    assert.equal(520, answer.status)
    assert.equal("<html>", answer.body)
    assert.equal("7", answer.headers["retry-after"])
    tenant.fault { kind = "status", status = 400, body = { message = "json" } }
    assert.equal('{"message":"json"}', delete().body)
    tenant.fault { kind = "status", status = 204 }
    assert.equal("", delete().body)
  end)

  it("that cuts the connection before an answer is seen as that", function()
    for _, kind in ipairs { "reset_before", "close_before", "garbage" } do
      local expected = ({ reset_before = RECEIVE_FAILURE, close_before = EMPTY_REPLY,
        garbage = UNSUPPORTED_PROTOCOL })[kind]
      for _, request in ipairs { get, delete } do
        tenant.fault { kind = kind }
        local answer = request()
        assert.equal(kind .. " " .. expected, kind .. " " .. answer.exit)
        assert.equal(0, answer.status)
        assert.equal("", answer.body)
      end
      tenant.fault { kind = kind }
      assert.equal(HTTP2_STREAM, get({ http = "2" }).exit)
    end
    for _, request in ipairs(tenant.requests()) do
      assert.is_nil(request.status)
      assert.is_nil(request.performed)
    end
  end)

  it("that cuts the connection within an answer shows a half of it", function()
    assign()
    local whole = get().body
    for kind, expected in pairs { reset_during = RECEIVE_FAILURE, truncated = PARTIAL_FILE } do
      tenant.fault { kind = kind }
      local answer = get()
      assert.equal(expected, answer.exit)
      assert.equal(200, answer.status)
      assert.equal(tostring(#whole), answer.headers["content-length"])
      assert.equal(whole:sub(1, math.floor(#whole / 2)), answer.body)
      -- A removal has no body to cut: it gets one.
      tenant.fault { kind = kind }
      answer = delete()
      assert.equal(expected, answer.exit)
      assert.equal(200, answer.status)
      assert.equal(tonumber(answer.headers["content-length"]), #answer.body * 2 + 1)
      tenant.fault { kind = kind }
      assert.equal(HTTP2_STREAM, get({ http = "2" }).exit)
    end
    assert.equal(1, held())
    for i, request in ipairs(tenant.requests()) do
      if i > 2 then assert.is_nil(request.status) end
    end
  end)

  it("of kind truncated_json is whole for HTTP, but not for JSON", function()
    tenant.fault { kind = "truncated_json", count = 2 }
    for _, http in ipairs { "1.1", "2" } do
      local answer = delete { http = http }
      assert.equal(0, answer.exit)
      assert.equal(200, answer.status)
      assert.is_nil(answer.json)
      assert.equal('{"permissions":[],"start', answer.body)
    end
  end)

  it("of kind stall stops in the middle of the body, and ends there", function()
    tenant.fault { kind = "stall" }
    local answer = get { max_time = 0.2 }
    assert.equal(TIMEOUT, answer.exit)
    assert.equal(200, answer.status)
    assert.equal("[", answer.body)
    tenant.fault { kind = "stall", seconds = 0.05 }
    answer = get()
    assert.equal(PARTIAL_FILE, answer.exit)
    assert.equal("[", answer.body)
  end)

  it("of kind drip or delay is late but whole", function()
    assign()
    local whole = get().body
    tenant.fault { kind = "drip", interval = 0.001 }
    local answer = get()
    assert.equal(whole, answer.body)
    assert.is_true(answer.seconds > 0.0005 * #whole)
    tenant.fault { kind = "delay", seconds = 0.1 }
    answer = get()
    assert.equal(whole, answer.body)
    assert.is_true(answer.seconds > 0.09)
  end)

  it("of kind delay is performed after the wait, or before it where it is applied", function()
    assign()
    tenant.fault { kind = "delay", seconds = 0.3 }
    assert.equal(TIMEOUT, delete({ max_time = 0.1 }).exit)
    assert.is_true(becomes(function() return held() == 0 end))
    assign()
    tenant.fault { kind = "delay", seconds = 60, applied = true }
    assert.equal(TIMEOUT, delete({ max_time = 0.1 }).exit)
    assert.equal(0, held())
  end)

  it("of kind html comes as from a CDN", function()
    tenant.fault { kind = "html" }
    local answer = delete()
    assert.equal(502, answer.status)
    assert.equal("text/html; charset=UTF-8", answer.headers["content-type"])
    assert.equal("cloudflare", answer.headers.server)
    assert.matches("^<!DOCTYPE html>.*502: Bad Gateway.*</html>\n$", answer.body)
    tenant.fault { kind = "html", status = 504 }
    assert.equal(504, delete().status)
  end)

  it("of kind huge is valid JSON of the size that was asked for", function()
    for _, chunked in ipairs { true, false } do
      tenant.fault { kind = "huge", bytes = 200001, chunked = chunked }
      local answer = get()
      assert.equal(0, answer.exit)
      assert.equal(200001, #answer.body)
      assert.same({}, answer.json)
      assert.equal(chunked and "chunked" or nil, answer.headers["transfer-encoding"])
      assert.equal(not chunked and "200001" or nil, answer.headers["content-length"])
    end
    tenant.fault { kind = "huge" }
    assert.equal(9 * 1024 * 1024, #get().body)
  end)

  it("of kind huge_header is one header, or many", function()
    tenant.fault { kind = "huge_header", bytes = 30000 }
    assert.equal(30000, #get().headers["x-huge-1"])
    tenant.fault { kind = "huge_header", bytes = 30000, headers = 3 }
    local answer = get()
    assert.equal(10000, #answer.headers["x-huge-3"])
    assert.equal("[]", answer.body)
  end)

  it("of kind redirect leads elsewhere", function()
    tenant.fault { kind = "redirect" }
    local answer = delete()
    assert.equal(302, answer.status)
    assert.equal("https://localhost/elsewhere", answer.headers.location)
    tenant.fault { kind = "redirect", status = 307, location = "/x" }
    answer = delete()
    assert.equal(307, answer.status)
    assert.matches("/x$", answer.headers.location)
  end)

  it("of kind early answers a body that it did not read, and closes", function()
    tenant.fault { kind = "early", count = 2 }
    for _, http in ipairs { "1.1", "2" } do
      local answer = delete { http = http, body = BODY .. (" "):rep(500000) }
      assert.equal(0, answer.exit)
      assert.equal(503, answer.status)
      assert.equal(http == "1.1" and "close" or nil, answer.headers.connection)
    end
    for _, request in ipairs(tenant.requests()) do
      assert.equal("", request.body)
      assert.equal(503, request.status)
    end
  end)

  it("of kind informational says something before the real answer", function()
    assign()
    tenant.fault { kind = "informational", method = "DELETE" }
    local answer = delete()
    assert.equal(0, answer.exit)
    assert.equal(2, answer.blocks)
    assert.equal(204, answer.status)
    assert.equal("application/json; charset=utf-8", answer.headers["content-type"])
    assert.matches("^%d+$", answer.headers["x-ratelimit-reset"])
    assert.equal(0, held())
    tenant.fault { kind = "informational" }
    assert.equal("[]", get().body)
    tenant.fault { kind = "informational" }
    assert.equal(1, get({ http = "2" }).blocks)
  end)

  it("leaves a removal undone, unless it is applied", function()
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

  it("is for the requests that it names, so many of them, after so many others", function()
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

  it("that makes no sense is not queued, and its mistake is named", function()
    for complaint, fault in pairs {
      ["unknown kind of fault: nonsense"] = { kind = "nonsense" },
      ["a fault of kind delay knows no status"] = { kind = "delay", status = 500 },
      ["a fault of kind status needs a status"] = { kind = "status" },
      ["count of a fault cannot be 0%.5"] = { kind = "garbage", count = 0.5 },
      ["an early answer comes before"] = { kind = "early", applied = true },
      ["path is no Lua pattern"] = { kind = "garbage", path = "%" },
    } do
      assert.error_matches(function() tenant.fault(fault) end, complaint)
    end
    assert.same({}, tenant.pending_faults())
  end)
end)

describe("a reset of the tenant", function()
  it("ends what a fault still holds up, and keeps it from the data of after the reset", function()
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

describe("the tenant's other doors", function()
  it("have certificates that are not to be trusted", function()
    for _, domain in ipairs { tenant.expired_domain, tenant.wrong_host_domain } do
      assert.equal(BAD_CERTIFICATE, ask("GET", "https://" .. domain .. PATH).exit)
      assert.equal(200, ask("GET", "https://" .. domain .. PATH, { options = { insecure = true } }).status)
    end
    assert.equal(BAD_CERTIFICATE, get({ ca_file = tenant.other_ca_file }).exit)
  end)

  it("speak old TLS, no TLS, or nothing at all", function()
    assert.equal(TLS_CONNECT, ask("GET", "https://" .. tenant.old_tls_domain .. PATH).exit)
    assert.equal(200, ask("GET", "https://" .. tenant.old_tls_domain .. PATH,
      { options = { tlsv1 = true, ciphers = "ALL:@SECLEVEL=0" } }).status)
    assert.equal(TLS_CONNECT, ask("GET", "https://" .. tenant.plain_domain .. PATH).exit)
    assert.equal(200, ask("GET", "http://" .. tenant.plain_domain .. PATH).status)
    assert.equal(TIMEOUT, ask("GET", "https://" .. tenant.silent_domain .. PATH, { max_time = 0.2 }).exit)
  end)

  it("open to names that look real", function()
    local options = { ["connect-to"] = "::" .. tenant.domain }
    assert.equal(200, ask("GET", "https://acme.eu.auth0.com" .. PATH, { options = options }).status)
    assert.equal(BAD_CERTIFICATE, ask("GET", "https://other.eu.auth0.com" .. PATH, { options = options }).exit)
  end)
end)

describe("the tenant's record", function()
  it("has what was asked and answered, as it came", function()
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

  it("can be forgotten, and turned off", function()
    get()
    tenant.forget_requests()
    assert.same({}, tenant.requests())
    tenant.settings { record = false }
    get()
    assert.same({}, tenant.requests())
  end)

  it("counts connections, and those that are open", function()
    local request = { method = "GET", path = PATH }
    local answers = curl.perform { request, request, request }
    assert.same({ 1, 0, 0 }, { answers[1].connects, answers[2].connects, answers[3].connects })
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
  it("are gone after a reset, with faults, record and settings", function()
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

  it("are the README's after a reset to the example", function()
    assert.same({ user_id = "auth0|5f7c8ec7c33c6c004bbafe82", email = "ada@example.com", name = "Ada Example",
      permissions = {}, roles = { "rol_Auditor0000000001" } }, tenant.user "auth0|5f7c8ec7c33c6c004bbafe82")
    assert.same({ user_id = GRACE, email = "grace@example.com", name = "Grace Example", permissions = {}, roles = {} },
      tenant.user(GRACE))
  end)

  it("can be added, as the README does", function()
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

  it("are refused with the mistake named", function()
    local no_scope = { { resource_server_identifier = "urn:no", permission_name = "x" } }
    for complaint, data in pairs {
      ["there is no permission x of urn:no"] = { users = { { user_id = "a|b", permissions = no_scope } } },
      ["there is no role rol_no"] = { users = { { user_id = "a|b", roles = { "rol_no" } } } },
      ["user_id is missing"] = { users = { { email = "a@example.com" } } },
      ["unknown kind of data: usrs"] = { usrs = {} },
      ["the body makes no sense"] = { users = "ada" },
    } do
      assert.error_matches(function() tenant.seed(data) end, "400 .*" .. complaint)
    end
    assert.error_matches(function() tenant.settings { nonsense = 1 } end, "unknown setting: nonsense")
    assert.error_matches(function() tenant.settings { bucket = 0 } end, "setting bucket cannot be 0")
    assert.error_matches(function() tenant.issue_token { scope = 1 } end, "400 .*the body makes no sense")
  end)
end)

describe("spec/tenant/run", function()
  local notes = tenant.directory .. "/notes"

  -- Runs a line of the shell; returns what it printed on both streams, and its status.
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

  -- Whether a process runs; one that only waits for its parent to ask for its status does not.
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

  -- Starts a tenant in the background whose command waits; returns its directory, and the processes of `run`, nginx
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

  it("leaves nothing behind when it is told to end, and takes its command along", function()
    local directory, run, nginx, command = start()
    assert.is_true(is_running(nginx) and is_running(command))
    shell("kill -TERM " .. run)
    assert.is_true(becomes(function() return not is_running(run) end))
    assert.is_false(is_running(nginx))
    assert.is_false(is_running(command))
    assert.is_true(becomes(function() return nothing_left(directory) end))
  end)

  it("leaves nothing of the tenant behind when it is killed", function()
    local directory, run, nginx, command = start()
    shell("kill -KILL " .. run)
    assert.is_true(becomes(function() return not is_running(run) and not is_running(nginx) end))
    assert.is_true(becomes(function() return nothing_left(directory) end))
    shell("kill " .. command)
  end)

  it("hands arguments, standard input and the environment through", function()
    local text = shell [[echo input | X='a b' spec/tenant/run --empty -- sh -c 'cat; echo "$X|$1|$2"' sh 'c  d' '' ]]
    assert.equal("input\na b|c  d|\n", text)
  end)

  it("starts empty where it is asked to, and on the port that it was given", function()
    local text = shell [[spec/tenant/run --empty sh -c \
      'curl -s "$TENANT_CONTROL/users/auth0%7C5f7c8ec7c33c6c004bbafe83"']]
    assert.matches("there is no such user", text)
    local refusal, status = shell("spec/tenant/run --port " .. tenant.port .. " true")
    assert.equal(1, status)
    assert.equal("port " .. tenant.port .. " is in use", refusal:match "tenant: (port [^\n]+)")
  end)

  it("explains itself, and refuses what it does not know", function()
    assert.matches("^Usage: run", (shell "spec/tenant/run --help"))
    local text, status = shell "spec/tenant/run --nonsense true"
    assert.equal(1, status)
    assert.matches("unknown option: %-%-nonsense", text)
  end)
end)
