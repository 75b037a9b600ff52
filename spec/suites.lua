-- What spec/run runs. Returns a function from its arguments to a list of suites, or nil where there is nothing to run.
--
-- A suite has a name and a list of jobs. A job is a command; `name` tells it from the others of its suite, `needs`
-- lists builds that come first, `busy` says that it keeps a processor busy, and `build` that others may need it. Jobs
-- start in the order in which they are listed, so that what takes longest stands first.

local FIRST_LUAS, OTHER_LUAS = { "lua5.4", "luajit" }, { "lua5.3", "lua5.2", "lua5.1" }
local SANITIZE = "'-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'"
local SANITIZED = "build/sanitized/"
local BUSTED = "/usr/bin/busted -o plainTerminal"
local POLL = "build/poll/lua5.4"

-- Folders of specs that show the same on every Lua: it is nginx's Lua, the C or a script that does the work.
local ON_ONE_LUA = { openresty = true, pacing = true, tenant = true, tools = true }
-- Without epoll a client has no descriptor to poll. These specs wait in `step` and in methods that block.
local WITHOUT_EPOLL = { "embed", "module" }
local LONG = { "pacing", "embed", "event_loops" } -- the folders that take longest, which stand first

-- The lines that a command prints.
local function lines(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

-- The folders of spec/ that hold specs, but those of `without`.
local function folders(without)
  local list, seen = {}, {}
  local function add(name)
    if not seen[name] and not without[name] then list[#list + 1], seen[name] = name, true end
  end
  for _, name in ipairs(LONG) do add(name) end
  for _, path in ipairs(lines "ls -d spec/*/*_spec.lua") do add(path:match "spec/([^/]+)/") end
  return list
end

-- A job for each of these spec files. `settings` may name lua, build, environment, preload (a library) and needs.
local function spec_jobs(paths, settings)
  local jobs, preload = {}, settings.preload or ""
  if preload ~= "" then preload = "env LD_PRELOAD=" .. preload end
  for i, path in ipairs(paths) do
    jobs[i] = {
      name = path:match "([^/]+)_spec%.lua$",
      needs = settings.needs,
      command = ("env LUA_PATH='./?.lua;;' LUA_CPATH='%s/?.so;;' %s spec/tenant/run -- %s %s %s %s"):format(
        settings.build, settings.environment or "", preload, settings.lua, BUSTED, path),
    }
  end
  return jobs
end

-- Adds a suite for each of these folders of specs.
local function add_specs(list, names, title, settings)
  for _, folder in ipairs(names) do
    local paths = lines(("ls -d spec/%s/*_spec.lua"):format(folder))
    list[#list + 1] = { name = ("specs, %s, %s"):format(title, folder), jobs = spec_jobs(paths, settings) }
  end
end

-- Adds a suite of one job.
local function add(list, name, job) list[#list + 1] = { name = name, jobs = { job } } end

-- A job that builds; others name it in `needs` by its folder.
local function build(folder, arguments)
  return { name = folder, build = folder, busy = true, command = ("make -s BUILD=%s %s"):format(folder, arguments) }
end

-- What users build, and the programs of its specs, without a warning of the compiler.
local function usual_build(lua, targets)
  return build("build/" .. lua, ("LUA=%s WERROR=-Werror %s"):format(lua, targets))
end

-- --- make test

local function builds_of_test()
  return { name = "builds", jobs = {
    usual_build("lua5.4", "all hosts build/lua5.4/core-tests"), usual_build("luajit", "all hosts"),
  } }
end

local function test(list)
  list[#list + 1] = builds_of_test()
  list[#list + 1] = { name = "style", jobs = {
    { name = "clang-format", command = "tools/style clang-format", busy = true },
    { name = "luacheck", command = "tools/style luacheck", busy = true },
    { name = "rules", command = "tools/style rules", busy = true },
  } }
  add(list, "core", { command = "build/lua5.4/core-tests", needs = { "build/lua5.4" }, busy = true })
  add_specs(list, folders {}, "lua5.4",
    { lua = "lua5.4", build = "build/lua5.4", needs = { "build/lua5.4", "build/luajit" } })
  add_specs(list, folders(ON_ONE_LUA), "luajit", { lua = "luajit", build = "build/luajit", needs = { "build/luajit" } })
  add(list, "install", { command = "tools/install-test", needs = { "build/lua5.4", "build/luajit" }, busy = true })
  add(list, "make demo", { command = "make -s demo", needs = { "build/lua5.4" } })
end

-- --- what make test-all adds

local function builds_of_more()
  local jobs = {}
  for _, lua in ipairs(FIRST_LUAS) do
    local folder = SANITIZED .. lua
    jobs[#jobs + 1] = build(folder, ("LUA=%s CC=gcc CFLAGS=%s all hosts %s/torture %s"):format(lua, SANITIZE, folder,
      lua == "lua5.4" and folder .. "/core-tests" or ""))
  end
  for _, lua in ipairs(OTHER_LUAS) do jobs[#jobs + 1] = usual_build(lua, "all") end
  jobs[#jobs + 1] = build(POLL,
    ("LUA=lua5.4 CPPFLAGS=-DAUTH0PERM_WITHOUT_EPOLL WERROR=-Werror all hosts %s/core-tests"):format(POLL))
  return { name = "builds for more", jobs = jobs }
end

-- gcc has compiled all for each Lua with -Werror already. Core and driver know no Lua: one shows all.
local function warnings_of_clang()
  local jobs = { build("build/warnings/lua5.4", "LUA=lua5.4 CC=clang WERROR=-Werror all hosts") }
  for _, lua in ipairs { "luajit", "lua5.3", "lua5.2", "lua5.1" } do
    jobs[#jobs + 1] = build("build/warnings/" .. lua, ("LUA=%s CC=clang WERROR=-Werror lua-objects"):format(lua))
  end
  return { name = "no warning of clang", jobs = jobs }
end

local function torture()
  local jobs = {}
  for _, lua in ipairs(FIRST_LUAS) do
    local folder = SANITIZED .. lua
    table.insert(jobs, 1, { name = lua .. ", sanitized", busy = true, needs = { folder },
      command = ("make -s LUA=%s CC=gcc BUILD=%s CFLAGS=%s torture"):format(lua, folder, SANITIZE) })
    jobs[#jobs + 1] = { name = lua, busy = true, needs = { "build/" .. lua },
      command = ("make -s LUA=%s torture"):format(lua) }
  end
  return { name = "torture", jobs = jobs }
end

local function hosts(list)
  local embed, threads = {}, {}
  for _, lua in ipairs(FIRST_LUAS) do
    embed[#embed + 1] = { name = lua, needs = { "build/" .. lua }, command = ("make -s LUA=%s embed"):format(lua) }
    for _, compiler in ipairs { "gcc", "clang" } do
      threads[#threads + 1] = { name = lua .. ", " .. compiler, busy = true,
        command = ("make -s LUA=%s CC=%s BUILD=build/threads/%s/%s CFLAGS='-O1 -g -fsanitize=thread' threads")
          :format(lua, compiler, compiler, lua) }
    end
  end
  list[#list + 1] = { name = "a host in C, two states", jobs = embed }
  list[#list + 1] = { name = "threads, sanitized", jobs = threads }
end

local function more(list)
  list[#list + 1] = builds_of_more()
  list[#list + 1] = torture()
  add(list, "core, sanitized",
    { command = SANITIZED .. "lua5.4/core-tests", needs = { SANITIZED .. "lua5.4" }, busy = true })
  add(list, "core, without epoll", { command = POLL .. "/core-tests", needs = { POLL }, busy = true })
  add(list, "the permission desk, in Chromium", { command = "spec/desk/run", needs = { "build/luajit" }, busy = true })
  add(list, "the tenant, with Auth0's own SDK for Node", { command = "spec/interop/run" })
  -- The sanitizer has to be in the process before the module: it is preloaded into the Lua that runs busted.
  for _, lua in ipairs(FIRST_LUAS) do
    local folder = SANITIZED .. lua
    add_specs(list, folders(ON_ONE_LUA), lua .. " sanitized", { lua = lua, build = folder, needs = { folder },
      environment = "ASAN_OPTIONS=detect_leaks=1 "
        .. "LSAN_OPTIONS=suppressions=\"$PWD\"/spec/leaks.supp:print_suppressions=0",
      preload = "\"$(gcc -print-file-name=libasan.so)\"" })
  end
  add_specs(list, WITHOUT_EPOLL, "without epoll", { lua = "lua5.4", build = POLL, needs = { POLL } })
  for _, lua in ipairs(OTHER_LUAS) do
    add_specs(list, { "module" }, lua, { lua = lua, build = "build/" .. lua, needs = { "build/" .. lua } })
  end
  list[#list + 1] = warnings_of_clang()
  hosts(list)
  add(list, "install, lua5.1", { command = "tools/install-test rock 5.1", busy = true })
  add(list, "the benchmarks' raw loop is built", { command = "make -s build/bench/raw WERROR=-Werror", busy = true })
  add(list, "pacing, simulated", { command = "make -s pacing", needs = { "build/lua5.4" }, busy = true })
end

-- --- make check

-- The specs in these folders, or these files, a suite for each folder.
local function specs(list, paths)
  local suites = {}
  local settings = { lua = os.getenv "LUA" or "lua5.4", build = os.getenv "BUILD" or "build/lua5.4",
    preload = os.getenv "PRELOAD" }
  for _, path in ipairs(lines("find " .. table.concat(paths, " ") .. " -name '*_spec.lua' | sort")) do
    local folder = path:match "([^/]+)/[^/]+$" or "."
    if not suites[folder] then
      suites[folder] = { name = ("check, %s, %s"):format(settings.lua, folder), jobs = {} }
      local is_long = table.concat(LONG, " "):find(folder, 1, true)
      table.insert(list, is_long and 1 or #list + 1, suites[folder])
    end
    table.insert(suites[folder].jobs, spec_jobs({ path }, settings)[1])
  end
end

local GROUPS = { test = test, more = more }

return function(arguments)
  local list, chosen = {}, {}
  if arguments[1] == "specs" then
    specs(list, table.pack(table.unpack(arguments, 2)))
  else
    for _, name in ipairs(arguments) do
      if not GROUPS[name] then return nil end
      chosen[name] = true
      GROUPS[name](list)
    end
    if chosen.more and not chosen.test then table.insert(list, 1, builds_of_test()) end
  end
  for _, suite in ipairs(list) do suite.counted = true end
  if chosen.more and not chosen.test then list[1].counted = false end
  return #list > 0 and list or nil
end
