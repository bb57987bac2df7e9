#include "data/cache_file.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

#define MAGIC "SCLPFX01"

typedef struct head {
    char magic[8];
    uint64_t key_low, key_high;
    uint64_t n;
    uint64_t checksum;
} head;

_Static_assert(sizeof(head) == 40, "the head has no padding");

size_t scl_cache_file_size(scl_cache_arrays shape)
{
    size_t bytes = sizeof(head) + shape.n * sizeof(uint64_t);
    for (size_t i = 0; i < shape.n; i++)
        bytes += shape.counts[i] * sizeof(float);
    return bytes;
}

static uint64_t checksum_of(scl_cache_arrays shape, const float *const *arrays)
{
    uint64_t sum = shape.n;
    for (size_t i = 0; i < shape.n; i++) {
        uint64_t count = shape.counts[i];
        sum = scl_hash64(&count, sizeof count, sum);
        sum = scl_hash64(arrays[i], shape.counts[i] * sizeof(float), sum);
    }
    return sum;
}

scl_status scl_cache_file_write(const char *path, scl_hash128 key, scl_cache_arrays shape,
                                const float *const *arrays, scl_error *err)
{
    scl_file_writer writer;
    SCL_TRY(scl_file_writer_open_quick(&writer, path, err));
    head h = {.key_low = key.low,
              .key_high = key.high,
              .n = shape.n,
              .checksum = checksum_of(shape, arrays)};
    memcpy(h.magic, MAGIC, sizeof h.magic);
    /* The commit reports a failed write. */
    (void)!fwrite(&h, sizeof h, 1, writer.stream);
    for (size_t i = 0; i < shape.n; i++) {
        uint64_t count = shape.counts[i];
        (void)!fwrite(&count, sizeof count, 1, writer.stream);
    }
    for (size_t i = 0; i < shape.n; i++)
        (void)!fwrite(arrays[i], sizeof(float), shape.counts[i], writer.stream);
    return scl_file_writer_commit(&writer, err);
}

static bool read_entry(FILE *stream, scl_hash128 key, scl_cache_arrays shape, float *const *out)
{
    head h;
    if (fread(&h, sizeof h, 1, stream) != 1 || memcmp(h.magic, MAGIC, sizeof h.magic) != 0 ||
        h.key_low != key.low || h.key_high != key.high || h.n != shape.n)
        return false;
    for (size_t i = 0; i < shape.n; i++) {
        uint64_t count;
        if (fread(&count, sizeof count, 1, stream) != 1 || count != shape.counts[i])
            return false;
    }
    for (size_t i = 0; i < shape.n; i++)
        if (fread(out[i], sizeof(float), shape.counts[i], stream) != shape.counts[i])
            return false;
    bool ends = fgetc(stream) == EOF;
    return ends && h.checksum == checksum_of(shape, (const float *const *)out);
}

scl_cache_found scl_cache_file_read(const char *path, scl_hash128 key, scl_cache_arrays shape,
                                    float *const *out)
{
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL)
        return SCL_CACHE_ABSENT;
    bool sound = read_entry(stream, key, shape, out);
    fclose(stream);
    return sound ? SCL_CACHE_FOUND : SCL_CACHE_DAMAGED;
}
