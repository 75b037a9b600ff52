-- What nginx has but its Lua module does not expose, through FFI: a clock that nobody sets, the end of a request, and
-- whether a socket is readable. If nginx was built without these names, there is a substitute or nothing, and the rest
-- still works.

local nginx = {}

local MILLISECONDS = 1000

local has_ffi, ffi = pcall(require, "ffi")
local has_base, base = pcall(require, "resty.core.base")

-- Names of our own, because another module may have declared the same functions differently.
local function declare()
  ffi.cdef [[
    struct auth0perm_cleanup { void *handler; void *data; void *next; };
    struct auth0perm_cleanup *auth0perm_cleanup_add(void *request, size_t size) __asm__("ngx_http_lua_cleanup_add");
    void auth0perm_cleanup_free(void *request, void **handler) __asm__("ngx_http_lua_cleanup_free");
    extern volatile uintptr_t auth0perm_milliseconds __asm__("ngx_current_msec");
    int auth0perm_descriptor(void *upstream, int none, void *message, size_t *length)
      __asm__("ngx_http_lua_ffi_socket_tcp_hack_fd");
    struct auth0perm_pollfd { int fd; short events; short revents; };
    int auth0perm_poll(struct auth0perm_pollfd *list, unsigned long count, int timeout) __asm__("poll");
  ]]
end

if has_ffi then pcall(declare) end -- a second declaration fails, but is not needed either

local function of_nginx(name)
  return ffi.C[name]
end

local function has(...)
  for _, name in ipairs { ... } do
    if not (has_ffi and pcall(of_nginx, name)) then return false end
  end
  return true
end

local has_clock = has "auth0perm_milliseconds"
local can_clean_up = has_base and has("auth0perm_cleanup_add", "auth0perm_cleanup_free")

-- Whether `readable` works: since ngx_lua 0.10.18.
nginx.shows_descriptors = has("auth0perm_descriptor", "auth0perm_poll")

-- The time of nginx's timers, in seconds: monotonic, and as old as the event that nginx is handling.
function nginx.now()
  if has_clock then return tonumber(ffi.C.auth0perm_milliseconds) / MILLISECONDS end
  return ngx.now()
end

-- Ties a call to the current request: if the request ends first, for whatever reason, the call is canceled. So nothing
-- waits for a call whose light thread is gone. Returns the argument for `unleash`. No function type is named here:
-- LuaJIT would make a new one each time, and has room for 65536.
function nginx.leash(call)
  local request = can_clean_up and base.get_request()
  if not request then return nil end
  local cleanup = ffi.C.auth0perm_cleanup_add(request, 0)
  if cleanup == nil then return nil end
  cleanup.data = nil
  local slot = ffi.cast("char *", cleanup) + ffi.offsetof("struct auth0perm_cleanup", "data")
  cleanup.handler = call:leash(tonumber(ffi.cast("uintptr_t", slot)))
  return { call = call, cleanup = cleanup }
end

-- Unties it again, in the same request; nil is ignored. The request's cleanup record is reused for the next call, so
-- that a long request (a timer that loops) does not grow with each call.
function nginx.unleash(leash)
  if not leash or leash.untied then return end
  leash.untied = true
  if not leash.call:leash() then return end -- the request has ended
  ffi.C.auth0perm_cleanup_free(base.get_request(), ffi.cast("void **", leash.cleanup))
end

local NO_DESCRIPTOR = -1 -- asks for the existing one
local MESSAGE_SIZE = 256
local POLLIN = 1
local AT_ONCE = 0

local message = has_ffi and ffi.new("char[?]", MESSAGE_SIZE)

-- The descriptor of a cosocket; nil if ngx_lua does not expose it.
local function descriptor_of(socket)
  if socket.getfd then return socket:getfd() end
  local length = ffi.new("size_t[1]", MESSAGE_SIZE)
  local descriptor = ffi.C.auth0perm_descriptor(socket[1], NO_DESCRIPTOR, message, length)
  return descriptor >= 0 and descriptor or nil
end

-- Whether something has arrived on a cosocket that nginx has not read yet, including its end; nil if unknown.
function nginx.readable(socket)
  local descriptor = nginx.shows_descriptors and descriptor_of(socket)
  if not descriptor then return nil end
  local list = ffi.new("struct auth0perm_pollfd", descriptor, POLLIN)
  return ffi.C.auth0perm_poll(list, 1, AT_ONCE) > 0
end

return nginx
