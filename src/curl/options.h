/* options: the options that tell the libcurl driver how to reach the tenant, as given and as kept. */
#ifndef AUTH0PERM_CURL_OPTIONS_H
#define AUTH0PERM_CURL_OPTIONS_H

#include "../core/buffer.h"
#include "../core/error.h"

/* As given. Texts are borrowed; `data` is NULL if an option is not given. */
struct driver_options {
  struct text ca_file;    /* a file with the only certificates to trust; default: the system's */
  struct text proxy;      /* URL or host:port of a proxy; "env" reads it from the environment; default: none */
  struct text connect_to; /* host:port to connect to instead of the domain's own address */
  double max_connections; /* open at once, and kept */
  bool http2;             /* send many requests at once over one connection */
};

/* As the driver keeps them. */
struct driver_settings {
  struct buffer ca_file, proxy; /* null-terminated; empty if not given; `proxy` may hold a password */
  struct buffer connect_to;     /* "::host:port" */
  bool system_proxy;            /* use the environment's proxy */
  bool http2;
  long connections; /* open at once, and kept */
};

struct driver_options driver_options_defaults(void);

/* Checks the options and keeps them. False: ERROR_INVALID names the option and says what was expected, or ERROR_MEMORY;
 * driver_settings_close must be called all the same. */
bool driver_settings_open(struct driver_settings *settings, const struct driver_options *options,
                          struct allocator allocator, struct error *error);

/* Whether a file exists, is readable and is not empty. */
bool driver_options_can_read(const char *path);

/* Wipes and frees. */
void driver_settings_close(struct driver_settings *settings);

#endif
