#include "options.h"

#include <stdio.h>
#include <string.h>

#include "proxy.h"

enum {
  CONNECTIONS = 16,       /* by default */
  CONNECTIONS_MAX = 1024, /* the largest number that may be asked for */
  OPTION_MAX = 4096       /* bytes of an option */
};

struct driver_options driver_options_defaults(void) {
  return (struct driver_options){.max_connections = CONNECTIONS};
}

bool driver_options_can_read(const char *path) {
  FILE *file = fopen(path, "rb");
  int first = file ? fgetc(file) : EOF;
  if (file) fclose(file);
  return first != EOF;
}

/* Keeps an option. libcurl takes null-terminated strings, so control characters, which include zero bytes, are
 * refused. */
static bool keep_option(struct buffer *buffer, struct text value, const char *name, struct error *error) {
  if (!value.data) return true;
  for (size_t i = 0; i < value.length; i++) {
    if ((unsigned char)value.data[i] >= ' ') continue;
    return error_set(error, ERROR_INVALID, "%s: expected a string without control characters", name);
  }
  if (value.length == 0) return error_set(error, ERROR_INVALID, "%s: expected a non-empty string", name);
  buffer_append(buffer, value.data, value.length);
  if (buffer->state == BUFFER_GOOD) return true;
  if (buffer->state == BUFFER_NO_MEMORY) return error_set_memory(error);
  return error_set(error, ERROR_INVALID, "%s: expected at most %d bytes", name, (int)OPTION_MAX);
}

/* "::host:port" makes libcurl connect there, whatever the host and port of the URL. */
static bool keep_connect_to(struct driver_settings *settings, struct text value, struct error *error) {
  if (!value.data) return true;
  const char *colon = memchr(value.data, ':', value.length);
  if (!colon || colon == value.data || colon + 1 == value.data + value.length) {
    return error_set(error, ERROR_INVALID, "connect_to: expected host:port, such as \"127.0.0.1:8443\", got \"%.*s\"",
                     (int)value.length, value.data);
  }
  buffer_append_string(&settings->connect_to, "::");
  return keep_option(&settings->connect_to, value, "connect_to", error);
}

bool driver_settings_open(struct driver_settings *settings, const struct driver_options *options,
                          struct allocator allocator, struct error *error) {
  *settings = (struct driver_settings){.connections = 0};
  buffer_open(&settings->ca_file, allocator, OPTION_MAX);
  buffer_open(&settings->proxy, allocator, OPTION_MAX);
  buffer_open(&settings->connect_to, allocator, OPTION_MAX);
  double connections = options->max_connections;
  if (!(connections >= 1 && connections <= (double)CONNECTIONS_MAX)) {
    return error_set(error, ERROR_INVALID, "max_connections: expected 1 to %d, got %.10g", (int)CONNECTIONS_MAX,
                     connections);
  }
  settings->connections = (long)connections;
  settings->http2 = options->http2;
  settings->system_proxy = options->proxy.data && text_equals(options->proxy, "env");
  if (!keep_option(&settings->ca_file, options->ca_file, "ca_file", error) ||
      !keep_option(&settings->proxy, options->proxy, "proxy", error) ||
      !keep_connect_to(settings, options->connect_to, error)) {
    return false;
  }
  if (settings->proxy.data && !settings->system_proxy && !proxy_check(settings->proxy.data, error)) return false;
  /* libcurl reads the file at the first handshake; a mistake should show up now. */
  if (settings->ca_file.data && !driver_options_can_read(settings->ca_file.data)) {
    return error_set(error, ERROR_INVALID, "ca_file: expected a readable PEM file, got \"%s\"", settings->ca_file.data);
  }
  return true;
}

void driver_settings_close(struct driver_settings *settings) {
  buffer_close(&settings->ca_file);
  buffer_close(&settings->proxy);
  buffer_close(&settings->connect_to);
}
