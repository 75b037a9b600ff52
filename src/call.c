#include "call.h"

/* How much earlier than ours a driver's clock may see a deadline pass, in seconds: libcurl's is another one
 * (CLOCK_MONOTONIC_RAW). A request's timeout within this time of the deadline is the deadline's. */
static const double CLOCK_DIFFERENCE = 0.01;

void call_open(struct call *call, struct client *client, const struct operation *operation) {
  *call = (struct call){.client = client, .operation = operation, .timeout = client->timeout};
  pages_open(&call->pages, client->allocator);
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
  call->more = false;
  request_close(&call->request);
  pages_close(&call->pages);
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
  struct request_page page = pages_next(&call->pages, call->operation);
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

/* Has the call wait for call_resume. Nothing secret stays meanwhile. */
static void rest(struct call *call) {
  call->state = CALL_FINISHED;
  call->error.attempts = call->attempts;
  call->more = true;
  request_rest(&call->request);
}

/* Takes note of a page; returns whether its items are to be kept. */
static bool take_page(struct call *call, const struct response *page) {
  switch (pages_take(&call->pages, call->operation, page, &call->error)) {
    case PAGES_REFUSED: finish(call); return false;
    case PAGES_LAST: finish(call); break;
    case PAGES_MORE:
      if (call->by_page) {
        rest(call);
      } else {
        call->attempts = 0;
        call->state = CALL_DECIDING;
      }
  }
  return page->item_count > call->pages.skip;
}

void call_resume(struct call *call) {
  if (!call->more) return;
  call->more = false;
  call->begun = false;
  call->attempts = 0;
  call->state = CALL_DECIDING;
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
  return call->operation->answer != ANSWER_NOTHING;
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
  if (!call->client) return;
  request_close(&call->request);
  pages_close(&call->pages);
}
