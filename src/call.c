#include "call.h"

/* Items asked for on each page of a list: the most that the API gives (OpenAPI, `per_page`). */
enum { PER_PAGE = 100 };

/* How much earlier than ours a driver's clock may see a deadline pass, in seconds: libcurl's is another one
 * (CLOCK_MONOTONIC_RAW). A request's timeout within this time of the deadline is the deadline's. */
static const double CLOCK_DIFFERENCE = 0.01;

void call_open(struct call *call, struct client *client, const struct operation *operation) {
  *call = (struct call){.client = client, .operation = operation, .timeout = client->timeout, .per_page = PER_PAGE};
  request_open(&call->request, operation, client->allocator);
}

void call_begin(struct call *call, double now) {
  if (call->begun) return;
  call->begun = true;
  call->deadline = now + call->timeout;
}

/* Ends the call with the error that is in `call->error`, or with success; nothing of its request is left. */
static enum call_step finish(struct call *call) {
  call->state = CALL_FINISHED;
  call->error.attempts = call->attempts;
  request_close(&call->request);
  return CALL_DONE;
}

static enum call_step finish_late(struct call *call) {
  error_set(&call->error, ERROR_TIMEOUT, "not done within the timeout of %g s", call->timeout);
  return finish(call);
}

/* Lets the request leave. */
static enum call_step send_request(struct call *call, struct text token, double now) {
  const struct client *client = call->client;
  struct request_frame frame = {.domain = client->domain.data, .agent = client->agent.data, .token = token};
  struct request_page page = {.number = call->received / call->per_page, .per_page = call->per_page};
  const struct request_page *asked = call->operation->answer == ANSWER_LIST ? &page : NULL;
  if (!request_address(&call->request, &frame, asked, &call->error)) return finish(call);

  double left = call->deadline - now;
  call->request.time_limit = left < client->request_timeout ? left : client->request_timeout;
  call->request.connect_limit = left < client->connect_timeout ? left : client->connect_timeout;
  call->attempts++;
  call->state = CALL_SENDING;
  return CALL_SEND;
}

/* Ends the call if there is no client any more. */
static bool check_client(struct call *call, double now) {
  if (call->client->open) return true;
  call_fail(call, &(struct failure){.kind = FAILURE_CLOSED, .message = "the client is closed"}, now);
  return false;
}

enum call_step call_next(struct call *call, double now) {
  if (call->state == CALL_FINISHED || !check_client(call, now)) return CALL_DONE;
  call_begin(call, now);
  double left = call->deadline - now;
  if (left <= 0) return finish_late(call);

  struct text token = token_at(&call->client->token, now);
  if (token.length == 0) return CALL_AUTHORIZE;

  double wait = bucket_wait(&call->client->bucket, now);
  if (wait > 0) {
    call->wait = wait < left ? wait : left;
    return CALL_WAIT;
  }
  return send_request(call, token, now);
}

/* Ends the call: the pages of its list do not fit together, and a part must not pass for the whole. */
static bool refuse_page(struct call *call, const struct response *page) {
  error_set(&call->error, ERROR_PROTOCOL,
            "a page of the list has %lld items from %lld on, of %lld, where item %lld was to follow", page->item_count,
            page->start, page->total, call->received);
  call->error.status = page->status;
  finish(call);
  return false;
}

/* The page size to number the next page by: what the tenant gives, which may be less than what was asked for. */
static long long next_page_size(const struct call *call, const struct response *page) {
  long long size = call->per_page;
  if (page->limit > 0 && page->limit < size) size = page->limit;
  if (page->item_count > 0 && page->item_count < size) size = page->item_count;
  return size;
}

/* Takes note of a page. It may begin with items that are here already, but never after a gap. One that brings nothing
 * new, where more is to come, is asked for again in the smaller size that it turned out to have. */
static bool take_page(struct call *call, const struct response *page) {
  long long asked = call->received / call->per_page * call->per_page;
  long long start = page->start >= 0 ? page->start : asked;
  long long end = start + page->item_count;
  bool grows = end > call->received;
  bool more = page->total >= 0 ? page->total > (grows ? end : call->received) : grows || start < asked;
  long long size = next_page_size(call, page);
  if (start > call->received || (more && !grows && size == call->per_page)) return refuse_page(call, page);
  call->skip = call->received - start;
  if (grows) call->received = end;
  if (more) {
    call->per_page = size;
    call->attempts = 0;
    call->state = CALL_DECIDING;
  } else {
    finish(call);
  }
  return grows;
}

bool call_feed(struct call *call, const struct response *response, double now) {
  (void)now;
  if (call->state != CALL_SENDING) return false;
  if (retry_response(call->operation, response, call->request.secret, &call->error) == RETRY_GIVE_UP) {
    finish(call);
    return false;
  }
  if (call->operation->answer == ANSWER_LIST) return take_page(call, response);
  finish(call);
  return false;
}

/* What must not show up in a message: the token that was sent, or the one that would be. */
static struct text secret_of(const struct call *call) {
  return call->request.secret.length > 0 ? call->request.secret : token_secret(&call->client->token);
}

void call_fail(struct call *call, const struct failure *failure, double now) {
  if (call->state != CALL_FINISHED) call_abort(call, failure, now);
}

void call_abort(struct call *call, const struct failure *failure, double now) {
  retry_failure(call->operation, failure, secret_of(call), &call->error);
  bool late = failure->kind == FAILURE_TIMEOUT && call->begun && now >= call->deadline - CLOCK_DIFFERENCE;
  if (late) {
    bool maybe_applied = call->error.maybe_applied;
    finish_late(call);
    call->error.maybe_applied = maybe_applied;
  } else {
    finish(call);
  }
}

void call_authorize(struct call *call, struct text token, double expires_in, double now) {
  if (call->state != CALL_DECIDING || !check_client(call, now)) return;
  if (!(expires_in > 0)) {
    error_set(&call->error, ERROR_TOKEN, "the token has expired already");
    finish(call);
  } else if (!token_give(&call->client->token, token, now + expires_in, &call->error)) {
    if (call->error.kind == ERROR_INVALID) call->error.kind = ERROR_TOKEN;
    finish(call);
  }
}

void call_close(struct call *call) {
  if (call->client) request_close(&call->request);
}
