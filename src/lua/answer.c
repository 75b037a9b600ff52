#include "answer.h"

#include <lauxlib.h>
#include <string.h>

#include "../core/call.h"
#include "../core/shape.h"
#include "checks.h"
#include "compat.h"

/* Registry keys. */
static const char DECODE_KEY = 0; /* the private decoder */
static const char NULL_KEY = 0;   /* what it returns for null */
static const char FEED_KEY = 0;   /* `feed` */

/* How deeply a response may be nested. The API's own are nested four levels deep. */
enum { DEPTH_MAX = 32 };

/* Stack slots for reading a response: lua-cjson and `tidy` take a few for each level. */
enum { STACK_MAX = 8 * DEPTH_MAX + LUA_MINSTACK };

/* Whether the value is the decoder's null. */
static bool is_null(lua_State *L, int index) {
  index = compat_absindex(L, index);
  compat_rawgetp(L, LUA_REGISTRYINDEX, &NULL_KEY);
  bool null = lua_rawequal(L, -1, index);
  lua_pop(L, 1);
  return null;
}

/* Makes the decoded table at the top of the stack convenient: null members vanish, and whole numbers become integers
 * where Lua has them. The decoder limits its depth. */
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
      if (checks_is_whole(number)) {
        lua_pushvalue(L, -2);
        compat_pushwhole(L, number);
        lua_rawset(L, null - 1);
      }
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* A string member of the table at the top of the stack, or "". The string lives as long as its table. */
static struct text string_member(lua_State *L, const char *name) {
  struct text text = {.data = "", .length = 0};
  lua_getfield(L, -1, name);
  if (lua_type(L, -1) == LUA_TSTRING) text = checks_text(L, -1);
  lua_pop(L, 1);
  return text;
}

/* A member of the table at the top of the stack, if it is a whole number from 0 on; otherwise -1. */
static long long count_member(lua_State *L, const char *name) {
  long long count = -1;
  lua_getfield(L, -1, name);
  if (lua_type(L, -1) == LUA_TNUMBER) {
    double number = lua_tonumber(L, -1);
    if (number >= 0 && checks_is_whole(number)) count = (long long)number;
  }
  lua_pop(L, 1);
  return count;
}

/* Reads the checkpoint from the object at the top of the stack. */
static void digest_next(lua_State *L, struct response *response) {
  lua_getfield(L, -1, "next");
  response->next_malformed = !lua_isnil(L, -1) && !is_null(L, -1) && lua_type(L, -1) != LUA_TSTRING;
  lua_pop(L, 1);
  response->next = string_member(L, "next");
}

/* The number of objects in the list at the top of the stack, whose shape in JSON is `shape`; -1 if it is not a list of
 * objects. */
static long long count_objects(lua_State *L, enum shape shape) {
  if (shape != SHAPE_ARRAY) return -1;
  long long count = (long long)compat_rawlen(L, -1);
  for (long long i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, (int)i);
    bool is_object = lua_istable(L, -1);
    lua_pop(L, 1);
    if (!is_object) return -1;
  }
  return count;
}

/* Digests the object at the top of the stack, and pushes the part that the user gets, or nil. */
static void digest_object(lua_State *L, const struct operation *operation, struct text json,
                          struct response *response) {
  response->body = RESPONSE_OBJECT;
  response->code = string_member(L, "errorCode");
  response->message = string_member(L, "message");
  response->start = count_member(L, "start");
  response->limit = count_member(L, "limit");
  response->total = count_member(L, "total");
  digest_next(L, response);
  if (operation->result == RESULT_OBJECT) {
    lua_pushvalue(L, -1);
  } else if (operation->result == RESULT_LIST) {
    lua_getfield(L, -1, operation->list_name);
    response->item_count = count_objects(L, shape_of_member(json, operation->list_name));
  } else {
    lua_pushnil(L);
  }
}

/* The same for the array at the top of the stack, which the user gets whole. */
static void digest_array(lua_State *L, const struct operation *operation, struct response *response) {
  response->body = RESPONSE_ARRAY;
  if (operation->result != RESULT_ARRAY) return;
  response->item_count = count_objects(L, SHAPE_ARRAY);
}

/* Keeps the value at the top of the stack in the table at `items`: an object as the only item; of a list, the items
 * from `skip` on. */
static void keep(lua_State *L, int items, const struct call *call, long long count) {
  tidy(L);
  if (call->operation->result == RESULT_OBJECT) {
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

/* Seconds until the token in the object at the top of the stack expires; -1 if the object does not say, 0 if it does
 * not say it with a positive number. */
static double expiry_member(lua_State *L) {
  lua_getfield(L, -1, "expires_in");
  double seconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
  bool absent = lua_isnil(L, -1) || is_null(L, -1);
  lua_pop(L, 1);
  if (absent) return -1;
  return seconds > 0 ? seconds : 0;
}

/* Digests the token endpoint's response at the top of the stack (RFC 6749, sections 5.1 and 5.2). */
static void digest_token(lua_State *L, struct response *response) {
  response->body = RESPONSE_OBJECT;
  response->access_token = string_member(L, "access_token");
  response->expires_in = expiry_member(L);
  response->code = string_member(L, "error");
  response->message = string_member(L, "error_description");
}

/* A response that is being handed to a call. */
struct feeding {
  struct call *call;
  struct response *response;
  struct text body;
  double now;     /* seconds, monotonic */
  bool no_memory; /* memory ran out; before Lua 5.4, an error that is raised again loses its status */
};

/* Pushes the decoded body, or what was raised instead; returns whether decoding succeeded. */
static bool try_to_decode(lua_State *L, struct feeding *feeding) {
  compat_rawgetp(L, LUA_REGISTRYINDEX, &DECODE_KEY);
  lua_pushlstring(L, feeding->body.data, feeding->body.length);
  int status = lua_pcall(L, 1, 1, 0);
  feeding->no_memory = status == LUA_ERRMEM;
  if (feeding->no_memory) lua_error(L);
  return status == 0;
}

/* Pushes the decoded body; false if it is not JSON. If decoding fails once but not twice, the body was not the reason:
 * a hook of the host program raised an error to stop the script. That must not be mistaken for a malformed response. */
static bool decode(lua_State *L, struct feeding *feeding) {
  if (try_to_decode(L, feeding)) return true;
  if (!try_to_decode(L, feeding)) return false;
  lua_pop(L, 1);
  return lua_error(L);
}

/* Digests the body, and leaves the part that the user gets at the top of the stack. */
static void digest(lua_State *L, struct feeding *feeding) {
  const struct operation *operation = feeding->call->operation;
  struct response *response = feeding->response;
  response->body = RESPONSE_OTHER;
  response->memory = shape_memory(feeding->body);
  if (response->memory > RESPONSE_MEMORY_MAX) {
    response->body = RESPONSE_LARGE;
  } else if (decode(L, feeding) && lua_istable(L, -1)) {
    if (feeding->call->token_request) {
      digest_token(L, response);
    } else if (shape_of(feeding->body) == SHAPE_OBJECT) {
      digest_object(L, operation, feeding->body, response);
    } else {
      digest_array(L, operation, response);
    }
  }
}

/* The kind of a body that nobody reads. */
static enum response_body look_at(struct text body) {
  switch (shape_of(body)) {
    case SHAPE_NOTHING: return RESPONSE_EMPTY;
    case SHAPE_OBJECT: return RESPONSE_OBJECT;
    case SHAPE_ARRAY: return RESPONSE_ARRAY;
    case SHAPE_OTHER: break;
  }
  return RESPONSE_OTHER;
}

/* The protected part of answer_feed. Its upvalue points to the feeding; the table of items is its argument. */
static int feed(lua_State *L) {
  struct feeding *feeding = *(struct feeding **)lua_touserdata(L, lua_upvalueindex(1));
  struct response *response = feeding->response;
  const struct operation *operation = feeding->call->operation;
  feeding->no_memory = !lua_checkstack(L, STACK_MAX);
  if (feeding->no_memory) return luaL_error(L, "not enough memory");
  bool fetching = feeding->call->token_request != NULL;
  bool wanted = response->status >= 400 || fetching ||
                (operation->result != RESULT_NOTHING && operation_succeeds(operation, response->status));
  if (wanted && feeding->body.length > 0) {
    digest(L, feeding);
  } else {
    response->body = look_at(feeding->body);
  }
  if (call_feed(feeding->call, response, feeding->now)) keep(L, 1, feeding->call, response->item_count);
  return 0;
}

/* Pushes `feed`, and returns the address of the pointer to its feeding. Takes no memory. */
static struct feeding **push_feed(lua_State *L) {
  compat_rawgetp(L, LUA_REGISTRYINDEX, &FEED_KEY);
  lua_getupvalue(L, -1, 1);
  struct feeding **place = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return place;
}

bool answer_feed(lua_State *L, int items, struct call *call, struct response *response, struct text body, double now) {
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
      .kind = FAILURE_CANCELED, .maybe_read = true, .message = "interrupted while reading the response"};
  if (status == LUA_ERRMEM || feeding.no_memory) {
    failure.kind = FAILURE_MEMORY;
    failure.message = "not enough memory to read the response";
  }
  call_overrule(call, &failure);
  if (failure.kind == FAILURE_CANCELED) return false;
  lua_pop(L, 1);
  return true;
}

/* Makes `feed` in advance: making a function takes memory, and on LuaJIT pushing an address may too. */
static void open_feed(lua_State *L) {
  *(struct feeding **)lua_newuserdata(L, sizeof(struct feeding *)) = NULL;
  lua_pushcclosure(L, feed, 1);
  compat_rawsetp(L, LUA_REGISTRYINDEX, &FEED_KEY);
}

/* A private decoder: the options of cjson.decode are shared by the whole program. */
static void open_decoder(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cjson");
  int status = lua_pcall(L, 1, 1, 0);
  if (status == LUA_ERRMEM) lua_error(L);
  if (status != 0) {
    luaL_error(L, "auth0perm needs lua-cjson (package lua-cjson in Debian and LuaRocks): %s", lua_tostring(L, -1));
  }
  lua_getfield(L, -1, "null");
  compat_rawsetp(L, LUA_REGISTRYINDEX, &NULL_KEY);
  lua_getfield(L, -1, "new");
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "decode_max_depth");
  lua_pushinteger(L, DEPTH_MAX);
  lua_call(L, 1, 0);
  lua_getfield(L, -1, "decode_invalid_numbers");
  lua_pushboolean(L, 0);
  lua_call(L, 1, 0);
  lua_getfield(L, -1, "decode");
  compat_rawsetp(L, LUA_REGISTRYINDEX, &DECODE_KEY);
  lua_pop(L, 2);
}

void answer_open(lua_State *L) {
  open_decoder(L);
  open_feed(L);
}
