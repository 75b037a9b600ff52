#include "simulation.h"

#include <math.h>
#include <stdlib.h>

#include "core/bucket.h"

static const double SETTLING = 10;           /* seconds at the start whose refusals do not count */
static const double TIMER_LATENESS = 0.001;  /* seconds that a timer fires late, at most */
static const double WAY_THERE = 0.5;         /* share of the round trip before the limiter sees the request */
static const double DEVIATION_THERE = 0.25;  /* of the logarithm of the way to the limiter */
static const double DEVIATION_BACK = 0.5;    /* of the logarithm of the rest, in which the tenant does its work */
static const double RESPONSE_TIMEOUT = 5;    /* seconds */
static const double RUN_MAX = 100000;        /* seconds after which a run counts as stalled */
static const double CLIENT_CLOCK = 54321.25; /* the client's monotonic clock when the run begins */

enum { NODE_AT_A_TIME = 10, NODE_RETRIES = 2, FIXED_RETRIES = 2, OTHER_RETRIES = 3 };
static const double NODE_DELAY = 1, NODE_DELAY_MAX = 60, NODE_JITTER = 0.2; /* seconds, seconds, share */
static const double FIXED_RATE = 8;                                         /* requests per second */
static const double OTHER_DELAY = 1; /* seconds until the other application retries, doubled each time */

enum event_kind {
  EVENT_WAKE,
  EVENT_ARRIVAL,
  EVENT_RESPONSE,
  EVENT_TIMEOUT,
  EVENT_RETRY,
  EVENT_OTHER,
  EVENT_OTHER_RETRY
};

struct event {
  double time; /* seconds since the run began */
  enum event_kind kind;
  int refusals; /* earlier refusals of the operation */
  struct bucket_ticket ticket;
  struct verdict verdict;
};

struct run {
  const struct setting *setting;
  struct figures figures;
  struct random network, people; /* separate, so that the other application does the same beside each client */
  struct tenant tenant;
  struct bucket bucket;
  struct event *events; /* a heap, the earliest on top */
  size_t event_count, event_capacity;
  long long to_start;                    /* operations whose first request was not sent */
  long long to_retry[FIXED_RETRIES + 1]; /* operations to retry, by refusals so far */
  int in_flight;                         /* operations that occupy a connection */
  double next_tick;                      /* of the fixed rate */
  double next_wake;                      /* seconds: the earliest EVENT_WAKE to come */
};

static void add_event(struct run *run, struct event event) {
  if (run->event_count == run->event_capacity) {
    run->event_capacity = run->event_capacity ? 2 * run->event_capacity : 64;
    run->events = realloc(run->events, run->event_capacity * sizeof *run->events);
    if (!run->events) abort();
  }
  size_t at = run->event_count++;
  for (; at > 0 && run->events[(at - 1) / 2].time > event.time; at = (at - 1) / 2) {
    run->events[at] = run->events[(at - 1) / 2];
  }
  run->events[at] = event;
}

static struct event next_event(struct run *run) {
  struct event first = run->events[0], last = run->events[--run->event_count];
  size_t at = 0;
  for (;;) {
    size_t child = 2 * at + 1;
    if (child + 1 < run->event_count && run->events[child + 1].time < run->events[child].time) child++;
    if (child >= run->event_count || run->events[child].time >= last.time) break;
    run->events[at] = run->events[child];
    at = child;
  }
  run->events[at] = last;
  return first;
}

static void send_request(struct run *run, double now, int refusals) {
  const struct setting *setting = run->setting;
  double there = random_lognormal(&run->network, WAY_THERE * setting->round_trip, DEVIATION_THERE * setting->jitter);
  struct event arrival = {.time = now + there, .kind = EVENT_ARRIVAL, .refusals = refusals};
  if (setting->client == CLIENT_OURS) arrival.ticket = bucket_sent(&run->bucket, CLIENT_CLOCK + now);
  if (setting->client == CLIENT_FIXED) run->next_tick = fmax(run->next_tick, now - 1 / FIXED_RATE) + 1 / FIXED_RATE;
  if (now >= SETTLING) run->figures.sent++;
  add_event(run, arrival);
}

static double client_wait(struct run *run, double now) {
  switch (run->setting->client) {
    case CLIENT_OURS: return bucket_wait(&run->bucket, CLIENT_CLOCK + now);
    case CLIENT_FIXED: return fmax(0, run->next_tick - now);
    default: return 0;
  }
}

static int connections(const struct setting *setting) {
  return setting->client == CLIENT_NODE ? NODE_AT_A_TIME : setting->connections;
}

/* Takes the next operation to send, refused ones first. Returns false if there is none. */
static bool take_operation(struct run *run, int *refusals) {
  for (int i = FIXED_RETRIES; i > 0; i--) {
    if (run->to_retry[i] == 0) continue;
    run->to_retry[i]--;
    *refusals = i;
    return true;
  }
  if (run->to_start == 0) return false;
  run->to_start--;
  *refusals = 0;
  return true;
}

static bool has_operation(const struct run *run) {
  for (int i = 1; i <= FIXED_RETRIES; i++) {
    if (run->to_retry[i] > 0) return true;
  }
  return run->to_start > 0;
}

/* Sends all requests that may be sent, and sets a timer for the next. */
static void send_all(struct run *run, double now) {
  while (run->in_flight < connections(run->setting) && has_operation(run)) {
    double wait = client_wait(run, now);
    if (wait > 0) {
      double wake = now + wait + TIMER_LATENESS * random_unit(&run->network);
      if (run->next_wake <= now || wake < run->next_wake) {
        run->next_wake = wake;
        add_event(run, (struct event){.time = wake, .kind = EVENT_WAKE});
      }
      return;
    }
    int refusals = 0;
    take_operation(run, &refusals);
    run->in_flight++;
    send_request(run, now, refusals);
  }
}

static void arrive(struct run *run, struct event event) {
  const struct setting *setting = run->setting;
  double now = event.time;
  event.verdict = tenant_take(&run->tenant, &run->network, now);
  if (setting->stray > 0 && random_unit(&run->network) < setting->stray) event.verdict.refused = true;
  double median = (1 - WAY_THERE) * setting->round_trip;
  event.time += random_lognormal(&run->network, median, DEVIATION_BACK * setting->jitter);
  event.kind = EVENT_RESPONSE;
  if (random_unit(&run->network) < setting->lost) {
    event.kind = EVENT_TIMEOUT;
    event.time = now + RESPONSE_TIMEOUT;
  }
  add_event(run, event);
}

static void tell_bucket(struct run *run, const struct event *event) {
  const struct verdict *verdict = &event->verdict;
  struct bucket_response response = {.ticket = event->ticket, .refused = verdict->refused, .retry_after = -1};
  bool bare = run->setting->no_headers || (verdict->refused && run->setting->bare_refusals);
  response.limit = bare ? -1 : run->setting->bucket;
  response.remaining = bare ? -1 : verdict->remaining;
  bucket_received(&run->bucket, &response, CLIENT_CLOCK + event->time);
}

/* The Node SDK's pause after a refusal: until the reset time in the response, by the wall clock, or an increasing time
 * if there is none. */
static double node_pause(struct run *run, const struct event *event) {
  double reset_in = event->verdict.full_at - event->time;
  if (!run->setting->bare_refusals && reset_in > 0) {
    return fmin(reset_in, NODE_DELAY_MAX) * (1 + NODE_JITTER * random_unit(&run->network));
  }
  return NODE_DELAY * pow(2, event->refusals) * (1 + NODE_JITTER * (random_unit(&run->network) - 0.5));
}

static void be_refused(struct run *run, const struct event *event) {
  int refusals = event->refusals + 1;
  switch (run->setting->client) {
    case CLIENT_NODE:
      if (refusals > NODE_RETRIES) break;
      add_event(
          run, (struct event){.time = event->time + node_pause(run, event), .kind = EVENT_RETRY, .refusals = refusals});
      return; /* it keeps its connection */
    case CLIENT_FIXED:
      if (refusals > FIXED_RETRIES) break;
      run->in_flight--;
      run->to_retry[refusals]++;
      return;
    default:
      run->in_flight--;
      run->to_retry[1]++; /* a refusal does not count as an attempt */
      return;
  }
  run->in_flight--;
  run->figures.lost++;
}

static void take_response(struct run *run, const struct event *event) {
  if (run->setting->client == CLIENT_OURS) tell_bucket(run, event);
  if (event->verdict.refused) {
    if (event->time >= SETTLING) run->figures.refused++;
    be_refused(run, event);
    return;
  }
  run->in_flight--;
  run->figures.done++;
  run->figures.actual = event->time;
}

static void take_timeout(struct run *run) {
  if (run->setting->client == CLIENT_OURS) bucket_lost(&run->bucket);
  run->in_flight--;
  run->to_retry[1]++;
}

static void other_request(struct run *run, double now, int refusals) {
  run->figures.other++;
  if (!tenant_take(&run->tenant, &run->people, now).refused) return;
  run->figures.other_refused++;
  double again = now + OTHER_DELAY * pow(2, refusals) * (0.5 + random_unit(&run->people));
  if (refusals < OTHER_RETRIES)
    add_event(run, (struct event){.time = again, .kind = EVENT_OTHER_RETRY, .refusals = refusals + 1});
}

static void handle(struct run *run, const struct event *event) {
  switch (event->kind) {
    case EVENT_WAKE: break;
    case EVENT_ARRIVAL: arrive(run, *event); return;
    case EVENT_RESPONSE: take_response(run, event); break;
    case EVENT_TIMEOUT: take_timeout(run); break;
    case EVENT_RETRY: send_request(run, event->time, event->refusals); return;
    case EVENT_OTHER_RETRY: other_request(run, event->time, event->refusals); return;
    case EVENT_OTHER:
      other_request(run, event->time, 0);
      add_event(run, (struct event){.time = event->time + random_exponential(&run->people, 1 / run->setting->other),
                                    .kind = EVENT_OTHER});
      return;
  }
  send_all(run, event->time);
}

/* The time of the last response to an ideal client, which takes each token as it comes, except for those that the other
 * application takes, and waits one round trip after its last request. */
static double ideal_time(const struct run *run, double phase) {
  const struct setting *setting = run->setting;
  double taken = (double)(run->figures.other - run->figures.other_refused);
  double share = run->figures.actual > 0 ? taken / run->figures.actual : 0; /* requests per second */
  double wanted = (double)run->figures.done - setting->bucket;
  double rate = setting->refill - share;
  double time = wanted > 0 ? wanted / rate : 0;
  if (setting->mode == REFILL_WINDOW) time = wanted > 0 ? phase + ceil(wanted / rate - 1e-9) - 1 : 0;
  return time + setting->round_trip;
}

struct figures simulate(const struct setting *setting) {
  struct run run = {.setting = setting, .to_start = setting->operations};
  struct bucket_options options = bucket_defaults();
  random_open(&run.network, setting->seed);
  random_open(&run.people, setting->seed + 1000003);
  double phase = 1 - random_unit(&run.people);
  tenant_open(&run.tenant, setting->bucket, setting->refill, setting->mode, phase);
  run.tenant.staleness = setting->staleness;
  bucket_open(&run.bucket, &options);
  add_event(&run, (struct event){.kind = EVENT_WAKE});
  if (setting->other > 0) {
    add_event(&run, (struct event){.time = random_exponential(&run.people, 1 / setting->other), .kind = EVENT_OTHER});
  }
  double time = 0;
  while (run.figures.done + run.figures.lost < setting->operations && time < RUN_MAX) {
    struct event event = next_event(&run);
    time = event.time;
    handle(&run, &event);
    if (run.event_count == 0) break;
  }
  run.figures.lost = setting->operations - run.figures.done; /* including those that a stalled client never did */
  run.figures.ideal = ideal_time(&run, phase);
  free(run.events);
  return run.figures;
}
