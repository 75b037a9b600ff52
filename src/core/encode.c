#include "encode.h"

#include <string.h>

static const char HEXADECIMAL[] = "0123456789ABCDEF";

/* Returns the length of the UTF-8 sequence that begins here, 0 if it is invalid (RFC 3629, section 4). */
static size_t sequence_length(const unsigned char *bytes, size_t available) {
  unsigned char first = bytes[0];
  if (first < 0x80) return 1;
  size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || available < length) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((bytes[i] & 0xC0) != 0x80) return 0;
  }
  unsigned char second = bytes[1];
  if (first == 0xE0 && second < 0xA0) return 0; /* overlong */
  if (first == 0xED && second > 0x9F) return 0; /* surrogates */
  if (first == 0xF0 && second < 0x90) return 0; /* overlong */
  if (first == 0xF4 && second > 0x8F) return 0; /* above U+10FFFF */
  return length;
}

/* Returns the length of the ASCII prefix, in multiples of eight bytes. */
static size_t ascii_length(struct text text) {
  uint64_t eight;
  size_t place = 0;
  for (; text.length - place >= sizeof eight; place += sizeof eight) {
    memcpy(&eight, text.data + place, sizeof eight);
    if (eight & 0x8080808080808080U) break;
  }
  return place;
}

long long encode_utf8_length(struct text text) {
  size_t place = ascii_length(text);
  long long characters = (long long)place;
  while (place < text.length) {
    size_t length = sequence_length((const unsigned char *)text.data + place, text.length - place);
    if (length == 0) return -1;
    place += length;
    characters++;
  }
  return characters;
}

/* Returns the letter of the two-character escape of a byte, 0 if it has none. */
static char short_escape(unsigned char byte) {
  switch (byte) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
  }
}

static void append_json_escape(struct buffer *buffer, unsigned char byte) {
  char letter = short_escape(byte);
  if (letter) {
    buffer_append(buffer, (char[]){'\\', letter}, 2);
  } else {
    buffer_append(buffer, (char[]){'\\', 'u', '0', '0', HEXADECIMAL[byte >> 4], HEXADECIMAL[byte & 15]}, 6);
  }
}

void encode_json_string(struct buffer *buffer, struct text text) {
  buffer_append(buffer, "\"", 1);
  size_t plain = 0; /* start of the bytes that need no escape */
  for (size_t i = 0; i < text.length; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    buffer_append(buffer, text.data + plain, i - plain);
    append_json_escape(buffer, byte);
    plain = i + 1;
  }
  buffer_append(buffer, text.data + plain, text.length - plain);
  buffer_append(buffer, "\"", 1);
}

static bool is_unreserved(unsigned char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '-' ||
         byte == '.' || byte == '_' || byte == '~';
}

void encode_percent(struct buffer *buffer, struct text text) {
  size_t plain = 0; /* start of the bytes that need no escape */
  for (size_t i = 0; i < text.length; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    if (is_unreserved(byte)) continue;
    buffer_append(buffer, text.data + plain, i - plain);
    buffer_append(buffer, (char[]){'%', HEXADECIMAL[byte >> 4], HEXADECIMAL[byte & 15]}, 3);
    plain = i + 1;
  }
  buffer_append(buffer, text.data + plain, text.length - plain);
}

void encode_base64url(struct buffer *buffer, struct text text) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (size_t i = 0; i < text.length; i += 3) {
    size_t bytes = text.length - i < 3 ? text.length - i : 3;
    unsigned long group = 0;
    for (size_t j = 0; j < 3; j++) {
      group = group << 8 | (j < bytes ? (unsigned char)text.data[i + j] : 0U);
    }
    char digits[4] = {alphabet[group >> 18 & 63], alphabet[group >> 12 & 63], alphabet[group >> 6 & 63],
                      alphabet[group & 63]};
    buffer_append(buffer, digits, bytes + 1);
  }
}
