/* ops_shape.c — sums along axes, copies of ranges, and image patches. */
#include "opencl/opencl.h"

#include <stdio.h>

#define CHUNK_ITEMS 64
#define MIN_SHARE   1024 /* values one group sums at least, before a sum is split */

/* ---- sum: in one pass, or as `splits` partial sums and a second pass over them */

/* Enough pieces to keep the device busy when there are few outputs. */
static int64_t splits_for(const cl_device *device, const scl_axis_attr *a)
{
    int64_t lanes = a->inner > 1
                        ? (a->inner + device->tuning.vector_width - 1) / device->tuning.vector_width
                        : 1;
    int64_t wanted = 4 * (int64_t)device->base.info.compute_units / (a->outer * lanes);
    int64_t possible = a->size * (a->inner > 1 ? a->inner : 1) / MIN_SHARE;
    int64_t splits = wanted < possible ? wanted : possible;
    return splits < 1 ? 1 : splits > a->size ? a->size : splits;
}

static size_t sum_workspace(cl_device *device, const scl_node *node)
{
    const scl_axis_attr *a = &node->attr.axis;
    int64_t splits = splits_for(device, a);
    return splits > 1 ? (size_t)(a->outer * splits * a->inner) * sizeof(cl_float) : 0;
}

static scl_status add_sum(cl_device *device, scl_launch *launch, const scl_buffer *in,
                          const scl_buffer *out, int64_t outer, int64_t size, int64_t inner,
                          int64_t splits, scl_error *err)
{
    int64_t share = (size + splits - 1) / splits;
    cl_args args = {0};
    cl_arg_buffer(&args, in);
    cl_arg_buffer(&args, out);
    cl_arg_int(&args, size);
    if (inner > 1)
        cl_arg_int(&args, inner);
    cl_arg_int(&args, splits);
    cl_arg_int(&args, share);
    size_t group = (size_t)device->tuning.group_size;
    size_t chunks = cl_ceil_div((size_t)inner, (size_t)device->tuning.vector_width);
    cl_work columns = {.file = "shape",
                       .kernel = "sum_columns",
                       .global = {chunks, (size_t)splits, (size_t)outer},
                       .local = {chunks < CHUNK_ITEMS ? chunks : CHUNK_ITEMS, 1, 1}};
    cl_work rows = {.file = "shape",
                    .kernel = "sum_rows",
                    .global = {(size_t)splits * group, (size_t)outer},
                    .local = {group, 1}};
    return cl_launch_add(device, launch, inner > 1 ? &columns : &rows, &args, err);
}

static scl_status prepare_sum(cl_device *device, const scl_binding *b, scl_launch *launch,
                              scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    int64_t splits = splits_for(device, a);
    /* every share must hold something: 10 values in 4 shares of 3 leave the last with 1 */
    int64_t share = (a->size + splits - 1) / splits;
    splits = (a->size + share - 1) / share;
    if (splits == 1)
        return add_sum(device, launch, b->inputs[0], b->outputs[0], a->outer, a->size, a->inner, 1,
                       err);
    SCL_TRY(add_sum(device, launch, b->inputs[0], b->workspace, a->outer, a->size, a->inner, splits,
                    err));
    return add_sum(device, launch, b->workspace, b->outputs[0], a->outer, splits, a->inner, 1, err);
}

/* ---- copies of runs */

typedef struct run_copy {
    int64_t rows, run, in_start, in_step, out_start, out_step, fill;
} run_copy;

static scl_status add_copy(cl_device *device, scl_launch *launch, const scl_buffer *in,
                           const scl_buffer *out, const run_copy *c, scl_error *err)
{
    cl_args args = {0};
    cl_arg_buffer(&args, in);
    cl_arg_buffer(&args, out);
    cl_arg_int(&args, c->run);
    cl_arg_long(&args, c->in_start);
    cl_arg_long(&args, c->in_step);
    cl_arg_long(&args, c->out_start);
    cl_arg_long(&args, c->out_step);
    cl_arg_long(&args, c->fill);
    size_t across = (size_t)(c->fill > 0 ? c->fill : c->run);
    cl_work work = {.file = "shape",
                    .kernel = "copy_runs",
                    .global = {across, (size_t)c->rows},
                    .local = {CHUNK_ITEMS, 1}};
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_slice(cl_device *device, const scl_binding *b, scl_launch *launch,
                                scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    run_copy copy = {.rows = a->outer,
                     .run = a->count * a->inner,
                     .in_start = a->start * a->inner,
                     .in_step = a->size * a->inner,
                     .out_step = a->count * a->inner};
    return add_copy(device, launch, b->inputs[0], b->outputs[0], &copy, err);
}

static scl_status prepare_pad(cl_device *device, const scl_binding *b, scl_launch *launch,
                              scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    run_copy copy = {.rows = a->outer,
                     .run = a->size * a->inner,
                     .in_step = a->size * a->inner,
                     .out_start = a->start * a->inner,
                     .out_step = a->count * a->inner,
                     .fill = a->count * a->inner};
    return add_copy(device, launch, b->inputs[0], b->outputs[0], &copy, err);
}

static scl_status prepare_concat(cl_device *device, const scl_binding *b, scl_launch *launch,
                                 scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    int64_t start = 0;
    for (int i = 0; i < b->node->input_count; i++) {
        int64_t size = b->node->inputs[i]->shape.dim[a->axis];
        run_copy copy = {.rows = a->outer,
                         .run = size * a->inner,
                         .in_step = size * a->inner,
                         .out_start = start * a->inner,
                         .out_step = a->size * a->inner};
        SCL_TRY(add_copy(device, launch, b->inputs[i], b->outputs[0], &copy, err));
        start += size;
    }
    return SCL_OK;
}

/* ---- patches */

static scl_status add_patch(cl_device *device, const scl_binding *b, scl_launch *launch,
                            const char *kernel, const scl_shape *patches, int64_t positions,
                            scl_error *err)
{
    const scl_patch_attr *p = &b->node->attr.patch;
    char options[64];
    snprintf(options, sizeof options, "-DK=%d -DSTRIDE=%d", (int)p->kernel, (int)p->stride);
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, p->height);
    cl_arg_int(&args, p->width);
    cl_arg_int(&args, p->channels);
    cl_arg_int(&args, patches->dim[1]);
    cl_arg_int(&args, patches->dim[2]);
    cl_arg_int(&args, p->pad);
    size_t across = (size_t)p->channels;
    cl_work work = {.file = "patch",
                    .kernel = kernel,
                    .options = options,
                    .global = {across, (size_t)positions, (size_t)patches->dim[0]},
                    .local = {across < CHUNK_ITEMS ? across : CHUNK_ITEMS, 1, 1}};
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_im2col(cl_device *device, const scl_binding *b, scl_launch *launch,
                                 scl_error *err)
{
    const scl_shape *patches = &b->node->outputs[0]->shape;
    return add_patch(device, b, launch, "im2col", patches, patches->dim[1] * patches->dim[2], err);
}

static scl_status prepare_col2im(cl_device *device, const scl_binding *b, scl_launch *launch,
                                 scl_error *err)
{
    const scl_patch_attr *p = &b->node->attr.patch;
    return add_patch(device, b, launch, "col2im", &b->node->inputs[0]->shape, p->height * p->width,
                     err);
}

const cl_op cl_op_sum = {.prepare = prepare_sum, .workspace = sum_workspace};
const cl_op cl_op_slice = {.prepare = prepare_slice};
const cl_op cl_op_pad = {.prepare = prepare_pad};
const cl_op cl_op_concat = {.prepare = prepare_concat};
const cl_op cl_op_im2col = {.prepare = prepare_im2col};
const cl_op cl_op_col2im = {.prepare = prepare_col2im};
