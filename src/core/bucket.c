/* How it works. An answer's `remaining` and the number of its request add up to the supply: all that the tenant had
 * granted when that request came. The supply is a function of time that our own requests do not change, so it can be
 * tracked and foretold; what is left for the next request is the supply less what was sent.
 *
 * Time here is when a request *left*. The way to the tenant shifts all of them alike, so it need not be known; its
 * jitter blurs the supply a little, which a running mean and a guard around refills make up for.
 *
 * A steady drip makes the supply a ramp, a once-a-second refill a staircase. Which of the two, and where in the second
 * the stairs are, is found by following all guesses at once and going by the one whose predictions err least. Others
 * who use the tenant make the ramp flatter, and the treads of the stairs slope down. */
#include "bucket.h"

#include <math.h>

/* What is supposed before anything is known. */
static const double DEFAULT_RESERVE = 0.2; /* share of the bucket */
static const double RESERVE_FROM = 4;      /* requests: there is nothing to share in a bucket of this size or less */
static const double FIRST_SHARE = 0.2;     /* of the bucket, per second: every plan refills at least as much, */
static const double FIRST_REFILL = 1;      /* requests per second: and at least this */
static const double LEAST_SHARE = 0.5;     /* of that: with less, answers would be too rare to learn from */
static const double LIMIT_MAX = 1e6;       /* requests: a larger bucket is not believed; the largest known has 5000 */
static const double PATIENCE = 2;          /* seconds that all wait for an answer; the slowest recorded took half one */
static const double STALE = 10;            /* seconds without an answer after which everything may have changed */

/* Tracking: how much of an error one answer corrects grows with the time since the last, within bounds. */
static const double SUPPLY_SPAN = 0.4;                   /* seconds, in which reordered answers cancel out */
static const double SUPPLY_MIN = 0.03, SUPPLY_MAX = 0.7; /* share of the error */
static const double ERROR_SPAN = 3;                      /* seconds: a few windows' worth of evidence */
static const double ERROR_MIN = 0.002, ERROR_MAX = 0.2;  /* share; many answers a second must not shorten it */
static const double TAKEN_SPAN = 5;                      /* seconds, in which others' bursts average out */
static const double TAKEN_FROM = 1;                      /* seconds of evidence before others are believed in, */
static const double TAKEN_MIN = 0.04;                    /* of the refill: and the least that is no noise */
static const double ROUND_TRIP_SHARE = 0.1;              /* of one answer in the running mean */

/* Choosing: windows are taken up and given up at different errors, or the choice would flap. */
static const double WINDOW_TAKE = 0.5, WINDOW_LEAVE = 0.7; /* of the drip's error */
static const double CLEAR_TAKE = 0.4, CLEAR_LEAVE = 0.3;   /* requests below it: `remaining` is a whole number */
static const double SAME = 0.05; /* of the drip's error: guesses this close to the best are as good */

/* Pacing. */
static const double ENOUGH = 0.7;     /* requests left to send one: `remaining` was rounded down */
static const double CORRECTION = 1.5; /* per second: how fast a surplus over the reserve is spent */
static const double OPTIMISM = 1.1;   /* of the measured lump: a refill that tops up the bucket hides its true size */
static const double GUARD_SHARE = 0.4, GUARD_MIN = 0.03, GUARD_MAX = 0.15; /* of the round trip; seconds */
static const double REORDERED = 0.055;  /* of the requests in a round trip: answers that overtake promise too much */
static const double CROWD_MARGIN = 1.5; /* deviations of what others take while an answer is on its way, */
static const double CROWD_DELAY = 0.1;  /* seconds: and until the mean has taken it in */
static const double CALM = 0.25;        /* requests: the prediction errors of a client that is alone stay below */
static const double UNREST = 6;         /* requests more in reserve for each request of error above, */
static const double UNREST_MAX = 4;     /* requests: until the reserve is this large; others come in ones and twos */

/* Refusals. */
static const double HOLD_MAX = 1;        /* seconds: after a window's length there was a refill */
static const double HOLD_DOUBLINGS = 10; /* more make no difference */
static const double SHUT_MAX = 300;      /* seconds: asking once in a while costs nothing, as refusals are free */
static const double CUT = 0.7;           /* of the rate, at a refusal, when the tenant sends no headers */
static const double RECOVERY_MIN = 1.5;  /* seconds after it until the rate is what it was; then it grows beyond */
static const double RECOVERY_SENT = 25;  /* requests until then: with few of them, refusals would be many */
static const double RATE_MIN = 0.5;      /* requests per second */

struct bucket_options bucket_defaults(void) {
  return (struct bucket_options){.max_rate = 0, .reserve = DEFAULT_RESERVE};
}

void bucket_open(struct bucket *bucket, const struct bucket_options *options) {
  *bucket = (struct bucket){.options = *options,
                            .sent_at = -HUGE_VAL,
                            .received_at = -HUGE_VAL,
                            .held_until = -HUGE_VAL,
                            .shut_until = -HUGE_VAL,
                            .probe_at = -HUGE_VAL,
                            .refused_at = -HUGE_VAL};
}

static double clamp(double value, double min, double max) {
  return fmin(fmax(value, min), max);
}

static double fraction(double value) {
  return value - floor(value);
}

/* --- predicting */

/* Seconds, [0, 1): when in each second a request has to leave to come just after the refill, by that guess. */
static double phase_of(int guess) {
  return (guess - 0.5) / (double)BUCKET_PHASES;
}

/* Requests that one refill of a once-a-second bucket brings. */
static double lump_of(const struct bucket *bucket) {
  return OPTIMISM * bucket->refill + bucket->taken;
}

/* How much the supply rises between two times, by that guess. */
static double rise(const struct bucket *bucket, int guess, double from, double to) {
  if (guess == 0) return bucket->refill * (to - from);
  double refills = floor(to - phase_of(guess)) - floor(from - phase_of(guess));
  return lump_of(bucket) * refills - bucket->taken * (to - from);
}

/* Requests left for what leaves at `now`, as if the bucket had no brim. */
static double left_at(const struct bucket *bucket, double now) {
  double risen = rise(bucket, bucket->best, bucket->seen_at, fmax(now, bucket->seen_at));
  return bucket->guesses[bucket->best].supply + risen - bucket->sent;
}

/* Seconds around a refill in which the jitter decides what a request meets. */
static double guard_of(const struct bucket *bucket) {
  return clamp(GUARD_SHARE * bucket->round_trip, GUARD_MIN, GUARD_MAX);
}

/* --- learning */

/* Follows the supply from here, with an open mind about how it goes on. */
static void follow(struct bucket *bucket, double sent_at, double supply) {
  for (int i = 0; i < BUCKET_GUESSES; i++) bucket->guesses[i] = (struct bucket_guess){.supply = supply};
  bucket->seen_at = sent_at;
  bucket->seen = supply;
  bucket->best = 0;
  bucket->taken = bucket->taken_supply = bucket->taken_time = 0;
  bucket->second_count = 0;
  bucket->second_responses = 0;
}

/* Requests per second that every tenant grants. */
static double first_refill(double limit) {
  return fmax(FIRST_REFILL, FIRST_SHARE * limit);
}

/* The first answer that tells the size of this bucket. */
static void meet(struct bucket *bucket, double limit, double sent_at, double supply) {
  bucket->limit = limit;
  bucket->rate = 0;
  bucket->refill = first_refill(limit);
  bucket->refill_known = false;
  follow(bucket, sent_at, supply);
}

/* The refill is the rise of the mean supply from second to second: lumps that come once a second leave no trace. */
static void end_second(struct bucket *bucket) {
  struct bucket_second *seconds = bucket->seconds;
  if (bucket->second_count == BUCKET_SECONDS) {
    for (int i = 1; i < BUCKET_SECONDS; i++) seconds[i - 1] = seconds[i];
    bucket->second_count--;
  }
  int last = bucket->second_count++;
  seconds[last].at = bucket->second_at / bucket->second_responses;
  seconds[last].supply = bucket->second_supply / bucket->second_responses;
  double apart = seconds[last].at - seconds[0].at;
  if (apart < 0.5) return;
  double refill = (seconds[last].supply - seconds[0].supply) / apart;
  bucket->refill = clamp(refill, LEAST_SHARE * first_refill(bucket->limit), fmax(FIRST_REFILL, bucket->limit));
  if (last >= 2) bucket->refill_known = true;
}

static void measure_refill(struct bucket *bucket, double sent_at, double supply) {
  double elapsed = sent_at - bucket->second_start;
  if (bucket->second_responses > 0 && elapsed >= 1) {
    end_second(bucket);
    if (elapsed >= 3) bucket->second_count = 0; /* a pause: what came before is history */
    bucket->second_responses = 0;
    bucket->second_start += elapsed < 2 ? 1 : elapsed;
  }
  if (bucket->second_responses == 0) {
    if (bucket->second_count == 0) bucket->second_start = sent_at;
    bucket->second_at = bucket->second_supply = 0;
  }
  bucket->second_responses += 1;
  bucket->second_at += sent_at;
  bucket->second_supply += supply;
}

/* What the supply loses between two refills went to others. */
static void measure_taken(struct bucket *bucket, double sent_at, double supply) {
  double guard = guard_of(bucket), elapsed = sent_at - bucket->seen_at;
  double before = fraction(bucket->seen_at - phase_of(bucket->best)), risen = supply - bucket->seen;
  bool same_window = before > guard && before + elapsed < 1 - guard && risen < lump_of(bucket) / 2;
  if (bucket->best == 0 || !same_window) return;
  double kept = exp(-elapsed / TAKEN_SPAN);
  bucket->taken_supply = bucket->taken_supply * kept - risen;
  bucket->taken_time = bucket->taken_time * kept + elapsed;
  double taken = bucket->taken_supply / fmax(bucket->taken_time, TAKEN_FROM);
  bool noise = bucket->taken_time < TAKEN_FROM || taken < TAKEN_MIN * bucket->refill;
  bucket->taken = noise ? 0 : fmin(taken, bucket->limit);
}

/* The guess some steps further in the second, which is a circle. */
static int turn(int guess, int steps) {
  return 1 + (guess - 1 + steps + 2 * BUCKET_PHASES) % BUCKET_PHASES;
}

/* Goes by the windows that fit best, if they fit clearly better than the drip. Where requests are few, many guesses
 * fit as well: then by the middle of them, and as long as it fits. */
static void choose(struct bucket *bucket) {
  const struct bucket_guess *guesses = bucket->guesses;
  int best = 1, below = 0, above = 0;
  for (int i = 2; i < BUCKET_GUESSES; i++) {
    if (guesses[i].error < guesses[best].error) best = i;
  }
  double error = guesses[best].error, drip = guesses[0].error, close = error + SAME * (drip - error);
  bool taken_up = bucket->best != 0;
  bool fits = error < (taken_up ? WINDOW_LEAVE : WINDOW_TAKE) * drip;
  bool clear = drip - error > (taken_up ? CLEAR_LEAVE : CLEAR_TAKE);
  if (!fits || !clear) {
    bucket->best = 0;
    return;
  }
  if (taken_up && guesses[bucket->best].error <= close) return;
  while (below < BUCKET_PHASES && guesses[turn(best, -below - 1)].error <= close) below++;
  while (above < BUCKET_PHASES - below && guesses[turn(best, above + 1)].error <= close) above++;
  bucket->best = turn(best, (above - below) / 2);
}

/* What all guesses have in common when an answer is taken in. */
struct lesson {
  double supply;   /* requests: what the answer tells */
  double elapsed;  /* seconds since the newest request that told it; negative for one that was overtaken */
  double whole;    /* full seconds that began in that time, */
  double from, to; /* and how much of its own second had passed at either end */
  double lump;     /* requests: see lump_of */
  double guard;    /* seconds: see guard_of */
  double share;    /* of an error that one answer corrects */
  double weight;   /* of this answer in the running mean of errors */
};

/* Follows the supply by one guess. A request that left close to a refill may have come before or after it: the smaller
 * error of the two counts. (Refills are counted by comparing fractions of seconds: 33 guesses with two floors each took
 * 3,700 of the 240,000 instructions of a removal.) */
static void follow_guess(const struct bucket *bucket, struct bucket_guess *guess, int number,
                         const struct lesson *lesson) {
  double phase = phase_of(number);
  double refills = lesson->whole - (lesson->to < phase) + (lesson->from < phase);
  double risen = lesson->lump * refills - bucket->taken * lesson->elapsed;
  double error = lesson->supply - (guess->supply + risen);
  double after = lesson->to - phase;
  if (after < -0.5) after += 1;
  if (after >= 0.5) after -= 1;
  double likely = error;
  if (fabs(after) <= lesson->guard) {
    double other = after < 0 ? error - lesson->lump : error + lesson->lump;
    if (fabs(other) < fabs(error)) likely = other;
  }
  if (lesson->elapsed > 0) guess->supply += risen;
  guess->supply += lesson->share * likely;
  if (bucket->refill_known) guess->error += lesson->weight * (fabs(error) - guess->error);
}

/* The same for the steady drip, which has no refills to come close to. */
static void follow_drip(const struct bucket *bucket, struct bucket_guess *drip, const struct lesson *lesson) {
  double risen = bucket->refill * lesson->elapsed;
  double error = lesson->supply - (drip->supply + risen);
  if (lesson->elapsed > 0) drip->supply += risen;
  drip->supply += lesson->share * error;
  if (bucket->refill_known) drip->error += lesson->weight * (fabs(error) - drip->error);
}

/* Takes in that a request met this supply. A refusal is certain; `remaining` may be stale, or tell of a request that
 * overtook others. */
static void observe(struct bucket *bucket, double sent_at, double supply, bool certain) {
  double elapsed = sent_at - bucket->seen_at;
  struct lesson lesson = {
      .supply = supply,
      .elapsed = elapsed,
      .whole = floor(sent_at) - floor(bucket->seen_at),
      .from = fraction(bucket->seen_at),
      .to = fraction(sent_at),
      .lump = lump_of(bucket),
      .guard = guard_of(bucket),
      .share = certain ? 1 : clamp(elapsed / SUPPLY_SPAN, SUPPLY_MIN, SUPPLY_MAX),
      .weight = clamp(elapsed / ERROR_SPAN, ERROR_MIN, ERROR_MAX),
  };
  follow_drip(bucket, &bucket->guesses[0], &lesson);
  for (int i = 1; i < BUCKET_GUESSES; i++) follow_guess(bucket, &bucket->guesses[i], i, &lesson);
  measure_refill(bucket, sent_at, supply + bucket->spilled);
  if (elapsed > 0) {
    measure_taken(bucket, sent_at, supply);
    bucket->seen_at = sent_at;
    bucket->seen = supply;
  }
  if (bucket->refill_known) choose(bucket);
}

/* --- pacing */

/* Requests to leave to others; more than the reserve where others disturb a small bucket. A window that fills the
 * bucket makes what is kept beyond it run over, so there no more is kept than the uncertainty asks for. */
static double keep_of(const struct bucket *bucket) {
  double keep = bucket->limit > RESERVE_FROM ? bucket->options.reserve * bucket->limit : 0;
  double unrest = UNREST * (bucket->guesses[bucket->best].error - CALM);
  if (keep > 0) keep += clamp(unrest, 0, fmax(0, UNREST_MAX - keep));
  if (bucket->best == 0) return keep;
  double crowd = CROWD_MARGIN * sqrt(bucket->taken * (bucket->round_trip + CROWD_DELAY));
  double unsure = REORDERED * bucket->refill * bucket->round_trip + crowd;
  return fmin(keep, fmax(bucket->limit - lump_of(bucket), unsure));
}

/* At the pace of the refill, and faster by a surplus over the reserve; until the refill is known, as long as there is
 * a surplus. */
static double drip_wait(const struct bucket *bucket, double now) {
  double spare = fmin(left_at(bucket, now), bucket->limit) - keep_of(bucket);
  if (spare < ENOUGH) return (ENOUGH - spare) / bucket->refill;
  if (!bucket->refill_known) return 0;
  double surplus = left_at(bucket, bucket->sent_at) - keep_of(bucket); /* when the last had left */
  double pace = bucket->refill + CORRECTION * fmax(0, surplus);
  return bucket->sent_at + 1 / pace - now;
}

/* Spreads what is left, but for what others will take, over the rest of the window. */
static double window_wait(const struct bucket *bucket, double now) {
  double guard = guard_of(bucket), refill = floor(now - phase_of(bucket->best)) + phase_of(bucket->best);
  double begin = refill + guard, end = refill + 1 - guard, next = refill + 1 + guard;
  double left = fmin(left_at(bucket, now), bucket->limit) - bucket->taken * (refill + 1 - now);
  double spare = left - keep_of(bucket);
  if (spare < ENOUGH || now > end) return next - now;
  double requests = floor(spare + 1 - ENOUGH);
  if (bucket->sent_at < refill) return begin + (end - begin) / (2 * requests) - now;
  return bucket->sent_at + (end - bucket->sent_at) / (requests + 0.5) - now;
}

static double shadow_wait(const struct bucket *bucket, double now) {
  double patience = bucket->sent_at + fmax(PATIENCE, 1 / bucket->refill) - now;
  if (now > bucket->received_at + STALE && bucket->in_flight > 0) return patience;
  return fmin(patience, bucket->best == 0 ? drip_wait(bucket, now) : window_wait(bucket, now));
}

/* Requests per second, without headers, since a refusal: quickly back to what it was, for the tenant may have had a bad
 * moment, slowly past that, for it may have been the limit, and then quicker and quicker (as CUBIC does it: RFC
 * 9438). */
static double rate_at(const struct bucket *bucket, double now) {
  double before = bucket->rate / CUT;
  double recovery = fmax(RECOVERY_MIN, RECOVERY_SENT / before); /* seconds */
  double course = fmax(0, now - bucket->refused_at) / recovery - 1;
  return before * (1 + (1 - CUT) * course * course * course);
}

/* Without headers: one probe, then two requests in flight for each answer, without bounds until a refusal. */
static double blind_wait(const struct bucket *bucket, double now) {
  double wait = bucket->rate > 0 ? bucket->sent_at + 1 / rate_at(bucket, now) - now : 0;
  return bucket->in_flight > bucket->responses ? fmax(wait, bucket->sent_at + PATIENCE - now) : wait;
}

double bucket_wait(const struct bucket *bucket, double now) {
  double wait = bucket->limit > 0 ? shadow_wait(bucket, now) : blind_wait(bucket, now);
  if (bucket->options.max_rate > 0) wait = fmax(wait, bucket->sent_at + 1 / bucket->options.max_rate - now);
  return clamp(fmax(wait, bucket->held_until - now), 0, SHUT_MAX);
}

double bucket_shut_until(const struct bucket *bucket, double now) {
  return now < bucket->probe_at ? bucket->shut_until : -HUGE_VAL;
}

/* --- what happens */

struct bucket_ticket bucket_sent(struct bucket *bucket, double now) {
  double over = bucket->limit > 0 ? left_at(bucket, now) - bucket->limit : 0;
  if (bucket->limit > 0 && now > bucket->received_at + STALE && bucket->in_flight == 0) {
    follow(bucket, now, bucket->sent + fmin(bucket->limit, bucket->limit + over));
  } else if (over > 0) {
    bucket->spilled += over;
    for (int i = 0; i < BUCKET_GUESSES; i++) bucket->guesses[i].supply -= over;
  }
  bucket->recent = bucket->recent * exp(-fmax(0, now - bucket->sent_at)) + 1;
  bucket->sent += 1;
  bucket->in_flight += 1;
  bucket->sent_at = now;
  return (struct bucket_ticket){.sent_at = now, .number = bucket->sent};
}

/* A refused request cost nothing. What left before the last refusal was known is refused for the same reason. */
static void be_refused(struct bucket *bucket, const struct bucket_response *response, double now) {
  bucket->sent -= 1;
  if (response->retry_after > 0) {
    bucket->shut_until = fmax(bucket_shut_until(bucket, now), now + response->retry_after);
    bucket->probe_at = fmax(bucket->probe_at, now + fmin(response->retry_after, SHUT_MAX));
    bucket->held_until = fmax(bucket->held_until, bucket->probe_at);
  }
  if (response->ticket.sent_at < bucket->refused_at) return;
  double rate = bucket->refill;
  if (bucket->limit == 0) {
    rate = bucket->rate > 0 ? fmin(rate_at(bucket, now), bucket->recent) : bucket->recent;
    bucket->rate = rate = fmax(RATE_MIN, CUT * rate);
  }
  double hold = fmin(HOLD_MAX, pow(2, bucket->refusals) / rate);
  bucket->held_until = fmax(bucket->held_until, now + hold);
  bucket->refused_at = now;
  bucket->refusals = fmin(bucket->refusals + 1, HOLD_DOUBLINGS);
}

static void end_flight(struct bucket *bucket) {
  bucket->in_flight = fmax(0, bucket->in_flight - 1);
}

void bucket_received(struct bucket *bucket, const struct bucket_response *response, double now) {
  double round_trip = fmax(0, now - response->ticket.sent_at);
  bucket->round_trip += (bucket->round_trip > 0 ? ROUND_TRIP_SHARE : 1) * (round_trip - bucket->round_trip);
  bucket->received_at = now;
  bucket->responses += 1;
  end_flight(bucket);
  if (response->refused) {
    be_refused(bucket, response, now);
  } else {
    bucket->refusals = 0;
  }

  double limit = response->limit, remaining = response->remaining, number = response->ticket.number;
  bool told = limit >= 1 && limit <= LIMIT_MAX && remaining >= 0 && remaining <= limit;
  if (response->refused) {
    number -= 1;
    remaining = 0; /* whatever it says */
    if (!told) limit = bucket->limit;
    told = limit > 0;
  }
  if (!told) return;
  if (limit == bucket->limit) {
    observe(bucket, response->ticket.sent_at, number + remaining, response->refused);
  } else {
    meet(bucket, limit, response->ticket.sent_at, number + remaining);
  }
}

void bucket_lost(struct bucket *bucket) {
  end_flight(bucket);
}
