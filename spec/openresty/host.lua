-- Starts nginx with the OpenResty driver, on free ports, and runs Lua in it. nginx ends with this process at the
-- latest.

local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local socket = require "socket"
local support = require "spec.support"

local host = {}
host.__index = host

local ATTEMPTS = 5 -- to find a free port

local root = support.run "pwd":match "[^\n]+"

-- Returns the load_module directives for the Lua module; none for OpenResty, which has it built in.
function host.load_modules()
  if support.run "nginx -V":find("ngx_lua", 1, true) then return "" end
  return "load_module /usr/lib/nginx/modules/ndk_http_module.so; "
    .. "load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;"
end

-- Returns the configuration. `wanted` may have `workers`, `http` and `server` (additions to these blocks), or a
-- complete `configuration` with the same placeholders.
local function configure(self, wanted)
  local values = {
    LOAD_MODULES = host.load_modules(),
    USER = support.run "id -u":match "^0\n" and "user root;" or "",
    WORKERS = wanted.workers or 1,
    ROOT = root,
    MODULE = root .. "/build/luajit/?.so",
    CA_FILE = self.ca_file,
    HTTP = wanted.http or "",
    SERVER = wanted.server or "",
    PORT = self.port,
    RAW_PORT = self.raw_port,
    TLS_PORT = self.tls_port,
    CERTIFICATES = support.tenant.directory,
  }
  local fill_in
  function fill_in(text)
    return (text:gsub("@([A-Z_]+)@", function(name) return fill_in(tostring(values[name])) end))
  end
  local configuration = wanted.configuration or support.read_file "spec/openresty/nginx.conf"
  support.write_file(self.directory .. "/nginx.conf", fill_in(configuration))
end

-- Makes nginx run as an ordinary user (nobody, if this is root), with every file that it needs in its directory.
local function make_ordinary(self)
  local own = self.directory .. "/own"
  support.run(("mkdir %s && cp -r src build/luajit/auth0perm.so %s && cp %s %s/ca.pem"):format(
    own, own, self.ca_file, own))
  self.ca_file = own .. "/ca.pem"
  self.environment = ("LUA_PATH='%s/src/?.lua;;' LUA_CPATH='%s/?.so;;' %s"):format(own, own, self.environment)
  if not support.run "id -u":match "^0\n" then return end
  support.run("chown -R 65534:65534 " .. self.directory)
  self.starter = "setpriv --reuid=65534 --regid=65534 --clear-groups"
end

-- Runs nginx until the pipe to this process is closed, at the latest when this process ends.
local function launch(self)
  local command = ([[exec >%s/output 2>&1; cd %s
    %s %s env -u LD_PRELOAD nginx -p "$PWD/" -c nginx.conf -e error.log -g 'daemon off;' & process=$!
    cat; kill -TERM $process; wait $process]]):format(self.directory, self.directory, self.environment, self.starter)
  self.pipe = assert(io.popen(command, "w"))
end

-- Waits until nginx serves requests; returns false if it has ended.
local function is_serving(self)
  for _ = 1, 500 do
    if self:get "/ping" then return true end
    local log = io.open(self.directory .. "/error.log")
    local text = log and log:read "*a" or ""
    if log then log:close() end
    if text:find("[emerg]", 1, true) then return false end
    socket.sleep(0.02)
  end
  return false
end

-- Starts an nginx. `wanted` may have, besides what `configure` takes, `environment` (assignments for the shell),
-- `ca_file`, and `ordinary` to run it as an ordinary user.
function host.start(wanted)
  wanted = wanted or {}
  local module = io.open "build/luajit/auth0perm.so"
  if not module then error "build/luajit/auth0perm.so is missing, which nginx needs: make LUA=luajit" end
  module:close()
  local directory = support.run "mktemp -d":match "[^\n]+"
  local self = setmetatable({ directory = directory, environment = wanted.environment or "", starter = "",
    ca_file = wanted.ca_file or support.tenant.ca_file }, host)
  if wanted.ordinary then make_ordinary(self) end
  for _ = 1, ATTEMPTS do
    self.port, self.raw_port, self.tls_port = support.free_port(), support.free_port(), support.free_port()
    configure(self, wanted)
    launch(self)
    if is_serving(self) then return self end
    self.pipe:close()
    if not self:log():find "Address already in use" then break end
    os.remove(self.directory .. "/error.log")
  end
  local log = self:log()
  support.run("rm -rf " .. self.directory)
  error("nginx did not start: " .. log)
end

function host:stop()
  self.pipe:close()
  support.run("rm -rf " .. self.directory)
end

-- Returns the error log so far.
function host:log()
  return support.read_file(self.directory .. "/error.log")
end

-- Requests a path; returns body and status, or nil.
function host:get(path, body)
  local chunks = {}
  local ok, status = http.request {
    url = ("http://127.0.0.1:%d%s"):format(self.port, path),
    method = body and "POST" or "GET",
    headers = body and { ["Content-Length"] = #body },
    source = body and ltn12.source.string(body),
    sink = ltn12.sink.table(chunks),
  }
  if not ok then return nil, status end
  return table.concat(chunks), status
end

-- Decodes the values in a response to `run`.
local function values_of(text)
  local list = cjson.decode(text)
  for i = 1, #list do
    if list[i] == cjson.null then list[i] = nil end
  end
  return list
end

-- Runs a snippet in nginx, where it can use `inside`. Returns what it returned, or "raised" and the error.
function host:run(code)
  local text, status = self:get("/run", code)
  if status ~= 200 then error(("%s: %s\n%s"):format(status, text, self:log())) end
  local list = values_of(text)
  return list[1], list[2], list[3], list[4]
end

-- Sets what the server at self.raw_port does on a connection: a list of strings to send, seconds to wait, and `false`
-- to read a request. The connection ends with the list.
function host:respond_with(list)
  self:run(("ngx.shared.results:set('response', %q)"):format(cjson.encode(list)))
end

-- Waits for the results that a snippet in another phase stored (inside.note).
function host:noted(name)
  return support.wait_until(function()
    local text = self:run(("return ngx.shared.results:get(%q)"):format(name))
    return text and values_of(text)
  end)
end

-- Sends a snippet without waiting; returns the connection, to be read or closed.
function host:begin(code)
  local connection = assert(socket.connect("127.0.0.1", self.port))
  connection:settimeout(60)
  local head = "POST /run HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
  assert(connection:send(head:format(#code) .. code))
  return connection
end

-- Waits for the response to what `begin` sent; returns the same as `run`.
function host.finish(connection)
  local response = assert(connection:receive "*a")
  connection:close()
  local head, body = response:match "^(.-)\r\n\r\n(.*)$"
  if head:find("chunked", 1, true) then body = body:gsub("^%x+\r\n", ""):gsub("\r\n0\r\n\r\n$", "") end
  local list = values_of(body)
  return list[1], list[2], list[3], list[4]
end

-- Runs a snippet that calls inside.be_busy, and calls a function while that keeps the worker busy. Returns what the
-- snippet returned.
function host:while_busy(code, action)
  local mark = self.directory .. "/busy"
  local connection = self:begin(code)
  support.wait_until(function()
    local file = io.open(mark)
    if file then file:close() end
    return file
  end)
  action()
  os.remove(mark)
  return host.finish(connection)
end

local function master_of(self)
  return support.read_file(self.directory .. "/nginx.pid"):match "%d+"
end

-- Makes nginx replace its workers; returns once the new ones serve requests.
function host:reload()
  local old = table.concat(self:workers(), " ")
  support.run("kill -HUP " .. master_of(self))
  support.wait_until(function() return not old:find(self:run "return ngx.worker.pid()", 1, true) end)
end

-- Returns the process ids of the workers.
function host:workers()
  local list = {}
  for process in support.run("ps -o pid= --ppid " .. master_of(self)):gmatch "%d+" do
    list[#list + 1] = process
  end
  return list
end

-- Returns how many descriptors the first worker has open.
function host:descriptors()
  return tonumber((support.run(("ls /proc/%s/fd | wc -l"):format(self:workers()[1]))))
end

return host
