/* credentials: who a client is to the tenant's token endpoint, and the request that fetches an access token with them
 * (client credentials grant: RFC 6749, section 4.4). */
#ifndef AUTH0PERM_CORE_CREDENTIALS_H
#define AUTH0PERM_CORE_CREDENTIALS_H

#include "assertion.h"
#include "request.h"

/* Borrowed texts; `data` is NULL where one is not given. */
struct credentials_options {
  struct text client_id;
  struct text client_secret;     /* either this, or a key */
  struct text private_key;       /* PEM */
  struct text signing_algorithm; /* of the key: "RS256" (default), "RS384", "PS256" */
  struct text audience;          /* default: https://{domain}/api/v2/ */
};

struct credentials {
  struct buffer client_id;
  struct buffer client_secret; /* empty with a key */
  struct buffer audience;      /* of the access token */
  struct buffer issuer;        /* audience of an assertion: https://{domain}/ */
  struct assertion_key *key;   /* NULL with a secret */
};

/* Fills zeroed credentials. False: ERROR_INVALID names the option and what was expected, or ERROR_MEMORY; they still
 * have to be closed. */
bool credentials_open(struct credentials *credentials, const struct credentials_options *options, struct text domain,
                      struct allocator allocator, struct error *error);

/* Makes the body of a token request; `request` is for request_open_token's. `epoch`: seconds since 1970. */
bool credentials_write(const struct credentials *credentials, struct request *request, double epoch,
                       struct error *error);

/* Wipes and frees; zeroed credentials are let be. */
void credentials_close(struct credentials *credentials);

#endif
