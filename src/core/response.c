#include "response.h"

#include <string.h>

/* Seconds: a longer Retry-After is ignored. */
static const double RETRY_AFTER_MAX = 86400;

enum {
  DIGITS_MAX = 15, /* digits of a number in a header: exact in a double */
  DATE_LENGTH = 29 /* bytes */
};

void response_open(struct response *response, int status) {
  *response = (struct response){
      .status = status,
      .retry_seconds = -1,
      .retry_date = -1,
      .date = -1,
      .limit_size = -1,
      .limit_remaining = -1,
      .limit_reset = -1,
      .quota = QUOTA_UNKNOWN,
      .item_count = -1,
      .start = -1,
      .limit = -1,
      .total = -1,
      .expires_in = -1,
  };
}

static char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

/* Returns whether `text` begins with `prefix`, which is in lower case, ignoring case. */
static bool begins_with(struct text text, const char *prefix) {
  size_t length = strlen(prefix);
  if (text.length < length) return false;
  for (size_t i = 0; i < length; i++) {
    if (lower(text.data[i]) != prefix[i]) return false;
  }
  return true;
}

/* Whether a name equals a literal, ignoring case. The length rules out nearly all other names. */
#define IS_NAMED(name, literal) ((name).length == sizeof(literal) - 1 && begins_with(name, literal))

/* Reads a whole number. Returns -1 if the text is anything else. */
static double read_number(struct text value) {
  double number = 0;
  if (value.length == 0 || value.length > DIGITS_MAX) return -1;
  for (size_t i = 0; i < value.length; i++) {
    if (value.data[i] < '0' || value.data[i] > '9') return -1;
    number = number * 10 + (value.data[i] - '0');
  }
  return number;
}

/* Returns the days from 1970-01-01 to a Gregorian date. Years begin in March here, so that a leap day comes last:
 * five months in a row have 153 days, and 1970-01-01 is 719468 days after 0000-03-01. */
static long days_since_1970(long year, long month, long day) {
  if (month <= 2) year--;
  long of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719468;
}

/* Returns the number of a month from its three-letter English name, 0 if there is none. */
static long month_number(const char *name) {
  static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (long i = 0; i < 12; i++) {
    if (memcmp(names + 3 * i, name, 3) == 0) return i + 1;
  }
  return 0;
}

/* Reads a number of `count` digits. Returns -1 if one is not a digit. */
static long digits(const char *text, size_t count) {
  long number = 0;
  for (size_t i = 0; i < count; i++) {
    if (text[i] < '0' || text[i] > '9') return -1;
    number = number * 10 + (text[i] - '0');
  }
  return number;
}

/* Reads a date such as "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate: RFC 9110, section 5.6.7). Returns seconds since
 * 1970, or -1 if the text is anything else. Not with sscanf, which takes 5,000 of the 250,000 instructions of a
 * removal. */
static double read_date(struct text value) {
  static const char form[] = "---, -- --- ---- --:--:-- GMT"; /* dashes stand for the variable parts */
  if (value.length != DATE_LENGTH) return -1;
  for (size_t i = 0; i < DATE_LENGTH; i++) {
    if (form[i] != '-' && form[i] != value.data[i]) return -1;
  }
  long day = digits(value.data + 5, 2);
  long month = month_number(value.data + 8);
  long year = digits(value.data + 12, 4);
  long hour = digits(value.data + 17, 2);
  long minute = digits(value.data + 20, 2);
  long second = digits(value.data + 23, 2);
  if (day < 0 || month == 0 || year < 1970 || hour < 0 || minute < 0 || second < 0) return -1;
  return (double)days_since_1970(year, month, day) * 86400 + (double)(hour * 3600 + minute * 60 + second);
}

/* Returns the text before the next `separator`, and removes both from `rest`. */
static struct text next_part(struct text *rest, char separator) {
  const char *end = rest->length ? memchr(rest->data, separator, rest->length) : NULL;
  struct text part = {.data = rest->data, .length = end ? (size_t)(end - rest->data) : rest->length};
  size_t used = end ? part.length + 1 : part.length;
  rest->data += used;
  rest->length -= used;
  return part;
}

/* Reads "b=per_hour;q=10;r=7;t=3540,b=per_day;..." */
static void read_quota(struct quota *quota, struct text value) {
  while (value.length > 0) {
    struct text span_text = next_part(&value, ',');
    struct text name = next_part(&span_text, ';');
    struct quota_span *span = text_equals(name, "b=per_hour")  ? &quota->per_hour
                              : text_equals(name, "b=per_day") ? &quota->per_day
                                                               : NULL;
    while (span && span_text.length > 0) {
      struct text part = next_part(&span_text, ';');
      struct text number = part;
      struct text key = next_part(&number, '=');
      long long read = (long long)read_number(number);
      if (text_equals(key, "q")) span->quota = read;
      if (text_equals(key, "r")) span->remaining = read;
      if (text_equals(key, "t")) span->reset = read;
    }
  }
}

void response_header(struct response *response, struct text name, struct text value) {
  if (IS_NAMED(name, "retry-after")) {
    response->retry_seconds = read_number(value);
    response->retry_date = read_date(value);
  } else if (IS_NAMED(name, "date")) {
    response->date = read_date(value);
  } else if (IS_NAMED(name, "x-ratelimit-limit")) {
    response->limit_size = read_number(value);
  } else if (IS_NAMED(name, "x-ratelimit-remaining")) {
    response->limit_remaining = read_number(value);
  } else if (IS_NAMED(name, "x-ratelimit-reset")) {
    response->limit_reset = read_number(value);
  } else if (IS_NAMED(name, "auth0-client-quota-limit")) {
    read_quota(&response->quota, value);
  } else if (IS_NAMED(name, "content-type")) {
    response->html = begins_with(value, "text/html");
  }
}

double response_retry_after(const struct response *response) {
  double seconds = response->retry_seconds;
  if (seconds < 0 && response->retry_date >= 0 && response->date >= 0) seconds = response->retry_date - response->date;
  return seconds >= 0 && seconds <= RETRY_AFTER_MAX ? seconds : -1;
}
