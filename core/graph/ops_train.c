/* Ops that update state in place: gradient accumulation and the optimizers. */
#include "graph/ops_internal.h"

scl_tensor *scl_accumulate(scl_graph *g, scl_tensor *state, scl_tensor *x)
{
    if (state == NULL || x == NULL)
        return NULL;
    if (!scl_shape_equal(state->shape, x->shape))
        return scl_graph_fail(g, "accumulate: shapes differ for %s", state->name);
    scl_tensor *inputs[2] = {state, x};
    return scl_node_output(g, scl_node_add(g, SCL_OP_ACCUMULATE, inputs, 2, 1), 0, SCL_F32,
                           state->shape);
}

scl_tensor *scl_global_norm(scl_graph *g, scl_tensor *const *xs, int count)
{
    for (int i = 0; i < count; i++)
        if (xs[i] == NULL)
            return NULL;
    return scl_node_output(g, scl_node_add(g, SCL_OP_GLOBAL_NORM, xs, count, 1), 0, SCL_F32,
                           SCL_SHAPE(1));
}

static scl_tensor *update(scl_graph *g, scl_op op, scl_tensor *const *inputs, int count,
                          const scl_optimizer_attr *attr)
{
    if (inputs[0] == NULL || inputs[1] == NULL)
        return NULL;
    if (!scl_shape_equal(inputs[0]->shape, inputs[1]->shape))
        return scl_graph_fail(g, "%s: the gradient's shape differs from that of %s",
                              scl_op_describe(op)->name, inputs[0]->name);
    scl_node *node = scl_node_add(g, op, inputs, count, 1);
    if (node != NULL)
        node->attr.optimizer = *attr;
    return scl_node_output(g, node, 0, SCL_F32, inputs[0]->shape);
}

scl_tensor *scl_sgd(scl_graph *g, scl_tensor *param, scl_tensor *grad, scl_tensor *momentum,
                    scl_tensor *hyper, scl_tensor *grad_scale, const scl_optimizer_attr *attr)
{
    scl_tensor *inputs[5] = {param, grad, hyper, grad_scale, momentum};
    return update(g, SCL_OP_SGD, inputs, 5, attr);
}

scl_tensor *scl_adam(scl_graph *g, scl_tensor *param, scl_tensor *grad, scl_tensor *m,
                     scl_tensor *v, scl_tensor *hyper, scl_tensor *grad_scale,
                     const scl_optimizer_attr *attr)
{
    scl_tensor *inputs[6] = {param, grad, hyper, grad_scale, m, v};
    return update(g, SCL_OP_ADAM, inputs, 6, attr);
}
