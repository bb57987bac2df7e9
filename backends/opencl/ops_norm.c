/* ops_norm.c — layer normalisation, softmax, and the small ops of the prompt encoder. */
#include "opencl/opencl.h"

#define CHUNK_ITEMS 64

static scl_status add_rows(cl_device *device, scl_launch *launch, const char *kernel, int64_t rows,
                           const cl_args *args, scl_error *err)
{
    size_t group = (size_t)device->tuning.group_size;
    cl_work work = {
        .file = "norm", .kernel = kernel, .global = {(size_t)rows * group}, .local = {group}};
    return cl_launch_add(device, launch, &work, args, err);
}

static scl_status prepare_layer_norm(cl_device *device, const scl_binding *b, scl_launch *launch,
                                     scl_error *err)
{
    int64_t n = scl_shape_count(b->node->inputs[1]->shape);
    int64_t rows = scl_shape_count(b->node->outputs[1]->shape);
    cl_args args = {0};
    for (int i = 0; i < 3; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    for (int i = 0; i < 3; i++)
        cl_arg_buffer(&args, b->outputs[i]);
    cl_arg_int(&args, n);
    cl_arg_float(&args, (double)b->node->attr.scalar[0]);
    return add_rows(device, launch, "layer_norm", rows, &args, err);
}

static scl_status prepare_layer_norm_backward(cl_device *device, const scl_binding *b,
                                              scl_launch *launch, scl_error *err)
{
    cl_args args = {0};
    for (int i = 0; i < 5; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, scl_shape_count(b->node->inputs[1]->shape));
    return add_rows(device, launch, "layer_norm_backward",
                    scl_shape_count(b->node->inputs[2]->shape), &args, err);
}

static int64_t shares_for(int64_t rows)
{
    int64_t shares = (rows + 63) / 64;
    return shares > 64 ? 64 : shares;
}

static size_t param_grad_workspace(cl_device *device, const scl_node *node)
{
    (void)device;
    int64_t n = scl_shape_count(node->outputs[0]->shape);
    int64_t rows = scl_shape_count(node->inputs[1]->shape);
    return (size_t)(2 * shares_for(rows) * n) * sizeof(cl_float);
}

static scl_status prepare_param_grad(cl_device *device, const scl_binding *b, scl_launch *launch,
                                     scl_error *err)
{
    int64_t n = scl_shape_count(b->node->outputs[0]->shape);
    int64_t rows = scl_shape_count(b->node->inputs[1]->shape), shares = shares_for(rows);
    cl_args args = {0};
    for (int i = 0; i < 4; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    cl_arg_buffer(&args, b->workspace);
    cl_arg_int(&args, n);
    cl_arg_int(&args, rows);
    cl_arg_int(&args, (rows + shares - 1) / shares);
    cl_work partial = {.file = "norm",
                       .kernel = "layer_norm_param_grad",
                       .global = {(size_t)n, (size_t)shares},
                       .local = {CHUNK_ITEMS, 1}};
    SCL_TRY(cl_launch_add(device, launch, &partial, &args, err));
    cl_args sums = {0};
    cl_arg_buffer(&sums, b->workspace);
    cl_arg_buffer(&sums, b->outputs[0]);
    cl_arg_buffer(&sums, b->outputs[1]);
    cl_arg_int(&sums, n);
    cl_arg_int(&sums, shares);
    cl_work total = {.file = "norm",
                     .kernel = "layer_norm_param_sum",
                     .global = {(size_t)n},
                     .local = {CHUNK_ITEMS}};
    return cl_launch_add(device, launch, &total, &sums, err);
}

static scl_status prepare_softmax(cl_device *device, const scl_binding *b, scl_launch *launch,
                                  scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, a->outer);
    cl_arg_int(&args, a->size);
    cl_arg_int(&args, a->inner);
    size_t across = a->inner < CHUNK_ITEMS ? (size_t)a->inner : CHUNK_ITEMS;
    cl_work work = {.file = "class",
                    .kernel = scl_op_describe(b->node->op)->name,
                    .global = {(size_t)a->inner, (size_t)a->outer},
                    .local = {across, a->inner < CHUNK_ITEMS ? CHUNK_ITEMS / across : 1}};
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_one_hot(cl_device *device, const scl_binding *b, scl_launch *launch,
                                  scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, a->outer);
    cl_arg_int(&args, a->size);
    cl_arg_int(&args, a->inner);
    cl_work work = {.file = "class",
                    .kernel = "one_hot",
                    .global = {(size_t)a->inner, (size_t)a->size, (size_t)a->outer},
                    .local = {a->inner < CHUNK_ITEMS ? (size_t)a->inner : CHUNK_ITEMS, 1, 1}};
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_fourier(cl_device *device, const scl_binding *b, scl_launch *launch,
                                  scl_error *err)
{
    int64_t features = b->node->inputs[1]->shape.dim[1];
    int64_t points = scl_shape_count(b->node->inputs[0]->shape) / 2;
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->inputs[1]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, points);
    cl_arg_int(&args, features);
    cl_work work = {.file = "class",
                    .kernel = "fourier_features",
                    .global = {(size_t)features, (size_t)points},
                    .local = {CHUNK_ITEMS, 1}};
    return cl_launch_add(device, launch, &work, &args, err);
}

const cl_op cl_op_layer_norm = {.prepare = prepare_layer_norm};
const cl_op cl_op_layer_norm_backward = {.prepare = prepare_layer_norm_backward};
const cl_op cl_op_layer_norm_param_grad = {.prepare = prepare_param_grad,
                                           .workspace = param_grad_workspace};
const cl_op cl_op_softmax = {.prepare = prepare_softmax};
const cl_op cl_op_one_hot = {.prepare = prepare_one_hot};
const cl_op cl_op_fourier_features = {.prepare = prepare_fourier};
