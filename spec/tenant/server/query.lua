-- Parses and checks the query string of a request.

local json = require "server.json"
local schema = require "server.schema"

local query = {}

-- ngx.decode_args counts at most this many parameters.
local MAX_PARAMETERS = 100

local function convert(rules, text)
  if rules.type == "integer" and text:find("^-?%d+$") then
    return tonumber(text)
  elseif rules.type == "boolean" and (text == "true" or text == "false") then
    return text == "true"
  elseif rules.type == "array" then
    return json.array { text }
  end
  return text
end

-- Converts what ngx.decode_args returns: a string, true (no value), or a list of these (a repeated parameter).
local function value_of(rules, given)
  if type(given) == "table" then
    return json.array(given)
  end
  return convert(rules or {}, given == true and "" or given)
end

local function required_names(properties)
  local names = {}
  for name, rules in pairs(properties) do
    if rules.required then
      names[#names + 1] = name
    end
  end
  return names
end

-- Returns the parameters in `text` (the part after the question mark, or nil), converted as `properties` says, or nil
-- and the refusal.
function query.parse(text, properties)
  local values = {}
  for name, given in pairs(ngx.decode_args(text or "", MAX_PARAMETERS)) do
    values[name] = value_of(properties[name], given)
  end
  local rules = { type = "object", properties = properties, required = required_names(properties) }
  local refusal = schema.refusal(rules, values, "Query", "invalid_query_string")
  if refusal then
    return nil, refusal
  end
  return values
end

return query
