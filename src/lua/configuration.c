#include "configuration.h"

#include <stddef.h>
#include <string.h>

#include "checks.h"
#include "compat.h"

enum option_type { TAKES_TEXT, TAKES_TEXT_OR_FUNCTION, TAKES_NUMBER, TAKES_WHOLE_NUMBER, TAKES_BOOLEAN };

/* Which drivers obey an option: libcurl's, one of the user's own, or the one for nginx. */
enum { CURL = 1, NONE = 2, OPENRESTY = 4 };

/* Units. */
static const char SECONDS[] = "seconds";
static const char RATE[] = "requests per second";
static const char SHARE[] = "share from 0 to 0.9";

#define PLACE(member) offsetof(struct configuration, member)

static const struct option {
  const char *name;
  enum option_type type;
  size_t offset;        /* of its struct text, double or bool in struct configuration */
  unsigned drivers;     /* that obey it */
  const char *unit;     /* NULL if it has none */
  const char *fallback; /* the default of a text, in words if it is not a constant; NULL if there is none */
  const char *meaning;
} OPTIONS[] = {
    {"domain", TAKES_TEXT, PLACE(core.domain), CURL | NONE | OPENRESTY, NULL, NULL,
     "the tenant's domain: host or host:port, not a URL; required"},
    {"token", TAKES_TEXT_OR_FUNCTION, PLACE(core.token), CURL | NONE | OPENRESTY, NULL, NULL,
     "an access token for the Management API, or a function that returns one and the seconds until it expires"},
    {"client_id", TAKES_TEXT, PLACE(core.credentials.client_id), CURL | NONE | OPENRESTY, NULL, NULL,
     "the id of a machine-to-machine application; the client then fetches, keeps and renews tokens"},
    {"client_secret", TAKES_TEXT, PLACE(core.credentials.client_secret), CURL | NONE | OPENRESTY, NULL, NULL,
     "the application's secret"},
    {"private_key", TAKES_TEXT, PLACE(core.credentials.private_key), CURL | NONE | OPENRESTY, NULL, NULL,
     "instead of a secret: an RSA key in PEM"},
    {"signing_algorithm", TAKES_TEXT, PLACE(core.credentials.signing_algorithm), CURL | NONE | OPENRESTY, NULL, "RS256",
     "how to sign with private_key: RS256, RS384 or PS256"},
    {"audience", TAKES_TEXT, PLACE(core.credentials.audience), CURL | NONE | OPENRESTY, NULL,
     "https://{domain}/api/v2/", "the audience of tokens; on a custom domain, still https://{tenant}/api/v2/"},
    {"ca_file", TAKES_TEXT, PLACE(curl.ca_file), CURL, NULL, "the system's certificates",
     "a PEM file with the only certificates to trust"},
    {"proxy", TAKES_TEXT, PLACE(curl.proxy), CURL, NULL, NULL,
     "http://host:port or https://host:port of a proxy, also used for tokens; \"env\" reads it from the environment"},
    {"connect_to", TAKES_TEXT, PLACE(curl.connect_to), CURL, NULL, NULL,
     "host:port to connect to instead of the domain's own address"},
    {"timeout", TAKES_NUMBER, PLACE(core.timeout), CURL | NONE | OPENRESTY, SECONDS, NULL,
     "for a whole call: token, waits, retries and pages"},
    {"connect_timeout", TAKES_NUMBER, PLACE(core.connect_timeout), CURL | NONE | OPENRESTY, SECONDS, NULL,
     "to connect: name lookup, connection, TLS handshake"},
    {"request_timeout", TAKES_NUMBER, PLACE(core.request_timeout), CURL | NONE | OPENRESTY, SECONDS, NULL,
     "for one request and its whole response"},
    {"max_retries", TAKES_WHOLE_NUMBER, PLACE(core.max_retries), CURL | NONE | OPENRESTY, NULL, NULL,
     "how often to retry a request after a failure that may pass"},
    {"max_connections", TAKES_WHOLE_NUMBER, PLACE(curl.max_connections), CURL, NULL, NULL,
     "how many connections may be open at once, and are kept"},
    {"http2", TAKES_BOOLEAN, PLACE(curl.http2), CURL, NULL, NULL, "send up to 64 requests at once over one connection"},
    {"max_rate", TAKES_NUMBER, PLACE(core.bucket.max_rate), CURL | NONE | OPENRESTY, RATE, NULL,
     "a limit in addition to the tenant's rate limit; 0 means no limit"},
    {"reserve", TAKES_NUMBER, PLACE(core.bucket.reserve), CURL | NONE | OPENRESTY, SHARE, NULL,
     "how much of the tenant's rate limit to leave to other applications"},
    {"driver", TAKES_TEXT, PLACE(driver), CURL | NONE, NULL, "curl",
     "what performs the requests: \"curl\", or \"none\" for a driver of your own"},
    {"share_tokens", TAKES_BOOLEAN, PLACE(core.share_tokens), NONE, NULL, NULL,
     "with client_id: processes share the tokens that one of them fetches"},
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

/*---
---@class auth0perm.Options
--- The tenant's domain (or its custom domain), such as `"acme.eu.auth0.com"`: `host` or `host:port`, not a URL.
---@field domain string
--- An access token for the Management API (audience `https://{tenant}/api/v2/`); or a function that returns a token
--- and, if known, the seconds until it expires, or nil and the reason. The method or step that needs a token calls the
--- function, which must not yield. Without `token` and `client_id`, methods and calls of `start` fail with kind
--- `token`, and calls of `prepare` say `"authorize"`.
---@field token? string|fun(): string?, number|string|nil
--- The id of a machine-to-machine application. The client then fetches, keeps and renews tokens. Needs `client_secret`
--- or `private_key`.
---@field client_id? string
---@field client_secret? string
--- An unencrypted RSA key of 2048 bits or more, in PEM, for `private_key_jwt` (RFC 7523).
---@field private_key? string
--- What to sign with that key: `"RS256"` (default), `"RS384"` or `"PS256"`.
---@field signing_algorithm? "RS256"|"RS384"|"PS256"
--- What tokens are for. Default `https://{domain}/api/v2/`. On a custom domain, set it to that of the tenant's own
--- domain.
---@field audience? string
--- A PEM file with the certificates to trust, and no others; for a private CA. Default: the system's.
---@field ca_file? string
--- A proxy, as `"http://host:port"` or `"https://host:port"`, used for tokens too; `"env"` obeys `https_proxy`,
--- `all_proxy` and `no_proxy`. Default: none.
---@field proxy? string
--- Where to connect instead of the domain's own address, as `"host:port"`. Name and certificate stay the domain's.
---@field connect_to? string
--- How many connections may be open at once, and are kept. Default 16.
---@field max_connections? integer
--- Whether to send many requests at once over one connection. Default false.
---@field http2? boolean
--- Seconds for a whole call: token, waits, retries and all pages of a list. Default 60.
---@field timeout? number
--- Seconds to connect: name lookup, connection, TLS handshake. Default 10.
---@field connect_timeout? number
--- Seconds for one request and its whole response. Default 30.
---@field request_timeout? number
--- How often to retry a request after a failure that may pass: no connection, a reset, a timeout, 408, 5xx. Default 4.
---@field max_retries? integer
--- Requests per second at most, in addition to the tenant's rate limit. Default 0: no limit.
---@field max_rate? number
--- The share of the tenant's rate limit that is left to other applications. Default 0.2.
---@field reserve? number
--- What performs the requests: `"curl"` (default), or `"none"` for a driver of your own. A client with `"none"` does
--- not use libcurl. Its methods and `each` return calls for your driver, as `prepare` does; `start` and `step` raise an
--- error.
---@field driver? "curl"|"none"
--- With `driver = "none"` and `client_id`: before a call fetches a token, it asks for one that another process has
--- fetched; see `Call:next`. Default false.
---@field share_tokens? boolean
*/

/*---
--- What a driver written in Lua tells `new` about itself, so that messages name the functions and options of its user.
---@class auth0perm.Host
--- The level of its user's code on the stack, seen from a function of this module: 2 if the user calls a function of
--- the driver, and that calls this module directly, without a tail call. Default 1.
---@field level? integer
--- The name of the driver's function that calls `prepare`. Default `"prepare"`.
---@field prepare? string
--- The name of the driver's option for which it sets `share_tokens`. Default `"share_tokens"`.
---@field share_tokens? string
--- The names of all the driver's options, for the message about an unknown one. Default: those of this module.
---@field options? string[]
*/

/* Reads a string member of the host, if there is one, into a field. */
static void read_host_name(lua_State *L, int index, const char *name, char *field) {
  lua_getfield(L, index, name);
  if (!lua_isnil(L, -1)) {
    struct text text = checks_string(L, -1, 2, "new", name);
    if (text.length >= HOST_NAME_SIZE)
      checks_raise(L, 2, "new", "%s: expected at most %d bytes", name, HOST_NAME_SIZE - 1);
    memcpy(field, text.data, text.length + 1);
  }
  lua_pop(L, 1);
}

void configuration_read_host(lua_State *L, int index, struct host *host) {
  *host = (struct host){.level = 1, .prepare = "prepare", .share_tokens = "share_tokens"};
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index)) checks_raise(L, 2, "new", "host: expected a table, got %s", checks_typename(L, index));
  read_host_name(L, index, "prepare", host->prepare);
  read_host_name(L, index, "share_tokens", host->share_tokens);
  lua_getfield(L, index, "level");
  if (lua_isnumber(L, -1)) host->level = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
}

/* Pushes the names of the known options, separated by commas: the host's, or this module's. */
static const char *push_names(lua_State *L, int host_index) {
  luaL_Buffer names;
  int count = 0;
  if (lua_istable(L, host_index)) {
    lua_getfield(L, host_index, "options");
    if (lua_istable(L, -1)) count = (int)compat_rawlen(L, -1);
  }
  int host_names = lua_gettop(L);
  luaL_buffinit(L, &names);
  for (int i = 1; i <= (count ? count : OPTION_COUNT); i++) {
    if (i > 1) luaL_addstring(&names, ", ");
    if (count) {
      lua_rawgeti(L, host_names, i);
      luaL_addvalue(&names);
    } else {
      luaL_addstring(&names, OPTIONS[i - 1].name);
    }
  }
  luaL_pushresult(&names);
  return lua_tostring(L, -1);
}

/* Stores the option's value, which is at the top of the stack. The table of options owns its string. */
static void take_value(lua_State *L, const struct caller *caller, const struct option *option, void *place) {
  switch (option->type) {
    case TAKES_TEXT_OR_FUNCTION:
      if (lua_isfunction(L, -1)) break; /* the client keeps it */
      if (lua_type(L, -1) != LUA_TSTRING) {
        checks_raise_for(L, caller, 1, "%s: expected a string or function, got %s", option->name,
                         checks_typename(L, -1));
      }
      *(struct text *)place = checks_text(L, -1);
      break;
    case TAKES_TEXT: *(struct text *)place = checks_string_for(L, caller, -1, 1, option->name); break;
    case TAKES_NUMBER:
    case TAKES_WHOLE_NUMBER:
      if (lua_type(L, -1) != LUA_TNUMBER) {
        checks_raise_for(L, caller, 1, "%s: expected a number, got %s", option->name, checks_typename(L, -1));
      }
      *(double *)place = lua_tonumber(L, -1);
      break;
    case TAKES_BOOLEAN:
      if (!lua_isboolean(L, -1)) {
        checks_raise_for(L, caller, 1, "%s: expected a boolean, got %s", option->name, checks_typename(L, -1));
      }
      *(bool *)place = lua_toboolean(L, -1);
  }
}

/* The row with this name; NULL if there is none. */
static const struct option *find_option(struct text name) {
  for (const struct option *option = OPTIONS; option < OPTIONS + OPTION_COUNT; option++) {
    if (text_equals(name, option->name)) return option;
  }
  return NULL;
}

struct configuration configuration_defaults(void) {
  return (struct configuration){.core = client_defaults(), .curl = driver_options_defaults()};
}

void configuration_read(lua_State *L, int index, int host_index, const struct host *host,
                        struct configuration *configuration) {
  struct caller caller = {.function = "new", .level = host->level};
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      checks_raise_for(L, &caller, 1, "options: expected option names as keys, got a %s", checks_typename(L, -2));
    }
    struct text name = checks_text(L, -2);
    const struct option *option = find_option(name);
    if (!option) {
      const char *shown = strlen(name.data) == name.length ? name.data : "(a name with a zero byte)";
      checks_raise_for(L, &caller, 1, "%s: unknown option; expected one of: %s", shown, push_names(L, host_index));
    }
    take_value(L, &caller, option, (char *)configuration + option->offset);
    if (option->drivers == CURL) configuration->curl_option = option->name;
  }
  configuration->core.share_name = host->share_tokens;
  if (!configuration->core.domain.data) checks_raise_for(L, &caller, 1, "domain: expected a string, got nil");
}

bool configuration_check(const struct configuration *configuration, struct error *error) {
  bool none = configuration_has_no_driver(configuration);
  if (configuration->driver.data && !none && !text_equals(configuration->driver, "curl")) {
    return error_set(error, ERROR_INVALID, "driver: expected \"curl\" or \"none\", got \"%.*s\"",
                     (int)configuration->driver.length, configuration->driver.data);
  }
  if (none && configuration->curl_option) {
    return error_set(error, ERROR_INVALID, "%s: not available with driver \"none\"", configuration->curl_option);
  }
  if (!none && configuration->core.share_tokens) {
    return error_set(error, ERROR_INVALID, "share_tokens: only available with driver \"none\"");
  }
  return true;
}

bool configuration_has_no_driver(const struct configuration *configuration) {
  return configuration->driver.data && text_equals(configuration->driver, "none");
}

static const char *name_type(enum option_type type) {
  switch (type) {
    case TAKES_TEXT: return "string";
    case TAKES_TEXT_OR_FUNCTION: return "string or function";
    case TAKES_NUMBER: return "number";
    case TAKES_WHOLE_NUMBER: return "integer";
    case TAKES_BOOLEAN: return "boolean";
  }
  return "";
}

/* Sets `default` in the table at the top of the stack, if the option has one. */
static void set_default(lua_State *L, const struct option *option, const struct configuration *defaults) {
  const void *place = (const char *)defaults + option->offset;
  switch (option->type) {
    case TAKES_TEXT:
    case TAKES_TEXT_OR_FUNCTION:
      if (!option->fallback) return;
      lua_pushstring(L, option->fallback);
      break;
    case TAKES_NUMBER:
    case TAKES_WHOLE_NUMBER:
      if (checks_is_whole(*(const double *)place)) {
        compat_pushwhole(L, *(const double *)place);
      } else {
        lua_pushnumber(L, *(const double *)place);
      }
      break;
    case TAKES_BOOLEAN: lua_pushboolean(L, *(const bool *)place); break;
  }
  lua_setfield(L, -2, "default");
}

/* Sets `drivers` in the table at the top of the stack. */
static void set_drivers(lua_State *L, unsigned drivers) {
  static const struct {
    unsigned driver;
    const char *name;
  } names[] = {{CURL, "curl"}, {NONE, "none"}, {OPENRESTY, "openresty"}};
  int count = 0;
  lua_newtable(L);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!(drivers & names[i].driver)) continue;
    lua_pushstring(L, names[i].name);
    lua_rawseti(L, -2, ++count);
  }
  lua_setfield(L, -2, "drivers");
}

static void set_text(lua_State *L, const char *name, const char *value) {
  if (!value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/*---
---@class auth0perm.Option
--- The option's name.
---@field name string
---@field type "string"|"string or function"|"number"|"integer"|"boolean"|"function"
--- Absent if there is none.
---@field default? string|number|boolean
--- The unit of a number, such as `"seconds"`, if it has one.
---@field unit? string
--- Which drivers obey it: `"curl"` is built in, `"none"` is one of your own, `"openresty"` is the one for nginx.
---@field drivers ("curl"|"none"|"openresty")[]
---@field meaning string

--- Returns a list of the options of `new`, for tools. `auth0perm.openresty` has its own.
---@return auth0perm.Option[] options  a new table each time
function auth0perm.options() end
*/
int configuration_list(lua_State *L) {
  struct configuration defaults = configuration_defaults();
  lua_createtable(L, OPTION_COUNT, 0);
  for (int i = 0; i < OPTION_COUNT; i++) {
    const struct option *option = &OPTIONS[i];
    lua_createtable(L, 0, 6);
    set_text(L, "name", option->name);
    set_text(L, "type", name_type(option->type));
    set_default(L, option, &defaults);
    set_text(L, "unit", option->unit);
    set_drivers(L, option->drivers);
    set_text(L, "meaning", option->meaning);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}
