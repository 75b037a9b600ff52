#include "pages.h"

/* Bytes of a checkpoint; real ones have a few dozen. */
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

/* Refuses a page that does not continue the list. */
static enum pages_verdict refuse_number(const struct pages *pages, const struct response *page, long long start,
                                        struct error *error) {
  if (page->total >= 0) {
    error_set(error, ERROR_PROTOCOL,
              "the pages of the list do not match: expected item %lld of %lld next, got %lld items from item %lld on",
              pages->received, page->total, page->item_count, start);
  } else {
    error_set(error, ERROR_PROTOCOL,
              "the pages of the list do not match: expected item %lld next, got %lld items from item %lld on",
              pages->received, page->item_count, start);
  }
  return PAGES_REFUSED;
}

/* Returns the page size for the next page: what the tenant returns, which may be less than requested. */
static long long next_size(const struct pages *pages, const struct response *page) {
  long long size = pages->per_page;
  if (page->limit > 0 && page->limit < size) size = page->limit;
  if (page->item_count > 0 && page->item_count < size) size = page->item_count;
  return size;
}

/* A page may begin with items of earlier pages, but there must not be a gap. If a page has nothing new and more is to
 * come, it is requested again with the smaller size that it turned out to have. */
static enum pages_verdict take_number(struct pages *pages, const struct response *page, struct error *error) {
  long long asked = pages->received / pages->per_page * pages->per_page;
  long long start = page->start >= 0 ? page->start : asked;
  long long end = start + page->item_count;
  bool grows = end > pages->received;
  bool more = page->total >= 0 ? page->total > (grows ? end : pages->received) : grows || start < asked;
  long long size = next_size(pages, page);
  if (start > pages->received || (more && !grows && size == pages->per_page)) {
    return refuse_number(pages, page, start, error);
  }
  pages->skip = pages->received - start;
  if (grows) pages->received = end;
  if (more) pages->per_page = size;
  return more ? PAGES_MORE : PAGES_LAST;
}

/* The constants of 64-bit FNV-1a. */
static const uint64_t FNV64_OFFSET = 14695981039346656037ULL;
static const uint64_t FNV64_PRIME = 1099511628211ULL;

/* Returns a hash of a checkpoint (64-bit FNV-1a), never 0. Equal hashes are taken for equal checkpoints. */
static uint64_t hash_of(struct text checkpoint) {
  uint64_t hash = FNV64_OFFSET;
  for (size_t i = 0; i < checkpoint.length; i++) hash = (hash ^ (unsigned char)checkpoint.data[i]) * FNV64_PRIME;
  return hash ? hash : 1;
}

/* Remembers a checkpoint. Returns false if it has occurred before, so that the list would never end. The first one
 * is always recognized, because it comes back when the first page is received again: libcurl 7.88 can lose a
 * request's query when memory runs out. Any other cycle is recognized after at most twice its length, because the
 * landmark moves at every power of two (Brent's algorithm). */
static bool note_checkpoint(struct pages *pages, struct text checkpoint) {
  uint64_t hash = hash_of(checkpoint);
  if (hash == pages->first || hash == pages->landmark) return false;
  pages->turns++;
  if (!pages->first) pages->first = hash;
  if ((pages->turns & (pages->turns - 1)) == 0) pages->landmark = hash;
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
    bool unchanged = current.length > 0 && hash_of(current) == hash_of(page->next);
    if (unchanged || !note_checkpoint(pages, page->next)) {
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

/* Keeps no more than was requested, whatever the tenant sends. */
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
