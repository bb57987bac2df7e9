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

void cl_broadcast_merge(cl_broadcast *b, int count, int edge)
{
    int to = SCL_MAX_DIMS;
    for (int d = SCL_MAX_DIMS - 1; d >= 0; d--) {
        int64_t size = b->size[d];
        bool joins = to < SCL_MAX_DIMS && (edge == 0 || d != edge - 1);
        for (int k = 0; k < count && joins; k++)
            joins = b->stride[k][d] == b->stride[k][to] * b->size[to];
        if (size == 1)
            continue;
        if (joins) {
            b->size[to] *= size;
            continue;
        }
        b->size[--to] = size;
        for (int k = 0; k < count; k++)
            b->stride[k][to] = b->stride[k][d];
    }
    for (int d = 0; d < to; d++) {
        b->size[d] = 1;
        for (int k = 0; k < count; k++)
            b->stride[k][d] = 0;
    }
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
    int64_t stride[2][SCL_MAX_DIMS] = {{0}};
    cl_broadcast p = {.stride = stride};
    for (int i = 1; i <= SCL_MAX_DIMS; i++)
        p.size[SCL_MAX_DIMS - i] = i <= shape->ndim ? shape->dim[shape->ndim - i] : 1;
    strides_in(x, shape, stride[0]);
    strides_in(y, shape, stride[1]);
    cl_broadcast_merge(&p, 2, 0);
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
