-- Sends requests to the mock tenant with the curl command, for specs that must not depend on a client of ours. For Lua
-- 5.1 to 5.5 and LuaJIT. Requests go into a configuration file, not onto the command line.

local cjson = require "cjson"
local tenant = require "spec.tenant.control"

local curl = {}

local MAX_SECONDS = 10 -- for a request, unless it sets max_time

local base = tenant.directory .. "/curl"

local function write_file(name, text)
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
end

-- Removes a file and returns its contents, or "" if it does not exist.
local function take_file(name)
  local file = io.open(name, "rb")
  local text = file and file:read "*a" or ""
  if file then file:close() end
  os.remove(name)
  return text
end

-- Returns a line of the configuration. Within quotes, curl understands \\ and \".
local function line(name, value)
  if value == true then return name end
  assert(not tostring(value):find "[\r\n]", "a value in curl's configuration must be a single line")
  return ('%s = "%s"'):format(name, (tostring(value):gsub('[\\"]', "\\%0")))
end

local function url_of(path)
  return path:find "^%a+://" and path or "https://" .. tenant.domain .. path
end

-- Returns the configuration of the nth request. Its body, and its response, go to files of their own.
local function configuration(n, request)
  local headers = request.headers or {}
  local lines = {
    line("url", url_of(request.path)), line("request", request.method), line("silent", true),
    line("globoff", true), line("path-as-is", true), line("cacert", request.ca_file or tenant.ca_file),
    line("http" .. (request.http or "1.1"), true), line("dump-header", base .. n .. ".headers"),
    line("output", base .. n .. ".body"), line("max-time", request.max_time or MAX_SECONDS),
    line("write-out", "%{response_code} %{http_version} %{num_connects} %{time_total}\\n"),
  }
  local function add(name, value) lines[#lines + 1] = line(name, value) end
  if request.token ~= false then add("header", "Authorization: Bearer " .. (request.token or tenant.token)) end
  if request.body then
    write_file(base .. n .. ".request", type(request.body) == "table" and cjson.encode(request.body) or request.body)
    add("data-binary", "@" .. base .. n .. ".request")
    add("header", "Expect:")
    if not headers["Content-Type"] then add("header", "Content-Type: application/json") end
  end
  for name, value in pairs(headers) do
    add("header", name .. (value == "" and ";" or ": " .. value))
  end
  for name, value in pairs(request.options or {}) do add(name, value) end
  return table.concat(lines, "\n")
end

-- Returns the headers of the last block by lower-case name, and the number of blocks.
local function parse_headers(text)
  local headers, blocks = {}, 0
  for text_line in text:gmatch "[^\r\n]+" do
    local name, value = text_line:match "^([^%s:]+):%s*(.-)%s*$"
    if name then
      headers[name:lower()] = value
    else
      headers, blocks = {}, blocks + 1
    end
  end
  return headers, blocks
end

-- Returns the response to the nth request. `summary` is what curl wrote about it.
local function response_of(n, summary)
  local status, http, connects, seconds = (summary or ""):match "^(%d+) (%S+) (%d+) (%S+)$"
  local response = {
    status = tonumber(status), http = http, connects = tonumber(connects), seconds = tonumber(seconds),
  }
  response.headers, response.blocks = parse_headers(take_file(base .. n .. ".headers"))
  response.body = take_file(base .. n .. ".body")
  local is_json, decoded = pcall(cjson.decode, response.body)
  response.json = is_json and decoded or nil
  os.remove(base .. n .. ".request")
  return response
end

-- Sends requests one after the other, on one connection as long as the tenant keeps it open. Each is { method =, path =
-- (or a URL), body = (text, or a table for JSON), token = (false: none; default: one with all scopes), headers = {},
-- http = "1.1" or "2", max_time = (seconds), ca_file =, options = { name = value or true } (curl's own) }. Returns a
-- list of { status =, headers =, body =, json =, http =, blocks =, connects =, seconds = } and curl's exit status.
function curl.perform(requests)
  local parts = {}
  for n, request in ipairs(requests) do parts[n] = configuration(n, request) end
  write_file(base .. ".config", table.concat(parts, "\nnext\n"))
  local pipe = assert(io.popen(("LD_PRELOAD= curl -q --config '%s.config' 2>&1; echo \"exit $?\""):format(base)))
  local output = pipe:read "*a"
  pipe:close()
  os.remove(base .. ".config")
  local responses, summaries = {}, output:gmatch "(%d+ [%d.]+ %d+ [%d.]+)\n"
  for n = 1, #requests do responses[n] = response_of(n, summaries()) end
  return responses, tonumber(output:match "exit (%d+)\n$")
end

-- Sends one request and returns the response, with curl's exit status as `exit`. `request` has the other fields.
function curl.ask(method, path, request)
  local whole = { method = method, path = path }
  for name, value in pairs(request or {}) do whole[name] = value end
  local responses, exit = curl.perform { whole }
  responses[1].exit = exit
  return responses[1]
end

return curl
