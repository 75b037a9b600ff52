-- The reference and the types for editors match the sources, and describe every function that Lua programs can call.

local pages = require "spec.documentation.pages"
local support = require "spec.support"

local GENERATED = { "doc/reference.md", "types/auth0perm.d.lua", "types/auth0perm.openresty.d.lua" }

describe("the reference", function()
  local types = support.read_file "types/auth0perm.d.lua"

  it("and the types match the sources: `make reference` writes them", function()
    local folder = pages.output_of "mktemp -d"
    local lua = support.run_lua("io.write(arg[-1])"):match "[^/]+$"
    local output, status = support.run(("env -u MAKEFLAGS LD_PRELOAD= make -s reference LUA=%s REFERENCE=%s")
      :format(lua, folder))
    assert.equal(0, status, output)
    for _, path in ipairs(GENERATED) do
      assert.equal(support.read_file(folder .. "/" .. path), support.read_file(path), path)
    end
    support.run("rm -r " .. folder)
  end)

  it("has pictures that match the text beside them: `make pictures` draws them", function()
    for source in pages.output_of "ls doc/pictures/*.txt":gmatch "[^\n]+" do
      local lua = support.run_lua "io.write(arg[-1])"
      local picture = support.run(("%s tools/picture.lua %s"):format(lua, source))
      assert.equal(picture, support.read_file((source:gsub("%.txt$", ".svg"))), source)
    end
  end)

  it("has every room of the sources in the picture of the floors, and on the page about them", function()
    local picture, page = support.read_file "doc/pictures/floors.txt", support.read_file "doc/architecture.md"
    for path in pages.output_of "ls src/*/*.c":gmatch "[^\n]+" do
      local room = path:match "([%w_]+)%.c$"
      assert.is_truthy(picture:find("%f[%w_]" .. room .. "%f[^%w_]"), path)
      assert.is_truthy(page:find("`" .. room .. "`", 1, true), path)
    end
  end)

  -- Checks that the types describe a function of one of the classes.
  local function expect_described(name, ...)
    for _, class in ipairs { ... } do
      if types:find(("\nfunction %s%s("):format(class, name), 1, true) then return end
    end
    error(name .. " is not described where it is registered", 2)
  end

  it("describes every method that the sources register", function()
    local classes = { ["src/lua/client.c"] = "Client:", ["src/lua/call.c"] = "Call:", ["src/lua/prepared.c"] = "Call:" }
    for path, class in pairs(classes) do
      local methods = assert(support.read_file(path):match "luaL_Reg methods%[%] = (%b{})", path)
      for name in methods:gmatch '{"([%a_]+)", [%w_]+}' do expect_described(name, class) end
    end
  end)

  -- Returns the comment above an operation's method, as one line.
  local function comment_of(operation)
    local signature = ("function Operations:%s(%s)"):format(operation.name, table.concat(operation.arguments, ", ")
      .. (#operation.arguments > 0 and ", " or "") .. "options")
    for block in (types .. "\n"):gmatch "(.-)\n\n" do
      if block:find(signature, 1, true) then return (block:gsub("\n%-%-%- ?", " ")) end
    end
    error("not described: " .. signature)
  end

  it("describes every operation, with its request and its scopes", function()
    for _, operation in ipairs(support.auth0perm.operations()) do
      local comment = comment_of(operation)
      local request = ("`%s %s`"):format(operation.method, operation.path)
      assert.is_truthy(comment:find(request, 1, true), operation.name .. ": " .. request)
      for scope in operation.scope:gmatch "%S+" do
        assert.is_truthy(comment:find("`" .. scope .. "`", 1, true), operation.name .. ": " .. scope)
      end
    end
  end)

  it("describes every function of the module", function()
    for name, value in pairs(support.auth0perm) do
      if type(value) == "function" then expect_described(name, "auth0perm.") end
    end
  end)
end)
