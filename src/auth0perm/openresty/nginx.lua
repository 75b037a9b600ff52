-- What nginx has and its Lua module does not show, through FFI: a clock that nobody sets, and the end of a request.
-- Where nginx was built without these names, there is a substitute or nothing, and the rest works all the same.

local nginx = {}

local MILLISECONDS = 1000

local has_ffi, ffi = pcall(require, "ffi")
local has_base, base = pcall(require, "resty.core.base")

-- Names of our own, so that another module may have declared the same ones in another way.
local function declare()
  ffi.cdef [[
    struct auth0perm_cleanup { void *handler; void *data; void *next; };
    struct auth0perm_cleanup *auth0perm_cleanup_add(void *request, size_t size) __asm__("ngx_http_cleanup_add");
    extern volatile uintptr_t auth0perm_milliseconds __asm__("ngx_current_msec");
  ]]
end

if has_ffi then pcall(declare) end -- a second time is refused, and was done already

local function of_nginx(name)
  return ffi.C[name]
end

local has_clock = has_ffi and pcall(of_nginx, "auth0perm_milliseconds")
local can_clean_up = has_base and has_ffi and pcall(of_nginx, "auth0perm_cleanup_add")

-- The time of nginx's timers, in seconds: monotonic, and as old as the event that nginx is at.
function nginx.now()
  if has_clock then return tonumber(ffi.C.auth0perm_milliseconds) / MILLISECONDS end
  return ngx.now()
end

-- Ties a call to the current request: it is canceled when that ends before the call does, for whatever reason. So
-- nobody waits for a call whose light thread is gone. No function type is named here: LuaJIT would make a new one each
-- time, and has room for 65536.
function nginx.leash(call)
  local request = can_clean_up and base.get_request()
  if not request then return end
  local size = ffi.sizeof "void *"
  local cleanup = ffi.C.auth0perm_cleanup_add(request, size)
  if cleanup == nil then return end
  ffi.fill(cleanup.data, size)
  cleanup.handler = call:leash(tonumber(ffi.cast("uintptr_t", cleanup.data)))
end

return nginx
