#include "token.h"

#include <math.h>
#include <string.h>

/* Bytes of a token. Real ones have one or two thousand; servers refuse headers above 8 to 64 KiB. */
enum { TOKEN_MAX = 16 * 1024 };

static const double REFRESH_MAX = 15 * 60; /* seconds before its expiry that a token is refreshed, ... */
static const double REFRESH_PART = 0.1;    /* ... but no more than this part of its life */
static const double RENEWAL_MAX = 60;      /* seconds before its expiry that a token is no longer used */
static const double FAILED_PAUSE = 30;     /* seconds from a failed refresh to the next */
static const double FETCHER_MAX = 60;      /* seconds without a sign of life after which a fetcher is presumed dead */
static const double FETCH_LOOK = 0.1;      /* seconds after which callers that wait for a fetcher check again */

/* A header value must not contain line breaks (RFC 9110, section 5.5), and a bearer token has no spaces (RFC 6750,
 * section 2.1). The message must not contain the token. */
static bool check(struct text value, struct error *error) {
  if (value.length == 0) return error_set(error, ERROR_INVALID, "token: expected at least 1 character, got none");
  if (value.length > TOKEN_MAX) {
    return error_set(error, ERROR_INVALID, "token: expected at most %d characters, got %zu", (int)TOKEN_MAX,
                     value.length);
  }
  size_t printable = text_printable_length(value);
  if (printable < value.length) {
    return error_set(
        error, ERROR_INVALID,
        "token: expected printable ASCII without spaces, line breaks and \"Bearer\", got another character "
        "at position %zu",
        printable + 1);
  }
  return true;
}

void token_open(struct token *token, enum token_source source, struct allocator allocator) {
  *token = (struct token){.allocator = allocator, .source = source, .expires_at = HUGE_VAL, .dropped_at = -HUGE_VAL};
}

/* Wipes and frees the value. */
static void forget_value(struct token *token) {
  buffer_wipe_memory(token->value, token->length);
  allocator_give_back(&token->allocator, token->value, token->length);
  token->value = NULL;
  token->length = 0;
}

bool token_give(struct token *token, struct text value, double asked_at, double expires_in, struct error *error) {
  if (!check(value, error)) return false;
  char *copy = allocator_take(&token->allocator, value.length);
  if (!copy) return error_set_memory(error);
  memcpy(copy, value.data, value.length);
  forget_value(token);
  token->value = copy;
  token->length = value.length;
  token->life = expires_in;
  token->expires_at = asked_at + expires_in;
  token->next_fetch_at = asked_at;
  token->refused = false;
  token->accepted = false;
  return true;
}

bool token_lives(const struct token *token, double now) {
  return token->value && now < token->expires_at;
}

/* Returns how long before its expiry one caller refreshes the token, while the others go on using it. */
static double refresh_window(const struct token *token) {
  double part = REFRESH_PART * token->life;
  return part < REFRESH_MAX ? part : REFRESH_MAX;
}

/* Returns how long before its expiry a token is no longer used; never more than refresh_window, or a token with a
 * short life would not be used at all. */
static double renewal_window(const struct token *token) {
  double window = refresh_window(token);
  return window < RENEWAL_MAX ? window : RENEWAL_MAX;
}

static enum token_step become_fetcher(struct token *token, const void *caller, double now) {
  if (token->fetcher != caller) token->fetches++;
  token->fetcher = caller;
  token->fetcher_until = now + FETCHER_MAX;
  return TOKEN_FETCH;
}

/* Returns what to do about a token that is missing, expired or about to expire. */
static enum token_step renew(struct token *token, const void *caller, unsigned long *awaited, double now,
                             double *wait) {
  bool lives = token_lives(token, now);
  if (token->fetcher && now < token->fetcher_until) {
    *awaited = token->fetches;
    *wait = FETCH_LOOK;
    return TOKEN_WAIT;
  }
  bool told = *awaited > 0 && token->failed >= *awaited; /* the fetch that it waited for has failed */
  *awaited = 0;
  if (now >= token->next_fetch_at) return told && !lives ? TOKEN_REFUSED : become_fetcher(token, caller, now);
  if (lives) return TOKEN_READY;
  if (token->refused) return TOKEN_REFUSED;
  *wait = token->next_fetch_at - now;
  return TOKEN_WAIT;
}

enum token_step token_next(struct token *token, const void *caller, unsigned long *awaited, double now, double *wait) {
  bool lives = token_lives(token, now);
  bool ahead = token->source == TOKEN_FETCHED;
  double left = token->expires_at - now;
  bool due = !lives || (ahead && left <= refresh_window(token));
  if (token->fetcher == caller && due) return become_fetcher(token, caller, now);
  token_release(token, caller); /* a token has arrived from elsewhere */
  if (!lives || (ahead && left <= renewal_window(token))) return renew(token, caller, awaited, now, wait);
  *awaited = 0;
  bool free_to_fetch = !token->fetcher || now >= token->fetcher_until;
  if (due && free_to_fetch && now >= token->next_fetch_at) {
    return become_fetcher(token, caller, now);
  }
  return TOKEN_READY;
}

void token_hold(struct token *token, const void *caller, double until) {
  if (token->fetcher == caller && token->fetcher_until < until) token->fetcher_until = until;
}

double token_put_off(struct token *token, const void *caller, const struct error *reason, double retry_after,
                     double now) {
  double pause = retry_after > 0 ? retry_after : FAILED_PAUSE;
  if (token_release(token, caller)) {
    token->failure = *reason;
    token->refused = false;
    token->next_fetch_at = now + pause;
  }
  return pause;
}

void token_fetch_failed(struct token *token, const void *caller, const struct error *failure, bool refused,
                        double retry_after, double now) {
  double pause = refused || token_lives(token, now) ? FAILED_PAUSE : 0;
  if (!token_release(token, caller)) return;
  token->failed = token->fetches;
  token->failure = *failure;
  token->refused = refused;
  token->next_fetch_at = now + (retry_after > pause ? retry_after : pause);
}

bool token_release(struct token *token, const void *caller) {
  if (token->fetcher != caller) return false;
  token->fetcher = NULL;
  return true;
}

static bool is_value(const struct token *token, struct text value) {
  return text_same(token_value(token), value);
}

bool token_is_new(const struct token *token, struct text value) {
  return !is_value(token, value) && text_hash(value) != token->dropped;
}

void token_accept(struct token *token, struct text value) {
  if (is_value(token, value)) token->accepted = true;
}

bool token_drop(struct token *token, struct text value, double now) {
  if (token->source == TOKEN_GIVEN) return false;
  if (is_value(token, value)) {
    if (!token->accepted && now < token->dropped_at + FAILED_PAUSE) return false;
    forget_value(token);
    token->dropped_at = now;
  }
  token->dropped = text_hash(value);
  return true;
}

struct text token_value(const struct token *token) {
  return (struct text){.data = token->value ? token->value : "", .length = token->length};
}

void token_close(struct token *token) {
  forget_value(token);
  token_open(token, token->source, token->allocator);
}
