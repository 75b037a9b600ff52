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
