/* weights_diff.h — in which tensors two sets of weights differ, and by how much.
 *
 * Tensors belong together by name. Values are compared as float32, whatever their types. */
#ifndef SCL_IO_WEIGHTS_DIFF_H
#define SCL_IO_WEIGHTS_DIFF_H

#include "io/weights.h"

typedef enum scl_diff_kind {
    SCL_DIFF_ONLY_LEFT,
    SCL_DIFF_ONLY_RIGHT,
    SCL_DIFF_SHAPE,
    SCL_DIFF_DTYPE, /* and perhaps values */
    SCL_DIFF_VALUES
} scl_diff_kind;

typedef struct scl_diff {
    scl_diff_kind kind;
    const scl_weight *left, *right; /* borrowed; NULL where it is in the other one only */
    /* Of DTYPE and VALUES: the largest |left - right|, and that over the largest finite |left|.
     * Infinite where only one of two values is a number. */
    double absolute, relative;
} scl_diff;

/* Zero-initialise; free with scl_weights_diff_free. */
typedef struct scl_weights_diff {
    scl_diff *items; /* in the order of their kinds; the largest relative difference first, or by
                        name */
    size_t count, capacity;
    size_t equal; /* tensors that are not listed */
} scl_weights_diff;

/* Told how many of the bytes to compare have been. */
typedef void (*scl_diff_progress)(void *user, size_t done, size_t total);

/* `progress` may be NULL. SCL_DEVICE when memory is short. */
scl_status scl_weights_compare(const scl_weights *left, const scl_weights *right,
                               scl_diff_progress progress, void *user, scl_weights_diff *diff,
                               scl_error *err);
void scl_weights_diff_free(scl_weights_diff *diff);

#endif
