#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

uint64_t scl_hash64(const void *data, size_t bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, bytes, seed);
}

scl_hash128 scl_hash128_of(const void *data, size_t bytes)
{
    XXH128_hash_t h = XXH3_128bits(data, bytes);
    return (scl_hash128){.low = h.low64, .high = h.high64};
}

scl_hash128 scl_hash128_join(scl_hash128 a, scl_hash128 b)
{
    uint64_t words[4] = {a.low, a.high, b.low, b.high};
    return scl_hash128_of(words, sizeof words);
}

void scl_hash128_text(scl_hash128 hash, char text[SCL_HASH_TEXT])
{
    snprintf(text, SCL_HASH_TEXT, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}
