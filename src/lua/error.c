#include "error.h"

#include "compat.h"

static const char ERROR_TYPE[] = "auth0perm.error";

/* Sets a member of the table at the top of the stack, unless the value is empty. */
static void set_string(lua_State *L, const char *name, const char *value) {
  if (!value || !*value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* Sets `name` in the table at the top of the stack to one span of a quota, if that is known. */
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

/* Sets the token quota in the error at the top of the stack. */
static void push_quota(lua_State *L, const struct quota *quota) {
  if (quota->per_hour.quota < 0 && quota->per_day.quota < 0) return;
  lua_createtable(L, 0, 2);
  set_span(L, "per_hour", &quota->per_hour);
  set_span(L, "per_day", &quota->per_day);
  lua_setfield(L, -2, "quota");
}

/*---
--- What went wrong. `tostring(err)` is one line for people. No member ever contains a secret.
---@class auth0perm.Error
--- `invalid` (a value that the API could never accept; nothing was sent), `token` (no access token, or the tenant
--- rejects it: 401, or 400 if it is not a JWT), `api` (any other error status), `limit` (429), `timeout`, `transport`
--- (no connection, or it broke), `protocol` (a response that the API does not send), `memory`, `canceled`, `closed`.
---@field kind "invalid"|"token"|"api"|"limit"|"timeout"|"transport"|"protocol"|"memory"|"canceled"|"closed"
--- The operation's name, or `"new"`, `"start"`, `"prepare"`, `"step"`.
---@field operation string
--- The HTTP status, if there was a response.
---@field status? integer
--- Auth0's `errorCode`, if the response has one.
---@field code? string
--- For people: the tenant's own message, if it sent one.
---@field message string
--- Requests sent; for a list, for the page that failed.
---@field attempts integer
--- Seconds to wait before the next attempt, if the tenant said so (RFC 9110, section 10.2.3).
---@field retry_after? number
--- Whether a change may have reached the tenant all the same.
---@field maybe_applied boolean
--- If the token endpoint said so, how many tokens the application may still fetch: for `per_hour` and `per_day`, the
--- tokens allowed (`quota`) and left (`remaining`), and the seconds until the count starts again (`reset`).
---@field quota? table<"per_hour"|"per_day", { quota: integer, remaining: integer, reset: integer }>
*/

void error_push(lua_State *L, const struct error *error, const char *operation) {
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

int error_return(lua_State *L, const struct error *error, const char *operation) {
  lua_pushnil(L);
  error_push(L, error, operation);
  return 2;
}

/* A member of the error at index 1 as text, "" if it is absent. */
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

void error_register(lua_State *L) {
  luaL_newmetatable(L, ERROR_TYPE); /* filled each time: memory may have run out the last time */
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushstring(L, ERROR_TYPE);
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
}
