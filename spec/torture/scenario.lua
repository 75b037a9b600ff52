-- What torture.c runs while memory fails. The chunk itself runs while memory does not fail, and creates everything it
-- can in advance, so that nearly every failing allocation is the module's. Returns the scenario as a function.
--
-- open: luaopen_auth0perm. enter(step): a step begins. claim(operation, what, status, maybe_applied, message): the
-- result of an operation as the module reports it; `what` is "success" or the error's kind. raised(message): an error
-- that a step raised. tenant: domain, ca_file, token, marker. None of the four functions allocates memory.
local open, enter, claim, raised, tenant = ...

-- Loaded now, because lua-cjson's own loading is not to be tested.
require "cjson"

local API = "https://api.example.com/"
local USER = "auth0|5f7c8ec7c33c6c004bbafe82"
local NOBODY = "auth0|ffffffffffffffffffffffff"
local OTHER_USER = "auth0|5f7c8ec7c33c6c004bbafe83"
local OTHER_USERS_PERMISSIONS = 5

local ATTEMPTS = 3       -- to open the module, and to make a client
local STEP_SECONDS = 1   -- longest wait of client:step
local STEPS_MOST = 20    -- for a started call; one response takes far fewer
local MANY = 40          -- permissions: more than the initial size of any buffer or table of the module

-- Returns permissions that only this operation of this run names. The tenant silently ignores removals of permissions
-- that are not held.
local function permissions_for(operation)
  return { { resource_server_identifier = API, permission_name = tenant.marker .. ":" .. operation } }
end

local function many_permissions()
  local names = {}
  for i = 1, MANY do
    names[i] = "permission " .. i % (MANY - 1) -- one of them twice
  end
  return { [API] = names, ["https://other.example.com/"] = { "read:reports" } }
end

local OPTIONS = { domain = tenant.domain, ca_file = tenant.ca_file, token = tenant.token, timeout = 10,
  max_retries = 0 } -- with a pause before each retry, the torture would take days
local FETCHING_OPTIONS = { domain = tenant.domain, ca_file = tenant.ca_file, timeout = 10, max_retries = 0,
  client_id = "torture", client_secret = "torture's secret" }
local WRONG_OPTIONS = { domain = tenant.domain, ca_file = "/nonexistent/ca.pem" }
local REMOVED = permissions_for("remove")
local REMOVED_BY_FETCHER = permissions_for("fetch")
local REMOVED_BY_STEPS = permissions_for("start")
local REMOVED_FROM_NOBODY = permissions_for("nobody")
local CANCELED = permissions_for("cancel")
local IN_FLIGHT = permissions_for("close")
local REFUSED = permissions_for("refuse")
local REMOVED_BY_FEEDING = many_permissions()
local NO_CONTENT = { { status = 204, headers = { ["x-ratelimit-limit"] = "50" } } }
local PAGES = {
  {
    status = 200,
    headers = { ["Content-Type"] = "application/json", ["Set-Cookie"] = { "a=b", "c=d" } },
    body = '{"permissions":[{"permission_name":"a","n":1},{"permission_name":"b","n":null}],'
      .. '"start":0,"limit":2,"total":3}',
  },
  { status = 200, body = '{"permissions":[{"permission_name":"c","sources":[{"source_id":""}]}],'
    .. '"start":2,"limit":2,"total":3}' },
}
local FED_ITEMS = 3
local FILTERED = { correlation_id = "torture", per_page = 2 }
local FILTERED_WRITE = { correlation_id = "torture" }
local ROLE_FIELDS = { name = "Editor", nested = { list = { 1, 2.5, "three" }, empty = {}, yes = true } }
local ROLE_CREATED = { { status = 200, body = '{"id":"rol_1","name":"Editor","n":1,"gone":null}' } }
local ROLES = { "rol_1", "rol_2", "rol_1", "rol_3" }
local ROLES_ASSIGNED = { { status = 204 } }

local auth0perm, client, call -- `call` is outside the steps, so that none depends on when it is collected

local function claim_result(operation, result, err)
  if result == true then
    claim(operation, "success")
  elseif result == nil then
    claim(operation, err.kind, err.status or 0, err.maybe_applied, err.message)
  else
    claim(operation, "neither true nor nil")
  end
end

local function claim_list(operation, list, err, wanted)
  if list == nil then
    return claim(operation, err.kind, err.status or 0, err.maybe_applied, err.message)
  end
  for i = 1, wanted do
    local item = list[i]
    if type(item) ~= "table" or type(item.permission_name) ~= "string" then
      return claim(operation, "a list with holes")
    end
  end
  claim(operation, #list == wanted and "success" or "a list of another length")
end

-- A client for prepared calls, whose time we pass in.
local feeder
local feeder_now = 0

-- Drives a prepared call with these responses, as long as it wants to send.
local function feed(prepared, responses)
  for i = 1, #responses do
    local step, detail = prepared:next(feeder_now)
    while step == "wait" do
      feeder_now = feeder_now + detail
      step, detail = prepared:next(feeder_now)
    end
    if step ~= "send" then
      break
    end
    prepared:feed(responses[i], feeder_now)
  end
  prepared:next(feeder_now)
end

-- Created in advance: LuaJIT frees fewer bytes than it allocated for a closure if there is no memory for its upvalues.
local function count_permissions()
  local count = 0
  for permission in client:each("list_effective_user_permissions", OTHER_USER, API, FILTERED) do
    if type(permission.permission_name) == "string" then
      count = count + 1
    end
  end
  return count
end

-- A step with `attempts` is repeated until its function returns true, at most that often.
local steps = {
  {
    name = "opening the module",
    attempts = ATTEMPTS,
    run = function()
      auth0perm = open()
      return true
    end,
  },
  {
    name = "new",
    attempts = ATTEMPTS,
    run = function()
      local err
      client, err = auth0perm.new(OPTIONS)
      claim_result("new", client and true or nil, err)
      return client ~= nil
    end,
  },
  {
    name = "a removal",
    run = function()
      claim_result("remove", client:remove_user_permissions(USER, REMOVED))
    end,
  },
  {
    name = "a list of several pages",
    run = function()
      local list, err = client:list_user_permissions(OTHER_USER)
      claim_list("list", list, err, OTHER_USERS_PERMISSIONS)
    end,
  },
  {
    name = "a list by checkpoint",
    run = function()
      local list, err = client:list_effective_user_permissions(OTHER_USER, API, FILTERED)
      claim_list("effective", list, err, OTHER_USERS_PERMISSIONS)
    end,
  },
  {
    name = "a list an item at a time",
    run = function()
      local good, err = pcall(count_permissions)
      if good then
        claim("each", err == OTHER_USERS_PERMISSIONS and "success" or "a list of another length")
      elseif type(err) == "table" then
        claim("each", err.kind, err.status or 0, err.maybe_applied, err.message)
      else
        error(err, 0)
      end
    end,
  },
  {
    name = "a started removal",
    run = function()
      local err
      call, err = client:start("remove_user_permissions", USER, REMOVED_BY_STEPS)
      if not call then
        return claim_result("start", nil, err)
      end
      for _ = 1, STEPS_MOST do
        if call:done() then
          break
        end
        client:step(STEP_SECONDS)
      end
      claim_result("start", call:result())
    end,
  },
  {
    name = "a canceled removal",
    run = function()
      local err
      call, err = client:start("remove_user_permissions", USER, CANCELED)
      if not call then
        return claim_result("cancel", nil, err)
      end
      call:cancel()
      claim_result("cancel", call:result())
    end,
  },
  {
    name = "a response that is an error",
    run = function()
      local result, err = client:remove_user_permissions(NOBODY, REMOVED_FROM_NOBODY)
      claim_result("nobody", result, err)
      tostring(err)
    end,
  },
  {
    name = "refused values",
    run = function()
      claim_result("refuse", client:remove_user_permissions("", REFUSED))
      claim_result("refuse options", auth0perm.new(WRONG_OPTIONS))
    end,
  },
  {
    name = "a client that fetches its token",
    run = function()
      local fetching, err = auth0perm.new(FETCHING_OPTIONS)
      if not fetching then
        return claim_result("fetch", nil, err)
      end
      claim_result("fetch", fetching:remove_user_permissions(USER, REMOVED_BY_FETCHER))
      fetching:close()
    end,
  },
  {
    name = "a client for prepared calls",
    attempts = ATTEMPTS,
    run = function()
      local err
      feeder, err = auth0perm.new(OPTIONS)
      claim_result("new", feeder and true or nil, err)
      return feeder ~= nil
    end,
  },
  {
    name = "a prepared list",
    run = function()
      local prepared, err = feeder:prepare("list_user_permissions", USER)
      if not prepared then
        return claim_result("feed pages", nil, err)
      end
      feed(prepared, PAGES)
      local list
      if prepared:done() then
        list, err = prepared:result()
        claim_list("feed pages", list, err, FED_ITEMS)
      end
    end,
  },
  {
    name = "a role that is created",
    run = function()
      local prepared, err = feeder:prepare("create_role", ROLE_FIELDS, FILTERED_WRITE)
      if not prepared then
        return claim_result("create", nil, err)
      end
      feed(prepared, ROLE_CREATED)
      local role
      role, err = prepared:result()
      claim_result("create", role and role.id == "rol_1" and role.gone == nil and true or role, err)
    end,
  },
  {
    name = "roles that are assigned",
    run = function()
      local prepared, err = feeder:prepare("assign_user_roles", OTHER_USER, ROLES)
      if not prepared then
        return claim_result("assign roles", nil, err)
      end
      feed(prepared, ROLES_ASSIGNED)
      claim_result("assign roles", prepared:result())
    end,
  },
  {
    name = "a prepared removal of many permissions",
    run = function()
      local prepared, err = feeder:prepare("remove_user_permissions", USER, REMOVED_BY_FEEDING)
      if not prepared then
        return claim_result("feed", nil, err)
      end
      feed(prepared, NO_CONTENT)
      claim_result("feed", prepared:result())
    end,
  },
  {
    name = "close while a call is in flight",
    run = function()
      local err
      call, err = client:start("remove_user_permissions", USER, IN_FLIGHT)
      if call then
        client:step()
        client:close()
        claim_result("close", call:result())
      else
        claim_result("close", nil, err)
      end
    end,
  },
  {
    name = "a closed client",
    run = function()
      client:close()
      claim_result("closed", client:remove_user_permissions(USER, REFUSED))
      tostring(client)
    end,
  },
}

return function()
  for i = 1, #steps do
    local step = steps[i]
    enter(step.name)
    for _ = 1, step.attempts or 1 do
      local good, result = pcall(step.run)
      if not good then
        raised(result)
      elseif result then
        break
      end
    end
    if not auth0perm or i > 1 and not client then
      return
    elseif feeder == nil and step.name == "a client for prepared calls" then
      return
    end
  end
  enter("lua_close")
end
