#include "receiver.h"

#include <string.h>

enum { HEADERS_MAX = 64 * 1024 /* bytes of all headers of a response, including those of 1xx responses */ };

static const char STATUS_LINE[] = "HTTP/"; /* how it begins */

void receiver_open(struct receiver *receiver, struct response *response, struct buffer *body) {
  *receiver = (struct receiver){.response = response, .body = body};
  response_open(response, 0);
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Passes "Name: value" to the core. */
static void note_header(struct response *response, const char *line, size_t length) {
  const char *colon = memchr(line, ':', length);
  if (!colon) return;
  const char *value = colon + 1;
  const char *end = line + length;
  while (value < end && is_space(*value)) value++;
  while (end > value && is_space(end[-1])) end--;
  response_header(response, (struct text){.data = line, .length = (size_t)(colon - line)},
                  (struct text){.data = value, .length = (size_t)(end - value)});
}

/* Whether a status line has a status of 1xx. */
static bool is_informational(const char *line, size_t length) {
  const char *space = memchr(line, ' ', length);
  return space && space + 1 < line + length && space[1] == '1';
}

/* Whether a line ends the headers. */
static bool is_empty(const char *line, size_t length) {
  return line[0] == '\n' || (length > 1 && line[0] == '\r' && line[1] == '\n');
}

bool receiver_take_header(struct receiver *receiver, const char *line, size_t length) {
  receiver->header_bytes += length;
  if (receiver->header_bytes > HEADERS_MAX) {
    receiver->refusal = "the response headers are larger than 64 KiB";
    return false;
  }
  if (length >= strlen(STATUS_LINE) && memcmp(line, STATUS_LINE, strlen(STATUS_LINE)) == 0) {
    response_open(receiver->response, 0); /* what a 1xx response said does not count */
    receiver->informational = is_informational(line, length);
  } else if (is_empty(line, length)) {
    receiver->whole_headers = !receiver->informational;
  } else if (receiver->body->length == 0) { /* not a trailer */
    note_header(receiver->response, line, length);
  }
  return true;
}

bool receiver_take_body(struct receiver *receiver, const char *data, size_t length) {
  buffer_append(receiver->body, data, length);
  if (receiver->body->state == BUFFER_FULL) receiver->refusal = "the response body is larger than 8 MiB";
  return receiver->body->state == BUFFER_GOOD;
}
