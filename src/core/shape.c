#include "shape.h"

#include <string.h>

/* What Lua 5.4 takes on a 64-bit machine, in bytes, rounded up. Arrays grow by doubling, so a value may take two
 * slots. */
enum {
  TABLE_BYTES = 64, /* an object or array */
  VALUE_BYTES = 32  /* a value in one */
};

static bool is_space(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static size_t skip_spaces(struct text json, size_t at) {
  while (at < json.length && is_space(json.data[at])) at++;
  return at;
}

/* Returns the position after the string that begins at `at`. */
static size_t skip_string(struct text json, size_t at) {
  for (at++; at < json.length && json.data[at] != '"'; at++) {
    if (json.data[at] == '\\') at++;
  }
  return at < json.length ? at + 1 : json.length;
}

static enum shape shape_at(struct text json, size_t at) {
  at = skip_spaces(json, at);
  if (at == json.length) return SHAPE_NOTHING;
  if (json.data[at] == '{') return SHAPE_OBJECT;
  return json.data[at] == '[' ? SHAPE_ARRAY : SHAPE_OTHER;
}

enum shape shape_of(struct text json) {
  return shape_at(json, 0);
}

enum shape shape_of_member(struct text json, const char *name) {
  enum shape shape = SHAPE_NOTHING;
  size_t length = strlen(name);
  size_t depth = 0;
  for (size_t at = 0; at < json.length;) {
    char byte = json.data[at];
    if (byte != '"') {
      if (byte == '{' || byte == '[') depth++;
      if (byte == '}' || byte == ']') depth--;
      at++;
      continue;
    }
    size_t end = skip_string(json, at);
    size_t colon = skip_spaces(json, end);
    bool is_name = depth == 1 && colon < json.length && json.data[colon] == ':';
    if (is_name && memchr(json.data + at, '\\', end - at)) return SHAPE_OTHER;
    if (is_name && end - at == length + 2 && memcmp(json.data + at + 1, name, length) == 0) {
      shape = shape_at(json, colon + 1);
    }
    at = end;
  }
  return shape;
}

size_t shape_memory(struct text json) {
  size_t memory = json.length;
  for (size_t at = 0; at < json.length;) {
    switch (json.data[at]) {
      case '"': at = skip_string(json, at); continue;
      case '{':
      case '[': memory += TABLE_BYTES + VALUE_BYTES; break;
      case ',': memory += VALUE_BYTES; break;
      default: break;
    }
    at++;
  }
  return memory;
}
