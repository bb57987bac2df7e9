/* Ops that move or sum values along axes. */
#include "graph/ops_internal.h"

scl_tensor *scl_reshape(scl_graph *g, scl_tensor *x, scl_shape shape)
{
    if (x == NULL)
        return NULL;
    char a[SCL_SHAPE_TEXT], b[SCL_SHAPE_TEXT];
    if (shape.ndim < 1 || shape.ndim > SCL_MAX_DIMS ||
        scl_shape_count(shape) != scl_shape_count(x->shape))
        return scl_graph_fail(g, "reshape: %s does not hold as many values as %s",
                              scl_shape_text(shape, a), scl_shape_text(x->shape, b));
    if (scl_shape_equal(shape, x->shape))
        return x;
    return scl_node_output(g, scl_node_add(g, SCL_OP_RESHAPE, &x, 1, 1), 0, x->dtype, shape);
}

SCL_GRAD(reshape)
{
    dx[0] = scl_reshape(g, dy[0], node->inputs[0]->shape);
}

scl_tensor *scl_stop_gradient(scl_graph *g, scl_tensor *x)
{
    if (x == NULL || !x->needs_grad)
        return x;
    return scl_node_output(g, scl_node_add(g, SCL_OP_STOP_GRADIENT, &x, 1, 1), 0, x->dtype,
                           x->shape);
}

scl_tensor *scl_broadcast(scl_graph *g, scl_tensor *x, scl_shape shape)
{
    if (x == NULL || scl_shape_equal(x->shape, shape))
        return x;
    bool fits = x->shape.ndim <= shape.ndim;
    for (int i = 1; fits && i <= x->shape.ndim; i++) {
        int64_t have = x->shape.dim[x->shape.ndim - i];
        fits = have == 1 || have == shape.dim[shape.ndim - i];
    }
    char a[SCL_SHAPE_TEXT], b[SCL_SHAPE_TEXT];
    if (!fits)
        return scl_graph_fail(g, "broadcast: %s cannot become %s", scl_shape_text(x->shape, a),
                              scl_shape_text(shape, b));
    return scl_node_output(g, scl_node_add(g, SCL_OP_BROADCAST, &x, 1, 1), 0, SCL_F32, shape);
}

SCL_GRAD(broadcast)
{
    dx[0] = scl_sum_to(g, dy[0], node->inputs[0]->shape);
}

scl_tensor *scl_sum(scl_graph *g, scl_tensor *x, int axis, int count)
{
    if (x == NULL)
        return NULL;
    int first = scl_axis_of(x, axis);
    char text[SCL_SHAPE_TEXT];
    if (first < 0 || count < 1 || first + count > x->shape.ndim || x->dtype != SCL_F32)
        return scl_graph_fail(g, "sum: %d axes from %d of shape %s", count, axis,
                              scl_shape_text(x->shape, text));
    scl_shape shape = x->shape;
    for (int i = first; i < first + count; i++)
        shape.dim[i] = 1;
    if (scl_shape_equal(shape, x->shape))
        return x;
    scl_node *node = scl_node_add(g, SCL_OP_SUM, &x, 1, 1);
    if (node != NULL)
        node->attr.axis = scl_axis_split(x->shape, first, count);
    return scl_node_output(g, node, 0, SCL_F32, shape);
}

SCL_GRAD(sum)
{
    dx[0] = scl_broadcast(g, dy[0], node->inputs[0]->shape);
}

static scl_tensor *running_sum(scl_graph *g, scl_tensor *x, int axis, bool from_end)
{
    if (x == NULL)
        return NULL;
    int a = scl_axis_of(x, axis);
    if (a < 0 || x->dtype != SCL_F32)
        return scl_graph_fail(
            g, "cumsum: needs float32 values and one of their axes, found axis %d", axis);
    scl_node *node = scl_node_add(g, SCL_OP_CUMSUM, &x, 1, 1);
    if (node != NULL) {
        node->attr.axis = scl_axis_split(x->shape, a, 1);
        node->attr.axis.start = from_end;
    }
    return scl_node_output(g, node, 0, SCL_F32, x->shape);
}

scl_tensor *scl_cumsum(scl_graph *g, scl_tensor *x, int axis)
{
    return running_sum(g, x, axis, false);
}

SCL_GRAD(cumsum)
{
    const scl_axis_attr *a = &node->attr.axis;
    dx[0] = running_sum(g, dy[0], (int)a->axis, a->start == 0);
}

scl_tensor *scl_mean(scl_graph *g, scl_tensor *x, int axis, int count)
{
    scl_tensor *total = scl_sum(g, x, axis, count);
    if (total == NULL)
        return NULL;
    double ratio = (double)scl_shape_count(total->shape) / (double)scl_shape_count(x->shape);
    return scl_affine(g, total, (float)ratio, 0);
}

scl_tensor *scl_sum_to(scl_graph *g, scl_tensor *x, scl_shape shape)
{
    if (x == NULL || scl_shape_equal(x->shape, shape))
        return x;
    int extra = x->shape.ndim - shape.ndim;
    int ndim = x->shape.ndim;
    for (int i = 0; i < ndim && x != NULL;) {
        bool summed = i < extra || (shape.dim[i - extra] == 1 && x->shape.dim[i] != 1);
        int end = i;
        while (summed && end < ndim &&
               (end < extra || (shape.dim[end - extra] == 1 && x->shape.dim[end] != 1)))
            end++;
        if (summed)
            x = scl_sum(g, x, i, end - i);
        i = summed ? end : i + 1;
    }
    return scl_reshape(g, x, shape);
}

static scl_tensor *axis_range(scl_graph *g, scl_op op, scl_tensor *x, int axis, int64_t start,
                              int64_t count)
{
    if (x == NULL)
        return NULL;
    int a = scl_axis_of(x, axis);
    const char *name = scl_op_describe(op)->name;
    int64_t size = a < 0 ? 0 : x->shape.dim[a];
    int64_t big = op == SCL_OP_SLICE ? size : count, small = op == SCL_OP_SLICE ? count : size;
    if (a < 0 || start < 0 || small < 1 || start + small > big)
        return scl_graph_fail(g, "%s: range %lld+%lld is outside an axis of %lld", name,
                              (long long)start, (long long)small, (long long)big);
    if (small == big)
        return x;
    scl_node *node = scl_node_add(g, op, &x, 1, 1);
    if (node == NULL)
        return NULL;
    node->attr.axis = scl_axis_split(x->shape, a, 1);
    node->attr.axis.start = start;
    node->attr.axis.count = count;
    scl_shape shape = x->shape;
    shape.dim[a] = count;
    return scl_node_output(g, node, 0, x->dtype, shape);
}

scl_tensor *scl_slice(scl_graph *g, scl_tensor *x, int axis, int64_t start, int64_t count)
{
    return axis_range(g, SCL_OP_SLICE, x, axis, start, count);
}

scl_tensor *scl_pad(scl_graph *g, scl_tensor *x, int axis, int64_t start, int64_t size)
{
    return axis_range(g, SCL_OP_PAD, x, axis, start, size);
}

SCL_GRAD(slice)
{
    const scl_axis_attr *a = &node->attr.axis;
    dx[0] = scl_pad(g, dy[0], (int)a->axis, a->start, a->size);
}

SCL_GRAD(pad)
{
    const scl_axis_attr *a = &node->attr.axis;
    dx[0] = scl_slice(g, dy[0], (int)a->axis, a->start, a->size);
}

scl_tensor *scl_concat(scl_graph *g, scl_tensor *const *xs, int count, int axis)
{
    if (count < 1)
        return scl_graph_fail(g, "concat: no tensors given");
    for (int i = 0; i < count; i++)
        if (xs[i] == NULL)
            return NULL;
    if (count == 1)
        return xs[0];
    int a = scl_axis_of(xs[0], axis);
    scl_shape shape = xs[0]->shape;
    for (int i = 1; i < count && a >= 0; i++) {
        scl_shape rest = xs[i]->shape;
        char s[SCL_SHAPE_TEXT], t[SCL_SHAPE_TEXT];
        if (rest.ndim == shape.ndim)
            rest.dim[a] = shape.dim[a];
        if (!scl_shape_equal(rest, shape))
            return scl_graph_fail(g, "concat on axis %d: %s does not fit %s", axis,
                                  scl_shape_text(xs[i]->shape, s), scl_shape_text(shape, t));
        shape.dim[a] += xs[i]->shape.dim[a];
    }
    if (a < 0)
        return scl_graph_fail(g, "concat: no axis %d", axis);
    scl_node *node = scl_node_add(g, SCL_OP_CONCAT, xs, count, 1);
    if (node != NULL)
        node->attr.axis = scl_axis_split(shape, a, 1);
    return scl_node_output(g, node, 0, SCL_F32, shape);
}

SCL_GRAD(concat)
{
    int64_t start = 0;
    int axis = (int)node->attr.axis.axis;
    for (int i = 0; i < node->input_count; i++) {
        int64_t size = node->inputs[i]->shape.dim[axis];
        if (scl_wants(node, i))
            dx[i] = scl_slice(g, dy[0], axis, start, size);
        start += size;
    }
}

scl_tensor *scl_swap(scl_graph *g, scl_tensor *x)
{
    if (x == NULL)
        return NULL;
    char s[SCL_SHAPE_TEXT];
    if (x->shape.ndim != 4)
        return scl_graph_fail(g, "swap: expected four axes, found %s", scl_shape_text(x->shape, s));
    const int64_t *d = x->shape.dim;
    scl_node *node = scl_node_add(g, SCL_OP_SWAP, &x, 1, 1);
    if (node == NULL)
        return NULL;
    node->attr.axis =
        (scl_axis_attr){.outer = d[0], .size = d[1], .count = d[2], .inner = d[3], .axis = 1};
    return scl_node_output(g, node, 0, x->dtype, SCL_SHAPE(d[0], d[2], d[1], d[3]));
}

SCL_GRAD(swap)
{
    (void)node;
    dx[0] = scl_swap(g, dy[0]);
}
