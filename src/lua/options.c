#include "options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../core/call.h"
#include "compat.h"

/*---
--- The options of every call, as its last argument.
---@class auth0perm.CallOptions
--- Seconds for this call, instead of the client's.
---@field timeout? number
--- Sent as `X-Correlation-ID`, which Auth0 logs with the change. 1 to 128 printable ASCII characters without spaces;
--- tenants in the public cloud keep the first 64.
---@field correlation_id? string

---@class auth0perm.ListOptions: auth0perm.CallOptions
--- How many items to ask for at a time, 1 to 100. Default 100. A tenant may send fewer; the list is complete all the
--- same.
---@field per_page? integer

---@class auth0perm.RoleListOptions: auth0perm.ListOptions
--- Only roles with this text anywhere in their name. Case is ignored.
---@field name_filter? string

---@class auth0perm.UserOptions: auth0perm.CallOptions
--- Names of members, separated by commas: return only these, or all but these.
---@field fields? string
--- Whether `fields` names the members to return (the default) or those to leave out.
---@field include_fields? boolean

---@class auth0perm.ResourceServerOptions: auth0perm.CallOptions
--- Passed on to Auth0.
---@field include_fields? boolean

---@class auth0perm.ResourceServerListOptions: auth0perm.ListOptions
--- Only the APIs with these identifiers, 1 to 10.
---@field identifiers? string[]
--- Passed on to Auth0.
---@field include_fields? boolean
*/

/* An option that calls of every operation have. */
struct call_option {
  const char *name;
  int type;                                                      /* of its value: LUA_TNUMBER and so on */
  bool lists_only;                                               /* only for operations that return pages */
  bool (*read)(const struct reading *reading, const char *name); /* reads the value at the top of the stack */
};

static bool read_timeout(const struct reading *reading, const char *name);
static bool read_correlation_id(const struct reading *reading, const char *name);
static bool read_per_page(const struct reading *reading, const char *name);

static const struct call_option CALL_OPTIONS[] = {
    {"timeout", LUA_TNUMBER, false, read_timeout},
    {"correlation_id", LUA_TSTRING, false, read_correlation_id},
    {"per_page", LUA_TNUMBER, true, read_per_page},
};

enum { CALL_OPTION_COUNT = sizeof CALL_OPTIONS / sizeof *CALL_OPTIONS };

/* Whether calls of this operation have the option. */
static bool applies(const struct call_option *option, const struct operation *operation) {
  return !option->lists_only || operation->result == RESULT_LIST;
}

void options_push_names(lua_State *L, const struct operation *operation) {
  int count = 0;
  lua_newtable(L);
  for (const struct call_option *option = CALL_OPTIONS; option < CALL_OPTIONS + CALL_OPTION_COUNT; option++) {
    if (!applies(option, operation)) continue;
    lua_pushstring(L, option->name);
    lua_rawseti(L, -2, ++count);
  }
  for (const struct operation_option *option = operation->options; option->name; option++) {
    lua_pushstring(L, option->name);
    lua_rawseti(L, -2, ++count);
  }
}

/* Raises an error about the key below the top of the stack. The message lists the known options. */
static void raise_unknown(const struct reading *reading) {
  lua_State *L = reading->L;
  const char *type = checks_typename(L, -2);
  const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
  options_push_names(L, reading->call->operation);
  lua_pushliteral(L, "");
  int count = (int)compat_rawlen(L, -2);
  for (int i = 1; i <= count; i++) {
    lua_pushstring(L, i > 1 ? ", " : "");
    lua_rawgeti(L, -3, i);
    lua_concat(L, 3);
  }
  const char *known = lua_tostring(L, -1);
  if (!name) {
    checks_raise_for(L, &reading->caller, reading->position, "options: unknown key of type %s; expected one of: %s",
                     type, known);
  }
  checks_raise_for(L, &reading->caller, reading->position, "options.%s: unknown option; expected one of: %s", name,
                   known);
}

static bool is_option(const struct operation *operation, struct text name) {
  for (const struct call_option *option = CALL_OPTIONS; option < CALL_OPTIONS + CALL_OPTION_COUNT; option++) {
    if (text_equals(name, option->name)) return applies(option, operation);
  }
  const struct operation_option *own = operation->options;
  while (own->name && !text_equals(name, own->name)) own++;
  return own->name;
}

/* Checks the keys of the table at the top of the stack, before any value is read. */
static void check_names(const struct reading *reading) {
  lua_State *L = reading->L;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    bool known = lua_type(L, -2) == LUA_TSTRING && is_option(reading->call->operation, checks_text(L, -2));
    if (!known) raise_unknown(reading);
  }
}

/* Raises unless the option's value, at the top of the stack, has this type. */
static void check_type(const struct reading *reading, const char *name, int type) {
  lua_State *L = reading->L;
  if (lua_type(L, -1) == type) return;
  checks_raise_for(L, &reading->caller, reading->position, "options.%s: expected a %s, got %s", name,
                   lua_typename(L, type), checks_typename(L, -1));
}

/* Prepends the place to a message about a wrong value. */
static bool refuse(const struct reading *reading) {
  if (reading->error->kind == ERROR_INVALID) error_locate(reading->error, "options", ".");
  return false;
}

static bool read_timeout(const struct reading *reading, const char *name) {
  reading->call->timeout = lua_tonumber(reading->L, -1);
  return client_check_seconds(name, reading->call->timeout, reading->error) || refuse(reading);
}

static bool read_correlation_id(const struct reading *reading, const char *name) {
  (void)name;
  return request_correlate(&reading->call->request, checks_text(reading->L, -1), reading->error) || refuse(reading);
}

static bool read_per_page(const struct reading *reading, const char *name) {
  double number = lua_tonumber(reading->L, -1);
  if (!(number >= (double)PAGES_MIN && number <= (double)PAGES_MAX && number == floor(number))) {
    error_set(reading->error, ERROR_INVALID, "%s: expected a whole number from %d to %d, got %.10g", name,
              (int)PAGES_MIN, (int)PAGES_MAX, number);
    return refuse(reading);
  }
  reading->call->pages.per_page = (long long)number;
  return true;
}

static bool add_query(const struct reading *reading, const char *name, struct text value) {
  return request_add_query(&reading->call->request, name, value, reading->error) || refuse(reading);
}

/* Reads a list of strings, each of which becomes a query parameter of that name. */
static bool read_texts(const struct reading *reading, const struct operation_option *option) {
  lua_State *L = reading->L;
  char place[CHECKS_PLACE_SIZE];
  snprintf(place, sizeof place, "options.%s", option->name);
  checks_table(reading, place);
  lua_Integer count = checks_count(reading, place);
  if (count < 1 || count > option->max) {
    error_set(reading->error, ERROR_INVALID, "%s: expected 1 to %d items, got %lld", option->name, option->max,
              (long long)count);
    return refuse(reading);
  }
  for (lua_Integer i = 1; i <= count; i++) {
    struct checks_item item = {.list = place, .index = i};
    lua_rawgeti(L, -1, (int)i);
    bool added = add_query(reading, option->name, checks_member(reading, &item, NULL));
    lua_pop(L, 1);
    if (!added) return false;
  }
  return true;
}

/* Reads an option that only this operation has. */
static bool read_own(const struct reading *reading, const struct operation_option *option) {
  switch (option->kind) {
    case OPTION_TEXT:
      check_type(reading, option->name, LUA_TSTRING);
      return add_query(reading, option->name, checks_text(reading->L, -1));
    case OPTION_TEXTS: return read_texts(reading, option);
    case OPTION_BOOLEAN: {
      check_type(reading, option->name, LUA_TBOOLEAN);
      const char *value = lua_toboolean(reading->L, -1) ? "true" : "false";
      return add_query(reading, option->name, (struct text){.data = value, .length = strlen(value)});
    }
  }
  return true;
}

/* Pushes an option of the table at `index`; false, with nothing pushed, if it is absent. */
static bool push_option(lua_State *L, int index, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, index);
  if (!lua_isnil(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

bool options_read(const struct reading *reading, int index) {
  lua_State *L = reading->L;
  if (lua_isnoneornil(L, index)) return true;
  lua_pushvalue(L, index);
  checks_table(reading, "options");
  check_names(reading);
  for (const struct call_option *option = CALL_OPTIONS; option < CALL_OPTIONS + CALL_OPTION_COUNT; option++) {
    if (!push_option(L, index, option->name)) continue;
    check_type(reading, option->name, option->type);
    if (!option->read(reading, option->name)) return false;
  }
  for (const struct operation_option *option = reading->call->operation->options; option->name; option++) {
    if (push_option(L, index, option->name) && !read_own(reading, option)) return false;
  }
  return true;
}
