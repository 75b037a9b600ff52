#include "prepared.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../curl/clock.h"
#include "answer.h"
#include "call.h"
#include "checks.h"
#include "compat.h"

/* The longest header name, in bytes, that is worth reading. */
enum { HEADER_NAME_MAX = 256 };

/* The statuses of final responses. */
enum { STATUS_MIN = 200, STATUS_MAX = 999 };

/* The call that is the first argument; raises unless Lua drives it. */
static struct held *check_own(lua_State *L, const char *method) {
  struct held *held = held_check(L);
  if (held->started) luaL_error(L, "'%s': the client drives this call; use client:step()", method);
  return held;
}

/* The time for a method of a call that Lua drives: an argument, for drivers with a clock of their own. */
static double check_now(lua_State *L, int index, const char *method) {
  if (lua_isnoneornil(L, index)) return clock_seconds();
  double now = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : NAN;
  if (!isfinite(now))
    checks_raise(L, index - 1, method, "now: expected a finite number of seconds, got %s", checks_shown(L, index));
  return now;
}

/* Sets a header line's value, under its name, in the table at the top of the stack. */
static void set_header(lua_State *L, const char *line) {
  const char *colon = strchr(line, ':');
  lua_pushlstring(L, line, (size_t)(colon - line));
  lua_pushstring(L, colon + 2);
  lua_rawset(L, -3);
}

/*---
--- What `Call:next` asks a driver to send. The driver must verify certificates and must not follow redirects.
---@class auth0perm.Request
---@field method string
---@field url string
---@field headers table<string, string>
---@field body? string
--- Seconds to connect.
---@field connect_timeout number
--- Seconds for the request and its whole response.
---@field timeout number
*/

static void push_request(lua_State *L, const struct request *request) {
  lua_createtable(L, 0, 6);
  lua_pushstring(L, request->method);
  lua_setfield(L, -2, "method");
  lua_pushstring(L, request->url);
  lua_setfield(L, -2, "url");
  lua_createtable(L, 0, REQUEST_HEADERS);
  for (const char *const *line = request->headers; *line; line++) set_header(L, *line);
  lua_setfield(L, -2, "headers");
  if (request->body.data) {
    lua_pushlstring(L, request->body.data, request->body.length);
    lua_setfield(L, -2, "body");
  }
  lua_pushnumber(L, request->connect_limit);
  lua_setfield(L, -2, "connect_timeout");
  lua_pushnumber(L, request->time_limit);
  lua_setfield(L, -2, "timeout");
}

/* Pushes the step that reports a finished fetch. */
static int push_shared(lua_State *L, const struct held *held, double now) {
  double expires_in;
  struct text token = call_shared(&held->call, now, &expires_in);
  lua_pushliteral(L, "share");
  if (token.length == 0) return 1;
  lua_pushlstring(L, token.data, token.length);
  if (!isfinite(expires_in)) return 2;
  lua_pushnumber(L, expires_in);
  return 3;
}

/*---
--- For a driver of your own: returns what to do next. `"send", request`: perform it, then call `feed` or `fail`.
--- `"wait", seconds`: call `next` again then, or earlier. `"authorize"`: supply a token, or call `fail`. `"done"`: see
--- `result`. Raises an error if you have not replied to the last `"send"` yet.
---
--- With `share_tokens`, `"authorize"` asks for a token that another process has fetched; only one call at a time asks.
--- Reply with `authorize`; with `fetch` if nobody has a token and nobody is fetching one; or with `defer` if somebody
--- is. After a fetch, the call says `"share", token, expires_in`. Store the token for the others (it is nil if the
--- fetch failed, and `expires_in` is nil if unknown), and call `next` again.
---@param now? number  seconds on a monotonic clock of your own, always the same one. Default: the system's.
---@return "send"|"wait"|"authorize"|"share"|"done" step
---@return auth0perm.Request|number|string|nil detail
---@return number? expires_in  seconds
function Call:next(now) end
*/
static int m_next(lua_State *L) {
  struct held *held = check_own(L, "next");
  double now = check_now(L, 2, "next");
  bool sending = held->call.state == CALL_SENDING;
  if (sending && held->handed) {
    luaL_error(L, "'next': the last request is still open; call feed or fail first");
  }
  held->handed = false;
  /* if memory ran out while a request was handed over, it is handed over now */
  switch (sending ? CALL_SEND : call_next(&held->call, now)) {
    case CALL_SEND:
      lua_pushliteral(L, "send");
      push_request(L, call_request(&held->call));
      held->handed = true;
      return 2;
    case CALL_WAIT:
      lua_pushliteral(L, "wait");
      lua_pushnumber(L, held->call.wait);
      return 2;
    case CALL_AUTHORIZE: lua_pushliteral(L, "authorize"); return 1;
    case CALL_SHARE: return push_shared(L, held, now);
    case CALL_DONE: break;
  }
  lua_pushliteral(L, "done");
  return 1;
}

/* Reads the member of `headers` at the top of the stack; its name is below it. A value may be a list of strings, as in
 * ngx.req.get_headers(). */
static void feed_header(lua_State *L, struct response *response) {
  if (lua_type(L, -2) != LUA_TSTRING) return;
  if (lua_istable(L, -1)) {
    lua_rawgeti(L, -1, 1);
    lua_replace(L, -2);
  }
  if (!lua_isstring(L, -1)) return;
  struct text name = checks_text(L, -2);
  struct text value = checks_text(L, -1);
  if (name.length <= HEADER_NAME_MAX) response_header(response, name, value);
}

/* Reads { status =, headers =, body = } from stack index 2. The body is left at the top of the stack, which owns it. */
static struct text check_response(lua_State *L, struct response *response) {
  if (!lua_istable(L, 2)) checks_raise(L, 1, "feed", "response: expected a table, got %s", checks_typename(L, 2));
  lua_getfield(L, 2, "status");
  double status = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
  if (!(status >= (double)STATUS_MIN && status <= (double)STATUS_MAX && status == floor(status))) {
    checks_raise(L, 1, "feed", "response.status: expected an HTTP status from %d to %d, got %s", STATUS_MIN, STATUS_MAX,
                 checks_shown(L, -1));
  }
  response_open(response, (int)status);
  lua_getfield(L, 2, "headers");
  if (lua_istable(L, -1)) {
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) feed_header(L, response);
  } else if (!lua_isnil(L, -1)) {
    checks_raise(L, 1, "feed", "response.headers: expected a table, got %s", checks_typename(L, -1));
  }
  lua_getfield(L, 2, "body");
  if (lua_isnil(L, -1)) return (struct text){.data = "", .length = 0};
  return checks_string(L, -1, 1, "feed", "response.body");
}

/* Raises if no request has been handed out. */
static void check_sending(lua_State *L, const struct held *held, const char *method) {
  if (held->call.state == CALL_DECIDING) luaL_error(L, "'%s': no request is in flight; call next first", method);
}

/*---
--- For a driver of your own: hands over the response to the request that `next` returned. A call that was canceled in
--- the meantime ignores it.
---@param response { status: integer, headers: table<string, string|string[]>?, body: string? }
---@param now? number  see `next`
function Call:feed(response, now) end
*/
static int m_feed(lua_State *L) {
  struct held *held = check_own(L, "feed");
  struct response response;
  check_sending(L, held, "feed");
  double now = check_now(L, 3, "feed");
  struct text body = check_response(L, &response);
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, HELD_ITEMS);
  if (!answer_feed(L, -1, &held->call, &response, body, now)) lua_error(L);
  return 0;
}

/* The kinds of failure that a driver can report, and whether the tenant may have read the request. */
static const struct {
  const char *name;
  enum failure_kind kind;
  bool maybe_read;
} FAILURES[] = {
    {"connect", FAILURE_CONNECT, false},         {"tls", FAILURE_TLS, false},
    {"timeout", FAILURE_TIMEOUT, true},          {"transport", FAILURE_TRANSPORT, true},
    {"protocol", FAILURE_PROTOCOL, true},        {"token", FAILURE_TOKEN, true},
    {"canceled", FAILURE_CANCELED, true},        {"closed", FAILURE_CLOSED, true},
    {"connect_timeout", FAILURE_TIMEOUT, false},
};

/*---
--- For a driver of your own: says that the request that `next` returned got no response, or that there is no token.
--- Kinds: `connect` (no connection; nothing was sent), `connect_timeout` (the same, because of a timeout), `tls` (the
--- certificate cannot be trusted; nothing was sent), `timeout`, `transport` (the connection broke), `protocol` (the
--- response is not HTTP, or is too large), `token`, `canceled`, `closed` (the client is closed).
---@param kind "connect"|"tls"|"timeout"|"transport"|"protocol"|"token"|"canceled"|"connect_timeout"|"closed"
---@param message? string  for people, without secrets
---@param now? number  see `next`
function Call:fail(kind, message, now) end
*/
static int m_fail(lua_State *L) {
  struct held *held = check_own(L, "fail");
  struct text name = checks_string(L, 2, 1, "fail", "kind");
  struct text message = {.data = name.data};
  if (!lua_isnoneornil(L, 3)) message = checks_string(L, 3, 2, "fail", "message");
  double now = check_now(L, 4, "fail");
  for (size_t i = 0; i < sizeof FAILURES / sizeof *FAILURES; i++) {
    if (strcmp(name.data, FAILURES[i].name) != 0) continue;
    bool maybe_read = FAILURES[i].maybe_read && held->call.state == CALL_SENDING;
    struct failure failure = {.kind = FAILURES[i].kind, .maybe_read = maybe_read, .message = message.data};
    call_fail(&held->call, &failure, now);
    return 0;
  }
  checks_raise(L, 1, "fail",
               "kind: expected connect, tls, timeout, transport, protocol, token, canceled, closed or connect_timeout, "
               "got \"%s\"",
               name.data);
}

/*---
--- For a driver of your own: supplies an access token, for this call and all others of its client. A token that cannot
--- stand in a header ends the call with an error of kind `token`.
---@param token string
---@param expires_in? number  seconds; default: unknown
---@param now? number  see `next`
---@return boolean taken  false, only with `share_tokens`: the client has this token already, or the tenant rejected it
function Call:authorize(token, expires_in, now) end
*/
static int m_authorize(lua_State *L) {
  struct held *held = check_own(L, "authorize");
  struct text token = checks_string(L, 2, 1, "authorize", "token");
  double expires_in = HUGE_VAL;
  if (!lua_isnoneornil(L, 3)) {
    expires_in = lua_type(L, 3) == LUA_TNUMBER ? lua_tonumber(L, 3) : NAN;
    if (!(expires_in > 0)) {
      checks_raise(L, 2, "authorize", "expires_in: expected a number > 0, got %s", checks_shown(L, 3));
    }
  }
  double now = check_now(L, 4, "authorize");
  lua_pushboolean(L, call_authorize(&held->call, token, expires_in, now));
  return 1;
}

/*---
--- For a driver of your own: gives the call what a token function has returned, for this call and all others that wait
--- for a token: `call:supply(pcall(token_function))`. A function that raises, or returns no string, ends them with an
--- error of kind `token`.
---@param returned boolean  whether the function returned
---@param token? any  the token; or nil; or what was raised
---@param expires_in? number|string  seconds; or why there is no token
function Call:supply(returned, token, expires_in) end
*/
static int m_supply(lua_State *L) {
  struct held *held = check_own(L, "supply");
  held_supply(L, held, lua_toboolean(L, 2), 3, clock_seconds());
  return 0;
}

/*---
--- For a driver of your own, with `share_tokens`: nobody else is fetching a token, so this call does.
function Call:fetch() end
*/
static int m_fetch(lua_State *L) {
  call_fetch(&check_own(L, "fetch")->call);
  return 0;
}

/*---
--- For a driver of your own, with `share_tokens`: somebody else is fetching a token. The client asks again after
--- `seconds`. In the meantime it uses the token that it has.
---@param seconds number  more than 0
---@param now? number  see `next`
function Call:defer(seconds, now) end
*/
static int m_defer(lua_State *L) {
  struct held *held = check_own(L, "defer");
  double seconds = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : NAN;
  if (!(seconds > 0 && isfinite(seconds))) {
    checks_raise(L, 1, "defer", "seconds: expected a finite number > 0, got %s", checks_shown(L, 2));
  }
  call_defer(&held->call, seconds, check_now(L, 3, "defer"));
  return 0;
}

/*---
--- For a driver of your own: continues with the next page of a list. A call that `each` returned, with
--- `driver = "none"`, is done after each page, and its result is that page.
---@return boolean more  false: that page was the last, or the call failed
function Call:resume() end
*/
static int m_resume(lua_State *L) {
  struct held *held = check_own(L, "resume");
  bool more = held->call.more;
  if (more) {
    held_drop_items(L, 1);
    call_resume(&held->call);
  }
  lua_pushboolean(L, more);
  return 1;
}

/* Called when the nginx request ends, and with it whatever drove the call. */
static void on_request_end(void *context) {
  struct held *held = context;
  if (!held) return;
  held_unleash(held);
  held_cancel(held, "the nginx request has ended");
}

/*---
--- For a driver inside nginx, through LuaJIT's FFI: ties the call to a request. When the request ends, nginx calls the
--- handler, which cancels the call, so that nothing waits for a call that nobody drives. Without an address, unties it.
---@param address? number  of a null pointer that lives as long as the request. A wrong address is fatal.
---@return lightuserdata|boolean handler  `void (*)(void *)`, to be called with that pointer when the request ends;
--- without an address: whether the call was tied
function Call:leash(address) end
*/
static int m_leash(lua_State *L) {
  struct held *held = check_own(L, "leash");
  if (lua_isnoneornil(L, 2)) {
    lua_pushboolean(L, held->leash != NULL);
    held_unleash(held);
    return 1;
  }
  double address = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : 0;
  if (!(address >= 1 && address < CHECKS_WHOLE_MAX) || fmod(address, sizeof(struct leash)) != 0) {
    checks_raise(L, 1, "leash", "address: expected the address of a pointer, got %s", checks_shown(L, 2));
  }
  held_unleash(held);
  if (((struct leash *)(uintptr_t)address)->held)
    checks_raise(L, 1, "leash", "address: expected the address of zeroed memory");
  held->leash = (struct leash *)(uintptr_t)address;
  held->leash->held = held;
  lua_pushlightuserdata(L, (void *)(uintptr_t)on_request_end);
  return 1;
}

void prepared_register(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"next", m_next},   {"feed", m_feed},   {"fail", m_fail},     {"authorize", m_authorize}, {"supply", m_supply},
      {"fetch", m_fetch}, {"defer", m_defer}, {"resume", m_resume}, {"leash", m_leash},         {NULL, NULL},
  };
  held_push_methods(L);
  compat_setfuncs(L, methods);
  lua_pop(L, 1);
}
