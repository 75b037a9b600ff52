#include "token.h"

#include <string.h>

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
  char *copy = allocator_take(&token->allocator, value.length);
  if (!copy) return error_set_memory(error);
  memcpy(copy, value.data, value.length);
  token_close(token);
  token->value = copy;
  token->length = value.length;
  token->expires_at = expires_at;
  return true;
}

struct text token_secret(const struct token *token) {
  return (struct text){.data = token->value ? token->value : "", .length = token->length};
}

struct text token_at(const struct token *token, double now) {
  return token->value && now < token->expires_at ? token_secret(token) : (struct text){.data = "", .length = 0};
}

void token_close(struct token *token) {
  buffer_wipe_memory(token->value, token->length);
  allocator_give_back(&token->allocator, token->value, token->length);
  token_open(token, token->allocator);
}
