/* text: bytes that somebody else owns. */
#ifndef AUTH0PERM_CORE_TEXT_H
#define AUTH0PERM_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to somebody else; not terminated. */
struct text {
  const char *data;
  size_t length; /* bytes */
};

/* Whether the text is this string. */
bool text_equals(struct text text, const char *string);

/* Whether two texts hold the same bytes. */
bool text_same(struct text left, struct text right);

/* Negative, 0 or positive, as `left` sorts before, with or after `right`, byte by byte. */
int text_compare(struct text left, struct text right);

/* A number that is the same for equal texts (FNV-1a); no protection from texts that are made to collide. */
uint32_t text_hash(struct text text);

/* How many bytes at the beginning are printable ASCII and no space. */
size_t text_printable_length(struct text text);

#endif
