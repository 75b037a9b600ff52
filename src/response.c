#include "response.h"

#include <string.h>

/* The longest wait that a Retry-After is believed to mean, in seconds: a day. */
static const double RETRY_AFTER_MOST = 86400;

void response_open(struct response *response, int status) {
  *response =
      (struct response){.status = status, .retry_after = -1, .item_count = -1, .start = -1, .limit = -1, .total = -1};
}

static char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

/* Whether `text` begins with `prefix`, a lower-case word, in any case of its letters. */
static bool begins_with(struct text text, const char *prefix) {
  size_t length = strlen(prefix);
  if (text.length < length) return false;
  for (size_t i = 0; i < length; i++) {
    if (lower(text.data[i]) != prefix[i]) return false;
  }
  return true;
}

static bool is_named(struct text name, const char *wanted) {
  return name.length == strlen(wanted) && begins_with(name, wanted);
}

/* Retry-After in its delay-seconds form (RFC 9110, section 10.2.3); -1 for anything else. */
static double read_delay(struct text value) {
  double seconds = 0;
  if (value.length == 0) return -1;
  for (size_t i = 0; i < value.length; i++) {
    char digit = value.data[i];
    if (digit < '0' || digit > '9') return -1;
    seconds = seconds * 10 + (digit - '0');
    if (seconds > RETRY_AFTER_MOST) return RETRY_AFTER_MOST;
  }
  return seconds;
}

void response_header(struct response *response, struct text name, struct text value) {
  if (is_named(name, "retry-after")) {
    response->retry_after = read_delay(value);
  } else if (is_named(name, "content-type")) {
    response->html = begins_with(value, "text/html");
  }
}
