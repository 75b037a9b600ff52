#include "text.h"

#include <string.h>

bool text_same(struct text left, struct text right) {
  return left.length == right.length && (left.length == 0 || memcmp(left.data, right.data, left.length) == 0);
}

bool text_equals(struct text text, const char *string) {
  return text_same(text, (struct text){.data = string, .length = strlen(string)});
}

int text_compare(struct text left, struct text right) {
  size_t shorter = left.length < right.length ? left.length : right.length;
  int order = shorter > 0 ? memcmp(left.data, right.data, shorter) : 0;
  return order ? order : (left.length > right.length) - (left.length < right.length);
}

/* The constants of 32-bit FNV-1a. */
static const uint32_t FNV32_OFFSET = 2166136261U;
static const uint32_t FNV32_PRIME = 16777619U;

uint32_t text_hash(struct text text) {
  uint32_t hash = FNV32_OFFSET;
  for (size_t i = 0; i < text.length; i++) hash = (hash ^ (unsigned char)text.data[i]) * FNV32_PRIME;
  return hash;
}

size_t text_printable_length(struct text text) {
  size_t length = 0;
  while (length < text.length && text.data[length] > ' ' && text.data[length] <= '~') length++;
  return length;
}
