-- Runs the programs of spec/embed and examples/embed, for the specs.

local support = require "spec.support"

local hosts = {}

-- Where the module and the programs were built: `make check` makes Lua look there first.
hosts.build = os.getenv "LUA_CPATH":match "^([^;]*)/%?%.so"

-- Runs a command, and raises its output if its status is not 0.
function hosts.run(command, ...)
  local output, status = support.run(command:format(...))
  assert(status == 0, ("status %d: %s"):format(status, output))
  return output
end

return hosts
