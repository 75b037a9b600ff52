#include "crank.h"

#include <math.h>

#include "../curl/clock.h"
#include "answer.h"
#include "checks.h"
#include "compat.h"

/* Seconds after which a step that does not wait leaves what else is ready to the next one: a TLS handshake takes
 * about a millisecond to compute, and many may be due at once. */
static const double FRAME_SHARE = 0.0005;

static void link_last(struct crank_list *list, struct held *call) {
  call->list = list;
  call->previous = list->last;
  call->next = NULL;
  if (list->last) {
    list->last->next = call;
  } else {
    list->first = call;
  }
  list->last = call;
}

static void unlink_call(struct held *call) {
  struct crank_list *list = call->list;
  if (call->crank->upcoming == call) call->crank->upcoming = call->next;
  if (call->previous) {
    call->previous->next = call->next;
  } else {
    list->first = call->next;
  }
  if (call->next) {
    call->next->previous = call->previous;
  } else {
    list->last = call->previous;
  }
  call->list = NULL;
  call->previous = call->next = NULL;
}

/* Remembers when a waiting call has to be looked at even if no connection is free. */
static void note_look(struct crank *crank, const struct held *call, double now) {
  double look = call->wake > now && call->wake < call->call.deadline ? call->wake : call->call.deadline;
  if (look < crank->next_look) crank->next_look = look;
}

/* Has the call wait until `wake`. */
static void await(struct crank *crank, struct held *call, double wake, double now) {
  call->wake = wake;
  link_last(&crank->waiting, call);
  note_look(crank, call, now);
}

void crank_open(struct crank *crank, const struct client *client, struct driver *driver) {
  *crank =
      (struct crank){.client = client, .driver = driver, .capacity = driver_capacity(driver), .next_look = HUGE_VAL};
}

void crank_add(struct crank *crank, struct held *call, double now) {
  crank_look_for_fork(crank);
  crank->stirred = true;
  call->crank = crank;
  call->started = true;
  crank->in_flight++;
  call_begin(&call->call, now);
  await(crank, call, now, now);
}

/* Moves a call that is done, and in none of the other lists, to its end. */
static void retire(struct crank *crank, struct held *call) {
  link_last(&crank->finished, call);
  crank->in_flight--;
}

/* Takes the exchange away from its call, which is in no list then. */
static struct exchange *take_exchange(struct crank *crank, struct held *call) {
  struct exchange *exchange = call->exchange;
  call->exchange = NULL;
  unlink_call(call);
  crank->sending_count--;
  return exchange;
}

/* Takes a call that is not done off its list, with its exchange, and ends it. */
static void take_and_fail(struct crank *crank, struct held *call, const struct failure *failure) {
  if (call->exchange) {
    driver_release(crank->driver, take_exchange(crank, call));
    crank->stirred = true;
  } else {
    unlink_call(call);
  }
  call_fail(&call->call, failure, clock_seconds());
  retire(crank, call);
}

/* Ends a call that is this process's copy of one of its parent's. */
static void disown(struct crank *crank, struct held *call) {
  static const char message[] = "the process has forked, and its parent goes on with the call";
  struct failure failure = {.kind = FAILURE_CANCELED, .maybe_read = true, .message = message};
  take_and_fail(crank, call, &failure);
}

void crank_look_for_fork(struct crank *crank) {
  unsigned forks = driver_forks(crank->driver);
  if (crank->forks == forks) return;
  crank->forks = forks;
  while (crank->sending.first) disown(crank, crank->sending.first);
  while (crank->waiting.first) disown(crank, crank->waiting.first);
}

void crank_end(struct held *call, enum failure_kind kind, const char *message) {
  struct crank *crank = call->crank;
  if (!crank || call->call.state == CALL_FINISHED) return;
  crank_look_for_fork(crank);
  if (call->call.state == CALL_FINISHED) return;
  bool reading = call->call.state == CALL_SENDING; /* an answer, where there is no exchange any more */
  bool maybe_read = call->exchange ? driver_maybe_read(call->exchange) : reading;
  take_and_fail(crank, call, &(struct failure){.kind = kind, .maybe_read = maybe_read, .message = message});
}

void crank_forget(struct held *call) {
  struct crank *crank = call->crank;
  if (!crank) return;
  if (call->exchange) driver_wait_for_resolver(call->exchange);
  crank_end(call, FAILURE_CANCELED, "the call was given up");
  unlink_call(call);
  call->crank = NULL;
}

/* Ends a call that has just asked for something that is not to be had. */
static void refuse(struct crank *crank, struct held *call, enum failure_kind kind, const char *message, double now) {
  call_fail(&call->call, &(struct failure){.kind = kind, .message = message}, now);
  retire(crank, call);
}

static void send_request(struct crank *crank, struct held *call, double now) {
  call->exchange = driver_send(crank->driver, call_request(&call->call), call);
  if (call->exchange) {
    link_last(&crank->sending, call);
    crank->sending_count++;
  } else {
    refuse(crank, call, FAILURE_MEMORY, "not enough memory to send the request", now);
  }
}

/* Calls the host's function for a token, which is under TOKEN_KEY in the table of anchors, and gives the call what it
 * returns. Whatever the function raises ends the call, not the turn. */
static void authorize(lua_State *L, struct held *call, int anchors, double now) {
  int top = lua_gettop(L);
  lua_rawgeti(L, anchors, CRANK_TOKEN);
  if (!lua_isfunction(L, -1)) {
    call_fail(&call->call, &(struct failure){.kind = FAILURE_TOKEN, .message = "the client was made without a token"},
              now);
  } else if (lua_pcall(L, 0, 2, 0) != 0) {
    const char *message = lua_tostring(L, -1);
    struct failure failure = {.kind = FAILURE_TOKEN, .message = message ? message : "the token function raised"};
    call_fail(&call->call, &failure, now);
  } else if (lua_type(L, -2) != LUA_TSTRING) {
    const char *message =
        lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "the token function returned no string";
    call_fail(&call->call, &(struct failure){.kind = FAILURE_TOKEN, .message = message}, now);
  } else {
    struct text token = checks_text(L, -2);
    double expires_in =
        lua_isnil(L, -1) ? HUGE_VAL : lua_tonumber(L, -1); /* 0, and so refused, for what is no number */
    call_authorize(&call->call, token, expires_in, now);
  }
  lua_settop(L, top);
}

/* Gives a waiting call what it asks for. One that has to wait on keeps its place. */
static void advance(lua_State *L, struct crank *crank, struct held *call, int anchors, double now) {
  enum call_step step = call_next(&call->call, now);
  if (step == CALL_AUTHORIZE) {
    authorize(L, call, anchors, now);
    crank_look_for_fork(crank);                /* the function may come back twice */
    if (call->list != &crank->waiting) return; /* the function has ended it */
    step = call_next(&call->call, now);
    if (step == CALL_AUTHORIZE) {
      call_fail(&call->call, &(struct failure){.kind = FAILURE_TOKEN, .message = "the token had expired at once"}, now);
      step = CALL_DONE;
    }
  }
  if (step == CALL_WAIT) {
    call->wake = now + call->call.wait;
    note_look(crank, call, now);
    return;
  }
  unlink_call(call);
  if (step == CALL_SEND) {
    send_request(crank, call, now);
  } else {
    retire(crank, call);
  }
}

/* Lets those waiting calls move that are due and find a free connection, and those whose deadline has passed. Once the rate
 * limit has held up one, it would hold up all behind it too, and they are not asked. The token function may end any of them
 * meanwhile. */
static void advance_waiting(lua_State *L, struct crank *crank, int anchors, double now) {
  bool changed = crank->client->changes != crank->changes;
  bool all = changed || now >= crank->next_look;
  double rate_wake = 0;
  crank->changes = crank->client->changes;
  if (all) crank->next_look = HUGE_VAL;
  crank->upcoming = crank->waiting.first;
  while (crank->upcoming && (all || (rate_wake == 0 && crank->sending_count < crank->capacity))) {
    struct held *call = crank->upcoming;
    crank->upcoming = call->next;
    if (changed && call->wake > now) call->wake = now;
    if (rate_wake > 0 && call->wake <= now) call->wake = rate_wake;
    bool due = call->wake <= now && crank->sending_count < crank->capacity;
    if (due || call->call.deadline <= now) {
      advance(L, crank, call, anchors, now);
      if (call->list == &crank->waiting && call->call.waits_for_rate) rate_wake = call->wake;
    } else {
      note_look(crank, call, now);
    }
  }
  crank->upcoming = NULL;
}

/* Gives a call the answer to its request. The items of a list are in the table that belongs to its userdata. */
static void deliver(lua_State *L, struct held *call, struct exchange *exchange, int anchors, double now) {
  if (exchange->failed) {
    call_fail(&call->call, &exchange->failure, now);
    return;
  }
  struct text body = buffer_text(&exchange->body);
  int top = lua_gettop(L);
  compat_rawgetp(L, anchors, call);
  compat_getuservalue(L, -1);
  lua_rawgeti(L, -1, HELD_ITEMS);
  if (!answer_feed(L, -1, &call->call, &exchange->response, body, now)) lua_replace(L, anchors + 1);
  lua_settop(L, top);
}

/* Hands finished exchanges to their calls; returns whether there were any. While an answer is read, finalizers of the
 * host's may run and cancel the call: so it waits in a list meanwhile, like any other. */
static bool deliver_finished(lua_State *L, struct crank *crank, int anchors) {
  bool any = false;
  struct exchange *exchange;
  while ((exchange = driver_finished(crank->driver))) {
    struct held *call = exchange->owner;
    double now = clock_seconds();
    any = true;
    call->answered = true;
    call->reused = driver_reused(exchange);
    take_exchange(crank, call);
    await(crank, call, now, now);
    deliver(L, call, exchange, anchors, now);
    driver_release(crank->driver, exchange);
    if (call->call.state == CALL_FINISHED && call->list == &crank->waiting) {
      unlink_call(call);
      retire(crank, call);
    }
  }
  return any;
}

double crank_timeout(const struct crank *crank, double now) {
  if (crank->finished.first || (crank->in_flight > 0 && (crank->stirred || crank->client->changes != crank->changes))) {
    return 0;
  }
  if (crank->in_flight == 0) return HUGE_VAL;
  return fmax(fmin(crank->next_look, driver_wake(crank->driver)) - now, 0);
}

bool crank_turn(lua_State *L, struct crank *crank, int anchors, double seconds) {
  if (crank->turning) return false;
  crank->turning = true;
  crank_look_for_fork(crank);
  crank->stirred = false;
  double now = clock_seconds();
  advance_waiting(L, crank, anchors, now);
  driver_step(crank->driver, 0, seconds > 0 ? HUGE_VAL : FRAME_SHARE);
  bool any = deliver_finished(L, crank, anchors);
  if (!any && seconds > 0 && crank->in_flight > 0) {
    double left = crank->next_look - now;
    driver_step(crank->driver, left < seconds ? left : seconds, HUGE_VAL);
    any = deliver_finished(L, crank, anchors);
  }
  if (any) advance_waiting(L, crank, anchors, clock_seconds()); /* those for whom there is a connection now */
  crank->turning = false;
  return true;
}

struct held *crank_finished(struct crank *crank) {
  struct held *call = crank->finished.first;
  if (!call) return NULL;
  unlink_call(call);
  call->crank = NULL;
  return call;
}

size_t crank_finished_count(const struct crank *crank) {
  size_t count = 0;
  for (const struct held *call = crank->finished.first; call; call = call->next) count++;
  return count;
}

void crank_put_back(struct crank *crank, struct held *call) {
  call->crank = crank;
  link_last(&crank->finished, call);
}

void crank_end_all(struct crank *crank) {
  while (crank->sending.first) {
    driver_wait_for_resolver(crank->sending.first->exchange);
    crank_end(crank->sending.first, FAILURE_CLOSED, "the client was closed");
  }
  while (crank->waiting.first) crank_end(crank->waiting.first, FAILURE_CLOSED, "the client was closed");
}

void crank_close(struct crank *crank) {
  crank_end_all(crank);
  while (crank_finished(crank)) continue;
}
