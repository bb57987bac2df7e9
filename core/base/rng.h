/* rng.h — counter-based random numbers (Philox4x32-10, Salmon et al., SC'11).
 *
 * A number is a pure function of (seed, stream, index): nothing to save for an exact resume, the
 * same on every device, and any thread may draw any of them. */
#ifndef SCL_BASE_RNG_H
#define SCL_BASE_RNG_H

#include <stdint.h>

/* Four words of Philox4x32-10 under a key, at a counter of two halves. */
void scl_philox(uint64_t key, uint64_t counter_low, uint64_t counter_high, uint32_t out[4]);

/* A position in one stream of numbers; cheap to make, copied by value. */
typedef struct scl_rng {
    uint64_t seed, stream, index;
} scl_rng;

/* The stream for `purpose` (a short name such as "shuffle") and up to two counters. */
scl_rng scl_rng_make(uint64_t seed, const char *purpose, uint64_t a, uint64_t b);

/* Each call moves to the next index. */
uint32_t scl_rng_u32(scl_rng *rng);
double scl_rng_uniform(scl_rng *rng); /* [0, 1) with 53 bits */
double scl_rng_normal(scl_rng *rng);  /* mean 0, deviation 1 (Box-Muller) */
/* Unbiased integer in [0, n); n > 0. */
uint32_t scl_rng_below(scl_rng *rng, uint32_t n);
/* Fisher-Yates permutation of 0..n-1 into `order`. */
void scl_rng_permutation(scl_rng *rng, uint32_t *order, uint32_t n);

#endif
