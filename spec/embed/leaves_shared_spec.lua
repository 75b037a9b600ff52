-- A closed state leaves nothing behind if the module is a shared library.

local hosts = require "spec.embed.hosts"
local support = require "spec.support"

support.include("spec/embed/leaves.lua", _ENV or getfenv(1), "a shared library", hosts.build .. "/auth0perm.so")
