-- Reads and checks arguments and JSON bodies, before any request to the tenant.

local cjson = require "cjson"
local refuse = require "desk.refuse"

local input = {}

local MAX_PERMISSIONS = 1000 -- the most that a user can hold directly (Auth0's entity limits)
local MAX_TEXT = 1024 -- bytes of a string

-- Returns the query arguments, each given once, as a table, or nil and a refusal.
function input.query()
  local arguments, problem = ngx.req.get_uri_args(10)
  if problem then
    return refuse(400, "too many arguments")
  end
  for name, value in pairs(arguments) do
    if type(value) ~= "string" or value == "" then
      return refuse(400, ("%s: expected one value"):format(name))
    elseif #value > MAX_TEXT then
      return refuse(400, ("%s: longer than %d bytes"):format(name, MAX_TEXT))
    end
  end
  return arguments
end

-- Returns the JSON object in the body as a table, or nil and a refusal.
local function body()
  local media_type = (ngx.var.content_type or ""):lower():match "^%s*([^;%s]*)"
  if media_type ~= "application/json" then
    return refuse(415, "the body must be application/json")
  end
  ngx.req.read_body()
  local ok, value = pcall(cjson.decode, ngx.req.get_body_data() or "")
  if not ok then
    return refuse(400, "the body is not JSON")
  elseif type(value) ~= "table" then
    return refuse(400, "the body is not a JSON object")
  end
  return value
end

-- Returns a message about a member that is not known, or nil. (To ignore it could mislead the sender.)
local function unknown_member(value, known, place)
  for name in pairs(value) do
    if not known[name] then
      return ("%s has no member %q"):format(place, tostring(name))
    end
  end
end

-- Whether this can be an id or a name. It goes to the log, too, so control characters are not allowed.
local function is_text(value)
  return type(value) == "string" and value ~= "" and #value <= MAX_TEXT and not value:find "%c"
end

local PERMISSION = { resource_server_identifier = true, permission_name = true }

-- Returns what is wrong with a list of permissions, or nil.
local function problem_of_list(list)
  if type(list) ~= "table" or #list == 0 then
    return "permissions: expected a list of at least one permission"
  elseif #list > MAX_PERMISSIONS then
    return ("permissions: %d given, but a user can hold at most %d"):format(#list, MAX_PERMISSIONS)
  end
  local count = 0
  for index, permission in pairs(list) do
    count = count + 1
    local place = ("permissions[%s]"):format(tostring(index))
    if type(permission) ~= "table" then
      return place .. ": expected an object"
    end
    for name in pairs(PERMISSION) do
      if not is_text(permission[name]) then
        return ("%s.%s: expected a string of at most 1024 bytes"):format(place, name)
      end
    end
    local unknown = unknown_member(permission, PERMISSION, place)
    if unknown then
      return unknown
    end
  end
  if count ~= #list then
    return "permissions: expected a list"
  end
end

-- Returns the user and the list of permissions in the body, `{ user_id, permissions }`, or nil and a refusal.
function input.change()
  local value, problem = body()
  if not value then
    return nil, problem
  end
  local message = unknown_member(value, { user_id = true, permissions = true }, "the body")
    or not is_text(value.user_id) and "user_id: expected a string of at most 1024 bytes"
    or problem_of_list(value.permissions)
  if message then
    return refuse(400, message)
  end
  return value
end

return input
