/* ops_internal.h — the derivative rules, for the op table, and small helpers of ops_*.c. */
#ifndef SCL_GRAPH_OPS_INTERNAL_H
#define SCL_GRAPH_OPS_INTERNAL_H

#include "graph/ops.h"

#define SCL_GRAD(name)                                                                             \
    void scl_grad_##name(scl_graph *g, const scl_node *node, scl_tensor *const *dy, scl_tensor **dx)

SCL_GRAD(affine);
SCL_GRAD(pow);
SCL_GRAD(clamp);
SCL_GRAD(exp);
SCL_GRAD(log);
SCL_GRAD(sqrt);
SCL_GRAD(abs);
SCL_GRAD(sigmoid);
SCL_GRAD(tanh);
SCL_GRAD(softplus);
SCL_GRAD(relu);
SCL_GRAD(gelu);
SCL_GRAD(normal_cdf);
SCL_GRAD(add);
SCL_GRAD(sub);
SCL_GRAD(mul);
SCL_GRAD(div);
SCL_GRAD(safe_div);
SCL_GRAD(maximum);
SCL_GRAD(minimum);
SCL_GRAD(reshape);
SCL_GRAD(broadcast);
SCL_GRAD(sum);
SCL_GRAD(cumsum);
SCL_GRAD(slice);
SCL_GRAD(pad);
SCL_GRAD(concat);
SCL_GRAD(reorder);
SCL_GRAD(swap);
SCL_GRAD(im2col);
SCL_GRAD(col2im);
SCL_GRAD(gemm);
SCL_GRAD(layer_norm);
SCL_GRAD(softmax);
SCL_GRAD(log_softmax);
SCL_GRAD(top_k);
SCL_GRAD(attention);
SCL_GRAD(own);

static inline bool scl_wants(const scl_node *node, int input)
{
    return input < node->input_count && node->inputs[input] != NULL &&
           node->inputs[input]->needs_grad;
}

/* Axis counted from the end when negative; -1 when out of range. */
static inline int scl_axis_of(const scl_tensor *x, int axis)
{
    int a = axis < 0 ? axis + x->shape.ndim : axis;
    return a >= 0 && a < x->shape.ndim ? a : -1;
}

/* The shape seen around axes axis .. axis+count-1. */
static inline scl_axis_attr scl_axis_split(scl_shape shape, int axis, int count)
{
    scl_axis_attr a = {.outer = 1, .size = 1, .inner = 1, .axis = axis};
    for (int i = 0; i < shape.ndim; i++) {
        int64_t *part = i < axis ? &a.outer : i < axis + count ? &a.size : &a.inner;
        *part *= shape.dim[i];
    }
    return a;
}

#endif
