/* hash.h — content hashes (xxHash XXH3). Not cryptographic: they detect change, not malice. */
#ifndef SCL_BASE_HASH_H
#define SCL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct scl_hash128 {
    uint64_t low, high;
} scl_hash128;

#define SCL_HASH_TEXT 33

uint64_t scl_hash64(const void *data, size_t bytes, uint64_t seed);
scl_hash128 scl_hash128_of(const void *data, size_t bytes);
/* Order-dependent combination of two hashes. */
scl_hash128 scl_hash128_join(scl_hash128 a, scl_hash128 b);
/* 32 lower-case hex digits and a NUL. */
void scl_hash128_text(scl_hash128 hash, char text[SCL_HASH_TEXT]);

#endif
