-- The pages' tables list each operation, option, scope and kind of error, and nothing else.

local pages = require "spec.documentation.pages"
local support = require "spec.support"

local operations = support.auth0perm.operations()
local types = support.read_file "types/auth0perm.d.lua"

-- How a table of operations begins its description of a result.
local RETURNS = { ["true"] = "`true`", list = "a list", object = "an object" }

local ALL_DRIVERS = "curl, none, openresty"

-- Permissions of the mock tenant's API, which look like scopes.
local EXAMPLES = { ["read:reports"] = true, ["write:reports"] = true, ["delete:reports"] = true,
  ["read:invoices"] = true, ["read:cart"] = true }

local VERBS = { "list", "get", "create", "update", "delete", "assign", "remove", "add" }

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return set
end

-- Returns the names in the first column of a page's table as a set, and checks that none occurs twice.
local function names_in(page, title)
  local names = {}
  for _, row in ipairs(pages.rows(page, title)) do
    for _, name in ipairs(pages.quoted(row[1])) do
      assert(not names[name], name .. " stands in " .. page .. " twice")
      names[name] = true
    end
  end
  return names
end

local function operation_names()
  local names = {}
  for _, operation in ipairs(operations) do names[operation.name] = true end
  return names
end

local function scope_names()
  local names = {}
  for _, operation in ipairs(operations) do
    for scope in operation.scope:gmatch "%S+" do names[scope] = true end
  end
  return names
end

-- The kinds of errors, as the core names them.
local function kind_names()
  local names = {}
  local body = support.read_file "src/core/error.c":match "error_kind_name%(.-\n}"
  for name in body:gmatch 'case ERROR_%u+: return "(%l+)"' do names[name] = true end
  return names
end

-- Adds the kinds of failures that call:fail takes.
local function failure_names(names)
  local failures = types:match "%-%-%-@param kind ([^\n]+)\n[^\n]+\n[^\n]+\nfunction Call:fail%("
  for name in failures:gmatch '"([%l_]+)"' do names[name] = true end
  return names
end

-- The options of a class in the types, as a set.
local function fields_of(class, text)
  local names = {}
  for line in (text or types):match("\n%-%-%-@class " .. class .. "[^\n]*\n(.-)\n\n"):gmatch "[^\n]+" do
    local name = line:match "^%-%-%-@field ([%w_]+)"
    if name then names[name] = true end
  end
  return names
end

describe("the pages'", function()
  it("table of operations has a row for each, with its arguments, request, scopes and result", function()
    local expected, found = {}, {}
    for i, operation in ipairs(operations) do
      expected[i] = ("`client:%s(%s)` `%s %s` `%s` %s"):format(operation.name, table.concat(operation.arguments, ", "),
        operation.method, operation.path, operation.scope:gsub(" ", "` `"), RETURNS[operation.returns])
    end
    for i, row in ipairs(pages.rows("doc/operations.md", "method")) do
      local returns = row[4]:match "^`true`" or row[4]:match "^an? %a+"
      found[i] = ("%s %s %s %s"):format(row[1], row[2], row[3], returns)
    end
    assert.same(expected, found)
  end)

  it("table of the options of calls has a row for each, with the operations that have it", function()
    local expected, found = {}, {}
    for _, operation in ipairs(operations) do
      for _, option in ipairs(operation.options) do
        expected[option] = expected[option] or {}
        expected[option][operation.name] = true
      end
    end
    for _, row in ipairs(pages.rows("doc/operations.md", "option")) do
      local name = pages.quoted(row[1])[1]
      found[name] = row[2] == "all" and operation_names() or set_of(pages.quoted(row[2]))
    end
    assert.same(expected, found)
  end)

  it("table of arguments has each argument", function()
    local expected = {}
    for _, operation in ipairs(operations) do
      for _, name in ipairs(operation.arguments) do expected[name] = true end
    end
    assert.same(expected, names_in("doc/operations.md", "argument"))
  end)

  it("table of options has a row for each option of new, with its type, default and drivers", function()
    local expected, found = {}, {}
    for i, option in ipairs(support.auth0perm.options()) do
      expected[i] = ("%s %s: %s: %s"):format(option.name, option.type .. (option.unit and ", " .. option.unit or ""),
        option.default == nil and "none" or tostring(option.default), table.concat(option.drivers, ", "))
    end
    for i, row in ipairs(pages.rows("doc/options.md", "option")) do
      local default = row[3] == "required" and "none" or row[3]:gsub("`", "")
      local drivers = row[4] == "all" and ALL_DRIVERS or row[4]:gsub("`", "")
      found[i] = ("%s %s: %s: %s"):format(pages.quoted(row[1])[1], row[2], default, drivers)
    end
    assert.same(expected, found)
  end)

  it("options of new match the types", function()
    local found = {}
    for _, option in ipairs(support.auth0perm.options()) do found[option.name] = true end
    assert.same(fields_of "auth0perm.Options", found)
  end)

  it("table of options in nginx has those that it adds, those that differ, and those that it refuses", function()
    local expected = fields_of("auth0perm.openresty.Options", support.read_file "types/auth0perm.openresty.d.lua")
    for _, option in ipairs(support.auth0perm.options()) do
      if not table.concat(option.drivers, " "):find "openresty" then expected[option.name] = true end
    end
    expected.token = true -- may yield there
    assert.same(expected, names_in("doc/openresty.md", "option"))
  end)

  it("table of error kinds has each kind, and so do the types", function()
    local union = types:match "%-%-%-@field kind ([^\n]+)"
    local typed = {}
    for name in union:gmatch '"(%l+)"' do typed[name] = true end
    assert.same(kind_names(), names_in("doc/errors.md", "`err.kind`"))
    assert.same(kind_names(), typed)
  end)

  it("table of an error's members has each member", function()
    assert.same(fields_of "auth0perm.Error", names_in("doc/errors.md", "member"))
  end)

  it("table of scopes has each scope that an operation needs", function()
    local found = {}
    for _, row in ipairs(pages.rows("doc/setup.md", "to")) do
      for _, scope in ipairs(pages.quoted(row[2])) do found[scope] = true end
    end
    assert.same(sorted(scope_names()), sorted(found))
  end)

  -- The reference is left out: it also names what Auth0's own documents call things, and reference_spec.lua checks it.
  for _, page in ipairs(pages.paths()) do
    if page ~= "doc/reference.md" then describe("page " .. page, function()
      local text = support.read_file(page)

      it("names only operations that exist", function()
        local known = operation_names()
        for _, verb in ipairs(VERBS) do
          for name in text:gmatch("[`:\"](" .. verb .. "_[%l_]+)[`(\"]") do
            assert.is_truthy(known[name], page .. ": " .. name)
          end
        end
      end)

      it("names only scopes that exist", function()
        local known = scope_names()
        for scope in text:gmatch "%f[%w](%l+:[%l_]+)" do
          local verb = scope:match "^%l+"
          if verb == "read" or verb == "update" or verb == "create" or verb == "delete" then
            assert.is_truthy(known[scope] or EXAMPLES[scope], page .. ": " .. scope)
          end
        end
      end)

      it("names only kinds of errors, or of drivers' failures, that exist", function()
        local known = failure_names(kind_names())
        for _, pattern in ipairs { 'kind == "(%l+)"', 'kind ~= "(%l+)"', "kind `(%l+)`" } do
          for kind in text:gmatch(pattern) do assert.is_truthy(known[kind], page .. ": " .. kind) end
        end
      end)
    end) end
  end
end)
