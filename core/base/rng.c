#include "base/rng.h"

#include "base/hash.h"

#include <math.h>
#include <string.h>

#define PHILOX_ROUNDS 10
#define PHILOX_M0     0xD2511F53u
#define PHILOX_M1     0xCD9E8D57u
#define PHILOX_W0     0x9E3779B9u
#define PHILOX_W1     0xBB67AE85u

void scl_philox(uint64_t key, uint64_t counter_low, uint64_t counter_high, uint32_t out[4])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c[4] = {(uint32_t)counter_low, (uint32_t)(counter_low >> 32), (uint32_t)counter_high,
                     (uint32_t)(counter_high >> 32)};
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c[0], p1 = (uint64_t)PHILOX_M1 * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    memcpy(out, c, sizeof c);
}

scl_rng scl_rng_make(uint64_t seed, const char *purpose, uint64_t a, uint64_t b)
{
    uint64_t words[3] = {scl_hash64(purpose, strlen(purpose), 0), a, b};
    return (scl_rng){.seed = seed, .stream = scl_hash64(words, sizeof words, seed), .index = 0};
}

uint32_t scl_rng_u32(scl_rng *rng)
{
    uint32_t block[4];
    scl_philox(rng->seed, rng->index >> 2, rng->stream, block);
    return block[rng->index++ & 3];
}

double scl_rng_uniform(scl_rng *rng)
{
    uint64_t high = scl_rng_u32(rng) >> 5, low = scl_rng_u32(rng) >> 6;
    return (double)((high << 26) | low) * 0x1p-53;
}

double scl_rng_normal(scl_rng *rng)
{
    double radius = sqrt(-2.0 * log(1.0 - scl_rng_uniform(rng)));
    return radius * cos(6.283185307179586 * scl_rng_uniform(rng));
}

uint32_t scl_rng_below(scl_rng *rng, uint32_t n)
{
    uint32_t threshold = (uint32_t)(-n) % n;
    for (;;) {
        uint64_t product = (uint64_t)scl_rng_u32(rng) * n;
        if ((uint32_t)product >= threshold)
            return (uint32_t)(product >> 32);
    }
}

void scl_rng_permutation(scl_rng *rng, uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = scl_rng_below(rng, i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
}
