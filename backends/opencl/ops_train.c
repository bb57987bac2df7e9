/* ops_train.c — optimizer updates and gradient norms. */
#include "opencl/opencl.h"

#define SHARE_VALUES 16384 /* of a gradient, that one group squares and sums */

/* Places of the optimizers' inputs. */
enum { PARAM, GRAD, HYPER, GRAD_SCALE, MOMENT1, MOMENT2 };

static size_t count_of(const scl_tensor *tensor)
{
    return (size_t)scl_shape_count(tensor->shape);
}

static scl_status prepare_accumulate(cl_device *device, const scl_binding *b, scl_launch *launch,
                                     scl_error *err)
{
    size_t count = count_of(b->node->inputs[0]);
    cl_args args = {0};
    cl_arg_buffer(&args, b->inputs[0]);
    cl_arg_buffer(&args, b->inputs[1]);
    cl_arg_long(&args, (int64_t)count);
    cl_work work = cl_stretch_work(device, "train", "accumulate", count);
    return cl_launch_add(device, launch, &work, &args, err);
}

static size_t norm_shares(const scl_node *node)
{
    size_t shares = 0;
    for (int i = 0; i < node->input_count; i++)
        shares += cl_ceil_div(count_of(node->inputs[i]), SHARE_VALUES);
    return shares;
}

static size_t norm_workspace(cl_device *device, const scl_node *node)
{
    (void)device;
    return norm_shares(node) * sizeof(cl_float);
}

static scl_status prepare_global_norm(cl_device *device, const scl_binding *b, scl_launch *launch,
                                      scl_error *err)
{
    size_t start = 0, group = (size_t)device->tuning.group_size;
    for (int i = 0; i < b->node->input_count; i++) {
        size_t count = count_of(b->node->inputs[i]), shares = cl_ceil_div(count, SHARE_VALUES);
        cl_args args = {0};
        cl_arg_buffer(&args, b->inputs[i]);
        cl_arg_buffer(&args, b->workspace);
        cl_arg_int(&args, (int64_t)start);
        cl_arg_long(&args, (int64_t)count);
        cl_arg_int(&args, SHARE_VALUES);
        cl_work work = {
            .file = "train", .kernel = "square_sums", .global = {shares * group}, .local = {group}};
        SCL_TRY(cl_launch_add(device, launch, &work, &args, err));
        start += shares;
    }
    cl_args args = {0};
    cl_arg_buffer(&args, b->workspace);
    cl_arg_buffer(&args, b->outputs[0]);
    cl_arg_int(&args, (int64_t)start);
    cl_work work = {.file = "train", .kernel = "root_of_sum", .global = {1}, .local = {1}};
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_sgd(cl_device *device, const scl_binding *b, scl_launch *launch,
                              scl_error *err)
{
    const scl_optimizer_attr *o = &b->node->attr.optimizer;
    size_t count = count_of(b->node->inputs[PARAM]);
    cl_args args = {0};
    for (int i = PARAM; i <= MOMENT1; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    cl_arg_long(&args, (int64_t)count);
    cl_arg_float(&args, o->lr_scale);
    cl_arg_float(&args, o->weight_decay);
    cl_arg_float(&args, o->momentum);
    cl_arg_int(&args, o->nesterov);
    cl_work work = cl_stretch_work(device, "train", "sgd", count);
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_adam(cl_device *device, const scl_binding *b, scl_launch *launch,
                               scl_error *err)
{
    const scl_optimizer_attr *o = &b->node->attr.optimizer;
    size_t count = count_of(b->node->inputs[PARAM]);
    cl_args args = {0};
    for (int i = PARAM; i <= MOMENT2; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    cl_arg_long(&args, (int64_t)count);
    cl_arg_float(&args, o->lr_scale);
    cl_arg_float(&args, o->weight_decay);
    cl_arg_float(&args, o->beta1);
    cl_arg_float(&args, o->beta2);
    cl_arg_float(&args, 1 - o->beta1);
    cl_arg_float(&args, 1 - o->beta2);
    cl_arg_float(&args, o->eps);
    cl_arg_int(&args, o->decoupled);
    cl_work work = cl_stretch_work(device, "train", "adam", count);
    return cl_launch_add(device, launch, &work, &args, err);
}

const cl_op cl_op_accumulate = {.prepare = prepare_accumulate};
const cl_op cl_op_global_norm = {.prepare = prepare_global_norm, .workspace = norm_workspace};
const cl_op cl_op_sgd = {.prepare = prepare_sgd};
const cl_op cl_op_adam = {.prepare = prepare_adam};
