/* gemm.h — who computes matrix products: a provider per kind of device.
 *
 * The whole of C = act(alpha op(A) op(B) + bias + residual) belongs to the provider, so that it can
 * fold the epilogue into its launch where it is able to. C may be the residual (in place). */
#ifndef SCL_OPENCL_GEMM_H
#define SCL_OPENCL_GEMM_H

#include "opencl/opencl.h"

/* Buffers of a GEMM node's binding. */
enum { GEMM_A, GEMM_B, GEMM_BIAS, GEMM_RESIDUAL };

typedef struct cl_gemm_provider {
    const char *name;
    size_t (*workspace)(const cl_device *device, const scl_gemm_attr *attr);
    scl_status (*prepare)(cl_device *device, const scl_binding *b, scl_launch *launch,
                          scl_error *err);
} cl_gemm_provider;

extern const cl_gemm_provider cl_gemm_packed; /* for CPU devices */
extern const cl_gemm_provider cl_gemm_tiled;  /* for GPUs */
extern const cl_gemm_provider
    cl_gemm_clblast; /* for GPUs whose groups are too small, or asked for */

const cl_gemm_provider *cl_gemm_choose(const cl_device *device);

/* A product whose values are still to be finished: in `splits` parts, [batch][splits][m][n], which
 * may be C itself. NULL: no residual, or it is in the values. */
typedef struct cl_gemm_parts {
    const scl_buffer *values, *residual;
    size_t splits;
    float alpha;
} cl_gemm_parts;

/* C = act(alpha sum of the parts + bias + residual), or times the slope of the residual. */
scl_status cl_gemm_epilogue(cl_device *device, const scl_binding *b, const cl_gemm_parts *parts,
                            scl_launch *launch, scl_error *err);

#endif
