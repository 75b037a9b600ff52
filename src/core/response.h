/* response: the digest of an answer, all that policy ever sees of it. Whoever performs a request fills it
 * in: the driver the status and headers, the decoder what it found in the body. */
#ifndef AUTH0PERM_CORE_RESPONSE_H
#define AUTH0PERM_CORE_RESPONSE_H

#include <stdbool.h>

#include "error.h"

enum response_body {
  RESPONSE_EMPTY,  /* there is none */
  RESPONSE_OBJECT, /* a JSON object */
  RESPONSE_ARRAY,  /* a JSON array */
  RESPONSE_LARGE,  /* not decoded: it would take more than RESPONSE_MEMORY_MAX */
  RESPONSE_OTHER   /* not JSON, or another value */
};

/* The memory that one body may take once decoded, in bytes. The largest pages of real tenants take some 40 MiB: a
 * hundred APIs with hundreds of permissions each, in a body of 8 MiB. A body of that size that nests empty lists would
 * take 300. */
enum { RESPONSE_MEMORY_MAX = 64 * 1024 * 1024 };

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
  size_t memory;             /* bytes that the body takes once decoded, estimated; 0 where it is not */
  struct text code, message; /* of an error body; borrowed; empty when absent */
  long long item_count;      /* items on this page; -1 when the body has no such list of objects */
  long long start;           /* index of the page's first item; -1 when absent */
  long long limit;           /* items that a page holds at most; -1 when absent */
  long long total;           /* items of the whole list; -1 when absent */
  struct text access_token;  /* of the token endpoint; borrowed; empty when absent */
  double expires_in;         /* seconds; negative when absent; 0 for what is not a number above 0 */
  struct text next;          /* checkpoint of the next page; borrowed; empty when absent */
  bool next_odd;             /* there is one that is no text */
};

/* A digest that knows nothing but the status. */
void response_open(struct response *response, int status);

/* Takes note of one header; names that policy does not read are let pass. */
void response_header(struct response *response, struct text name, struct text value);

/* Seconds that the tenant asks to wait (RFC 9110, section 10.2.3); negative when it does not, or asks for more than a
 * day. */
double response_retry_after(const struct response *response);

#endif
