#include "data/prefix_cache.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/cache_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX            ".prefix"
#define FIRST_BUCKETS     64
#define ABANDONED_SECONDS 3600 /* a temporary file this old belongs to a run that crashed */

/* Where an entry is; it is in a list of each place that holds it. */
enum { MEMORY, DISK, PLACES };

typedef struct entry entry;

struct entry {
    scl_hash128 key;
    entry *next; /* in its bucket */
    size_t n;
    size_t *counts;         /* [n], followed by the floats of all arrays; NULL: not in memory */
    uint64_t bytes[PLACES]; /* 0: not there */
    entry *before[PLACES], *after[PLACES];
};

struct scl_prefix_cache {
    char *folder; /* NULL: no disk, or not any more */
    uint64_t limit[PLACES], used[PLACES];
    entry *first[PLACES]; /* the next to go: least recently used, or oldest */
    entry *last[PLACES];
    entry **buckets;
    size_t bucket_count, entry_count;
    scl_prefix_cache_stats stats;
};

/* ------------------------------------------------------------------ entries */

static bool same_key(scl_hash128 a, scl_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

static entry **bucket_of(const scl_prefix_cache *cache, scl_hash128 key)
{
    return &cache->buckets[key.low % cache->bucket_count];
}

static entry *find(const scl_prefix_cache *cache, scl_hash128 key)
{
    for (entry *e = *bucket_of(cache, key); e != NULL; e = e->next)
        if (same_key(e->key, key))
            return e;
    return NULL;
}

/* Without the memory the table stays as it is, only slower. */
static void grow_table(scl_prefix_cache *cache)
{
    entry **bigger = scl_calloc(cache->bucket_count * 2, sizeof(entry *));
    if (bigger == NULL)
        return;
    entry **old = cache->buckets;
    size_t old_count = cache->bucket_count;
    cache->buckets = bigger;
    cache->bucket_count *= 2;
    for (size_t i = 0; i < old_count; i++)
        for (entry *e = old[i], *next; e != NULL; e = next) {
            next = e->next;
            entry **bucket = bucket_of(cache, e->key);
            e->next = *bucket;
            *bucket = e;
        }
    scl_free(old);
}

/* The entry of the key, made when there is none; NULL when out of memory. */
static entry *obtain(scl_prefix_cache *cache, scl_hash128 key)
{
    entry *e = find(cache, key);
    if (e != NULL)
        return e;
    if (cache->entry_count >= cache->bucket_count)
        grow_table(cache);
    e = scl_calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    entry **bucket = bucket_of(cache, key);
    e->key = key;
    e->next = *bucket;
    *bucket = e;
    cache->entry_count++;
    return e;
}

static void forget_if_nowhere(scl_prefix_cache *cache, entry *e)
{
    if (e->bytes[MEMORY] > 0 || e->bytes[DISK] > 0)
        return;
    entry **link = bucket_of(cache, e->key);
    while (*link != e)
        link = &(*link)->next;
    *link = e->next;
    scl_free(e);
    cache->entry_count--;
}

static void unlink_entry(scl_prefix_cache *cache, int place, entry *e)
{
    *(e->before[place] != NULL ? &e->before[place]->after[place] : &cache->first[place]) =
        e->after[place];
    *(e->after[place] != NULL ? &e->after[place]->before[place] : &cache->last[place]) =
        e->before[place];
    e->before[place] = e->after[place] = NULL;
    cache->used[place] -= e->bytes[place];
    e->bytes[place] = 0;
}

static void append_entry(scl_prefix_cache *cache, int place, entry *e, uint64_t bytes)
{
    e->before[place] = cache->last[place];
    *(cache->last[place] != NULL ? &cache->last[place]->after[place] : &cache->first[place]) = e;
    cache->last[place] = e;
    e->bytes[place] = bytes;
    cache->used[place] += bytes;
}

/* ------------------------------------------------------------------ memory */

static void drop_from_memory(scl_prefix_cache *cache, entry *e)
{
    unlink_entry(cache, MEMORY, e);
    scl_free(e->counts);
    e->counts = NULL;
    forget_if_nowhere(cache, e);
}

static float *floats_of(const entry *e)
{
    return (float *)(void *)(e->counts + e->n);
}

static bool fits(const entry *e, scl_cache_arrays shape)
{
    return e->n == shape.n && memcmp(e->counts, shape.counts, e->n * sizeof *e->counts) == 0;
}

static bool get_from_memory(scl_prefix_cache *cache, scl_hash128 key, float *const *out,
                            scl_cache_arrays shape)
{
    entry *e = find(cache, key);
    if (e == NULL || e->bytes[MEMORY] == 0 || !fits(e, shape))
        return false;
    const float *floats = floats_of(e);
    for (size_t i = 0; i < shape.n; i++) {
        memcpy(out[i], floats, shape.counts[i] * sizeof *floats);
        floats += shape.counts[i];
    }
    uint64_t bytes = e->bytes[MEMORY];
    unlink_entry(cache, MEMORY, e);
    append_entry(cache, MEMORY, e, bytes);
    return true;
}

static size_t *copy_arrays(scl_cache_arrays shape, const float *const *arrays, uint64_t bytes)
{
    size_t *counts = scl_calloc(bytes, 1);
    if (counts == NULL)
        return NULL;
    memcpy(counts, shape.counts, shape.n * sizeof *counts);
    float *floats = (float *)(void *)(counts + shape.n);
    for (size_t i = 0; i < shape.n; i++) {
        memcpy(floats, arrays[i], shape.counts[i] * sizeof *floats);
        floats += shape.counts[i];
    }
    return counts;
}

static void put_in_memory(scl_prefix_cache *cache, scl_hash128 key, scl_cache_arrays shape,
                          const float *const *arrays)
{
    uint64_t bytes = shape.n * sizeof(size_t);
    for (size_t i = 0; i < shape.n; i++)
        bytes += shape.counts[i] * sizeof(float);
    entry *e = find(cache, key);
    if (e != NULL && e->bytes[MEMORY] > 0)
        drop_from_memory(cache, e);
    if (bytes == 0 || bytes > cache->limit[MEMORY])
        return;
    while (cache->used[MEMORY] + bytes > cache->limit[MEMORY])
        drop_from_memory(cache, cache->first[MEMORY]);
    size_t *copy = copy_arrays(shape, arrays, bytes);
    e = copy != NULL ? obtain(cache, key) : NULL;
    if (e == NULL) {
        scl_free(copy);
        scl_log_fallback("no host memory for the cache of frozen layers; they run again instead");
        return;
    }
    e->counts = copy;
    e->n = shape.n;
    append_entry(cache, MEMORY, e, bytes);
}

/* ------------------------------------------------------------------ disk */

/* Free with scl_free; NULL when out of memory. */
static char *path_of(const scl_prefix_cache *cache, scl_hash128 key)
{
    char name[SCL_HASH_TEXT + sizeof SUFFIX];
    scl_hash128_text(key, name);
    memcpy(name + SCL_HASH_TEXT - 1, SUFFIX, sizeof SUFFIX);
    return scl_path_join(cache->folder, name);
}

static void drop_from_disk(scl_prefix_cache *cache, entry *e)
{
    char *path = path_of(cache, e->key);
    if (path != NULL)
        unlink(path);
    scl_free(path);
    unlink_entry(cache, DISK, e);
    forget_if_nowhere(cache, e);
}

static void give_up_disk(scl_prefix_cache *cache, const scl_error *why)
{
    scl_log_fallback("the cache of frozen layers stays in memory: %s", why->text);
    while (cache->first[DISK] != NULL) {
        entry *e = cache->first[DISK];
        unlink_entry(cache, DISK, e);
        forget_if_nowhere(cache, e);
    }
    scl_free(cache->folder);
    cache->folder = NULL;
}

static bool get_from_disk(scl_prefix_cache *cache, scl_hash128 key, float *const *out,
                          scl_cache_arrays shape)
{
    entry *e = find(cache, key);
    char *path = e != NULL && e->bytes[DISK] > 0 ? path_of(cache, key) : NULL;
    if (path == NULL)
        return false;
    scl_cache_found found = scl_cache_file_read(path, key, shape, out);
    if (found == SCL_CACHE_DAMAGED) {
        scl_log(SCL_LOG_WARN, "%s: a damaged or cut-off cache file was deleted", path);
        cache->stats.damaged++;
    }
    if (found != SCL_CACHE_FOUND)
        drop_from_disk(cache, e);
    scl_free(path);
    return found == SCL_CACHE_FOUND;
}

static void put_on_disk(scl_prefix_cache *cache, scl_hash128 key, scl_cache_arrays shape,
                        const float *const *arrays)
{
    uint64_t bytes = scl_cache_file_size(shape);
    if (cache->folder == NULL || bytes > cache->limit[DISK])
        return;
    entry *old = find(cache, key);
    if (old != NULL && old->bytes[DISK] > 0)
        drop_from_disk(cache, old);
    while (cache->used[DISK] + bytes > cache->limit[DISK])
        drop_from_disk(cache, cache->first[DISK]);
    char *path = path_of(cache, key);
    entry *e = path != NULL ? obtain(cache, key) : NULL;
    scl_error err = {0};
    if (e != NULL && scl_cache_file_write(path, key, shape, arrays, &err) == SCL_OK) {
        append_entry(cache, DISK, e, bytes);
    } else {
        if (e != NULL)
            forget_if_nowhere(cache, e);
        if (err.status != SCL_DEVICE && err.status != SCL_OK)
            give_up_disk(cache, &err);
    }
    scl_free(path);
}

/* ------------------------------------------------------------------ what earlier runs left */

typedef struct old_file {
    scl_hash128 key;
    uint64_t bytes;
    struct timespec written;
} old_file;

static int by_age(const void *a, const void *b)
{
    const struct timespec *x = &((const old_file *)a)->written;
    const struct timespec *y = &((const old_file *)b)->written;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

/* Whether `name` is 32 lower-case hexadecimal digits and the suffix; what follows is in `rest`. */
static bool parse_name(const char *name, scl_hash128 *key, const char **rest)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t words[2] = {0, 0};
    for (int i = 0; i < SCL_HASH_TEXT - 1; i++) {
        const char *digit = name[i] != '\0' ? strchr(digits, name[i]) : NULL;
        if (digit == NULL)
            return false;
        words[i / 16] = words[i / 16] << 4 | (uint64_t)(digit - digits);
    }
    *key = (scl_hash128){.high = words[0], .low = words[1]};
    *rest = name + SCL_HASH_TEXT - 1;
    if (!scl_starts_with(*rest, SUFFIX))
        return false;
    *rest += sizeof SUFFIX - 1;
    return true;
}

/* Of the files in the folder, takes those of the cache; deletes temporary ones that a crash left.
 */
static size_t list_old_files(const scl_prefix_cache *cache, const scl_folder *folder,
                             old_file *files)
{
    size_t count = 0;
    for (size_t i = 0; i < folder->count; i++) {
        old_file file;
        const char *rest;
        struct stat info;
        if (!parse_name(folder->names[i], &file.key, &rest))
            continue;
        char *path = scl_path_join(cache->folder, folder->names[i]);
        bool there = path != NULL && stat(path, &info) == 0 && S_ISREG(info.st_mode);
        if (there && *rest == '\0') {
            file.bytes = (uint64_t)info.st_size;
            file.written = info.st_mtim;
            files[count++] = file;
        } else if (there && scl_starts_with(rest, ".tmp-") &&
                   time(NULL) - info.st_mtim.tv_sec > ABANDONED_SECONDS) {
            unlink(path);
        }
        scl_free(path);
    }
    if (count > 1)
        qsort(files, count, sizeof *files, by_age);
    return count;
}

static scl_status adopt_old_files(scl_prefix_cache *cache, scl_error *err)
{
    scl_folder folder;
    SCL_TRY(scl_folder_list(cache->folder, &folder, err));
    old_file *files = scl_calloc(folder.count, sizeof *files);
    size_t count = files != NULL ? list_old_files(cache, &folder, files) : 0;
    bool complete = files != NULL;
    for (size_t i = 0; complete && i < count; i++) {
        entry *e = obtain(cache, files[i].key);
        complete = e != NULL;
        if (complete) /* an empty file counts too: a read finds it damaged and deletes it */
            append_entry(cache, DISK, e, files[i].bytes > 0 ? files[i].bytes : 1);
    }
    scl_free(files);
    size_t bytes = folder.count * sizeof *files;
    scl_folder_free(&folder);
    if (!complete)
        return scl_out_of_memory(err, bytes, "the list of cached files");
    while (cache->used[DISK] > cache->limit[DISK])
        drop_from_disk(cache, cache->first[DISK]);
    return SCL_OK;
}

/* ------------------------------------------------------------------ the cache */

static scl_status open_folder(scl_prefix_cache *cache, const char *folder, scl_error *err)
{
    cache->folder = scl_strdup(folder);
    if (cache->folder == NULL)
        return scl_out_of_memory(err, strlen(folder), "the name of the cache folder");
    scl_error problem = {0};
    scl_status status = scl_make_folders(folder, &problem);
    if (status == SCL_OK && access(folder, R_OK | W_OK | X_OK) != 0)
        status = scl_fail(&problem, SCL_FAILED, "%s: %s", folder, strerror(errno));
    if (status == SCL_OK)
        status = adopt_old_files(cache, &problem);
    if (status == SCL_DEVICE)
        return scl_fail(err, status, "%s", problem.text);
    if (status != SCL_OK)
        give_up_disk(cache, &problem);
    return SCL_OK;
}

scl_status scl_prefix_cache_open(uint64_t memory, uint64_t disk, const char *folder,
                                 scl_prefix_cache **cache, scl_error *err)
{
    *cache = NULL;
    scl_prefix_cache *opened = scl_calloc(1, sizeof *opened);
    if (opened == NULL)
        return scl_out_of_memory(err, sizeof *opened, "a cache");
    opened->limit[MEMORY] = memory;
    opened->limit[DISK] = disk;
    opened->bucket_count = FIRST_BUCKETS;
    opened->buckets = scl_calloc(FIRST_BUCKETS, sizeof(entry *));
    scl_status status = SCL_OK;
    if (opened->buckets == NULL)
        status = scl_out_of_memory(err, FIRST_BUCKETS * sizeof(entry *), "a cache");
    else if (disk > 0 && folder != NULL)
        status = open_folder(opened, folder, err);
    if (status == SCL_OK)
        *cache = opened;
    else
        scl_prefix_cache_close(opened);
    return status;
}

bool scl_prefix_cache_get(scl_prefix_cache *cache, scl_hash128 key, float *const *out,
                          const size_t *counts, size_t n)
{
    scl_cache_arrays shape = {counts, n};
    if (get_from_memory(cache, key, out, shape)) {
        cache->stats.memory_hits++;
        return true;
    }
    if (get_from_disk(cache, key, out, shape)) {
        cache->stats.disk_hits++;
        put_in_memory(cache, key, shape, (const float *const *)out);
        return true;
    }
    cache->stats.misses++;
    return false;
}

void scl_prefix_cache_put(scl_prefix_cache *cache, scl_hash128 key, const float *const *arrays,
                          const size_t *counts, size_t n)
{
    scl_cache_arrays shape = {counts, n};
    put_in_memory(cache, key, shape, arrays);
    put_on_disk(cache, key, shape, arrays);
}

scl_prefix_cache_stats scl_prefix_cache_statistics(const scl_prefix_cache *cache)
{
    scl_prefix_cache_stats stats = cache->stats;
    stats.memory_bytes = cache->used[MEMORY];
    stats.disk_bytes = cache->used[DISK];
    return stats;
}

void scl_prefix_cache_close(scl_prefix_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; cache->buckets != NULL && i < cache->bucket_count; i++)
        for (entry *e = cache->buckets[i], *next; e != NULL; e = next) {
            next = e->next;
            scl_free(e->counts);
            scl_free(e);
        }
    scl_free(cache->buckets);
    scl_free(cache->folder);
    scl_free(cache);
}
