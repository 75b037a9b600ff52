-- The programs in the documentation run, and print what the pages say. doc/README.md has the rules.

local pages = require "spec.documentation.pages"
local support = require "spec.support"
local output_of, tenant = pages.output_of, support.tenant

local MARKER = "#!/usr/bin/env lua5.4"
local LATENCY = 0.05 -- seconds
-- Folders whose files must exist if a page names them.
local TOP = { spec = true, examples = true, doc = true, bench = true, src = true, tools = true, types = true }
local load = rawget(_G, "loadstring") or load

-- The commands of a session, in order: { command, printed }.
local function commands_of(session)
  local commands = {}
  for line in session:gmatch "([^\n]*)\n" do
    local command = line:match "^%$ (.*)$"
    if command then
      commands[#commands + 1] = { command = command, printed = "" }
    else
      local last = commands[#commands]
      last.printed = last.printed .. line .. "\n"
    end
  end
  return commands
end

-- The program that begins at a block, if one does: { name, text, commands }.
local function program_at(blocks, index)
  local block = blocks[index]
  if block.language ~= "lua" or block[1] ~= MARKER then return nil end
  local name = assert(block[2]:match "^%-%- ([%w_]+%.lua): ",
    "a program's second line begins with its name: " .. block[2])
  local following = blocks[index + 1]
  local has_session = following and following.language == "text" and following[1]:find("$ ", 1, true) == 1
  local session = has_session and following.text
  return { name = name, text = block.text, commands = commands_of(session or "$ lua5.4 " .. name .. "\n"),
    session = session }
end

-- A list of relative directories in LUA_PATH or LUA_CPATH, as absolute ones.
local function absolute(variable)
  local root = output_of "pwd"
  return ((";" .. (os.getenv(variable) or ";;")):gsub(";([%w.])", ";" .. root .. "/%1"):sub(2))
end

-- Makes a directory with commands in it: lua5.4, which is the Lua that runs this, and a curl that no sanitizer is
-- preloaded into.
local function new_directory()
  local directory = output_of "mktemp -d"
  local interpreter = output_of("command -v " .. support.run_lua "io.write(arg[-1])")
  for name, command in pairs { ["lua5.4"] = interpreter, curl = "env LD_PRELOAD= " .. output_of "command -v curl" } do
    support.write_file(directory .. "/" .. name, ('#!/bin/sh\nexec %s "$@"\n'):format(command))
    support.run(("chmod +x %s/%s"):format(directory, name))
  end
  return directory
end

-- The assignments that a program's environment needs.
local function environment(directory)
  local values = { AUTH0_DOMAIN = tenant.domain, AUTH0_API_TOKEN = tenant.token, AUTH0_CA_FILE = tenant.ca_file,
    LUA_PATH = absolute "LUA_PATH", LUA_CPATH = absolute "LUA_CPATH" }
  local words = { ('PATH="%s:$PATH"'):format(directory) }
  for name, value in pairs(values) do words[#words + 1] = ("%s='%s'"):format(name, value) end
  return table.concat(words, " ")
end

describe("the documentation's", function()
  local directory

  setup(function() directory = new_directory() end)

  teardown(function() support.run("rm -r " .. directory) end)

  -- The data that doc/README.md promises.
  before_each(function()
    tenant.reset()
    tenant.settings { latency = LATENCY }
    local client = support.client()
    assert(client:assign_user_permissions(support.user, support.permissions("write:reports", "delete:reports")))
    client:close()
  end)

  -- Runs a command of a session as a shell would.
  local function run(command)
    support.write_file(directory .. "/command", command .. "\n")
    return support.run(("cd %s && env %s timeout 60 sh ./command"):format(directory, environment(directory)))
  end

  -- Runs a program's session.
  local function check(program)
    support.write_file(directory .. "/" .. program.name, program.text)
    for _, entry in ipairs(program.commands) do
      local output, status = run(entry.command)
      if program.session then assert.equal(entry.printed, output) end
      assert.equal(0, status, output)
    end
  end

  for _, page in ipairs(pages.paths()) do
    local blocks = pages.blocks(page)
    for index, block in ipairs(blocks) do
      local program = program_at(blocks, index)
      if program then
        it(("program %s, in %s, does what the page says"):format(program.name, page), function() check(program) end)
      elseif block.language == "lua" then
        it(("lines of Lua from %s:%d on can be compiled"):format(page, block.line), function()
          assert(load(block.text, "@" .. page))
        end)
      end
    end

    it("links in " .. page .. " lead to existing files", function()
      local text = support.read_file(page):gsub("```.-\n```", ""):gsub("`[^`\n]*`", "")
      for target in text:gmatch "%]%(([^)]+)%)" do
        if not target:match "^%a+://" then
          local path, anchor = target:match "^([^#]*)#?(.*)$"
          local file = path == "" and page or page:match "^(.-)[^/]*$" .. path
          assert.equal("", output_of("ls -d '" .. file .. "' >/dev/null"), page .. ": " .. target)
          assert.equal("", anchor, page .. ": " .. target)
        end
      end
    end)
  end

  it("index names every page", function()
    local index = support.read_file "doc/README.md"
    for _, page in ipairs(pages.paths()) do
      local name = page:match "^doc/(.*)$"
      assert.is_truthy(not name or name == "README.md" or index:find("](" .. name .. ")", 1, true), page)
    end
  end)

  it("files that the pages name exist", function()
    for _, page in ipairs(pages.paths()) do
      for path in support.read_file(page):gmatch "`([%w_%-/.]+)`" do
        local top = path:match "^(%a+)/"
        if TOP[top] then
          assert.equal("", output_of("ls -d '" .. path .. "' >/dev/null"), page .. ": " .. path)
        end
      end
    end
  end)
end)
