-- What is sent to the tenant, byte by byte.

local cjson = require "cjson"
local support = require "spec.support"
local tenant = support.tenant

local function decode_base64url(text)
  local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  local bytes, bits, value = {}, 0, 0
  for character in text:gmatch "." do
    value = value * 64 + alphabet:find(character, 1, true) - 1
    bits = bits + 6
    if bits >= 8 then
      bits = bits - 8
      bytes[#bytes + 1] = string.char(math.floor(value / 2 ^ bits))
      value = value % 2 ^ bits
    end
  end
  return table.concat(bytes)
end

describe("on the wire", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  it("a removal is as Auth0's guide says: method, path, headers and body", function()
    assert.is_true(client:remove_user_permissions(support.user, {
      { resource_server_identifier = "https://api.example.com/", permission_name = "read:reports" },
      { resource_server_identifier = "https://api.example.com/", permission_name = "write:reports" },
    }))
    local request, count = support.last_request()
    assert.equal(1, count)
    assert.equal("DELETE", request.method)
    assert.equal("/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82/permissions", request.uri)
    assert.equal("application/json", request.headers["content-type"])
    assert.equal("Bearer " .. tenant.token, request.headers.authorization)
    assert.equal("no-cache", request.headers["cache-control"])
    assert.equal('{"permissions":['
      .. '{"resource_server_identifier":"https://api.example.com/","permission_name":"read:reports"},'
      .. '{"resource_server_identifier":"https://api.example.com/","permission_name":"write:reports"}]}', request.body)
  end)

  it("a request has no other headers", function()
    client:remove_user_permissions(support.user, support.permissions "read:reports")
    local names = {}
    for name in pairs(support.last_request().headers) do
      names[#names + 1] = name
    end
    table.sort(names)
    assert.equal("accept auth0-client authorization cache-control content-length content-type host user-agent",
      table.concat(names, " "))
  end)

  it("Auth0-Client names the module, its version and the Lua that runs it", function()
    client:remove_user_permissions(support.user, support.permissions "read:reports")
    local header = support.last_request().headers["auth0-client"]
    assert.is_nil(header:find "[^%w_-]")
    local agent = cjson.decode(decode_base64url(header))
    assert.equal("auth0perm", agent.name)
    assert.equal("auth0perm " .. agent.version, support.auth0perm._VERSION)
    local jit = rawget(_G, "jit")
    assert.equal(jit and jit.version or _VERSION, agent.env.lua)
  end)

  it("an assignment posts the same body", function()
    assert.is_true(client:assign_user_permissions(support.user, support.permissions "write:reports"))
    local request = support.last_request()
    assert.equal("POST", request.method)
    assert.equal("/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82/permissions", request.uri)
    assert.equal('{"permissions":['
      .. '{"resource_server_identifier":"https://api.example.com/","permission_name":"write:reports"}]}', request.body)
  end)

  it("a list asks for totals and the largest page, without a body", function()
    assert.is_table(client:list_user_permissions(support.user))
    local request, count = support.last_request()
    assert.equal(1, count)
    assert.equal("GET", request.method)
    assert.equal("/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82/permissions?per_page=100&page=0&include_totals=true",
      request.uri)
    assert.equal("", request.body)
    assert.is_nil(request.headers["content-type"])
  end)

  it("an id is one path segment, with all but RFC 3986's unreserved characters encoded once", function()
    local ids = {
      ["samlp|conn|a/b"] = "samlp%7Cconn%7Ca%2Fb",
      ["a/../../roles/rol_1"] = "a%2F..%2F..%2Froles%2Frol_1",
      ["auth0|50%25"] = "auth0%7C50%2525",
      ["x|a?b#c&d=e+f g"] = "x%7Ca%3Fb%23c%26d%3De%2Bf%20g",
      ["x|\195\188"] = "x%7C%C3%BC",
      ["x|-._~"] = "x%7C-._~",
      ["..."] = "...",
    }
    for id, segment in pairs(ids) do
      tenant.forget_requests()
      client:remove_user_permissions(id, support.permissions "read:reports")
      assert.equal("/api/v2/users/" .. segment .. "/permissions", support.last_request().uri)
    end
  end)

  it("both forms of a list make the same body", function()
    client:remove_user_permissions(support.user, { [support.api] = { "b:b", "a:a" } })
    local from_map = support.last_request().body
    client:remove_user_permissions(support.user, support.permissions("b:b", "a:a"))
    assert.equal(from_map, support.last_request().body)
  end)

  it("the APIs of a map are sent in the order of their names, their permissions in the given order", function()
    client:remove_user_permissions(support.user, { ["urn:c"] = { "z", "a" }, ["urn:a"] = { "1" }, ["urn:b"] = { "2" } })
    local sent = {}
    for i, item in ipairs(cjson.decode(support.last_request().body).permissions) do
      sent[i] = item.resource_server_identifier .. " " .. item.permission_name
    end
    assert.equal("urn:a 1, urn:b 2, urn:c z, urn:c a", table.concat(sent, ", "))
  end)

  it("duplicates are sent once, in the place of the first", function()
    local list = {}
    for i = 1, 900 do
      list[i] = { resource_server_identifier = "urn:" .. i % 3, permission_name = "p" .. i % 300 }
    end
    client:remove_user_permissions(support.user, list)
    local sent = cjson.decode(support.last_request().body).permissions
    assert.equal(300, #sent)
    for i, item in ipairs(sent) do
      assert.same(list[i], item)
    end
  end)

  it("an item's other members are not sent, so a list can be passed on as it was returned", function()
    client:assign_user_permissions(support.user, support.permissions("write:reports", "read:invoices"))
    local held = client:list_user_permissions(support.user)
    assert.is_true(client:remove_user_permissions(support.user, held))
    for _, item in ipairs(cjson.decode(support.last_request().body).permissions) do
      local members = 0
      for _ in pairs(item) do members = members + 1 end
      assert.equal(2, members)
    end
    assert.same({}, tenant.user(support.user).permissions)
  end)

  it("every character survives JSON", function()
    local every = {}
    for byte = 0, 127 do
      every[#every + 1] = string.char(byte)
    end
    local names = { table.concat(every), "\195\188\226\130\172\240\159\146\154", '"\\/\b\f\n\r\t', "\226\128\168\127" }
    client:remove_user_permissions(support.user, { [support.api] = names })
    local body = support.last_request().body
    for i, item in ipairs(cjson.decode(body).permissions) do
      assert.equal(names[i], item.permission_name)
    end
    for byte in body:gmatch "." do
      assert.is_true(byte:byte() >= 32)
    end
  end)

  it("50 removals in a row use one connection", function()
    for _ = 1, 50 do
      assert.is_true(client:remove_user_permissions(support.user, support.permissions "read:reports"))
    end
    assert.equal(50, #tenant.requests())
    assert.equal(1, (tenant.connections()))
  end)

  it("TLS is 1.2 or newer, with the domain as server name", function()
    client:list_user_permissions(support.user)
    local request = support.last_request()
    assert.is_truthy(request.tls_version == "TLSv1.3" or request.tls_version == "TLSv1.2")
    assert.equal("localhost", request.server_name)
  end)

  it("redirects are not followed", function()
    tenant.fault { kind = "redirect", location = "https://" .. tenant.domain .. "/api/v2/elsewhere" }
    local ok, err = client:remove_user_permissions(support.user, support.permissions "read:reports")
    assert.is_nil(ok)
    assert.equal("protocol", err.kind)
    assert.equal(302, err.status)
    assert.equal(1, #tenant.requests())
  end)
end)
