-- tools/install-packages, with a fake apt: these specs install no packages.

local support = require "spec.support"

describe("tools/install-packages", function()
  local directory

  local function write_command(name, text)
    support.write_file(directory .. "/" .. name, "#!/bin/sh\n" .. text .. "\n")
    support.run(("chmod +x %s/%s"):format(directory, name))
  end

  -- Creates a fake machine where the packages `installed` are installed and apt knows the packages `known`. Logs the
  -- commands that run as root; the caller defines apt-get.
  local function machine(installed, known, apt_get)
    write_command("id", "echo 1000")
    write_command("dpkg-query", ('case " %s " in *" $3 "*) echo installed ;; esac'):format(installed))
    write_command("apt-cache",
      ('case " %s " in *" $2 "*) echo "  Candidate: 1.0" ;; *) echo "  Candidate: (none)" ;; esac')
      :format(known))
    write_command("apt-get", apt_get)
    write_command("sudo", ('echo "$*" >>%s/log\ncase $* in *apt-get*) exec "$@" ;; *) cat >/dev/null ;; esac')
      :format(directory))
  end

  -- Runs the script; returns its output, its status, and the commands that ran as root.
  local function install(packages, environment)
    local output, status = support.run(("LD_PRELOAD= PATH=%s:$PATH %s tools/install-packages %s </dev/null")
      :format(directory, environment or "", packages))
    return output, status, (support.run(("cat %s/log 2>/dev/null"):format(directory)))
  end

  before_each(function() directory = support.run("mktemp -d"):match "%S+" end)

  after_each(function() support.run("rm -r " .. directory) end)

  it("does nothing if all packages are installed", function()
    machine("a b", "a b", "exit 1")
    assert.same({ "", 0, "" }, { install "a c/b b" })
  end)

  it("installs only the missing packages", function()
    machine("a", "a b c", "exit 0")
    local output, status, log = install "a b c"
    assert.equal(0, status)
    assert.matches("Installing: b c\n", output, 1, true)
    assert.matches(" install b c\n", log, 1, true)
  end)

  for known, chosen in pairs { ["new old"] = "new", old = "old" } do
    it("installs the first alternative that apt knows: " .. known, function()
      machine("", known, "exit 0")
      assert.matches(" install " .. chosen .. "\n", (select(3, install "new/old")), 1, true)
    end)
  end

  for _, lock in ipairs { "lists/lock", "archives/lock", "lock-frontend" } do
    it("waits while another apt process holds " .. lock, function()
      machine("", "a", ([[
        [ ! -e %s/unlocked ] || exit 0
        : >%s/unlocked
        echo "E: Could not get lock /var/%s. It is held by process 1 (apt)" >&2
        exit 100]]):format(directory, directory, lock))
      local output, status, log = install "a"
      assert.equal(0, status)
      assert.matches("seconds for another apt to finish", output, 1, true)
      assert.matches(" install a\n", log, 1, true)
      assert.is_nil(output:find("E: ", 1, true))
    end)
  end

  it("does not wait forever for another apt process", function()
    machine("", "a", "echo 'E: Could not get lock /var/lib/apt/lists/lock' >&2; exit 100")
    local output, status = install("a", "LOCK_SECONDS=1")
    assert.equal(100, status)
    assert.matches("E: Could not get lock", output, 1, true)
  end)

  it("names an installed package that conflicts", function()
    machine("old", "a old", [[
      case $* in
        *-s*) echo "Remv old [1.0]"; echo "Inst a (1.0)" ;;
        *install*) echo "E: Packages need to be removed but remove is disabled." >&2; exit 100 ;;
      esac]])
    local output, status = install "a"
    assert.equal(1, status)
    assert.matches("conflict with the missing ones. Remove them first: apt-get remove old\n", output, 1, true)
  end)

  it("hides the output of apt on success, and shows it, without that of services, on failure", function()
    local noise = "echo 'invoke-rc.d: policy-rc.d denied execution of start.' >&2; echo 'E: broken' >&2; exit "
    machine("", "a", noise .. "0")
    assert.equal("Installing: a\n", (install "a"))
    machine("", "a", noise .. "100")
    assert.equal("E: broken\n", (install "a"))
  end)
end)
