/* ops_elementwise.c — elementwise ops, one kernel each, with broadcasting. */
#include "opencl/opencl.h"

#include <stdio.h>

static scl_status prepare_unary(cl_device *device, const scl_binding *b, scl_launch *launch,
                                scl_error *err)
{
    char kernel[48];
    snprintf(kernel, sizeof kernel, "unary_%s", scl_op_describe(b->node->op)->name);
    int64_t count = scl_shape_count(b->node->outputs[0]->shape);
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_long(&args, count);
    cl_arg_float(&args, (double)b->node->attr.scalar[0]);
    cl_arg_float(&args, (double)b->node->attr.scalar[1]);
    cl_work work = cl_stretch_work(device, "elementwise", kernel, (size_t)count);
    return cl_launch_add(device, launch, &work, &args, err);
}

/* A broadcast as the kernels see it: rows of `inner` values, rows indexed in up to 4 dimensions. */
typedef struct broadcast_plan {
    int64_t size[SCL_MAX_DIMS];      /* merged dimensions, right-aligned; the last is inner */
    int64_t stride[2][SCL_MAX_DIMS]; /* of x and y, 0 where repeated */
} broadcast_plan;

static void strides_in(const scl_tensor *input, const scl_shape *out, int64_t *stride)
{
    int64_t step = 1;
    for (int i = 1; i <= SCL_MAX_DIMS; i++) {
        int64_t size = i <= input->shape.ndim ? input->shape.dim[input->shape.ndim - i] : 1;
        if (i <= out->ndim)
            stride[SCL_MAX_DIMS - i] = size == 1 ? 0 : step;
        step *= size;
    }
}

/* Neighbouring dimensions that both inputs walk alike become one. */
static broadcast_plan merge_dims(const scl_tensor *x, const scl_tensor *y, const scl_shape *out)
{
    int64_t size[SCL_MAX_DIMS], stride[2][SCL_MAX_DIMS] = {{0}};
    for (int i = 1; i <= SCL_MAX_DIMS; i++)
        size[SCL_MAX_DIMS - i] = i <= out->ndim ? out->dim[out->ndim - i] : 1;
    strides_in(x, out, stride[0]);
    strides_in(y, out, stride[1]);
    broadcast_plan plan = {.size = {1, 1, 1, 1, 1}};
    int to = SCL_MAX_DIMS - 1;
    bool started = false;
    for (int d = SCL_MAX_DIMS - 1; d >= 0; d--) {
        if (size[d] == 1)
            continue;
        bool joins = started;
        for (int k = 0; k < 2 && joins; k++)
            joins = stride[k][d] == plan.stride[k][to] * plan.size[to];
        if (joins) {
            plan.size[to] *= size[d];
            continue;
        }
        to -= started;
        started = true;
        plan.size[to] = size[d];
        for (int k = 0; k < 2; k++)
            plan.stride[k][to] = stride[k][d];
    }
    return plan;
}

static void arg_strides(cl_args *args, const int64_t *stride)
{
    for (int d = 0; d < SCL_MAX_DIMS; d++)
        cl_arg_int(args, stride[d]);
}

static scl_status add_binary(cl_device *device, const scl_binding *b, scl_launch *launch,
                             const scl_tensor *x, const scl_tensor *y, const scl_buffer *buffer_y,
                             scl_error *err)
{
    char kernel[48];
    snprintf(kernel, sizeof kernel, "binary_%s", scl_op_describe(b->node->op)->name);
    const scl_shape *shape = &b->node->outputs[0]->shape;
    broadcast_plan p = merge_dims(x, y, shape);
    int64_t inner = p.size[4], rows = scl_shape_count(*shape) / inner;
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, buffer_y);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, inner);
    cl_arg_int(&args, rows);
    size_t chunks = cl_ceil_div((size_t)inner, (size_t)device->tuning.stretch);
    size_t each = cl_rows_each(device, (size_t)inner), across = 1;
    cl_arg_int(&args, (int64_t)each);
    for (int d = 1; d < 4; d++)
        cl_arg_int(&args, p.size[d]);
    arg_strides(&args, p.stride[0]);
    arg_strides(&args, p.stride[1]);
    size_t items = (size_t)device->tuning.chunk_items;
    while (across < items && across < chunks)
        across *= 2;
    cl_work work = {.file = "elementwise",
                    .kernel = kernel,
                    .global = {chunks, cl_ceil_div((size_t)rows, each)},
                    .local = {across, items / across}};
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_binary(cl_device *device, const scl_binding *b, scl_launch *launch,
                                 scl_error *err)
{
    return add_binary(device, b, launch, b->node->inputs[0], b->node->inputs[1], b->inputs[1], err);
}

static scl_status prepare_broadcast(cl_device *device, const scl_binding *b, scl_launch *launch,
                                    scl_error *err)
{
    return add_binary(device, b, launch, b->node->inputs[0], b->node->inputs[0], b->inputs[0], err);
}

const cl_op cl_op_unary = {.prepare = prepare_unary};
const cl_op cl_op_binary = {.prepare = prepare_binary};
const cl_op cl_op_broadcast = {.prepare = prepare_broadcast};
