/* options: the options that tell the curl driver how to reach the tenant: as they are given, and checked and kept. */
#ifndef AUTH0PERM_CURL_OPTIONS_H
#define AUTH0PERM_CURL_OPTIONS_H

#include "../core/buffer.h"
#include "../core/error.h"

/* As they were given. Texts are borrowed; `data` is NULL where one is not given. */
struct driver_options {
  struct text ca_file;    /* the certificates to trust, and no others; default: the system's */
  struct text proxy;      /* URL or host:port of a proxy; "env": what the environment says; default: none */
  struct text connect_to; /* host:port to connect to, whatever the domain's address */
  double max_connections; /* at once, and kept */
  bool http2;             /* many requests at once on one connection */
};

/* What the driver keeps of them. */
struct driver_settings {
  struct buffer ca_file, proxy; /* terminated; empty where not given; the second may hold a password */
  struct buffer connect_to;     /* "::host:port" */
  bool system_proxy;            /* the environment's */
  bool http2;
  long connections; /* at once, and kept */
};

struct driver_options driver_options_defaults(void);

/* False: ERROR_INVALID names the option and what was expected, or ERROR_MEMORY; the settings still have to be
 * dropped. */
bool driver_settings_open(struct driver_settings *settings, const struct driver_options *options,
                          struct allocator allocator, struct error *error);

/* Whether there is a file that is not empty, and may be read. */
bool driver_options_can_read(const char *path);

/* Wipes and frees. */
void driver_settings_close(struct driver_settings *settings);

#endif
