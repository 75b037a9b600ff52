#include "lua_client.h"

#include <math.h>
#include <string.h>

#include "clock.h"
#include "compat.h"
#include "lua_arguments.h"
#include "lua_call.h"
#include "lua_values.h"

static const char CLIENT_TYPE[] = "auth0perm.client";

/* Key of the registry: a function that does nothing, see check_interrupt. */
static const char NOTHING_KEY = 0;

/* How long a blocking method waits at a time, in seconds, before it looks whether it has been interrupted. A signal ends
 * the wait earlier. */
static const double BLOCKING_WAIT = 1;

/* The table that belongs to the userdata holds the calls in flight, each under its address: what keeps them alive. */
struct lua_client {
  struct client client;
  struct curl_driver *driver;
  struct crank crank;
  bool closing; /* close was asked for while the crank was turning */
};

/* Pushes the version of the language: "Lua 5.4", or what LuaJIT says of itself. */
static struct text push_lua_version(lua_State *L) {
  lua_getglobal(L, "jit");
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "version");
    lua_replace(L, -2);
  } else {
    lua_pop(L, 1);
    lua_getglobal(L, "_VERSION");
  }
  struct text version = {.data = "Lua", .length = 3};
  if (lua_type(L, -1) == LUA_TSTRING) version.data = lua_tolstring(L, -1, &version.length);
  return version;
}

/* A string option, on top of the stack. It belongs to the table of options. */
static struct text check_text(lua_State *L, const char *name) {
  return values_check_string(L, -1, 1, "new", name);
}

static double check_number(lua_State *L, const char *name) {
  if (lua_type(L, -1) != LUA_TNUMBER) {
    values_raise(L, 1, "new", "%s: number expected, got %s", name, values_typename(L, -1));
  }
  return lua_tonumber(L, -1);
}

/*---
---@class auth0perm.Options
--- The tenant's domain (or its custom domain), such as `"acme.eu.auth0.com"`: `host` or `host:port`, never a URL.
---@field domain string
--- An access token for the Management API (audience `https://{tenant}/api/v2/`). Without one, calls of `start` and of the
--- methods fail with kind `token`, and calls of `prepare` ask to authorize.
---@field token? string
--- A PEM file with the certificates to trust, for a private CA. Default: the system's.
---@field ca_file? string
--- Seconds for a whole call: waits and all pages of a list. Default 60.
---@field timeout? number
--- Seconds for a connection: name, address, TLS handshake. Default 10.
---@field connect_timeout? number
--- Seconds for one request and its answer, the body included. Default 30.
---@field request_timeout? number
*/

/* Reads the option on top of the stack. */
static void read_option(lua_State *L, const char *name, struct client_options *options, struct text *ca_file) {
  if (strcmp(name, "domain") == 0) {
    options->domain = check_text(L, name);
  } else if (strcmp(name, "token") == 0) {
    options->token = check_text(L, name);
  } else if (strcmp(name, "ca_file") == 0) {
    *ca_file = check_text(L, name);
  } else if (strcmp(name, "timeout") == 0) {
    options->timeout = check_number(L, name);
  } else if (strcmp(name, "connect_timeout") == 0) {
    options->connect_timeout = check_number(L, name);
  } else if (strcmp(name, "request_timeout") == 0) {
    options->request_timeout = check_number(L, name);
  } else {
    values_raise(L, 1, "new",
                 "%s: no such option; there are: domain, token, ca_file, timeout, connect_timeout, request_timeout",
                 name);
  }
}

static void read_options(lua_State *L, int index, struct client_options *options, struct text *ca_file) {
  if (!lua_istable(L, index)) values_raise(L, 1, "new", "options: table expected, got %s", values_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      values_raise(L, 1, "new", "options: names expected as keys, got a %s", values_typename(L, -2));
    }
    read_option(L, lua_tostring(L, -2), options, ca_file);
  }
  if (!options->domain.data) values_raise(L, 1, "new", "domain: string expected, got nil");
}

/* Fills a zeroed client, whose userdata is there to free what it has when something fails. */
static bool open_client(struct lua_client *client, const struct client_options *options, struct text ca_file,
                        struct allocator allocator, struct error *error) {
  if (ca_file.data && memchr(ca_file.data, '\0', ca_file.length)) {
    return error_set(error, ERROR_INVALID, "ca_file: a path expected, got one with a zero byte");
  }
  if (!client_open(&client->client, options, allocator, error)) return false;
  client->driver = curl_driver_new(allocator, ca_file.data, CRANK_CONNECTIONS, error);
  if (!client->driver) return false;
  crank_open(&client->crank, client->driver);
  return true;
}

/* Ends and frees everything. While the crank turns that has to wait until it stands: a finalizer may have asked. */
static void close_client(struct lua_client *client) {
  client->closing = client->crank.turning;
  if (client->closing) return;
  if (client->driver) crank_close(&client->crank);
  curl_driver_free(client->driver);
  client->driver = NULL;
  client_close(&client->client);
}

/*---
--- Makes a client for one tenant. It connects when it is first used, and keeps its connections.
--- Raises for wrong types and unknown options; returns an error of kind `invalid` for values that cannot be right.
---@param options auth0perm.Options
---@return auth0perm.Client? client
---@return auth0perm.Error? err  of kind `invalid` or `memory`
function auth0perm.new(options) end
*/
int lua_client_new(lua_State *L) {
  struct client_options options = client_defaults();
  struct text ca_file = {0};
  struct error error;
  struct allocator allocator;
  lua_settop(L, 1);
  read_options(L, 1, &options, &ca_file);
  options.lua_version = push_lua_version(L);
  allocator.reallocate = lua_getallocf(L, &allocator.context);

  struct lua_client *client = compat_newuserdata(L, sizeof *client);
  memset(client, 0, sizeof *client);
  compat_setmetatable(L, CLIENT_TYPE);
  lua_newtable(L);
  compat_setuservalue(L, -2);
  if (open_client(client, &options, ca_file, allocator, &error)) return 1;
  close_client(client);
  return values_return_error(L, &error, "new");
}

static struct lua_client *check_client(lua_State *L) {
  return luaL_checkudata(L, 1, CLIENT_TYPE);
}

static bool is_open(const struct lua_client *client) {
  return client->client.open && !client->closing;
}

static int return_closed(lua_State *L, const char *operation) {
  struct error error;
  error_set(&error, ERROR_CLOSED, "the client is closed");
  return values_return_error(L, &error, operation);
}

/* Turns the crank. False when it is being turned already. */
static bool turn(lua_State *L, struct lua_client *client, int anchors, double seconds) {
  bool turned = crank_turn(L, &client->crank, anchors, seconds);
  if (turned && client->closing) close_client(client);
  return turned;
}

/* Makes a call of the arguments that follow the client on the stack, and puts it between the two. NULL: a value is
 * refused. */
static struct held_call *make_call(lua_State *L, struct lua_client *client, const struct operation *operation,
                                   int position, const char *function, struct error *error) {
  struct held_call *call = lua_call_push(L, 1, &client->client, operation);
  lua_insert(L, 2);
  bool good = arguments_read(L, 3, position, function, &call->call, error);
  lua_settop(L, 2);
  return good ? call : NULL;
}

/* Has the crank drive a call, which is at stack index 2. Pushes the table that keeps it alive. False when a finalizer of
 * the host's has closed the client meanwhile: memory was taken, and so they may have run. */
static bool start_call(lua_State *L, struct lua_client *client, struct held_call *call) {
  compat_getuservalue(L, 1);
  lua_pushvalue(L, 2);
  compat_rawsetp(L, 3, call);
  if (!is_open(client)) return false;
  crank_add(&client->crank, call, clock_seconds());
  return true;
}

/* A host that wants to stop a script (Ctrl-C in lua.c, a debugger, a watchdog) sets a hook that raises, and hooks run
 * when functions are called: so one is called. If it raises, the call ends and the error goes on its way. */
static void check_interrupt(lua_State *L, struct held_call *call) {
  compat_rawgetp(L, LUA_REGISTRYINDEX, &NOTHING_KEY);
  if (lua_pcall(L, 0, 0, 0) == 0) return;
  crank_end(call, FAILURE_CANCELED, "interrupted");
  lua_error(L);
}

/* Drives a call, which is at stack index 2 behind its client, and turns the crank until it is done. False, when the
 * client is closed. Leaves a table on the stack. */
static bool run_call(lua_State *L, struct lua_client *client, struct held_call *call) {
  if (!start_call(L, client, call)) return false;
  while (call->call.state != CALL_FINISHED) {
    if (!turn(L, client, 3, BLOCKING_WAIT)) {
      crank_end(call, FAILURE_CANCELED, "not started");
      luaL_error(L, "'%s': the client is at work, and cannot be used from a finalizer now", call->call.operation->name);
    }
    check_interrupt(L, call);
  }
  return true;
}

/* Every operation's method: makes a call, and turns the crank until it is done. */
static int m_operation(lua_State *L) {
  const struct operation *operation = lua_touserdata(L, lua_upvalueindex(1));
  struct lua_client *client = check_client(L);
  struct error error;
  if (!is_open(client)) return return_closed(L, operation->name);
  struct held_call *call = make_call(L, client, operation, 1, operation->name, &error);
  if (!call) return values_return_error(L, &error, operation->name);
  if (!run_call(L, client, call)) return return_closed(L, operation->name);
  lua_settop(L, 2);
  return lua_call_push_result(L, call);
}

/* Takes the name of an operation, the first argument, off the stack. */
static const struct operation *check_operation(lua_State *L, const char *function) {
  struct text name = values_check_string(L, 2, 1, function, "operation");
  const struct operation *operation = operation_find(name.data);
  if (!operation) values_raise(L, 1, function, "operation: no such operation: \"%s\"", name.data);
  lua_remove(L, 2);
  return operation;
}

/* What start and prepare have in common: the operation's name, then its arguments. Leaves client and call. */
static struct held_call *make_named_call(lua_State *L, struct lua_client *client, const char *function,
                                         const struct operation **operation, struct error *error) {
  *operation = check_operation(L, function);
  return make_call(L, client, *operation, 2, function, error);
}

/* The upvalues of an iterator. */
enum { EACH_CLIENT = 1, EACH_CALL = 2, EACH_INDEX = 3 };

/* Raises the error that the method would have returned. */
static int raise_error(lua_State *L, const struct error *error, const char *operation) {
  values_push_error(L, error, operation);
  return lua_error(L);
}

static int raise_closed(lua_State *L, const char *operation) {
  return_closed(L, operation);
  return lua_error(L);
}

/* Remembers how far the page is used up. */
static void set_index(lua_State *L, int index) {
  lua_pushinteger(L, index);
  lua_replace(L, lua_upvalueindex(EACH_INDEX));
}

/* Fetches the next page in place of the one that is used up; client and call are all that is on the stack. */
static void fetch_page(lua_State *L, struct lua_client *client, struct held_call *call) {
  const char *operation = call->call.operation->name;
  if (!is_open(client)) raise_closed(L, operation);
  if (call->crank) luaL_error(L, "'%s': the iterator is at work, and cannot be used from a finalizer now", operation);
  set_index(L, 0);
  lua_call_drop_items(L, 2);
  call_resume(&call->call);
  if (!run_call(L, client, call)) raise_closed(L, operation);
  lua_settop(L, 2);
}

/* What the generic for calls: returns the next item, or nil at the end. */
static int next_item(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(EACH_CLIENT));
  lua_pushvalue(L, lua_upvalueindex(EACH_CALL));
  struct lua_client *client = lua_touserdata(L, 1);
  struct held_call *call = lua_touserdata(L, 2);
  int index = (int)lua_tointeger(L, lua_upvalueindex(EACH_INDEX));
  for (;;) {
    const struct error *error = &call->call.error;
    if (call->call.state == CALL_FINISHED) {
      if (error->kind != ERROR_NONE) return raise_error(L, error, call->call.operation->name);
      lua_call_push_item(L, 2, ++index);
      if (!lua_isnil(L, -1) || !call->call.more) break;
      lua_settop(L, 2);
    }
    fetch_page(L, client, call);
    index = 0;
  }
  set_index(L, index);
  return 1;
}

/*---
--- Goes through a list without ever holding more than one page of it:
--- `for permission in client:each("list_user_permissions", user_id) do ... end`. The next page is fetched, blocking, when
--- the last item of the one before is used up; leaving the loop early costs nothing more.
---
--- The generic `for` has no place for `nil, err`. So what the method would have returned as an error is raised, as the
--- same error object, here or in the loop; `pcall` catches it. `timeout` bounds each page by itself, and not what the
--- loop does between them. A list that changes meanwhile may show some of the change.
---@param operation string  a method that returns a list, such as `"list_user_permissions"`
---@param ... any  the method's arguments
---@return fun(): any iterator  the next item, or nil behind the last
function Client:each(operation, ...) end
*/
static int m_each(lua_State *L) {
  struct lua_client *client = check_client(L);
  struct error error;
  if (!is_open(client)) return raise_closed(L, "each");
  const struct operation *operation = check_operation(L, "each");
  if (operation->answer != ANSWER_LIST && operation->answer != ANSWER_ARRAY) {
    values_raise(L, 1, "each", "operation: one that returns a list expected, got \"%s\"", operation->name);
  }
  struct held_call *call = make_call(L, client, operation, 2, "each", &error);
  if (!call) return raise_error(L, &error, operation->name);
  call->call.by_page = true;
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_item, 3);
  return 1;
}

/*---
--- Starts an operation without waiting for it. `step` moves it on; its deadline runs from now on.
---@param operation string  a method's name, such as `"remove_user_permissions"`
---@param ... any  the method's arguments
---@return auth0perm.Call? call
---@return auth0perm.Error? err  of kind `invalid`, `closed` or `memory`, where the method would have refused
function Client:start(operation, ...) end
*/
static int m_start(lua_State *L) {
  struct lua_client *client = check_client(L);
  const struct operation *operation;
  struct error error;
  if (!is_open(client)) return return_closed(L, "start");
  struct held_call *call = make_named_call(L, client, "start", &operation, &error);
  if (!call) return values_return_error(L, &error, operation->name);
  if (!start_call(L, client, call)) return return_closed(L, operation->name);
  lua_settop(L, 2);
  return 1;
}

/*---
--- Makes a call for a driver of your own, one that has HTTP of its own: see `Call:next`. Its deadline runs from the first `next`.
---@param operation string  a method's name
---@param ... any  the method's arguments
---@return auth0perm.Call? call
---@return auth0perm.Error? err  of kind `invalid`, `closed` or `memory`
function Client:prepare(operation, ...) end
*/
static int m_prepare(lua_State *L) {
  struct lua_client *client = check_client(L);
  const struct operation *operation;
  struct error error;
  if (!is_open(client)) return return_closed(L, "prepare");
  if (make_named_call(L, client, "prepare", &operation, &error)) return 1;
  return values_return_error(L, &error, operation->name);
}

/*---
--- Moves all started calls on, after waiting at most `seconds` for something to happen.
---@param seconds? number  default 0: does not wait
---@return integer? in_flight  calls that are not done yet
---@return auth0perm.Error? err  of kind `closed`
function Client:step(seconds) end
*/
static int m_step(lua_State *L) {
  struct lua_client *client = check_client(L);
  double seconds = 0;
  if (!lua_isnoneornil(L, 2)) {
    seconds = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : NAN;
    if (!(seconds >= 0))
      values_raise(L, 1, "step", "seconds: number from 0 on expected, got %s", values_typename(L, 2));
  }
  if (!is_open(client)) return return_closed(L, "step");
  lua_settop(L, 1);
  compat_getuservalue(L, 1);
  turn(L, client, 2, seconds);
  lua_pushinteger(L, (lua_Integer)client->crank.in_flight);
  return 1;
}

/*---
--- Ends all calls in flight with an error of kind `closed`, closes the connections and wipes the token. May be called again.
function Client:close() end
*/
static int m_close(lua_State *L) {
  close_client(check_client(L));
  lua_settop(L, 1);
  compat_getuservalue(L, 1);
  for (lua_pushnil(L); lua_next(L, 2);) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, 2);
  }
  return 0;
}

static int m_gc(lua_State *L) {
  close_client(check_client(L));
  return 0;
}

static int m_tostring(lua_State *L) {
  const struct lua_client *client = check_client(L);
  lua_pushfstring(L, "auth0perm client (%s)", is_open(client) ? client->client.domain.data : "closed");
  return 1;
}

static int nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* Sets a method for each operation in the table on top of the stack. */
static void set_operations(lua_State *L) {
  const struct operation *operation;
  for (size_t i = 0; (operation = operation_at(i)); i++) {
    lua_pushlightuserdata(L, (void *)operation);
    lua_pushcclosure(L, m_operation, 1);
    lua_setfield(L, -2, operation->name);
  }
}

void lua_client_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"each", m_each}, {"start", m_start}, {"prepare", m_prepare}, {"step", m_step}, {"close", m_close}, {NULL, NULL},
  };
  static const luaL_Reg metamethods[] = {
      {"__gc", m_gc},
      {"__close", m_gc},
      {"__tostring", m_tostring},
      {NULL, NULL},
  };
  lua_pushcfunction(L, nothing);
  compat_rawsetp(L, LUA_REGISTRYINDEX, &NOTHING_KEY);
  luaL_newmetatable(L, CLIENT_TYPE); /* filled each time: the time before may have been short of memory */
  compat_setfuncs(L, metamethods);
  lua_newtable(L);
  compat_setfuncs(L, methods);
  set_operations(L);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "protected");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}
