/* cache_file.h — one entry of the prefix cache as a file; for prefix_cache.c.
 *
 * Native byte order: 8 bytes of magic, the key (2 x u64), the number of arrays (u64), a checksum
 * of all that follows (u64), the length of each array (u64), then their floats. */
#ifndef SCL_DATA_CACHE_FILE_H
#define SCL_DATA_CACHE_FILE_H

#include "base/hash.h"
#include "base/status.h"

#include <stdbool.h>

/* Arrays of floats, the i-th of counts[i]. Borrowed. */
typedef struct scl_cache_arrays {
    const size_t *counts;
    size_t n;
} scl_cache_arrays;

typedef enum scl_cache_found {
    SCL_CACHE_ABSENT,
    SCL_CACHE_DAMAGED, /* or of another key or shape; `out` may have been written to */
    SCL_CACHE_FOUND
} scl_cache_found;

/* Bytes the file of an entry takes. */
size_t scl_cache_file_size(scl_cache_arrays shape);

/* Writes atomically; SCL_FAILED with the reason. It does not wait for the disk: after a power cut
 * the file may be lost or damaged, which the checksum shows. */
scl_status scl_cache_file_write(const char *path, scl_hash128 key, scl_cache_arrays shape,
                                const float *const *arrays, scl_error *err);

scl_cache_found scl_cache_file_read(const char *path, scl_hash128 key, scl_cache_arrays shape,
                                    float *const *out);

#endif
