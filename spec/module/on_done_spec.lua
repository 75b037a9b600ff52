-- call:on_done: callbacks that run when a call is done.

local support = require "spec.support"
local tenant = support.tenant

describe("on_done", function()
  local client

  before_each(function()
    tenant.reset()
    client = support.client()
  end)

  after_each(function() client:close() end)

  local function start(options)
    return assert(client:start("list_user_permissions", support.user, options))
  end

  -- Returns a callback that records its arguments, and the list of these records.
  local function witness()
    local notes = {}
    return function(result, err) notes[#notes + 1] = { result, err } end, notes
  end

  it("passes what the method would have returned", function()
    local seen = {}
    local function note(name)
      return function(...) seen[name] = { ... } end
    end
    local list = start():on_done(note "list")
    assert(client:start("remove_user_permissions", support.user, support.permissions "a")):on_done(note "removal")
    assert(client:start("list_user_permissions", "auth0|nobody")):on_done(note "failure")
    support.finish(client)
    assert.equal("read:reports", support.names(seen.list[1]))
    assert.equal(seen.list[1], (list:result()))
    assert.is_nil(seen.list[2])
    assert.is_true(seen.removal[1])
    assert.is_nil(seen.removal[2])
    assert.is_nil(seen.failure[1])
    assert.equal("inexistent_user", seen.failure[2].code)
    assert.equal("list_user_permissions", seen.failure[2].operation)
  end)

  it("returns the call", function()
    local call = start()
    assert.equal(call, call:on_done(function() end))
    support.finish(client)
    assert.equal(call, call:on_done(function() end))
  end)

  it("runs its callback once, from step", function()
    local remember, notes = witness()
    local call = start():on_done(remember)
    assert.equal(0, #notes)
    for _ = 1, 1000 do
      local before = call:done()
      local left = client:step(0.02)
      assert.is_false(before)
      assert.equal(call:done() and 1 or 0, #notes)
      if left == 0 then break end
    end
    for _ = 1, 3 do client:step(0) end
    assert.equal(1, #notes)
  end)

  it("runs its callback from methods that block, too", function()
    local remember, notes = witness()
    local call = start():on_done(remember)
    support.wait_until(function()
      assert(client:list_user_permissions(support.user))
      return call:done()
    end)
    assert.equal(1, #notes)
  end)

  it("runs its callback when the call is done and has its result", function()
    local found
    local call
    call = start():on_done(function(result)
      assert(call:done())
      assert(not call:cancel())
      found = result == call:result()
    end)
    support.finish(client)
    assert.is_true(found)
  end)

  it("runs several callbacks in the order in which they were given", function()
    local order = {}
    local call = start()
    for i = 1, 20 do
      call:on_done(function() order[#order + 1] = i end)
    end
    support.finish(client)
    assert.equal(20, #order)
    for i = 1, 20 do assert.equal(i, order[i]) end
  end)

  it("runs a callback twice if it is given twice", function()
    local remember, notes = witness()
    start():on_done(remember):on_done(remember)
    support.finish(client)
    assert.equal(2, #notes)
  end)

  it("runs its callback at once if the call is already done", function()
    local remember, notes = witness()
    local call = start()
    support.finish(client)
    call:on_done(remember)
    assert.equal(1, #notes)
    assert.equal("read:reports", support.names(notes[1][1]))
    client:close()
    call:on_done(remember)
    assert.equal(2, #notes)
  end)

  it("accepts more callbacks from within a callback", function()
    local order = {}
    local call
    call = start():on_done(function()
      order[#order + 1] = "first"
      call:on_done(function() order[#order + 1] = "within" end)
    end):on_done(function() order[#order + 1] = "second" end)
    support.finish(client)
    table.sort(order)
    assert.same({ "first", "second", "within" }, order)
  end)

  it("accepts only a function", function()
    local call = start()
    for _, value in ipairs { 1, "print", {}, false, client } do
      local ok, message = pcall(call.on_done, call, value)
      assert.is_false(ok)
      assert.matches("^bad argument #1 to 'on_done' %(listener: expected a function, got ", message)
    end
    local ok, message = pcall(call.on_done, call)
    assert.is_false(ok)
    assert.equal("bad argument #1 to 'on_done' (listener: expected a function, got nil)", message)
    assert.is_false((pcall(call.on_done, client, function() end)))
    support.finish(client)
    assert.is_false((pcall(call.on_done, call, 1)))
  end)

  it("runs its callback for a canceled call and for the calls of a closed client", function()
    local remember, notes = witness()
    tenant.fault { kind = "delay", seconds = 10 }
    local early, late = start():on_done(remember), start():on_done(remember)
    early:cancel()
    client:step(0.1)
    assert.equal(1, #notes)
    assert.equal("canceled", notes[1][2].kind)
    client:close()
    assert.equal(2, #notes)
    assert.equal("closed", notes[2][2].kind)
    assert.is_true(late:done())
  end)

  it("runs its callback for calls that end at their deadline", function()
    local remember, notes = witness()
    tenant.fault { kind = "delay", seconds = 10, count = 20 }
    for _ = 1, 20 do start { timeout = 0.1 }:on_done(remember) end
    support.finish(client)
    assert.equal(20, #notes)
    for i = 1, 20 do assert.equal("timeout", notes[i][2].kind) end
  end)

  it("lets a callback start further calls, which the same step counts", function()
    local done = 0
    local function look(result, err)
      assert(result, err)
      done = done + 1
      if done < 30 then start():on_done(look) end
    end
    start():on_done(look)
    for _ = 1, 1000 do
      local left = client:step(0.1)
      assert.equal(done < 30 and 1 or 0, left)
      if left == 0 then break end
    end
    assert.equal(30, done)
    assert.equal(30, #tenant.requests())
  end)

  it("lets a callback cancel other calls, whose callbacks run too", function()
    local remember, notes = witness()
    tenant.fault { kind = "delay", seconds = 10, after = 1, count = 4 }
    local others = {}
    start():on_done(function()
      for _, other in ipairs(others) do assert(other:cancel()) end
    end)
    for i = 1, 4 do others[i] = start():on_done(remember) end
    support.finish(client)
    client:step(0)
    assert.equal(4, #notes)
    for i = 1, 4 do assert.equal("canceled", notes[i][2].kind) end
  end)

  it("lets a callback close the client, which ends all other calls and runs their callbacks", function()
    local remember, notes = witness()
    local first, seen
    tenant.fault { kind = "delay", seconds = 10, after = 1, count = 10 }
    first = start():on_done(function() client:close() end):on_done(function(list) seen = list end)
    for _ = 1, 4 do start():on_done(remember) end
    for _ = 1, 100 do
      if first:done() then break end
      client:step(0.1)
    end
    assert.equal("auth0perm client (closed)", tostring(client))
    assert.equal("read:reports", support.names(seen))
    assert.equal(4, #notes)
    for i = 1, 4 do assert.equal("closed", notes[i][2].kind) end
    assert.equal("closed", select(2, client:step(0)).kind)
  end)

  it("lets a callback call step and methods that block", function()
    local blocked, left
    local other = start()
    start():on_done(function()
      blocked = assert(client:list_user_permissions(support.user))
      left = client:step(0)
    end)
    support.finish(client)
    assert.equal("read:reports", support.names(blocked))
    assert.equal("number", type(left))
    assert.is_true(other:done())
  end)

  it("lets a callback use another client", function()
    local other = support.client()
    local blocked
    start():on_done(function() blocked = assert(other:list_user_permissions(support.user)) end)
    support.finish(client)
    other:close()
    assert.equal("read:reports", support.names(blocked))
  end)

  it("keeps a callback, and what it refers to, only until it has run", function()
    local watch = setmetatable({}, { __mode = "k" })
    local call = start()
    local runs = 0
    for _ = 1, 3 do
      local held = {}
      watch[held] = true
      call:on_done(function() runs = runs + (held and 1 or 0) end)
    end
    collectgarbage()
    collectgarbage()
    assert.is_table(next(watch))
    support.finish(client)
    assert.equal(3, runs)
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(watch))
    assert.is_true(call:done())
  end)

  it("releases callbacks that will never run, together with their client", function()
    local watch = setmetatable({}, { __mode = "k" })
    for _ = 1, 10 do
      local other = support.client()
      local call = assert(other:start("list_user_permissions", support.user))
      call:on_done(function() return other, call end)
      watch[other], watch[call] = true, true
      other:step(0)
    end
    for _ = 1, 4 do collectgarbage() end
    assert.is_nil(next(watch))
  end)

  it("runs its callback for calls that the program does not refer to", function()
    local runs = 0
    for _ = 1, 50 do
      start():on_done(function() runs = runs + 1 end)
    end
    collectgarbage()
    support.finish(client)
    assert.equal(50, runs)
  end)

  it("works when step runs in another coroutine", function()
    local main = coroutine.running()
    local seen
    local waiting = coroutine.wrap(function()
      local this = coroutine.running()
      start():on_done(function(result) assert(coroutine.resume(this, result)) end)
      seen = coroutine.yield()
    end)
    waiting()
    coroutine.wrap(function() support.finish(client) end)()
    assert.equal("read:reports", support.names(seen))
    assert.equal(main, coroutine.running())
  end)

  it("works after the coroutine that gave the callback is gone", function()
    local runs = 0
    coroutine.wrap(function() start():on_done(function() runs = runs + 1 end) end)()
    collectgarbage()
    collectgarbage()
    support.finish(client)
    assert.equal(1, runs)
  end)

  it("passes on an interrupt between two callbacks, and runs the second one later", function()
    local called = {}
    -- A hook that raises when the next function is called, like that of lua.c for Ctrl-C.
    local function interrupt()
      called[#called + 1] = "first"
      debug.sethook(function()
        debug.sethook()
        error("interrupted!", 0)
      end, "c")
    end
    for _, listener in ipairs { interrupt, function() called[#called + 1] = "second" end } do
      start():on_done(listener):cancel()
    end
    assert.same({ false, "interrupted!" }, { pcall(client.step, client, 0) })
    assert.equal("first", table.concat(called, " "))
    assert.equal(0, client:timeout())
    client:step(0)
    assert.equal("first second", table.concat(called, " "))
  end)

  it("does not stay in one step when callbacks keep ending further calls", function()
    local count = 0
    local function again()
      count = count + 1
      if count < 1000 then start():on_done(again):cancel() end
    end
    start():on_done(again):cancel()
    client:step(0)
    assert.equal(1, count)
    assert.equal(0, client:timeout())
  end)

  it("lets a callback use an iterator that waits for its next page: no item is repeated or lost", function()
    local expected = {}
    for i = 1, 20 do
      expected[i] = ("auth0|%04d"):format(i)
      tenant.seed { users = { { user_id = expected[i], roles = { "rol_Auditor0000000001" } } } }
    end
    local users = {}
    local iterator = client:each("list_role_users", "rol_Auditor0000000001", { per_page = 4 })
    local function use()
      local fine, user = pcall(iterator) -- raises while its page is being fetched
      if fine and user then users[#users + 1] = user.user_id end
    end
    for user in iterator do
      users[#users + 1] = user.user_id
      start():on_done(use)
    end
    table.sort(users)
    assert.same(expected, { (table.unpack or unpack)(users, 1, 20) })
    assert.equal(21, #users) -- 20, and the user of the example data
  end)
end)

describe("an error in an on_done callback", function()
  -- Runs a program with a client; returns its output (stdout and stderr) and its status.
  local function run(program)
    return support.run_lua([[
      local support = require "spec.support"
      local client = support.client()
      local function start() return assert(client:start("list_user_permissions", support.user)) end
    ]] .. program)
  end

  before_each(tenant.reset)

  it("is reported and stops nothing else", function()
    local output, status = run [[
      start():on_done(function() error("first", 0) end):on_done(function(list) print("second", #list) end)
      start():on_done(function(list) print("third", #list) end)
      support.finish(client)
      print "finished"
    ]]
    assert.equal(0, status)
    assert.matches("auth0perm: on_done of list_user_permissions: first\n", output, 1, true)
    assert.matches("second%s+1\n", output)
    assert.matches("third%s+1\n", output)
    assert.matches("finished\n", output)
  end)

  it("is reported if the call is already done, and on_done still returns the call", function()
    local output, status = run [[
      local call = start()
      support.finish(client)
      print(call:on_done(function() error("late", 0) end) == call)
    ]]
    assert.equal(0, status)
    assert.matches("auth0perm: on_done of list_user_permissions: late\n", output, 1, true)
    assert.matches("true\n", output)
  end)

  it("may be of any type", function()
    local output, status = run [[
      for _, value in ipairs { {}, true, 12, print, coroutine.create(function() end),
          setmetatable({}, { __tostring = function() return "as text" end }),
          setmetatable({}, { __tostring = function() error "no text" end }),
          setmetatable({}, { __tostring = function() return {} end }) } do
        start():on_done(function() error(value, 0) end)
      end
      start():on_done(function() error() end)
      support.finish(client)
      print "finished"
    ]]
    assert.equal(0, status)
    assert.equal(9, select(2, output:gsub("auth0perm: on_done of list_user_permissions: ", "")))
    assert.matches("list_user_permissions: 12\n", output, 1, true)
    assert.matches("list_user_permissions: as text\n", output, 1, true)
    assert.matches("finished\n$", output)
  end)

  it("is raised for a callback that yields", function()
    local output, status = run [[
      start():on_done(function() coroutine.yield() end)
      local thread = coroutine.create(function() support.finish(client) end)
      assert(coroutine.resume(thread))
      print(coroutine.status(thread))
    ]]
    assert.equal(0, status)
    assert.matches("auth0perm: on_done of list_user_permissions: [^\n]*attempt to yield", output)
    assert.matches("dead\n", output)
  end)

  it("comes from a callback that recurses without end, too", function()
    local output, status = run [[
      if jit then jit.off() end -- compiled code may leave LuaJIT's error handlers no stack
      local function deeper() return 1 + deeper() end
      start():on_done(deeper)
      support.finish(client)
      print "finished"
    ]]
    assert.equal(0, status)
    assert.matches("auth0perm: on_done of list_user_permissions: .*stack overflow", output)
    assert.matches("finished\n", output)
  end)
end)

describe("on_done of a prepared call", function()
  it("raises, because whoever drives the call knows when it is done", function()
    for _, driver in ipairs { "curl", "none" } do
      local client = assert(support.auth0perm.new { domain = "acme.eu.auth0.com", token = "given", driver = driver })
      local call = assert(client:prepare("list_user_permissions", support.user))
      assert.error_matches(function() call:on_done(function() end) end, "'on_done': only for calls of client:start()")
      client:close()
    end
  end)
end)
