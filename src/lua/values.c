#include "values.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "compat.h"

static const char ERROR_TYPE[] = "auth0perm.error";

/* Keys of the registry. */
static const char DECODE_KEY = 0; /* the private decoder */
static const char NULL_KEY = 0;   /* what it makes of null */
static const char FEED_KEY = 0;   /* `feed` */

/* How deep an answer may be nested; the API's own go four levels deep. */
enum { DEPTH_MOST = 32 };

/* Stack slots for reading an answer: lua-cjson and `tidy` take a few for each level. */
enum { STACK_MOST = 8 * DEPTH_MOST + LUA_MINSTACK };

/* Whole numbers up to here are exact in a double, 2^53. */
static const double WHOLE_MOST = 9007199254740992.0;

void values_raise(lua_State *L, int position, const char *function, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  luaL_error(L, "bad argument #%d to '%s' (%s)", position, function, lua_tostring(L, -1));
  for (;;) { /* luaL_error does not return */
  }
}

const char *values_typename(lua_State *L, int index) {
  return lua_isnoneornil(L, index) ? "nil" : luaL_typename(L, index);
}

const char *values_shown(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TNUMBER) return values_typename(L, index);
  lua_pushvalue(L, index);
  return lua_tostring(L, -1);
}

struct text values_check_string(lua_State *L, int index, int position, const char *function, const char *name) {
  if (lua_type(L, index) != LUA_TSTRING) {
    values_raise(L, position, function, "%s: string expected, got %s", name, values_typename(L, index));
  }
  struct text text;
  text.data = lua_tolstring(L, index, &text.length);
  return text;
}

/* Whether the value is what the decoder makes of null. */
static bool is_null(lua_State *L, int index) {
  index = compat_absindex(L, index);
  compat_rawgetp(L, LUA_REGISTRYINDEX, &NULL_KEY);
  bool null = lua_rawequal(L, -1, index);
  lua_pop(L, 1);
  return null;
}

/* Makes what was decoded comfortable: null members vanish, whole numbers become integers where Lua has them. The table
 * to work on is on top of the stack. Its depth is bounded by the decoder. */
static void tidy(lua_State *L) {
  compat_rawgetp(L, LUA_REGISTRYINDEX, &NULL_KEY);
  int null = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, null - 1)) {
    if (lua_istable(L, -1)) {
      tidy(L);
    } else if (lua_rawequal(L, -1, null) && lua_type(L, -2) == LUA_TSTRING) {
      lua_pushvalue(L, -2);
      lua_pushnil(L);
      lua_rawset(L, null - 1);
    } else if (lua_type(L, -1) == LUA_TNUMBER) {
      double number = lua_tonumber(L, -1);
      if (number == floor(number) && fabs(number) <= WHOLE_MOST) {
        lua_pushvalue(L, -2);
        compat_pushwhole(L, number);
        lua_rawset(L, null - 1);
      }
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* A string member of the table on top of the stack; the string stays alive with its table. */
static struct text string_member(lua_State *L, const char *name) {
  struct text text = {.data = "", .length = 0};
  lua_getfield(L, -1, name);
  if (lua_type(L, -1) == LUA_TSTRING) text.data = lua_tolstring(L, -1, &text.length);
  lua_pop(L, 1);
  return text;
}

/* A member of the table on top of the stack that counts something; -1 when it does not. */
static long long count_member(lua_State *L, const char *name) {
  long long count = -1;
  lua_getfield(L, -1, name);
  if (lua_type(L, -1) == LUA_TNUMBER) {
    double number = lua_tonumber(L, -1);
    if (number >= 0 && number <= WHOLE_MOST && number == floor(number)) count = (long long)number;
  }
  lua_pop(L, 1);
  return count;
}

/* Takes note of the checkpoint in the object on top of the stack. */
static void digest_next(lua_State *L, struct response *response) {
  lua_getfield(L, -1, "next");
  response->next_odd = !lua_isnil(L, -1) && !is_null(L, -1) && lua_type(L, -1) != LUA_TSTRING;
  lua_pop(L, 1);
  response->next = string_member(L, "next");
}

/* Digests the object on top of the stack, and pushes what of it the user gets, or nil. */
static void digest_object(lua_State *L, const struct operation *operation, struct response *response) {
  response->body = RESPONSE_OBJECT;
  response->code = string_member(L, "errorCode");
  response->message = string_member(L, "message");
  response->start = count_member(L, "start");
  response->limit = count_member(L, "limit");
  response->total = count_member(L, "total");
  digest_next(L, response);
  if (operation->answer == ANSWER_OBJECT) {
    lua_pushvalue(L, -1);
  } else if (operation->answer == ANSWER_LIST) {
    lua_getfield(L, -1, operation->list_name);
    if (lua_istable(L, -1)) response->item_count = (long long)compat_rawlen(L, -1);
  } else {
    lua_pushnil(L);
  }
}

/* The same for the array on top of the stack. */
static void digest_array(lua_State *L, const struct operation *operation, struct response *response) {
  if (operation->answer != ANSWER_ARRAY) return;
  response->item_count = (long long)compat_rawlen(L, -1);
}

/* Keeps what is on top of the stack in the table at `items`: an object as its one item, of a list those from `skip` on. */
static void keep(lua_State *L, int items, const struct call *call, long long count) {
  tidy(L);
  if (call->operation->answer == ANSWER_OBJECT) {
    lua_pushvalue(L, -1);
    lua_rawseti(L, items, 1);
    return;
  }
  int kept = (int)compat_rawlen(L, items);
  for (long long i = call->pages.skip + 1; i <= count; i++) {
    lua_rawgeti(L, -1, (int)i);
    lua_rawseti(L, items, ++kept);
  }
}

/* Digests what the token endpoint answered, on top of the stack (RFC 6749, sections 5.1 and 5.2). */
static void digest_token(lua_State *L, struct response *response) {
  response->body = RESPONSE_OBJECT;
  response->access_token = string_member(L, "access_token");
  response->expires_in = (double)count_member(L, "expires_in");
  response->code = string_member(L, "error");
  response->message = string_member(L, "error_description");
}

/* An answer on its way into a call. */
struct feeding {
  struct call *call;
  struct response *response;
  struct text body;
  double now;     /* seconds, monotonic */
  bool no_memory; /* that is what was raised: before Lua 5.4 an error that is raised again loses its status */
};

/* Pushes the decoded body, or what was raised instead; returns whether it went well. */
static bool try_to_decode(lua_State *L, struct feeding *feeding) {
  compat_rawgetp(L, LUA_REGISTRYINDEX, &DECODE_KEY);
  lua_pushlstring(L, feeding->body.data, feeding->body.length);
  int status = lua_pcall(L, 1, 1, 0);
  feeding->no_memory = status == LUA_ERRMEM;
  if (feeding->no_memory) lua_error(L);
  return status == 0;
}

/* Pushes the decoded body; false when it is no JSON. What fails once and not twice was not the body: a hook of the host's
 * has raised, to stop the script, and is not to be mistaken for a bad answer. */
static bool decode(lua_State *L, struct feeding *feeding) {
  if (try_to_decode(L, feeding)) return true;
  if (!try_to_decode(L, feeding)) return false;
  lua_pop(L, 1);
  return lua_error(L);
}

/* The first byte of JSON, which tells an array from an object: lua-cjson makes the same empty table of both. */
static char first_byte(struct text body) {
  size_t i = 0;
  while (i < body.length && strchr(" \t\r\n", body.data[i]) && body.data[i]) i++;
  return i < body.length ? body.data[i] : '\0';
}

/* What values_feed does, protected. The feeding is where its upvalue points; the table of items is the argument. */
static int feed(lua_State *L) {
  struct feeding *feeding = *(struct feeding **)lua_touserdata(L, lua_upvalueindex(1));
  struct response *response = feeding->response;
  const struct operation *operation = feeding->call->operation;
  feeding->no_memory = !lua_checkstack(L, STACK_MOST);
  if (feeding->no_memory) return luaL_error(L, "not enough memory");
  bool fetching = feeding->call->token_request != NULL;
  bool wanted = response->status >= 400 || fetching ||
                (operation->answer != ANSWER_NOTHING && operation_succeeds(operation, response->status));
  if (wanted && feeding->body.length > 0) {
    response->body = RESPONSE_OTHER;
    if (decode(L, feeding) && lua_istable(L, -1)) {
      if (fetching) {
        digest_token(L, response);
      } else if (first_byte(feeding->body) == '{') {
        digest_object(L, operation, response);
      } else {
        digest_array(L, operation, response);
      }
    }
  }
  if (call_feed(feeding->call, response, feeding->now)) keep(L, 1, feeding->call, response->item_count);
  return 0;
}

/* Pushes `feed`, and returns the place where it looks for its feeding. Takes no memory. */
static struct feeding **push_feed(lua_State *L) {
  compat_rawgetp(L, LUA_REGISTRYINDEX, &FEED_KEY);
  lua_getupvalue(L, -1, 1);
  struct feeding **place = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return place;
}

bool values_feed(lua_State *L, int items, struct call *call, struct response *response, struct text body, double now) {
  struct feeding feeding = {.call = call, .response = response, .body = body, .now = now};
  lua_pushvalue(L, items);
  struct feeding **place = push_feed(L);
  struct feeding *outer = *place; /* a finalizer may feed another call while this one is being fed */
  *place = &feeding;
  lua_insert(L, -2);
  int status = lua_pcall(L, 1, 0, 0);
  *place = outer;
  if (status == 0) return true;
  struct failure failure = {
      .kind = FAILURE_CANCELED, .maybe_read = true, .message = "interrupted while the answer was read"};
  if (status == LUA_ERRMEM || feeding.no_memory) {
    failure.kind = FAILURE_MEMORY;
    failure.message = "not enough memory to read the answer";
  }
  call_overrule(call, &failure);
  if (failure.kind == FAILURE_CANCELED) return false;
  lua_pop(L, 1);
  return true;
}

/* Makes `feed` beforehand: making a function takes memory, and so can pushing an address on LuaJIT. */
static void open_feed(lua_State *L) {
  *(struct feeding **)lua_newuserdata(L, sizeof(struct feeding *)) = NULL;
  lua_pushcclosure(L, feed, 1);
  compat_rawsetp(L, LUA_REGISTRYINDEX, &FEED_KEY);
}

/* Sets a member of the table on top of the stack, where there is something to say. */
static void set_string(lua_State *L, const char *name, const char *value) {
  if (!value || !*value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* Sets `name` in the table on top of the stack to what is left of one span of a quota, if that is known. */
static void set_span(lua_State *L, const char *name, const struct quota_span *span) {
  if (span->quota < 0) return;
  lua_createtable(L, 0, 3);
  compat_pushwhole(L, (double)span->quota);
  lua_setfield(L, -2, "quota");
  compat_pushwhole(L, (double)span->remaining);
  lua_setfield(L, -2, "remaining");
  compat_pushwhole(L, (double)span->reset);
  lua_setfield(L, -2, "reset");
  lua_setfield(L, -2, name);
}

/* Sets the quota of tokens in the error on top of the stack. */
static void push_quota(lua_State *L, const struct quota *quota) {
  if (quota->per_hour.quota < 0 && quota->per_day.quota < 0) return;
  lua_createtable(L, 0, 2);
  set_span(L, "per_hour", &quota->per_hour);
  set_span(L, "per_day", &quota->per_day);
  lua_setfield(L, -2, "quota");
}

/*---
--- What went wrong. `tostring(err)` is a line for people. No field ever holds a secret.
---@class auth0perm.Error
--- `invalid` (a value that the API could never accept; nothing was sent), `token` (no access token, or the tenant does not take
--- it: 401, and the 400 for what is no JWT), `api` (the tenant answered with an error status), `limit` (429), `timeout`,
--- `transport` (no connection, or it broke), `protocol` (an answer that is not what the API answers), `memory`, `canceled`,
--- `closed`.
---@field kind "invalid"|"token"|"api"|"limit"|"timeout"|"transport"|"protocol"|"memory"|"canceled"|"closed"
--- The operation's name, or `"new"`, `"start"`, `"prepare"`, `"step"`.
---@field operation string
--- The HTTP status, where there was an answer.
---@field status? integer
--- Auth0's `errorCode`, where the answer has one.
---@field code? string
--- For people; what the tenant said, where it said something.
---@field message string
--- Requests that left; for a list, for the page that failed.
---@field attempts integer
--- Seconds to wait before trying again, where the tenant said so (RFC 9110, section 10.2.3).
---@field retry_after? number
--- Whether an operation that changes something may have reached the tenant all the same.
---@field maybe_applied boolean
--- How many tokens the client may still fetch, where the token endpoint said so: `quota` and `remaining` tokens, `reset` in
--- seconds, for `per_hour` and `per_day`.
---@field quota? table<"per_hour"|"per_day", { quota: integer, remaining: integer, reset: integer }>
*/

void values_push_error(lua_State *L, const struct error *error, const char *operation) {
  lua_createtable(L, 0, 8);
  set_string(L, "kind", error_kind_name(error->kind));
  set_string(L, "operation", operation);
  set_string(L, "code", error->code);
  set_string(L, "message", error->message);
  if (error->status) {
    lua_pushinteger(L, error->status);
    lua_setfield(L, -2, "status");
  }
  lua_pushinteger(L, error->attempts);
  lua_setfield(L, -2, "attempts");
  if (error->retry_after >= 0) {
    lua_pushnumber(L, error->retry_after);
    lua_setfield(L, -2, "retry_after");
  }
  lua_pushboolean(L, error->maybe_applied);
  lua_setfield(L, -2, "maybe_applied");
  push_quota(L, &error->quota);
  compat_setmetatable(L, ERROR_TYPE);
}

int values_return_error(lua_State *L, const struct error *error, const char *operation) {
  lua_pushnil(L);
  values_push_error(L, error, operation);
  return 2;
}

/* A member of the error at index 1 as text, "" when it is not there. */
static const char *shown(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  const char *value = lua_tostring(L, -1);
  return value ? value : "";
}

/* tostring(err): "remove_user_permissions: api 404 inexistent_user: The user does not exist." */
static int error_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *operation = shown(L, "operation");
  const char *kind = shown(L, "kind");
  const char *status = shown(L, "status");
  const char *code = shown(L, "code");
  const char *message = shown(L, "message");
  lua_pushfstring(L, "%s%s%s%s%s%s%s: %s", operation, *operation ? ": " : "", kind, *status ? " " : "", status,
                  *code ? " " : "", code, message);
  return 1;
}

/* A decoder of our own: the options of cjson.decode belong to the whole program. */
static void open_decoder(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cjson");
  int status = lua_pcall(L, 1, 1, 0);
  if (status == LUA_ERRMEM) lua_error(L);
  if (status != 0) {
    luaL_error(L, "auth0perm needs lua-cjson (Debian: lua-cjson, LuaRocks: lua-cjson): %s", lua_tostring(L, -1));
  }
  lua_getfield(L, -1, "null");
  compat_rawsetp(L, LUA_REGISTRYINDEX, &NULL_KEY);
  lua_getfield(L, -1, "new");
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "decode_max_depth");
  lua_pushinteger(L, DEPTH_MOST);
  lua_call(L, 1, 0);
  lua_getfield(L, -1, "decode_invalid_numbers");
  lua_pushboolean(L, 0);
  lua_call(L, 1, 0);
  lua_getfield(L, -1, "decode");
  compat_rawsetp(L, LUA_REGISTRYINDEX, &DECODE_KEY);
  lua_pop(L, 2);
}

void values_open(lua_State *L) {
  open_decoder(L);
  open_feed(L);
  luaL_newmetatable(L, ERROR_TYPE); /* filled each time: the time before may have been short of memory */
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushstring(L, ERROR_TYPE);
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
}
