/* resize_driver — lets a script compare the resizers with their references: reads raw elements from
 * standard input, writes the resized ones to standard output.
 *
 *   resize_driver bilinear CHANNELS SW SH DW DH     uint8 [SH, SW, CHANNELS]
 *   resize_driver nearest BYTES SW SH DW DH         elements of 1, 2 or 4 bytes
 *   resize_driver float 4 SW SH DW DH               float32 planes
 *   resize_driver rows 4 COLUMNS ROWS 0 NEW_ROWS    float32 tables, along the rows */
#include "base/mem.h"
#include "io/resize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static scl_status resize(const char *kind, int unit, const int size[4], const void *in, void *out,
                         scl_error *err)
{
    if (strcmp(kind, "bilinear") == 0)
        return scl_resize_bilinear_u8(in, size[0], size[1], unit, out, size[2], size[3], err);
    if (strcmp(kind, "nearest") == 0)
        return scl_resize_nearest(in, (size_t)unit, size[0], size[1], out, size[2], size[3], err);
    if (strcmp(kind, "float") == 0)
        return scl_resize_bilinear_f32(in, (size_t)size[0], size[0], size[1], out, size[2], size[3],
                                       err);
    if (strcmp(kind, "rows") == 0)
        return scl_resize_rows_f32(in, size[1], size[0], out, size[3], err);
    return scl_fail(err, SCL_BAD_CONFIG, "unknown kind of resize: %s", kind);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fputs("usage: resize_driver KIND UNIT SW SH DW DH <in >out\n", stderr);
        return SCL_BAD_CONFIG;
    }
    int unit = atoi(argv[2]), size[4];
    for (int i = 0; i < 4; i++)
        size[i] = atoi(argv[3 + i]);
    size[2] = strcmp(argv[1], "rows") == 0 ? size[0] : size[2];
    size_t in_bytes = (size_t)size[0] * (size_t)size[1] * (size_t)unit;
    size_t out_bytes = (size_t)size[2] * (size_t)size[3] * (size_t)unit;
    void *in = scl_calloc(in_bytes, 1), *out = scl_calloc(out_bytes, 1);
    scl_error err = {0};
    scl_status status = SCL_OK;
    if (in == NULL || out == NULL || fread(in, 1, in_bytes, stdin) != in_bytes)
        status = scl_fail(&err, SCL_BAD_DATA, "%zu bytes could not be read", in_bytes);
    else
        status = resize(argv[1], unit, size, in, out, &err);
    if (status == SCL_OK && fwrite(out, 1, out_bytes, stdout) != out_bytes)
        status = scl_fail(&err, SCL_FAILED, "the result could not be written");
    if (status != SCL_OK)
        fprintf(stderr, "%s\n", err.text);
    scl_free(in);
    scl_free(out);
    return (int)status;
}
