-- Secrets: planted secrets must not appear anywhere, in any form.

local support = require "spec.support"
local auth0perm, tenant = support.auth0perm, support.tenant

-- A token that cannot appear by accident, in the three forms in which it might leak.
local CANARY = "canary.Sup3r-S3cret~t0ken+with/every=sign.x"
local URL_ENCODED = (CANARY:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))

local function base64(text, alphabet)
  local digits = {}
  for i = 1, #text - 2, 3 do
    local a, b, c = text:byte(i, i + 2)
    local group = a * 65536 + b * 256 + c
    for shift = 18, 0, -6 do
      local index = math.floor(group / 2 ^ shift) % 64 + 1
      digits[#digits + 1] = alphabet:sub(index, index)
    end
  end
  return table.concat(digits)
end

local LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
local NEEDLES = { CANARY, URL_ENCODED, "Sup3r", base64(CANARY:sub(1, 39), LETTERS .. "+/"),
  base64(CANARY:sub(1, 39), LETTERS .. "-_"), base64(CANARY:sub(2, 40), LETTERS .. "+/"),
  base64(CANARY:sub(3, 41), LETTERS .. "+/") }

-- Every text that a value reveals, except that of a request: tostring and, through tables and metatables, all their
-- members.
local function collect(value, texts, seen)
  texts[#texts + 1] = tostring(value)
  if type(value) == "table" and not seen[value] then
    seen[value] = true
    for key, member in pairs(value) do
      collect(key, texts, seen)
      collect(member, texts, seen)
    end
  end
  local debugged = debug.getmetatable(value)
  if debugged and type(value) ~= "string" and not seen[debugged] then collect(debugged, texts, seen) end
  return texts
end

local function assert_clean(...)
  for i = 1, select("#", ...) do
    for _, text in ipairs(collect((select(i, ...)), {}, {})) do
      for _, needle in ipairs(NEEDLES) do
        if text:find(needle, 1, true) then error("a secret shows in: " .. text, 2) end
      end
    end
  end
end

describe("a secret", function()
  local client

  before_each(function()
    tenant.reset()
    tenant.issue_token { token = CANARY }
    client = support.client { token = CANARY, request_timeout = 0.5 }
  end)

  after_each(function() client:close() end)

  local function remove()
    return client:remove_user_permissions(support.user, support.permissions "write:reports")
  end

  it("is sent in the requests that need it, so that these specs mean something", function()
    remove()
    assert.equal("Bearer " .. CANARY, support.last_request().headers.authorization)
  end)

  it("is in no client, call or result", function()
    local call = client:start("remove_user_permissions", support.user, support.permissions "a")
    assert_clean(client, call, tostring(client), tostring(call))
    support.finish(client)
    assert_clean(call, call:result())
    local prepared = client:prepare("list_user_permissions", support.user)
    prepared:next()
    assert_clean(prepared)
    assert_clean(client:list_user_permissions(support.user))
  end)

  it("is in no error of any kind", function()
    for _, fault in ipairs {
      { kind = "status", status = 400 }, { kind = "status", status = 401 }, { kind = "status", status = 500 },
      { kind = "html" }, { kind = "reset_before" }, { kind = "garbage" }, { kind = "delay", seconds = 2 },
      { kind = "redirect", location = "https://elsewhere.example/?token=" .. CANARY },
    } do
      tenant.fault(fault)
      assert_clean(remove())
    end
    client:close()
    assert_clean(remove())
  end)

  it("is removed from a response that repeats it", function()
    for _, body in ipairs {
      '{"message":"Invalid token: ' .. CANARY .. '","errorCode":"' .. CANARY .. '"}',
      '{"message":"' .. CANARY .. CANARY .. '"}',
      '{"message":"' .. ("x"):rep(490) .. CANARY .. '"}',
      '{"error":"' .. CANARY .. '","statusCode":"' .. CANARY .. '","errorCode":"x"}',
      CANARY,
    } do
      tenant.fault { kind = "status", status = 401, body = body }
      local _, err = remove()
      assert_clean(err)
      assert.equal("token", err.kind)
    end
    tenant.fault { kind = "status", status = 401, body = '{"message":"Invalid token: ' .. CANARY .. '"}' }
    assert.equal("Invalid token: [secret]", select(2, remove()).message)
  end)

  it("is in no message of new", function()
    for _, options in ipairs {
      { token = CANARY .. "\n" }, { token = CANARY, domain = "https://a" }, { token = CANARY, timeout = -1 },
      { token = CANARY:rep(1000) }, { token = CANARY, domain = "user:" .. CANARY .. "@acme" },
    } do
      options.domain = options.domain or "acme.eu.auth0.com"
      assert_clean(auth0perm.new(options))
    end
    assert_clean(pcall(auth0perm.new, { domain = "a", token = CANARY, nonsense = 1 }))
    assert_clean(pcall(auth0perm.new, { domain = "a", token = { CANARY } }))
  end)

  it("is in no traceback", function()
    local trace
    xpcall(function() client:remove_user_permissions(nil, {}) end, function(message)
      trace = debug.traceback(message)
    end)
    assert_clean(trace)
  end)
end)

describe("a token", function()
  it("is not reached through what Lua keeps with the client, and a function that supplies one is", function()
    local look = debug.getuservalue or debug.getfenv
    local client = support.client { token = CANARY }
    for _, kept in pairs(look(client)) do assert.not_equal(CANARY, kept) end
    client:close()
    local function supply() return support.tenant.token end
    client = support.client { token = supply }
    assert.equal(supply, look(client)[1])
    client:close()
  end)
end)

describe("a client assertion that comes back in a refusal", function()
  it("does not show", function()
    local key = support.run "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null"
    local client = assert(auth0perm.new { domain = "acme.test", client_id = "me", private_key = key, driver = "none" })
    local call = assert(client:get_role "rol_x")
    local _, request = call:next()
    local assertion = request.body:match '"client_assertion":"([^"]+)"'
    call:feed { status = 401, body = ('{"error":"invalid_client","error_description":"not %s"}'):format(assertion) }
    assert.equal("done", call:next())
    local _, err = call:result()
    assert.equal("token", err.kind)
    assert.equal("access token: not [secret]", err.message)
  end)
end)

describe("a proxy's user and password", function()
  local USER, PASSWORD, DECODED = "r00tus3r", "hunt%65r2%40x", "hunter2@x"
  -- What the URL of a proxy must not look like; USER:PASSWORD stands for %s.
  local MALFORMED = {
    "http://%s@", "http://%s@:8080", "http://%s@ho st:80", "http://%s@127.0.0.1:x", "http://%s@127.0.0.1:99999",
    "http://%s@[::1",
    "http://%s@[zz]:80", "http://%s", "http://%s@127.0.0.1:80:80", "http://%s/@127.0.0.1:1", "http://%s?@127.0.0.1:1",
    "http://%s#@127.0.0.1:1", "%s@127.0.0.1:x", "socks9://%s@127.0.0.1:1", "ftp://%s@127.0.0.1:1",
    "http:/%s@127.0.0.1:1",
    "http//%s@127.0.0.1:1", "://%s@127.0.0.1:1", "http://%s@nowhere.invalid:1", "http://%s@127.0.0.1:1",
    "https://%s@127.0.0.1:1",
    "http://%s@@127.0.0.1:1", "http://%s@%%zz:1", "http://%s@\\127.0.0.1:1", "http://1:1/%s@127.0.0.1:1", "http://x@%s",
  }

  -- The error says what happened, and neither.
  local function assert_hidden(err, proxy)
    local text = tostring(err):lower()
    for _, secret in ipairs { USER, PASSWORD, DECODED, "hunter2", "hunt%65r2" } do
      assert(not text:find(secret, 1, true), proxy .. ": " .. text)
    end
  end

  it("show in no error, however malformed the option is", function()
    for _, form in ipairs(MALFORMED) do
      local proxy = form:format(USER .. ":" .. PASSWORD)
      local client, err = auth0perm.new(support.options { proxy = proxy, max_retries = 0, connect_timeout = 2 })
      if client then
        err = select(2, client:list_user_permissions(support.user))
        client:close()
      end
      assert.is_truthy(err, proxy)
      assert_hidden(err, proxy)
    end
  end)

  it("show in no error where the environment names the proxy", function()
    local program = [[
      local support = require "spec.support"
      local client = support.client { proxy = "env", max_retries = 0, connect_timeout = 2 }
      print(select(2, client:list_user_permissions(support.user)))
    ]]
    for i, form in ipairs(MALFORMED) do
      local proxy = form:format(USER .. ":" .. PASSWORD)
      local variable = ({ "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" })[i % 4 + 1]
      local output = support.run_lua(program, ("%s='%s'"):format(variable, proxy))
      assert.matches("list_user_permissions: ", output)
      assert_hidden(output, proxy)
    end
  end)

  it("are taken out of what is told of the proxy, and no more than that", function()
    local client = support.client { proxy = "http://user:pass@127.0.0.1:1", max_retries = 0 }
    local _, err = client:list_user_permissions(support.user)
    client:close()
    assert.equal("transport", err.kind)
    assert.matches("127.0.0.1", err.message)
    local none, refusal = auth0perm.new(support.options { proxy = "http://user:pass@127.0.0.1:x" })
    assert.is_nil(none)
    assert.equal("invalid", refusal.kind)
    assert.equal('proxy: expected "http://host:port", "https://host:port" or "env"', refusal.message)
  end)
end)
