-- The page for users and the package of the Lua part: what they say is true.

local host = require "spec.openresty.host"
local support = require "spec.support"
local tenant = support.tenant

local read_file = support.read_file

-- Replaces a text that must occur exactly once.
local function replace(text, old, new)
  local first, last = text:find(old, 1, true)
  assert(first and not text:find(old, last, true), old .. " is not there once")
  return text:sub(1, first - 1) .. new .. text:sub(last + 1)
end

-- Loads a chunk that sees this environment, on any Lua.
local function load_in(environment, text)
  local setfenv = rawget(_G, "setfenv")
  if setfenv then return setfenv(assert(rawget(_G, "loadstring")(text, "=example")), environment) end
  return assert(load(text, "=example", "t", environment))
end

describe("doc/openresty.md", function()
  local page = read_file "doc/openresty.md"

  -- Starts its example with only the port and the CA file replaced, as an ordinary user even if this is root.
  local function start_example()
    local example = page:match "```nginx\n(.-)```"
    example = replace(example, "/etc/ssl/certs/ca-certificates.crt", "@CA_FILE@")
    example = replace(example, "127.0.0.1:8080", "127.0.0.1:@PORT@")
    -- OpenResty has the module built in, as the page says.
    if host.load_modules() == "" then example = example:gsub("\nload_module [^\n]*", "") end
    return host.start {
      configuration = example,
      ordinary = true,
      environment = ("AUTH0_DOMAIN=%s AUTH0_CLIENT_ID=robot AUTH0_CLIENT_SECRET=secret "
        .. "AUTH0_CONNECT_TO=127.0.0.1:%d"):format(tenant.domain, tenant.port),
    }
  end

  it("has an example that removes permissions unchanged, for an ordinary user", function()
    tenant.reset()
    local id, secret = page:match "AUTH0_CLIENT_ID=(%w+) AUTH0_CLIENT_SECRET=(%w+)"
    tenant.seed { clients = { { client_id = id, client_secret = secret } } }
    local nginx = start_example()
    finally(function() nginx:stop() end)
    tenant.seed {
      users = { { user_id = "auth0|page", email = "p@example.com",
        permissions = { { resource_server_identifier = support.api, permission_name = "read:reports" } } } },
    }
    local path = "/remove?user=auth0%7Cpage&api=https%3A%2F%2Fapi.example.com%2F&permission=read%3Areports"
    assert.equal(405, (select(2, nginx:get(path))))
    assert.equal(400, (select(2, nginx:get("/remove?user=x", " "))))
    assert.equal(1, #tenant.user "auth0|page".permissions)
    assert.equal(204, (select(2, nginx:get(path, " "))))
    assert.equal(0, #tenant.user "auth0|page".permissions)
    assert.equal(502, (select(2, nginx:get("/remove?user=auth0%7Cnone&api=a&permission=b", " "))))
  end)

  it("has Lua snippets that compile", function()
    for snippet in read_file "doc/openresty.md":gmatch "```lua\n(.-)```" do
      assert.is_function(assert((loadstring or load)(snippet))) -- luacheck: ignore 113
    end
  end)

  -- Returns the example's exchange function, with a lua-resty-http whose request_uri is this function.
  local function example_exchange(request_uri)
    for snippet in page:gmatch "```lua\n(.-)```" do
      if snippet:find "resty.http" then
        local connection = { set_timeouts = function() end, set_proxy_options = function() end,
          request_uri = request_uri }
        local environment = {
          require = function() return { new = function() return connection end } end,
          auth0perm = { new = function(options) return options end },
        }
        setmetatable(environment, { __index = _G })
        return load_in(environment, snippet .. " return client")().exchange
      end
    end
  end

  it("has an exchange function for lua-resty-http that returns every kind of certificate failure", function()
    local request = { url = "https://a/", method = "GET", headers = {}, timeout = 1, connect_timeout = 1 }
    local cases = {
      { function() return nil, "certificate host mismatch" end, "tls" },
      { function() return nil, "10: certificate has expired" end, "tls" },
      { function() error("/usr/share/lua/5.1/resty/core/socket.lua:244: assertion failed!", 0) end, "tls" },
      { function() return nil, "timeout" end, "timeout" },
      { function() error("mine", 0) end, "mine" },
    }
    for _, case in ipairs(cases) do
      local response, kind = example_exchange(case[1])(request)
      assert.same({ nil, case[2] }, { response, kind })
    end
    assert.equal(204, example_exchange(function() return { status = 204 } end)(request).status)
  end)
end)

describe("dist.ini", function()
  local values = {}

  setup(function()
    for name, value in read_file "dist.ini":gmatch "\n([%w_]+) = ([^\n]*)" do values[name] = value end
  end)

  it("names everything that OPM requires, and files that exist", function()
    for _, name in ipairs { "name", "abstract", "author", "is_original", "license", "lib_dir", "requires" } do
      assert.is_string(values[name])
    end
    assert.equal("local", (read_file(values.main_module):match "\n(local) "))
    assert.equal(values.lib_dir, (values.main_module:match "^[^/]+"))
    assert.matches("MIT License", read_file "LICENSE")
  end)

  it("has the module's version", function()
    assert.equal(support.auth0perm._VERSION, ("%s %s"):format(values.name, values.version))
    -- OPM compares anything in the main module that looks like a version, and refuses a different one.
    assert.is_nil(read_file(values.main_module):find "VERSION%s*=" or read_file(values.main_module):find "version%s*=")
  end)
end)
