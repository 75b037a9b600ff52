-- Judges the results that the module claimed in a run of scenario.lua, by comparing them with the tenant's record. Runs
-- in a Lua state of its own, whose memory never fails.

local tenant = dofile "spec/tenant/control.lua"

local verdict = {}

-- The results of the scenario's operations when memory does not fail. `sent`: the tenant may have recorded a request;
-- `status`: the tenant's response in that case. The call that is in flight when its client is closed may get its
-- response just before.
local EXPECTED = {
  ["new"] = { "success" },
  ["remove"] = { "success", sent = true, status = 204 },
  ["list"] = { "success" },
  ["effective"] = { "success" },
  ["each"] = { "success" },
  ["create"] = { "success" },
  ["assign roles"] = { "success" },
  ["fetch"] = { "success", sent = true, status = 204 },
  ["start"] = { "success", sent = true, status = 204 },
  ["cancel"] = { "canceled", sent = true },
  ["nobody"] = { "api", sent = true, status = 404 },
  ["refuse"] = { "invalid", sent = true },
  ["refuse options"] = { "invalid" },
  ["feed pages"] = { "success" },
  ["feed"] = { "success" },
  ["close"] = { "closed", "success", sent = true, status = 204 },
  ["closed"] = { "closed" },
}

-- Failed allocations that are reported as something else, mostly because libcurl 7.88 or 8.14 does so. Each: `what`,
-- the beginning of the message and, if it is only one, the operation.
local LIBCURL_BLAMES = {
  -- libcurl lost track of its sockets, so the driver closed its connections; a call with retries left would retry.
  { what = "transport", message = "the connection was closed because memory ran out" },
  -- Curl_resolv returns "not resolved" for a failed allocation, too.
  { what = "transport", message = "Could not resolve host: " },
  -- libcurl 8.14, of a connection that it had no memory for, and of a certificate that it could not read.
  { what = "transport", message = "Failed to connect to " },
  { what = "transport", message = "SSL: could not get X509-" },
  -- parseurlandfillconn does not check that the URL's query could be copied, and sends the request without one; the
  -- tenant then responds with a list without totals, which the module refuses, or with a refusal of its own.
  { what = "protocol", message = "the response is not a JSON object", operation = "list" },
  { what = "api", message = "Query validation error: 'Missing required property", operation = "effective" },
  { what = "api", message = "Query validation error: 'Missing required property", operation = "each" },
}

local RAISED = "not enough memory" -- the message of every Lua version

local PAGE_CAP = 2 -- entries: gives the scenario's list several pages

function verdict.prepare()
  tenant.reset()
  tenant.settings { bucket = 1000000, refill = 1000000 } -- so that the module does not pace the requests
  tenant.settings { page_cap = PAGE_CAP }
  tenant.seed { clients = { { client_id = "torture", client_secret = "torture's secret" } } }
  local permissions = {}
  for i, name in ipairs { "read:reports", "write:reports", "delete:reports", "read:invoices", "approve:invoices" } do
    permissions[i] = { resource_server_identifier = "https://api.example.com/", permission_name = name }
  end
  tenant.seed { users = { { user_id = "auth0|5f7c8ec7c33c6c004bbafe83", permissions = permissions } } }
end

-- Returns the statuses of the tenant's responses to requests that name the marker, oldest first.
local function statuses_of(requests, marker)
  local statuses = {}
  for _, request in ipairs(requests) do
    if request.body:find('"' .. marker .. '"', 1, true) then
      statuses[#statuses + 1] = request.status or 0
    end
  end
  return statuses
end

local function is_expected(what, expected)
  return what == expected[1] or what == expected[2]
end

-- Checks a claim that the tenant responded; returns what is wrong, or nil.
local function doubt_about_response(claim, expected, statuses)
  if claim.what ~= "closed" and expected.status and statuses[#statuses] ~= expected.status then
    return ("the tenant recorded no %d"):format(expected.status)
  end
end

-- Checks a claim of a failure; returns what is wrong, or nil.
local function doubt_about_failure(claim, expected, statuses)
  if claim.what ~= "success" and expected.sent and not claim.maybe_applied and claim.status == 0 and #statuses > 0 then
    return "maybe_applied is false although the tenant recorded the request"
  end
end

local function is_blamed_by_libcurl(claim)
  local message = claim.message:gsub("^access token: ", "")
  for _, blame in ipairs(LIBCURL_BLAMES) do
    if claim.what == blame.what and message:sub(1, #blame.message) == blame.message
      and (not blame.operation or claim.operation == blame.operation) then
      return true
    end
  end
  return false
end

-- Whether the error is a right one for a failed allocation.
local function is_of_memory(claim, run)
  return claim.what == "memory" or (run.supply == "libcurl" and is_blamed_by_libcurl(claim))
end

local function doubt_about_claim(claim, run, requests)
  local expected = EXPECTED[claim.operation]
  local statuses = expected.sent and statuses_of(requests, run.marker .. ":" .. claim.operation) or {}
  if is_expected(claim.what, expected) then
    return doubt_about_response(claim, expected, statuses) or doubt_about_failure(claim, expected, statuses)
  elseif not is_of_memory(claim, run) then
    return ("that is neither the expected result nor the real failure: %s"):format(claim.message)
  elseif run.transient and claim.step ~= run.hit_step then
    return "memory did not fail in this step"
  end
  return doubt_about_failure(claim, expected, statuses)
end

-- Checks that each operation had its expected result; returns what is wrong, or nil. If memory failed just once, the
-- operations of one step may have another (see doubt_about_claim), except for new, which is repeated.
local function doubt_about_ends(run, ended)
  for operation, expected in pairs(EXPECTED) do
    if not ended[operation] and (run.unharmed or operation == "new") then
      return ("%s: did not end in %s"):format(operation, expected[1])
    end
  end
end

-- Returns what is wrong with a run, or nil. run: marker; supply, whose memory failed; hit_step, the step in which it
-- first failed; transient, if it failed only there; unharmed, if it never failed; claims, each with step, operation,
-- what, status, maybe_applied, message; raised, each with step and message.
function verdict.judge(run)
  local requests = tenant.requests()
  tenant.forget_requests()
  local ended = {}
  for _, claim in ipairs(run.claims) do
    local doubt = doubt_about_claim(claim, run, requests)
    if doubt then
      return ("%s: ended in \"%s\", but %s"):format(claim.operation, claim.what, doubt)
    end
    ended[claim.operation] = ended[claim.operation] or is_expected(claim.what, EXPECTED[claim.operation])
  end
  for _, raised in ipairs(run.raised) do
    if not raised.message:find(RAISED, 1, true) then
      return ("%s: raised \"%s\""):format(raised.step, raised.message)
    elseif run.transient and raised.step ~= run.hit_step then
      return ("%s: raised \"%s\", but memory did not fail in this step"):format(raised.step, raised.message)
    end
  end
  return (run.unharmed or run.transient) and doubt_about_ends(run, ended) or nil
end

return verdict
