-- Access tokens that the workers of an nginx share.

local socket = require "socket"
local host = require "spec.openresty.host"
local support = require "spec.support"
local tenant = support.tenant

local WORKERS = 4

-- Returns how many token requests the tenant got.
local function token_requests()
  local number = 0
  for _, request in ipairs(tenant.requests()) do
    if request.uri == "/oauth/token" then number = number + 1 end
  end
  return number
end

describe("tokens in a lua_shared_dict", function()
  local nginx
  local names = 0
  local name -- of a client id that no worker has used yet

  setup(function() nginx = host.start { workers = WORKERS, http = "lua_shared_dict small 12k;" } end)
  teardown(function() nginx:stop() end)

  -- Resets the tenant, which then knows this client and no earlier token.
  local function reset()
    tenant.reset()
    tenant.settings { bucket = 1000000, refill = 1000000 }
    tenant.seed { clients = { { client_id = name, client_secret = "s3cr3t-of-" .. name } } }
  end

  before_each(function()
    names = names + 1
    name = "robot" .. names
    reset()
  end)

  -- Returns a snippet that returns the result of a worker's shared client, and which worker it was.
  local function asking(changes)
    return ([[
      ngx.shared.results:set("last worker", ngx.worker.pid())
      local user, err = inside.shared(%q, {%s}):get_user(inside.user)
      return user and user.email or tostring(err), ngx.worker.pid(), ngx.now()
    ]]):format(name, changes or "")
  end

  local function until_fetching()
    support.wait_until(function() return #tenant.pending_faults() == 0 end)
  end

  -- Starts these snippets at once; returns how many succeeded, and how many workers ran one.
  local function ask_at_once(number, changes)
    local connections, workers, well, count = {}, {}, 0, 0
    for i = 1, number do connections[i] = nginx:begin(asking(changes)) end
    for i = 1, number do
      local email, worker = host.finish(connections[i])
      if email == "ada@example.com" then well = well + 1 end
      if not workers[worker] then count = count + 1 end
      workers[worker] = true
    end
    return well, count
  end

  it("are fetched once when all workers start without a token under load", function()
    tenant.fault { kind = "delay", seconds = 0.3, path = "/oauth/token", count = 100 }
    local well, workers = ask_at_once(60)
    assert.equal(60, well)
    assert.is_true(workers > 1, workers .. " workers")
    assert.equal(1, token_requests())
  end)

  it("are fetched once per worker if they are not shared", function()
    local well, workers = ask_at_once(60, "token_dict = false")
    assert.equal(60, well)
    assert.equal(workers, token_requests())
  end)

  it("replace a token that the tenant no longer accepts, once for all workers", function()
    assert.equal(40, (ask_at_once(40)))
    assert.equal(1, token_requests())
    reset()
    assert.equal(40, (ask_at_once(40)))
    assert.equal(1, token_requests())
  end)

  it("are fetched by another worker if the fetching one dies", function()
    tenant.fault { kind = "delay", seconds = 60, path = "/oauth/token" }
    local connection = nginx:begin(asking())
    until_fetching()
    support.run("kill -9 " .. nginx:run "return ngx.shared.results:get 'last worker'")
    connection:close()
    local began = socket.gettime()
    assert.equal("ada@example.com", (nginx:run(asking())))
    assert.is_true(socket.gettime() - began < 20)
    assert.equal(2, token_requests())
  end)

  it("are fetched by another call if the client of the fetching one disconnects", function()
    tenant.fault { kind = "delay", seconds = 60, path = "/oauth/token" }
    local connection = nginx:begin(asking())
    until_fetching()
    connection:close()
    local began = socket.gettime()
    assert.equal(10, (ask_at_once(10)))
    assert.is_true(socket.gettime() - began < 20)
    assert.equal(2, token_requests())
  end)

  it("are awaited while another worker fetches them, and not fetched twice", function()
    tenant.fault { kind = "delay", seconds = 4, path = "/oauth/token", count = 100 }
    assert.equal(20, (ask_at_once(20)))
    assert.equal(1, token_requests())
  end)

  it("are fetched again after a temporary failure, by the next call", function()
    tenant.fault { kind = "close_before", path = "/oauth/token" }
    assert.equal(20, (ask_at_once(20)))
    assert.equal(2, token_requests())
  end)

  it("leave the lock free after a permanent failure", function()
    tenant.fault { kind = "status", status = 401, path = "/oauth/token", body = { error = "access_denied" } }
    local text = nginx:run(asking())
    assert.matches("^get_user: token 401 access_denied", text)
    assert.is_nil((nginx:run(("return ngx.shared.auth0perm:get('lock %s %s ')"):format(tenant.domain, name))))
  end)

  it("are not in the log, and no secret is in the dictionary", function()
    assert.equal("ada@example.com", (nginx:run(asking())))
    local keys, values = nginx:run [[
      local keys, values = ngx.shared.auth0perm:get_keys(0), {}
      for i, key in ipairs(keys) do values[i] = ngx.shared.auth0perm:get(key) end
      return keys, values
    ]]
    local token
    for i, key in ipairs(keys) do
      assert.not_matches("s3cr3t", key .. values[i])
      if key == ("token %s %d %s "):format(tenant.domain, #name, name) then token = values[i] end
    end
    assert.is_string(token)
    assert.is_nil(nginx:log():find(token, 1, true))
    assert.is_nil(nginx:log():find("s3cr3t", 1, true))
  end)

  it("disappear from the dictionary when they expire", function()
    assert.equal("ada@example.com", (nginx:run(asking())))
    local left = nginx:run(("return ngx.shared.auth0perm:ttl('token %s %d %s ')"):format(tenant.domain, #name, name))
    assert.is_true(left > 60 and left <= 86400)
  end)

  it("are used without being shared if the dictionary is full", function()
    nginx:run [[
      local small = ngx.shared.small
      for i = 1, 1000 do if not small:safe_set("fill" .. i, ("x"):rep(2000)) then break end end
    ]]
    tenant.seed { clients = { { client_id = "long", client_secret = "s3cr3t-of-long" } } }
    local part = ("t"):rep(5000)
    local token = tenant.issue_token { token = table.concat({ part, part, part }, ".") }
    tenant.fault { kind = "status", status = 200, path = "/oauth/token", count = 100,
      body = { access_token = token, expires_in = 1000 } }
    local emails = nginx:run [[
      local emails = {}
      for i = 1, 3 do
        local user, err = inside.shared("long", { token_dict = "small" }):get_user(inside.user)
        emails[i] = user and user.email or tostring(err)
      end
      return emails
    ]]
    assert.same({ "ada@example.com", "ada@example.com", "ada@example.com" }, emails)
    assert.matches("auth0perm: lua_shared_dict small has no room for a token: no memory", nginx:log())
  end)
end)
