/* prefix_cache.h — keeps what frozen layers computed, so that an image is encoded once.
 *
 * An entry is a list of float arrays under a 128-bit key. The key is the caller's: it must hash all
 * that the values depend on (weights, preprocessing, the input), and then no entry can be stale.
 * Entries are held in memory, the least recently used going first, and in a folder, the oldest file
 * going first; the folder outlives the process. Several caches may be open on one folder: each
 * keeps its own limit and sees the files that were there when it was opened. Not thread-safe. */
#ifndef SCL_DATA_PREFIX_CACHE_H
#define SCL_DATA_PREFIX_CACHE_H

#include "base/hash.h"
#include "base/status.h"

#include <stdbool.h>

typedef struct scl_prefix_cache scl_prefix_cache;

typedef struct scl_prefix_cache_stats {
    uint64_t memory_hits, disk_hits, misses;
    uint64_t damaged;                  /* files found damaged, and deleted */
    uint64_t memory_bytes, disk_bytes; /* held now */
} scl_prefix_cache_stats;

/* `memory` and `disk` are limits in bytes, 0: none there. `folder` is made when missing; NULL: no
 * disk. A folder that can't be made or written, then or later, is logged as a fallback and memory
 * serves alone. SCL_DEVICE when out of memory. */
scl_status scl_prefix_cache_open(uint64_t memory, uint64_t disk, const char *folder,
                                 scl_prefix_cache **cache, scl_error *err);

/* Fills out[i] with counts[i] floats, for i below n, if the key is there with these counts. False:
 * it is not, and `out` may hold anything. */
bool scl_prefix_cache_get(scl_prefix_cache *cache, scl_hash128 key, float *const *out,
                          const size_t *counts, size_t n);

/* Copies the arrays. What does not fit or can't be written is not kept; that is no error. */
void scl_prefix_cache_put(scl_prefix_cache *cache, scl_hash128 key, const float *const *arrays,
                          const size_t *counts, size_t n);

scl_prefix_cache_stats scl_prefix_cache_statistics(const scl_prefix_cache *cache);

/* Leaves the files. NULL is allowed. */
void scl_prefix_cache_close(scl_prefix_cache *cache);

#endif
