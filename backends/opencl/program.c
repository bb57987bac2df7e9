/* program.c — compiled programs: kept in memory, and on disk where the driver does not keep its
 * own.
 *
 * The disk file's name is the hash of all that goes into the binary, and its content is
 * checksummed; any doubt about it means compiling from source, which is said and counted. */
#include "opencl/opencl.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "opencl/kernels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_MAGIC   "SCLPROG1"
#define MAX_LOG_BYTES 3000

typedef struct cached_program {
    scl_hash128 key;
    cl_program program;
} cached_program;

struct cl_cache {
    pthread_mutex_t lock;
    cached_program *entries;
    size_t count, capacity;
};

cl_cache *cl_cache_create(void)
{
    cl_cache *cache = scl_calloc(1, sizeof *cache);
    if (cache != NULL)
        pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void cl_cache_free(cl_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->count; i++)
        clReleaseProgram(cache->entries[i].program);
    scl_free(cache->entries);
    pthread_mutex_destroy(&cache->lock);
    scl_free(cache);
}

scl_hash128 cl_code_hash(const cl_device *device)
{
    const cl_tuning *t = &device->tuning;
    const int layout[] = {t->cpu_kernels,  (int)t->gemm,      t->matrix_units, t->vector_width,
                          t->group_size,   t->chunk_items,    t->stretch,      t->gemm_rows,
                          t->gemm_k_block, t->attention_block};
    return scl_hash128_join(scl_hash128_of(cl_code_text, strlen(cl_code_text)),
                            scl_hash128_of(layout, sizeof layout));
}

/* What a program is made of. */
typedef struct program_text {
    const char *name;                 /* for errors */
    const char *head, *text, *source; /* in their order */
    const char *options;
    bool own; /* a plugin's */
} program_text;

static scl_hash128 program_key(const cl_device *device, const program_text *t)
{
    const scl_device_info *info = &device->base.info;
    const char *parts[] = {CACHE_MAGIC, t->head,      t->text,       t->source,      t->options,
                           info->name,  info->driver, info->version, info->platform, info->runtime};
    scl_hash128 key = {0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        key = scl_hash128_join(key, scl_hash128_of(parts[i], strlen(parts[i])));
    return key;
}

static char *cache_path(scl_hash128 key)
{
    char text[SCL_HASH_TEXT];
    scl_hash128_text(key, text);
    scl_str path = {0};
    const char *folder = getenv("SAMCL_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (folder != NULL)
        scl_str_add(&path, "%s", folder);
    else if (xdg != NULL)
        scl_str_add(&path, "%s/samcl/programs", xdg);
    else
        scl_str_add(&path, "%s/.cache/samcl/programs", home != NULL ? home : "/tmp");
    scl_error ignored = {0};
    if (path.failed || scl_make_folders(path.text, &ignored) != SCL_OK) {
        scl_log_fallback("programs are not kept on disk: %s", ignored.text);
        scl_str_free(&path);
        return NULL;
    }
    scl_str_add(&path, "/%s.bin", text);
    return path.text;
}

/* The first line of a compiler's log that speaks of an error, or else that has any words; cuts the
 * log there. */
static const char *first_complaint(char *log)
{
    char *line = strcasestr(log, "error");
    while (line != NULL && line > log && line[-1] != '\n')
        line--;
    if (line == NULL)
        line = log + strspn(log, " \t\r\n");
    line[strcspn(line, "\r\n")] = '\0';
    return *line != '\0' ? line : "the compiler gives no reason";
}

static scl_status build(cl_device *device, cl_program program, const program_text *t,
                        scl_error *err)
{
    cl_int code = clBuildProgram(program, 1, &device->id, t->options, NULL, NULL);
    if (code == CL_SUCCESS)
        return SCL_OK;
    char log[MAX_LOG_BYTES] = "";
    size_t size = 0;
    clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *whole = scl_calloc(size + 1, 1);
    if (whole != NULL) {
        clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, whole, NULL);
        memcpy(log, whole, size < sizeof log ? size : sizeof log - 1);
        scl_free(whole);
    }
    if (t->own)
        return scl_fail(err, SCL_PLUGIN, "the source of its own op %s does not compile on %s: %s",
                        t->name, device->base.info.name, first_complaint(log));
    return scl_fail(err, SCL_DEVICE, "%s.cl does not compile on %s with \"%s\": %s\n%s", t->name,
                    device->base.info.name, t->options, cl_error_name(code), log);
}

/* The file: magic, 16 bytes of checksum, the binary. */
static bool load_binary(cl_device *device, const char *path, const program_text *t, cl_program *out)
{
    scl_file_map map;
    scl_error ignored = {0};
    const size_t head = strlen(CACHE_MAGIC) + sizeof(scl_hash128);
    if (!scl_path_exists(path) || scl_file_map_open(path, &map, &ignored) != SCL_OK)
        return false;
    bool good = map.size > head && memcmp(map.data, CACHE_MAGIC, strlen(CACHE_MAGIC)) == 0;
    const unsigned char *binary = map.data + head;
    size_t size = map.size - head;
    if (good) {
        scl_hash128 sum = scl_hash128_of(binary, size);
        good = memcmp(map.data + strlen(CACHE_MAGIC), &sum, sizeof sum) == 0;
    }
    if (good) {
        cl_int loaded = CL_SUCCESS, code = CL_SUCCESS;
        *out = clCreateProgramWithBinary(device->context, 1, &device->id, &size, &binary, &loaded,
                                         &code);
        good = code == CL_SUCCESS && loaded == CL_SUCCESS;
        if (good && build(device, *out, t, &ignored) != SCL_OK) {
            clReleaseProgram(*out);
            good = false;
        }
    }
    scl_file_unmap(&map);
    if (!good)
        scl_log_fallback("the cached program %s is unusable and is compiled again", path);
    return good;
}

static void save_binary(cl_program program, const char *path)
{
    size_t size = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) !=
            CL_SUCCESS ||
        size == 0)
        return;
    unsigned char *binary = scl_calloc(size, 1);
    scl_error err = {0};
    scl_file_writer writer;
    if (binary != NULL &&
        clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) ==
            CL_SUCCESS &&
        scl_file_writer_open(&writer, path, &err) == SCL_OK) {
        scl_hash128 sum = scl_hash128_of(binary, size);
        fwrite(CACHE_MAGIC, 1, strlen(CACHE_MAGIC), writer.stream);
        fwrite(&sum, 1, sizeof sum, writer.stream);
        fwrite(binary, 1, size, writer.stream);
        scl_file_writer_commit(&writer, &err);
    }
    if (err.status != SCL_OK)
        scl_log_fallback("a compiled program was not kept: %s", err.text);
    scl_free(binary);
}

static scl_status compile(cl_device *device, const program_text *t, cl_program *out, scl_error *err)
{
    const char *sources[3] = {t->head, t->text, t->source};
    cl_int code = CL_SUCCESS;
    *out = clCreateProgramWithSource(device->context, 3, sources, NULL, &code);
    if (code != CL_SUCCESS)
        return cl_fail(err, code, "clCreateProgramWithSource");
    scl_status status = build(device, *out, t, err);
    if (status != SCL_OK)
        clReleaseProgram(*out);
    return status;
}

static const char *find_source(const char *file)
{
    for (size_t i = 0; i < cl_source_count; i++)
        if (strcmp(cl_sources[i].file, file) == 0)
            return cl_sources[i].text;
    return NULL;
}

static scl_status make_program(cl_device *device, const program_text *t, scl_hash128 key,
                               cl_program *out, scl_error *err)
{
    char *path = device->driver_caches ? NULL : cache_path(key);
    scl_status status = SCL_OK;
    if (path == NULL || !load_binary(device, path, t, out)) {
        status = compile(device, t, out, err);
        if (status == SCL_OK && path != NULL)
            save_binary(*out, path);
    }
    scl_free(path);
    return status;
}

static scl_status find_or_make_locked(cl_device *device, const program_text *t, cl_program *out,
                                      scl_error *err)
{
    cl_cache *cache = device->programs;
    scl_hash128 key = program_key(device, t);
    for (size_t i = 0; i < cache->count; i++)
        if (memcmp(&cache->entries[i].key, &key, sizeof key) == 0) {
            *out = cache->entries[i].program;
            return SCL_OK;
        }
    if (!SCL_GROW(cache->entries, cache->count, cache->capacity))
        return scl_out_of_memory(err, 64, "the program cache");
    SCL_TRY(make_program(device, t, key, out, err));
    cache->entries[cache->count++] = (cached_program){.key = key, .program = *out};
    return SCL_OK;
}

static scl_status find_or_make(cl_device *device, const program_text *t, cl_program *out,
                               scl_error *err)
{
    pthread_mutex_lock(&device->programs->lock);
    scl_status status = find_or_make_locked(device, t, out, err);
    pthread_mutex_unlock(&device->programs->lock);
    return status;
}

scl_status cl_program_get(cl_device *device, const char *file, const char *text,
                          const char *options, cl_program *out, scl_error *err)
{
    program_text program = {.name = file,
                            .head = cl_common_source,
                            .text = text != NULL ? text : "",
                            .source = find_source(file)};
    if (program.source == NULL)
        return scl_fail(err, SCL_FAILED, "there is no kernel source %s.cl", file);
    scl_str all = {0};
    const cl_tuning *t = &device->tuning;
    scl_str_add(&all, "-cl-mad-enable -DV=%d -DLSZ=%d -DSTRETCH=%d -DIS_CPU=%d -DIS_GPU=%d %s",
                t->vector_width, t->group_size, t->stretch, t->cpu_kernels,
                !device->base.info.is_cpu, options != NULL ? options : "");
    program.options = all.text;
    scl_status status = all.failed ? scl_out_of_memory(err, 256, "build options")
                                   : find_or_make(device, &program, out, err);
    scl_str_free(&all);
    return status;
}

scl_status cl_program_get_own(cl_device *device, const scl_own_use *own, cl_program *out,
                              scl_error *err)
{
    program_text program = {
        .name = own->label, .head = "", .text = "", .source = own->op.source, .own = true};
    scl_str all = {0};
    scl_str_add(&all, "-cl-mad-enable -DIS_CPU=%d%s", device->tuning.cpu_kernels ? 1 : 0,
                own->defines);
    program.options = all.text;
    scl_status status = all.failed ? scl_out_of_memory(err, 256, "build options")
                                   : find_or_make(device, &program, out, err);
    scl_str_free(&all);
    return status;
}
