/* Matrix products. */
#include "graph/ops_internal.h"

scl_tensor *scl_matmul(scl_graph *g, scl_tensor *a, scl_tensor *b, bool trans_a, bool trans_b,
                       float alpha)
{
    return scl_matmul_bias(g, a, b, NULL, trans_a, trans_b, alpha);
}

scl_tensor *scl_matmul_bias(scl_graph *g, scl_tensor *a, scl_tensor *b, scl_tensor *bias,
                            bool trans_a, bool trans_b, float alpha)
{
    if (a == NULL || b == NULL)
        return NULL;
    int nd = a->shape.ndim;
    char s[SCL_SHAPE_TEXT], t[SCL_SHAPE_TEXT];
    bool fits = (nd == 2 || nd == 3) && b->shape.ndim == nd &&
                (nd == 2 || a->shape.dim[0] == b->shape.dim[0]);
    scl_gemm_attr attr = {.trans_a = trans_a, .trans_b = trans_b, .alpha = alpha, .batch = 1};
    if (fits) {
        const int64_t *da = a->shape.dim + nd - 2, *db = b->shape.dim + nd - 2;
        attr.batch = nd == 3 ? a->shape.dim[0] : 1;
        attr.m = da[trans_a ? 1 : 0];
        attr.k = da[trans_a ? 0 : 1];
        attr.n = db[trans_b ? 0 : 1];
        fits = db[trans_b ? 1 : 0] == attr.k &&
               (bias == NULL || scl_shape_count(bias->shape) == attr.n);
    }
    if (!fits)
        return scl_graph_fail(g, "matmul: %s%s does not fit %s%s", scl_shape_text(a->shape, s),
                              trans_a ? " transposed" : "", scl_shape_text(b->shape, t),
                              trans_b ? " transposed" : "");
    scl_tensor *inputs[4] = {a, b, bias, NULL};
    scl_node *node = scl_node_add(g, SCL_OP_GEMM, inputs, 4, 1);
    if (node != NULL)
        node->attr.gemm = attr;
    scl_shape shape = nd == 3 ? SCL_SHAPE(attr.batch, attr.m, attr.n) : SCL_SHAPE(attr.m, attr.n);
    return scl_node_output(g, node, 0, SCL_F32, shape);
}

scl_tensor *scl_linear(scl_graph *g, scl_tensor *x, scl_tensor *w, scl_tensor *bias, float alpha)
{
    if (x == NULL || w == NULL)
        return NULL;
    char s[SCL_SHAPE_TEXT], t[SCL_SHAPE_TEXT];
    scl_shape shape = x->shape;
    int64_t in = shape.dim[shape.ndim - 1];
    if (w->shape.ndim != 2 || w->shape.dim[1] != in ||
        (bias != NULL && scl_shape_count(bias->shape) != w->shape.dim[0]))
        return scl_graph_fail(g, "linear: weight %s does not fit input %s",
                              scl_shape_text(w->shape, s), scl_shape_text(x->shape, t));
    scl_tensor *flat = scl_reshape(g, x, SCL_SHAPE(scl_shape_count(shape) / in, in));
    scl_tensor *y = scl_matmul_bias(g, flat, w, bias, false, true, alpha);
    shape.dim[shape.ndim - 1] = w->shape.dim[0];
    return scl_reshape(g, y, shape);
}

/* Written for the node as built: activation and residual are only folded in after autodiff. The
 * weight's gradient first: after it the activation goes, and makes room for its own gradient. */
SCL_GRAD(gemm)
{
    const scl_gemm_attr *p = &node->attr.gemm;
    scl_tensor *a = node->inputs[0], *b = node->inputs[1], *dc = dy[0];
    if (scl_wants(node, 1))
        dx[1] = p->trans_b ? scl_matmul(g, dc, a, true, p->trans_a, p->alpha)
                           : scl_matmul(g, a, dc, !p->trans_a, false, p->alpha);
    if (scl_wants(node, 2))
        dx[2] = scl_sum_to(g, dc, node->inputs[2]->shape);
    if (scl_wants(node, 0))
        dx[0] = p->trans_a ? scl_matmul(g, b, dc, p->trans_b, true, p->alpha)
                           : scl_matmul(g, dc, b, false, !p->trans_b, p->alpha);
}
