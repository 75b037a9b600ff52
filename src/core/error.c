#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char REDACTED[] = "[secret]";

const char *error_kind_name(enum error_kind kind) {
  switch (kind) {
    case ERROR_INVALID: return "invalid";
    case ERROR_TOKEN: return "token";
    case ERROR_API: return "api";
    case ERROR_LIMIT: return "limit";
    case ERROR_TIMEOUT: return "timeout";
    case ERROR_TRANSPORT: return "transport";
    case ERROR_PROTOCOL: return "protocol";
    case ERROR_MEMORY: return "memory";
    case ERROR_CANCELED: return "canceled";
    case ERROR_CLOSED: return "closed";
    case ERROR_NONE: break;
  }
  return "none";
}

/* Removes an incomplete UTF-8 sequence, left by a cut, from the end (RFC 3629, section 3). */
static void drop_broken_tail(char *text) {
  size_t length = strlen(text);
  size_t lead = length;
  while (lead > 0 && length - lead < 4 && ((unsigned char)text[lead - 1] & 0xC0) == 0x80) lead--;
  if (lead == 0) return;
  unsigned char first = (unsigned char)text[lead - 1];
  size_t wanted = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  if (length - lead + 1 < wanted) text[lead - 1] = '\0';
}

/* Returns the length of the control character here, 0 if there is none: C0, DEL, and C1 (two bytes in UTF-8), which
 * terminals obey too. */
static size_t control_length(const char *text) {
  unsigned char first = (unsigned char)text[0];
  if (first < 0x20 || first == 0x7F) return 1;
  return first == 0xC2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] <= 0x9F ? 2 : 0;
}

/* Makes a field safe for a terminal or a log. */
static void clean(char *field) {
  for (char *place = field; *place; place++) {
    size_t length = control_length(place);
    if (length) memset(place, ' ', length);
  }
  drop_broken_tail(field);
}

const struct quota QUOTA_UNKNOWN = {.per_hour = {-1, -1, -1}, .per_day = {-1, -1, -1}};

bool error_set(struct error *error, enum error_kind kind, const char *format, ...) {
  *error = (struct error){.kind = kind, .retry_after = -1, .quota = QUOTA_UNKNOWN};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  clean(error->message);
  return false;
}

bool error_set_memory(struct error *error) {
  return error_set(error, ERROR_MEMORY, "not enough memory");
}

/* Returns whether `secret` stands at this place in `text`. */
static bool secret_at(struct text text, size_t place, struct text secret) {
  return secret.length > 0 && text.length - place >= secret.length &&
         memcmp(text.data + place, secret.data, secret.length) == 0;
}

void error_quote(char *field, size_t size, struct text text, struct text secret) {
  size_t used = 0;
  size_t place = 0;
  while (place < text.length && used + 1 < size) {
    if (secret_at(text, place, secret)) {
      size_t room = size - 1 - used;
      size_t length = room < strlen(REDACTED) ? room : strlen(REDACTED);
      memcpy(field + used, REDACTED, length);
      used += length;
      place += secret.length;
    } else {
      char byte = text.data[place++];
      field[used++] = byte ? byte : ' ';
    }
  }
  field[used] = '\0';
  clean(field);
}

void error_quote_message(struct error *error, struct text text, struct text secret) {
  error_quote(error->message, sizeof error->message, text, secret);
}

void error_quote_code(struct error *error, struct text text, struct text secret) {
  error_quote(error->code, sizeof error->code, text, secret);
}

void error_locate(struct error *error, const char *place, const char *separator) {
  struct error located = *error;
  size_t length = strlen(place) + strlen(separator);
  snprintf(located.message, sizeof located.message, "%s%s", place, separator);
  if (length < sizeof located.message) {
    memcpy(located.message + length, error->message, sizeof located.message - length);
    located.message[sizeof located.message - 1] = '\0';
  }
  clean(located.message);
  *error = located;
}
