/* client: what all calls to one tenant share: configuration, token, bucket. It knows neither Lua nor
 * libcurl, and stands below `call`: a call asks its client, never the other way round. */
#ifndef AUTH0PERM_CORE_CLIENT_H
#define AUTH0PERM_CORE_CLIENT_H

#include "bucket.h"
#include "credentials.h"
#include "retry.h"
#include "token.h"
#include "writers.h"

/* What a client is made of; borrowed. A text whose `data` is NULL was not given. */
struct client_options {
  struct text domain; /* host, or host:port; required */
  struct text token;  /* a token that nobody can renew; without one, and without credentials, calls ask their driver */
  struct credentials_options credentials;
  bool share_tokens;       /* calls ask their driver for a token that was fetched elsewhere before they fetch one */
  const char *share_name;  /* what the user knows `share_tokens` as */
  struct text lua_version; /* for the Auth0-Client header; required */
  double timeout;          /* seconds for a whole call */
  double connect_timeout;  /* seconds for a connection */
  double request_timeout;  /* seconds for a request and its answer */
  double max_retries;      /* of a request, after the first try */
  struct bucket_options bucket;
  uint64_t random;       /* to begin with, for pauses; any number */
  double (*epoch)(void); /* seconds since 1970, for assertions only; may be NULL where there is no private key */
};

struct call;

struct client {
  struct allocator allocator;
  struct buffer domain;
  struct buffer agent;                              /* value of Auth0-Client */
  double timeout, connect_timeout, request_timeout; /* seconds */
  int max_retries;
  struct credentials credentials;
  double (*epoch)(void); /* seconds since 1970 */
  struct token token;
  bool share_tokens;
  struct bucket bucket;
  uint64_t random;                 /* state of the generator of pauses */
  unsigned long changes;           /* of what calls may wait for: another token, another state of the rate limit */
  void (*wake)(struct call *call); /* told of a call whose turn to write has come; NULL: nobody is */
  struct writers writers;
  struct error refusal; /* of the newest request that the rate limit refused */
  bool open;
};

/* The defaults of all options that have one. */
struct client_options client_defaults(void);

/* Fills a zeroed client. False: ERROR_INVALID names the option and what was expected, or ERROR_MEMORY; the client
 * then still has to be closed. */
bool client_open(struct client *client, const struct client_options *options, struct allocator allocator,
                 struct error *error);

/* Wipes and frees; a client that is closed already, or zeroed, is let be. */
void client_close(struct client *client);

/* Checks a time limit of that name. False: ERROR_INVALID. */
bool client_check_seconds(const char *name, double seconds, struct error *error);

#endif
