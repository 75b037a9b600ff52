-- Requests to the mock tenant with the curl command, for specs that must not trust any client of ours: for Lua 5.1 to
-- 5.4 and LuaJIT. Nothing of a request stands on a command line: it is all in a configuration file.

local cjson = require "cjson"
local tenant = require "spec.tenant.control"

local curl = {}

local MAX_SECONDS = 10 -- for a request, unless it says otherwise

local base = tenant.directory .. "/curl"

local function write_file(name, text)
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
end

-- The contents of a file, which is removed; "" when there is none.
local function take_file(name)
  local file = io.open(name, "rb")
  local text = file and file:read "*a" or ""
  if file then file:close() end
  os.remove(name)
  return text
end

-- A line of the configuration: curl knows \\ and \" inside of quotes.
local function line(name, value)
  if value == true then return name end
  assert(not tostring(value):find "[\r\n]", "a value of curl's configuration is one line")
  return ('%s = "%s"'):format(name, (tostring(value):gsub('[\\"]', "\\%0")))
end

local function url_of(path)
  return path:find "^%a+://" and path or "https://" .. tenant.domain .. path
end

-- The configuration of the nth request, whose parts go to files of their own.
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

-- Lower-case names -> values of the last block of headers, and how many blocks there were.
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

-- What came back for the nth request; `summary` is what curl wrote out about it.
local function answer_of(n, summary)
  local status, http, connects, seconds = (summary or ""):match "^(%d+) (%S+) (%d+) (%S+)$"
  local answer = { status = tonumber(status), http = http, connects = tonumber(connects), seconds = tonumber(seconds) }
  answer.headers, answer.blocks = parse_headers(take_file(base .. n .. ".headers"))
  answer.body = take_file(base .. n .. ".body")
  local is_json, decoded = pcall(cjson.decode, answer.body)
  answer.json = is_json and decoded or nil
  os.remove(base .. n .. ".request")
  return answer
end

-- Performs requests one after the other, on one connection as far as the tenant lets them. Each is { method =, path =
-- (or a URL), body = (text, or a table for JSON), token = (false: none; default: all scopes), headers = {}, http =
-- "1.1" or "2", max_time = (seconds), ca_file =, options = { name = value or true } (of curl's own) }. Returns a list
-- of { status =, headers =, body =, json =, http =, blocks =, connects =, seconds = } and curl's exit status.
function curl.perform(requests)
  local parts = {}
  for n, request in ipairs(requests) do parts[n] = configuration(n, request) end
  write_file(base .. ".config", table.concat(parts, "\nnext\n"))
  local pipe = assert(io.popen(("LD_PRELOAD= curl -q --config '%s.config' 2>&1; echo \"exit $?\""):format(base)))
  local output = pipe:read "*a"
  pipe:close()
  os.remove(base .. ".config")
  local answers, summaries = {}, output:gmatch "(%d+ [%d.]+ %d+ [%d.]+)\n"
  for n = 1, #requests do answers[n] = answer_of(n, summaries()) end
  return answers, tonumber(output:match "exit (%d+)\n$")
end

-- Performs one request; returns its answer, which has curl's exit status as `exit`. `request` adds to method and path.
function curl.ask(method, path, request)
  local whole = { method = method, path = path }
  for name, value in pairs(request or {}) do whole[name] = value end
  local answers, exit = curl.perform { whole }
  answers[1].exit = exit
  return answers[1]
end

return curl
