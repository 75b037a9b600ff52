/* random: pseudo-random numbers, the same on every machine for the same seed. */
#ifndef PACING_RANDOM_H
#define PACING_RANDOM_H

#include <stdint.h>

struct random {
  uint64_t state;
};

void random_open(struct random *random, uint64_t seed);
double random_unit(struct random *random);                                       /* [0, 1), uniform */
double random_exponential(struct random *random, double mean);                   /* times between unrelated events */
double random_lognormal(struct random *random, double median, double deviation); /* of the logarithm */

#endif
