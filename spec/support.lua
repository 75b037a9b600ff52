-- Shared by the specs: the module under test, the tenant, and helpers for both.

local socket = require "socket"
local auth0perm = require "auth0perm"
local tenant = require "spec.tenant.control"

local support = {
  auth0perm = auth0perm,
  tenant = tenant,
  api = "https://api.example.com/",
  user = "auth0|5f7c8ec7c33c6c004bbafe82",
}

-- Returns options for a client of the tenant, with `changes` added.
function support.options(changes)
  local options = { domain = tenant.domain, token = tenant.token, ca_file = tenant.ca_file }
  for name, value in pairs(changes or {}) do
    options[name] = value
  end
  return options
end

-- Returns a client of the tenant.
function support.client(changes)
  return assert(auth0perm.new(support.options(changes)))
end

-- Returns { { resource_server_identifier = api, permission_name = name }, ... } for the names.
function support.permissions(...)
  local list = {}
  for i, name in ipairs { ... } do
    list[i] = { resource_server_identifier = support.api, permission_name = name }
  end
  return list
end

-- Returns the names in a list of permissions as one string, to compare.
function support.names(list)
  local names = {}
  for i, permission in ipairs(list) do
    names[i] = permission.permission_name
  end
  return table.concat(names, " ")
end

-- Returns the newest recorded request, and how many there are.
function support.last_request()
  local requests = tenant.requests()
  return requests[#requests], #requests
end

-- Steps a client until none of its calls is in flight, for a bounded time.
function support.finish(client)
  for _ = 1, 1000 do
    if client:step(0.1) == 0 then return end
  end
  error("calls are still in flight")
end

-- Returns how many connections the tenant has open after a garbage collection. Waits, for a bounded time, until there
-- are no more than `expected`.
function support.open_connections(expected)
  collectgarbage()
  collectgarbage()
  local open
  for _ = 1, 50 do
    open = select(2, tenant.connections())
    if open <= expected then break end
    socket.sleep(0.02)
  end
  return open
end

-- Runs a command; returns its output (stdout and stderr) and its status.
function support.run(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1; echo \"status $?\""))
  local output = pipe:read "*a"
  pipe:close()
  local text, status = output:match "^(.*)status (%d+)\n$"
  return text, tonumber(status)
end

-- Starts a program in the background; returns its process id, for `stop`.
function support.start(command)
  return (support.run("exec 3>&-; " .. command .. " >/dev/null 2>&1 & echo $!"):match "%d+")
end

-- Ends a program that `start` started.
function support.stop(process)
  support.run("kill " .. process)
end

-- Waits, for a bounded time, until the condition returns a true value; returns that value.
function support.wait_until(condition)
  for _ = 1, 500 do
    local value = condition()
    if value then return value end
    socket.sleep(0.02)
  end
  error "the condition did not become true"
end

-- Returns the command of the Lua interpreter that runs this.
local function interpreter()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return arg[first]
end

-- Returns the contents of a file.
function support.read_file(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

-- Writes a file, replacing an existing one.
function support.write_file(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- Returns a port that is free now.
function support.free_port()
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  server:close()
  return tonumber(port)
end

-- Starts a proxy on a free port, with these additional lines in its configuration. Returns its process id (for `stop`),
-- the port, and the name of the configuration file, which the caller must remove.
function support.start_proxy(lines)
  local port, configuration = support.free_port(), os.tmpname()
  support.write_file(configuration,
    ("Port %d\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\n%s"):format(port, lines or ""))
  local process = support.start("LD_PRELOAD= tinyproxy -d -c " .. configuration)
  support.wait_until(function() return socket.connect("127.0.0.1", port) end):close()
  return process, port, configuration
end

-- Runs a program in another Lua process, with these assignments in its environment; returns the same as `run`.
function support.run_lua(program, environment)
  local file = os.tmpname()
  support.write_file(file, program)
  local output, status = support.run(("%s %s %s"):format(environment or "", interpreter(), file))
  os.remove(file)
  return output, status
end

-- Runs a file of specs that several spec files share, with arguments. busted gives its functions to spec files alone,
-- so a spec file passes its environment on: support.include("spec/FILE.lua", _ENV or getfenv(1), ...)
function support.include(path, environment, ...)
  local chunk = assert(loadfile(path, "t", environment))
  if setfenv then setfenv(chunk, environment) end -- Lua 5.1, whose loadfile takes no environment
  return chunk(...)
end

-- Whether this Lua distinguishes integers from floats.
support.has_integers = math.type ~= nil

return support
