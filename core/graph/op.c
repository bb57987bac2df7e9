/* The op table, made from ops.def, and the arithmetic cost of a node. */
#include "graph/ops_internal.h"

static const scl_op_info table[SCL_OP_COUNT] = {
#define X(NAME, name, grad, flags, text) [SCL_OP_##NAME] = {#name, text, flags, grad},
#include "graph/ops.def"
#undef X
};

const scl_op_info *scl_op_describe(scl_op op)
{
    return &table[op];
}

/* The logits and the weighted sum: two products of heads x head_dim per query and key. */
static double attention_flops(const scl_attention_attr *a, int64_t batch)
{
    double keys = a->window > 0 ? (double)(a->window * a->window) : (double)(a->k_h * a->k_w);
    return 4.0 * (double)(batch * a->q_h * a->q_w * a->heads * a->head_dim) * keys;
}

double scl_node_flops(const scl_node *node)
{
    const scl_gemm_attr *m = &node->attr.gemm;
    switch (node->op) {
    case SCL_OP_GEMM:
        return 2.0 * (double)(m->batch * m->m) * (double)m->n * (double)m->k;
    case SCL_OP_ATTENTION:
        return attention_flops(&node->attr.attention, node->inputs[0]->shape.dim[0]);
    case SCL_OP_ATTENTION_BACKWARD: /* five products where the forward has two */
        return 2.5 * attention_flops(&node->attr.attention, node->inputs[0]->shape.dim[0]);
    default:
        return 0;
    }
}
