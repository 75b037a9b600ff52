/* response: the digest of an answer, all that policy ever sees of it. Whoever performs a request fills it
 * in: the driver the status and headers, the decoder what it found in the body. */
#ifndef AUTH0PERM_CORE_RESPONSE_H
#define AUTH0PERM_CORE_RESPONSE_H

#include <stdbool.h>

#include "error.h"

enum response_body {
  RESPONSE_UNREAD, /* nobody looked, or it is empty */
  RESPONSE_OBJECT, /* a JSON object */
  RESPONSE_OTHER   /* something else: not JSON, or not an object */
};

struct response {
  int status;
  double retry_seconds; /* Retry-After as a delay, in seconds; negative when it is none */
  double retry_date; /* Retry-After as a date, in seconds since 1970 by the tenant's clock; negative when it is none */
  double date;       /* seconds since 1970, the tenant's clock; negative when not known */
  double limit_size; /* x-ratelimit-limit: requests; negative when absent */
  double limit_remaining; /* x-ratelimit-remaining: requests; negative when absent */
  double limit_reset;     /* x-ratelimit-reset: seconds since 1970, the tenant's clock; negative when absent */
  struct quota quota;     /* of the token endpoint */
  bool html;              /* the answer says of itself that it is HTML */
  enum response_body body;
  struct text code, message; /* of an error body; borrowed; empty when absent */
  long long item_count;      /* items on this page; -1 when the body has no such list */
  long long start;           /* index of the page's first item; -1 when absent */
  long long limit;           /* items that a page holds at most; -1 when absent */
  long long total;           /* items of the whole list; -1 when absent */
  struct text access_token;  /* of the token endpoint; borrowed; empty when absent */
  double expires_in;         /* seconds; negative when absent */
  struct text next;          /* checkpoint of the next page; borrowed; empty when absent */
  bool next_odd;             /* there is one that is no text */
};

/* A digest that knows nothing but the status. */
void response_open(struct response *response, int status);

/* Takes note of one header; names that policy does not read are let pass. */
void response_header(struct response *response, struct text name, struct text value);

/* Seconds that the tenant asks to wait (RFC 9110, section 10.2.3); negative when it does not, or asks for more than a day. */
double response_retry_after(const struct response *response);

#endif
