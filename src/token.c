#include "token.h"

#include <string.h>

static const char HEADER_START[] = "Authorization: Bearer ";
enum { START_LENGTH = sizeof HEADER_START - 1 };

/* The longest token, in bytes. Real ones have one or two thousand; servers refuse headers of more than 8 to 64 KiB. */
enum { TOKEN_MOST = 16 * 1024 };

void token_open(struct token *token, struct allocator allocator) {
  *token = (struct token){.allocator = allocator};
}

/* A header's value must not end the header (RFC 9110, section 5.5), and a bearer token has no spaces
 * (RFC 6750, section 2.1). The token itself must not show up in the message. */
static bool check(struct text value, struct error *error) {
  if (value.length == 0) return error_set(error, ERROR_INVALID, "token: at least 1 character expected, got none");
  if (value.length > TOKEN_MOST) {
    return error_set(error, ERROR_INVALID, "token: at most %d characters expected, got %zu", (int)TOKEN_MOST,
                     value.length);
  }
  for (size_t i = 0; i < value.length; i++) {
    if (value.data[i] <= ' ' || value.data[i] > '~') {
      return error_set(error, ERROR_INVALID,
                       "token: printable ASCII without spaces expected, character %zu is not (a line end at its "
                       "end, perhaps)",
                       i + 1);
    }
  }
  return true;
}

bool token_give(struct token *token, struct text value, double expires_at, struct error *error) {
  if (!check(value, error)) return false;
  size_t size = START_LENGTH + value.length + 1;
  char *header = allocator_take(&token->allocator, size);
  if (!header) return error_set_memory(error);
  memcpy(header, HEADER_START, START_LENGTH);
  memcpy(header + START_LENGTH, value.data, value.length);
  header[size - 1] = '\0';
  token_close(token);
  token->header = header;
  token->header_size = size;
  token->expires_at = expires_at;
  return true;
}

const char *token_header(const struct token *token, double now) {
  return token->header && now < token->expires_at ? token->header : NULL;
}

struct text token_secret(const struct token *token) {
  if (!token->header) return (struct text){.data = "", .length = 0};
  return (struct text){.data = token->header + START_LENGTH, .length = token->header_size - START_LENGTH - 1};
}

void token_close(struct token *token) {
  buffer_wipe_memory(token->header, token->header_size);
  allocator_give_back(&token->allocator, token->header, token->header_size);
  token_open(token, token->allocator);
}
