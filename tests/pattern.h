/* pattern.h — values and a hash, the same as tests/reference/pattern.py makes. */
#ifndef SCL_TESTS_PATTERN_H
#define SCL_TESTS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* Byte i of the pattern: looks random, and needs no state. */
static inline uint8_t pattern_byte(uint64_t i)
{
    uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 32)) * 0xD6E8FEB86659FD93u;
    return (uint8_t)(z >> 56);
}

static inline void pattern_fill(void *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)data)[i] = pattern_byte(i);
}

/* Value i of the pattern of a name, in [-1, 1). */
static inline float pattern_float(const char *name, uint64_t i)
{
    uint64_t seed = 0xCBF29CE484222325u;
    for (; *name != '\0'; name++)
        seed = (seed ^ (uint8_t)*name) * 0x100000001B3u;
    uint64_t z = (i + 1 + seed) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 32)) * 0xD6E8FEB86659FD93u;
    return (float)(z >> 40) / 8388608.0f - 1;
}

/* A polynomial in 64 bits: order matters, and numpy can compute it without a loop. */
static inline uint64_t pattern_hash(const void *data, size_t bytes)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < bytes; i++)
        hash = hash * 0xD6E8FEB86659FD93u + ((const uint8_t *)data)[i] + 1;
    return hash;
}

#endif
