/* pages: which page of a list to ask for, and whether the one that came is the one that was to come. A part of a list
 * must not pass for the whole, and a tenant that contradicts itself must not be asked for ever. */
#ifndef AUTH0PERM_CORE_PAGES_H
#define AUTH0PERM_CORE_PAGES_H

#include <stdint.h>

#include "error.h"
#include "request.h"
#include "response.h"

enum {
  PAGES_MIN = 1,  /* items of a page; */
  PAGES_MAX = 100 /* the API gives no more (OpenAPI, `per_page` and `take`) */
};

/* The memory that all pages of a list may take together, in bytes, estimated as in `struct response`: some 500,000
 * users. */
enum { PAGES_MEMORY_MAX = 256 * 1024 * 1024 };

struct pages {
  long long received; /* items of the list so far */
  long long per_page; /* items to ask for, then (PAGING_NUMBER) what the tenant says it gives */
  size_t memory;      /* bytes that the pages take that are kept, estimated */
  long long skip;     /* items at the start of the page just taken that an earlier page held already */

  /* PAGING_CHECKPOINT */
  struct buffer from;       /* checkpoint of the page to ask for; empty for the first */
  uint64_t first, landmark; /* marks of checkpoints that were there before; 0 for none */
  unsigned long long turns; /* checkpoints so far */
};

enum pages_verdict {
  PAGES_MORE,   /* ask for the next page */
  PAGES_LAST,   /* the list is whole */
  PAGES_REFUSED /* the error tells */
};

/* No page yet; owns no memory. Asks for the largest pages. */
void pages_open(struct pages *pages, struct allocator allocator);

/* What to ask for. Borrowed, until the next page is taken. */
struct request_page pages_next(const struct pages *pages, const struct operation *operation);

/* Takes note of a page. Unless it is refused, its items from `pages->skip` on are new; there may be none of them.
 * Errors: ERROR_PROTOCOL, ERROR_MEMORY. */
enum pages_verdict pages_take(struct pages *pages, const struct operation *operation, const struct response *page,
                              struct error *error);

/* Frees what it owns. The numbers stay. */
void pages_close(struct pages *pages);

#endif
