#include "client.h"

#include <math.h>
#include <string.h>

#include "../curl/clock.h"
#include "arguments.h"
#include "call.h"
#include "checks.h"
#include "compat.h"
#include "configuration.h"
#include "error.h"
#include "turn.h"

static const char CLIENT_TYPE[] = "auth0perm.client";

/* Registry key of a function that does nothing, see check_interrupt. */
static const char NOTHING_KEY = 0;

/* Registry key: true once a blocking client was made in nginx. */
static const char WARNED_KEY = 0;

/* Seconds that a blocking method waits before it checks for an interrupt. A signal ends the wait earlier. */
static const double BLOCKING_WAIT = 1;

/* Seconds between two steps of a client in an event loop, if the system has no descriptor to wait for. */
static const double LOOK = 0.01;

/* The userdata's table keeps the calls in flight alive, under their addresses. */
struct client_userdata {
  struct client client;
  struct driver *driver; /* NULL if the host program performs the requests */
  struct crank crank;    /* of the driver */
  struct host host;      /* what a driver written in Lua says about itself */
  bool closing;          /* close was called while the crank was turning */
};

/* Pushes the version of the language: "Lua 5.4", or LuaJIT's own. Runs no metamethod of the globals. */
static struct text push_lua_version(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_getfield(L, -1, "jit");
  if (lua_istable(L, -1)) lua_getfield(L, -1, "version");
  if (lua_type(L, -1) != LUA_TSTRING) lua_pushliteral(L, LUA_VERSION);
  return checks_text(L, -1);
}

/* Warns in nginx's log, once, that a blocking client blocks its worker. */
static void warn_in_nginx(lua_State *L) {
  int top = lua_gettop(L);
  compat_rawgetp(L, LUA_REGISTRYINDEX, &WARNED_KEY);
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_getfield(L, -1, "ngx");
  if (lua_isnil(L, top + 1) && lua_istable(L, top + 3)) {
    lua_pushboolean(L, 1);
    compat_rawsetp(L, LUA_REGISTRYINDEX, &WARNED_KEY);
    lua_getfield(L, top + 3, "log");
    lua_getfield(L, top + 3, "WARN");
    luaL_where(L, 1);
    lua_pushliteral(L,
                    "auth0perm: this client blocks its whole nginx worker while it waits; "
                    "require \"auth0perm.openresty\" instead of \"auth0perm\"");
    lua_pcall(L, 3, 0, 0);
  }
  lua_settop(L, top);
}

/* Fills a zeroed client. On failure, close_client frees what it has. */
static bool open_client(struct client_userdata *client, const struct configuration *given, struct allocator allocator,
                        struct error *error) {
  if (!configuration_check(given, error) || !client_open(&client->client, &given->core, allocator, error)) return false;
  if (configuration_has_no_driver(given)) return true;
  client->driver = driver_new(allocator, &given->curl, error);
  if (!client->driver) return false;
  crank_open(&client->crank, &client->client, client->driver);
  return true;
}

/* Ends and frees everything. While the crank is turning, this is put off until it stops: a finalizer may call it. */
static void close_client(struct client_userdata *client) {
  if (client->crank.turning) {
    client->closing = true;
    return;
  }
  client->closing = false;
  if (client->driver) crank_close(&client->crank);
  driver_free(client->driver);
  client->driver = NULL;
  client_close(&client->client);
}

/*---
--- Holds what all calls to one tenant share: connections, token, rate limit. Its methods are the operations.
---@class auth0perm.Client: auth0perm.Operations
local Client = {}

--- The operations of the Management API, as methods of every client.
---@class auth0perm.Operations
local Operations = {}
*/

/*---
--- Makes a client for one tenant. The client connects when it is first used, and reuses its connections.
--- Raises an error for wrong types and unknown options. Returns an error of kind `invalid` for impossible values.
---@param options auth0perm.Options
---@param host? auth0perm.Host  only for drivers written in Lua
---@return auth0perm.Client? client
---@return auth0perm.Error? err  of kind `invalid` or `memory`
function auth0perm.new(options, host) end
*/
int client_new(lua_State *L) {
  struct configuration given = configuration_defaults();
  struct host host;
  struct error error;
  struct allocator allocator;
  lua_settop(L, 2);
  configuration_read_host(L, 2, &host);
  if (!lua_istable(L, 1)) {
    struct caller caller = {.function = "new", .level = host.level};
    checks_raise_for(L, &caller, 1, "options: expected a table, got %s", checks_typename(L, 1));
  }
  allocator.reallocate = lua_getallocf(L, &allocator.context);
  given.core.lua_version = push_lua_version(L);

  struct client_userdata *client = compat_newuserdata(L, sizeof *client);
  memset(client, 0, sizeof *client);
  client->host = host;
  compat_setmetatable(L, CLIENT_TYPE);
  lua_newtable(L);
  lua_pushliteral(L, "token");
  lua_rawget(L, 1);
  if (!lua_isfunction(L, -1)) { /* a token itself must not be found by looking into the userdata */
    lua_pop(L, 1);
    lua_pushnil(L);
  }
  lua_rawseti(L, -2, TURN_TOKEN);
  compat_setuservalue(L, -2);
  /* Options are read last: from here on, no memory is taken from Lua, so no finalizer can run that changes their
   * table. */
  configuration_read(L, 1, 2, &client->host, &given);
  /* Two clients must not have the same random pauses, even if they were made at the same time. */
  given.core.random = (uint64_t)(clock_seconds() * 1e9) ^ (uint64_t)(uintptr_t)client;
  given.core.epoch = clock_epoch;
  if (!open_client(client, &given, allocator, &error)) {
    close_client(client);
    return error_return(L, &error, "new");
  }
  if (client->driver) warn_in_nginx(L);
  return 1;
}

static struct client_userdata *check_client(lua_State *L) {
  return luaL_checkudata(L, 1, CLIENT_TYPE);
}

static bool is_open(const struct client_userdata *client) {
  return client->client.open && !client->closing;
}

static int return_closed(lua_State *L, const char *operation) {
  struct error error;
  error_set(&error, ERROR_CLOSED, "the client is closed");
  return error_return(L, &error, operation);
}

/* Raises if the client has no driver. */
static void check_driver(lua_State *L, const struct client_userdata *client, const char *method) {
  if (!client->driver) luaL_error(L, "'%s': this client has no driver; drive its calls with call:next()", method);
}

/* Releases all calls and the token function: empties the table of anchors at this stack index. */
static void drop_anchors(lua_State *L, int anchors) {
  for (lua_pushnil(L); lua_next(L, anchors);) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, anchors);
  }
}

/* Closes a client whose crank is not turning. The table of anchors is at the top of the stack. */
static enum turn_result close_and_conclude(lua_State *L, struct client_userdata *client) {
  int anchors = lua_gettop(L);
  enum turn_result result = TURN_DONE;
  client->closing = true;
  if (client->driver) {
    crank_end_all(&client->crank);
    result = turn_conclude(L, &client->crank);
  }
  close_client(client);
  drop_anchors(L, anchors);
  return result;
}

/* Turns the crank. The table of anchors is at the top of the stack. False if the crank is already being turned. Raises
 * again what a hook of the host program has raised. */
static bool turn(lua_State *L, struct client_userdata *client, double seconds) {
  int anchors = lua_gettop(L);
  enum turn_result result = turn_crank(L, &client->crank, seconds);
  if (result == TURN_BUSY) return false;
  if (client->closing) {
    lua_pushvalue(L, anchors);
    if (close_and_conclude(L, client) == TURN_INTERRUPTED) lua_error(L);
    lua_settop(L, result == TURN_INTERRUPTED ? anchors + 1 : anchors);
  } else if (result == TURN_DONE) {
    result = turn_conclude(L, &client->crank);
  }
  if (result == TURN_INTERRUPTED) lua_error(L);
  return true;
}

/* Makes a call from the arguments that follow the client on the stack, and inserts it between the two. NULL: a value
 * was rejected. */
static struct held *make_call(lua_State *L, struct client_userdata *client, const struct operation *operation,
                              int position, const char *function, struct error *error) {
  struct caller caller = {.function = function, .level = client->host.level};
  struct held *held = held_push(L, 1, &client->client, operation);
  lua_insert(L, 2);
  bool good = arguments_read(L, 3, position, &caller, &held->call, error);
  lua_settop(L, 2);
  return good ? held : NULL;
}

/* Puts the call at stack index 2 on the crank, and pushes the table that keeps it alive. False if a finalizer of the
 * host program has closed the client in the meantime: finalizers may run whenever memory is taken. */
static bool start_call(lua_State *L, struct client_userdata *client, struct held *held) {
  compat_getuservalue(L, 1);
  lua_pushvalue(L, 2);
  compat_rawsetp(L, 3, held);
  if (!is_open(client)) {
    lua_pushnil(L);
    compat_rawsetp(L, 3, held);
    return false;
  }
  held->started = true;
  if (crank_add(&client->crank, &held->seat, &held->call, held, clock_seconds())) return true;
  struct failure failure = {.kind = FAILURE_MEMORY, .message = "not enough memory to start the call"};
  call_fail(&held->call, &failure, clock_seconds());
  lua_pushnil(L);
  compat_rawsetp(L, 3, held);
  return true;
}

/* A host program that wants to stop a script (Ctrl-C in lua.c, a debugger, a watchdog) sets a hook that raises. Hooks
 * run when functions are called, so this calls one. If that raises, the call ends, and the error is raised again. */
static void check_interrupt(lua_State *L, struct held *held) {
  compat_rawgetp(L, LUA_REGISTRYINDEX, &NOTHING_KEY);
  if (lua_pcall(L, 0, 0, 0) == 0) return;
  crank_end(&held->seat, FAILURE_CANCELED, "interrupted");
  lua_error(L);
}

/* Turns the crank until the call at stack index 2, behind its client, is done. False if the client is closed. Leaves a
 * table on the stack. */
static bool run_call(lua_State *L, struct client_userdata *client, struct held *held) {
  if (!start_call(L, client, held)) return false;
  while (held->call.state != CALL_FINISHED) {
    if (!turn(L, client, BLOCKING_WAIT)) {
      crank_end(&held->seat, FAILURE_CANCELED, "not started");
      luaL_error(L, "'%s': cannot be called from the token function or a finalizer", held->call.operation->name);
    }
    check_interrupt(L, held);
  }
  return true;
}

/* The method of every operation: makes a call, and turns the crank until it is done. Without a driver, returns the
 * call. */
static int m_operation(lua_State *L) {
  const struct operation *operation = lua_touserdata(L, lua_upvalueindex(1));
  struct client_userdata *client = check_client(L);
  struct error error;
  if (!is_open(client)) return return_closed(L, operation->name);
  struct held *held = make_call(L, client, operation, 1, operation->name, &error);
  if (!held) return error_return(L, &error, operation->name);
  if (!client->driver) return 1;
  if (!run_call(L, client, held)) return return_closed(L, operation->name);
  lua_settop(L, 2);
  return held_push_result(L, held);
}

/* Removes the first argument, the name of an operation, from the stack, and returns its row. */
static const struct operation *check_operation(lua_State *L, const struct caller *caller) {
  struct text name = checks_string_for(L, caller, 2, 1, "operation");
  const struct operation *operation = strlen(name.data) == name.length ? operation_find(name.data) : NULL;
  if (!operation) checks_raise_for(L, caller, 1, "operation: expected the name of an operation, got \"%s\"", name.data);
  lua_remove(L, 2);
  return operation;
}

/* Makes a call for start or prepare from the operation's name and its arguments. Leaves the client and the call on the
 * stack. */
static struct held *make_named_call(lua_State *L, struct client_userdata *client, const char *function,
                                    const struct operation **operation, struct error *error) {
  *operation = check_operation(L, &(struct caller){.function = function, .level = client->host.level});
  return make_call(L, client, *operation, 2, function, error);
}

/* The upvalues of an iterator. */
enum { EACH_CLIENT = 1, EACH_CALL = 2, EACH_INDEX = 3 };

/* Raises the error that the method would have returned. */
static int raise_error(lua_State *L, const struct error *error, const char *operation) {
  error_push(L, error, operation);
  return lua_error(L);
}

static int raise_closed(lua_State *L, const char *operation) {
  return_closed(L, operation);
  return lua_error(L);
}

/* Stores the index of the last item that was returned. */
static void set_index(lua_State *L, int index) {
  lua_pushinteger(L, index);
  lua_replace(L, lua_upvalueindex(EACH_INDEX));
}

/* Fetches the next page, which replaces the old one. Only the client and the call are on the stack. */
static void fetch_page(lua_State *L, struct client_userdata *client, struct held *held) {
  const char *operation = held->call.operation->name;
  if (!is_open(client)) raise_closed(L, operation);
  if (held->seat.crank) luaL_error(L, "'%s': the iterator is already fetching a page", operation);
  set_index(L, 0);
  held_drop_items(L, 2);
  call_resume(&held->call);
  if (!run_call(L, client, held)) raise_closed(L, operation);
  lua_settop(L, 2);
}

/* Called by the generic for: returns the next item, or nil at the end. */
static int next_item(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(EACH_CLIENT));
  lua_pushvalue(L, lua_upvalueindex(EACH_CALL));
  struct client_userdata *client = lua_touserdata(L, 1);
  struct held *held = lua_touserdata(L, 2);
  int index = (int)lua_tointeger(L, lua_upvalueindex(EACH_INDEX));
  for (;;) {
    const struct error *error = &held->call.error;
    if (held->call.state == CALL_FINISHED) {
      if (error->kind != ERROR_NONE) return raise_error(L, error, held->call.operation->name);
      held_push_item(L, 2, ++index);
      if (!lua_isnil(L, -1) || !held->call.more) break;
      lua_settop(L, 2);
    }
    fetch_page(L, client, held);
    index =
        (int)lua_tointeger(L, lua_upvalueindex(EACH_INDEX)); /* a callback may have used the iterator in the meantime */
  }
  set_index(L, index);
  return 1;
}

/*---
--- Iterates over a list while holding only one page of it:
--- `for permission in client:each("list_user_permissions", user_id) do ... end`. It fetches the next page, and blocks
--- meanwhile, after the last item of a page. If you leave the loop early, no further page is fetched.
---
--- A generic `for` has no place for `nil, err`. So instead of returning an error, `each` and its iterator raise the
--- error object; `pcall` catches it. `timeout` limits the time for each page, not the time that the loop takes in
--- between. If the list changes in the meantime, the loop may see part of the change.
---@param operation string  a method that returns a list, such as `"list_user_permissions"`
---@param ... any  the method's arguments
---@return fun(): any iterator  the next item, or nil after the last
function Client:each(operation, ...) end
*/
static int m_each(lua_State *L) {
  struct client_userdata *client = check_client(L);
  struct error error;
  if (!is_open(client)) return raise_closed(L, "each");
  struct caller caller = {.function = "each", .level = client->host.level};
  const struct operation *operation = check_operation(L, &caller);
  if (operation->result != RESULT_LIST && operation->result != RESULT_ARRAY) {
    checks_raise_for(L, &caller, 1, "operation: expected one that returns a list, got \"%s\"", operation->name);
  }
  struct held *held = make_call(L, client, operation, 2, "each", &error);
  if (!held) return raise_error(L, &error, operation->name);
  held->call.by_page = true;
  if (!client->driver) return 1;
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_item, 3);
  return 1;
}

/*---
--- Starts an operation without waiting for it. `step` moves it on. Its deadline runs from now.
---@param operation string  a method's name, such as `"remove_user_permissions"`
---@param ... any  the method's arguments
---@return auth0perm.Call? call
---@return auth0perm.Error? err  of kind `invalid`, `closed` or `memory`, if the method would refuse its arguments
function Client:start(operation, ...) end
*/
static int m_start(lua_State *L) {
  struct client_userdata *client = check_client(L);
  const struct operation *operation;
  struct error error;
  if (!is_open(client)) return return_closed(L, "start");
  check_driver(L, client, "start");
  struct held *held = make_named_call(L, client, "start", &operation, &error);
  if (!held) return error_return(L, &error, operation->name);
  if (!start_call(L, client, held)) return return_closed(L, operation->name);
  lua_settop(L, 2);
  return 1;
}

/*---
--- Makes a call for a driver of your own, which has its own HTTP client: see `Call:next`. The deadline runs from the
--- first `next`.
---@param operation string  a method's name
---@param ... any  the method's arguments
---@return auth0perm.Call? call
---@return auth0perm.Error? err  of kind `invalid`, `closed` or `memory`
function Client:prepare(operation, ...) end
*/
static int m_prepare(lua_State *L) {
  struct client_userdata *client = check_client(L);
  const struct operation *operation;
  struct error error;
  if (!is_open(client)) return return_closed(L, client->host.prepare);
  if (make_named_call(L, client, client->host.prepare, &operation, &error)) return 1;
  return error_return(L, &error, operation->name);
}

/*---
--- Waits at most `seconds` for something to happen, and moves all started calls on.
---@param seconds? number  default 0: do not wait
---@return integer? in_flight  calls that are not done yet
---@return auth0perm.Error? err  of kind `closed`
function Client:step(seconds) end
*/
static int m_step(lua_State *L) {
  struct client_userdata *client = check_client(L);
  double seconds = 0;
  if (!lua_isnoneornil(L, 2)) {
    seconds = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : NAN;
    if (!(seconds >= 0)) checks_raise(L, 1, "step", "seconds: expected a number >= 0, got %s", checks_shown(L, 2));
  }
  if (!is_open(client)) return return_closed(L, "step");
  check_driver(L, client, "step");
  lua_settop(L, 1);
  compat_getuservalue(L, 1);
  if (!turn(L, client, seconds)) luaL_error(L, "'step': cannot be called from the token function or a finalizer");
  lua_pushinteger(L, (lua_Integer)client->crank.in_flight);
  return 1;
}

/*---
--- Returns a descriptor for an event loop to poll. It is readable when `step` has something to do. It belongs to the
--- client: do not read from it and do not close it. It stays the same until the client is closed or the process forks.
---
--- `pollfd`, `events` and `timeout` are the methods that cqueues looks for, so `cqueues.poll(client)` works.
---@return integer? descriptor  of epoll or kqueue; nil if the system has neither, or if the client is closed
function Client:pollfd() end
*/
static int m_pollfd(lua_State *L) {
  struct client_userdata *client = check_client(L);
  if (!is_open(client)) return 0;
  check_driver(L, client, "pollfd");
  crank_look_for_fork(&client->crank);
  int descriptor = driver_descriptor(client->driver);
  if (descriptor < 0) return 0;
  lua_pushinteger(L, descriptor);
  return 1;
}

/*---
--- Returns what to wait for on the descriptor: that it is readable.
---@return "r" events
function Client:events() end
*/
static int m_events(lua_State *L) {
  check_client(L);
  lua_pushliteral(L, "r");
  return 1;
}

/*---
--- Returns when to call `step` even if the descriptor is not readable. Every `start`, `step` and `cancel` may change
--- this.
---@return number? seconds  0: at once; nil: not before the next `start`
function Client:timeout() end
*/
static int m_timeout(lua_State *L) {
  struct client_userdata *client = check_client(L);
  if (!is_open(client)) return 0;
  check_driver(L, client, "timeout");
  crank_look_for_fork(&client->crank);
  double seconds = crank_timeout(&client->crank, clock_seconds());
  if (seconds == HUGE_VAL) return 0;
  lua_pushnumber(L, driver_descriptor(client->driver) < 0 ? fmin(seconds, LOOK) : seconds);
  return 1;
}

/*---
--- Ends all calls in flight with an error of kind `closed`, closes the connections and wipes the token. You may call it
--- more than once.
function Client:close() end
*/
static int m_close(lua_State *L) {
  struct client_userdata *client = check_client(L);
  lua_settop(L, 1);
  compat_getuservalue(L, 1);
  if (client->crank.turning) {
    client->closing = true;
  } else if (is_open(client)) {
    if (close_and_conclude(L, client) == TURN_INTERRUPTED) lua_error(L);
  }
  return 0;
}

/* The client is garbage, or the state is being closed, perhaps from within a turn that will never continue. */
static int m_gc(lua_State *L) {
  struct client_userdata *client = check_client(L);
  client->crank.turning = false;
  close_client(client);
  return 0;
}

static int m_tostring(lua_State *L) {
  const struct client_userdata *client = check_client(L);
  lua_pushfstring(L, "auth0perm client (%s)", is_open(client) ? client->client.domain.data : "closed");
  return 1;
}

static int nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* Sets a method for each operation in the table at the top of the stack. */
static void set_operations(lua_State *L) {
  const struct operation *operation;
  for (size_t i = 0; (operation = operation_at(i)); i++) {
    lua_pushlightuserdata(L, (void *)operation);
    lua_pushcclosure(L, m_operation, 1);
    lua_setfield(L, -2, operation->name);
  }
}

void client_register(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"each", m_each},     {"start", m_start},     {"prepare", m_prepare}, {"step", m_step}, {"pollfd", m_pollfd},
      {"events", m_events}, {"timeout", m_timeout}, {"close", m_close},     {NULL, NULL},
  };
  static const luaL_Reg metamethods[] = {
      {"__gc", m_gc},
      {"__close", m_close},
      {"__tostring", m_tostring},
      {NULL, NULL},
  };
  lua_pushcfunction(L, nothing);
  compat_rawsetp(L, LUA_REGISTRYINDEX, &NOTHING_KEY);
  luaL_newmetatable(L, CLIENT_TYPE); /* filled each time: memory may have run out the last time */
  compat_setfuncs(L, metamethods);
  lua_newtable(L);
  compat_setfuncs(L, methods);
  set_operations(L);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "protected");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}
