/* buffer: a byte string that grows up to a limit. After an append fails, later appends do nothing, so a writer appends
 * everything and checks `state` once, at the end. A buffer wipes memory before freeing it, because requests hold
 * tokens. */
#ifndef AUTH0PERM_CORE_BUFFER_H
#define AUTH0PERM_CORE_BUFFER_H

#include <string.h>

#include "allocator.h"
#include "text.h"

enum buffer_state { BUFFER_GOOD, BUFFER_FULL, BUFFER_NO_MEMORY };

struct buffer {
  struct allocator allocator;
  char *data;      /* `length` bytes and a terminating zero; NULL until the first append */
  size_t length;   /* bytes */
  size_t capacity; /* bytes */
  size_t limit;    /* bytes; `length` never exceeds it */
  enum buffer_state state;
};

/* Makes an empty buffer that owns no memory yet. `limit` must be below SIZE_MAX / 4, since capacities double. */
void buffer_open(struct buffer *buffer, struct allocator allocator, size_t limit);

/* Makes room for `length` more bytes at once. If memory runs out, the state says so; beyond the limit it does
 * nothing. */
void buffer_reserve(struct buffer *buffer, size_t length);

/* The slow path of buffer_append: grows the buffer or sets its state. */
void buffer_append_slowly(struct buffer *buffer, const char *data, size_t length);

/* Appends; afterwards `buffer->state` says whether everything fitted. Inline because most appends fit, which saves two
 * percent of a removal's instructions. */
static inline void buffer_append(struct buffer *buffer, const char *data, size_t length) {
  if (buffer->state != BUFFER_GOOD || length >= buffer->capacity - buffer->length ||
      length > buffer->limit - buffer->length) {
    buffer_append_slowly(buffer, data, length);
    return;
  }
  if (length) memcpy(buffer->data + buffer->length, data, length);
  buffer->length += length;
  buffer->data[buffer->length] = '\0';
}

static inline void buffer_append_string(struct buffer *buffer, const char *string) {
  buffer_append(buffer, string, strlen(string));
}

/* Appends a number in decimal. */
void buffer_append_unsigned(struct buffer *buffer, unsigned long long number);

/* Returns the contents, valid until the buffer changes; `data` is NULL before the first append. */
struct text buffer_text(const struct buffer *buffer);

/* Wipes and removes everything after the first `length` bytes, and resets the state to BUFFER_GOOD. */
void buffer_cut(struct buffer *buffer, size_t length);

/* Wipes and frees the contents. The buffer is then empty and can be used again. */
void buffer_close(struct buffer *buffer);

/* Overwrites memory that held a secret; the compiler cannot remove this. NULL is ignored. */
void buffer_wipe_memory(void *memory, size_t length);

#endif
