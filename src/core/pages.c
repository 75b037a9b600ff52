#include "pages.h"

/* The longest checkpoint, in bytes. Real ones have some dozens. */
enum { CHECKPOINT_MAX = 4096 };

void pages_open(struct pages *pages, struct allocator allocator) {
  *pages = (struct pages){.per_page = PAGES_MAX};
  buffer_open(&pages->from, allocator, CHECKPOINT_MAX);
}

struct request_page pages_next(const struct pages *pages, const struct operation *operation) {
  return (struct request_page){
      .paging = operation->paging,
      .number = pages->received / pages->per_page,
      .per_page = pages->per_page,
      .from = buffer_text(&pages->from),
  };
}

/* Refuses a page that does not fit to those before. */
static enum pages_verdict refuse_number(const struct pages *pages, const struct response *page, struct error *error) {
  error_set(error, ERROR_PROTOCOL,
            "the pages of the list do not match: expected item %lld next, got %lld items from %lld on, of %lld",
            pages->received, page->item_count, page->start, page->total);
  return PAGES_REFUSED;
}

/* The page size to number the next page by: what the tenant gives, which may be less than what was asked for. */
static long long next_size(const struct pages *pages, const struct response *page) {
  long long size = pages->per_page;
  if (page->limit > 0 && page->limit < size) size = page->limit;
  if (page->item_count > 0 && page->item_count < size) size = page->item_count;
  return size;
}

/* A page may begin with items that are here already, but never after a gap. One that brings nothing new, where more is
 * to come, is asked for again in the smaller size that it turned out to have. */
static enum pages_verdict take_number(struct pages *pages, const struct response *page, struct error *error) {
  long long asked = pages->received / pages->per_page * pages->per_page;
  long long start = page->start >= 0 ? page->start : asked;
  long long end = start + page->item_count;
  bool grows = end > pages->received;
  bool more = page->total >= 0 ? page->total > (grows ? end : pages->received) : grows || start < asked;
  long long size = next_size(pages, page);
  if (start > pages->received || (more && !grows && size == pages->per_page)) {
    return refuse_number(pages, page, error);
  }
  pages->skip = pages->received - start;
  if (grows) pages->received = end;
  if (more) pages->per_page = size;
  return more ? PAGES_MORE : PAGES_LAST;
}

/* A mark that two different checkpoints do not share, but for one chance in 2^64: FNV-1a. Never 0. */
static uint64_t mark_of(struct text checkpoint) {
  uint64_t mark = 14695981039346656037ULL;
  for (size_t i = 0; i < checkpoint.length; i++) mark = (mark ^ (unsigned char)checkpoint.data[i]) * 1099511628211ULL;
  return mark ? mark : 1;
}

/* Whether this checkpoint was there before. The first one always shows: it is what a first page has that was answered
 * again, to a request that lost its query on the way (libcurl 7.88 does that where memory runs out). Any other
 * circle shows too, after at most twice its length, for the landmark moves on at every power of two (Brent). */
static bool note_checkpoint(struct pages *pages, struct text checkpoint) {
  uint64_t mark = mark_of(checkpoint);
  if (mark == pages->first || mark == pages->landmark) return false;
  pages->turns++;
  if (!pages->first) pages->first = mark;
  if ((pages->turns & (pages->turns - 1)) == 0) pages->landmark = mark;
  return true;
}

static enum pages_verdict take_checkpoint(struct pages *pages, const struct response *page, struct error *error) {
  if (page->next_malformed) {
    error_set(error, ERROR_PROTOCOL, "\"next\" is not a string");
    return PAGES_REFUSED;
  }
  pages->skip = 0;
  if (page->next.length > 0) {
    struct text current = buffer_text(&pages->from);
    bool stands = current.length > 0 && mark_of(current) == mark_of(page->next);
    if (stands || !note_checkpoint(pages, page->next)) {
      error_set(error, ERROR_PROTOCOL, "the list does not end: \"next\" repeats an earlier value");
      return PAGES_REFUSED;
    }
    buffer_cut(&pages->from, 0);
    buffer_append(&pages->from, page->next.data, page->next.length);
    if (pages->from.state == BUFFER_NO_MEMORY) {
      error_set_memory(error);
      return PAGES_REFUSED;
    }
    if (pages->from.state == BUFFER_FULL) {
      error_set(error, ERROR_PROTOCOL, "\"next\" is longer than %d bytes", (int)CHECKPOINT_MAX);
      return PAGES_REFUSED;
    }
  }
  pages->received += page->item_count;
  return page->next.length > 0 ? PAGES_MORE : PAGES_LAST;
}

/* What is kept is bounded by what was asked for, however much comes. */
static bool check_size(struct pages *pages, const struct response *page, struct error *error) {
  if (page->item_count > pages->per_page) {
    return error_set(error, ERROR_PROTOCOL, "expected at most %lld items on a page, got %lld", pages->per_page,
                     page->item_count);
  }
  pages->memory += page->memory;
  if (pages->memory <= PAGES_MEMORY_MAX) return true;
  return error_set(error, ERROR_PROTOCOL,
                   "the list would take more than %d MiB of memory; use `each` to read it page by page",
                   (int)(PAGES_MEMORY_MAX / (1024 * 1024)));
}

enum pages_verdict pages_take(struct pages *pages, const struct operation *operation, const struct response *page,
                              struct error *error) {
  enum pages_verdict verdict = PAGES_REFUSED;
  if (check_size(pages, page, error)) {
    verdict =
        operation->paging == PAGING_CHECKPOINT ? take_checkpoint(pages, page, error) : take_number(pages, page, error);
  }
  if (verdict == PAGES_REFUSED) error->status = page->status;
  return verdict;
}

void pages_close(struct pages *pages) {
  buffer_close(&pages->from);
}
