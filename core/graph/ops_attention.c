/* Attention with SAM's decomposed relative positions, windows and padded keys. */
#include "graph/ops_internal.h"

#include <string.h>

/* Input places of ATTENTION; ATTENTION_BACKWARD has the same, then out, lse, dout and dlse. */
enum {
    Q,
    K,
    V,
    REL_H,
    REL_W,
    PAD,
    KEY_COUNT,
    FORWARD_INPUTS,
    OUT = FORWARD_INPUTS,
    LSE,
    DOUT,
    DLSE,
    BACKWARD_INPUTS
};

static bool table_fits(const scl_tensor *table, int64_t size, int64_t head_dim)
{
    return table == NULL || (table->shape.ndim == 2 && table->shape.dim[0] == 2 * size - 1 &&
                             table->shape.dim[1] == head_dim);
}

static const char *misfit(const scl_attention_inputs *in, const scl_attention_attr *a)
{
    int64_t width = a->heads * a->head_dim;
    const scl_shape *q = &in->q->shape, *k = &in->k->shape, *v = &in->v->shape;
    int64_t side_h = a->window > 0 ? a->window : a->k_h,
            side_w = a->window > 0 ? a->window : a->k_w;
    if (q->ndim != 3 || k->ndim != 3 || v->ndim != 3 || q->dim[0] != k->dim[0] ||
        q->dim[0] != v->dim[0] || k->dim[1] != v->dim[1])
        return "q, k and v must be [batch, tokens, columns] of one batch";
    if (q->dim[1] != a->q_h * a->q_w || k->dim[1] != a->k_h * a->k_w)
        return "the token counts do not fit the grids";
    if (a->q_col + width > q->dim[2] || a->k_col + width > k->dim[2] ||
        a->v_col + width > v->dim[2])
        return "heads x head_dim columns do not fit";
    if ((in->rel_h == NULL) != (in->rel_w == NULL) || !table_fits(in->rel_h, side_h, a->head_dim) ||
        !table_fits(in->rel_w, side_w, a->head_dim))
        return "the relative position tables do not fit the grid";
    if ((in->rel_h != NULL || a->window > 0) && (a->q_h != a->k_h || a->q_w != a->k_w))
        return "windows and relative positions need queries and keys on one grid";
    if (in->pad != NULL && (in->k != in->v || scl_shape_count(in->pad->shape) != k->dim[2]))
        return "padded keys need packed k and v and a row of as many columns";
    if (in->key_count != NULL && (a->window > 0 || in->key_count->dtype != SCL_I32 ||
                                  scl_shape_count(in->key_count->shape) != k->dim[0]))
        return "key_count must be int32, one per batch item, without windows";
    return NULL;
}

scl_tensor *scl_attention(scl_graph *g, const scl_attention_inputs *in,
                          const scl_attention_attr *attr)
{
    if (in->q == NULL || in->k == NULL || in->v == NULL)
        return NULL;
    const char *problem = misfit(in, attr);
    if (problem != NULL)
        return scl_graph_fail(g, "attention: %s", problem);
    scl_tensor *inputs[FORWARD_INPUTS] = {in->q,     in->k,   in->v,        in->rel_h,
                                          in->rel_w, in->pad, in->key_count};
    scl_node *node = scl_node_add(g, SCL_OP_ATTENTION, inputs, FORWARD_INPUTS, 2);
    if (node == NULL)
        return NULL;
    node->attr.attention = *attr;
    int64_t batch = in->q->shape.dim[0], tokens = in->q->shape.dim[1];
    scl_tensor *out = scl_node_output(g, node, 0, SCL_F32,
                                      SCL_SHAPE(batch, tokens, attr->heads * attr->head_dim));
    scl_node_output(g, node, 1, SCL_F32, SCL_SHAPE(batch, attr->heads, tokens));
    return out;
}

scl_tensor *scl_attention_lse(const scl_tensor *attention)
{
    return attention != NULL ? attention->producer->outputs[1] : NULL;
}

SCL_GRAD(attention)
{
    scl_tensor *inputs[BACKWARD_INPUTS];
    memcpy(inputs, node->inputs, FORWARD_INPUTS * sizeof *inputs);
    inputs[OUT] = node->outputs[0];
    inputs[LSE] = node->outputs[1];
    inputs[DOUT] =
        dy[0] != NULL ? dy[0] : scl_broadcast(g, scl_scalar(g, 0), node->outputs[0]->shape);
    inputs[DLSE] = dy[1];
    scl_node *back = scl_node_add(g, SCL_OP_ATTENTION_BACKWARD, inputs, BACKWARD_INPUTS, PAD + 1);
    if (back == NULL)
        return;
    back->attr.attention = node->attr.attention;
    bool packed = inputs[Q] == inputs[K] && inputs[K] == inputs[V];
    for (int i = Q; i <= PAD; i++) {
        bool made = packed && i <= V ? i == Q && scl_wants(node, Q) : scl_wants(node, i);
        if (made)
            dx[i] = scl_node_output(g, back, i, SCL_F32, inputs[i]->shape);
    }
}
