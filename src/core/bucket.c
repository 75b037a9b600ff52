/* How it works. A response's `remaining` plus the number of its request is the supply: all that the tenant had
 * granted when that request arrived. The supply is a function of time that our own requests do not change, so it can
 * be tracked and predicted; the supply minus the requests sent is what is left for the next request.
 *
 * Times are those at which requests were *sent*. The latency to the tenant shifts all of them alike, so it need not
 * be known; its jitter blurs the supply a little, for which a running mean and a guard around refills compensate.
 *
 * With a steady drip the supply is a ramp, with a once-a-second refill a staircase. To find out which of the two it
 * is, and where in the second the steps are, all hypotheses ("guesses") are tracked at once, and the one with the
 * smallest prediction errors is used. Other users of the tenant make the ramp flatter and the treads of the
 * staircase slope down. */
#include "bucket.h"

#include <math.h>

/* Assumptions before anything is known. */
static const double DEFAULT_RESERVE = 0.2; /* share of the bucket */
static const double RESERVE_FROM = 4;      /* requests: a bucket of this size or less has no reserve */
static const double FIRST_SHARE = 0.2;     /* of the bucket, per second: every plan refills at least this fast, ... */
static const double FIRST_REFILL = 1;      /* requests per second: ... and at least this fast */
static const double LEAST_SHARE = 0.5;     /* of that: with less, responses would be too rare to learn from */
static const double LIMIT_MAX = 1e6;       /* requests: a larger bucket is not believed; the largest known has 5000 */
static const double PATIENCE = 2; /* seconds to wait for a response; the slowest on record took half a second */
static const double STALE = 10;   /* seconds without a response after which everything may have changed */

/* Measuring the refill, as the slope of mean supplies of whole seconds. */
static const double SLOPE_TIME_MIN = 0.5; /* seconds between the first mean and the last */
static const int SLOPE_MEANS_MIN = 3;     /* means, before the slope is trusted */
static const double SLOPE_GAP_MAX = 3;    /* seconds from the start of a second to the next response; else start anew */

/* Tracking: the share of an error that one response corrects grows with the time since the last, within bounds. */
static const double SUPPLY_SPAN = 0.4;                   /* seconds over which reordered responses cancel out */
static const double SUPPLY_MIN = 0.03, SUPPLY_MAX = 0.7; /* share of the error */
static const double ERROR_SPAN = 3;                      /* seconds: a few windows' worth of evidence */
static const double ERROR_MIN = 0.002, ERROR_MAX = 0.2;  /* share; many responses a second must not shorten the span */
static const double TAKEN_SPAN = 5;                      /* seconds over which others' bursts average out */
static const double TAKEN_FROM = 1;                      /* seconds of evidence before others are assumed, ... */
static const double TAKEN_MIN = 0.04;                    /* of the refill: ... who use at least this; less is noise */
static const double ROUND_TRIP_SHARE = 0.1;              /* weight of one response in the running mean */

/* Choosing: windows are adopted and abandoned at different errors, or the choice would flap. */
static const double WINDOW_TAKE = 0.5, WINDOW_LEAVE = 0.7; /* of the drip's error */
static const double CLEAR_TAKE = 0.4, CLEAR_LEAVE = 0.3;   /* requests below it: `remaining` is a whole number */
static const double SAME = 0.05; /* of the drip's error: guesses this close to the best are equally good */

/* Pacing. */
static const double ENOUGH = 0.7;     /* requests left to send one: `remaining` was rounded down */
static const double CORRECTION = 1.5; /* per second: how fast a surplus over the reserve is spent */
static const double OPTIMISM = 1.1;   /* of the measured lump: a refill that tops up the bucket hides its true size */
static const double GUARD_SHARE = 0.4, GUARD_MIN = 0.03, GUARD_MAX = 0.15; /* of the round trip; seconds */
static const double REORDERED = 0.055;  /* of the requests in a round trip: overtaking responses promise too much */
static const double CROWD_MARGIN = 1.5; /* deviations of what others use while a response is on its way, ... */
static const double CROWD_DELAY = 0.1;  /* seconds: ... and until the mean includes it */
static const double CALM = 0.25;        /* requests: the prediction errors of a client that is alone stay below this */
static const double UNREST = 6;         /* requests added to the reserve for each request of error above that, ... */
static const double UNREST_MAX = 4;     /* requests: ... up to a reserve of this size; others come in ones and twos */

/* Refusals. */
static const double HOLD_MAX = 1;        /* seconds: within a window's length there is a refill */
static const double HOLD_DOUBLINGS = 10; /* more make no difference */
static const double SHUT_MAX = 300;      /* seconds: a request now and then costs nothing, as refusals are free */
static const double CUT = 0.7;           /* of the rate, after a refusal without rate-limit headers */
static const double RECOVERY_MIN = 1.5;  /* seconds until the rate is what it was before; then it grows beyond */
static const double RECOVERY_SENT = 25;  /* requests until then: with fewer, refusals would be too frequent */
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

/* Returns when in each second, [0, 1), a request has to be sent to arrive just after the refill, by this guess. */
static double phase_of(int guess) {
  return (guess - 0.5) / (double)BUCKET_PHASES;
}

/* Returns the requests that a once-a-second refill adds. */
static double lump_of(const struct bucket *bucket) {
  return OPTIMISM * bucket->refill + bucket->taken;
}

/* Returns how much the supply rises between two times, by this guess. */
static double rise(const struct bucket *bucket, int guess, double from, double to) {
  if (guess == 0) return bucket->refill * (to - from);
  double refills = floor(to - phase_of(guess)) - floor(from - phase_of(guess));
  return lump_of(bucket) * refills - bucket->taken * (to - from);
}

/* Returns the requests left at `now`, as if the bucket had no limit. */
static double left_at(const struct bucket *bucket, double now) {
  double risen = rise(bucket, bucket->best, bucket->seen_at, fmax(now, bucket->seen_at));
  return bucket->guesses[bucket->best].supply + risen - bucket->sent;
}

/* Returns the seconds around a refill within which jitter decides whether a request arrives before or after it. */
static double guard_of(const struct bucket *bucket) {
  return clamp(GUARD_SHARE * bucket->round_trip, GUARD_MIN, GUARD_MAX);
}

/* --- learning */

/* Starts tracking the supply afresh from here, with all guesses equal. */
static void follow(struct bucket *bucket, double sent_at, double supply) {
  for (int i = 0; i < BUCKET_GUESSES; i++) bucket->guesses[i] = (struct bucket_guess){.supply = supply};
  bucket->seen_at = sent_at;
  bucket->seen = supply;
  bucket->best = 0;
  bucket->taken = bucket->taken_supply = bucket->taken_time = 0;
  bucket->second_count = 0;
  bucket->second_responses = 0;
}

/* Returns the requests per second that every tenant grants. */
static double first_refill(double limit) {
  return fmax(FIRST_REFILL, FIRST_SHARE * limit);
}

/* Takes the first response that reports this bucket size. */
static void meet(struct bucket *bucket, double limit, double sent_at, double supply) {
  bucket->limit = limit;
  bucket->rate = 0;
  bucket->refill = first_refill(limit);
  bucket->refill_known = false;
  follow(bucket, sent_at, supply);
}

/* Measures the refill as the slope of the mean supply from second to second, which once-a-second lumps do not
 * disturb. */
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
  if (apart < SLOPE_TIME_MIN) return;
  double refill = (seconds[last].supply - seconds[0].supply) / apart;
  bucket->refill = clamp(refill, LEAST_SHARE * first_refill(bucket->limit), fmax(FIRST_REFILL, bucket->limit));
  if (bucket->second_count >= SLOPE_MEANS_MIN) bucket->refill_known = true;
}

static void measure_refill(struct bucket *bucket, double sent_at, double supply) {
  double elapsed = sent_at - bucket->second_start;
  if (bucket->second_responses > 0 && elapsed >= 1) {
    end_second(bucket);
    if (elapsed >= SLOPE_GAP_MAX) bucket->second_count = 0;
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

/* Measures what others use, which is what the supply loses between two refills. */
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

/* Returns the guess `steps` further on in the second, which is a circle. */
static int turn(int guess, int steps) {
  return 1 + (guess - 1 + steps + 2 * BUCKET_PHASES) % BUCKET_PHASES;
}

/* Chooses the window that fits best, if it fits clearly better than the drip. If requests are few, many guesses fit
 * equally well; then it chooses the middle one, and keeps it while it fits. */
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

/* What all guesses have in common when they learn from a response. */
struct lesson {
  double supply;   /* requests: what the response reports */
  double elapsed;  /* seconds since the newest request that reported it; negative if this one was overtaken */
  double whole;    /* seconds of the clock that began in that time, ... */
  double from, to; /* ... and the fractions of a second at its ends */
  double lump;     /* requests: see lump_of */
  double guard;    /* seconds: see guard_of */
  double share;    /* of an error that this response corrects */
  double weight;   /* of this response in the running mean of errors */
};

/* Updates one guess of a once-a-second refill. A request sent close to a refill may have arrived before or after it, so
 * the smaller of the two errors counts. (Refills are counted by comparing fractions of seconds, because two floors for
 * each of 33 guesses took 3,700 of the 240,000 instructions of a removal.) */
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

/* Updates the guess of a steady drip, which has no refills to be close to. */
static void follow_drip(const struct bucket *bucket, struct bucket_guess *drip, const struct lesson *lesson) {
  double risen = bucket->refill * lesson->elapsed;
  double error = lesson->supply - (drip->supply + risen);
  if (lesson->elapsed > 0) drip->supply += risen;
  drip->supply += lesson->share * error;
  if (bucket->refill_known) drip->error += lesson->weight * (fabs(error) - drip->error);
}

/* Learns that a request met this supply. A refusal is certain; `remaining` may be stale, or come from a request that
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

/* Returns the requests to leave to others: the reserve, or more if others disturb a small bucket. If a window's refill
 * fills the bucket, requests kept beyond that are lost, so then only as many are kept as the uncertainty requires. */
static double keep_of(const struct bucket *bucket) {
  double keep = bucket->limit > RESERVE_FROM ? bucket->options.reserve * bucket->limit : 0;
  double unrest = UNREST * (bucket->guesses[bucket->best].error - CALM);
  if (keep > 0) keep += clamp(unrest, 0, fmax(0, UNREST_MAX - keep));
  if (bucket->best == 0) return keep;
  double crowd = CROWD_MARGIN * sqrt(bucket->taken * (bucket->round_trip + CROWD_DELAY));
  double unsure = REORDERED * bucket->refill * bucket->round_trip + crowd;
  return fmin(keep, fmax(bucket->limit - lump_of(bucket), unsure));
}

/* Sends at the rate of the refill, and faster while there is a surplus over the reserve. Until the refill is known, it
 * does not wait while there is a surplus. */
static double drip_wait(const struct bucket *bucket, double now) {
  double spare = fmin(left_at(bucket, now), bucket->limit) - keep_of(bucket);
  if (spare < ENOUGH) return (ENOUGH - spare) / bucket->refill;
  if (!bucket->refill_known) return 0;
  double surplus = left_at(bucket, bucket->sent_at) - keep_of(bucket); /* after the last request */
  double pace = bucket->refill + CORRECTION * fmax(0, surplus);
  return bucket->sent_at + 1 / pace - now;
}

/* Spreads what is left, minus what others will use, over the rest of the window. */
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

/* Returns the rate without rate-limit headers, in requests per second, since a refusal. It recovers quickly to what
 * it was, as the refusal may have been momentary; passes that slowly, as it may be the limit; and then grows faster
 * and faster (like CUBIC: RFC 9438). */
static double rate_at(const struct bucket *bucket, double now) {
  double before = bucket->rate / CUT;
  double recovery = fmax(RECOVERY_MIN, RECOVERY_SENT / before); /* seconds */
  double course = fmax(0, now - bucket->refused_at) / recovery - 1;
  return before * (1 + (1 - CUT) * course * course * course);
}

/* Without rate-limit headers: one probe, then two requests for each response, without a bound until a refusal. */
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

/* --- events */

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

/* A refused request costs nothing. Requests sent before the last refusal arrived are refused for the same reason. */
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
    remaining = 0; /* whatever the header says */
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
