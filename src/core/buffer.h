/* buffer: bytes that grow up to a limit. The first failed append is remembered and every later one does
 * nothing, so a writer appends all it has and asks once, at the end. A buffer wipes what it lets go of:
 * requests hold tokens. */
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
  size_t limit;    /* bytes; `length` never passes it */
  enum buffer_state state;
};

/* An empty buffer that owns no memory yet. The limit is below SIZE_MAX / 4: capacities double. */
void buffer_open(struct buffer *buffer, struct allocator allocator, size_t limit);

/* Makes room for `length` more bytes at once, where the writer knows how many will come. */
void buffer_reserve(struct buffer *buffer, size_t length);

/* What buffer_append does where the bytes do not simply fit. */
void buffer_append_slowly(struct buffer *buffer, const char *data, size_t length);

/* Appends; afterwards `buffer->state` tells whether everything fitted. Inline, for most appends fit: that spares two
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

void buffer_append_unsigned(struct buffer *buffer, unsigned long long number);

/* What the buffer holds, until it changes. */
struct text buffer_text(const struct buffer *buffer);

/* Forgets (and wipes) what follows the first `length` bytes; the state becomes good again. */
void buffer_cut(struct buffer *buffer, size_t length);

/* Wipes and frees; the buffer is then empty and can be used again. */
void buffer_close(struct buffer *buffer);

/* Overwrites memory that held a secret, in a way that no compiler leaves out. */
void buffer_wipe_memory(void *memory, size_t length);

#endif
