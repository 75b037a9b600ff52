#include "configuration.h"

#include <stddef.h>
#include <string.h>

#include "checks.h"
#include "compat.h"

enum option_type { TAKES_TEXT, TAKES_NUMBER, TAKES_FLAG };

#define CORE(member) offsetof(struct configuration, core.member), false
#define CURL(member) offsetof(struct configuration, curl.member), true

static const struct option {
  const char *name;
  enum option_type type;
  size_t offset; /* of its struct text, double or bool in struct configuration */
  bool of_curl;  /* without the curl driver it means nothing */
} OPTIONS[] = {
    {"domain", TAKES_TEXT, CORE(domain)},
    {"token", TAKES_TEXT, CORE(token)},
    {"client_id", TAKES_TEXT, CORE(credentials.client_id)},
    {"client_secret", TAKES_TEXT, CORE(credentials.client_secret)},
    {"private_key", TAKES_TEXT, CORE(credentials.private_key)},
    {"signing_algorithm", TAKES_TEXT, CORE(credentials.signing_algorithm)},
    {"audience", TAKES_TEXT, CORE(credentials.audience)},
    {"share_tokens", TAKES_FLAG, CORE(share_tokens)},
    {"timeout", TAKES_NUMBER, CORE(timeout)},
    {"connect_timeout", TAKES_NUMBER, CORE(connect_timeout)},
    {"request_timeout", TAKES_NUMBER, CORE(request_timeout)},
    {"max_retries", TAKES_NUMBER, CORE(max_retries)},
    {"max_rate", TAKES_NUMBER, CORE(bucket.max_rate)},
    {"reserve", TAKES_NUMBER, CORE(bucket.reserve)},
    {"driver", TAKES_TEXT, offsetof(struct configuration, driver), false},
    {"ca_file", TAKES_TEXT, CURL(ca_file)},
    {"proxy", TAKES_TEXT, CURL(proxy)},
    {"connect_to", TAKES_TEXT, CURL(connect_to)},
    {"max_connections", TAKES_NUMBER, CURL(max_connections)},
    {"http2", TAKES_FLAG, CURL(http2)},
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

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
--- Who performs the requests: `"curl"` (default), or `"none"` for a host that does it itself. Such a client has no libcurl, its
--- methods and `each` return what `prepare` would, a call for your own driver; `start` and `step` raise.
---@field driver? "curl"|"none"
--- With `driver = "none"` and `client_id`: calls ask for a token that was fetched elsewhere, by another worker, before they
--- fetch one; see `Call:next`. Default false.
---@field share_tokens? boolean
*/

/* Raises for an option that does not exist; names those that do. */
static void raise_unknown(lua_State *L, const char *name) {
  luaL_Buffer names;
  luaL_buffinit(L, &names);
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    if (i > 0) luaL_addstring(&names, ", ");
    luaL_addstring(&names, OPTIONS[i].name);
  }
  luaL_pushresult(&names);
  checks_raise(L, 1, "new", "%s: no such option; there are: %s", name, lua_tostring(L, -1));
}

/* Takes an option's value, on top of the stack, to its place. A string belongs to the table of options. */
static void take_value(lua_State *L, const struct option *option, void *place) {
  switch (option->type) {
    case TAKES_TEXT: *(struct text *)place = checks_string(L, -1, 1, "new", option->name); break;
    case TAKES_NUMBER:
      if (lua_type(L, -1) != LUA_TNUMBER) {
        checks_raise(L, 1, "new", "%s: number expected, got %s", option->name, checks_typename(L, -1));
      }
      *(double *)place = lua_tonumber(L, -1);
      break;
    case TAKES_FLAG:
      if (!lua_isboolean(L, -1)) {
        checks_raise(L, 1, "new", "%s: boolean expected, got %s", option->name, checks_typename(L, -1));
      }
      *(bool *)place = lua_toboolean(L, -1);
  }
}

/* Reads the option on top of the stack. */
static void read_option(lua_State *L, struct text key, struct configuration *configuration) {
  const char *name = strlen(key.data) == key.length ? key.data : "(a name with a zero byte)";
  if (strcmp(name, "token") == 0 && lua_isfunction(L, -1)) return;
  for (const struct option *option = OPTIONS; option < OPTIONS + OPTION_COUNT; option++) {
    if (strcmp(name, option->name) != 0) continue;
    take_value(L, option, (char *)configuration + option->offset);
    if (option->of_curl) configuration->curl_option = option->name;
    return;
  }
  raise_unknown(L, name);
}

void configuration_read(lua_State *L, int index, struct configuration *configuration) {
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      checks_raise(L, 1, "new", "options: names expected as keys, got a %s", checks_typename(L, -2));
    }
    read_option(L, checks_text(L, -2), configuration);
  }
  if (!configuration->core.domain.data) checks_raise(L, 1, "new", "domain: string expected, got nil");
}

bool configuration_check(const struct configuration *configuration, struct error *error) {
  bool none = configuration_has_no_driver(configuration);
  if (configuration->driver.data && !none && !text_equals(configuration->driver, "curl")) {
    return error_set(error, ERROR_INVALID, "driver: \"curl\" or \"none\" expected");
  }
  if (none && configuration->curl_option) {
    return error_set(error, ERROR_INVALID, "%s: not known to the driver \"none\"", configuration->curl_option);
  }
  if (!none && configuration->core.share_tokens) {
    return error_set(error, ERROR_INVALID, "share_tokens: only for the driver \"none\"");
  }
  return true;
}

bool configuration_has_no_driver(const struct configuration *configuration) {
  return configuration->driver.data && text_equals(configuration->driver, "none");
}
