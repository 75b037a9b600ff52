/* response: the digest of a response, which is all that policy sees of it. The driver fills in status and headers, the
 * decoder what it found in the body. */
#ifndef AUTH0PERM_CORE_RESPONSE_H
#define AUTH0PERM_CORE_RESPONSE_H

#include <stdbool.h>

#include "error.h"

enum response_body {
  RESPONSE_EMPTY,  /* no body */
  RESPONSE_OBJECT, /* a JSON object */
  RESPONSE_ARRAY,  /* a JSON array */
  RESPONSE_LARGE,  /* not decoded, as it would take more than RESPONSE_MEMORY_MAX */
  RESPONSE_OTHER   /* not JSON, or another value */
};

/* The memory that one decoded body may take, in bytes. The largest pages of real tenants take about 40 MiB (100 APIs
 * with hundreds of permissions each, in a body of 8 MiB); 8 MiB of nested empty lists would take 300 MiB. */
enum { RESPONSE_MEMORY_MAX = 64 * 1024 * 1024 };

struct response {
  int status;
  double retry_seconds; /* Retry-After as a delay, in seconds; negative if it is not */
  double retry_date;    /* Retry-After as a date, in seconds since 1970 by the tenant's clock; negative if it is not */
  double date;          /* seconds since 1970, the tenant's clock; negative if unknown */
  double limit_size;    /* x-ratelimit-limit: requests; negative if absent */
  double limit_remaining; /* x-ratelimit-remaining: requests; negative if absent */
  double limit_reset;     /* x-ratelimit-reset: seconds since 1970, the tenant's clock; negative if absent */
  struct quota quota;     /* from the token endpoint */
  bool html;              /* Content-Type is text/html */
  enum response_body body;
  size_t memory;             /* estimated bytes of the decoded body; 0 if it was not decoded */
  struct text code, message; /* of an error body; borrowed; empty if absent */
  long long item_count;      /* items on this page; -1 if the body has no such list of objects */
  long long start;           /* index of the page's first item; -1 if absent */
  long long limit;           /* largest number of items on a page; -1 if absent */
  long long total;           /* items of the whole list; -1 if absent */
  struct text access_token;  /* from the token endpoint; borrowed; empty if absent */
  double expires_in;         /* seconds; negative if absent; 0 if not a number > 0 */
  struct text next;          /* checkpoint of the next page; borrowed; empty if absent */
  bool next_malformed;       /* "next" is present but not a string */
};

/* Initializes a digest of which only the status is known. */
void response_open(struct response *response, int status);

/* Reads a header; names that policy does not need are ignored. */
void response_header(struct response *response, struct text name, struct text value);

/* Returns the seconds that the tenant asks to wait (RFC 9110, section 10.2.3); negative if it does not ask, or asks for
 * more than a day. */
double response_retry_after(const struct response *response);

#endif
