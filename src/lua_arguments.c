#include "lua_arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "lua_values.h"

enum {
  PLACE_SIZE = 160, /* bytes of "permissions[3].permission_name" */
  SHOWN_SIZE = 100  /* bytes of an identifier in it */
};

/* Where an argument is being read, for messages. */
struct reading {
  lua_State *L;
  int position;
  const char *function;
  struct call *call;
  struct error *error;
};

/* Names the place of a list in the form that maps identifiers to lists. */
static void describe_list(char *place, struct text identifier) {
  char shown[SHOWN_SIZE];
  error_quote(shown, sizeof shown, identifier, (struct text){0});
  snprintf(place, PLACE_SIZE, "permissions[\"%s\"]", shown);
}

/* The string on top of the stack, which stays there. */
static struct text check_member(const struct reading *reading, const char *place, const char *field) {
  lua_State *L = reading->L;
  if (lua_type(L, -1) != LUA_TSTRING) {
    values_raise(L, reading->position, reading->function, "%s%s%s: string expected, got %s", place, field ? "." : "",
                 field ? field : "", values_typename(L, -1));
  }
  struct text text;
  text.data = lua_tolstring(L, -1, &text.length);
  return text;
}

/* Adds one permission to the body; a refusal gets its place in front. */
static bool add_permission(const struct reading *reading, const char *place, const char *separator,
                           struct text identifier, struct text name) {
  if (request_add_permission(&reading->call->request, identifier, name, reading->error)) return true;
  if (reading->error->kind == ERROR_INVALID) error_locate(reading->error, place, separator);
  return false;
}

/* Pushes a member of the table on top of the stack; no metamethod runs while a request is being made. */
static void push_raw_member(lua_State *L, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, -2);
}

/*---
---@class auth0perm.Permission
--- The API's identifier, its audience: 1 to 600 characters of UTF-8. Not the 24 digits of its id.
---@field resource_server_identifier string
--- 1 to 280 characters of UTF-8.
---@field permission_name string

--- A list of permissions, or the permission names of each API: `{ ["https://api.example.com/"] = { "read:reports" } }`.
--- At least one; duplicates are sent once; 1 MB of JSON at most. Other members of a permission are not looked at, so that
--- what `list_user_permissions` returns can be handed on as it is.
---@alias auth0perm.Permissions auth0perm.Permission[]|table<string, string[]>

---@class auth0perm.UserPermission: auth0perm.Permission
---@field description? string
---@field resource_server_name string
--- How the user holds it: `source_type` is `"DIRECT"`, or `"ROLE"` with the role's id and name.
---@field sources { source_id: string, source_name: string, source_type: string }[]
*/

/* Reads { resource_server_identifier =, permission_name = } from the top of the stack. Other members are let be, so
 * that what list_user_permissions returns can be handed on as it is. */
static bool read_item(const struct reading *reading, lua_Integer index) {
  lua_State *L = reading->L;
  char place[PLACE_SIZE];
  snprintf(place, sizeof place, "permissions[%lld]", (long long)index);
  if (!lua_istable(L, -1)) {
    values_raise(L, reading->position, reading->function, "%s: table expected, got %s", place, values_typename(L, -1));
  }
  push_raw_member(L, "resource_server_identifier");
  struct text identifier = check_member(reading, place, "resource_server_identifier");
  lua_insert(L, -2);
  push_raw_member(L, "permission_name");
  struct text name = check_member(reading, place, "permission_name");
  bool added = add_permission(reading, place, ".", identifier, name);
  lua_pop(L, 1);
  lua_remove(L, -2);
  return added;
}

/* Reads each element of the list on top of the stack. Its length is the number of its members, so that one behind a
 * hole is missed by nobody. */
static lua_Integer count_members(const struct reading *reading, const char *place) {
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

/* Reads { "read:reports", ... }, on top of the stack, the permissions of one resource server. */
static bool read_names(const struct reading *reading, struct text identifier) {
  lua_State *L = reading->L;
  char list[PLACE_SIZE];
  char place[PLACE_SIZE + 24]; /* and the digits of an index */
  describe_list(list, identifier);
  if (!lua_istable(L, -1)) {
    values_raise(L, reading->position, reading->function, "%s: a list of permission names expected, got %s", list,
                 values_typename(L, -1));
  }
  lua_Integer count = count_members(reading, list);
  if (count == 0) {
    return error_set(reading->error, ERROR_INVALID, "%s: at least 1 permission name expected, got none", list);
  }
  for (lua_Integer i = 1; i <= count; i++) {
    snprintf(place, sizeof place, "%s[%lld]", list, (long long)i);
    lua_rawgeti(L, -1, (int)i);
    bool added = add_permission(reading, place, ": ", identifier, check_member(reading, place, NULL));
    lua_pop(L, 1);
    if (!added) return false;
  }
  return true;
}

static bool read_list_form(const struct reading *reading) {
  lua_State *L = reading->L;
  lua_Integer count = count_members(reading, "permissions");
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, (int)i);
    bool added = read_item(reading, i);
    lua_pop(L, 1);
    if (!added) return false;
  }
  return true;
}

static int compare_texts(const void *left, const void *right) {
  const struct text *a = left;
  const struct text *b = right;
  int order = memcmp(a->data, b->data, a->length < b->length ? a->length : b->length);
  return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* Pushes the keys of the map on top of the stack, sorted: a table has no order of its own, and the same permissions
 * are to make the same body each time. The strings belong to the map. */
static struct text *push_sorted_keys(const struct reading *reading, size_t *count) {
  lua_State *L = reading->L;
  *count = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      values_raise(L, reading->position, reading->function,
                   "permissions: either a list of tables or a table of lists expected, got both");
    }
    ++*count;
  }
  struct text *keys = lua_newuserdata(L, *count * sizeof *keys);
  struct text *key = keys;
  for (lua_pushnil(L); lua_next(L, -3); lua_pop(L, 1), key++) key->data = lua_tolstring(L, -2, &key->length);
  qsort(keys, *count, sizeof *keys, compare_texts);
  return keys;
}

/* Reads { ["https://api.example.com/"] = { "read:reports", ... }, ... } from the top of the stack. */
static bool read_map_form(const struct reading *reading) {
  lua_State *L = reading->L;
  size_t count;
  const struct text *keys = push_sorted_keys(reading, &count);
  bool good = true;
  for (size_t i = 0; good && i < count; i++) {
    lua_pushlstring(L, keys[i].data, keys[i].length);
    lua_rawget(L, -3);
    good = read_names(reading, keys[i]);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return good;
}

/* Reads either form of a permission list. Which one it is shows in the key that comes first. */
static bool read_permissions(const struct reading *reading, int index) {
  lua_State *L = reading->L;
  if (!lua_istable(L, index)) {
    values_raise(L, reading->position, reading->function, "permissions: table expected, got %s",
                 values_typename(L, index));
  }
  lua_pushvalue(L, index);
  lua_pushnil(L);
  bool map_form = false;
  if (lua_next(L, -2)) {
    map_form = lua_type(L, -2) == LUA_TSTRING;
    lua_pop(L, 2);
  }
  bool good = map_form ? read_map_form(reading) : read_list_form(reading);
  lua_pop(L, 1);
  return good && request_end_permissions(&reading->call->request, reading->error);
}

/*---
---@class auth0perm.CallOptions
--- Seconds for this call, instead of the client's.
---@field timeout? number
*/

/* Reads the table of options of one call, the last argument; it may be missing. */
static bool read_call_options(const struct reading *reading, int index) {
  lua_State *L = reading->L;
  if (lua_isnoneornil(L, index)) return true;
  if (!lua_istable(L, index)) {
    values_raise(L, reading->position, reading->function, "options: table expected, got %s", values_typename(L, index));
  }
  lua_pushnil(L);
  while (lua_next(L, index)) {
    if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "timeout") != 0) {
      const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : values_typename(L, -2);
      values_raise(L, reading->position, reading->function, "options.%s: no such option; there is: timeout", name);
    }
    if (lua_type(L, -1) != LUA_TNUMBER) {
      values_raise(L, reading->position, reading->function, "options.timeout: number expected, got %s",
                   values_typename(L, -1));
    }
    reading->call->timeout = lua_tonumber(L, -1);
    if (!client_check_seconds("options.timeout", reading->call->timeout, reading->error)) return false;
    lua_pop(L, 1);
  }
  return true;
}

bool arguments_read(lua_State *L, int first, int position, const char *function, struct call *call,
                    struct error *error) {
  const struct operation *operation = call->operation;
  struct reading reading = {.L = L, .position = position, .function = function, .call = call, .error = error};
  int index = first;
  struct text id = values_check_string(L, index++, reading.position++, function, operation->id_name);
  if (operation->body == BODY_PERMISSIONS && !lua_istable(L, index)) {
    values_raise(L, reading.position, function, "permissions: table expected, got %s", values_typename(L, index));
  }
  if (!request_identify(&call->request, id, error)) return false;
  if (operation->body == BODY_PERMISSIONS) {
    if (!read_permissions(&reading, index++)) return false;
    reading.position++;
  }
  if (!read_call_options(&reading, index)) return false;
  if (lua_gettop(L) > index) {
    values_raise(L, reading.position + 1, function, "no argument expected, got %s", values_typename(L, index + 1));
  }
  return true;
}
