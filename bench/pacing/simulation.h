/* simulation: a client performs operations on a model of a tenant, over a model of a network, with or without another
 * application beside it. It uses no clock and no I/O, so the same settings and seed give the same figures. */
#ifndef PACING_SIMULATION_H
#define PACING_SIMULATION_H

#include "tenant.h"

enum client_kind {
  CLIENT_OURS,  /* paced by src/core/bucket.c */
  CLIENT_NODE,  /* like the official Node SDK, 10 operations at a time */
  CLIENT_FIXED, /* 8 requests per second, up to 3 attempts each */
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
  double staleness;     /* share of the responses with an old `remaining` */
  double lost;          /* share of the responses that never arrive */
  bool bare_refusals;   /* a 429 has no rate limit headers */
  bool no_headers;      /* no response has rate limit headers */
  double stray;         /* share of the requests that are refused although there is room */
  int connections;      /* requests in flight at most */
  long long operations; /* to perform */
  uint64_t seed;
};

struct figures {
  double actual, ideal;           /* seconds until the last operation was done; the same for an ideal client */
  long long done, lost;           /* operations */
  long long sent, refused;        /* requests after the first 10 seconds, and how many of them were refused */
  long long other, other_refused; /* of the other application, during the whole run */
};

struct figures simulate(const struct setting *setting);

#endif
