/* Sorting, and moving values in an order. */
#include "graph/ops_internal.h"

scl_tensor *scl_argsort(scl_graph *g, scl_tensor *x)
{
    if (x == NULL)
        return NULL;
    if (x->dtype != SCL_F32)
        return scl_graph_fail(g, "argsort: needs float32 values");
    scl_node *node = scl_node_add(g, SCL_OP_ARGSORT, &x, 1, 1);
    if (node != NULL)
        node->attr.axis = scl_axis_split(x->shape, x->shape.ndim - 1, 1);
    return scl_node_output(g, node, 0, SCL_I32, x->shape);
}

static scl_tensor *moved(scl_graph *g, scl_tensor *x, scl_tensor *order, bool back)
{
    if (x == NULL || order == NULL)
        return NULL;
    int axis = x->shape.ndim - 1;
    const scl_node *sorted = order->base->producer;
    bool is_order = sorted != NULL && sorted->op == SCL_OP_ARGSORT &&
                    sorted->attr.axis.size == x->shape.dim[axis];
    if (!is_order || x->dtype != SCL_F32 || !scl_shape_equal(x->shape, order->shape))
        return scl_graph_fail(g, "reorder: needs float32 values and their order from argsort, of "
                                 "one shape");
    scl_tensor *inputs[2] = {x, order};
    scl_node *node = scl_node_add(g, SCL_OP_REORDER, inputs, 2, 1);
    if (node != NULL) {
        node->attr.axis = scl_axis_split(x->shape, axis, 1);
        node->attr.axis.start = back;
    }
    return scl_node_output(g, node, 0, SCL_F32, x->shape);
}

scl_tensor *scl_reorder(scl_graph *g, scl_tensor *x, scl_tensor *order)
{
    return moved(g, x, order, false);
}

/* An order is a permutation, so that its adjoint puts each value back. */
SCL_GRAD(reorder)
{
    dx[0] = moved(g, dy[0], node->inputs[1], node->attr.axis.start == 0);
}

scl_tensor *scl_argmax_one_hot(scl_graph *g, scl_tensor *x)
{
    scl_tensor *order = scl_argsort(g, x);
    if (order == NULL)
        return NULL;
    scl_shape one = {.ndim = x->shape.ndim};
    for (int i = 0; i < one.ndim; i++)
        one.dim[i] = 1;
    scl_tensor *first =
        scl_pad(g, scl_constant(g, (const float[]){1}, one), -1, 0, x->shape.dim[one.ndim - 1]);
    return moved(g, scl_broadcast(g, first, x->shape), order, true);
}
