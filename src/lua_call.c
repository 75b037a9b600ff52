#include "lua_call.h"

#include <math.h>
#include <string.h>

#include "clock.h"
#include "compat.h"
#include "lua_values.h"

static const char CALL_TYPE[] = "auth0perm.call";

/* The longest header name that a driver of the user's may feed, in bytes. */
enum { HEADER_NAME_MOST = 256 };

struct held_call *lua_call_push(lua_State *L, int owner, struct client *client, const struct operation *operation) {
  struct held_call *call = compat_newuserdata(L, sizeof *call);
  memset(call, 0, sizeof *call);
  compat_setmetatable(L, CALL_TYPE);
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, owner);
  lua_rawseti(L, -2, LUA_CALL_CLIENT);
  if (operation->answer != ANSWER_NOTHING) {
    lua_newtable(L);
    lua_rawseti(L, -2, LUA_CALL_ITEMS);
  }
  compat_setuservalue(L, -2);
  call_open(&call->call, client, operation);
  return call;
}

static struct held_call *check_call(lua_State *L) {
  return luaL_checkudata(L, 1, CALL_TYPE);
}

/* The call, if it is one that Lua drives; raises otherwise. */
static struct held_call *check_own(lua_State *L, const char *method) {
  struct held_call *call = check_call(L);
  if (call->started) luaL_error(L, "'%s': the client drives this call; client:step() moves it", method);
  return call;
}

/* The time for a method of a call that Lua drives: an argument, for those who have a clock of their own. */
static double check_now(lua_State *L, int index, const char *method) {
  if (lua_isnoneornil(L, index)) return clock_seconds();
  double now = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : NAN;
  if (!isfinite(now)) values_raise(L, index - 1, method, "now: seconds expected, got %s", values_shown(L, index));
  return now;
}

int lua_call_push_result(lua_State *L, const struct held_call *call) {
  const struct operation *operation = call->call.operation;
  if (call->call.error.kind != ERROR_NONE) return values_return_error(L, &call->call.error, operation->name);
  if (operation->answer == ANSWER_NOTHING) {
    lua_pushboolean(L, 1);
    return 1;
  }
  compat_getuservalue(L, -1);
  lua_rawgeti(L, -1, LUA_CALL_ITEMS);
  if (operation->answer == ANSWER_OBJECT) lua_rawgeti(L, -1, 1);
  return 1;
}

void lua_call_drop_items(lua_State *L, int index) {
  compat_getuservalue(L, index);
  lua_newtable(L);
  lua_rawseti(L, -2, LUA_CALL_ITEMS);
  lua_pop(L, 1);
}

void lua_call_push_item(lua_State *L, int index, int place) {
  compat_getuservalue(L, index);
  lua_rawgeti(L, -1, LUA_CALL_ITEMS);
  lua_rawgeti(L, -1, place);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/*---
--- Whether the result is there.
---@return boolean done
function Call:done() end
*/
static int m_done(lua_State *L) {
  lua_pushboolean(L, check_call(L)->call.state == CALL_FINISHED);
  return 1;
}

/*---
--- What the operation's method would have returned. Raises while the call is not done.
---@return any result  `true`, a list or an object; `nil` where the operation failed
---@return auth0perm.Error? err
function Call:result() end
*/
static int m_result(lua_State *L) {
  const struct held_call *call = check_call(L);
  if (call->call.state != CALL_FINISHED) luaL_error(L, "'result': the call is not done");
  lua_settop(L, 1);
  return lua_call_push_result(L, call);
}

/*---
--- Ends the call at once: its result is an error of kind `canceled`, whose `maybe_applied` tells whether the tenant may have
--- read a request that changes something.
---@return boolean canceled  false where the call was done already
function Call:cancel() end
*/
static int m_cancel(lua_State *L) {
  struct held_call *call = check_call(L);
  bool open = call->call.state != CALL_FINISHED;
  if (call->started) {
    crank_end(call, FAILURE_CANCELED, "canceled");
  } else {
    bool maybe_read = call->call.state == CALL_SENDING;
    struct failure failure = {.kind = FAILURE_CANCELED, .maybe_read = maybe_read, .message = "canceled"};
    call_fail(&call->call, &failure, clock_seconds());
  }
  lua_pushboolean(L, open);
  return 1;
}

/* Sets a member of the table on top of the stack to a number of the newest answer's, where it is known. */
static void set_known(lua_State *L, const char *name, double number) {
  if (number < 0) return;
  compat_pushwhole(L, number);
  lua_setfield(L, -2, name);
}

/*---
--- What is known of the requests of this call so far, for logs and tools.
---@class auth0perm.CallInfo
--- Requests that left; for a list, for its newest page.
---@field attempts integer
--- HTTP status of the newest answer.
---@field status? integer
--- Whether the newest request left on a connection that was there already; only for calls that the client drives.
---@field reused? boolean
--- The rate limit as the newest answer told it: the bucket's size, what is left in it (requests), and when it is full (seconds
--- since 1970, by the tenant's clock).
---@field limit? integer
---@field remaining? integer
---@field reset? integer

---@return auth0perm.CallInfo info
function Call:info() end
*/
static int m_info(lua_State *L) {
  const struct held_call *call = check_call(L);
  const struct call_answer *last = &call->call.last;
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, call->call.attempts);
  lua_setfield(L, -2, "attempts");
  if (last->status > 0) {
    lua_pushinteger(L, last->status);
    lua_setfield(L, -2, "status");
    set_known(L, "limit", last->limit);
    set_known(L, "remaining", last->remaining);
    set_known(L, "reset", last->reset);
  }
  if (call->answered) {
    lua_pushboolean(L, call->reused);
    lua_setfield(L, -2, "reused");
  }
  return 1;
}

/* Sets a member of the table on top of the stack to a header line's value, under its name. */
static void set_header(lua_State *L, const char *line) {
  const char *colon = strchr(line, ':');
  lua_pushlstring(L, line, (size_t)(colon - line));
  lua_pushstring(L, colon + 2);
  lua_rawset(L, -3);
}

/*---
--- What `Call:next` asks a driver to send. Certificates are to be verified, and redirects not to be followed.
---@class auth0perm.Request
---@field method string
---@field url string
---@field headers table<string, string>
---@field body? string
--- Seconds for the connection.
---@field connect_timeout number
--- Seconds for the request and its answer.
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

/*---
--- For a driver of your own: asks what to do next. `"send", request`: perform it, then `feed` or `fail`. `"wait", seconds`:
--- ask again then, or earlier. `"authorize"`: supply a token, or `fail`. `"done"`: see `result`. Raises while a request
--- that it gave out has not come back.
---@param now? number  seconds on a monotonic clock of your own; the same one each time. Default: the system's.
---@return "send"|"wait"|"authorize"|"done" step
---@return auth0perm.Request|number|nil detail
function Call:next(now) end
*/
static int m_next(lua_State *L) {
  struct held_call *call = check_own(L, "next");
  double now = check_now(L, 2, "next");
  bool sending = call->call.state == CALL_SENDING;
  if (sending && call->handed) {
    luaL_error(L, "'next': the request that was asked for comes first; feed its answer, or fail");
  }
  call->handed = false;
  /* a request that could not be handed over, for lack of memory, is handed over now */
  switch (sending ? CALL_SEND : call_next(&call->call, now)) {
    case CALL_SEND:
      lua_pushliteral(L, "send");
      push_request(L, call_request(&call->call));
      call->handed = true;
      return 2;
    case CALL_WAIT:
      lua_pushliteral(L, "wait");
      lua_pushnumber(L, call->call.wait);
      return 2;
    case CALL_AUTHORIZE: lua_pushliteral(L, "authorize"); return 1;
    case CALL_DONE: break;
  }
  lua_pushliteral(L, "done");
  return 1;
}

/* Takes note of the member of `headers` at the top of the stack, its name below it. Values may be lists of strings, as
 * in ngx.req.get_headers(). */
static void feed_header(lua_State *L, struct response *response) {
  if (lua_type(L, -2) != LUA_TSTRING) return;
  if (lua_istable(L, -1)) {
    lua_rawgeti(L, -1, 1);
    lua_replace(L, -2);
  }
  if (!lua_isstring(L, -1)) return;
  struct text name, value;
  name.data = lua_tolstring(L, -2, &name.length);
  value.data = lua_tolstring(L, -1, &value.length);
  if (name.length <= HEADER_NAME_MOST) response_header(response, name, value);
}

/* Reads { status =, headers =, body = } from stack index 2. The body belongs to Lua, on top of the stack. */
static struct text check_response(lua_State *L, struct response *response) {
  if (!lua_istable(L, 2)) values_raise(L, 1, "feed", "response: table expected, got %s", values_typename(L, 2));
  lua_getfield(L, 2, "status");
  double status = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
  if (!(status >= 200 && status <= 999 && status == floor(status))) {
    values_raise(L, 1, "feed", "response.status: a final HTTP status expected, got %s", values_shown(L, -1));
  }
  response_open(response, (int)status);
  lua_getfield(L, 2, "headers");
  if (lua_istable(L, -1)) {
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) feed_header(L, response);
  } else if (!lua_isnil(L, -1)) {
    values_raise(L, 1, "feed", "response.headers: table expected, got %s", values_typename(L, -1));
  }
  lua_getfield(L, 2, "body");
  if (lua_isnil(L, -1)) return (struct text){.data = "", .length = 0};
  return values_check_string(L, -1, 1, "feed", "response.body");
}

/* Raises where the driver was not asked to send anything. */
static void check_sending(lua_State *L, const struct held_call *call, const char *method) {
  if (call->call.state == CALL_DECIDING) luaL_error(L, "'%s': no request is on its way; ask call:next() first", method);
}

/*---
--- For a driver of your own: the answer to the request that `next` gave out. A call that was canceled meanwhile ignores it.
---@param response { status: integer, headers: table<string, string|string[]>?, body: string? }
---@param now? number  see `next`
function Call:feed(response, now) end
*/
static int m_feed(lua_State *L) {
  struct held_call *call = check_own(L, "feed");
  struct response response;
  check_sending(L, call, "feed");
  double now = check_now(L, 3, "feed");
  struct text body = check_response(L, &response);
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, LUA_CALL_ITEMS);
  if (!values_feed(L, -1, &call->call, &response, body, now)) lua_error(L);
  return 0;
}

/* The kinds of failure that a driver can report, and whether the tenant may have read the request. */
static const struct {
  const char *name;
  enum failure_kind kind;
  bool maybe_read;
} FAILURES[] = {
    {"connect", FAILURE_CONNECT, false},    {"tls", FAILURE_TLS, false},          {"timeout", FAILURE_TIMEOUT, true},
    {"transport", FAILURE_TRANSPORT, true}, {"protocol", FAILURE_PROTOCOL, true}, {"token", FAILURE_TOKEN, false},
    {"canceled", FAILURE_CANCELED, true},
};

/*---
--- For a driver of your own: the request that `next` gave out brought no answer, or there is no token to authorize with.
--- Kinds: `connect` (no connection; nothing was sent), `tls` (the certificate is not to be trusted; nothing was sent),
--- `timeout`, `transport` (the connection broke), `protocol` (the answer is no HTTP, or too large), `token`, `canceled`.
---@param kind "connect"|"tls"|"timeout"|"transport"|"protocol"|"token"|"canceled"
---@param message? string  for people, without secrets
---@param now? number  see `next`
function Call:fail(kind, message, now) end
*/
static int m_fail(lua_State *L) {
  struct held_call *call = check_own(L, "fail");
  struct text name = values_check_string(L, 2, 1, "fail", "kind");
  struct text message = {.data = name.data};
  if (!lua_isnoneornil(L, 3)) message = values_check_string(L, 3, 2, "fail", "message");
  double now = check_now(L, 4, "fail");
  for (size_t i = 0; i < sizeof FAILURES / sizeof *FAILURES; i++) {
    if (strcmp(name.data, FAILURES[i].name) != 0) continue;
    bool maybe_read = FAILURES[i].maybe_read && call->call.state == CALL_SENDING;
    struct failure failure = {.kind = FAILURES[i].kind, .maybe_read = maybe_read, .message = message.data};
    call_fail(&call->call, &failure, now);
    return 0;
  }
  values_raise(L, 1, "fail", "kind: connect, tls, timeout, transport, protocol, token or canceled expected, got \"%s\"",
               name.data);
}

/*---
--- For a driver of your own: supplies an access token, for this call and all others of its client. A token that no header
--- can hold ends the call with an error of kind `token`.
---@param token string
---@param expires_in? number  seconds; default: it is not known to expire
---@param now? number  see `next`
function Call:authorize(token, expires_in, now) end
*/
static int m_authorize(lua_State *L) {
  struct held_call *call = check_own(L, "authorize");
  struct text token = values_check_string(L, 2, 1, "authorize", "token");
  double expires_in = HUGE_VAL;
  if (!lua_isnoneornil(L, 3)) {
    expires_in = lua_type(L, 3) == LUA_TNUMBER ? lua_tonumber(L, 3) : NAN;
    if (!(expires_in > 0)) {
      values_raise(L, 2, "authorize", "expires_in: seconds above 0 expected, got %s", values_shown(L, 3));
    }
  }
  double now = check_now(L, 4, "authorize");
  if (call->call.state == CALL_DECIDING) call_authorize(&call->call, token, expires_in, now);
  return 0;
}

static int m_tostring(lua_State *L) {
  const struct held_call *call = check_call(L);
  const char *state = call->call.state != CALL_FINISHED ? "not done" : "done";
  if (call->call.state == CALL_FINISHED && call->call.error.kind != ERROR_NONE) state = "failed";
  lua_pushfstring(L, "auth0perm call (%s, %s)", call->call.operation ? call->call.operation->name : "?", state);
  return 1;
}

static int m_gc(lua_State *L) {
  struct held_call *call = check_call(L);
  crank_forget(call);
  call_close(&call->call);
  return 0;
}

void lua_call_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"done", m_done}, {"result", m_result}, {"cancel", m_cancel},       {"info", m_info}, {"next", m_next},
      {"feed", m_feed}, {"fail", m_fail},     {"authorize", m_authorize}, {NULL, NULL},
  };
  luaL_newmetatable(L, CALL_TYPE); /* filled each time: the time before may have been short of memory */
  lua_newtable(L);
  compat_setfuncs(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, m_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, m_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "protected");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}
