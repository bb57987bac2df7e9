/* ops_train.c — optimizer updates and gradient norms. */
#include "opencl/opencl.h"

#include "graph/ops.h"

#define SHARE_VALUES 16384 /* of a gradient, that one group squares and sums */
#define MEMBERS      8     /* tensors of a launch, as many as square_sums and adam take */

_Static_assert(SCL_ADAM_MEMBERS == MEMBERS, "a node of Adam is one launch");

static size_t count_of(const scl_tensor *tensor)
{
    return (size_t)scl_shape_count(tensor->shape);
}

/* accumulate and running_mean: the kernel is named as the op, and takes its inputs. */
static scl_status prepare_take_in(cl_device *device, const scl_binding *b, scl_launch *launch,
                                  scl_error *err)
{
    size_t count = count_of(b->node->inputs[0]);
    cl_args args = {0};
    for (int i = 0; i < b->node->input_count; i++)
        cl_arg_buffer(&args, b->inputs[i]);
    cl_arg_long(&args, (int64_t)count);
    cl_work work = cl_stretch_work(device, "train", scl_op_describe(b->node->op)->name, count);
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

/* The squares of the next inputs; `start` is moved behind their shares. */
static scl_status add_square_sums(cl_device *device, const scl_binding *b, int first, size_t *start,
                                  scl_launch *launch, scl_error *err)
{
    size_t group = (size_t)device->tuning.group_size, most = 0;
    int members = b->node->input_count - first;
    members = members < MEMBERS ? members : MEMBERS;
    cl_args args = {0};
    for (int i = 0; i < MEMBERS; i++) {
        int input = first + (i < members ? i : 0); /* of those that are not there, no group runs */
        size_t count = count_of(b->node->inputs[input]), shares = cl_ceil_div(count, SHARE_VALUES);
        cl_arg_buffer(&args, b->inputs[input]);
        cl_arg_long(&args, (int64_t)count);
        cl_arg_int(&args, (int64_t)*start);
        if (i < members) {
            *start += shares;
            most = shares > most ? shares : most;
        }
    }
    cl_arg_buffer(&args, b->workspace);
    cl_arg_int(&args, SHARE_VALUES);
    cl_work work = {.file = "train",
                    .kernel = "square_sums",
                    .global = {most * group, (size_t)members},
                    .local = {group, 1}};
    return cl_launch_add(device, launch, &work, &args, err);
}

static scl_status prepare_global_norm(cl_device *device, const scl_binding *b, scl_launch *launch,
                                      scl_error *err)
{
    size_t start = 0;
    for (int i = 0; i < b->node->input_count; i += MEMBERS)
        SCL_TRY(add_square_sums(device, b, i, &start, launch, err));
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
    size_t count = count_of(b->node->inputs[0]);
    cl_args args = {0};
    for (int i = 0; i < b->node->input_count; i++)
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
    int constants = b->node->input_count - 2;
    size_t most = 0;
    cl_args args = {0};
    for (int i = 0; i < 4 * MEMBERS; i += 4) {
        int member = i < constants ? i : 0; /* of those that are not there, nothing runs */
        size_t count = count_of(b->node->inputs[member]);
        for (int k = 0; k < 4; k++)
            cl_arg_buffer(&args, b->inputs[member + k]);
        cl_arg_long(&args, (int64_t)count);
        most = count > most ? count : most;
    }
    cl_arg_buffer(&args, b->inputs[constants]);
    cl_arg_buffer(&args, b->inputs[constants + 1]);
    cl_arg_float(&args, o->lr_scale);
    cl_arg_float(&args, o->weight_decay);
    cl_arg_float(&args, o->beta1);
    cl_arg_float(&args, o->beta2);
    cl_arg_float(&args, 1 - o->beta1);
    cl_arg_float(&args, 1 - o->beta2);
    cl_arg_float(&args, o->eps);
    cl_arg_int(&args, o->decoupled);
    cl_work work = cl_stretch_work(device, "train", "adam", most);
    work.global[1] = (size_t)constants / 4;
    work.local[1] = 1;
    return cl_launch_add(device, launch, &work, &args, err);
}

const cl_op cl_op_accumulate = {.prepare = prepare_take_in};
const cl_op cl_op_running_mean = {.prepare = prepare_take_in};
const cl_op cl_op_global_norm = {.prepare = prepare_global_norm, .workspace = norm_workspace};
const cl_op cl_op_sgd = {.prepare = prepare_sgd};
const cl_op cl_op_adam = {.prepare = prepare_adam};
