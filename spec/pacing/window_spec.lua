-- Pacing where the rate limit is refilled once a second.

local support = require "spec.support"

support.include("spec/pacing/bucket.lua", _ENV or getfenv(1), "window")
