#include "checks.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "compat.h"

const double CHECKS_WHOLE_MAX = 9007199254740992.0;

bool checks_is_whole(double number) {
  return number == floor(number) && fabs(number) <= CHECKS_WHOLE_MAX;
}

struct text checks_text(lua_State *L, int index) {
  struct text text;
  text.data = lua_tolstring(L, index, &text.length);
  return text;
}

/* Pushes the message, with the position of the user's code before it. */
static void push_message(lua_State *L, const struct caller *caller, int position, const char *format,
                         va_list arguments) {
  luaL_where(L, caller->level);
  lua_pushfstring(L, "bad argument #%d to '%s' (", position, caller->function);
  lua_pushvfstring(L, format, arguments);
  lua_pushliteral(L, ")");
  lua_concat(L, 4);
}

void checks_raise(lua_State *L, int position, const char *function, const char *format, ...) {
  struct caller caller = {.function = function, .level = 1};
  va_list arguments;
  va_start(arguments, format);
  push_message(L, &caller, position, format, arguments);
  va_end(arguments);
  lua_error(L);
  for (;;) { /* lua_error does not return */
  }
}

void checks_raise_for(lua_State *L, const struct caller *caller, int position, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  push_message(L, caller, position, format, arguments);
  va_end(arguments);
  lua_error(L);
  for (;;) { /* lua_error does not return */
  }
}

const char *checks_typename(lua_State *L, int index) {
  return lua_isnoneornil(L, index) ? "nil" : luaL_typename(L, index);
}

const char *checks_shown(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TNUMBER) return checks_typename(L, index);
  lua_pushvalue(L, index);
  return lua_tostring(L, -1);
}

struct text checks_string_for(lua_State *L, const struct caller *caller, int index, int position, const char *name) {
  if (lua_type(L, index) != LUA_TSTRING) {
    checks_raise_for(L, caller, position, "%s: expected a string, got %s", name, checks_typename(L, index));
  }
  return checks_text(L, index);
}

struct text checks_string(lua_State *L, int index, int position, const char *function, const char *name) {
  return checks_string_for(L, &(struct caller){.function = function, .level = 1}, index, position, name);
}

void checks_table(const struct reading *reading, const char *place) {
  if (lua_istable(reading->L, -1)) return;
  checks_raise_for(reading->L, &reading->caller, reading->position, "%s: expected a table, got %s", place,
                   checks_typename(reading->L, -1));
}

const char *checks_describe(const struct checks_item *item, char *text) {
  snprintf(text, CHECKS_PLACE_SIZE, "%s[%lld]", item->list, (long long)item->index);
  return text;
}

struct text checks_member(const struct reading *reading, const struct checks_item *item, const char *field) {
  lua_State *L = reading->L;
  if (lua_type(L, -1) != LUA_TSTRING) {
    char place[CHECKS_PLACE_SIZE];
    checks_raise_for(L, &reading->caller, reading->position, "%s%s%s: expected a string, got %s",
                     checks_describe(item, place), field ? "." : "", field ? field : "", checks_typename(L, -1));
  }
  return checks_text(L, -1);
}

void checks_push_member(lua_State *L, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, -2);
}

lua_Integer checks_count(const struct reading *reading, const char *place) {
  lua_State *L = reading->L;
  lua_Integer count = 0;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TNUMBER) {
      checks_raise_for(L, &reading->caller, reading->position, "%s: expected a list, got a table with a %s key", place,
                       checks_typename(L, -1));
    }
    count++;
  }
  return count;
}

static int compare_texts(const void *left, const void *right) {
  return text_compare(*(const struct text *)left, *(const struct text *)right);
}

const struct text *checks_push_keys(const struct reading *reading, const char *place, size_t *count) {
  lua_State *L = reading->L;
  int held = 0;
  lua_newtable(L); /* keeps the strings alive, whatever a finalizer of the host program does to the table */
  for (lua_pushnil(L); lua_next(L, -3); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      checks_raise_for(L, &reading->caller, reading->position,
                       "%s: expected a list or a table with string keys, got a table with a %s key", place,
                       checks_typename(L, -2));
    }
    lua_pushvalue(L, -2);
    lua_rawseti(L, -4, ++held);
  }
  *count = (size_t)held;
  struct text *keys = compat_newuserdata(L, *count * sizeof *keys);
  for (int i = 0; i < held; i++) {
    lua_rawgeti(L, -2, i + 1);
    keys[i] = checks_text(L, -1);
    lua_pop(L, 1);
  }
  lua_insert(L, -2);
  compat_setuservalue(L, -2);
  qsort(keys, *count, sizeof *keys, compare_texts);
  return keys;
}
