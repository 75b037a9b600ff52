#include "call.h"

#include <math.h>

/* Seconds by which a driver's clock may be ahead of ours: libcurl uses CLOCK_MONOTONIC_RAW. If a request times out
 * within this time of the deadline, the deadline has passed. */
static const double CLOCK_DIFFERENCE = 0.01;

/* Seconds after which a call checks again whether an earlier write to the same user has ended. */
static const double WRITER_LOOK = 0.1;

/* Seconds after which a call that waits for the rate limit checks again: another call's response may have shortened the
 * wait. */
static const double RATE_LOOK = 0.25;

/* Seconds of the shortest wait for the rate limit. A shorter one may vanish when it is added to the time, so that a
 * caller that waits for the sum would ask forever. */
static const double RATE_WAIT_MIN = 0.000001;

/* Seconds that refreshing a token may take while the old one is still valid: the call still has to send its own
 * request. */
static const double REFRESH_LIMIT = 10;

/* Bytes of the last attempt's message in the message of a timeout. */
enum { LAST_MESSAGE_MAX = 300 };

/* Seconds after its request's timeout, or the end of its pause, after which a fetcher is presumed dead. */
static const double FETCHER_GRACE = 30;

void call_open(struct call *call, struct client *client, const struct operation *operation) {
  *call = (struct call){.client = client, .operation = operation, .timeout = client->timeout};
  pages_open(&call->pages, client->allocator);
  request_open(&call->request, operation, client->allocator);
}

void call_begin(struct call *call, double now) {
  if (call->begun) return;
  call->begun = true;
  call->deadline = now + call->timeout;
  call->not_before = now;
  struct text subject = request_subject(&call->request);
  if (!operation_writes(call->operation) || subject.length == 0) return;
  call->writer = (struct writer){.key = subject, .until = call->deadline, .owner = call};
  writers_join(&call->client->writers, &call->writer);
}

struct request *call_request(struct call *call) {
  return call->token_request ? call->token_request : &call->request;
}

static void close_token_request(struct call *call) {
  if (!call->token_request) return;
  request_close(call->token_request);
  allocator_give_back(&call->client->allocator, call->token_request, sizeof *call->token_request);
  call->token_request = NULL;
}

/* Wakes the next writer to the same user. If its driver has dropped it, it may never run again, so the writer behind it
 * is woken too. */
static void wake_next(const struct client *client, const struct writer *writer) {
  const struct writer *next = writers_next(writer);
  while (next && !client->wake(next->owner)) next = writers_next(next);
}

/* Gives up what the call holds: its turn to write, and to fetch a token. */
static void release(struct call *call) {
  struct client *client = call->client;
  if (call->state == CALL_SENDING && !call->token_request) {
    bucket_lost(&client->bucket);
  }
  if (token_release(&client->token, call)) client->changes++;
  if (writers_leave(&client->writers, &call->writer) && client->wake) wake_next(client, &call->writer);
  close_token_request(call);
}

/* Ends the call with `call->error`, which may be success, and frees its request. */
static enum call_step finish(struct call *call) {
  release(call);
  call->state = CALL_FINISHED;
  call->error.attempts = call->attempts;
  call->error.maybe_applied = call->error.kind != ERROR_NONE && (call->error.maybe_applied || call->maybe_applied);
  call->more = false;
  request_close(&call->request);
  pages_close(&call->pages);
  return CALL_DONE;
}

static enum call_step succeed(struct call *call) {
  call->error = (struct error){.kind = ERROR_NONE};
  return finish(call);
}

/* Returns what the call was waiting for, for a message; "" if nothing worth mentioning. */
static const char *reason_of(const struct call *call) {
  switch (call->waits_for) {
    case CALL_WAITS_FOR_WRITER: return " while waiting for an earlier change to the same user or role";
    case CALL_WAITS_FOR_TOKEN: return " while waiting for an access token";
    case CALL_WAITS_FOR_RATE: return " while waiting for the rate limit";
    case CALL_WAITS_FOR_NOTHING:
    case CALL_WAITS_FOR_TIME: break;
  }
  return "";
}

/* Ends the call at its deadline. The message says what held it up. */
static enum call_step time_out(struct call *call) {
  struct error last = call->error;
  if (last.kind == ERROR_NONE) {
    error_set(&call->error, ERROR_TIMEOUT, "timed out after %g s%s", call->timeout, reason_of(call));
  } else {
    error_set(&call->error, ERROR_TIMEOUT, "timed out after %g s; last attempt: %.*s", call->timeout,
              (int)LAST_MESSAGE_MAX, last.message);
    call->error.status = last.status;
    call->error.retry_after = last.retry_after;
    call->error.maybe_applied = last.maybe_applied;
  }
  return finish(call);
}

/* Returns the secret to redact from messages: of a token request the client's secret, otherwise the token that was or
 * would be sent. A closed client has wiped its secrets; no message from outside is quoted after that. */
static struct text secret_of(const struct call *call) {
  if (!call->client->open) return (struct text){.length = 0};
  if (call->token_request) return call->token_request->secret;
  return call->request.secret.length > 0 ? call->request.secret : token_value(&call->client->token);
}

static enum call_step wait(struct call *call, enum call_waits_for what, double seconds, double now) {
  double left = call->deadline - now;
  call->supplied = false;
  call->waits_for = what;
  call->wait = seconds < left ? seconds : left;
  return CALL_WAIT;
}

/* Waits for the rate limit; another call's response may end the wait earlier. */
static enum call_step wait_for_rate(struct call *call, double now) {
  double seconds = fmax(fmin(bucket_wait(&call->client->bucket, now), RATE_LOOK), RATE_WAIT_MIN);
  return wait(call, CALL_WAITS_FOR_RATE, seconds, now);
}

/* Sends a request, with `limit` seconds or what is left of the call's time. */
static enum call_step send(struct call *call, struct request *request, double limit, double now) {
  const struct client *client = call->client;
  double left = call->deadline - now;
  request->time_limit = left < limit ? left : limit;
  request->connect_limit =
      request->time_limit < client->connect_timeout ? request->time_limit : client->connect_timeout;
  call->sent_at = now;
  call->waits_for = CALL_WAITS_FOR_NOTHING;
  call->state = CALL_SENDING;
  return CALL_SEND;
}

/* Sends the operation's own request. */
static enum call_step send_request(struct call *call, double now) {
  struct client *client = call->client;
  struct request_frame frame = {
      .domain = client->domain.data, .agent = client->agent.data, .token = token_value(&client->token)};
  struct request_page page = pages_next(&call->pages, call->operation);
  const struct request_page *asked = call->operation->result == RESULT_LIST ? &page : NULL;
  if (!request_address(&call->request, &frame, asked, &call->error)) return finish(call);
  call->ticket = bucket_sent(&client->bucket, now);
  call->attempts++;
  call->fetched = call->supplied = call->may_fetch = false;
  return send(call, &call->request, client->request_timeout, now);
}

/* Makes the token request. Returns false if memory runs out or an assertion cannot be signed. */
static bool open_token_request(struct call *call) {
  struct client *client = call->client;
  struct request_frame frame = {.domain = client->domain.data, .agent = client->agent.data, .token = {"", 0}};
  struct request *request = allocator_take(&client->allocator, sizeof *request);
  if (!request) return error_set_memory(&call->error);
  call->token_request = request;
  return request_open_token(request, client->allocator, &call->error) &&
         credentials_write(&client->credentials, request, client->epoch ? client->epoch() : 0, &call->error) &&
         request_address(request, &frame, NULL, &call->error);
}

/* Sends a token request. A refresh ahead of time must leave enough time for the call's own request. */
static enum call_step send_token_request(struct call *call, double now) {
  const struct client *client = call->client;
  bool ahead = token_lives(&client->token, now);
  close_token_request(call);
  if (!open_token_request(call)) {
    if (call->error.kind == ERROR_INVALID) call->error.kind = ERROR_TOKEN;
    return finish(call);
  }
  double limit = client->request_timeout;
  if (ahead) limit = fmin(limit, fmin(REFRESH_LIMIT, (call->deadline - now) / 2));
  token_hold(&call->client->token, call, now + limit + FETCHER_GRACE);
  return send(call, call->token_request, limit, now);
}

/* Asks the host program for a token. If the one it has just supplied has already expired, the call ends: the next one
 * would most likely be the same. */
static enum call_step ask_host(struct call *call) {
  if (!call->supplied) return CALL_AUTHORIZE;
  error_set(&call->error, ERROR_TOKEN, "the supplied token expired at once");
  return finish(call);
}

/* Fetches a token. If tokens are shared, another process may have one. */
static enum call_step fetch(struct call *call, double now) {
  if (call->client->token.source != TOKEN_FETCHED) return ask_host(call);
  if (call->client->share_tokens && !call->may_fetch) return CALL_AUTHORIZE;
  return send_token_request(call, now);
}

/* Ends a fetch, successful or not. */
static void end_fetch(struct call *call) {
  call->client->changes++;
  call->to_share = call->may_fetch;
  call->may_fetch = false;
}

/* Ends the call with the reason why there is no token. */
static enum call_step refuse_token(struct call *call) {
  call->error = call->client->token.failure;
  return finish(call);
}

/* Ends the call with the error of an earlier 429, whose Retry-After exceeds the deadline. */
static enum call_step refuse_limit(struct call *call, double retry_after) {
  call->error = call->client->refusal;
  call->error.retry_after = retry_after;
  return finish(call);
}

/* Ends the call if the client was closed. Returns whether it is open. */
static bool check_client(struct call *call, double now) {
  if (call->client->open) return true;
  call_fail(call, &(struct failure){.kind = FAILURE_CLOSED, .message = "the client is closed"}, now);
  return false;
}

enum call_step call_next(struct call *call, double now) {
  if (call->state == CALL_FINISHED || !check_client(call, now)) return CALL_DONE;
  call_begin(call, now);
  struct client *client = call->client;
  if (call->to_share) {
    call->to_share = false;
    return CALL_SHARE;
  }
  if (now >= call->deadline) return time_out(call);
  double shut_until = bucket_shut_until(&client->bucket, now);
  if (shut_until >= call->deadline) return refuse_limit(call, shut_until - now);
  if (shut_until > now) return wait_for_rate(call, now);
  if (now < call->not_before) return wait(call, CALL_WAITS_FOR_TIME, call->not_before - now, now);
  if (writers_ahead(&call->writer, now)) return wait(call, CALL_WAITS_FOR_WRITER, WRITER_LOOK, now);
  double seconds = 0;
  bool fresh = call->fetched && token_lives(&client->token, now);
  switch (fresh ? TOKEN_READY : token_next(&client->token, call, &call->awaited, now, &seconds)) {
    case TOKEN_FETCH: return fetch(call, now);
    case TOKEN_WAIT:
      if (!client->token.fetcher && now + seconds >= call->deadline) return refuse_token(call);
      return wait(call, CALL_WAITS_FOR_TOKEN, seconds, now);
    case TOKEN_REFUSED: return refuse_token(call);
    case TOKEN_READY: break;
  }
  return bucket_wait(&client->bucket, now) > 0 ? wait_for_rate(call, now) : send_request(call, now);
}

/* Retries the request after a pause if there is a retry and time left for it; otherwise ends the call with its
 * error. */
static void retry(struct call *call, double pause, double now) {
  if (call->retries >= call->client->max_retries || now + pause >= call->deadline) {
    finish(call);
    return;
  }
  call->retries++;
  call->not_before = now + pause;
  call->state = CALL_DECIDING;
}

/* Returns the pause before the next attempt: what the tenant asks for, or a random one that grows with each retry. */
static double next_pause(struct call *call) {
  double asked = call->error.retry_after;
  return asked > 0 ? asked : retry_pause(call->retries, &call->client->random);
}

/* Finishes the call until call_resume. No secret is kept in the meantime. */
static void suspend(struct call *call) {
  call->state = CALL_FINISHED;
  call->error = (struct error){.kind = ERROR_NONE, .attempts = call->attempts};
  call->more = true;
  request_wipe_token(&call->request);
}

/* Takes a page of a list. Returns whether to keep its items. */
static bool take_page(struct call *call, const struct response *page) {
  switch (pages_take(&call->pages, call->operation, page, &call->error)) {
    case PAGES_REFUSED: finish(call); return false;
    case PAGES_LAST: succeed(call); break;
    case PAGES_MORE:
      if (call->by_page) {
        suspend(call);
      } else {
        call->attempts = call->retries = 0;
        call->renewed = false;
        call->error = (struct error){.kind = ERROR_NONE};
        call->state = CALL_DECIDING;
      }
  }
  return page->item_count > call->pages.skip;
}

void call_resume(struct call *call) {
  if (!call->more) return;
  call->more = false;
  call->begun = false;
  call->pages.memory = 0; /* earlier pages belong to the caller */
  call->attempts = call->retries = 0;
  call->renewed = false;
  call->state = CALL_DECIDING;
}

/* Records the newest response for the `info` method. */
static void note_response(struct call *call, const struct response *response) {
  call->last.status = response->status;
  call->last.limit = response->limit_size;
  call->last.remaining = response->limit_remaining;
  call->last.reset = response->limit_reset;
}

/* Passes the rate-limit headers to the bucket. */
static void note_rate(struct call *call, const struct response *response, double now) {
  struct bucket_response limits = {
      .ticket = call->ticket,
      .refused = response->status == 429,
      .limit = response->limit_size,
      .remaining = response->limit_remaining,
      .retry_after = response_retry_after(response),
  };
  bucket_received(&call->client->bucket, &limits, now);
  call->client->changes++;
}

/* The tenant rejected the token. Replaces it, once, if it can be replaced. */
static void replace_token(struct call *call, double now) {
  if (call->renewed || !token_drop(&call->client->token, call->request.secret, now)) {
    finish(call);
    return;
  }
  call->renewed = true;
  call->awaited = 0;
  call->state = CALL_DECIDING;
}

/* The rate limit refused the request, which does not count as a retry. Waits for the limit, unless the tenant asks
 * to wait beyond the deadline. */
static void wait_for_turn(struct call *call, double now) {
  call->client->refusal = call->error;
  if (now + call->error.retry_after >= call->deadline) {
    finish(call);
  } else {
    call->state = CALL_DECIDING;
  }
}

/* The token endpoint's rate limit or quota postpones the fetch, for all calls. */
static void put_off_fetch(struct call *call, double now) {
  double pause = token_put_off(&call->client->token, call, &call->error, call->error.retry_after, now);
  end_fetch(call);
  call->state = CALL_DECIDING;
  if (now + pause >= call->deadline) finish(call);
}

/* Retries the token request after a pause. If this call has no time for that, another may. */
static void retry_fetch(struct call *call, double now) {
  double asked = call->error.retry_after;
  double pause = asked > 0 ? asked : retry_pause(call->token_retries, &call->client->random);
  if (now + pause >= call->deadline) {
    if (asked > 0) token_put_off(&call->client->token, call, &call->error, asked, now);
    end_fetch(call);
    finish(call);
    return;
  }
  call->token_retries++;
  call->not_before = now + pause;
  call->state = CALL_DECIDING;
  token_hold(&call->client->token, call, call->not_before + FETCHER_GRACE);
}

/* The fetch failed. The call continues if the old token is still valid. */
static void fail_fetch(struct call *call, enum retry_verdict verdict, double now) {
  struct token *token = &call->client->token;
  bool lives = token_lives(token, now);
  bool may_retry = verdict == RETRY_AGAIN && call->token_retries < call->client->max_retries;
  double retry_after = call->error.retry_after;
  close_token_request(call);
  if (!lives && may_retry) {
    retry_fetch(call, now);
    return;
  }
  if (!lives && verdict == RETRY_LIMITED) {
    put_off_fetch(call, now);
    return;
  }
  if (call->error.kind == ERROR_MEMORY) {
    token_release(token, call); /* another call may have enough */
  } else {
    bool refused = verdict == RETRY_GIVE_UP && call->error.kind == ERROR_TOKEN;
    token_fetch_failed(token, call, &call->error, refused, retry_after, now);
  }
  end_fetch(call);
  if (!lives) {
    finish(call);
  } else {
    call->error = (struct error){.kind = ERROR_NONE};
    call->state = CALL_DECIDING;
  }
}

/* Takes the response of the token endpoint. */
static void feed_token(struct call *call, const struct response *response, double now) {
  if (!check_client(call, now)) return;
  enum retry_verdict verdict = retry_token_response(response, secret_of(call), &call->error);
  if (verdict != RETRY_DONE) {
    fail_fetch(call, verdict, now);
    return;
  }
  double expires_in = response->expires_in < 0 ? HUGE_VAL : response->expires_in;
  if (!token_give(&call->client->token, response->access_token, call->sent_at, expires_in, &call->error)) {
    if (call->error.kind == ERROR_INVALID) call->error.kind = ERROR_TOKEN;
    fail_fetch(call, RETRY_GIVE_UP, now);
    return;
  }
  if (!token_lives(&call->client->token, now)) {
    error_set(&call->error, ERROR_TOKEN, "access token: already expired when it arrived");
    fail_fetch(call, RETRY_GIVE_UP, now);
    return;
  }
  token_release(&call->client->token, call);
  close_token_request(call);
  end_fetch(call);
  call->token_retries = 0;
  call->fetched = true;
  call->error = (struct error){.kind = ERROR_NONE};
  call->state = CALL_DECIDING;
}

/* Returns whether an error comes from the API itself, which has then accepted the token. */
static bool is_from_api(const struct error *error) {
  return error->kind == ERROR_API && error->status >= 400 && error->status < 500;
}

bool call_feed(struct call *call, const struct response *response, double now) {
  if (call->state != CALL_SENDING) return false;
  if (call->token_request) {
    feed_token(call, response, now);
    return false;
  }
  call->state = CALL_DECIDING; /* the bucket learns of the response here, not in release */
  note_response(call, response);
  note_rate(call, response, now);
  enum retry_verdict verdict = retry_response(call->operation, response, call->request.secret, &call->error);
  call->maybe_applied = call->maybe_applied || (verdict != RETRY_DONE && call->error.maybe_applied);
  if (verdict == RETRY_DONE || is_from_api(&call->error)) token_accept(&call->client->token, call->request.secret);
  switch (verdict) {
    case RETRY_DONE:
      if (call->operation->result == RESULT_LIST) return take_page(call, response);
      succeed(call);
      return call->operation->result != RESULT_NOTHING;
    case RETRY_AGAIN: retry(call, next_pause(call), now); break;
    case RETRY_LIMITED: wait_for_turn(call, now); break;
    case RETRY_NEW_TOKEN: replace_token(call, now); break;
    case RETRY_GIVE_UP: finish(call); break;
  }
  return false;
}

/* Returns whether a request timed out because the call's deadline passed. */
static bool is_late(const struct call *call, const struct failure *failure, double now) {
  return failure->kind == FAILURE_TIMEOUT && call->begun && now >= call->deadline - CLOCK_DIFFERENCE;
}

/* Ends a call for which the host program supplied no token, and the calls that wait for the same token. */
static void fail_supply(struct call *call, double now) {
  struct client *client = call->client;
  if (client->token.source != TOKEN_FETCHED && client->token.fetcher == call) {
    token_fetch_failed(&client->token, call, &call->error, false, -1, now);
    client->changes++;
  }
  finish(call);
}

/* Handles a failure of a call that has not finished. */
static void fail(struct call *call, const struct failure *failure, double now) {
  bool sending = call->state == CALL_SENDING;
  bool fetching = sending && call->token_request;
  struct text secret = secret_of(call);
  enum retry_verdict verdict = fetching ? retry_token_failure(failure, secret, &call->error)
                                        : retry_failure(call->operation, failure, secret, &call->error);
  call->maybe_applied = call->maybe_applied || call->error.maybe_applied;
  if (sending && !fetching) {
    bucket_lost(&call->client->bucket);
    call->state = CALL_DECIDING;
  }
  if (is_late(call, failure, now)) {
    call->error.kind = ERROR_NONE;
    time_out(call);
  } else if (fetching && failure->kind != FAILURE_CANCELED && failure->kind != FAILURE_CLOSED) {
    fail_fetch(call, verdict, now);
  } else if (sending && verdict == RETRY_AGAIN) {
    retry(call, next_pause(call), now);
  } else if (failure->kind == FAILURE_TOKEN) {
    fail_supply(call, now);
  } else {
    finish(call);
  }
}

void call_fail(struct call *call, const struct failure *failure, double now) {
  if (call->state != CALL_FINISHED) fail(call, failure, now);
}

void call_overrule(struct call *call, const struct failure *failure) {
  if (call->token_request) {
    retry_token_failure(failure, secret_of(call), &call->error);
  } else {
    retry_failure(call->operation, failure, secret_of(call), &call->error);
  }
  finish(call);
}

bool call_authorize(struct call *call, struct text token, double expires_in, double now) {
  if (call->state != CALL_DECIDING || !check_client(call, now)) return true;
  struct token *mine = &call->client->token;
  bool shared = call->client->share_tokens;
  if (shared && !token_is_new(mine, token)) return false;
  if (!(expires_in > 0)) {
    error_set(&call->error, ERROR_TOKEN, "the supplied token has already expired");
    fail_supply(call, now);
  } else if (!token_give(mine, token, now, expires_in, &call->error)) {
    if (shared && call->error.kind == ERROR_INVALID) return false; /* a bad one was shared */
    if (call->error.kind == ERROR_MEMORY) {
      finish(call);
    } else {
      call->error.kind = ERROR_TOKEN;
      fail_supply(call, now);
    }
  } else {
    token_release(mine, call);
    call->supplied = true;
    call->client->changes++;
  }
  return true;
}

void call_fetch(struct call *call) {
  call->may_fetch = call->state == CALL_DECIDING && call->client->share_tokens && call->client->token.fetcher == call;
}

void call_defer(struct call *call, double seconds, double now) {
  if (call->state != CALL_DECIDING || !call->client->share_tokens || !check_client(call, now)) return;
  struct error reason;
  error_set(&reason, ERROR_TOKEN, "a token being fetched elsewhere did not arrive");
  token_put_off(&call->client->token, call, &reason, seconds, now);
  call->client->changes++;
}

struct text call_shared(const struct call *call, double now, double *expires_in) {
  const struct token *token = &call->client->token;
  *expires_in = token->expires_at - now;
  return call->fetched && token_lives(token, now) ? token_value(token) : (struct text){.data = "", .length = 0};
}

void call_close(struct call *call) {
  if (!call->client || (call->state == CALL_FINISHED && !call->more)) return;
  error_set(&call->error, ERROR_CANCELED, "the call was dropped");
  finish(call);
}
