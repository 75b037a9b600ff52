#include "json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/call.h"
#include "../core/encode.h"
#include "compat.h"

/* How deeply fields may be nested. The API's own are nested four levels deep. A table that contains itself exceeds
 * this. */
enum { DEPTH_MAX = 16 };

enum { SHOWN_SIZE = 60 /* bytes of a key in a message */, NUMBER_SIZE = 40 /* bytes */, LEVEL_SLOTS = 8 };

/* Decimal digits that every double keeps, and that tell every two doubles apart. */
enum { DIGITS_MIN = 15, DIGITS_MAX = 17 };

struct writing {
  const struct reading *reading;
  struct buffer *content;
  char place[CHECKS_PLACE_SIZE]; /* of the value being written */
  int depth;
};

static bool write_value(struct writing *writing, bool array);

/* Appends a part to the place, cut if it is too long; returns the former length, for leave(). */
static size_t enter(struct writing *writing, const char *part) {
  size_t length = strlen(writing->place);
  snprintf(writing->place + length, sizeof writing->place - length, "%s", part);
  return length;
}

static void leave(struct writing *writing, size_t length) {
  writing->place[length] = '\0';
}

static size_t enter_member(struct writing *writing, struct text key) {
  char shown[SHOWN_SIZE];
  char part[SHOWN_SIZE + 1];
  error_quote(shown, sizeof shown, key, (struct text){0});
  snprintf(part, sizeof part, ".%s", shown);
  return enter(writing, part);
}

static size_t enter_item(struct writing *writing, lua_Integer index) {
  char part[NUMBER_SIZE];
  snprintf(part, sizeof part, "[%lld]", (long long)index);
  return enter(writing, part);
}

static bool write_string(struct writing *writing, struct text text) {
  if (encode_utf8_length(text) < 0) {
    return error_set(writing->reading->error, ERROR_INVALID, "%s: expected valid UTF-8", writing->place);
  }
  encode_json_string(writing->content, text);
  return true;
}

/* Appends a number that printf has written, with a point for its decimal separator, which the host program's locale may
 * have set to any text. */
static void append_number(struct buffer *content, const char *digits) {
  const char *point = localeconv()->decimal_point;
  const char *place = *point ? strstr(digits, point) : NULL;
  if (!place) {
    buffer_append_string(content, digits);
    return;
  }
  buffer_append(content, digits, (size_t)(place - digits));
  buffer_append(content, ".", 1);
  buffer_append_string(content, place + strlen(point));
}

/* Writes whole numbers without a point on every Lua, and others with as few digits as read back the same. */
static bool write_number(struct writing *writing) {
  lua_State *L = writing->reading->L;
  char digits[NUMBER_SIZE];
#if LUA_VERSION_NUM >= 503
  if (lua_isinteger(L, -1)) {
    snprintf(digits, sizeof digits, "%lld", (long long)lua_tointeger(L, -1));
    buffer_append_string(writing->content, digits);
    return true;
  }
#endif
  double number = lua_tonumber(L, -1);
  if (!isfinite(number)) {
    return error_set(writing->reading->error, ERROR_INVALID, "%s: expected a finite number", writing->place);
  }
  if (checks_is_whole(number)) {
    snprintf(digits, sizeof digits, "%.0f", number + 0.0);
  } else {
    for (int precision = DIGITS_MIN; precision <= DIGITS_MAX; precision++) {
      snprintf(digits, sizeof digits, "%.*g", precision, number);
      if (strtod(digits, NULL) == number) break;
    }
  }
  append_number(writing->content, digits);
  return true;
}

/* Writes the list at the top of the stack. */
static bool write_array(struct writing *writing) {
  lua_State *L = writing->reading->L;
  lua_Integer count = checks_count(writing->reading, writing->place);
  buffer_append_string(writing->content, "[");
  for (lua_Integer i = 1; i <= count; i++) {
    if (i > 1) buffer_append_string(writing->content, ",");
    size_t length = enter_item(writing, i);
    lua_rawgeti(L, -1, (int)i);
    if (!write_value(writing, false)) return false;
    lua_pop(L, 1);
    leave(writing, length);
  }
  buffer_append_string(writing->content, "]");
  return true;
}

/* Whether the operation's row says that this member of the fields is an array. */
static bool is_array_member(const struct writing *writing, struct text key) {
  const char *const *name = writing->reading->call->operation->arrays;
  while (*name && !text_equals(key, *name)) name++;
  return *name && writing->depth == 1;
}

/* Writes the table at the top of the stack, whose keys are strings. */
static bool write_object(struct writing *writing) {
  lua_State *L = writing->reading->L;
  size_t count;
  const struct text *keys = checks_push_keys(writing->reading, writing->place, &count);
  buffer_append_string(writing->content, "{");
  for (size_t i = 0; i < count; i++) {
    size_t length = enter_member(writing, keys[i]);
    if (i > 0) buffer_append_string(writing->content, ",");
    if (!write_string(writing, keys[i])) return false;
    buffer_append_string(writing->content, ":");
    lua_pushlstring(L, keys[i].data, keys[i].length);
    lua_rawget(L, -3);
    if (!write_value(writing, is_array_member(writing, keys[i]))) return false;
    lua_pop(L, 1);
    leave(writing, length);
  }
  buffer_append_string(writing->content, "}");
  lua_pop(L, 1);
  return true;
}

/* Whether the first key of the table at the top of the stack is a number; `empty` if there is no key. */
static bool is_list(lua_State *L, bool empty) {
  lua_pushnil(L);
  if (!lua_next(L, -2)) return empty;
  bool list = lua_type(L, -2) == LUA_TNUMBER;
  lua_pop(L, 2);
  return list;
}

static bool write_table(struct writing *writing, bool array) {
  lua_State *L = writing->reading->L;
  if (writing->depth == DEPTH_MAX) {
    return error_set(writing->reading->error, ERROR_INVALID,
                     "%s: expected at most %d levels of tables, got more; does a table contain itself?", writing->place,
                     (int)DEPTH_MAX);
  }
  luaL_checkstack(L, LEVEL_SLOTS, "fields");
  writing->depth++;
  bool good = is_list(L, array) ? write_array(writing) : write_object(writing);
  writing->depth--;
  return good;
}

/* Writes the value at the top of the stack; `array` says whether an empty table is an array. On failure, values may be
 * left on the stack. */
static bool write_value(struct writing *writing, bool array) {
  const struct reading *reading = writing->reading;
  lua_State *L = reading->L;
  switch (lua_type(L, -1)) {
    case LUA_TSTRING: return write_string(writing, checks_text(L, -1));
    case LUA_TNUMBER: return write_number(writing);
    case LUA_TBOOLEAN: buffer_append_string(writing->content, lua_toboolean(L, -1) ? "true" : "false"); return true;
    case LUA_TTABLE: return write_table(writing, array);
    case LUA_TLIGHTUSERDATA:
      /* cjson.null and ngx.null */
      if (lua_touserdata(L, -1)) break;
      buffer_append_string(writing->content, "null");
      return true;
    default: break;
  }
  checks_raise_for(L, &reading->caller, reading->position, "%s: expected a string, number, boolean or table, got %s",
                   writing->place, checks_typename(L, -1));
}

bool json_write_fields(const struct reading *reading, const char *place) {
  struct writing writing = {.reading = reading, .content = &reading->call->request.content};
  checks_table(reading, place);
  enter(&writing, place);
  if (is_list(reading->L, false)) {
    checks_raise_for(reading->L, &reading->caller, reading->position,
                     "%s: expected a table with string keys, got a list", place);
  }
  return write_table(&writing, false);
}
