-- A client in the event loop of LuaSocket's select.

local support = require "spec.support"

support.include("spec/event_loops/loop.lua", _ENV or getfenv(1), "select")
