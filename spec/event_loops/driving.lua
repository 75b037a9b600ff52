-- What the specs of event loops share: calls to drive, and what to check of them.

local assert = require "luassert"
local socket = require "socket"
local loops = require "spec.event_loops.loops"
local support = require "spec.support"
local tenant = support.tenant

local driving = {}

-- Whether a client's descriptor is readable now.
local function is_readable(client)
  return #socket.select({ loops.selectable(client) }, nil, 0) == 1
end

-- Whether all of these calls are done.
function driving.all_done(calls)
  return function()
    for _, call in ipairs(calls) do
      if not call:done() then return false end
    end
    return true
  end
end

-- Returns a function that is true once `seconds` have passed.
function driving.after(seconds)
  local ends = socket.gettime() + seconds
  return function() return socket.gettime() >= ends end
end

function driving.nothing() end

-- Starts `count` lists of permissions.
function driving.start(client, count, options)
  local calls = {}
  for i = 1, count do calls[i] = assert(client:start("list_user_permissions", support.user, options)) end
  return calls
end

function driving.assert_lists(calls)
  for _, call in ipairs(calls) do
    assert.equal("read:reports", support.names(assert(call:result())))
  end
end

-- Returns a client that has a connection and has learned that requests are not paced.
function driving.warm_client(changes)
  local client = support.client(changes)
  assert(client:list_user_permissions(support.user))
  tenant.forget_requests()
  return client
end

-- Checks that nothing is in flight and the client wants nothing.
function driving.assert_idle(client)
  assert.is_nil(client:timeout())
  assert.is_false(is_readable(client))
end

-- Starts a proxy; returns its port and a function that ends it together with all its connections.
function driving.start_proxy()
  local process, port, configuration = support.start_proxy()
  return port, function()
    support.run("kill -9 " .. process)
    os.remove(configuration)
  end
end

return driving
