/* Ops that update state in place: gradient accumulation and the optimizers. */
#include "graph/ops_internal.h"

/* A state takes in a tensor of its shape; further inputs are what the op reads beside them. */
static scl_tensor *take_in(scl_graph *g, scl_op op, scl_tensor *const *inputs, int count)
{
    for (int i = 0; i < count; i++)
        if (inputs[i] == NULL)
            return NULL;
    if (!scl_shape_equal(inputs[0]->shape, inputs[1]->shape))
        return scl_graph_fail(g, "%s: shapes differ for %s", scl_op_describe(op)->name,
                              inputs[0]->name);
    return scl_node_output(g, scl_node_add(g, op, inputs, count, 1), 0, SCL_F32, inputs[0]->shape);
}

scl_tensor *scl_accumulate(scl_graph *g, scl_tensor *state, scl_tensor *x)
{
    return take_in(g, SCL_OP_ACCUMULATE, (scl_tensor *[]){state, x}, 2);
}

scl_tensor *scl_running_mean(scl_graph *g, scl_tensor *state, scl_tensor *x, scl_tensor *hyper)
{
    return take_in(g, SCL_OP_RUNNING_MEAN, (scl_tensor *[]){state, x, hyper}, 3);
}

scl_tensor *scl_global_norm(scl_graph *g, scl_tensor *const *xs, int count)
{
    for (int i = 0; i < count; i++)
        if (xs[i] == NULL)
            return NULL;
    return scl_node_output(g, scl_node_add(g, SCL_OP_GLOBAL_NORM, xs, count, 1), 0, SCL_F32,
                           SCL_SHAPE(1));
}

static bool fits(scl_graph *g, scl_op op, const scl_tensor *param, const scl_tensor *grad)
{
    if (param == NULL || grad == NULL)
        return false;
    bool equal = scl_shape_equal(param->shape, grad->shape);
    if (!equal)
        scl_graph_fail(g, "%s: the gradient's shape differs from that of %s",
                       scl_op_describe(op)->name, param->name);
    return equal;
}

static scl_tensor *update(scl_graph *g, scl_op op, scl_tensor *const *inputs, int count,
                          const scl_optimizer_attr *attr)
{
    scl_node *node = scl_node_add(g, op, inputs, count, 1);
    if (node != NULL)
        node->attr.optimizer = *attr;
    return scl_node_output(g, node, 0, SCL_F32, inputs[0]->shape);
}

scl_tensor *scl_sgd(scl_graph *g, scl_tensor *param, scl_tensor *grad, scl_tensor *momentum,
                    scl_tensor *hyper, scl_tensor *grad_scale, const scl_optimizer_attr *attr)
{
    scl_tensor *inputs[5] = {param, grad, momentum, hyper, grad_scale};
    return fits(g, SCL_OP_SGD, param, grad) ? update(g, SCL_OP_SGD, inputs, 5, attr) : NULL;
}

scl_tensor *scl_adam(scl_graph *g, const scl_adam_member *members, int count, scl_tensor *hyper,
                     scl_tensor *grad_scale, const scl_optimizer_attr *attr)
{
    scl_tensor *inputs[4 * SCL_ADAM_MEMBERS + 2];
    int used = 0;
    if (count < 1 || count > SCL_ADAM_MEMBERS)
        return scl_graph_fail(g, "adam: expected 1 to %d parameters, found %d", SCL_ADAM_MEMBERS,
                              count);
    for (int i = 0; i < count; i++) {
        const scl_adam_member *m = &members[i];
        if (!fits(g, SCL_OP_ADAM, m->param, m->grad))
            return NULL;
        inputs[used++] = m->param;
        inputs[used++] = m->grad;
        inputs[used++] = m->m;
        inputs[used++] = m->v;
    }
    inputs[used++] = hyper;
    inputs[used++] = grad_scale;
    return update(g, SCL_OP_ADAM, inputs, used, attr);
}
