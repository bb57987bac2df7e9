#include "io/npy.h"

#include "base/str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_BYTES ((size_t)10) /* magic, version, length of the header */
#define ALIGNMENT    ((size_t)64)
#define HEADER_LIMIT ((size_t)1024)

static const uint8_t magic[8] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};

/* --- writing ---------------------------------------------------------------------------------- */

static void add_header(scl_str *header, int ndim, const int64_t *dim)
{
    scl_str_add(header, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < ndim; i++)
        scl_str_add(header, i + 1 < ndim ? "%" PRId64 ", " : "%" PRId64, dim[i]);
    scl_str_add(header, ndim == 1 ? ",), }" : "), }");
    /* The newline ends the padding; the data after it is aligned. */
    while ((PREFIX_BYTES + header->length + 1) % ALIGNMENT != 0 && !header->failed)
        scl_str_add(header, " ");
    scl_str_add(header, "\n");
}

scl_status scl_npy_write_f32(const char *path, int ndim, const int64_t *dim, const float *data,
                             scl_error *err)
{
    size_t bytes;
    if (ndim < 0 || ndim > SCL_WEIGHT_MAX_DIMS ||
        !scl_weight_shape_bytes(SCL_WEIGHT_F32, ndim, dim, &bytes))
        return scl_fail(err, SCL_FAILED, "%s: internal check: the array's shape is impossible",
                        path);
    scl_str header = {0};
    add_header(&header, ndim, dim);
    scl_file_writer writer;
    scl_status status = header.failed ? scl_out_of_memory(err, HEADER_LIMIT, "an .npy header")
                                      : scl_file_writer_open(&writer, path, err);
    if (status == SCL_OK) {
        uint16_t length = (uint16_t)header.length;
        bool written = fwrite(magic, sizeof magic, 1, writer.stream) == 1 &&
                       fwrite(&length, sizeof length, 1, writer.stream) == 1 &&
                       fwrite(header.text, header.length, 1, writer.stream) == 1;
        if (written && bytes > 0)
            (void)!fwrite(data, bytes, 1, writer.stream);
        status = scl_file_writer_commit(&writer, err); /* reports a failed write too */
    }
    scl_str_free(&header);
    return status;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool parse_dtype(const char *header, scl_weight_dtype *dtype)
{
    static const struct {
        const char *text;
        scl_weight_dtype dtype;
    } known[] = {{"'descr': '<f4'", SCL_WEIGHT_F32},
                 {"'descr': '<f8'", SCL_WEIGHT_F64},
                 {"'descr': '<i4'", SCL_WEIGHT_I32}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strstr(header, known[i].text) != NULL) {
            *dtype = known[i].dtype;
            return true;
        }
    }
    return false;
}

/* "(2, 3)", "(2,)", "()". */
static bool parse_shape(const char *header, scl_weight *array)
{
    static const char key[] = "'shape': (";
    const char *at = strstr(header, key);
    if (at == NULL)
        return false;
    at += strlen(key);
    while (*at != ')') {
        char *end;
        if (array->ndim == SCL_WEIGHT_MAX_DIMS || *at < '0' || *at > '9')
            return false;
        array->dim[array->ndim++] = strtoll(at, &end, 10); /* too large: the size check fails */
        at = end + (*end == ',');
        at += *at == ' ';
    }
    return true;
}

static scl_status parse(scl_npy *npy, const char *path, scl_error *err)
{
    const scl_file_map *map = &npy->map;
    char header[HEADER_LIMIT] = "";
    uint16_t length = 0;
    if (map->size < PREFIX_BYTES || memcmp(map->data, magic, sizeof magic) != 0)
        return scl_fail(err, SCL_BAD_DATA, "%s: expected an .npy file of version 1.0, found none",
                        path);
    memcpy(&length, map->data + sizeof magic, sizeof length);
    if (length >= sizeof header || length > map->size - PREFIX_BYTES)
        return scl_fail(err, SCL_BAD_DATA, "%s: expected an .npy header, found one cut short",
                        path);
    memcpy(header, map->data + PREFIX_BYTES, length);
    if (!parse_dtype(header, &npy->array.dtype) || !parse_shape(header, &npy->array) ||
        strstr(header, "'fortran_order': False") == NULL)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected a C-order array of <f4, <f8 or <i4 with at most %d "
                        "dimensions, found another",
                        path, SCL_WEIGHT_MAX_DIMS);
    npy->array.name = "";
    npy->array.data = map->data + PREFIX_BYTES + length;
    size_t left = map->size - PREFIX_BYTES - length;
    if (!scl_weight_shape_bytes(npy->array.dtype, npy->array.ndim, npy->array.dim,
                                &npy->array.bytes) ||
        npy->array.bytes != left)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected data of the array's shape, found %zu bytes", path, left);
    return SCL_OK;
}

scl_status scl_npy_read(const char *path, scl_npy *npy, scl_error *err)
{
    *npy = (scl_npy){0};
    SCL_TRY(scl_file_map_open(path, &npy->map, err));
    scl_status status = parse(npy, path, err);
    if (status != SCL_OK)
        scl_npy_free(npy);
    return status;
}

void scl_npy_free(scl_npy *npy)
{
    scl_file_unmap(&npy->map);
    *npy = (scl_npy){0};
}
