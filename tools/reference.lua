-- Writes the reference of a module: lua generate.lua types|markdown MODULE FILE...
-- Both come from the comments in the sources that begin with "/*---", or "--[[---" in Lua, beside what they describe;
-- what is inside is LuaCATS, the annotations of lua-language-server.

local format, module = table.remove(arg, 1), table.remove(arg, 1)

-- How documentation comments begin and end.
local ENDS = { ["/*---"] = "*/", ["--[[---"] = "]]" }

-- The lines of all documentation comments of a file, without their indentation; an empty line after each comment.
local function documentation(path)
  local lines, inside = {}, nil
  for line in io.lines(path) do
    local text = line:match "^%s*(.-)%s*$"
    if not inside then
      inside = ENDS[text]
    elseif text == inside then
      inside = nil
      lines[#lines + 1] = ""
    else
      lines[#lines + 1] = text
    end
  end
  return lines
end

local all = {}
for _, path in ipairs(arg) do
  for _, line in ipairs(documentation(path)) do all[#all + 1] = line end
end

local function types()
  print("---@meta " .. module .. "\n")
  print(table.concat(all, "\n"))
  print("return " .. module:match "[%w_]+$")
end

-- One annotation as a line of Markdown; nil for what Markdown does not show.
local function annotation(text)
  local kind, rest = text:match "^@(%a+)%s+(.*)$"
  if kind == "class" then
    local name, parent = rest:match "^([%w_.]+)%s*:?%s*([%w_.]*)"
    return ("### `%s`\n"):format(name) .. (parent ~= "" and ("\nAll that `%s` has, and:\n"):format(parent) or "")
  elseif kind == "alias" then
    local name, meaning = rest:match "^(%S+)%s+(.*)$"
    return ("### `%s`\n\n`%s`\n"):format(name, meaning)
  elseif kind == "field" or kind == "param" then
    local name, meaning = rest:match "^(%S+)%s+(.*)$"
    local type_name, comment = meaning:match "^(.-)%s%s+(.*)$"
    return ("- **%s** `%s`%s"):format(name, type_name or meaning, comment and ": " .. comment or "")
  elseif kind == "return" then
    local meaning, comment = rest:match "^(.-)%s%s+(.*)$"
    return ("- returns `%s`%s"):format(meaning or rest, comment and ": " .. comment or "")
  end
end

-- What the documentation calls a value of a class.
local VARIABLES = { Client = "client", Operations = "client", Call = "call" }

-- A block of lines that belong together: text goes before what it describes, a function's name above all.
local function markdown_block(block)
  local title, text, notes = nil, {}, {}
  for _, line in ipairs(block) do
    local body = line:match "^%-%-%-%s?(.*)$"
    local name = line:match "^function%s+(.-)%s+end$"
    if name then
      title = "### `" .. name:gsub("^%u%l+", VARIABLES):gsub("^LightCall", "call") .. "`\n"
    elseif body and body:match "^@field" then
      notes[#notes + 1] = annotation(body) .. (#text > 0 and ": " .. table.concat(text, " ") or "")
      text = {}
    elseif body and body:match "^@%a" then
      local shown = annotation(body)
      if shown and shown:match "^###" then
        title = shown .. (#text > 0 and "\n" .. table.concat(text, "\n") .. "\n" or "")
        text = {}
      else
        notes[#notes + 1] = shown
      end
    elseif body then
      text[#text + 1] = body
    end
  end
  if title then print(title) end
  if #text > 0 then print(table.concat(text, "\n") .. "\n") end
  if #notes > 0 then print(table.concat(notes, "\n") .. "\n") end
end

local function markdown()
  print("# " .. module .. ": reference\n")
  local block = {}
  for _, line in ipairs(all) do
    if line == "" then
      if #block > 0 then markdown_block(block) end
      block = {}
    else
      block[#block + 1] = line
    end
  end
end

if format == "types" then
  types()
elseif format == "markdown" then
  markdown()
else
  io.stderr:write "usage: lua generate.lua types|markdown MODULE FILE...\n"
  os.exit(2)
end
