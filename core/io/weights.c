#include "io/weights.h"

#include "base/log.h"
#include "base/str.h"
#include "io/float16.h"
#include "io/hf_folder.h"
#include "io/printable.h"
#include "io/pth.h"
#include "io/safetensors.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weights are read as little-endian");

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
#define X(name, bytes) {#name, bytes},
    SCL_WEIGHT_DTYPE_LIST(X)
#undef X
};

const char *scl_weight_dtype_name(scl_weight_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t scl_weight_dtype_bytes(scl_weight_dtype dtype)
{
    return dtypes[dtype].bytes;
}

bool scl_weight_shape_bytes(scl_weight_dtype dtype, int ndim, const int64_t *dim, size_t *bytes)
{
    int64_t size = (int64_t)scl_weight_dtype_bytes(dtype);
    for (int i = 0; i < ndim; i++)
        if (dim[i] < 0 || __builtin_mul_overflow(size, dim[i], &size))
            return false;
    *bytes = (size_t)size;
    return true;
}

int64_t scl_weight_elements(const scl_weight *weight)
{
    return (int64_t)(weight->bytes / scl_weight_dtype_bytes(weight->dtype));
}

/* --- adding ----------------------------------------------------------------------------------- */

static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

scl_status scl_weights_add(scl_weights *weights, const scl_weight *weight, scl_error *err)
{
    char shown[SCL_PRINTABLE];
    if (has_control_character(weight->name))
        return scl_fail(err, SCL_BAD_DATA, "the tensor name '%s' holds a control character",
                        scl_printable(shown, weight->name, strlen(weight->name)));
    char *name = scl_arena_strdup(&weights->arena, weight->name);
    if (name == NULL || !SCL_GROW(weights->tensor, weights->count, weights->capacity))
        return scl_out_of_memory(err, sizeof *weight, "the list of tensors");
    weights->tensor[weights->count] = *weight;
    weights->tensor[weights->count++].name = name;
    return SCL_OK;
}

scl_status scl_weights_add_metadata(scl_weights *weights, const char *key, const char *value,
                                    scl_error *err)
{
    scl_weights_pair pair = {scl_arena_strdup(&weights->arena, key),
                             scl_arena_strdup(&weights->arena, value)};
    if (pair.key == NULL || pair.value == NULL ||
        !SCL_GROW(weights->metadata, weights->metadata_count, weights->metadata_capacity))
        return scl_out_of_memory(err, sizeof pair, "checkpoint metadata");
    weights->metadata[weights->metadata_count++] = pair;
    return SCL_OK;
}

/* --- what a file is --------------------------------------------------------------------------- */

/* What people load by mistake, and what to do instead. */
static const struct {
    size_t offset;
    const char *bytes, *advice;
} mistaken[] = {
    {0, "version https://git-lfs", "is a Git LFS pointer and not the weights: run `git lfs pull`"},
    {0, "<!DOCTYPE", "is a web page and not weights: the download went wrong"},
    {0, "<html", "is a web page and not weights: the download went wrong"},
    {257, "ustar", "is a tar file, PyTorch's oldest format: load it in PyTorch and save it again"},
};

static scl_status read_bytes(scl_weights *weights, const uint8_t *bytes, size_t size,
                             scl_error *err)
{
    /* safetensors first: its length bytes can be anything, also another format's magic number. */
    if (scl_safetensors_detect(bytes, size)) {
        weights->format = SCL_WEIGHTS_SAFETENSORS;
        return scl_safetensors_read(weights, bytes, size, err);
    }
    if (scl_pth_detect_zip(bytes, size)) {
        weights->format = SCL_WEIGHTS_PTH_ZIP;
        return scl_pth_read_zip(weights, bytes, size, err);
    }
    if (scl_pth_detect_legacy(bytes, size)) {
        weights->format = SCL_WEIGHTS_PTH_LEGACY;
        return scl_pth_read_legacy(weights, bytes, size, err);
    }
    for (size_t i = 0; i < sizeof mistaken / sizeof *mistaken; i++) {
        size_t length = strlen(mistaken[i].bytes);
        if (size >= mistaken[i].offset + length &&
            memcmp(bytes + mistaken[i].offset, mistaken[i].bytes, length) == 0)
            return scl_fail(err, SCL_BAD_DATA, "%s", mistaken[i].advice);
    }
    return scl_fail(err, SCL_BAD_DATA,
                    "expected a PyTorch .pth file, a safetensors file or a Hugging Face folder, "
                    "found a file of %zu bytes that is none of them",
                    size);
}

scl_status scl_weights_add_file(scl_weights *weights, const char *path, scl_error *err)
{
    if (!SCL_GROW(weights->map, weights->map_count, weights->map_capacity))
        return scl_out_of_memory(err, sizeof *weights->map, "the list of files");
    scl_file_map *map = &weights->map[weights->map_count];
    SCL_TRY(scl_file_map_open(path, map, err));
    weights->map_count++;
    scl_status status = read_bytes(weights, map->data, map->size, err);
    if (status != SCL_OK)
        scl_error_prefix(err, "%s", path);
    return status;
}

/* --- loading ---------------------------------------------------------------------------------- */

/* DataParallel wraps the model in an attribute of this name, and saves it so. */
static void drop_module_prefix(scl_weights *weights)
{
    const char *prefix = "module.";
    for (size_t i = 0; i < weights->count; i++)
        if (!scl_starts_with(weights->tensor[i].name, prefix))
            return;
    for (size_t i = 0; i < weights->count; i++)
        weights->tensor[i].name += strlen(prefix);
    if (weights->count > 0)
        scl_log(SCL_LOG_INFO, "%s: every tensor name begins with '%s', which is dropped",
                weights->path, prefix);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const scl_weight *const *)a)->name, (*(const scl_weight *const *)b)->name);
}

scl_status scl_weights_index(scl_weights *weights, scl_error *err)
{
    const scl_weight **sorted = scl_realloc(weights->by_name, weights->count, sizeof *sorted);
    if (sorted == NULL)
        return scl_out_of_memory(err, weights->count * sizeof *sorted, "tensor names");
    weights->by_name = sorted;
    for (size_t i = 0; i < weights->count; i++)
        sorted[i] = &weights->tensor[i];
    qsort(sorted, weights->count, sizeof *sorted, by_name);
    for (size_t i = 1; i < weights->count; i++)
        if (by_name(&sorted[i - 1], &sorted[i]) == 0)
            return scl_fail(err, SCL_BAD_DATA, "%s: expected each tensor once, found '%s' twice",
                            weights->path, sorted[i]->name);
    return SCL_OK;
}

static scl_status begin(scl_weights *weights, const char *path, scl_error *err)
{
    *weights = (scl_weights){0};
    weights->path = scl_arena_strdup(&weights->arena, path);
    return weights->path != NULL ? SCL_OK : scl_out_of_memory(err, strlen(path), "a file name");
}

static scl_status finish(scl_weights *weights, scl_status status, scl_error *err)
{
    if (status == SCL_OK) {
        drop_module_prefix(weights);
        status = scl_weights_index(weights, err);
    }
    if (status != SCL_OK)
        scl_weights_free(weights);
    return status;
}

scl_status scl_weights_load(const char *path, scl_weights *weights, scl_error *err)
{
    scl_status status = begin(weights, path, err);
    if (status == SCL_OK)
        status = scl_path_is_folder(path) ? scl_hf_folder_read(weights, path, err)
                                          : scl_weights_add_file(weights, path, err);
    return finish(weights, status, err);
}

scl_status scl_weights_load_bytes(const char *name, const void *bytes, size_t size,
                                  scl_weights *weights, scl_error *err)
{
    scl_status status = begin(weights, name, err);
    if (status == SCL_OK) {
        status = read_bytes(weights, bytes, size, err);
        if (status != SCL_OK)
            scl_error_prefix(err, "%s", name);
    }
    return finish(weights, status, err);
}

void scl_weights_free(scl_weights *weights)
{
    cJSON_Delete(weights->config);
    for (size_t i = 0; i < weights->map_count; i++)
        scl_file_unmap(&weights->map[i]);
    scl_free(weights->map);
    scl_free(weights->by_name);
    scl_free(weights->metadata);
    scl_free(weights->tensor);
    scl_arena_free(&weights->arena);
    *weights = (scl_weights){0};
}

/* --- reading ---------------------------------------------------------------------------------- */

void scl_weights_release(const scl_weights *weights, const scl_weight *weight)
{
    for (size_t i = 0; i < weights->map_count; i++) {
        const scl_file_map *map = &weights->map[i];
        uintptr_t data = (uintptr_t)weight->data, start = (uintptr_t)map->data;
        if (data >= start && data - start < map->size)
            scl_file_map_release(map, weight->data, weight->bytes);
    }
}

const scl_weight *scl_weights_find(const scl_weights *weights, const char *name)
{
    scl_weight key = {.name = name};
    const scl_weight *wanted = &key;
    if (weights->count == 0)
        return NULL;
    const scl_weight **found =
        bsearch(&wanted, weights->by_name, weights->count, sizeof *weights->by_name, by_name);
    return found != NULL ? *found : NULL;
}

const char *scl_weights_metadata(const scl_weights *weights, const char *key)
{
    for (size_t i = 0; i < weights->metadata_count; i++)
        if (strcmp(weights->metadata[i].key, key) == 0)
            return weights->metadata[i].value;
    return NULL;
}

#define CONVERT(type, expression)                                                                  \
    for (size_t i = 0; i < count; i++) {                                                           \
        type x;                                                                                    \
        memcpy(&x, data + i * sizeof x, sizeof x);                                                 \
        out[i] = (float)(expression);                                                              \
    }                                                                                              \
    break

void scl_weight_to_f32(const scl_weight *weight, float *out)
{
    const uint8_t *data = weight->data;
    size_t count = (size_t)scl_weight_elements(weight);
    switch (weight->dtype) {
    case SCL_WEIGHT_BOOL:
        CONVERT(uint8_t, x != 0);
    case SCL_WEIGHT_U8:
        CONVERT(uint8_t, x);
    case SCL_WEIGHT_I8:
        CONVERT(int8_t, x);
    case SCL_WEIGHT_I16:
        CONVERT(int16_t, x);
    case SCL_WEIGHT_U16:
        CONVERT(uint16_t, x);
    case SCL_WEIGHT_I32:
        CONVERT(int32_t, x);
    case SCL_WEIGHT_U32:
        CONVERT(uint32_t, x);
    case SCL_WEIGHT_I64:
        CONVERT(int64_t, x);
    case SCL_WEIGHT_U64:
        CONVERT(uint64_t, x);
    case SCL_WEIGHT_F16:
        CONVERT(uint16_t, scl_half_to_float(x));
    case SCL_WEIGHT_BF16:
        CONVERT(uint16_t, scl_bf16_to_float(x));
    case SCL_WEIGHT_F32:
        if (count > 0)
            memcpy(out, data, weight->bytes);
        break;
    case SCL_WEIGHT_F64:
        CONVERT(double, x);
    }
}
