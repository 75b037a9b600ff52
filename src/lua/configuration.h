/* configuration: what auth0perm.new is given, and the table of its options as data. */
#ifndef AUTH0PERM_LUA_CONFIGURATION_H
#define AUTH0PERM_LUA_CONFIGURATION_H

#include <lua.h>

#include "../core/client.h"
#include "../curl/options.h"
#include "checks.h"

enum { HOST_NAME_SIZE = 32 /* bytes of a function's or an option's name, the terminating zero included */ };

/* What a driver written in Lua says of itself, so that messages speak of what its user called and gave. */
struct host {
  int level;                         /* of the stack, where its user's code stands; 1 without such a driver */
  char prepare[HOST_NAME_SIZE];      /* the function of it that calls `prepare` */
  char share_tokens[HOST_NAME_SIZE]; /* its option that stands behind `share_tokens` */
};

/* The core's options, and those of the driver. Texts belong to the table that they were read from. */
struct configuration {
  struct client_options core;
  struct driver_options curl;
  struct text driver;      /* who performs the requests; `data` is NULL where it was not given */
  const char *curl_option; /* the name of one in `curl` that was given; NULL when none was */
};

/* All defaults. */
struct configuration configuration_defaults(void);

/* Reads what a driver says of itself at a stack index: nil, or a table. Wrong types raise. */
void configuration_read_host(lua_State *L, int index, struct host *host);

/* Reads the table of options at a stack index over the defaults that are there. Wrong types and unknown options raise;
 * the message lists the options that the driver at stack index `host_index` has, where there is one. */
void configuration_read(lua_State *L, int index, int host_index, const struct host *host,
                        struct configuration *configuration);

/* Whether the options go together. False: ERROR_INVALID. */
bool configuration_check(const struct configuration *configuration, struct error *error);

/* Whether the host program performs the requests. */
bool configuration_has_no_driver(const struct configuration *configuration);

/* auth0perm.options. */
int configuration_list(lua_State *L);

#endif
