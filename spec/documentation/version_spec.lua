-- The version stands in src/core/version.h; what else names it agrees.

local support = require "spec.support"

local version = support.read_file("src/core/version.h"):match 'MODULE_VERSION "([^"]+)"'

describe("the version in src/core/version.h", function()
  it("is what the module says", function() assert.equal("auth0perm " .. version, support.auth0perm._VERSION) end)

  for path, pattern in pairs {
    ["dist.ini"] = "\nversion = (%S+)\n",
    ["CHANGELOG.md"] = "\n## (%d[^,%s]*)",
    ["README.md"] = "%*%*Status:%*%* (%d[^,%s]*)",
  } do
    it("is that of " .. path, function() assert.equal(version, support.read_file(path):match(pattern)) end)
  end
end)
