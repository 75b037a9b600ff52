#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "compat.h"

void table_check(const struct reading *reading, const char *place) {
  if (lua_istable(reading->L, -1)) return;
  values_raise(reading->L, reading->position, reading->function, "%s: table expected, got %s", place,
               values_typename(reading->L, -1));
}

struct text table_check_string(const struct reading *reading, const char *place, const char *field) {
  lua_State *L = reading->L;
  if (lua_type(L, -1) != LUA_TSTRING) {
    values_raise(L, reading->position, reading->function, "%s%s%s: string expected, got %s", place, field ? "." : "",
                 field ? field : "", values_typename(L, -1));
  }
  struct text text;
  text.data = lua_tolstring(L, -1, &text.length);
  return text;
}

void table_push_member(lua_State *L, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, -2);
}

lua_Integer table_count(const struct reading *reading, const char *place) {
  lua_State *L = reading->L;
  lua_Integer count = 0;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TNUMBER) {
      values_raise(L, reading->position, reading->function, "%s: a list expected, got a table with a %s as a key",
                   place, values_typename(L, -1));
    }
    count++;
  }
  return count;
}

static int compare_texts(const void *left, const void *right) {
  const struct text *a = left;
  const struct text *b = right;
  int order = memcmp(a->data, b->data, a->length < b->length ? a->length : b->length);
  return order ? order : (a->length > b->length) - (a->length < b->length);
}

const struct text *table_push_keys(const struct reading *reading, const char *place, const char *complaint,
                                   size_t *count) {
  lua_State *L = reading->L;
  int held = 0;
  lua_newtable(L); /* keeps the strings, whatever a finalizer of the host's does to the table meanwhile */
  for (lua_pushnil(L); lua_next(L, -3); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      values_raise(L, reading->position, reading->function, "%s: %s", place, complaint);
    }
    lua_pushvalue(L, -2);
    lua_rawseti(L, -4, ++held);
  }
  *count = (size_t)held;
  struct text *keys = compat_newuserdata(L, *count * sizeof *keys);
  for (int i = 0; i < held; i++) {
    lua_rawgeti(L, -2, i + 1);
    keys[i].data = lua_tolstring(L, -1, &keys[i].length);
    lua_pop(L, 1);
  }
  lua_insert(L, -2);
  compat_setuservalue(L, -2);
  qsort(keys, *count, sizeof *keys, compare_texts);
  return keys;
}
