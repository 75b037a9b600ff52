-- The options of `new` as data: `options` lists exactly what `new` accepts.

local support = require "spec.support"
local auth0perm = support.auth0perm

-- A value of each type that an option can have.
local VALUES = { string = "x", ["string or function"] = "x", number = 1, integer = 1, boolean = false }

-- Returns the error of `new` for an option with this value.
local function refusal(name, value)
  return select(2, pcall(auth0perm.new, { domain = "acme.eu.auth0.com", [name] = value }))
end

describe("auth0perm.options", function()
  it("lists each option with its type, its drivers and its meaning", function()
    local seen = {}
    for _, option in ipairs(auth0perm.options()) do
      assert.is_nil(seen[option.name])
      seen[option.name] = true
      assert.is_not_nil(VALUES[option.type], option.name)
      assert.is_true(#option.drivers >= 1, option.name)
      assert.is_true(#option.meaning > 10, option.name)
    end
    assert.is_true(seen.domain and seen.timeout and seen.driver)
  end)

  it("lists the options that new accepts, and no others", function()
    local names = {}
    for i, option in ipairs(auth0perm.options()) do names[i] = option.name end
    local message = refusal("no_such_option", 1)
    assert.equal(table.concat(names, ", "), message:match "expected one of: (.*)%)$")
  end)

  it("states the types that new checks", function()
    for _, option in ipairs(auth0perm.options()) do
      local wrong = option.type == "boolean" and "x" or true
      local expected = option.type == "integer" and "number" or option.type
      assert.matches(("%s: expected a %s, got %s"):format(option.name, expected, type(wrong)),
        refusal(option.name, wrong))
    end
  end)

  it("states the defaults that a client has", function()
    local defaults = {}
    for _, option in ipairs(auth0perm.options()) do defaults[option.name] = option.default end
    assert.same({ 60, 10, 30, 4, 16, 0.2, false, "curl" }, {
      defaults.timeout, defaults.connect_timeout, defaults.request_timeout, defaults.max_retries,
      defaults.max_connections, defaults.reserve, defaults.http2, defaults.driver,
    })
    assert.is_nil(defaults.token)
  end)

  it("states which options a client without a driver refuses", function()
    for _, option in ipairs(auth0perm.options()) do
      local drivers = table.concat(option.drivers, " ")
      if not drivers:find "none" and option.type ~= "boolean" then
        local _, err = auth0perm.new { domain = "a.test", driver = "none", [option.name] = VALUES[option.type] }
        assert.equal(option.name .. ': not available with driver "none"', err.message)
      end
    end
  end)

  it("returns a new table each time", function()
    auth0perm.options()[1].name = "changed"
    assert.equal("domain", auth0perm.options()[1].name)
  end)
end)

describe("auth0perm.new for a driver in Lua", function()
  local HOST = { level = 2, prepare = "begin", share_tokens = "shared", options = { "domain", "own" } }

  -- A function of a driver, called by the driver's user.
  local function driver_new(options)
    local client, err = auth0perm.new(options, HOST)
    return client, err
  end

  local function driver_begin(client, ...)
    local call, err = client:prepare(...)
    return call, err
  end

  it("names, in its errors, the function and options that its user knows and the line of the user's call", function()
    local _, message = pcall(function() driver_new { domain = "a.test", tokn = 1 } end)
    assert.matches("options_spec.lua:%d+: bad argument #1 to 'new' "
      .. "%(tokn: unknown option; expected one of: domain, own%)$", message)
    local line = debug.getinfo(1, "l").currentline + 1
    _, message = pcall(function() driver_new { domain = 1 } end)
    assert.matches("options_spec.lua:" .. line .. ": ", message)
    local client = driver_new { domain = "a.test", driver = "none" }
    _, message = pcall(function() driver_begin(client, "no_such_operation") end)
    assert.matches("bad argument #1 to 'begin' %(operation: expected the name of an operation", message)
    _, message = pcall(function() driver_begin(client, "get_user", 1) end)
    assert.matches("bad argument #2 to 'begin' %(user_id: expected a string, got number%)", message)
    assert.equal("shared: needs client_id; without it there is no token to share",
      select(2, driver_new { domain = "a.test", driver = "none", share_tokens = true }).message)
    client:close()
    assert.equal("begin", select(2, driver_begin(client, "get_user", "x")).operation)
  end)

  it("raises if the driver describes itself with values of a wrong type", function()
    assert.has_error(function() auth0perm.new({ domain = "a.test" }, "host") end)
    assert.has_error(function() auth0perm.new({ domain = "a.test" }, { prepare = 1 }) end)
    assert.has_error(function() auth0perm.new({ domain = "a.test" }, { prepare = ("x"):rep(100) }) end)
  end)
end)
