/* support: what the tests of the core share: a memory that watches over its blocks, and short ways to write
 * texts. The core knows neither sockets nor clocks, so nothing here does. */
#ifndef SPEC_CORE_SUPPORT_H
#define SPEC_CORE_SUPPORT_H

/* cmocka.h does not include what it needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/allocator.h"
#include "core/buffer.h"
#include "core/error.h"

/* A test. Its name is a sentence about behaviour. */
#define TEST(name) static void name(void **state __attribute__((unused)))

/* The bytes of a string literal, zeros within it included. */
#define TEXT(literal) ((struct text){.data = "" literal "", .length = sizeof(literal) - 1})

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { MEMORY_BLOCKS = 1024 };

/* The host's memory. Its allocator aborts the test where a block comes back with a size that is not its own. */
struct memory {
  struct memory_block {
    void *data;
    size_t size;
  } blocks[MEMORY_BLOCKS]; /* those that are lent out */
  size_t block_count;
  size_t requests;    /* blocks asked for so far */
  size_t fail_at;     /* the request that gets no memory, counted from 1; 0 for none */
  bool failed;        /* that request has come */
  struct text secret; /* what no block may hold when it comes back; empty for anything goes */
  size_t revealed;    /* blocks that came back with it */
};

void memory_open(struct memory *memory);
struct allocator memory_allocator(struct memory *memory);

/* Fails the test if a block is still lent out, or came back with the secret in it. */
void memory_assert_all_back(const struct memory *memory);

/* Something that takes memory: true when it succeeded. It leaves nothing behind either way. */
typedef bool (*scenario)(struct allocator allocator, struct error *error);

/* Plays the scenario again and again, failing its first request for memory, then its second, and so on until it
 * needs no more. Each failure has to be an ERROR_MEMORY that leaves nothing behind. */
void torture(scenario play);

/* The bytes of a terminated string. */
struct text text_of(const char *string);

/* A copy on the heap without a byte to spare, so that a sanitizer sees a read past its end. For free(). */
struct text text_copy(struct text text);

/* `count` times the string, on the heap. For free(). */
struct text text_repeat(const char *string, size_t count);

void text_free(struct text text);

void assert_text(struct text text, const char *expected);
void assert_buffer(const struct buffer *buffer, const char *expected);
void assert_contains(const char *string, const char *part);
void assert_lacks(const char *string, const char *part);

/* Seconds that came of the same arithmetic are the same to the last bit. */
void assert_seconds(double seconds, double expected);

#endif
