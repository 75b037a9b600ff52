-- Writes the reference of modules:
--
--   lua tools/reference.lua types MODULE FILE...
--   lua tools/reference.lua markdown MODULE FILE... [-- MODULE FILE...]...
--
-- The documentation comments of the files contain LuaCATS, the annotations of lua-language-server.

-- How documentation comments begin and end.
local ENDS = { ["/*---"] = "*/", ["--[[---"] = "]]" }

-- The lines of all documentation comments of a file, without their indentation; an empty line after each comment.
local function read_file(path)
  local lines, ending = {}, nil
  for line in io.lines(path) do
    local text = line:match "^%s*(.-)%s*$"
    if not ending then
      ending = ENDS[text]
    elseif text == ending then
      ending = nil
      lines[#lines + 1] = ""
    else
      lines[#lines + 1] = text
    end
  end
  return lines
end

local function read_files(paths)
  local all = {}
  for _, path in ipairs(paths) do
    for _, line in ipairs(read_file(path)) do all[#all + 1] = line end
  end
  return all
end

-- The last part of a module's name, which is also the variable that the comments use for it.
local function variable_of(module)
  return module:match "[%w_]+$"
end

local function print_types(module, paths)
  print("---@meta " .. module)
  print "-- Written by `make reference` from the comments in the sources; do not edit.\n"
  print(table.concat(read_files(paths), "\n"))
  print("return " .. variable_of(module))
end

-- The variable for a value of a class, in Markdown.
local VARIABLES = { Client = "client", Operations = "client", Call = "call", LightCall = "call" }

-- The sections of a module, in order; each holds the functions of some classes. Everything else is a type.
local SECTIONS = {
  { title = "functions of the module", of_module = true },
  { title = "clients", Client = true },
  { title = "operations", Operations = true },
  { title = "calls", Call = true, LightCall = true },
  { title = "types" },
}

local function section_of(owner, module)
  for _, section in ipairs(SECTIONS) do
    if section[owner] or section.of_module and owner == variable_of(module) then return section end
  end
end

local function split_type(text)
  local type_name, comment = text:match "^(.-)%s%s+(.*)$"
  return type_name or text, comment and ": " .. comment or ""
end

-- An annotation as an item of a list; nil if Markdown does not show it.
local function format_item(kind, rest)
  if kind == "return" then
    return ("- returns `%s`%s"):format(split_type(rest))
  elseif kind == "field" or kind == "param" then
    local name, meaning = rest:match "^(%S+)%s+(.*)$"
    return ("- **%s** `%s`%s"):format(name, split_type(meaning))
  end
end

-- Reads a block of lines that belong together into an entry: { title, text, items, section }. Text is above what it
-- describes: a function, a class, an alias or a field.
local function read_block(block, module)
  local entry = { text = {}, items = {}, section = SECTIONS[#SECTIONS] }
  local pending = {}
  for _, line in ipairs(block) do
    local body = line:match "^%-%-%-%s?(.*)$"
    local kind, rest = (body or ""):match "^@(%a+)%s+(.*)$"
    local signature = line:match "^function%s+(.-)%s+end$"
    if signature then
      local owner = signature:match "^[%w_]+"
      entry.title = signature:gsub("^[%w_]+", VARIABLES[owner] or "auth0perm")
      entry.section = section_of(owner, module)
    elseif kind == "class" then
      local name, parent = rest:match "^([%w_.]+)%s*:?%s*([%w_.]*)"
      entry.title, entry.text, pending = name, pending, {}
      entry.parent = parent ~= "" and parent or nil
      entry.introduces = section_of(name:match "[%w_]+$", module)
    elseif kind == "alias" then
      entry.title, entry.meaning = rest:match "^(%S+)%s+(.*)$"
    elseif kind == "field" then
      local comment = #pending > 0 and ": " .. table.concat(pending, " ") or ""
      entry.items[#entry.items + 1] = format_item(kind, rest) .. comment
      pending = {}
    elseif kind then
      entry.items[#entry.items + 1] = format_item(kind, rest)
    elseif body then
      pending[#pending + 1] = body
    end
  end
  for _, line in ipairs(pending) do entry.text[#entry.text + 1] = line end
  return entry
end

-- Prints a paragraph. Methods get the names that callers use: `client:step` instead of `Client:step`.
local function print_paragraph(text)
  if text == "" then return end
  print("\n" .. text:gsub("`(%u%a+)(:[%a_]+)", function(class, method) return "`" .. VARIABLES[class] .. method end))
end

-- Prints an entry, below its title.
local function print_body(entry)
  if entry.meaning then print_paragraph(("`%s`"):format(entry.meaning)) end
  print_paragraph(table.concat(entry.text, "\n"))
  if entry.parent then print_paragraph(("Has the members of `%s`, and:"):format(entry.parent)) end
  print_paragraph(table.concat(entry.items, "\n"))
end

local function read_entries(paths, module)
  local entries, block = {}, {}
  for _, line in ipairs(read_files(paths)) do
    if line ~= "" then
      block[#block + 1] = line
    elseif #block > 0 then
      entries[#entries + 1] = read_block(block, module)
      block = {}
    end
  end
  return entries
end

local function print_section(section, entries, module)
  local title = ("\n## `%s`: %s"):format(module, section.title)
  for _, entry in ipairs(entries) do
    if entry.introduces == section then
      print(title)
      title = nil
      print_body(entry)
    end
  end
  for _, entry in ipairs(entries) do
    if entry.section == section and not entry.introduces then
      if title then print(title) end
      title = nil
      print(("\n### `%s`"):format(entry.title))
      print_body(entry)
    end
  end
end

-- Prints the reference of modules, each { name, path... }.
local function print_markdown(modules)
  print "# Reference\n"
  print "Written by `make reference` from the comments in the sources; do not edit."
  for _, paths in ipairs(modules) do
    local module = table.remove(paths, 1)
    local entries = read_entries(paths, module)
    for _, section in ipairs(SECTIONS) do print_section(section, entries, module) end
  end
end

local format = table.remove(arg, 1)
if format == "types" then
  print_types(table.remove(arg, 1), arg)
elseif format == "markdown" then
  local modules = { {} }
  for _, word in ipairs(arg) do
    if word == "--" then
      modules[#modules + 1] = {}
    else
      table.insert(modules[#modules], word)
    end
  end
  print_markdown(modules)
else
  io.stderr:write "usage: lua tools/reference.lua types|markdown MODULE FILE...\n"
  os.exit(2)
end
