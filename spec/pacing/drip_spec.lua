-- Pacing where the rate limit drips.

local support = require "spec.support"

support.include("spec/pacing/bucket.lua", _ENV or getfenv(1), "drip")
