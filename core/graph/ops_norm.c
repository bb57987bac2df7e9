/* Layer normalisation. */
#include "graph/ops_internal.h"

scl_tensor *scl_layer_norm(scl_graph *g, scl_tensor *x, scl_tensor *weight, scl_tensor *bias,
                           float eps)
{
    if (x == NULL || weight == NULL || bias == NULL)
        return NULL;
    int64_t n = x->shape.dim[x->shape.ndim - 1];
    if (scl_shape_count(weight->shape) != n || scl_shape_count(bias->shape) != n)
        return scl_graph_fail(g, "layer_norm: weight and bias must hold %lld values", (long long)n);
    scl_tensor *inputs[3] = {x, weight, bias};
    scl_node *node = scl_node_add(g, SCL_OP_LAYER_NORM, inputs, 3, 3);
    if (node == NULL)
        return NULL;
    node->attr.norm = (scl_norm_attr){.eps = eps};
    int64_t rows = scl_shape_count(x->shape) / n;
    scl_tensor *y = scl_node_output(g, node, 0, SCL_F32, x->shape);
    scl_node_output(g, node, 1, SCL_F32, SCL_SHAPE(rows));
    scl_node_output(g, node, 2, SCL_F32, SCL_SHAPE(rows));
    return y;
}

SCL_GRAD(layer_norm)
{
    scl_tensor *x = node->inputs[0], *weight = node->inputs[1];
    scl_tensor *mean = node->outputs[1], *rstd = node->outputs[2];
    if (scl_wants(node, 1) || scl_wants(node, 2)) {
        scl_tensor *inputs[4] = {x, mean, rstd, dy[0]};
        scl_node *back = scl_node_add(g, SCL_OP_LAYER_NORM_PARAM_GRAD, inputs, 4, 2);
        scl_tensor *dweight = scl_node_output(g, back, 0, SCL_F32, weight->shape);
        scl_tensor *dbias = scl_node_output(g, back, 1, SCL_F32, node->inputs[2]->shape);
        dx[1] = scl_wants(node, 1) ? dweight : NULL;
        dx[2] = scl_wants(node, 2) ? dbias : NULL;
    }
    if (scl_wants(node, 0)) {
        scl_tensor *inputs[5] = {x, weight, mean, rstd, dy[0]};
        scl_node *back = scl_node_add(g, SCL_OP_LAYER_NORM_BACKWARD, inputs, 5, 1);
        dx[0] = scl_node_output(g, back, 0, SCL_F32, x->shape);
    }
}
