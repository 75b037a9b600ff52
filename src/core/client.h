/* client: what all calls to one tenant share: configuration, token, bucket. It knows neither Lua nor libcurl. Calls use
 * their client, never the other way round. */
#ifndef AUTH0PERM_CORE_CLIENT_H
#define AUTH0PERM_CORE_CLIENT_H

#include "bucket.h"
#include "credentials.h"
#include "retry.h"
#include "token.h"
#include "writers.h"

/* The configuration of a client; borrowed. A text whose `data` is NULL was not given. */
struct client_options {
  struct text domain; /* host, or host:port; required */
  struct text token;  /* a fixed token; without it and without credentials, calls ask their driver for one */
  struct credentials_options credentials;
  bool share_tokens;       /* before fetching a token, calls ask their driver for one that was fetched elsewhere */
  const char *share_name;  /* the user's name for `share_tokens`, for messages */
  struct text lua_version; /* for the Auth0-Client header; required */
  double timeout;          /* seconds for a whole call */
  double connect_timeout;  /* seconds for a connection */
  double request_timeout;  /* seconds for a request and its response */
  double max_retries;      /* of a request, after the first attempt */
  struct bucket_options bucket;
  uint64_t random;       /* seed of the pauses; any number */
  double (*epoch)(void); /* seconds since 1970, for assertions only; may be NULL without a private key */
};

struct call;

struct client {
  struct allocator allocator;
  struct buffer domain;
  struct buffer agent;                              /* value of the Auth0-Client header */
  double timeout, connect_timeout, request_timeout; /* seconds */
  int max_retries;
  struct credentials credentials;
  double (*epoch)(void); /* seconds since 1970 */
  struct token token;
  bool share_tokens;
  struct bucket bucket;
  uint64_t random;                 /* state of the generator of pauses */
  unsigned long changes;           /* counts changes that waiting calls may wait for: of the token or the rate limit */
  bool (*wake)(struct call *call); /* called when a call's turn to write may have come; may be NULL. Returns false if
                                    * the call cannot be woken. */
  struct writers writers;
  struct error refusal; /* the newest 429 */
  bool open;
};

/* Returns the defaults of all options that have one. */
struct client_options client_defaults(void);

/* Initializes a zeroed client. Returns false on ERROR_INVALID, whose message names the option, or ERROR_MEMORY; the
 * client must be closed even then. */
bool client_open(struct client *client, const struct client_options *options, struct allocator allocator,
                 struct error *error);

/* Wipes and frees the client. A closed or zeroed client is ignored. */
void client_close(struct client *client);

/* Checks a timeout, in seconds; `name` is for the message. Returns false on ERROR_INVALID. */
bool client_check_seconds(const char *name, double seconds, struct error *error);

#endif
