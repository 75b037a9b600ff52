#include "support.h"

#include <stdlib.h>
#include <string.h>

/* Fills a new block. */
enum { FRESH = 0xA5 };

void memory_open(struct memory *memory) {
  *memory = (struct memory){0};
}

static bool holds(const char *data, size_t size, struct text secret) {
  for (size_t i = 0; secret.length > 0 && i + secret.length <= size; i++) {
    if (memcmp(data + i, secret.data, secret.length) == 0) return true;
  }
  return false;
}

static void give_back(struct memory *memory, void *data, size_t size) {
  for (size_t i = 0; i < memory->block_count; i++) {
    if (memory->blocks[i].data != data) continue;
    assert_int_equal(size, memory->blocks[i].size);
    if (holds(data, size, memory->secret)) memory->revealed++;
    memory->blocks[i] = memory->blocks[--memory->block_count];
    free(data);
    return;
  }
  fail_msg("a block that is not in use was freed");
}

static void *take(struct memory *memory, size_t size) {
  memory->requests++;
  if (memory->requests == memory->fail_at) {
    memory->failed = true;
    return NULL;
  }
  assert_true(memory->block_count < MEMORY_BLOCKS);
  void *data = malloc(size);
  assert_non_null(data);
  memset(data, FRESH, size);
  memory->blocks[memory->block_count++] = (struct memory_block){.data = data, .size = size};
  return data;
}

/* The core never asks to move a block: a moved block would leave a copy of a secret behind. */
static void *reallocate(void *context, void *block, size_t old_size, size_t new_size) {
  if (block) {
    assert_int_equal(new_size, 0);
    give_back(context, block, old_size);
    return NULL;
  }
  assert_int_equal(old_size, 0);
  return take(context, new_size);
}

struct allocator memory_allocator(struct memory *memory) {
  return (struct allocator){.reallocate = reallocate, .context = memory};
}

void memory_assert_all_back(const struct memory *memory) {
  assert_int_equal(memory->block_count, 0);
  assert_int_equal(memory->revealed, 0);
}

void torture(scenario play) {
  struct memory memory;
  struct error error;
  size_t failures = 0;
  bool succeeded;
  do {
    memory_open(&memory);
    memory.fail_at = failures + 1;
    succeeded = play(memory_allocator(&memory), &error);
    memory_assert_all_back(&memory);
    assert_int_equal(succeeded, !memory.failed);
    if (!succeeded) {
      assert_int_equal(error.kind, ERROR_MEMORY);
      assert_string_equal(error.message, "not enough memory");
      failures++;
    }
  } while (!succeeded);
  assert_true(failures > 0);
}

struct text text_of(const char *string) {
  return (struct text){.data = string, .length = strlen(string)};
}

struct text text_copy(struct text text) {
  char *data = malloc(text.length ? text.length : 1);
  assert_non_null(data);
  if (text.length) memcpy(data, text.data, text.length);
  return (struct text){.data = data, .length = text.length};
}

struct text text_repeat(const char *string, size_t count) {
  size_t length = strlen(string);
  char *data = malloc(length * count + 1);
  assert_non_null(data);
  for (size_t i = 0; i < count; i++) memcpy(data + i * length, string, length);
  data[length * count] = '\0';
  return (struct text){.data = data, .length = length * count};
}

void text_free(struct text text) {
  free((void *)(uintptr_t)text.data);
}

void assert_text(struct text text, const char *expected) {
  assert_int_equal(text.length, strlen(expected));
  if (text.length) assert_memory_equal(text.data, expected, text.length);
}

void assert_buffer(const struct buffer *buffer, const char *expected) {
  assert_int_equal(buffer->state, BUFFER_GOOD);
  assert_non_null(buffer->data);
  assert_string_equal(buffer->data, expected);
  assert_int_equal(buffer->length, strlen(expected));
}

void assert_contains(const char *string, const char *part) {
  if (!strstr(string, part)) fail_msg("\"%s\" does not contain \"%s\"", string, part);
}

void assert_lacks(const char *string, const char *part) {
  if (strstr(string, part)) fail_msg("\"%s\" contains \"%s\"", string, part);
}

void assert_seconds(double seconds, double expected) {
  if (seconds != expected) fail_msg("%.17g s is not %.17g s", seconds, expected);
}
