#include "random.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

void random_open(struct random *random, uint64_t seed) {
  random->state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
  for (int i = 0; i < 4; i++) random_unit(random);
}

/* A Weyl sequence whose steps are scrambled by two multiplications. */
double random_unit(struct random *random) {
  random->state += UINT64_C(0x9E3779B97F4A7C15);
  uint64_t bits = random->state;
  bits = (bits ^ (bits >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  bits = (bits ^ (bits >> 27)) * UINT64_C(0x94D049BB133111EB);
  return (double)((bits ^ (bits >> 31)) >> 11) / 9007199254740992.0; /* 2^53 */
}

double random_exponential(struct random *random, double mean) {
  return -mean * log(1 - random_unit(random));
}

double random_lognormal(struct random *random, double median, double deviation) {
  double radius = sqrt(-2 * log(1 - random_unit(random)));
  return median * exp(deviation * radius * cos(2 * PI * random_unit(random)));
}
