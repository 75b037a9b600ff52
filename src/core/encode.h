/* encode: JSON strings, percent-encoding and base64url. Invalid UTF-8 is detected, never repaired. */
#ifndef AUTH0PERM_CORE_ENCODE_H
#define AUTH0PERM_CORE_ENCODE_H

#include "buffer.h"

/* Returns the number of characters, or -1 if the text is not valid UTF-8 (RFC 3629: no surrogates, no overlong
 * forms). */
long long encode_utf8_length(struct text text);

/* Appends a quoted JSON string (RFC 8259, section 7). The text must be valid UTF-8. */
void encode_json_string(struct buffer *buffer, struct text text);

/* Appends a path segment or query value, with every byte outside RFC 3986's unreserved set escaped. */
void encode_percent(struct buffer *buffer, struct text text);

/* Appends base64url without padding (RFC 4648, section 5). */
void encode_base64url(struct buffer *buffer, struct text text);

#endif
