#include "retry.h"

#include <string.h>

/* errorCode of the 400 for a token that is not a JWT (observed at real tenants). */
static const char CODE_NOT_A_TOKEN[] = "Bearer";

/* The status of responses that never have a body (RFC 9110, section 15.3.5). */
enum { STATUS_NO_CONTENT = 204 };

/* The upper bound of the first pause, which doubles with each retry, and bounds of all pauses, in seconds. */
static const double PAUSE_FIRST = 0.25;
static const double PAUSE_MAX = 20;
static const double PAUSE_MIN = 0.001;

/* Returns the message for an error status whose body has none. */
static const char *status_words(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return status >= 500 ? "server error" : "client error";
  }
}

static enum error_kind kind_of_status(const struct response *response) {
  if (response->status == 401) return ERROR_TOKEN;
  if (response->status == 400 && text_equals(response->code, CODE_NOT_A_TOKEN)) return ERROR_TOKEN;
  if (response->status == 429) return ERROR_LIMIT;
  return ERROR_API;
}

/* Returns whether a write may have taken effect despite this status: if the server failed or gave up waiting, or if the
 * API never sends this status. */
static bool maybe_applied(int status) {
  return status >= 500 || status == 408 || (status >= 200 && status < 300);
}

/* Sets the error for a status of 400 or above. */
static void describe_refusal(const struct response *response, struct text secret, struct error *error) {
  error_set(error, kind_of_status(response), "%s%s", status_words(response->status),
            response->html ? " (an HTML page, not an API response)" : "");
  error_quote_code(error, response->code, secret);
  if (response->message.length > 0) error_quote_message(error, response->message, secret);
}

/* Sets the error for a response that is not an error but not what the operation expects either. */
static void describe_unexpected(const struct operation *operation, const struct response *response,
                                struct error *error) {
  if (!operation_succeeds(operation, response->status)) {
    error_set(error, ERROR_PROTOCOL, "expected status %d, got %d%s", operation->success, response->status,
              response->html ? " (an HTML page)" : "");
  } else if (response->body == RESPONSE_LARGE) {
    error_set(error, ERROR_PROTOCOL, "the response would take more than %d MiB of memory",
              (int)(RESPONSE_MEMORY_MAX / (1024 * 1024)));
  } else if (operation->result == RESULT_NOTHING) {
    error_set(error, ERROR_PROTOCOL, "the response is %s", response->html ? "an HTML page" : "not JSON");
  } else if (operation->result == RESULT_ARRAY) {
    error_set(error, ERROR_PROTOCOL, "the response is not a JSON array%s", response->html ? " but an HTML page" : "");
  } else if (response->body != RESPONSE_OBJECT) {
    error_set(error, ERROR_PROTOCOL, "the response is not a JSON object%s", response->html ? " but an HTML page" : "");
  } else {
    error_set(error, ERROR_PROTOCOL, "the response has no list of objects named \"%s\"", operation->list_name);
  }
}

/* Returns whether another attempt may succeed after this status. */
static bool is_passing(int status) {
  return status == 408 || (status >= 500 && status != 501 && status != 505);
}

/* Returns whether a response without a result comes from the API: its body is empty or JSON. Maintenance pages,
 * login pages and captive portals respond with 200 too, but not with 204, which has no content. */
static bool is_from_api(const struct response *response) {
  if (response->status == STATUS_NO_CONTENT) return true;
  return !response->html && response->body != RESPONSE_OTHER;
}

/* Returns whether a successful response has the form that the operation expects. */
static bool has_form(const struct operation *operation, const struct response *response) {
  switch (operation->result) {
    case RESULT_NOTHING: return is_from_api(response);
    case RESULT_LIST:
    case RESULT_ARRAY: return response->item_count >= 0;
    case RESULT_OBJECT: return response->body == RESPONSE_OBJECT;
  }
  return false;
}

enum retry_verdict retry_response(const struct operation *operation, const struct response *response,
                                  struct text secret, struct error *error) {
  if (operation_succeeds(operation, response->status) && has_form(operation, response)) return RETRY_DONE;
  if (response->status >= 400) {
    describe_refusal(response, secret, error);
  } else {
    describe_unexpected(operation, response, error);
  }
  error->status = response->status;
  error->retry_after = response_retry_after(response);
  error->maybe_applied = operation_writes(operation) && maybe_applied(response->status);
  if (error->kind == ERROR_LIMIT) return RETRY_LIMITED;
  if (response->status == 401) return RETRY_NEW_TOKEN;
  return is_passing(response->status) && !operation->creates ? RETRY_AGAIN : RETRY_GIVE_UP;
}

static enum error_kind kind_of_failure(enum failure_kind kind) {
  switch (kind) {
    case FAILURE_CONNECT:
    case FAILURE_TLS:
    case FAILURE_TRANSPORT: return ERROR_TRANSPORT;
    case FAILURE_TIMEOUT: return ERROR_TIMEOUT;
    case FAILURE_PROTOCOL: return ERROR_PROTOCOL;
    case FAILURE_TOKEN: return ERROR_TOKEN;
    case FAILURE_MEMORY: return ERROR_MEMORY;
    case FAILURE_CANCELED: return ERROR_CANCELED;
    case FAILURE_CLOSED: return ERROR_CLOSED;
  }
  return ERROR_TRANSPORT;
}

/* Sets the error for a failure. Returns whether another attempt may succeed. */
static bool describe_failure(const struct failure *failure, struct text secret, struct error *error) {
  error_set(error, kind_of_failure(failure->kind), "%s", "");
  error_quote_message(error, (struct text){.data = failure->message, .length = strlen(failure->message)}, secret);
  return failure->kind == FAILURE_CONNECT || failure->kind == FAILURE_TIMEOUT || failure->kind == FAILURE_TRANSPORT;
}

enum retry_verdict retry_failure(const struct operation *operation, const struct failure *failure, struct text secret,
                                 struct error *error) {
  bool passing = describe_failure(failure, secret, error);
  error->maybe_applied = operation_writes(operation) && failure->maybe_read;
  return passing && (!operation->creates || !failure->maybe_read) ? RETRY_AGAIN : RETRY_GIVE_UP;
}

/* Returns whether the token endpoint itself refuses (RFC 6749, section 5.2), so that another attempt is pointless.
 * Anything else without a token comes from something in front of it, or is temporary. */
static bool is_token_refusal(const struct response *response) {
  return !response->html && (response->status == 400 || response->status == 401 || response->status == 403);
}

enum retry_verdict retry_token_response(const struct response *response, struct text secret, struct error *error) {
  bool has_token = response->status == 200 && response->access_token.length > 0;
  bool has_expired = has_token && response->expires_in == 0; /* another attempt would be billed as another token */
  if (has_token && !has_expired) return RETRY_DONE;
  if (has_expired) {
    error_set(error, ERROR_TOKEN, "the token endpoint returned an invalid expires_in; expected a number > 0");
  } else if (response->status >= 400) {
    describe_refusal(response, secret, error);
    if (error->kind != ERROR_LIMIT) error->kind = ERROR_TOKEN;
  } else {
    error_set(error, ERROR_TOKEN, "the token endpoint responded with status %d and no token%s", response->status,
              response->html ? " (an HTML page)" : "");
  }
  error_locate(error, "access token", ": ");
  error->status = response->status;
  error->retry_after = response_retry_after(response);
  error->quota = response->quota;
  if (error->kind == ERROR_LIMIT) return RETRY_LIMITED;
  return has_expired || is_token_refusal(response) ? RETRY_GIVE_UP : RETRY_AGAIN;
}

enum retry_verdict retry_token_failure(const struct failure *failure, struct text secret, struct error *error) {
  bool passing = describe_failure(failure, secret, error) || failure->kind == FAILURE_PROTOCOL;
  error_locate(error, "access token", ": ");
  return passing ? RETRY_AGAIN : RETRY_GIVE_UP;
}

/* Returns a random number from 0 to 1, good enough for jitter (xorshift64: Marsaglia, 2003). */
static double next_random(uint64_t *random) {
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  return (double)(*random >> 11) / 9007199254740992.0; /* 2^53 */
}

double retry_pause(int number, uint64_t *random) {
  double range = PAUSE_FIRST;
  while (number-- > 0 && range < PAUSE_MAX) range *= 2;
  if (range > PAUSE_MAX) range = PAUSE_MAX;
  double pause = range * next_random(random);
  return pause > PAUSE_MIN ? pause : PAUSE_MIN;
}
