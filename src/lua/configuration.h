/* configuration: what auth0perm.new is given. */
#ifndef AUTH0PERM_LUA_CONFIGURATION_H
#define AUTH0PERM_LUA_CONFIGURATION_H

#include <lua.h>

#include "../core/client.h"
#include "../curl/options.h"

/* The core's options, and those of the driver. Texts belong to the table that they were read from. */
struct configuration {
  struct client_options core;
  struct driver_options curl;
  struct text driver;      /* who performs the requests; `data` is NULL where it was not given */
  const char *curl_option; /* the name of one in `curl` that was given; NULL when none was */
};

/* Reads the table of options at a stack index over the defaults that are there. Wrong types and unknown options raise. */
void configuration_read(lua_State *L, int index, struct configuration *configuration);

/* Whether the options go together. False: ERROR_INVALID. */
bool configuration_check(const struct configuration *configuration, struct error *error);

/* Whether the host performs the requests. */
bool configuration_has_no_driver(const struct configuration *configuration);

#endif
