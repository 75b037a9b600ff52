-- Judges what the module claimed in a run of scenario.lua, by what the tenant has on record. Runs in a Lua state of its
-- own, whose memory never fails.

local tenant = dofile "spec/tenant/control.lua"

local verdict = {}

-- What an operation of the scenario ends with where memory does not fail. `sent`: the tenant may have it on record;
-- `status`: what the tenant answered where it ends so. The call that is in flight when its client is closed may be
-- answered just before.
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

-- Where it is not told as a lack of memory that memory failed, mostly because libcurl 7.88 does not say so. Each: `what`,
-- the beginning of its message and, where it is just one, the operation.
local LIBCURL_BLAMES = {
  -- libcurl lost track of its sockets, and the driver closed its connections: policy would try again, if it might.
  { what = "transport", message = "the connection was closed for lack of memory" },
  -- Curl_resolv answers "not resolved" to a failed allocation as well.
  { what = "transport", message = "Could not resolve host: " },
  -- parseurlandfillconn does not look whether the URL's query could be copied, and so sends the request without one;
  -- what the tenant then answers is a list without totals, which the module refuses, or a refusal of its own.
  { what = "protocol", message = "the answer is not a JSON object", operation = "list" },
  { what = "api", message = "Query validation error: 'Missing required property", operation = "effective" },
  { what = "api", message = "Query validation error: 'Missing required property", operation = "each" },
}

local RAISED = "not enough memory" -- what each Lua says

local PAGE_CAP = 2 -- entries, so that the list of the scenario has several pages

function verdict.prepare()
  tenant.reset()
  tenant.settings { bucket = 1000000, refill = 1000000 } -- or the module would pace what it is made to repeat
  tenant.settings { page_cap = PAGE_CAP }
  tenant.seed { clients = { { client_id = "torture", client_secret = "torture's secret" } } }
  local permissions = {}
  for i, name in ipairs { "read:reports", "write:reports", "delete:reports", "read:invoices", "approve:invoices" } do
    permissions[i] = { resource_server_identifier = "https://api.example.com/", permission_name = name }
  end
  tenant.seed { users = { { user_id = "auth0|5f7c8ec7c33c6c004bbafe83", permissions = permissions } } }
end

-- The statuses that the tenant answered to requests that name the marker, oldest first.
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

-- Whether a claim that the tenant answered is borne out; returns what is wrong, or nil.
local function doubt_about_answer(claim, expected, statuses)
  if claim.what ~= "closed" and expected.status and statuses[#statuses] ~= expected.status then
    return ("the tenant has no %d on record"):format(expected.status)
  end
end

-- Whether a claim of a failure is borne out; returns what is wrong, or nil.
local function doubt_about_failure(claim, expected, statuses)
  if claim.what ~= "success" and expected.sent and not claim.maybe_applied and claim.status == 0 and #statuses > 0 then
    return "maybe_applied is false, and yet the tenant has the request on record"
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

-- Whether the error is the right one for memory that failed.
local function is_of_memory(claim, run)
  return claim.what == "memory" or (run.supply == "libcurl" and is_blamed_by_libcurl(claim))
end

local function doubt_about_claim(claim, run, requests)
  local expected = EXPECTED[claim.operation]
  local statuses = expected.sent and statuses_of(requests, run.marker .. ":" .. claim.operation) or {}
  if is_expected(claim.what, expected) then
    return doubt_about_answer(claim, expected, statuses) or doubt_about_failure(claim, expected, statuses)
  elseif not is_of_memory(claim, run) then
    return ("that is neither expected nor what was wrong: %s"):format(claim.message)
  elseif run.transient and claim.step ~= run.hit_step then
    return "memory did not fail in this step"
  end
  return doubt_about_failure(claim, expected, statuses)
end

-- Whether each operation ended as it should; returns what is wrong, or nil. Where memory failed just once, those of one
-- step may end otherwise (see doubt_about_claim), but not the making of a client, which is tried again.
local function doubt_about_ends(run, ended)
  for operation, expected in pairs(EXPECTED) do
    if not ended[operation] and (run.unharmed or operation == "new") then
      return ("%s: did not end in %s"):format(operation, expected[1])
    end
  end
end

-- Returns what is wrong with a run, or nil. run: marker; supply, whose memory failed; hit_step, the step in which it
-- failed first; transient, whether just there; unharmed, whether not at all; claims, each with step, operation, what,
-- status, maybe_applied, message; raised, each with step and message.
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
