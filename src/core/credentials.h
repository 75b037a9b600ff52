/* credentials: what authenticates a client at the tenant's token endpoint, and the body of the request that fetches an
 * access token (client credentials grant: RFC 6749, section 4.4). */
#ifndef AUTH0PERM_CORE_CREDENTIALS_H
#define AUTH0PERM_CORE_CREDENTIALS_H

#include "assertion.h"
#include "request.h"

/* Borrowed texts; `data` is NULL if an option was not given. */
struct credentials_options {
  struct text client_id;
  struct text client_secret;     /* either this or private_key */
  struct text private_key;       /* PEM */
  struct text signing_algorithm; /* of the key: "RS256" (default), "RS384", "PS256" */
  struct text audience;          /* default: https://{domain}/api/v2/ */
};

struct credentials {
  struct buffer client_id;
  struct buffer client_secret; /* empty if there is a key */
  struct buffer audience;      /* of the access token */
  struct buffer issuer;        /* audience of an assertion: https://{domain}/ */
  struct assertion_key *key;   /* NULL if there is a secret */
};

/* Initializes zeroed credentials. Returns false on ERROR_INVALID, whose message names the option, or ERROR_MEMORY; they
 * must be closed even then. */
bool credentials_open(struct credentials *credentials, const struct credentials_options *options, struct text domain,
                      struct allocator allocator, struct error *error);

/* Writes the body of a token request that request_open_token opened, and notes the secret in it. `epoch`: seconds since
 * 1970. Returns false on ERROR_MEMORY, or the errors of assertion_append. */
bool credentials_write(const struct credentials *credentials, struct request *request, double epoch,
                       struct error *error);

/* Wipes and frees the credentials. Zeroed credentials are ignored. */
void credentials_close(struct credentials *credentials);

#endif
