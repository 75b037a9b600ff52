/* pacing: prints, as Markdown, how fast a client completes its operations without refusals. With "check", simulates
 * less, prints the figures that miss their targets, and exits with status 1 if there are any. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char INTRODUCTION[] =
    "# Pacing, simulated\n"
    "\n"
    "How fast a client completes many operations on a tenant with a rate limit, and how often the tenant refuses\n"
    "its requests. Three clients are compared: auth0perm (src/core/bucket.c); the official Node SDK (10\n"
    "operations at a time; it retries a refused request twice, at the reset time in the response, and then the\n"
    "operation is lost); and a client that sends a fixed 8 requests per second (up to 3 attempts each). This file\n"
    "is written by\n"
    "\n"
    "    cc -std=c11 -O2 -Isrc bench/pacing/[a-z]*.c src/core/bucket.c -lm -o build/pacing\n"
    "    build/pacing >bench/pacing/results.md\n"
    "\n"
    "Seeds are fixed, so the figures are the same wherever libm rounds in the same way. `build/pacing check`\n"
    "simulates less, and fails if a required figure is missed.\n"
    "\n"
    "- **ratio**: ideal time / actual time for the completed operations: median of 15 seeds (worst). The ideal\n"
    "  client knows the limiter: it finds a full bucket, takes each token as soon as it is there, except for\n"
    "  those that the other application takes, and waits one round trip. It would be busy for about two minutes.\n"
    "- **429s per 1000**: refused requests per 1000 requests after the first 10 seconds, over all seeds (worst\n"
    "  seed).\n"
    "- **the other's 429s**: share of the other application's requests that were refused, over all seeds (worst\n"
    "  seed). It sends at random times, on average 20 % of the refill, and retries refused requests after 1, 2\n"
    "  and 4 seconds.\n"
    "- **lost**: operations, over all seeds.\n"
    "- **mode**: the tenant refills in a steady drip, or in a window: all at once, once a second, at a random\n"
    "  phase.\n"
    "- Round trips are medians. The times to the limiter and back are lognormal (deviation 0.25 to it, 0.5 back),\n"
    "  so requests and responses overtake each other. auth0perm and the fixed rate have 16 connections with the\n"
    "  short round trip (64 for 250/250) and twice as many with the long one. auth0perm compares no wall clocks,\n"
    "  so no clock skew is simulated; the Node SDK does, and its clock agrees with the tenant's.\n";

static const char BAD_WEATHER[] =
    "auth0perm, alone on the tenant: ratio (median of 5 seeds), 429s per 1000, operations lost. A lost response\n"
    "costs its operation 5 seconds, even at the end of the run, when nothing else is left to do.\n";

static const char NO_HEADERS[] =
    "auth0perm, alone on a tenant whose responses have no rate limit headers, with a short round trip. First a tenant\n"
    "without a limit that now and then refuses a request all the same: 32 connections, 200 seconds; operations per\n"
    "second, and their share of those without any refusal (median of 5 seeds).\n";

static const char NO_HEADERS_LIMIT[] =
    "\nThen tenants with a limit, which the client can find only by being refused: ratio (median of 5 seeds), 429s "
    "per\n"
    "1000, operations lost.\n";

enum { SEEDS = 15, CHECK_SEEDS = 5, SEEDS_MAX = 32 };

static const double DURATION = 120;                    /* seconds that an ideal client would be busy */
static const double OTHER_SHARE = 0.2;                 /* share of the refill that the other application takes */
static const double SHORT_WAY = 0.08, LONG_WAY = 0.25; /* seconds, round trip */

static const struct plan {
  double bucket, refill;
  int connections; /* with the short round trip; twice as many with the long one. Enough to use the refill. */
} PLANS[] = {{2, 2, 16}, {10, 2.5, 16}, {10, 2, 16}, {50, 16, 16}, {50, 50, 16}, {250, 250, 64}};

/* The figures of several seeds. */
struct summary {
  double ratio, ratio_worst;     /* ideal time / actual time: median, least */
  double refused, refused_worst; /* 429s per 1000 requests: of all seeds together, of the worst */
  double other, other_worst;     /* share of the other application's requests that were refused: likewise */
  long long lost;                /* operations, of all seeds together */
};

static int compare(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static double share(long long part, long long whole) {
  return whole > 0 ? (double)part / (double)whole : 0;
}

static struct summary summarize(struct setting setting, int seeds) {
  struct summary summary = {.lost = 0};
  struct figures total = {.done = 0};
  double ratios[SEEDS_MAX];
  for (int i = 0; i < seeds; i++) {
    setting.seed = (uint64_t)i + 1;
    struct figures figures = simulate(&setting);
    ratios[i] = figures.done > 0 ? figures.ideal / figures.actual : 0;
    total.sent += figures.sent;
    total.refused += figures.refused;
    total.other += figures.other;
    total.other_refused += figures.other_refused;
    summary.lost += figures.lost;
    summary.refused_worst = fmax(summary.refused_worst, 1000 * share(figures.refused, figures.sent));
    summary.other_worst = fmax(summary.other_worst, share(figures.other_refused, figures.other));
  }
  qsort(ratios, (size_t)seeds, sizeof *ratios, compare);
  summary.ratio = ratios[seeds / 2];
  summary.ratio_worst = ratios[0];
  summary.refused = 1000 * share(total.refused, total.sent);
  summary.other = share(total.other_refused, total.other);
  return summary;
}

static struct setting setting_of(const struct plan *plan, enum refill_mode mode, double round_trip, bool other) {
  double taken = other ? OTHER_SHARE * plan->refill : 0;
  return (struct setting){.bucket = plan->bucket,
                          .refill = plan->refill,
                          .mode = mode,
                          .round_trip = round_trip,
                          .jitter = 1,
                          .other = taken,
                          .connections = round_trip > SHORT_WAY ? 2 * plan->connections : plan->connections,
                          .operations = (long long)(plan->bucket + DURATION * (plan->refill - taken))};
}

static void print_cells(const struct summary *summary, bool other) {
  printf(" %.3f (%.3f) | %.1f (%.1f) |", summary->ratio, summary->ratio_worst, summary->refused,
         summary->refused_worst);
  if (other) printf(" %.1f %% (%.1f %%) |", 100 * summary->other, 100 * summary->other_worst);
  printf(" %lld |", summary->lost);
}

static void print_start(const struct setting *setting) {
  printf("| %g/%g | %s | %g ms |", setting->bucket, setting->refill, setting->mode == REFILL_DRIP ? "drip" : "window",
         1000 * setting->round_trip);
}

static void print_heading(bool other) {
  static const char *names[CLIENT_KINDS] = {"auth0perm", "Node SDK", "8 per s"};
  printf("\n| bucket/refill | mode | round trip |");
  for (int i = 0; i < CLIENT_KINDS; i++) {
    printf(" %s: ratio | 429s per 1000 |%s lost |", names[i], other ? " the other's 429s |" : "");
  }
  printf("\n|---|---|---|");
  for (int i = 0; i < CLIENT_KINDS; i++) printf("---|---|---|%s", other ? "---|" : "");
  printf("\n");
}

static void print_table(bool other) {
  print_heading(other);
  for (size_t i = 0; i < COUNT(PLANS); i++) {
    for (int row = 0; row < 4; row++) {
      enum refill_mode mode = row < 2 ? REFILL_DRIP : REFILL_WINDOW;
      struct setting setting = setting_of(&PLANS[i], mode, row % 2 ? LONG_WAY : SHORT_WAY, other);
      print_start(&setting);
      for (int client = 0; client < CLIENT_KINDS; client++) {
        setting.client = (enum client_kind)client;
        struct summary summary = summarize(setting, SEEDS);
        print_cells(&summary, other);
      }
      printf("\n");
    }
  }
}

/* A kind of bad weather: the settings that it changes. */
static const struct weather {
  const char *name;
  double staleness, jitter, lost;
  bool bare_refusals;
  int connections;
} WEATHERS[] = {
    {.name = "64 connections", .jitter = 1, .connections = 64},
    {.name = "jitter twice as wide", .jitter = 2},
    {.name = "5 % of `remaining` stale", .jitter = 1, .staleness = 0.05},
    {.name = "429s without headers", .jitter = 1, .bare_refusals = true},
    {.name = "1 % of responses lost (5 s each)", .jitter = 1, .lost = 0.01},
};

static struct setting change(struct setting setting, const struct weather *weather) {
  setting.jitter = weather->jitter;
  setting.staleness = weather->staleness;
  setting.lost = weather->lost;
  setting.bare_refusals = weather->bare_refusals;
  if (weather->connections > setting.connections) setting.connections = weather->connections;
  return setting;
}

static void print_weather(void) {
  printf("\n| bucket/refill | mode | round trip |");
  for (size_t i = 0; i < COUNT(WEATHERS); i++) printf(" %s |", WEATHERS[i].name);
  printf("\n|---|---|---|");
  for (size_t i = 0; i < COUNT(WEATHERS); i++) printf("---|");
  printf("\n");
  for (size_t plan = 0; plan < COUNT(PLANS); plan++) {
    for (int mode = REFILL_DRIP; mode <= REFILL_WINDOW; mode++) {
      struct setting setting = setting_of(&PLANS[plan], (enum refill_mode)mode, SHORT_WAY, false);
      print_start(&setting);
      for (size_t i = 0; i < COUNT(WEATHERS); i++) {
        struct summary summary = summarize(change(setting, &WEATHERS[i]), CHECK_SEEDS);
        printf(" %.3f, %.1f, %lld |", summary.ratio, summary.refused, summary.lost);
      }
      printf("\n");
    }
  }
}

/* --- without headers */

/* Shares of the requests that a tenant without a limit refuses. */
static const double STRAYS[] = {0, 0.0001, 9.0 / 11000, 0.003, 0.01};

enum { STRAY_CONNECTIONS = 32 };
static const double STRAY_OPERATIONS = 74000; /* 200 seconds, undisturbed */
static const double NO_LIMIT = 1e9;           /* requests, and requests per second */

/* Operations per second: the median of a few seeds. */
static double stray_speed(double stray) {
  double speeds[CHECK_SEEDS];
  struct setting setting = {.bucket = NO_LIMIT,
                            .refill = NO_LIMIT,
                            .round_trip = SHORT_WAY,
                            .jitter = 1,
                            .no_headers = true,
                            .stray = stray,
                            .connections = STRAY_CONNECTIONS,
                            .operations = (long long)STRAY_OPERATIONS};
  for (int i = 0; i < CHECK_SEEDS; i++) {
    setting.seed = (uint64_t)i + 1;
    struct figures figures = simulate(&setting);
    speeds[i] = (double)figures.done / figures.actual;
  }
  qsort(speeds, CHECK_SEEDS, sizeof *speeds, compare);
  return speeds[CHECK_SEEDS / 2];
}

static void print_strays(void) {
  double undisturbed = stray_speed(0);
  printf("\n| refused without reason, per 1000 | operations per second | share |\n|---|---|---|\n");
  for (size_t i = 0; i < COUNT(STRAYS); i++) {
    double speed = stray_speed(STRAYS[i]);
    printf("| %.2f | %.0f | %.2f |\n", 1000 * STRAYS[i], speed, speed / undisturbed);
  }
}

static void print_limits(void) {
  printf("\n| bucket/refill | mode | ratio | 429s per 1000 | lost |\n|---|---|---|---|---|\n");
  for (size_t plan = 0; plan < COUNT(PLANS); plan++) {
    for (int mode = REFILL_DRIP; mode <= REFILL_WINDOW; mode++) {
      struct setting setting = setting_of(&PLANS[plan], (enum refill_mode)mode, SHORT_WAY, false);
      setting.no_headers = true;
      struct summary summary = summarize(setting, CHECK_SEEDS);
      printf("| %g/%g | %s | %.3f | %.1f | %lld |\n", setting.bucket, setting.refill,
             mode == REFILL_DRIP ? "drip" : "window", summary.ratio, summary.refused, summary.lost);
    }
  }
}

/* --- check */

static int missed;

static void expect(const struct setting *setting, const char *figure, double value, bool reached) {
  if (reached) return;
  missed++;
  printf("%g/%g, %s, %g ms%s: %s is %.4g\n", setting->bucket, setting->refill,
         setting->mode == REFILL_DRIP ? "drip" : "window", 1000 * setting->round_trip,
         setting->other > 0 ? ", with another application" : "", figure, value);
}

/* Checks the required figures, with a margin because there are only a few seeds. */
static void check(const struct setting *setting) {
  static const double RATIO_MARGIN = 0.005, REFUSED_MARGIN = 0.5, OTHER_MARGIN = 0.005;
  int seeds = setting->bucket > 10 ? CHECK_SEEDS : SEEDS_MAX; /* with few requests per seed, more seeds are needed */
  struct summary summary = summarize(*setting, seeds);
  bool small = setting->bucket < 10;
  bool other = setting->other > 0;
  expect(setting, "operations lost", (double)summary.lost, summary.lost == 0);
  if (!other) {
    double ratio = small || setting->bucket <= setting->refill ? 0.97 : 0.98;
    expect(setting, "ideal / actual time", summary.ratio, summary.ratio >= ratio - RATIO_MARGIN);
  }
  if (!other || !small) {
    expect(setting, "429s per 1000", summary.refused, summary.refused <= 1 + REFUSED_MARGIN);
    expect(setting, "the other's share of 429s", summary.other, summary.other <= 0.02 + OTHER_MARGIN);
  }
}

/* A few refusals without reason must not slow a client down for long. */
static void check_strays(void) {
  static const double STRAY = 9.0 / 11000, SHARE_MIN = 0.85;
  double share = stray_speed(STRAY) / stray_speed(0);
  if (share >= SHARE_MIN) return;
  missed++;
  printf("without headers, 9 refusals in 11000 requests: share of the speed is %.4g\n", share);
}

static int check_all(void) {
  for (size_t i = 0; i < COUNT(PLANS); i++) {
    for (int row = 0; row < 8; row++) {
      struct setting setting =
          setting_of(&PLANS[i], row & 1 ? REFILL_WINDOW : REFILL_DRIP, row & 2 ? LONG_WAY : SHORT_WAY, (row & 4) != 0);
      check(&setting);
    }
  }
  check_strays();
  printf("pacing: %d figures missed\n", missed);
  return missed > 0;
}

int main(int count, char **words) {
  if (count == 2 && strcmp(words[1], "check") == 0) return check_all();
  if (count != 1) {
    fprintf(stderr, "Usage: pacing [check]\n");
    return 2;
  }
  printf("%s", INTRODUCTION);
  printf("\n## Alone on the tenant\n");
  print_table(false);
  printf("\n## Beside another application that takes 20 %% of the refill\n");
  print_table(true);
  printf("\n## Bad weather\n\n%s", BAD_WEATHER);
  print_weather();
  printf("\n## Without headers\n\n%s", NO_HEADERS);
  print_strays();
  printf("%s", NO_HEADERS_LIMIT);
  print_limits();
  return 0;
}
