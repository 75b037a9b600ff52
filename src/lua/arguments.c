#include "arguments.h"

#include <stdio.h>

#include "../core/call.h"
#include "checks.h"
#include "compat.h"
#include "json.h"
#include "options.h"

enum { SHOWN_SIZE = 100 /* bytes of an identifier in a message */ };

/* Describes the place of a list in the form that maps identifiers to lists. */
static void describe_list(char *place, struct text identifier) {
  char shown[SHOWN_SIZE];
  error_quote(shown, sizeof shown, identifier, (struct text){0});
  snprintf(place, CHECKS_PLACE_SIZE, "permissions[\"%s\"]", shown);
}

/* Prepends the item's place to a message about a wrong value. */
static bool refuse(const struct reading *reading, const struct checks_item *item, const char *separator) {
  char place[CHECKS_PLACE_SIZE];
  if (reading->error->kind == ERROR_INVALID) error_locate(reading->error, checks_describe(item, place), separator);
  return false;
}

/*---
---@class auth0perm.Permission
--- The API's identifier (audience): 1 to 600 characters of UTF-8. Not its id, which has 24 digits.
---@field resource_server_identifier string
--- 1 to 280 characters of UTF-8.
---@field permission_name string

--- A list of permissions, or the permission names of each API: `{ ["https://api.example.com/"] = { "read:reports" } }`.
--- At least one, and at most 1 MB as JSON. Duplicates are sent once. Other members of a permission are ignored, so you
--- can hand back a list that `list_user_permissions` returned; but see doc/permissions.md about those that only a role
--- grants.
---@alias auth0perm.Permissions auth0perm.Permission[]|table<string, string[]>
*/

/* Reads { resource_server_identifier =, permission_name = } from the top of the stack. Other members are ignored, so
 * that a list from list_user_permissions can be handed back unchanged. */
static bool read_item(const struct reading *reading, lua_Integer index) {
  lua_State *L = reading->L;
  struct checks_item item = {.list = "permissions", .index = index};
  if (!lua_istable(L, -1)) {
    char place[CHECKS_PLACE_SIZE];
    checks_raise_for(L, &reading->caller, reading->position, "%s: expected a table, got %s",
                     checks_describe(&item, place), checks_typename(L, -1));
  }
  checks_push_member(L, "resource_server_identifier");
  struct text identifier = checks_member(reading, &item, "resource_server_identifier");
  lua_insert(L, -2);
  checks_push_member(L, "permission_name");
  struct text name = checks_member(reading, &item, "permission_name");
  bool added = request_add_permission(&reading->call->request, identifier, name, reading->error);
  lua_pop(L, 1);
  lua_remove(L, -2);
  return added || refuse(reading, &item, ".");
}

/* Reads { "read:reports", ... }, the permissions of one resource server, from the top of the stack. */
static bool read_names(const struct reading *reading, struct text identifier) {
  lua_State *L = reading->L;
  char list[CHECKS_PLACE_SIZE];
  describe_list(list, identifier);
  if (!lua_istable(L, -1)) {
    checks_raise_for(L, &reading->caller, reading->position, "%s: expected a list of permission names, got %s", list,
                     checks_typename(L, -1));
  }
  lua_Integer count = checks_count(reading, list);
  if (count == 0) {
    return error_set(reading->error, ERROR_INVALID, "%s: expected at least 1 permission name, got none", list);
  }
  for (lua_Integer i = 1; i <= count; i++) {
    struct checks_item item = {.list = list, .index = i};
    lua_rawgeti(L, -1, (int)i);
    struct text name = checks_member(reading, &item, NULL);
    bool added = request_add_permission(&reading->call->request, identifier, name, reading->error);
    lua_pop(L, 1);
    if (!added) return refuse(reading, &item, ": ");
  }
  return true;
}

static bool read_list_form(const struct reading *reading) {
  lua_State *L = reading->L;
  lua_Integer count = checks_count(reading, "permissions");
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, (int)i);
    bool added = read_item(reading, i);
    lua_pop(L, 1);
    if (!added) return false;
  }
  return true;
}

/* Reads { ["https://api.example.com/"] = { "read:reports", ... }, ... } from the top of the stack. */
static bool read_map_form(const struct reading *reading) {
  lua_State *L = reading->L;
  size_t count;
  const struct text *keys = checks_push_keys(reading, "permissions", &count);
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

/* Raises if the table at the top of the stack is a single permission instead of a list: an easy slip, which would be
 * taken for the map form, because that has string keys too. */
static void check_is_list(const struct reading *reading) {
  static const char *const members[] = {"resource_server_identifier", "permission_name"};
  lua_State *L = reading->L;
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    checks_push_member(L, members[i]);
    bool single = lua_type(L, -1) == LUA_TSTRING;
    lua_pop(L, 1);
    if (single) {
      checks_raise_for(L, &reading->caller, reading->position,
                       "permissions: expected a list of permissions, got a single one; wrap it in { }");
    }
  }
}

/* Reads either form of a permission list from the top of the stack. The type of the first key tells which one it is. */
static bool read_permissions(const struct reading *reading) {
  lua_State *L = reading->L;
  check_is_list(reading);
  lua_pushnil(L);
  bool map_form = false;
  if (lua_next(L, -2)) {
    map_form = lua_type(L, -2) == LUA_TSTRING;
    lua_pop(L, 2);
  }
  bool good = map_form ? read_map_form(reading) : read_list_form(reading);
  return good && request_end_list(&reading->call->request, reading->error);
}

/* Reads { "rol_...", ... } from the top of the stack. */
static bool read_ids(const struct reading *reading) {
  lua_State *L = reading->L;
  const char *name = operation_body_name(reading->call->operation);
  lua_Integer count = checks_count(reading, name);
  for (lua_Integer i = 1; i <= count; i++) {
    struct checks_item item = {.list = name, .index = i};
    lua_rawgeti(L, -1, (int)i);
    struct text id = checks_member(reading, &item, NULL);
    bool added = request_add_id(&reading->call->request, id, reading->error);
    lua_pop(L, 1);
    if (!added) return refuse(reading, &item, ": ");
  }
  return request_end_list(&reading->call->request, reading->error);
}

/* Reads the argument that becomes the body. */
static bool read_body(const struct reading *reading, int index) {
  lua_pushvalue(reading->L, index);
  switch (reading->call->operation->body) {
    case BODY_NONE: return true;
    case BODY_PERMISSIONS: return read_permissions(reading);
    case BODY_IDS: return read_ids(reading);
    case BODY_FIELDS:
      return json_write_fields(reading, operation_body_name(reading->call->operation)) &&
             request_end_content(&reading->call->request, reading->error);
  }
  return true;
}

/* Raises if any argument has the wrong type, or if there are too many, before any value is read. `shift` is the user's
 * position minus the stack index. Returns the index of the options. */
static int check_types(const struct reading *reading, int first, int shift) {
  lua_State *L = reading->L;
  int index = first;
  for (const struct operation_argument *argument = reading->call->operation->arguments; argument->name; argument++) {
    if (argument->place != IN_BODY) {
      checks_string_for(L, &reading->caller, index, index + shift, argument->name);
    } else if (!lua_istable(L, index)) {
      checks_raise_for(L, &reading->caller, index + shift, "%s: expected a table, got %s", argument->name,
                       checks_typename(L, index));
    }
    index++;
  }
  if (lua_gettop(L) > index) {
    checks_raise_for(L, &reading->caller, index + 1 + shift, "expected no more arguments, got %s",
                     checks_typename(L, index + 1));
  }
  return index;
}

/* Reads the argument at a stack index into the request. */
static bool read_argument(const struct reading *reading, const struct operation_argument *argument, int index) {
  struct request *request = &reading->call->request;
  switch (argument->place) {
    case IN_PATH: return request_identify(request, argument->name, checks_text(reading->L, index), reading->error);
    case IN_QUERY: return request_add_query(request, argument->name, checks_text(reading->L, index), reading->error);
    case IN_BODY: return read_body(reading, index);
  }
  return false;
}

bool arguments_read(lua_State *L, int first, int position, const struct caller *caller, struct call *call,
                    struct error *error) {
  struct reading reading = {.L = L, .caller = *caller, .call = call, .error = error};
  int shift = position - first;
  int options = check_types(&reading, first, shift);
  lua_settop(L, options);
  for (int index = first; index < options; index++) {
    reading.position = index + shift;
    if (!read_argument(&reading, &call->operation->arguments[index - first], index)) return false;
  }
  reading.position = options + shift;
  return options_read(&reading, options);
}
