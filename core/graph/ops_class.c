/* Ops over classes, and the position code of points. */
#include "graph/ops_internal.h"

static scl_tensor *along_axis(scl_graph *g, scl_op op, scl_tensor *x, int axis)
{
    if (x == NULL)
        return NULL;
    int a = scl_axis_of(x, axis);
    if (a < 0)
        return scl_graph_fail(g, "%s: no axis %d", scl_op_describe(op)->name, axis);
    scl_node *node = scl_node_add(g, op, &x, 1, 1);
    if (node != NULL)
        node->attr.axis = scl_axis_split(x->shape, a, 1);
    return scl_node_output(g, node, 0, SCL_F32, x->shape);
}

scl_tensor *scl_softmax(scl_graph *g, scl_tensor *x, int axis)
{
    return along_axis(g, SCL_OP_SOFTMAX, x, axis);
}

scl_tensor *scl_log_softmax(scl_graph *g, scl_tensor *x, int axis)
{
    return along_axis(g, SCL_OP_LOG_SOFTMAX, x, axis);
}

/* y (dy - sum(dy y)) */
SCL_GRAD(softmax)
{
    scl_tensor *inputs[2] = {node->outputs[0], dy[0]};
    scl_node *backward = scl_node_add(g, SCL_OP_SOFTMAX_BACKWARD, inputs, 2, 1);
    if (backward != NULL)
        backward->attr.axis = node->attr.axis;
    dx[0] = scl_node_output(g, backward, 0, SCL_F32, dy[0]->shape);
}

/* dy - softmax sum(dy) */
SCL_GRAD(log_softmax)
{
    int axis = (int)node->attr.axis.axis;
    scl_tensor *p = scl_exp(g, node->outputs[0]);
    dx[0] = scl_sub(g, dy[0], scl_mul(g, p, scl_sum(g, dy[0], axis, 1)));
}

scl_tensor *scl_one_hot(scl_graph *g, scl_tensor *ids, int64_t classes, int axis)
{
    if (ids == NULL)
        return NULL;
    int ndim = ids->shape.ndim + 1;
    int a = axis < 0 ? axis + ndim : axis;
    if (ids->dtype != SCL_I32 || classes < 1 || a < 0 || a >= ndim || ndim > SCL_MAX_DIMS)
        return scl_graph_fail(g, "one_hot: needs int32 ids, at least one class and a valid axis");
    scl_shape shape = {.ndim = ndim};
    for (int i = 0; i < ndim; i++)
        shape.dim[i] = i < a ? ids->shape.dim[i] : i == a ? classes : ids->shape.dim[i - 1];
    scl_node *node = scl_node_add(g, SCL_OP_ONE_HOT, &ids, 1, 1);
    if (node != NULL)
        node->attr.axis = scl_axis_split(shape, a, 1);
    return scl_node_output(g, node, 0, SCL_F32, shape);
}

scl_tensor *scl_top_k(scl_graph *g, scl_tensor *x, int64_t k, scl_tensor **indices)
{
    if (x == NULL)
        return NULL;
    scl_shape shape = x->shape;
    int64_t *last = &shape.dim[shape.ndim - 1];
    char text[SCL_SHAPE_TEXT];
    if (x->dtype != SCL_F32 || k < 1 || k > *last)
        return scl_graph_fail(g,
                              "top_k: needs float32 values, and k from 1 to the size of the last "
                              "axis; found k %lld, shape %s",
                              (long long)k, scl_shape_text(x->shape, text));
    scl_node *node = scl_node_add(g, SCL_OP_TOP_K, &x, 1, 2);
    if (node != NULL)
        node->attr.axis = scl_axis_split(x->shape, shape.ndim - 1, 1);
    *last = k;
    scl_tensor *values = scl_node_output(g, node, 0, SCL_F32, shape);
    scl_tensor *places = scl_node_output(g, node, 1, SCL_I32, shape);
    if (places != NULL)
        places->needs_grad = false;
    if (indices != NULL)
        *indices = places;
    return places != NULL ? values : NULL;
}

/* Each value's gradient goes where it was taken from. */
SCL_GRAD(top_k)
{
    scl_shape shape = dy[0]->shape;
    int ndim = shape.ndim;
    int64_t k = shape.dim[ndim - 1], rows = scl_shape_count(shape) / k;
    scl_tensor *places = scl_reshape(g, node->outputs[1], SCL_SHAPE(rows, k));
    scl_tensor *codes = scl_one_hot(g, places, node->attr.axis.size, -1);
    scl_tensor *shares = scl_mul(g, codes, scl_reshape(g, dy[0], SCL_SHAPE(rows, k, 1)));
    dx[0] = scl_reshape(g, scl_sum(g, shares, 1, 1), node->inputs[0]->shape);
}

scl_tensor *scl_fourier_features(scl_graph *g, scl_tensor *coords, scl_tensor *matrix)
{
    if (coords == NULL || matrix == NULL)
        return NULL;
    scl_shape shape = coords->shape;
    if (shape.dim[shape.ndim - 1] != 2 || matrix->shape.ndim != 2 || matrix->shape.dim[0] != 2)
        return scl_graph_fail(g,
                              "fourier_features: needs coordinates [..., 2] and a matrix [2, F]");
    shape.dim[shape.ndim - 1] = 2 * matrix->shape.dim[1];
    scl_tensor *inputs[2] = {coords, matrix};
    return scl_node_output(g, scl_node_add(g, SCL_OP_FOURIER_FEATURES, inputs, 2, 1), 0, SCL_F32,
                           shape);
}
