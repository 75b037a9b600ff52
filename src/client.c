#include "client.h"

#include <math.h>
#include <string.h>

#include "request.h"

/* Defaults, in seconds. */
static const double TIMEOUT = 60;
static const double CONNECT_TIMEOUT = 10;
static const double REQUEST_TIMEOUT = 30;

/* Time limits are given to libcurl in milliseconds, as a long of 32 bits in places. */
static const double SECONDS_LEAST = 0.001;
static const double SECONDS_MOST = 1000000;

enum {
  DOMAIN_MOST = 253 + 6, /* bytes: a host name (RFC 1035, section 3.1) and ":65535" */
  AGENT_MOST = 1024,     /* bytes */
  SHOWN_MOST = 100       /* bytes of a wrong value that a message repeats */
};

struct client_options client_defaults(void) {
  return (struct client_options){
      .timeout = TIMEOUT, .connect_timeout = CONNECT_TIMEOUT, .request_timeout = REQUEST_TIMEOUT};
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_host_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
}

/* Whether `text` is a port from 1 to 65535. */
static bool is_port(struct text text) {
  long port = 0;
  if (text.length < 1 || text.length > 5) return false;
  for (size_t i = 0; i < text.length; i++) {
    if (!is_digit(text.data[i])) return false;
    port = port * 10 + (text.data[i] - '0');
  }
  return port >= 1 && port <= 65535;
}

static bool is_domain(struct text domain) {
  size_t host = 0;
  while (host < domain.length && is_host_character(domain.data[host])) host++;
  if (host == 0 || domain.length > DOMAIN_MOST || domain.data[0] == '.' || domain.data[0] == '-') return false;
  if (host == domain.length) return true;
  return domain.data[host] == ':' &&
         is_port((struct text){.data = domain.data + host + 1, .length = domain.length - host - 1});
}

/* Userinfo may be a password: a wrong domain with an "@" is not repeated. */
static bool check_domain(struct text domain, struct error *error) {
  static const char expected[] = "domain: a host name such as \"acme.eu.auth0.com\", or host:port, expected, got";
  if (is_domain(domain)) return true;
  if (domain.length > SHOWN_MOST || (domain.length > 0 && memchr(domain.data, '@', domain.length))) {
    return error_set(error, ERROR_INVALID, "%s something else", expected);
  }
  return error_set(error, ERROR_INVALID, "%s \"%.*s\"", expected, (int)domain.length, domain.data);
}

bool client_check_seconds(const char *name, double seconds, struct error *error) {
  if (seconds >= SECONDS_LEAST && seconds <= SECONDS_MOST) return true;
  if (isnan(seconds)) return error_set(error, ERROR_INVALID, "%s: seconds expected, got not a number", name);
  return error_set(error, ERROR_INVALID, "%s: %g to %.0f seconds expected, got %.10g", name, SECONDS_LEAST,
                   SECONDS_MOST, seconds);
}

static bool check(const struct client_options *options, struct error *error) {
  return check_domain(options->domain, error) && client_check_seconds("timeout", options->timeout, error) &&
         client_check_seconds("connect_timeout", options->connect_timeout, error) &&
         client_check_seconds("request_timeout", options->request_timeout, error);
}

bool client_open(struct client *client, const struct client_options *options, struct allocator allocator,
                 struct error *error) {
  if (!check(options, error)) return false;
  client->allocator = allocator;
  client->open = true;
  client->timeout = options->timeout;
  client->connect_timeout = options->connect_timeout;
  client->request_timeout = options->request_timeout;
  bucket_open(&client->bucket);
  token_open(&client->token, allocator);
  buffer_open(&client->domain, allocator, DOMAIN_MOST);
  buffer_open(&client->agent, allocator, AGENT_MOST);
  buffer_append(&client->domain, options->domain.data, options->domain.length);
  request_describe_agent(&client->agent, options->lua_version);
  if (client->domain.state != BUFFER_GOOD || client->agent.state != BUFFER_GOOD) return error_set_memory(error);
  return !options->token.data || token_give(&client->token, options->token, HUGE_VAL, error);
}

void client_close(struct client *client) {
  if (!client->open) return;
  client->open = false;
  token_close(&client->token);
  buffer_close(&client->domain);
  buffer_close(&client->agent);
}
