/* npy.h — NumPy's .npy array files, version 1.0, C order, little-endian.
 * Source: numpy.lib.format. */
#ifndef SCL_IO_NPY_H
#define SCL_IO_NPY_H

#include "io/weights.h"

/* Writes float32 data[product of dim]; the file at `path` is replaced only when all is on disk.
 * ndim 0 to SCL_WEIGHT_MAX_DIMS. SCL_FAILED. */
scl_status scl_npy_write_f32(const char *path, int ndim, const int64_t *dim, const float *data,
                             scl_error *err);

/* An array of F32, F64 or I32, its name "", its data in the mapped file. Free with scl_npy_free. */
typedef struct scl_npy {
    scl_weight array;
    scl_file_map map;
} scl_npy;

/* SCL_BAD_DATA. On failure `npy` is empty. */
scl_status scl_npy_read(const char *path, scl_npy *npy, scl_error *err);
void scl_npy_free(scl_npy *npy);

#endif
