-- Starts many calls at once, for the specs of pacing.

local assert = require "luassert"
local socket = require "socket"
local support = require "spec.support"
local tenant = support.tenant

local pacing = {}

-- Starts `count` lists at once; returns how many seconds they took and how many requests were refused.
function pacing.run(count, options)
  local client = support.client(options)
  local calls = {}
  local began = socket.gettime()
  for i = 1, count do
    calls[i] = assert(client:start("list_user_permissions", support.user, { timeout = 120 }))
  end
  while client:step(1) > 0 do end -- ends, because each call has a deadline
  local took = socket.gettime() - began
  client:close()
  for _, call in ipairs(calls) do assert.is_table(call:result()) end
  local refused = 0
  for _, request in ipairs(tenant.requests()) do
    if request.status == 429 then refused = refused + 1 end
  end
  return took, refused
end

return pacing
