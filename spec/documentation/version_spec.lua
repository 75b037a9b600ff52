-- Every file that names the version agrees with src/core/version.h.

local support = require "spec.support"

local version = support.read_file("src/core/version.h"):match 'MODULE_VERSION "([^"]+)"'

describe("the version in src/core/version.h", function()
  it("is the module's _VERSION", function() assert.equal("auth0perm " .. version, support.auth0perm._VERSION) end)

  for path, pattern in pairs {
    ["dist.ini"] = "\nversion = (%S+)\n",
    ["CHANGELOG.md"] = "\n## (%d[^,%s]*)",
    ["README.md"] = "%*%*Status:%*%* (%d[^,%s]*)",
  } do
    it("is that of " .. path, function() assert.equal(version, support.read_file(path):match(pattern)) end)
  end
end)
