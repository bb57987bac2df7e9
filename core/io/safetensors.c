#include "io/safetensors.h"

#include "io/json.h"
#include "io/printable.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES     ((size_t)8)
#define HEADER_LIMIT     ((uint64_t)100000000)
#define METADATA_KEY     "__metadata__"
#define HEADER_ALIGNMENT ((size_t)8)

/* --- reading ---------------------------------------------------------------------------------- */

static uint64_t header_length(const uint8_t *bytes)
{
    uint64_t length;
    memcpy(&length, bytes, sizeof length);
    return length;
}

bool scl_safetensors_detect(const uint8_t *bytes, size_t size)
{
    return size > LENGTH_BYTES && header_length(bytes) <= HEADER_LIMIT &&
           bytes[LENGTH_BYTES] == '{';
}

static scl_status read_metadata(scl_weights *weights, const cJSON *metadata, scl_error *err)
{
    if (!cJSON_IsObject(metadata))
        return scl_fail(err, SCL_BAD_DATA, "header: expected an object for \"%s\", found %s",
                        METADATA_KEY, scl_json_kind(metadata));
    const cJSON *item;
    cJSON_ArrayForEach(item, metadata)
    {
        char key[SCL_PRINTABLE];
        if (!cJSON_IsString(item))
            return scl_fail(err, SCL_BAD_DATA,
                            "header: expected a string for \"%s\" in \"%s\", found %s",
                            scl_printable(key, item->string, strlen(item->string)), METADATA_KEY,
                            scl_json_kind(item));
        SCL_TRY(scl_weights_add_metadata(weights, item->string, item->valuestring, err));
    }
    return SCL_OK;
}

static scl_status read_dtype(const cJSON *entry, const char *where, scl_weight_dtype *dtype,
                             scl_error *err)
{
    static const scl_weight_dtype known[] = {
#define X(name, bytes) SCL_WEIGHT_##name,
        SCL_WEIGHT_DTYPE_LIST(X)
#undef X
    };
    const char *text;
    SCL_TRY(scl_json_string(entry, "dtype", where, &text, err));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(text, scl_weight_dtype_name(known[i])) == 0) {
            *dtype = known[i];
            return SCL_OK;
        }
    }
    char shown[SCL_PRINTABLE];
    return scl_fail(err, SCL_BAD_DATA,
                    "%s: expected a dtype from BOOL to F64, found \"%s\", which samcl cannot read",
                    where, scl_printable(shown, text, strlen(text)));
}

static scl_status read_shape(const cJSON *entry, const char *where, scl_weight *weight,
                             scl_error *err)
{
    const cJSON *shape, *item;
    SCL_TRY(scl_json_array(entry, "shape", where, &shape, err));
    cJSON_ArrayForEach(item, shape)
    {
        if (weight->ndim == SCL_WEIGHT_MAX_DIMS)
            return scl_fail(err, SCL_BAD_DATA, "%s: expected at most %d dimensions, found more",
                            where, SCL_WEIGHT_MAX_DIMS);
        if (!scl_json_is_integer(item, &weight->dim[weight->ndim++]))
            return scl_fail(err, SCL_BAD_DATA,
                            "%s: expected whole numbers in \"shape\", found another value", where);
    }
    if (scl_weight_shape_bytes(weight->dtype, weight->ndim, weight->dim, &weight->bytes))
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA,
                    "%s: expected a shape that fits in memory, found one that "
                    "is negative or too large",
                    where);
}

static scl_status read_offsets(const cJSON *entry, const char *where, const uint8_t *data,
                               size_t data_bytes, scl_weight *weight, scl_error *err)
{
    const cJSON *offsets;
    int64_t begin = 0, end = 0;
    SCL_TRY(scl_json_array(entry, "data_offsets", where, &offsets, err));
    if (cJSON_GetArraySize(offsets) != 2 ||
        !scl_json_is_integer(cJSON_GetArrayItem(offsets, 0), &begin) ||
        !scl_json_is_integer(cJSON_GetArrayItem(offsets, 1), &end))
        return scl_fail(err, SCL_BAD_DATA, "%s: expected two whole numbers in \"data_offsets\"",
                        where);
    if (begin < 0 || end < begin || (uint64_t)end > data_bytes)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected data within the file's %zu bytes of data, found it at "
                        "%" PRId64 "..%" PRId64 "; the file may be cut short",
                        where, data_bytes, begin, end);
    if ((uint64_t)(end - begin) != weight->bytes)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected %zu bytes of data for its shape and dtype, found %" PRId64,
                        where, weight->bytes, end - begin);
    weight->data = data + begin;
    return SCL_OK;
}

static scl_status read_entry(scl_weights *weights, const cJSON *entry, const uint8_t *data,
                             size_t data_bytes, scl_error *err)
{
    char name[SCL_PRINTABLE], where[SCL_PRINTABLE + 16];
    snprintf(where, sizeof where, "tensor '%s'",
             scl_printable(name, entry->string, strlen(entry->string)));
    if (!cJSON_IsObject(entry) || cJSON_GetArraySize(entry) != 3)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected an object of dtype, shape and data_offsets", where);
    scl_weight weight = {.name = entry->string};
    SCL_TRY(read_dtype(entry, where, &weight.dtype, err));
    SCL_TRY(read_shape(entry, where, &weight, err));
    SCL_TRY(read_offsets(entry, where, data, data_bytes, &weight, err));
    return scl_weights_add(weights, &weight, err);
}

static int by_data(const void *a, const void *b)
{
    const scl_weight *left = *(const scl_weight *const *)a, *right = *(const scl_weight *const *)b;
    if (left->data != right->data)
        return left->data < right->data ? -1 : 1;
    return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

/* Every byte of data belongs to exactly one tensor. */
static scl_status check_tiling(const scl_weight *tensor, size_t count, const uint8_t *data,
                               size_t data_bytes, scl_error *err)
{
    const scl_weight **sorted = scl_calloc(count, sizeof *sorted);
    if (sorted == NULL)
        return scl_out_of_memory(err, count * sizeof *sorted, "checking the header");
    for (size_t i = 0; i < count; i++)
        sorted[i] = &tensor[i];
    qsort(sorted, count, sizeof *sorted, by_data);
    size_t at = 0;
    scl_status status = SCL_OK;
    for (size_t i = 0; i < count && status == SCL_OK; i++) {
        size_t begin = (size_t)(sorted[i]->data - data);
        if (begin != at)
            status = scl_fail(err, SCL_BAD_DATA,
                              "tensor '%s': expected its data at byte %zu, where the one before "
                              "ends, found it at %zu: tensors may not overlap or leave holes",
                              sorted[i]->name, at, begin);
        at = begin + sorted[i]->bytes;
    }
    scl_free(sorted);
    if (status == SCL_OK && at != data_bytes)
        status =
            scl_fail(err, SCL_BAD_DATA, "expected %zu bytes of data, as the header says, found %zu",
                     at, data_bytes);
    return status;
}

scl_status scl_safetensors_read(scl_weights *weights, const uint8_t *bytes, size_t size,
                                scl_error *err)
{
    uint64_t length = header_length(bytes);
    if (length > size - LENGTH_BYTES)
        return scl_fail(err, SCL_BAD_DATA,
                        "expected a safetensors header of %" PRIu64
                        " bytes, found a file of %zu bytes: it is cut short",
                        length, size);
    const uint8_t *data = bytes + LENGTH_BYTES + length;
    size_t data_bytes = size - LENGTH_BYTES - (size_t)length, first = weights->count;
    cJSON *header;
    SCL_TRY(scl_json_parse(bytes + LENGTH_BYTES, (size_t)length, "header", &header, err));
    scl_status status = SCL_OK;
    for (const cJSON *entry = header->child; entry != NULL && status == SCL_OK; entry = entry->next)
        status = strcmp(entry->string, METADATA_KEY) == 0
                     ? read_metadata(weights, entry, err)
                     : read_entry(weights, entry, data, data_bytes, err);
    cJSON_Delete(header);
    if (status != SCL_OK)
        return status;
    return check_tiling(weights->tensor + first, weights->count - first, data, data_bytes, err);
}

/* --- writing ---------------------------------------------------------------------------------- */

static scl_status check_new(const cJSON *object, const char *name, scl_error *err)
{
    if (cJSON_GetObjectItemCaseSensitive(object, name) == NULL && strcmp(name, METADATA_KEY) != 0)
        return SCL_OK;
    return scl_fail(err, SCL_FAILED, "internal check: the name '%s' is taken", name);
}

static scl_status add_metadata(cJSON *header, const scl_weights_pair *metadata, size_t count,
                               scl_error *err)
{
    if (count == 0)
        return SCL_OK;
    cJSON *object = cJSON_AddObjectToObject(header, METADATA_KEY);
    bool complete = object != NULL;
    for (size_t i = 0; i < count && complete; i++) {
        SCL_TRY(check_new(object, metadata[i].key, err));
        complete = cJSON_AddStringToObject(object, metadata[i].key, metadata[i].value) != NULL;
    }
    return complete ? SCL_OK : scl_out_of_memory(err, count * sizeof *metadata, "metadata");
}

static bool append_number(cJSON *array, double number)
{
    cJSON *item = cJSON_CreateNumber(number);
    return item != NULL && cJSON_AddItemToArray(array, item);
}

static bool fill_entry(cJSON *entry, const scl_weight *weight, size_t begin)
{
    cJSON *shape, *offsets;
    if (entry == NULL ||
        cJSON_AddStringToObject(entry, "dtype", scl_weight_dtype_name(weight->dtype)) == NULL ||
        (shape = cJSON_AddArrayToObject(entry, "shape")) == NULL ||
        (offsets = cJSON_AddArrayToObject(entry, "data_offsets")) == NULL)
        return false;
    for (int i = 0; i < weight->ndim; i++)
        if (!append_number(shape, (double)weight->dim[i]))
            return false;
    return append_number(offsets, (double)begin) &&
           append_number(offsets, (double)(begin + weight->bytes));
}

static scl_status add_entry(cJSON *header, const scl_weight *weight, size_t begin, scl_error *err)
{
    size_t bytes;
    SCL_TRY(check_new(header, weight->name, err));
    if (!scl_weight_shape_bytes(weight->dtype, weight->ndim, weight->dim, &bytes) ||
        bytes != weight->bytes)
        return scl_fail(err, SCL_FAILED,
                        "internal check: the tensor '%s' has %zu bytes, not its shape's size",
                        weight->name, weight->bytes);
    if (!fill_entry(cJSON_AddObjectToObject(header, weight->name), weight, begin))
        return scl_out_of_memory(err, sizeof *weight, "a safetensors header");
    return SCL_OK;
}

/* The header's text, without padding; free it with cJSON_free. */
static scl_status make_header(const scl_weight *tensors, size_t count,
                              const scl_weights_pair *metadata, size_t metadata_count, char **text,
                              scl_error *err)
{
    scl_status status;
    size_t begin = 0;
    cJSON *header = cJSON_CreateObject();
    SCL_CHECK(add_metadata(header, metadata, metadata_count, err));
    for (size_t i = 0; i < count; i++) {
        SCL_CHECK(add_entry(header, &tensors[i], begin, err));
        begin += tensors[i].bytes;
    }
    *text = cJSON_PrintUnformatted(header);
    if (*text == NULL)
        status = scl_out_of_memory(err, count * sizeof *tensors, "a safetensors header");
done:
    cJSON_Delete(header);
    return status;
}

/* A failed write shows in the stream, and is reported when that is committed. */
static void write_header(FILE *stream, const char *header)
{
    size_t length = strlen(header);
    size_t padding = (HEADER_ALIGNMENT - length % HEADER_ALIGNMENT) % HEADER_ALIGNMENT;
    uint64_t padded = length + padding;
    (void)!fwrite(&padded, sizeof padded, 1, stream);
    (void)!fwrite(header, length, 1, stream);
    (void)!fwrite("        ", 1, padding, stream);
}

static scl_status write_data(FILE *stream, const scl_weight *tensors, size_t count,
                             scl_weight_fetch fetch, void *user, scl_error *err)
{
    for (size_t i = 0; i < count && !ferror(stream); i++) {
        const uint8_t *data = NULL;
        if (tensors[i].bytes == 0)
            continue;
        SCL_TRY(fetch(user, i, &data, err));
        (void)!fwrite(data, tensors[i].bytes, 1, stream);
    }
    return SCL_OK;
}

scl_status scl_safetensors_write_fetched(const char *path, const scl_weight *tensors, size_t count,
                                         const scl_weights_pair *metadata, size_t metadata_count,
                                         scl_weight_fetch fetch, void *user, scl_error *err)
{
    char *header;
    scl_file_writer writer;
    SCL_TRY(make_header(tensors, count, metadata, metadata_count, &header, err));
    scl_status status = scl_file_writer_open(&writer, path, err);
    if (status == SCL_OK) {
        write_header(writer.stream, header);
        status = write_data(writer.stream, tensors, count, fetch, user, err);
        if (status == SCL_OK)
            status = scl_file_writer_commit(&writer, err);
        else
            scl_file_writer_abort(&writer);
    }
    cJSON_free(header);
    return status;
}

static scl_status data_of(void *user, size_t index, const uint8_t **data, scl_error *err)
{
    (void)err;
    *data = ((const scl_weight *)user)[index].data;
    return SCL_OK;
}

scl_status scl_safetensors_write(const char *path, const scl_weight *tensors, size_t count,
                                 const scl_weights_pair *metadata, size_t metadata_count,
                                 scl_error *err)
{
    return scl_safetensors_write_fetched(path, tensors, count, metadata, metadata_count, data_of,
                                         (void *)(uintptr_t)tensors, err);
}
