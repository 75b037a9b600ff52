#include "call.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../curl/clock.h"
#include "checks.h"
#include "compat.h"
#include "error.h"

static const char CALL_TYPE[] = "auth0perm.call";

/* Registry key of the function call_listeners, so that pushing it takes no memory. */
static const char LISTENERS_KEY = 0;

struct held *held_push(lua_State *L, int owner, struct client *client, const struct operation *operation) {
  struct held *held = compat_newuserdata(L, sizeof *held);
  memset(held, 0, sizeof *held);
  compat_setmetatable(L, CALL_TYPE);
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, owner);
  lua_rawseti(L, -2, HELD_CLIENT);
  if (operation->result != RESULT_NOTHING) {
    lua_newtable(L);
    lua_rawseti(L, -2, HELD_ITEMS);
  }
  compat_setuservalue(L, -2);
  call_open(&held->call, client, operation);
  return held;
}

struct held *held_check(lua_State *L) {
  return luaL_checkudata(L, 1, CALL_TYPE);
}

void held_push_methods(lua_State *L) {
  luaL_getmetatable(L, CALL_TYPE);
  lua_getfield(L, -1, "__index");
  lua_remove(L, -2);
}

void held_cancel(struct held *held, const char *message) {
  if (held->started) {
    crank_end(&held->seat, FAILURE_CANCELED, message);
  } else {
    bool maybe_read = held->call.state == CALL_SENDING;
    struct failure failure = {.kind = FAILURE_CANCELED, .maybe_read = maybe_read, .message = message};
    call_fail(&held->call, &failure, clock_seconds());
  }
}

static void fail_for_token(struct held *held, const char *message, double now) {
  bool maybe_read = held->call.state == CALL_SENDING; /* a driver's mistake: nobody asked for a token */
  call_fail(&held->call, &(struct failure){.kind = FAILURE_TOKEN, .maybe_read = maybe_read, .message = message}, now);
}

void held_supply(lua_State *L, struct held *held, bool returned, int index, double now) {
  if (!returned) {
    const char *message = lua_tostring(L, index);
    fail_for_token(held, message ? message : "the token function raised an error", now);
  } else if (lua_type(L, index) != LUA_TSTRING) {
    bool explained = lua_type(L, index + 1) == LUA_TSTRING;
    fail_for_token(held, explained ? lua_tostring(L, index + 1) : "the token function did not return a string", now);
  } else {
    /* 0, and so rejected, if it is not a number */
    double expires_in = lua_isnoneornil(L, index + 1) ? HUGE_VAL : lua_tonumber(L, index + 1);
    call_authorize(&held->call, checks_text(L, index), expires_in, now);
  }
}

void held_unleash(struct held *held) {
  if (held->leash) held->leash->held = NULL;
  held->leash = NULL;
}

int held_push_result(lua_State *L, const struct held *held) {
  const struct operation *operation = held->call.operation;
  if (held->call.error.kind != ERROR_NONE) return error_return(L, &held->call.error, operation->name);
  if (operation->result == RESULT_NOTHING) {
    lua_pushboolean(L, 1);
    return 1;
  }
  compat_getuservalue(L, -1);
  lua_rawgeti(L, -1, HELD_ITEMS);
  if (operation->result == RESULT_OBJECT) lua_rawgeti(L, -1, 1);
  return 1;
}

void held_drop_items(lua_State *L, int index) {
  compat_getuservalue(L, index);
  lua_newtable(L);
  lua_rawseti(L, -2, HELD_ITEMS);
  lua_pop(L, 1);
}

void held_push_item(lua_State *L, int index, int place) {
  compat_getuservalue(L, index);
  lua_rawgeti(L, -1, HELD_ITEMS);
  lua_rawgeti(L, -1, place);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/*---
--- An operation under way.
---@class auth0perm.Call
local Call = {}
*/

/*---
--- Returns whether the call is done.
---@return boolean done
function Call:done() end
*/
static int m_done(lua_State *L) {
  lua_pushboolean(L, held_check(L)->call.state == CALL_FINISHED);
  return 1;
}

/*---
--- Returns what the operation's method would have returned. Raises an error if the call is not done.
---@return any result  `true`, a list or an object; `nil` if the operation failed
---@return auth0perm.Error? err
function Call:result() end
*/
static int m_result(lua_State *L) {
  const struct held *held = held_check(L);
  if (held->call.state != CALL_FINISHED) luaL_error(L, "'result': the call is not done");
  lua_settop(L, 1);
  return held_push_result(L, held);
}

/*---
--- Ends the call at once. Its result is an error of kind `canceled`, whose `maybe_applied` says whether a change may
--- have reached the tenant.
---@return boolean canceled  false if the call was done already
function Call:cancel() end
*/
static int m_cancel(lua_State *L) {
  struct held *held = held_check(L);
  lua_pushboolean(L, held->call.state != CALL_FINISHED);
  held_cancel(held, "canceled");
  return 1;
}

/* Pushes the message for the raised value at the top of the stack. Error objects, such as ours, format themselves. */
static const char *push_message(lua_State *L) {
  if (luaL_callmeta(L, -1, "__tostring") && lua_isstring(L, -1)) return lua_tostring(L, -1);
  if (lua_isstring(L, -1)) return lua_tostring(L, -1);
  return lua_pushfstring(L, "(error object is a %s value)", checks_typename(L, -1));
}

/* The message for a callback that ended before its message handler could run: Lua's own, if there is one. */
static const char *unhandled_message(lua_State *L) {
  return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "not enough memory, or error in error handling";
}

static void print_report(const struct held *held, const char *message) {
  fprintf(stderr, "auth0perm: on_done of %s: %s\n", held->call.operation->name, message);
}

/* The message handler of a callback; runs before its stack is unwound. */
static int report(lua_State *L) {
  print_report(lua_touserdata(L, lua_upvalueindex(1)), push_message(L));
  return 0;
}

/* Runs the callbacks of the call that is its argument, one after another, however they end. Each is removed from the
 * list first: if the host program interrupts this between two of them, the others are still there. */
static int call_listeners(lua_State *L) {
  struct held *held = lua_touserdata(L, 1);
  compat_getuservalue(L, 1);
  lua_rawgeti(L, 2, HELD_LISTENERS);
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, report, 1);
  int count = (int)compat_rawlen(L, 3);
  for (int i = 1; i <= count; i++) {
    lua_pushvalue(L, 1);
    int results = held_push_result(L, held);
    lua_rawgeti(L, 3, i);
    lua_pushboolean(L, 0);
    lua_rawseti(L, 3, i);
    lua_insert(L, -1 - results);
    int status = lua_toboolean(L, -1 - results) ? lua_pcall(L, results, 0, 4) : 0;
    if (status != 0 && status != LUA_ERRRUN) print_report(held, unhandled_message(L));
    lua_settop(L, 4);
  }
  held->heard = false;
  lua_pushnil(L);
  lua_rawseti(L, 2, HELD_LISTENERS);
  return 0;
}

bool held_conclude(lua_State *L, struct held *held) {
  if (!held->heard) return true;
  compat_rawgetp(L, LUA_REGISTRYINDEX, &LISTENERS_KEY);
  lua_pushvalue(L, -2);
  int status = lua_pcall(L, 1, 0, 0);
  if (status != 0 && status != LUA_ERRMEM) return false;
  if (status == LUA_ERRMEM) {
    held->heard = false;
    print_report(held, "not enough memory");
    lua_pop(L, 1);
  }
  return true;
}

/*---
--- Registers a callback for when the call is done. The `step` (or blocking method, or `close`) that finds it done runs
--- the callback; if the call is done already, `on_done` runs it at once. The callback may do anything except yield:
--- start calls, cancel them, close the client. An error in it is reported on standard error, and stops nothing else.
--- Several callbacks run in the order in which they were registered. Only for calls of `start`.
---@param listener fun(result: any, err: auth0perm.Error?)  gets what `result` returns
---@return auth0perm.Call call  the call itself
function Call:on_done(listener) end
*/
static int m_on_done(lua_State *L) {
  struct held *held = held_check(L);
  if (!lua_isfunction(L, 2))
    checks_raise(L, 1, "on_done", "listener: expected a function, got %s", checks_typename(L, 2));
  if (!held->started) luaL_error(L, "'on_done': only for calls of client:start(); you drive this one yourself");
  lua_settop(L, 2);
  compat_getuservalue(L, 1);
  lua_rawgeti(L, 3, HELD_LISTENERS);
  if (lua_isnil(L, 4)) {
    lua_newtable(L);
    lua_replace(L, 4);
    lua_pushvalue(L, 4);
    lua_rawseti(L, 3, HELD_LISTENERS);
  }
  lua_pushvalue(L, 2);
  lua_rawseti(L, 4, (int)compat_rawlen(L, 4) + 1);
  held->heard = true;
  lua_settop(L, 1);
  if (held->call.state == CALL_FINISHED && !held->seat.crank && !held_conclude(L, held)) lua_error(L);
  return 1;
}

/* Sets a member of the table at the top of the stack to a number from the last response, if it is known. */
static void set_known(lua_State *L, const char *name, double number) {
  if (number < 0) return;
  compat_pushwhole(L, number);
  lua_setfield(L, -2, name);
}

/*---
--- What is known about a call's requests so far, for logs and tools.
---@class auth0perm.CallInfo
--- Requests sent; for a list, for its newest page.
---@field attempts integer
--- HTTP status of the newest response.
---@field status? integer
--- Whether the newest request reused a connection. Only for calls that the client drives.
---@field reused? boolean
--- The rate limit, as the newest response told it: the size of its bucket and what is left in it (requests), and when
--- it will be full (seconds since 1970, by the tenant's clock).
---@field limit? integer
---@field remaining? integer
---@field reset? integer

---@return auth0perm.CallInfo info
function Call:info() end
*/
static int m_info(lua_State *L) {
  const struct held *held = held_check(L);
  const struct call_response *last = &held->call.last;
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, held->call.attempts);
  lua_setfield(L, -2, "attempts");
  if (last->status > 0) {
    lua_pushinteger(L, last->status);
    lua_setfield(L, -2, "status");
    set_known(L, "limit", last->limit);
    set_known(L, "remaining", last->remaining);
    set_known(L, "reset", last->reset);
  }
  if (held->seat.came_back) {
    lua_pushboolean(L, held->seat.reused);
    lua_setfield(L, -2, "reused");
  }
  return 1;
}

static int m_tostring(lua_State *L) {
  const struct held *held = held_check(L);
  const char *state = held->call.state != CALL_FINISHED ? "not done" : "done";
  if (held->call.state == CALL_FINISHED && held->call.error.kind != ERROR_NONE) state = "failed";
  lua_pushfstring(L, "auth0perm call (%s, %s)", held->call.operation ? held->call.operation->name : "?", state);
  return 1;
}

static int m_gc(lua_State *L) {
  struct held *held = held_check(L);
  crank_forget(&held->seat);
  held_unleash(held);
  call_close(&held->call);
  return 0;
}

void held_register(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"done", m_done}, {"result", m_result},   {"cancel", m_cancel},
      {"info", m_info}, {"on_done", m_on_done}, {NULL, NULL},
  };
  lua_pushcfunction(L, call_listeners);
  compat_rawsetp(L, LUA_REGISTRYINDEX, &LISTENERS_KEY);
  luaL_newmetatable(L, CALL_TYPE); /* filled each time: memory may have run out the last time */
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
