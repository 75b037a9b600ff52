-- JSON that tells an empty array from an empty object and keeps the order of an object's keys. lua-cjson does neither,
-- but the API refuses `{"permissions":{}}` and `{"permissions":[]}` with different messages, and its responses have a
-- fixed order.

local json = {}

-- The decoded value of `null`.
json.null = setmetatable({}, { __tostring = function() return "null" end })

local ARRAY = { is_array = true }

-- Marks a list as an array, even when it is empty.
function json.array(list)
  return setmetatable(list or {}, ARRAY)
end

function json.is_array(value)
  return type(value) == "table" and (getmetatable(value) == ARRAY or value[1] ~= nil)
end

function json.is_object(value)
  return type(value) == "table" and value ~= json.null and not json.is_array(value)
end

-- Returns a function that makes objects whose keys are written in this order, before any others.
function json.shape(...)
  local metatable = { order = { ... } }
  return function(fields)
    return setmetatable(fields, metatable)
  end
end

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function escape(character)
  return ESCAPES[character] or string.format("\\u%04x", character:byte())
end

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', escape) .. '"'
end

-- The keys of an object: those of its shape first, then the others in alphabetical order.
local function ordered_keys(object)
  local metatable = getmetatable(object)
  local keys, seen = {}, {}
  for _, key in ipairs(metatable and metatable.order or {}) do
    if object[key] ~= nil then
      keys[#keys + 1] = key
      seen[key] = true
    end
  end
  local known = #keys
  local others = {}
  for key in pairs(object) do
    if not seen[key] then
      others[#others + 1] = key
    end
  end
  table.sort(others, function(a, b) return tostring(a) < tostring(b) end)
  for index, key in ipairs(others) do
    keys[known + index] = key
  end
  return keys
end

local write

local function write_array(list, out)
  out[#out + 1] = "["
  for index, value in ipairs(list) do
    if index > 1 then
      out[#out + 1] = ","
    end
    write(value, out)
  end
  out[#out + 1] = "]"
end

local function write_object(object, out)
  out[#out + 1] = "{"
  for index, key in ipairs(ordered_keys(object)) do
    out[#out + 1] = (index > 1 and "," or "") .. quote(tostring(key)) .. ":"
    write(object[key], out)
  end
  out[#out + 1] = "}"
end

function write(value, out)
  local kind = type(value)
  if value == json.null or kind == "nil" then
    out[#out + 1] = "null"
  elseif kind == "string" then
    out[#out + 1] = quote(value)
  elseif kind == "number" then
    out[#out + 1] = string.format("%.14g", value)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif json.is_array(value) then
    write_array(value, out)
  else
    write_object(value, out)
  end
end

function json.encode(value)
  local out = {}
  write(value, out)
  return table.concat(out)
end

local UNESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
-- No request needs deeper nesting, and the recursive reader would overflow the stack.
local MAX_DEPTH = 200

-- Raised by the reader for text that is not JSON; json.decode catches it.
local NOT_JSON = {}

local function utf8_bytes(code)
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40)
  elseif code < 0x10000 then
    return string.char(0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  end
  return string.char(0xF0 + math.floor(code / 0x40000), 0x80 + math.floor(code / 0x1000) % 0x40,
    0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

-- Reads \uXXXX after the backslash at `at`, and its second half if it is a surrogate pair.
local function read_unicode_escape(text, at)
  local high = tonumber(text:match("^u(%x%x%x%x)", at + 1) or error(NOT_JSON), 16)
  if high >= 0xD800 and high < 0xDC00 then
    local low = tonumber(text:match("^\\u([dD][c-fC-F]%x%x)", at + 6) or "", 16)
    if low then
      return utf8_bytes(0x10000 + (high - 0xD800) * 0x400 + (low - 0xDC00)), at + 12
    end
  end
  return utf8_bytes(high), at + 6
end

-- Reads the string whose opening quote is at `at`. Returns it and the position after it.
local function read_string(text, at)
  local parts = {}
  local from = at + 1
  while true do
    local stop = text:find('["\\%c]', from) or error(NOT_JSON)
    parts[#parts + 1] = text:sub(from, stop - 1)
    local character = text:sub(stop, stop)
    if character == '"' then
      return table.concat(parts), stop + 1
    elseif character == "\127" then
      parts[#parts + 1], from = character, stop + 1
    elseif character ~= "\\" then
      error(NOT_JSON)
    elseif text:sub(stop + 1, stop + 1) == "u" then
      parts[#parts + 1], from = read_unicode_escape(text, stop)
    else
      parts[#parts + 1] = UNESCAPES[text:sub(stop + 1, stop + 1)] or error(NOT_JSON)
      from = stop + 2
    end
  end
end

local function read_number(text, at)
  local whole, fraction_at = text:match("^(-?%d+)()", at)
  if not whole or whole:find("^-?0%d") then
    error(NOT_JSON)
  end
  local fraction, exponent_at = text:match("^(%.%d+)()", fraction_at)
  exponent_at = exponent_at or fraction_at
  local exponent, stop = text:match("^([eE][+-]?%d+)()", exponent_at)
  return tonumber(whole .. (fraction or "") .. (exponent or "")), stop or exponent_at
end

local function skip_space(text, at)
  return text:match("^[ \t\r\n]*()", at)
end

local read

-- Reads the items between brackets: `item(at)` reads one and returns the position after it.
local function read_sequence(text, at, closing, item)
  at = skip_space(text, at + 1)
  if text:sub(at, at) == closing then
    return at + 1
  end
  while true do
    at = skip_space(text, item(at))
    local character = text:sub(at, at)
    if character == closing then
      return at + 1
    elseif character ~= "," then
      error(NOT_JSON)
    end
    at = skip_space(text, at + 1)
  end
end

local function read_array(text, at, depth)
  local list = json.array()
  local stop = read_sequence(text, at, "]", function(from)
    local value, next_at = read(text, from, depth)
    list[#list + 1] = value
    return next_at
  end)
  return list, stop
end

local function read_object(text, at, depth)
  local object = {}
  local stop = read_sequence(text, at, "}", function(from)
    if text:sub(from, from) ~= '"' then
      error(NOT_JSON)
    end
    local key, colon = read_string(text, from)
    colon = skip_space(text, colon)
    if text:sub(colon, colon) ~= ":" then
      error(NOT_JSON)
    end
    local value, next_at = read(text, skip_space(text, colon + 1), depth)
    object[key] = value
    return next_at
  end)
  return object, stop
end

local WORDS = { ["true"] = true, ["false"] = false, null = json.null }

function read(text, at, depth)
  local character = text:sub(at, at)
  if depth > MAX_DEPTH then
    error(NOT_JSON)
  elseif character == "{" then
    return read_object(text, at, depth + 1)
  elseif character == "[" then
    return read_array(text, at, depth + 1)
  elseif character == '"' then
    return read_string(text, at)
  end
  local word, stop = text:match("^(%l+)()", at)
  if word and WORDS[word] ~= nil then
    return WORDS[word], stop
  end
  return read_number(text, at)
end

-- Returns the value, or nil if the text is not JSON.
function json.decode(text)
  local ok, value, stop = pcall(read, text, skip_space(text, 1), 0)
  if not ok then
    if value ~= NOT_JSON then
      error(value, 0)
    end
    return nil
  end
  if skip_space(text, stop) <= #text then
    return nil
  end
  return value
end

return json
