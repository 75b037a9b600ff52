-- Calls that continue while the code that started them does something else. Each has two light threads of its request.
-- One drives the call, and may be anywhere in it. The other is its parent, because only a parent can kill a light
-- thread, and does so when the call is canceled. So a cancel from any light thread, or any request, closes the socket
-- at once.

local semaphore = require "ngx.semaphore"
local nginx = require "auth0perm.openresty.nginx"

local light_call = {}

local LONG = 3600  -- seconds; then the wait is repeated
local TURN = 0.001 -- seconds that a light thread sleeps so that others can run

--[[---
--- A call that `start` returned in nginx. It belongs to the request that started it, and ends with that request.
---@class auth0perm.openresty.Call
local LightCall = {}

--- Returns whether the call is done.
---@return boolean done
function LightCall:done() end

--- Returns what the operation's method would have returned. Raises an error if the call is not done.
---@return any result
---@return auth0perm.Error? err
function LightCall:result() end

--- Ends the call and its connection at once. Its result is an error of kind `canceled`.
---@return boolean canceled  false if the call was done already
function LightCall:cancel() end

--- Returns what is known about its requests so far.
---@return auth0perm.CallInfo info
function LightCall:info() end
]]
local LightCall = {}
LightCall.__index = LightCall

-- The current request's calls of a client: `count` in flight, and the light threads of those that have `ended` since
-- the last look, each of which has posted to `news`.
local function flight_of(client)
  local flight = ngx.ctx[client]
  if not flight then
    flight = { count = 0, ended = {}, news = semaphore.new() }
    ngx.ctx[client] = flight
  end
  return flight
end

-- A light thread that has ended is kept until its parent notices, for example by killing it. Only the parent can; from
-- another light thread this does nothing, and the end of the request cleans up.
local function bury(threads)
  for i = #threads, 1, -1 do
    local thread = threads[i]
    threads[i] = nil -- first: nginx may soon reuse what is buried for another light thread
    pcall(ngx.thread.kill, thread)
  end
end

-- The light thread that drives the call.
local function work(self, drive, run)
  local ok, problem = pcall(drive, run)
  self.over = true
  self.wake:post()
  if not ok then error(problem, 0) end -- for nginx's log
end

-- The parent of the light thread that drives.
local function watch(self, drive, run)
  local worker = ngx.thread.spawn(work, self, drive, run)
  while not self.over and not self.call:done() do
    self.wake:wait(LONG)
  end
  if run.connecting then -- in a light thread that only the worker can kill
    run.given_up = true
    run.connecting:post()
    repeat self.wake:wait(LONG) until self.over
  end
  bury { worker }
  if run.socket then run.socket:close() end -- the worker was between two operations
  nginx.unleash(run.leash)
  if run.lease then run.lease:release() end
  local flight = self.flight
  flight.count = flight.count - 1
  table.insert(flight.ended, (coroutine.running()))
  flight.news:post(math.max(1, -flight.news:count())) -- for each light thread that waits
end

-- Starts a call: drive(run) returns when run.call is done. `owner` is the client, whose calls `wait` waits for. Returns
-- the call for the user.
function light_call.start(owner, drive, run)
  local flight = flight_of(owner)
  bury(flight.ended)
  flight.count = flight.count + 1
  local self = setmetatable({ call = run.call, flight = flight, wake = semaphore.new() }, LightCall)
  ngx.thread.spawn(watch, self, drive, run)
  return self
end

-- Waits at most `seconds` until a call of the current request ends; one that has ended since the last wait counts.
-- Returns how many are in flight.
function light_call.wait(owner, seconds)
  local has_request, flight = pcall(flight_of, owner)
  if not has_request then return 0 end -- while nginx starts up
  if flight.count == 0 and flight.news:count() <= 0 then return 0 end
  if seconds > 0 then
    flight.news:wait(seconds)
  else
    ngx.sleep(TURN) -- the others get their turn
  end
  while flight.news:count() > 0 do flight.news:wait(0) end -- this wait has counted them all
  bury(flight.ended)
  return flight.count
end

-- Raises if a method was called on something else, most likely with a dot instead of a colon.
local function expect_call(value, method)
  if getmetatable(value) == LightCall then return end
  error(("bad argument #1 to '%s' (auth0perm.openresty.Call expected, got %s)"):format(method, type(value)), 3)
end

function LightCall:done()
  expect_call(self, "done")
  return self.call:done()
end

function LightCall:result()
  expect_call(self, "result")
  return self.call:result()
end

function LightCall:info()
  expect_call(self, "info")
  return self.call:info()
end

function LightCall:cancel()
  expect_call(self, "cancel")
  local canceled = self.call:cancel()
  self.wake:post()
  return canceled
end

-- Called when the client is closed.
function LightCall:close()
  self.call:fail("closed", "the client is closed")
  self.wake:post()
end

function LightCall:__tostring()
  return tostring(self.call)
end

return light_call
