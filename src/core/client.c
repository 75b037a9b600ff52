#include "client.h"

#include <math.h>
#include <string.h>

#include "request.h"

/* Defaults, in seconds. */
static const double DEFAULT_TIMEOUT = 60;
static const double DEFAULT_CONNECT_TIMEOUT = 10;
static const double DEFAULT_REQUEST_TIMEOUT = 30;

enum { DEFAULT_RETRIES = 4, RETRIES_MAX = 100 };

/* Bounds of timeouts, in seconds: libcurl takes milliseconds as a long, which has 32 bits on some systems. */
static const double TIMEOUT_MIN = 0.001;
static const double TIMEOUT_MAX = 1000000;

static const double RATE_MAX = 1000000; /* requests per second */
static const double RESERVE_MAX = 0.9;  /* share of the bucket */

enum {
  DOMAIN_MAX = 253 + 6, /* bytes: a host name (RFC 1035, section 3.1) and ":65535" */
  AGENT_MAX = 1024,     /* bytes */
  SHOWN_MAX = 100       /* bytes of a wrong value that a message quotes */
};

struct client_options client_defaults(void) {
  return (struct client_options){.timeout = DEFAULT_TIMEOUT,
                                 .connect_timeout = DEFAULT_CONNECT_TIMEOUT,
                                 .request_timeout = DEFAULT_REQUEST_TIMEOUT,
                                 .max_retries = DEFAULT_RETRIES,
                                 .share_name = "share_tokens",
                                 .bucket = bucket_defaults()};
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_host_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
}

/* Returns whether `text` is a port from 1 to 65535. */
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
  if (host == 0 || domain.length > DOMAIN_MAX || domain.data[0] == '.' || domain.data[0] == '-') return false;
  if (host == domain.length) return true;
  return domain.data[host] == ':' &&
         is_port((struct text){.data = domain.data + host + 1, .length = domain.length - host - 1});
}

/* A wrong domain with an "@" may contain a password, so the message does not quote it. */
static bool check_domain(struct text domain, struct error *error) {
  static const char expected[] = "domain: expected a host name such as \"acme.eu.auth0.com\", or host:port, got";
  if (is_domain(domain)) return true;
  if (domain.length > 0 && memchr(domain.data, '@', domain.length)) {
    return error_set(error, ERROR_INVALID, "%s a value with \"@\"", expected);
  }
  if (domain.length > SHOWN_MAX) return error_set(error, ERROR_INVALID, "%s %zu bytes", expected, domain.length);
  return error_set(error, ERROR_INVALID, "%s \"%.*s\"", expected, (int)domain.length, domain.data);
}

bool client_check_seconds(const char *name, double seconds, struct error *error) {
  if (seconds >= TIMEOUT_MIN && seconds <= TIMEOUT_MAX) return true;
  if (isnan(seconds)) return error_set(error, ERROR_INVALID, "%s: expected a number of seconds, got NaN", name);
  return error_set(error, ERROR_INVALID, "%s: expected %g to %.0f seconds, got %.10g", name, TIMEOUT_MIN, TIMEOUT_MAX,
                   seconds);
}

static bool check_number(const char *name, double value, double min, double max, struct error *error) {
  if (value >= min && value <= max) return true;
  if (isnan(value)) return error_set(error, ERROR_INVALID, "%s: expected a number, got NaN", name);
  return error_set(error, ERROR_INVALID, "%s: expected a number from %g to %g, got %.10g", name, min, max, value);
}

/* Returns whether any credentials are given. */
static bool has_credentials(const struct client_options *options) {
  const struct credentials_options *credentials = &options->credentials;
  return credentials->client_id.data || credentials->client_secret.data || credentials->private_key.data;
}

static bool check(const struct client_options *options, struct error *error) {
  if (options->token.data && has_credentials(options)) {
    return error_set(error, ERROR_INVALID, "token: expected either token or client_id, got both");
  }
  if (options->share_tokens && !has_credentials(options)) {
    return error_set(error, ERROR_INVALID, "%s: needs client_id; without it there is no token to share",
                     options->share_name);
  }
  return check_domain(options->domain, error) && client_check_seconds("timeout", options->timeout, error) &&
         client_check_seconds("connect_timeout", options->connect_timeout, error) &&
         client_check_seconds("request_timeout", options->request_timeout, error) &&
         check_number("max_retries", options->max_retries, 0, RETRIES_MAX, error) &&
         check_number("max_rate", options->bucket.max_rate, 0, RATE_MAX, error) &&
         check_number("reserve", options->bucket.reserve, 0, RESERVE_MAX, error);
}

/* Returns where tokens come from. */
static enum token_source source_of(const struct client_options *options) {
  if (options->token.data) return TOKEN_GIVEN;
  return has_credentials(options) ? TOKEN_FETCHED : TOKEN_HOST;
}

bool client_open(struct client *client, const struct client_options *options, struct allocator allocator,
                 struct error *error) {
  if (!check(options, error)) return false;
  client->allocator = allocator;
  client->open = true;
  client->timeout = options->timeout;
  client->connect_timeout = options->connect_timeout;
  client->request_timeout = options->request_timeout;
  client->max_retries = (int)options->max_retries;
  client->epoch = options->epoch;
  client->share_tokens = options->share_tokens;
  client->random = options->random | 1; /* the generator must not start with 0 */
  bucket_open(&client->bucket, &options->bucket);
  error_set(&client->refusal, ERROR_LIMIT, "the rate limit has been reached");
  token_open(&client->token, source_of(options), allocator);
  buffer_open(&client->domain, allocator, DOMAIN_MAX);
  buffer_open(&client->agent, allocator, AGENT_MAX);
  buffer_append(&client->domain, options->domain.data, options->domain.length);
  request_describe_agent(&client->agent, options->lua_version);
  if (client->domain.state != BUFFER_GOOD || client->agent.state != BUFFER_GOOD) return error_set_memory(error);
  if (options->token.data) return token_give(&client->token, options->token, 0, HUGE_VAL, error);
  if (!has_credentials(options)) return true;
  return credentials_open(&client->credentials, &options->credentials, options->domain, allocator, error);
}

void client_close(struct client *client) {
  if (!client->open) return;
  client->open = false;
  credentials_close(&client->credentials);
  token_close(&client->token);
  buffer_close(&client->domain);
  buffer_close(&client->agent);
}
