/* support: shared by the tests of the core: memory that checks its blocks, and helpers for texts. The core uses neither
 * sockets nor clocks, and neither does this. */
#ifndef SPEC_CORE_SUPPORT_H
#define SPEC_CORE_SUPPORT_H

/* cmocka.h does not include the headers that it needs. */
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

/* The bytes of a string literal, including any zeros in it. */
#define TEXT(literal) ((struct text){.data = "" literal "", .length = sizeof(literal) - 1})

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { MEMORY_BLOCKS = 1024 };

/* The host's memory. Its allocator fails the test if a block is freed with the wrong size. */
struct memory {
  struct memory_block {
    void *data;
    size_t size;
  } blocks[MEMORY_BLOCKS]; /* blocks in use */
  size_t block_count;
  size_t requests;    /* allocations so far */
  size_t fail_at;     /* the allocation that fails, counted from 1; 0 for none */
  bool failed;        /* that allocation was made */
  struct text secret; /* no block may contain this when it is freed; empty to allow everything */
  size_t revealed;    /* blocks that contained it when they were freed */
};

void memory_open(struct memory *memory);
struct allocator memory_allocator(struct memory *memory);

/* Fails the test if a block is still in use, or one contained the secret when it was freed. */
void memory_assert_all_back(const struct memory *memory);

/* Something that allocates memory. Returns true if it succeeded; frees everything in either case. */
typedef bool (*scenario)(struct allocator allocator, struct error *error);

/* Plays the scenario repeatedly: first its first allocation fails, then its second, and so on until none is left to
 * fail. Each failure must be an ERROR_MEMORY that leaks nothing. */
void torture(scenario play);

/* The bytes of a null-terminated string. */
struct text text_of(const char *string);

/* A heap copy of exactly this size, so that a sanitizer detects a read past its end. Free with text_free(). */
struct text text_copy(struct text text);

/* The string `count` times, on the heap. Free with text_free(). */
struct text text_repeat(const char *string, size_t count);

void text_free(struct text text);

void assert_text(struct text text, const char *expected);
void assert_buffer(const struct buffer *buffer, const char *expected);
void assert_contains(const char *string, const char *part);
void assert_lacks(const char *string, const char *part);

/* Times from the same arithmetic are equal to the last bit. */
void assert_seconds(double seconds, double expected);

#endif
