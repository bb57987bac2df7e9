/* attention_job.h — one attention node on its way to launches: the arguments that its kernels
 * share, and the two families of kernels. */
#ifndef SCL_OPENCL_ATTENTION_JOB_H
#define SCL_OPENCL_ATTENTION_JOB_H

#include "opencl/attention_layout.h"

#define CL_ATTENTION_OPTIONS 160 /* bytes that hold the options of any kernel */

typedef struct attention_job {
    cl_device *device;
    const scl_binding *b;
    scl_launch *launch;
    const char *options; /* -D of the head and the relative positions */
    cl_attention_layout l;
} attention_job;

/* Stride and first column of the rows of q, k, v or dout. */
void cl_attention_arg_columns(cl_args *args, const attention_job *j, int input);
void cl_attention_arg_geometry(cl_args *args, const attention_job *j);
void cl_attention_arg_values(cl_args *args, const attention_job *j);
/* The gradients of k and v: of the joint qkv tensor, or each its own. */
void cl_attention_arg_key_gradients(cl_args *args, const attention_job *j);
/* Whether the gradient of a table of relative positions is asked for. */
bool cl_attention_wants_tables(const attention_job *j);
/* A kernel over (items; windows and heads; batch) in groups of `group` items. */
scl_status cl_attention_add(const attention_job *j, const char *file, const char *kernel,
                            const char *options, int64_t items, int64_t group, const cl_args *args,
                            scl_error *err);

/* Both leave gradients that windows share as parts in the workspace.
 *
 * ---- attention_cpu.c: packed panels, for CPU devices */
scl_status cl_attention_forward_cpu(const attention_job *j, scl_error *err);
scl_status cl_attention_backward_cpu(const attention_job *j, scl_error *err);

/* ---- attention_tiled.c: tiles in local memory, for GPUs */
scl_status cl_attention_forward_tiled(const attention_job *j, scl_error *err);
scl_status cl_attention_backward_tiled(const attention_job *j, scl_error *err);

#endif
