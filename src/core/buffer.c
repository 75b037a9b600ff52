#include "buffer.h"

#include <string.h>

enum { FIRST_CAPACITY = 256 /* bytes */ };

/* The compiler cannot remove a call through a volatile pointer, because it cannot know which function is called. */
static void *(*const volatile wipe)(void *, int, size_t) = memset;

void buffer_wipe_memory(void *memory, size_t length) {
  if (memory) wipe(memory, 0, length);
}

void buffer_open(struct buffer *buffer, struct allocator allocator, size_t limit) {
  *buffer = (struct buffer){.allocator = allocator, .limit = limit};
}

/* Makes room for `length` more bytes and a zero. The old block has to be wiped, which rules out realloc. */
static bool grow(struct buffer *buffer, size_t length) {
  size_t needed = buffer->length + length + 1;
  size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
  while (capacity < needed) capacity *= 2;
  if (capacity == buffer->capacity) return true;
  char *data = allocator_take(&buffer->allocator, capacity);
  if (!data) return false;
  if (buffer->data) memcpy(data, buffer->data, buffer->length);
  data[buffer->length] = '\0';
  buffer_wipe_memory(buffer->data, buffer->length);
  allocator_give_back(&buffer->allocator, buffer->data, buffer->capacity);
  buffer->data = data;
  buffer->capacity = capacity;
  return true;
}

void buffer_reserve(struct buffer *buffer, size_t length) {
  if (buffer->state != BUFFER_GOOD || length > buffer->limit - buffer->length) return;
  if (!grow(buffer, length)) buffer->state = BUFFER_NO_MEMORY;
}

void buffer_append_slowly(struct buffer *buffer, const char *data, size_t length) {
  if (buffer->state != BUFFER_GOOD) return;
  if (length > buffer->limit - buffer->length) {
    buffer->state = BUFFER_FULL;
  } else if (!grow(buffer, length)) {
    buffer->state = BUFFER_NO_MEMORY;
  } else {
    if (length) memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
  }
}

void buffer_append_unsigned(struct buffer *buffer, unsigned long long number) {
  char digits[3 * sizeof number];
  size_t first = sizeof digits;
  do {
    digits[--first] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  buffer_append(buffer, digits + first, sizeof digits - first);
}

struct text buffer_text(const struct buffer *buffer) {
  return (struct text){.data = buffer->data, .length = buffer->length};
}

void buffer_cut(struct buffer *buffer, size_t length) {
  if (buffer->data && length <= buffer->length) {
    buffer_wipe_memory(buffer->data + length, buffer->length - length);
    buffer->length = length;
  }
  buffer->state = BUFFER_GOOD;
}

void buffer_close(struct buffer *buffer) {
  buffer_wipe_memory(buffer->data, buffer->length);
  allocator_give_back(&buffer->allocator, buffer->data, buffer->capacity);
  buffer_open(buffer, buffer->allocator, buffer->limit);
}
