#include "lua_client.h"

#include <math.h>
#include <stddef.h>
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

/* Pushes the version of the language: "Lua 5.4", or what LuaJIT says of itself. No metamethod of the globals runs. */
static struct text push_lua_version(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_getfield(L, -1, "jit");
  if (lua_istable(L, -1)) lua_getfield(L, -1, "version");
  if (lua_type(L, -1) != LUA_TSTRING) lua_pushliteral(L, LUA_VERSION);
  struct text version;
  version.data = lua_tolstring(L, -1, &version.length);
  return version;
}

/* What `new` was given: the core's options, and those of the Lua side. */
struct given {
  struct client_options core;
  struct curl_options curl;
};

/* The options that are strings, and where they go. */
static const struct text_option {
  const char *name;
  size_t offset; /* of its text in struct given */
} TEXT_OPTIONS[] = {
    {"domain", offsetof(struct given, core.domain)},
    {"token", offsetof(struct given, core.token)},
    {"client_id", offsetof(struct given, core.credentials.client_id)},
    {"client_secret", offsetof(struct given, core.credentials.client_secret)},
    {"private_key", offsetof(struct given, core.credentials.private_key)},
    {"signing_algorithm", offsetof(struct given, core.credentials.signing_algorithm)},
    {"audience", offsetof(struct given, core.credentials.audience)},
    {"ca_file", offsetof(struct given, curl.ca_file)},
    {"proxy", offsetof(struct given, curl.proxy)},
    {"connect_to", offsetof(struct given, curl.connect_to)},
};

/* The options that are numbers. */
static const struct number_option {
  const char *name;
  size_t offset; /* of its double in struct given */
} NUMBER_OPTIONS[] = {
    {"timeout", offsetof(struct given, core.timeout)},
    {"connect_timeout", offsetof(struct given, core.connect_timeout)},
    {"request_timeout", offsetof(struct given, core.request_timeout)},
    {"max_retries", offsetof(struct given, core.max_retries)},
    {"max_rate", offsetof(struct given, core.bucket.max_rate)},
    {"reserve", offsetof(struct given, core.bucket.reserve)},
    {"max_connections", offsetof(struct given, curl.max_connections)},
};

enum {
  TEXT_OPTION_COUNT = sizeof TEXT_OPTIONS / sizeof *TEXT_OPTIONS,
  NUMBER_OPTION_COUNT = sizeof NUMBER_OPTIONS / sizeof *NUMBER_OPTIONS
};

/* Raises for an option that does not exist; names those that do. */
static void raise_unknown(lua_State *L, const char *name) {
  luaL_Buffer names;
  luaL_buffinit(L, &names);
  for (size_t i = 0; i < TEXT_OPTION_COUNT; i++) {
    if (i > 0) luaL_addstring(&names, ", ");
    luaL_addstring(&names, TEXT_OPTIONS[i].name);
  }
  for (size_t i = 0; i < NUMBER_OPTION_COUNT; i++) {
    luaL_addstring(&names, ", ");
    luaL_addstring(&names, NUMBER_OPTIONS[i].name);
  }
  luaL_addstring(&names, ", http2");
  luaL_pushresult(&names);
  values_raise(L, 1, "new", "%s: no such option; there are: %s", name, lua_tostring(L, -1));
}

/*---
---@class auth0perm.Options
--- The tenant's domain (or its custom domain), such as `"acme.eu.auth0.com"`: `host` or `host:port`, never a URL.
---@field domain string
--- An access token for the Management API (audience `https://{tenant}/api/v2/`), or a function that returns one and, if that
--- is known, the seconds until it expires; or nil and why there is none. It is called when a token is needed, from the method
--- or step that needs it, and must not yield. Without a token and without `client_id`, calls of `start` and of the methods fail
--- with kind `token`, and calls of `prepare` ask to authorize.
---@field token? string|fun(): string?, number|string|nil
--- The id of a machine-to-machine application; tokens are then fetched, kept and renewed. With `client_secret` or `private_key`.
---@field client_id? string
---@field client_secret? string
--- An unencrypted RSA key of 2048 bits or more as PEM, for `private_key_jwt` (RFC 7523).
---@field private_key? string
--- What to sign with it: `"RS256"` (default), `"RS384"` or `"PS256"`.
---@field signing_algorithm? "RS256"|"RS384"|"PS256"
--- What the token is for. Default `https://{domain}/api/v2/`; on a custom domain it is still the tenant's own domain.
---@field audience? string
--- A PEM file with the certificates to trust, for a private CA. Default: the system's.
---@field ca_file? string
--- A proxy, as `"http://host:port"`, also for tokens; `"env"` takes what the environment says (`https_proxy`, `no_proxy`).
--- Default: none.
---@field proxy? string
--- Where to connect instead of the domain's own address, as `"host:port"`; name and certificate stay those of the domain.
---@field connect_to? string
--- Connections at once, and kept. Default 16.
---@field max_connections? integer
--- Many requests at once on one connection. Default false.
---@field http2? boolean
--- Seconds for a whole call: waits and all pages of a list. Default 60.
---@field timeout? number
--- Seconds for a connection: name, address, TLS handshake. Default 10.
---@field connect_timeout? number
--- Seconds for one request and its answer, the body included. Default 30.
---@field request_timeout? number
--- How often a request is sent again after a failure that may pass: no connection, a reset, a time limit, 408, 5xx. Default 4.
---@field max_retries? integer
--- Requests per second at the most, beside what the tenant's rate limit allows. Default: no such bound.
---@field max_rate? number
--- The share of the tenant's rate-limit bucket that is left to other applications. Default 0.2.
---@field reserve? number
*/

/* Reads the option on top of the stack. A string belongs to the table of options. */
static void read_option(lua_State *L, struct text key, struct given *given) {
  const char *name = strlen(key.data) == key.length ? key.data : "(a name with a zero byte)";
  if (strcmp(name, "token") == 0 && lua_isfunction(L, -1)) return;
  if (strcmp(name, "http2") == 0) {
    if (!lua_isboolean(L, -1)) values_raise(L, 1, "new", "http2: boolean expected, got %s", values_typename(L, -1));
    given->curl.http2 = lua_toboolean(L, -1);
    return;
  }
  for (size_t i = 0; i < TEXT_OPTION_COUNT; i++) {
    if (strcmp(name, TEXT_OPTIONS[i].name) != 0) continue;
    *(struct text *)((char *)given + TEXT_OPTIONS[i].offset) = values_check_string(L, -1, 1, "new", name);
    return;
  }
  for (size_t i = 0; i < NUMBER_OPTION_COUNT; i++) {
    if (strcmp(name, NUMBER_OPTIONS[i].name) != 0) continue;
    if (lua_type(L, -1) != LUA_TNUMBER) {
      values_raise(L, 1, "new", "%s: number expected, got %s", name, values_typename(L, -1));
    }
    *(double *)((char *)given + NUMBER_OPTIONS[i].offset) = lua_tonumber(L, -1);
    return;
  }
  raise_unknown(L, name);
}

static void read_options(lua_State *L, int index, struct given *given) {
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      values_raise(L, 1, "new", "options: names expected as keys, got a %s", values_typename(L, -2));
    }
    struct text key;
    key.data = lua_tolstring(L, -2, &key.length);
    read_option(L, key, given);
  }
  if (!given->core.domain.data) values_raise(L, 1, "new", "domain: string expected, got nil");
}

/* Fills a zeroed client, whose userdata is there to free what it has when something fails. */
static bool open_client(struct lua_client *client, const struct given *given, struct allocator allocator,
                        struct error *error) {
  if (!client_open(&client->client, &given->core, allocator, error)) return false;
  client->driver = curl_driver_new(allocator, &given->curl, error);
  if (!client->driver) return false;
  crank_open(&client->crank, &client->client, client->driver);
  return true;
}

/* Ends and frees everything. While the crank turns that has to wait until it stands: a finalizer may have asked. */
static void close_client(struct lua_client *client) {
  if (client->crank.turning) {
    client->closing = true;
    return;
  }
  client->closing = false;
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
  struct given given = {.core = client_defaults(), .curl = curl_driver_defaults()};
  struct error error;
  struct allocator allocator;
  lua_settop(L, 1);
  if (!lua_istable(L, 1)) values_raise(L, 1, "new", "options: table expected, got %s", values_typename(L, 1));
  allocator.reallocate = lua_getallocf(L, &allocator.context);
  given.core.lua_version = push_lua_version(L);

  struct lua_client *client = compat_newuserdata(L, sizeof *client);
  memset(client, 0, sizeof *client);
  compat_setmetatable(L, CLIENT_TYPE);
  lua_newtable(L);
  lua_pushliteral(L, "token");
  lua_rawget(L, 1);
  lua_rawseti(L, -2, CRANK_TOKEN); /* used where it is a function */
  compat_setuservalue(L, -2);
  /* Options are read last: from here on no memory is Lua's, so no finalizer runs that could change their table. */
  read_options(L, 1, &given);
  /* Pauses of two clients are to differ, also when both were made at once. */
  given.core.random = (uint64_t)(clock_seconds() * 1e9) ^ (uint64_t)(uintptr_t)client;
  given.core.epoch = clock_epoch;
  if (open_client(client, &given, allocator, &error)) return 1;
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

/* Lets go of all calls, and of the token function: empties the table of anchors at this stack index. */
static void drop_anchors(lua_State *L, int anchors) {
  for (lua_pushnil(L); lua_next(L, anchors);) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, anchors);
  }
}

/* Turns the crank; the table of anchors is on top of the stack. False when it is being turned already. An interrupt of the
 * host's goes on its way. */
static bool turn(lua_State *L, struct lua_client *client, double seconds) {
  int anchors = lua_gettop(L);
  lua_pushnil(L);
  bool turned = crank_turn(L, &client->crank, anchors, seconds);
  if (turned && client->closing) {
    close_client(client);
    drop_anchors(L, anchors);
  }
  if (!lua_isnil(L, anchors + 1)) lua_error(L);
  lua_settop(L, anchors);
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
  if (!is_open(client)) {
    lua_pushnil(L);
    compat_rawsetp(L, 3, call);
    return false;
  }
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
    if (!turn(L, client, BLOCKING_WAIT)) {
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
  const struct operation *operation = strlen(name.data) == name.length ? operation_find(name.data) : NULL;
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
    if (!(seconds >= 0)) values_raise(L, 1, "step", "seconds: number from 0 on expected, got %s", values_shown(L, 2));
  }
  if (!is_open(client)) return return_closed(L, "step");
  lua_settop(L, 1);
  compat_getuservalue(L, 1);
  if (!turn(L, client, seconds)) luaL_error(L, "'step': the client is at work, and cannot be stepped from within");
  lua_pushinteger(L, (lua_Integer)client->crank.in_flight);
  return 1;
}

/*---
--- Ends all calls in flight with an error of kind `closed`, closes the connections and wipes the token. May be called again.
function Client:close() end
*/
static int m_close(lua_State *L) {
  struct lua_client *client = check_client(L);
  close_client(client);
  lua_settop(L, 1);
  compat_getuservalue(L, 1);
  if (!client->closing) drop_anchors(L, 2);
  return 0;
}

/* Nobody holds the client any more, or the state is being closed, even from within a turn that will never go on. */
static int m_gc(lua_State *L) {
  struct lua_client *client = check_client(L);
  client->crank.turning = false;
  close_client(client);
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
      {"__close", m_close},
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
