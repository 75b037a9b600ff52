/* configuration: the options of auth0perm.new, which are also a list for users. */
#ifndef AUTH0PERM_LUA_CONFIGURATION_H
#define AUTH0PERM_LUA_CONFIGURATION_H

#include <lua.h>

#include "../core/client.h"
#include "../curl/options.h"
#include "checks.h"

enum { HOST_NAME_SIZE = 32 /* bytes of a function's or an option's name, including the terminating zero */ };

/* What a driver written in Lua says about itself, so that messages name what its user called and set. */
struct host {
  int level;                         /* stack level of its user's code; 1 without such a driver */
  char prepare[HOST_NAME_SIZE];      /* its function that calls `prepare` */
  char share_tokens[HOST_NAME_SIZE]; /* its option for which it sets `share_tokens` */
};

/* The options of the core and of the libcurl driver. Their table owns the texts. */
struct configuration {
  struct client_options core;
  struct driver_options curl;
  struct text driver;      /* what performs the requests; `data` is NULL if not given */
  const char *curl_option; /* the name of an option in `curl` that was given; NULL if none was */
};

/* The defaults of all options. */
struct configuration configuration_defaults(void);

/* Reads what a driver says about itself at a stack index: nil or a table. Wrong types raise. */
void configuration_read_host(lua_State *L, int index, struct host *host);

/* Reads the table of options at a stack index over the defaults in `configuration`. Wrong types and unknown options
 * raise. For an unknown option, the message lists the options that the driver at stack index `host_index` names, if it
 * does. */
void configuration_read(lua_State *L, int index, int host_index, const struct host *host,
                        struct configuration *configuration);

/* Whether the options fit together. False: ERROR_INVALID. */
bool configuration_check(const struct configuration *configuration, struct error *error);

/* Whether the host program performs the requests itself. */
bool configuration_has_no_driver(const struct configuration *configuration);

/* auth0perm.options. */
int configuration_list(lua_State *L);

#endif
