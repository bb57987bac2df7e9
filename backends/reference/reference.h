/* reference.h — the `reference` backend: every op in plain C and double precision.
 *
 * It is the oracle of every test and is written to be read, not to be fast. Float32 tensors are
 * kept as double from upload to download; ops run when launched, on the calling thread. */
#ifndef SCL_REFERENCE_REFERENCE_H
#define SCL_REFERENCE_REFERENCE_H

#include "graph/backend.h"

typedef struct reference_args {
    const scl_node *node;
    double *const *in; /* NULL entries where the node's are; int32 tensors via reference_ids */
    double *const *out;
} reference_args;

typedef void (*reference_op)(const reference_args *a);

/* The int32 values of an input. */
static inline const int32_t *reference_ids(const reference_args *a, int input)
{
    return (const int32_t *)(const void *)a->in[input];
}

/* relu or gelu of x, or x as it is: an activation that an op applies to what it writes. */
double reference_activate(double x, int32_t act);

/* An elementwise op on values; `s`: the scalars of its node. */
double reference_apply(int32_t op, double x, double y, const float *s);

/* Where element `index` of a shape is in an input that has these strides; 0: it is repeated. */
int64_t reference_offset(int64_t index, int ndim, const int64_t *size, const int64_t *stride);

/* The derivative of gelu. */
double reference_gelu_slope(double x);

static inline int64_t reference_count(const scl_tensor *tensor)
{
    return scl_shape_count(tensor->shape);
}

/* One function per row of ops.def, in reference_<family>.c; views have none. */
#define X(NAME, name, grad, flags, text) void reference_##name(const reference_args *a);
#include "graph/ops.def"
#undef X

/* The values of a float32 buffer, in the precision they are kept in. Borrowed. */
double *scl_reference_values(scl_buffer *buffer);

/* Opens the device; close it with backend->close. */
scl_status scl_reference_open(scl_device **out, scl_error *err);

#endif
