/* prefix_cache_support.h — entries of the cache of frozen layers, put and got and counted. */
#ifndef SCL_TESTS_PREFIX_CACHE_SUPPORT_H
#define SCL_TESTS_PREFIX_CACHE_SUPPORT_H

#include "data/prefix_cache.h"
#include "data_support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* An entry has two arrays; see scl_cache_file_size for what its file takes. */
enum { FIRST = 3, SECOND = 5, ENTRY = 2 * 8 + (FIRST + SECOND) * 4, ENTRY_FILE = 40 + ENTRY };
enum { PLENTY = 1 << 20 };

static const size_t counts[2] = {FIRST, SECOND};

static inline scl_hash128 key_of(uint64_t number)
{
    return scl_hash128_of(&number, sizeof number);
}

static inline void fill(uint64_t number, float first[FIRST], float second[SECOND])
{
    for (int i = 0; i < FIRST; i++)
        first[i] = (float)number + (float)i / 16;
    for (int i = 0; i < SECOND; i++)
        second[i] = -(float)number - (float)i / 16;
}

static inline void put(scl_prefix_cache *cache, uint64_t number)
{
    float first[FIRST], second[SECOND];
    fill(number, first, second);
    const float *const arrays[] = {first, second};
    scl_prefix_cache_put(cache, key_of(number), arrays, counts, 2);
}

/* Whether it is there; if it is, its values must be right. */
static inline bool get(scl_prefix_cache *cache, uint64_t number)
{
    float first[FIRST] = {0}, second[SECOND] = {0}, wanted_first[FIRST], wanted_second[SECOND];
    float *const out[] = {first, second};
    if (!scl_prefix_cache_get(cache, key_of(number), out, counts, 2))
        return false;
    fill(number, wanted_first, wanted_second);
    assert_memory_equal(first, wanted_first, sizeof first);
    assert_memory_equal(second, wanted_second, sizeof second);
    return true;
}

static inline scl_prefix_cache *open_cache(uint64_t memory, uint64_t disk, const char *folder)
{
    scl_prefix_cache *cache = NULL;
    assert_ok(scl_prefix_cache_open(memory, disk, folder, &cache, &test_error));
    return cache;
}

/* A folder in the test's own that is not there yet; until the next data_path. */
static const char *cache_folder(data_folder *folder)
{
    return data_path(folder, "images/deep", "cache");
}

/* The file of an entry. */
static const char *file_of(data_folder *folder, uint64_t number)
{
    char name[SCL_HASH_TEXT + 8];
    scl_hash128_text(key_of(number), name);
    strcat(name, ".prefix");
    return data_path(folder, "images/deep/cache", name);
}

static inline size_t count_files(data_folder *folder)
{
    scl_folder listing;
    assert_ok(scl_folder_list(cache_folder(folder), &listing, &test_error));
    size_t count = listing.count;
    scl_folder_free(&listing);
    return count;
}

static inline void check_stats(const scl_prefix_cache *cache, uint64_t memory_hits,
                               uint64_t disk_hits, uint64_t misses, uint64_t damaged)
{
    scl_prefix_cache_stats stats = scl_prefix_cache_statistics(cache);
    assert_int_equal(stats.memory_hits, memory_hits);
    assert_int_equal(stats.disk_hits, disk_hits);
    assert_int_equal(stats.misses, misses);
    assert_int_equal(stats.damaged, damaged);
}

static inline void check_bytes(const scl_prefix_cache *cache, uint64_t memory, uint64_t disk)
{
    scl_prefix_cache_stats stats = scl_prefix_cache_statistics(cache);
    assert_int_equal(stats.memory_bytes, memory);
    assert_int_equal(stats.disk_bytes, disk);
}

#endif
