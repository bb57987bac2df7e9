/* ops_norm.c — layer normalisation, softmax, and the small ops of the prompt encoder. */
#include "opencl/opencl.h"

#include <stdio.h>

static scl_status add_rows(cl_device *device, scl_launch *launch, const char *file,
                           const char *kernel, int64_t rows, int64_t n, cl_args *args,
                           scl_error *err)
{
    size_t group = (size_t)device->tuning.group_size, each = cl_rows_each(device, (size_t)n);
    cl_arg_int(args, rows);
    cl_arg_int(args, (int64_t)each);
    cl_work work = {.file = file,
                    .kernel = kernel,
                    .global = {cl_ceil_div((size_t)rows, each) * group},
                    .local = {group}};
    return cl_launch_add(device, launch, &work, args, err);
}

static scl_status prepare_layer_norm(cl_device *device, const scl_binding *b, scl_launch *launch,
                                     scl_error *err)
{
    int64_t n = scl_shape_count(b->node->inputs[1]->shape);
    cl_args args = {0};
    for (int i = 0; i < 3; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    for (int i = 0; i < 3; i++)
        cl_arg_buffer(&args, b->outputs[i]);
    cl_arg_int(&args, n);
    cl_arg_float(&args, (double)b->node->attr.norm.eps);
    cl_arg_int(&args, b->node->attr.norm.act);
    return add_rows(device, launch, "norm", "layer_norm",
                    scl_shape_count(b->node->outputs[1]->shape), n, &args, err);
}

static scl_status prepare_layer_norm_backward(cl_device *device, const scl_binding *b,
                                              scl_launch *launch, scl_error *err)
{
    int64_t n = scl_shape_count(b->node->inputs[1]->shape);
    cl_args args = {0};
    for (int i = 0; i < 5; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, n);
    return add_rows(device, launch, "norm", "layer_norm_backward",
                    scl_shape_count(b->node->inputs[2]->shape), n, &args, err);
}

typedef struct param_sums {
    int64_t n, rows, shares;
} param_sums;

static param_sums param_sums_of(const cl_device *device, const scl_node *node)
{
    int64_t n = scl_shape_count(node->outputs[0]->shape);
    int64_t rows = scl_shape_count(node->inputs[1]->shape);
    int64_t shares = cl_sum_splits(device, 1, rows, n);
    while (shares > 1 && shares * shares > rows) /* as many to add as there are rows in each */
        shares--;
    return (param_sums){n, rows, shares};
}

static size_t param_grad_workspace(cl_device *device, const scl_node *node)
{
    param_sums p = param_sums_of(device, node);
    return p.shares > 1 ? (size_t)(2 * p.shares * p.n) * sizeof(cl_float) : 0;
}

static scl_status add_param_sum(cl_device *device, const scl_binding *b, scl_launch *launch,
                                const param_sums *p, scl_error *err)
{
    cl_args args = {0};
    cl_arg_buffer(&args, b->workspace);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_buffer(&args, b->outputs[1]);
    cl_arg_int(&args, p->n);
    cl_arg_int(&args, p->shares);
    cl_work work = cl_stretch_work(device, "norm", "layer_norm_param_sum", (size_t)p->n);
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_param_grad(cl_device *device, const scl_binding *b, scl_launch *launch,
                                     scl_error *err)
{
    param_sums p = param_sums_of(device, b->node);
    bool split = p.shares > 1;
    cl_args args = {0};
    for (int i = 0; i < 4; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    cl_arg_buffer(&args, split ? b->workspace : b->outputs[0]);
    cl_arg_buffer(&args, split ? b->workspace : b->outputs[1]);
    cl_arg_long(&args, split ? p.shares * p.n : 0);
    cl_arg_int(&args, p.n);
    cl_arg_int(&args, p.rows);
    cl_arg_int(&args, (p.rows + p.shares - 1) / p.shares);
    cl_work work = cl_stretch_work(device, "norm", "layer_norm_param_grad", (size_t)p.n);
    work.global[1] = (size_t)p.shares;
    work.local[1] = 1;
    SCL_TRY(cl_launch_add(device, launch, &work, &args, err));
    return split ? add_param_sum(device, b, launch, &p, err) : SCL_OK;
}

static scl_status add_softmax_rows(cl_device *device, const scl_binding *b, scl_launch *launch,
                                   cl_args *args, scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    char kernel[48];
    snprintf(kernel, sizeof kernel, "%s_rows", scl_op_describe(b->node->op)->name);
    cl_arg_int(args, a->size);
    return add_rows(device, launch, "class", kernel, a->outer, a->size, args, err);
}

static scl_status prepare_softmax(cl_device *device, const scl_binding *b, scl_launch *launch,
                                  scl_error *err)
{
    const scl_axis_attr *a = &b->node->attr.axis;
    cl_args args = {0};
    for (int i = 0; i < b->node->input_count; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    cl_arg_buffer(&args, b->outputs[0]);
    if (a->inner == 1)
        return add_softmax_rows(device, b, launch, &args, err);
    cl_arg_int(&args, a->outer);
    cl_arg_int(&args, a->size);
    cl_arg_int(&args, a->inner);
    cl_work work =
        cl_stretch_work(device, "class", scl_op_describe(b->node->op)->name, (size_t)a->inner);
    work.global[1] = (size_t)a->outer;
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
    cl_work work = cl_stretch_work(device, "class", "one_hot", (size_t)a->inner);
    work.global[1] = (size_t)a->size;
    work.global[2] = (size_t)a->outer;
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_top_k(cl_device *device, const scl_binding *b, scl_launch *launch,
                                scl_error *err)
{
    int64_t n = b->node->attr.axis.size, rows = scl_shape_count(b->node->inputs[0]->shape) / n;
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_buffer(&args, b->outputs[1]);
    cl_arg_int(&args, rows);
    cl_arg_int(&args, n);
    cl_arg_int(&args, scl_shape_count(b->node->outputs[0]->shape) / rows);
    cl_work work = {.file = "class",
                    .kernel = "top_k",
                    .global = {(size_t)rows},
                    .local = {(size_t)device->tuning.chunk_items}};
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
    cl_work work = cl_stretch_work(device, "class", "fourier_features", (size_t)features);
    work.global[1] = (size_t)points;
    return cl_launch_add(device, launch, &work, &args, err);
}

const cl_op cl_op_layer_norm = {.prepare = prepare_layer_norm};
const cl_op cl_op_layer_norm_backward = {.prepare = prepare_layer_norm_backward};
const cl_op cl_op_layer_norm_param_grad = {.prepare = prepare_param_grad,
                                           .workspace = param_grad_workspace};
const cl_op cl_op_softmax = {.prepare = prepare_softmax};
const cl_op cl_op_one_hot = {.prepare = prepare_one_hot};
const cl_op cl_op_top_k = {.prepare = prepare_top_k};
const cl_op cl_op_fourier_features = {.prepare = prepare_fourier};
