-- A closed state leaves nothing behind if the module is linked in.

local support = require "spec.support"

support.include("spec/embed/leaves.lua", _ENV or getfenv(1), "linked in", "static")
