#include "call.h"

#include <math.h>

/* How much earlier than ours a driver's clock may see a deadline pass, in seconds: libcurl's is another one
 * (CLOCK_MONOTONIC_RAW). A request's timeout within this time of the deadline is the deadline's. */
static const double CLOCK_DIFFERENCE = 0.01;

/* How soon a call looks again whether an earlier write to the same user is done, in seconds. */
static const double WRITER_LOOK = 0.1;

/* How soon a call that the rate limit holds up looks again, in seconds: another's answer may have told that there is
 * room. */
static const double RATE_LOOK = 0.25;

/* The shortest wait for the rate limit, in seconds. Adding a shorter one to the time may give the same time, and whoever
 * waits for that asks forever. */
static const double RATE_WAIT_MIN = 0.000001;

/* The longest that a token is fetched ahead of time, in seconds: the call itself still has its own request before
 * it. */
static const double REFRESH_LIMIT = 10;

/* How long after its request's time limit, or the end of its pause, a fetcher is taken for dead, in seconds. */
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

/* Tells the next of those who write to the same user that this one has left. One that is not there to be told (its
 * driver has given it up) may be over, so then the one behind it is told too. */
static void wake_next(const struct client *client, const struct writer *writer) {
  const struct writer *next = writers_next(writer);
  while (next && !client->wake(next->owner)) next = writers_next(next);
}

/* Lets others have what the call held: its turn to write, and to fetch a token. */
static void let_go(struct call *call) {
  struct client *client = call->client;
  if (call->state == CALL_SENDING && !call->token_request) {
    bucket_lost(&client->bucket);
  }
  if (token_release(&client->token, call)) client->changes++;
  if (writers_leave(&client->writers, &call->writer) && client->wake) wake_next(client, &call->writer);
  close_token_request(call);
}

/* Ends the call with the error that is in `call->error`, or with success; nothing of its request is left. */
static enum call_step finish(struct call *call) {
  let_go(call);
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

/* What the call was waiting for, for a message; "" where it was not. */
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

/* Ends the call at its deadline. What held it up, if anything did, is worth knowing. */
static enum call_step finish_late(struct call *call) {
  struct error last = call->error;
  if (last.kind == ERROR_NONE) {
    error_set(&call->error, ERROR_TIMEOUT, "timed out after %g s%s", call->timeout, reason_of(call));
  } else {
    error_set(&call->error, ERROR_TIMEOUT, "timed out after %g s; last attempt: %.300s", call->timeout, last.message);
    call->error.status = last.status;
    call->error.retry_after = last.retry_after;
    call->error.maybe_applied = last.maybe_applied;
  }
  return finish(call);
}

/* What must not show up in a message: the token that was sent, or the one that would be; the client's own secret. A
 * client that was closed has wiped its secrets, and no message of others is repeated after that. */
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

/* Waits for the rate limit; another's response may tell that there is room earlier. */
static enum call_step wait_for_rate(struct call *call, double now) {
  double seconds = fmax(fmin(bucket_wait(&call->client->bucket, now), RATE_LOOK), RATE_WAIT_MIN);
  return wait(call, CALL_WAITS_FOR_RATE, seconds, now);
}

/* Lets a request leave, within `limit` seconds and what is left of the call's time. */
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

/* Lets the operation's own request leave. */
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

/* Makes the request for a token; false without memory, or when an assertion cannot be signed. */
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

/* Lets the request for a token leave. One that is fetched ahead of time must not use up the call's own. */
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

/* Asks the host program for a token. One that it has just supplied, and that is gone already, ends the call: the next
 * would go the same way. */
static enum call_step ask_host(struct call *call) {
  if (!call->supplied) return CALL_AUTHORIZE;
  error_set(&call->error, ERROR_TOKEN, "the supplied token expired at once");
  return finish(call);
}

/* A token is to be fetched, by this call. Where tokens are shared somebody else may have one. */
static enum call_step fetch(struct call *call, double now) {
  if (call->client->token.source != TOKEN_FETCHED) return ask_host(call);
  if (call->client->share_tokens && !call->may_fetch) return CALL_AUTHORIZE;
  return send_token_request(call, now);
}

/* The fetch is over, whatever came of it. */
static void end_fetch(struct call *call) {
  call->client->changes++;
  call->to_share = call->may_fetch;
  call->may_fetch = false;
}

/* Ends the call with why the token endpoint refused. */
static enum call_step refuse_token(struct call *call) {
  call->error = call->client->token.failure;
  return finish(call);
}

/* Ends the call as the rate limit refused an earlier one, for the tenant asks for more time than the call has. */
static enum call_step refuse_limit(struct call *call, double retry_after) {
  call->error = call->client->refusal;
  call->error.retry_after = retry_after;
  return finish(call);
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
  struct client *client = call->client;
  if (call->to_share) {
    call->to_share = false;
    return CALL_SHARE;
  }
  if (now >= call->deadline) return finish_late(call);
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

/* Has the request sent once more after a pause, if there is time for it and a retry left; otherwise the call ends with
 * the error that it has. */
static void again(struct call *call, double pause, double now) {
  if (call->retries >= call->client->max_retries || now + pause >= call->deadline) {
    finish(call);
    return;
  }
  call->retries++;
  call->not_before = now + pause;
  call->state = CALL_DECIDING;
}

/* The pause before the next try: what the tenant asks for, or a random one that grows from try to try. */
static double pause_of(struct call *call) {
  double asked = call->error.retry_after;
  return asked > 0 ? asked : retry_pause(call->retries, &call->client->random);
}

/* Has the call wait for call_resume. Nothing secret stays meanwhile. */
static void rest(struct call *call) {
  call->state = CALL_FINISHED;
  call->error = (struct error){.kind = ERROR_NONE, .attempts = call->attempts};
  call->more = true;
  request_wipe_token(&call->request);
}

/* Takes note of a page; returns whether its items are to be kept. */
static bool take_page(struct call *call, const struct response *page) {
  switch (pages_take(&call->pages, call->operation, page, &call->error)) {
    case PAGES_REFUSED: finish(call); return false;
    case PAGES_LAST: succeed(call); break;
    case PAGES_MORE:
      if (call->by_page) {
        rest(call);
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
  call->pages.memory = 0; /* the page before is the caller's */
  call->attempts = call->retries = 0;
  call->renewed = false;
  call->state = CALL_DECIDING;
}

/* Keeps what call:info tells of the newest answer. */
static void note_response(struct call *call, const struct response *response) {
  call->last.status = response->status;
  call->last.limit = response->limit_size;
  call->last.remaining = response->limit_remaining;
  call->last.reset = response->limit_reset;
}

/* Tells the bucket what an answer says of it. */
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

/* The tenant does not take the token. One that can be replaced is, once. */
static void replace_token(struct call *call, double now) {
  if (call->renewed || !token_drop(&call->client->token, call->request.secret, now)) {
    finish(call);
    return;
  }
  call->renewed = true;
  call->awaited = 0;
  call->state = CALL_DECIDING;
}

/* The rate limit refused the request, which costs it no try: it waits for its turn, unless the tenant names a time that
 * is after the deadline. */
static void wait_for_turn(struct call *call, double now) {
  call->client->refusal = call->error;
  if (now + call->error.retry_after >= call->deadline) {
    finish(call);
  } else {
    call->state = CALL_DECIDING;
  }
}

/* The tenant, or its quota, has the fetch wait: this call's and everybody's. */
static void put_off_fetch(struct call *call, double now) {
  double pause = token_put_off(&call->client->token, call, &call->error, call->error.retry_after, now);
  end_fetch(call);
  call->state = CALL_DECIDING;
  if (now + pause >= call->deadline) finish(call);
}

/* Has the token request sent once more after a pause. Where there is no time for that, others may have it. */
static void try_fetch_again(struct call *call, double now) {
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

/* The token could not be fetched. The call goes on if there is one that still lives. */
static void fail_fetch(struct call *call, enum retry_verdict verdict, double now) {
  struct token *token = &call->client->token;
  bool lives = token_lives(token, now);
  bool may_try = verdict == RETRY_AGAIN && call->token_retries < call->client->max_retries;
  double retry_after = call->error.retry_after;
  close_token_request(call);
  if (!lives && may_try) {
    try_fetch_again(call, now);
    return;
  }
  if (!lives && verdict == RETRY_LIMITED) {
    put_off_fetch(call, now);
    return;
  }
  if (call->error.kind == ERROR_MEMORY) {
    token_release(token, call); /* others may have some */
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

/* The token endpoint has answered. */
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

/* Whether a refusal is one of the API's, which has looked at the token first. */
static bool is_from_api(const struct error *error) {
  return error->kind == ERROR_API && error->status >= 400 && error->status < 500;
}

bool call_feed(struct call *call, const struct response *response, double now) {
  if (call->state != CALL_SENDING) return false;
  if (call->token_request) {
    feed_token(call, response, now);
    return false;
  }
  call->state = CALL_DECIDING; /* the bucket hears of the answer now */
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
    case RETRY_AGAIN: again(call, pause_of(call), now); break;
    case RETRY_LIMITED: wait_for_turn(call, now); break;
    case RETRY_NEW_TOKEN: replace_token(call, now); break;
    case RETRY_GIVE_UP: finish(call); break;
  }
  return false;
}

/* Whether a request's time limit was the deadline of the call, and has passed. */
static bool is_late(const struct call *call, const struct failure *failure, double now) {
  return failure->kind == FAILURE_TIMEOUT && call->begun && now >= call->deadline - CLOCK_DIFFERENCE;
}

/* Ends a call that the host program could not supply with a token, and those that wait for the same. */
static void fail_supply(struct call *call, double now) {
  struct client *client = call->client;
  if (client->token.source != TOKEN_FETCHED && client->token.fetcher == call) {
    token_fetch_failed(&client->token, call, &call->error, false, -1, now);
    client->changes++;
  }
  finish(call);
}

/* What a failure means for a call that is under way. */
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
    finish_late(call);
  } else if (fetching && failure->kind != FAILURE_CANCELED && failure->kind != FAILURE_CLOSED) {
    fail_fetch(call, verdict, now);
  } else if (sending && verdict == RETRY_AGAIN) {
    again(call, pause_of(call), now);
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
    if (shared && call->error.kind == ERROR_INVALID) return false; /* whoever put it there */
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
