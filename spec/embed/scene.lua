-- What leaves.c and forks.c do in their states. Takes the name of a scene, the host name that resolves slowly, and a
-- function that returns how many threads are resolving it. Returns the scene: its functions, and flags for the program.

local name, SLOW_NAME, count_resolving = ...

local auth0perm = require "auth0perm"

local USER = "auth0|5f7c8ec7c33c6c004bbafe82"
local PERMISSIONS = { ["https://api.example.com/"] = { "read:reports" } }

local WAIT = 20 -- seconds for something that should happen soon
local SLOWLY = { connect_to = SLOW_NAME .. ":" .. os.getenv "TENANT_PORT" }

-- Returns a client of the tenant, with `changes` to its options.
local function new(changes)
  local options = { domain = os.getenv "TENANT_DOMAIN", token = os.getenv "TENANT_TOKEN",
    ca_file = os.getenv "TENANT_CA_FILE" }
  for option, value in pairs(changes or {}) do options[option] = value end
  local client, err = auth0perm.new(options)
  return client or error(tostring(err))
end

-- Returns a client that is resolving a name, and its call.
local function resolve(changes)
  local client = new(changes)
  local call = client:start("remove_user_permissions", USER, PERMISSIONS)
  local deadline = os.time() + WAIT
  while count_resolving() == 0 do
    -- It may have timed out on a busy machine.
    if call:done() then call = client:start("remove_user_permissions", USER, PERMISSIONS) end
    client:step(0.01)
    if os.time() > deadline then error "the name is not being resolved" end
  end
  return client, call
end

-- Steps a client until the call is done; returns the call's result and info.
local function finish(client, call)
  local deadline = os.time() + WAIT
  while not call:done() do
    client:step(0.05)
    if os.time() > deadline then error "the call is not done" end
  end
  local result, err = call:result()
  return result, err, call:info()
end

-- Removes a permission; raises unless it succeeds on a reused connection (with `reused`) or on a new one (without).
local function remove(client, reused)
  local result, err, info = finish(client, assert(client:start("remove_user_permissions", USER, PERMISSIONS)))
  if not result then error(tostring(err)) end
  if info.reused ~= reused then
    error(info.reused and "the connection was reused" or "the connection was not reused", 2)
  end
end

-- Starts a call whose response the tenant delays, and steps until its request has certainly been sent.
local function send(client)
  local call = assert(client:start("remove_user_permissions", USER, PERMISSIONS))
  for _ = 1, 6 do client:step(0.05) end
  if call:done() then error "the tenant should delay its response" end
  return call
end

local function expect_canceled(client, call)
  local result, err = finish(client, call)
  if result or err.kind ~= "canceled" then error("canceled expected, got " .. tostring(err or result), 2) end
end

local scenes = {}
local client, call -- of the scene; they live until the state is closed

scenes.loaded = {}

scenes.made = { begin = function() client = new() end }

scenes.blocking = { begin = function()
  client = new()
  remove(client, false)
  remove(client, true)
end }

scenes.http2 = { begin = function()
  client = new { http2 = true }
  remove(client, false)
  remove(client, true)
end }

scenes.in_flight = { begin = function()
  client = new()
  call = send(client)
end }

scenes.resolving = { begin = function() client, call = resolve(SLOWLY) end }

-- The resolving thread cannot be stopped, and nothing waits for it: it outlives its call, and perhaps the state
-- (`lingers`).
scenes.canceled_resolving = { lingers = true, begin = function()
  client, call = resolve(SLOWLY)
  call:cancel()
  if count_resolving() == 0 then error "cancel waited for the name" end
  expect_canceled(client, call)
end }

scenes.timed_out_resolving = { lingers = true, begin = function()
  client, call = resolve { connect_to = SLOWLY.connect_to, connect_timeout = 0.05, max_retries = 0 }
  local result, err = finish(client, call)
  if count_resolving() == 0 then error "a step waited for the name" end
  if result or err.kind ~= "timeout" then error("timeout expected, got " .. tostring(err or result)) end
end }

scenes.refused = { begin = function()
  client = new { connect_to = "127.0.0.1:1", max_retries = 0 }
  local result, err = client:remove_user_permissions(USER, PERMISSIONS)
  if result or err.kind ~= "transport" then error "a refused connection expected" end
end }

scenes.closed = { begin = function()
  client = new()
  remove(client, false)
  client:close()
end }

-- For forks: `begin` runs before the fork, then `child` and `parent` run in their processes. With `together`, the
-- parent does not wait for the child first.

-- The child's client opens a connection of its own; the parent's client keeps its connection.
local function fork_kept(options)
  return {
    begin = function()
      client = new(options)
      remove(client, false)
    end,
    child = function()
      remove(client, false)
      remove(client, true)
    end,
    parent = function() remove(client, true) end,
  }
end

scenes.fork_kept = fork_kept {}
scenes.fork_kept_http2 = fork_kept { http2 = true }

-- The child does not use its client: it closes its state, or just exits.
local function fork_unused(options)
  return {
    begin = function()
      client = new(options)
      remove(client, false)
    end,
    parent = function() remove(client, true) end,
  }
end

scenes.fork_unused = fork_unused {}
scenes.fork_unused_http2 = fork_unused { http2 = true }
scenes.fork_exit = fork_unused {}

scenes.fork_close = fork_unused {}
scenes.fork_close.child = function() client:close() end

-- Parent and child continue at the same time: if they shared a socket, what one reads would be missing in the other.
local function fork_in_flight(options)
  return {
    together = true,
    begin = function()
      client = new(options)
      remove(client, false)
      call = send(client)
    end,
    child = function()
      expect_canceled(client, call)
      remove(client, false)
      local deadline = os.time() + 3
      while os.time() < deadline do client:step(0.05) end
    end,
    parent = function()
      local result, err, info = finish(client, call)
      if not result then error(tostring(err)) end
      if info.attempts ~= 1 then error(info.attempts .. " attempts") end
      remove(client, true)
    end,
  }
end

scenes.fork_in_flight = fork_in_flight {}
scenes.fork_in_flight_http2 = fork_in_flight { http2 = true }

-- A child whose call has to wait: the timeouts of its parent's connections do not apply to it.
scenes.fork_waiting = {
  together = true,
  begin = function()
    client = new { request_timeout = 1 }
    remove(client, false)
    call = send(client)
    local refused = assert(client:start("list_user_permissions", USER))
    local deadline = os.time() + WAIT
    repeat client:step(0.05) until refused:info().status == 429 or os.time() > deadline
    refused:cancel()
    client:step(0)
    deadline = os.time() + 3
    repeat until os.time() >= deadline -- until the timeout of the request in flight has passed
  end,
  child = function()
    local waiting = assert(client:start("list_user_permissions", USER))
    local longest = 0
    for _ = 1, 20 do
      client:step(0)
      longest = math.max(longest, client:timeout())
    end
    if waiting:info().attempts > 0 then error "the rate limit should hold up the call" end
    if longest == 0 then error "an event loop would spin" end
  end,
  parent = function()
    local result, err = finish(client, call)
    if not result then error(tostring(err)) end
  end,
}

-- A child has none of its parent's threads, and does not wait for them.
scenes.fork_resolving = {
  together = true,
  begin = function() client, call = resolve(SLOWLY) end,
  child = function() expect_canceled(client, call) end,
  parent = function()
    local result, err = finish(client, call)
    if not result then error(tostring(err)) end
  end,
}

-- A child that never steps has calls in flight when it exits.
scenes.fork_resolving_unused = { together = true, begin = scenes.fork_resolving.begin,
  parent = scenes.fork_resolving.parent }

-- A child's own child is treated like a child.
scenes.fork_twice = fork_kept {}

return scenes[name] or error("no such scene: " .. name)
