/* text: borrowed bytes. */
#ifndef AUTH0PERM_CORE_TEXT_H
#define AUTH0PERM_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that this struct does not own; not terminated. */
struct text {
  const char *data;
  size_t length; /* bytes */
};

/* Returns whether the text equals the string. */
bool text_equals(struct text text, const char *string);

/* Returns whether both texts hold the same bytes. */
bool text_same(struct text left, struct text right);

/* Compares byte by byte. Returns a negative number, 0 or a positive number if `left` sorts before, with or after
 * `right`. */
int text_compare(struct text left, struct text right);

/* Returns a hash (FNV-1a). It does not resist texts that are crafted to collide. */
uint32_t text_hash(struct text text);

/* Returns the length of the prefix that is printable ASCII without spaces. */
size_t text_printable_length(struct text text);

#endif
