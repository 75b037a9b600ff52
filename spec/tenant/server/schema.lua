-- Checks a value against a small part of JSON Schema and describes errors in the API's own words.
--
-- A schema is a table: `type` ("object", "array", "string", "integer", "boolean", or absent for any value),
-- `about` (the description that the API repeats in its message), `nullable`, and
--   object: `properties` (name -> schema), `required` (list of names); no other properties are allowed
--   array: `items` (schema), `min_items`
--   string: `min_length`, `max_length` (characters), `format` (name of an entry of FORMATS)
--   integer: `minimum`, `maximum`

local json = require "server.json"
local problem = require "server.problem"

local schema = {}

local function type_name(value)
  if value == nil or value == json.null then
    return "null"
  elseif json.is_array(value) then
    return "array"
  elseif type(value) == "table" then
    return "object"
  elseif type(value) == "number" and value == math.floor(value) then
    return "integer"
  end
  return type(value)
end

local function characters(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

local FORMATS = {
  -- `auth0|5f7c...`, `google-oauth2|...`, `samlp|conn|a/b`: a provider, a bar, and more.
  ["user-id"] = function(text)
    return text:find("^[^|%s]+|.+$") ~= nil
  end,
}

local check

-- Sorted, so that of two errors always the same one is reported.
local function sorted_names(properties)
  local names = {}
  for name in pairs(properties) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function check_object(rules, value, path)
  local extra = {}
  for name in pairs(value) do
    if not rules.properties[name] then
      extra[#extra + 1] = name
    end
  end
  if extra[1] then
    table.sort(extra)
    return "Additional properties not allowed: " .. table.concat(extra, ","), path, rules.about
  end
  for _, name in ipairs(rules.required or {}) do
    if value[name] == nil then
      return "Missing required property: " .. name, path, rules.about
    end
  end
  for _, name in ipairs(sorted_names(rules.properties)) do
    if value[name] ~= nil then
      local place = path == "" and name or path .. "." .. name
      local reason, where, about = check(rules.properties[name], value[name], place)
      if reason then
        return reason, where, about
      end
    end
  end
end

local function check_array(rules, value, path)
  local minimum = rules.min_items or 0
  if #value < minimum then
    return ("Array is too short (%d), minimum %d"):format(#value, minimum), path, rules.about
  end
  for index, item in ipairs(value) do
    local reason, where, about = check(rules.items, item, ("%s[%d]"):format(path, index - 1))
    if reason then
      return reason, where, about
    end
  end
end

local function check_string(rules, value, path)
  local length = characters(value)
  if length < (rules.min_length or 0) then
    return ("String is too short (%d chars), minimum %d"):format(length, rules.min_length), path, rules.about
  elseif length > (rules.max_length or length) then
    return ("String is too long (%d chars), maximum %d"):format(length, rules.max_length), path, rules.about
  elseif rules.format and not FORMATS[rules.format](value) then
    return ("Object didn't pass validation for format %s: %s"):format(rules.format, value), path, rules.about
  end
end

local function check_integer(rules, value, path)
  if value < (rules.minimum or value) then
    return ("Value %.14g is less than minimum %d"):format(value, rules.minimum), path, rules.about
  elseif value > (rules.maximum or value) then
    return ("Value %.14g is greater than maximum %d"):format(value, rules.maximum), path, rules.about
  end
end

local CHECKS = { object = check_object, array = check_array, string = check_string, integer = check_integer }

-- Returns what is wrong, the path of the wrong value and its description, or nil if the value is valid.
function check(rules, value, path)
  local found = type_name(value)
  if not rules.type or (rules.nullable and found == "null") then
    return nil
  end
  if found ~= rules.type then
    return ("Expected type %s but found type %s"):format(rules.type, found), path, rules.about
  end
  local further = CHECKS[rules.type]
  if further then
    return further(rules, value, path)
  end
end

-- Returns a 400 response if `value` does not match `rules`, else nil. `part` is "Payload", "Path" or "Query".
function schema.refusal(rules, value, part, code)
  local reason, path, about = check(rules, value, "")
  if not reason then
    return nil
  end
  local where = path ~= "" and " on property " .. path or ""
  local described = path ~= "" and about and (" (%s)"):format(about) or ""
  return problem.new(400, ("%s validation error: '%s'%s%s."):format(part, reason, where, described), code)
end

return schema
