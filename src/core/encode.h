/* encode: text as it travels. UTF-8 is checked, never repaired. */
#ifndef AUTH0PERM_CORE_ENCODE_H
#define AUTH0PERM_CORE_ENCODE_H

#include "buffer.h"

/* How many characters valid UTF-8 (RFC 3629: no surrogates, no overlong forms) holds; -1 when it is not. */
long long encode_utf8_length(struct text text);

/* Appends a JSON string (RFC 8259, section 7), quotes included. The text must be valid UTF-8. */
void encode_json_string(struct buffer *buffer, struct text text);

/* Appends one path segment or query value: everything outside RFC 3986's unreserved set is escaped. */
void encode_percent(struct buffer *buffer, struct text text);

/* Appends base64url without padding (RFC 4648, section 5). */
void encode_base64url(struct buffer *buffer, struct text text);

#endif
