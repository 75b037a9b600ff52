/* pages: which page of a list to request next, and whether the received page is the expected one. A partial list must
 * not be taken for the whole, and a tenant that contradicts itself must not be asked forever. */
#ifndef AUTH0PERM_CORE_PAGES_H
#define AUTH0PERM_CORE_PAGES_H

#include <stdint.h>

#include "error.h"
#include "request.h"
#include "response.h"

enum {
  PAGES_MIN = 1,  /* items on a page */
  PAGES_MAX = 100 /* items on a page; the limit of the API (OpenAPI, `per_page` and `take`) */
};

/* The memory that all pages of a list may take together, in bytes, estimated as in `struct response`. That is enough
 * for about 500,000 users. */
enum { PAGES_MEMORY_MAX = 256 * 1024 * 1024 };

struct pages {
  long long received; /* items received so far */
  long long per_page; /* items to request; PAGING_NUMBER: lowered to what the tenant returns */
  size_t memory;      /* bytes that the kept pages take, estimated */
  long long skip;     /* leading items of the newest page that an earlier page already had */

  /* PAGING_CHECKPOINT */
  struct buffer from;       /* checkpoint of the next page; empty for the first */
  uint64_t first, landmark; /* hashes of earlier checkpoints; 0: none */
  unsigned long long turns; /* number of checkpoints so far */
};

enum pages_verdict {
  PAGES_MORE,   /* request the next page */
  PAGES_LAST,   /* the list is complete */
  PAGES_REFUSED /* see the error */
};

/* Starts a list with pages of the largest size; owns no memory yet. */
void pages_open(struct pages *pages, struct allocator allocator);

/* Returns which page to request. `from` is borrowed, and valid until the next page is taken. */
struct request_page pages_next(const struct pages *pages, const struct operation *operation);

/* Accounts for a received page. Unless PAGES_REFUSED, its items from index `pages->skip` on are new; there may be none.
 * PAGES_REFUSED: ERROR_PROTOCOL or ERROR_MEMORY, with the status of the page. */
enum pages_verdict pages_take(struct pages *pages, const struct operation *operation, const struct response *page,
                              struct error *error);

/* Frees memory. The numbers stay valid. */
void pages_close(struct pages *pages);

#endif
