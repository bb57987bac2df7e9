/* pointwise_text.h — a program of the op pointwise as OpenCL C. */
#ifndef SCL_OPENCL_POINTWISE_TEXT_H
#define SCL_OPENCL_POINTWISE_TEXT_H

#include "base/str.h"
#include "graph/pointwise.h"

/* Appends the macros that kernels/pointwise.cl wants. `steps[k]`: input k goes on along a row,
 * rather than being repeated. No size is in the text, so that shapes share a kernel. */
void cl_pointwise_write(const scl_node *node, const bool *steps, scl_str *out);

#endif
