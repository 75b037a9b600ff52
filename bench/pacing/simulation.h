/* simulation: one client performs operations against a model of a tenant, over a model of a network, with or without
 * another application beside it. No clock, no I/O: the same settings and seed give the same figures. */
#ifndef PACING_SIMULATION_H
#define PACING_SIMULATION_H

#include "tenant.h"

enum client_kind {
  CLIENT_OURS,  /* paced by src/core/bucket.c */
  CLIENT_NODE,  /* as the official Node SDK, 10 operations at a time */
  CLIENT_FIXED, /* 8 requests per second, each tried up to 3 times */
  CLIENT_KINDS
};

struct setting {
  enum client_kind client;
  double bucket; /* requests */
  double refill; /* requests per second */
  enum refill_mode mode;
  double round_trip;    /* seconds, median */
  double jitter;        /* scales the deviation of the round trip's logarithm; 1: as usual */
  double other;         /* requests per second of the other application */
  double staleness;     /* share of the answers whose `remaining` is an old one */
  double lost;          /* share of the answers that never come */
  bool bare_refusals;   /* a 429 has none of the headers */
  int connections;      /* requests in flight at most */
  long long operations; /* to perform */
  uint64_t seed;
};

struct figures {
  double actual, ideal;           /* seconds until the last operation was done; what a perfect client needs */
  long long done, lost;           /* operations */
  long long sent, refused;        /* requests after the first 10 seconds, and how many of them were refused */
  long long other, other_refused; /* of the other application, during the whole run */
};

struct figures simulate(const struct setting *setting);

#endif
