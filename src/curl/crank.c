#include "crank.h"

#include <math.h>
#include <stddef.h>

#include "clock.h"

/* Seconds of work after which a step that does not wait leaves the remaining ready sockets to the next one: a TLS
 * handshake takes about a millisecond to compute, and many may be due at once. */
static const double FRAME_SHARE = 0.0005;

/* How many calls a step that does not wait asks what to do next; each takes about a microsecond. */
enum { FRAME_ASKS = 256 };

/* Seconds between two looks at parked calls: the call that fetches the token for them may have ended. */
static const double TOKEN_LOOK = 0.1;

/* --- rings */

static void ring_open(struct crank_link *ring) {
  ring->previous = ring->next = ring;
}

static bool ring_is_empty(const struct crank_link *ring) {
  return ring->next == ring;
}

static void take_out(struct crank_link *link) {
  link->previous->next = link->next;
  link->next->previous = link->previous;
  ring_open(link);
}

/* Appends a link that is in no ring to one. */
static void put_last(struct crank_link *ring, struct crank_link *link) {
  link->previous = ring->previous;
  link->next = ring;
  ring->previous->next = link;
  ring->previous = link;
}

/* Appends all links of one ring to another. */
static void pour(struct crank_link *from, struct crank_link *to) {
  if (ring_is_empty(from)) return;
  from->next->previous = to->previous;
  from->previous->next = to;
  to->previous->next = from->next;
  to->previous = from->previous;
  ring_open(from);
}

static struct crank_seat *first_of(const struct crank_link *ring) {
  return ring_is_empty(ring) ? NULL : (struct crank_seat *)ring->next;
}

static struct crank_seat *seat_of(struct queue_item *look) {
  return (struct crank_seat *)((char *)look - offsetof(struct crank_seat, look));
}

/* --- where calls stand */

/* Puts a waiting call into a ring, where it stays until its deadline at the latest. */
static void queue_up(struct crank *crank, struct crank_link *ring, struct crank_seat *seat) {
  take_out(&seat->link);
  put_last(ring, &seat->link);
  queue_put(&crank->looks, &seat->look, seat->call->deadline);
}

/* Lets a waiting call sleep until this time, or its deadline if that is earlier. */
static void sleep_until(struct crank *crank, struct crank_seat *seat, double time) {
  take_out(&seat->link);
  queue_put(&crank->looks, &seat->look, fmin(time, seat->call->deadline));
}

/* Takes a call out of its ring and off the queue. */
static void leave(struct crank *crank, struct crank_seat *seat) {
  take_out(&seat->link);
  queue_remove(&crank->looks, &seat->look);
}

/* Makes a call wait: it was just added, or its request has finished. */
static void start_waiting(struct crank *crank, struct crank_seat *seat, struct crank_link *ring) {
  seat->state = CRANK_WAITING;
  queue_up(crank, ring, seat);
}

/* Puts a call that is done among the finished ones. */
static void retire(struct crank *crank, struct crank_seat *seat) {
  leave(crank, seat);
  put_last(&crank->finished, &seat->link);
  seat->state = CRANK_FINISHED;
  crank->in_flight--;
}

/* Called when the earlier write that this call waited for is over. */
static bool wake(struct call *call) {
  struct crank_seat *seat = call->driver;
  if (!seat) return false;
  if (seat->state == CRANK_WAITING && ring_is_empty(&seat->link)) {
    queue_up(seat->crank, &seat->crank->due, seat);
    seat->crank->stirred = true;
  }
  return true;
}

void crank_open(struct crank *crank, struct client *client, struct driver *driver) {
  *crank = (struct crank){.client = client, .driver = driver, .capacity = driver_capacity(driver)};
  queue_open(&crank->looks, client->allocator);
  ring_open(&crank->fresh);
  ring_open(&crank->due);
  ring_open(&crank->parked);
  ring_open(&crank->sending);
  ring_open(&crank->finished);
  client->wake = wake;
}

bool crank_add(struct crank *crank, struct crank_seat *seat, struct call *call, void *owner, double now) {
  crank_look_for_fork(crank);
  if (!queue_reserve(&crank->looks, crank->in_flight + 1)) return false;
  *seat = (struct crank_seat){.call = call, .owner = owner, .crank = crank};
  ring_open(&seat->link);
  call->driver = seat;
  crank->stirred = true;
  crank->in_flight++;
  call_begin(call, now);
  start_waiting(crank, seat, &crank->fresh);
  return true;
}

/* Takes the exchange away from its call. */
static struct exchange *take_exchange(struct crank *crank, struct crank_seat *seat) {
  struct exchange *exchange = seat->exchange;
  seat->exchange = NULL;
  take_out(&seat->link);
  crank->sending_count--;
  return exchange;
}

/* Ends a call that is not done, and its exchange. */
static void take_and_fail(struct crank *crank, struct crank_seat *seat, const struct failure *failure) {
  if (seat->exchange) {
    driver_release(crank->driver, take_exchange(crank, seat));
    crank->stirred = true;
  }
  leave(crank, seat);
  call_fail(seat->call, failure, clock_seconds());
  retire(crank, seat);
}

/* Returns any call that is not done, or NULL. */
static struct crank_seat *any_in_flight(const struct crank *crank) {
  struct crank_seat *seat = first_of(&crank->sending);
  struct queue_item *look = queue_first(&crank->looks);
  return seat || !look ? seat : seat_of(look);
}

void crank_look_for_fork(struct crank *crank) {
  static const char message[] = "the process forked, and its parent continues the call";
  struct failure failure = {.kind = FAILURE_CANCELED, .maybe_read = true, .message = message};
  struct crank_seat *seat;
  unsigned forks = driver_forks(crank->driver);
  if (crank->forks == forks) return;
  crank->forks = forks;
  while ((seat = any_in_flight(crank))) take_and_fail(crank, seat, &failure);
}

/* Ends a call that is in flight. */
static void end(struct crank *crank, struct crank_seat *seat, enum failure_kind kind, const char *message) {
  bool reading = seat->call->state == CALL_SENDING; /* a response; there is no exchange any more */
  bool maybe_read = seat->exchange ? driver_maybe_read(seat->exchange) : reading;
  take_and_fail(crank, seat, &(struct failure){.kind = kind, .maybe_read = maybe_read, .message = message});
}

void crank_end(struct crank_seat *seat, enum failure_kind kind, const char *message) {
  struct crank *crank = seat->crank;
  if (!crank) return;
  crank_look_for_fork(crank);
  if (seat->call->state != CALL_FINISHED) end(crank, seat, kind, message);
}

/* Releases a call that is done. */
static void let_go(struct crank_seat *seat) {
  take_out(&seat->link);
  seat->call->driver = NULL;
  seat->crank = NULL;
  seat->state = CRANK_NONE;
}

void crank_forget(struct crank_seat *seat) {
  struct crank *crank = seat->crank;
  if (!crank) return;
  crank_look_for_fork(crank);
  if (seat->exchange) driver_wait_for_resolver(seat->exchange);
  if (seat->state != CRANK_FINISHED) end(crank, seat, FAILURE_CANCELED, "the call was dropped");
  let_go(seat);
}

/* --- turning */

static void send_request(struct crank *crank, struct crank_seat *seat, double now) {
  leave(crank, seat);
  crank->holdup = CALL_WAITS_FOR_NOTHING;
  seat->exchange = driver_send(crank->driver, call_request(seat->call), seat);
  if (seat->exchange) {
    put_last(&crank->sending, &seat->link);
    seat->state = CRANK_SENDING;
    crank->sending_count++;
  } else {
    struct failure failure = {.kind = FAILURE_MEMORY, .message = "not enough memory to send the request"};
    call_fail(seat->call, &failure, now);
    retire(crank, seat);
  }
}

/* Lets a call sleep until the earlier write times out. If that write ends sooner, the call is woken. */
static void sleep_behind(struct crank *crank, struct crank_seat *seat, double now) {
  const struct writer *ahead = writers_ahead(&seat->call->writer, now);
  sleep_until(crank, seat, ahead ? ahead->until : now);
}

/* Lets a call wait for whatever holds it up. */
static void hold_up(struct crank *crank, struct crank_seat *seat, double now) {
  crank->holdup = seat->call->waits_for;
  switch (seat->call->waits_for) {
    case CALL_WAITS_FOR_RATE: crank->rate_until = now + seat->call->wait; break; /* it keeps its place in the ring */
    case CALL_WAITS_FOR_TOKEN:
      if (ring_is_empty(&crank->parked)) crank->token_look = now + seat->call->wait;
      queue_up(crank, &crank->parked, seat);
      break;
    case CALL_WAITS_FOR_WRITER: sleep_behind(crank, seat, now); break;
    case CALL_WAITS_FOR_NOTHING:
    case CALL_WAITS_FOR_TIME: sleep_until(crank, seat, now + seat->call->wait); break;
  }
}

/* Asks a waiting call what to do next, and does it. */
static void ask(struct crank *crank, struct crank_seat *seat, const struct crank_host *host, double now) {
  enum call_step step = call_next(seat->call, now);
  if (step == CALL_AUTHORIZE) {
    host->supply(host->context, seat, now);
    crank_look_for_fork(crank);               /* the function may have forked, and returns in both processes */
    if (seat->state != CRANK_WAITING) return; /* the function has ended the call */
    step = call_next(seat->call, now);
  }
  if (step == CALL_WAIT) {
    hold_up(crank, seat, now);
  } else if (step == CALL_SEND) {
    send_request(crank, seat, now);
  } else {
    retire(crank, seat);
  }
}

/* Notices a new token, or new room under the rate limit. */
static void note_changes(struct crank *crank) {
  if (crank->changes == crank->client->changes) return;
  crank->changes = crank->client->changes;
  crank->rate_until = 0;
  pour(&crank->parked, &crank->due);
}

/* Whether calls wait for a token that another call is fetching. All others would only wait for it too. */
static bool awaits_token(const struct crank *crank) {
  return !ring_is_empty(&crank->parked) && crank->client->token.fetcher;
}

/* Has a call that is held up by others say so when it ends. */
static void note_holdup(const struct crank *crank, struct crank_seat *seat) {
  enum call_waits_for holdup = awaits_token(crank) ? CALL_WAITS_FOR_TOKEN : crank->holdup;
  bool shared = holdup == CALL_WAITS_FOR_TOKEN || holdup == CALL_WAITS_FOR_RATE;
  if (shared && !ring_is_empty(&seat->link)) seat->call->waits_for = holdup;
}

/* Looks at the calls whose time has come: calls past their deadline end, and sleeping calls become due. While the
 * tenant asks for a pause, the end of the pause counts as now: a call whose deadline is earlier ends at once, and
 * sleeping calls may as well become due. */
static void look_at_times(struct crank *crank, const struct crank_host *host, size_t *asks, double now) {
  struct queue_item *look;
  double time = fmax(now, bucket_shut_until(&crank->client->bucket, now));
  while (*asks > 0 && (look = queue_first(&crank->looks)) && look->time <= time) {
    struct crank_seat *seat = seat_of(look);
    if (seat->call->deadline <= time) {
      note_holdup(crank, seat);
      ask(crank, seat, host, now);
    } else {
      queue_up(crank, &crank->due, seat);
    }
    --*asks;
  }
  struct crank_seat *parked = first_of(&crank->parked);
  if (parked && now >= crank->token_look) {
    crank->token_look = now + TOKEN_LOOK;
    queue_up(crank, &crank->due, parked);
  }
}

/* The next call to ask; NULL if all waiting calls are held up. */
static struct crank_seat *next_call(const struct crank *crank, double now) {
  if (crank->sending_count >= crank->capacity || now < crank->rate_until) return NULL;
  struct crank_seat *seat = first_of(&crank->due);
  return seat || awaits_token(crank) ? seat : first_of(&crank->fresh);
}

/* Asks waiting calls what to do next, at most `asks` of them. */
static void advance(struct crank *crank, const struct crank_host *host, size_t asks, double now) {
  struct crank_seat *seat;
  note_changes(crank);
  look_at_times(crank, host, &asks, now);
  while (asks > 0 && (seat = next_call(crank, now))) {
    ask(crank, seat, host, now);
    note_changes(crank);
    asks--;
  }
  if (asks == 0) crank->stirred = true;
}

/* Hands finished exchanges to their calls; returns whether there were any. While a response is read, the host program
 * may run and cancel the call, so the call is a waiting one in the meantime. */
static bool deliver_finished(struct crank *crank, const struct crank_host *host) {
  bool any = false;
  struct exchange *exchange;
  while ((exchange = driver_finished(crank->driver))) {
    struct crank_seat *seat = exchange->owner;
    double now = clock_seconds();
    any = true;
    seat->came_back = true;
    seat->reused = driver_reused(exchange);
    take_exchange(crank, seat);
    start_waiting(crank, seat, &crank->due);
    if (exchange->failed) {
      call_fail(seat->call, &exchange->failure, now);
    } else {
      host->take(host->context, seat, exchange, now);
    }
    driver_release(crank->driver, exchange);
    if (seat->state == CRANK_WAITING && seat->call->state == CALL_FINISHED) retire(crank, seat);
  }
  return any;
}

/* When to look at a waiting call even if nothing else happens: seconds, monotonic. */
static double next_look(const struct crank *crank, double now) {
  const struct queue_item *look = queue_first(&crank->looks);
  double time = look ? look->time : HUGE_VAL;
  if (!ring_is_empty(&crank->parked)) time = fmin(time, crank->token_look);
  bool asking = !ring_is_empty(&crank->due) || (!awaits_token(crank) && !ring_is_empty(&crank->fresh));
  if (asking && crank->sending_count < crank->capacity) time = fmin(time, fmax(crank->rate_until, now));
  return time;
}

double crank_timeout(const struct crank *crank, double now) {
  bool changed = crank->stirred || crank->client->changes != crank->changes;
  if (!ring_is_empty(&crank->finished) || (crank->in_flight > 0 && changed)) return 0;
  if (crank->in_flight == 0) return HUGE_VAL;
  return fmax(fmin(next_look(crank, now), driver_wake(crank->driver)) - now, 0);
}

bool crank_turn(struct crank *crank, const struct crank_host *host, double seconds) {
  if (crank->turning) return false;
  crank->turning = true;
  crank_look_for_fork(crank);
  crank->stirred = false;
  size_t asks = seconds > 0 ? SIZE_MAX : FRAME_ASKS;
  double now = clock_seconds();
  advance(crank, host, asks, now);
  driver_step(crank->driver, 0, seconds > 0 ? HUGE_VAL : FRAME_SHARE);
  bool any = deliver_finished(crank, host);
  if (!any && seconds > 0 && crank->in_flight > 0 && ring_is_empty(&crank->finished)) {
    double left = crank->stirred ? 0 : fmax(next_look(crank, now) - now, 0);
    driver_step(crank->driver, fmin(left, seconds), HUGE_VAL);
    any = deliver_finished(crank, host);
  }
  if (any) advance(crank, host, asks, clock_seconds()); /* a connection is free now */
  crank->turning = false;
  return true;
}

/* --- calls that are done */

struct crank_seat *crank_finished(struct crank *crank) {
  struct crank_seat *seat = first_of(&crank->finished);
  if (seat) let_go(seat);
  return seat;
}

size_t crank_finished_count(const struct crank *crank) {
  size_t count = 0;
  for (const struct crank_link *link = crank->finished.next; link != &crank->finished; link = link->next) count++;
  return count;
}

void crank_put_back(struct crank *crank, struct crank_seat *seat) {
  seat->crank = crank;
  seat->state = CRANK_FINISHED;
  put_last(&crank->finished, &seat->link);
}

void crank_end_all(struct crank *crank) {
  struct crank_seat *seat;
  crank_look_for_fork(crank);
  while ((seat = any_in_flight(crank))) {
    if (seat->exchange) driver_wait_for_resolver(seat->exchange);
    end(crank, seat, FAILURE_CLOSED, "the client was closed");
  }
}

void crank_close(struct crank *crank) {
  crank_end_all(crank);
  while (crank_finished(crank)) continue;
  queue_close(&crank->looks);
}
