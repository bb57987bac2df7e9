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

const char *scl_node_name(const scl_node *node)
{
    return node->own != NULL ? node->own->label : scl_op_describe(node->op)->name;
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
    case SCL_OP_OWN:
        return node->own->flops;
    default:
        return 0;
    }
}

static bool seen_before(const scl_node *node, int input)
{
    for (int i = 0; i < input; i++)
        if (node->inputs[i] != NULL && node->inputs[i]->base == node->inputs[input]->base)
            return true;
    return false;
}

/* Parameters and moments; the first parameter is the node's result. */
static bool is_updated(const scl_node *node, int input)
{
    if (node->op == SCL_OP_SGD)
        return input == 2;
    return node->op == SCL_OP_ADAM && input > 0 && input < node->input_count - 2 && input % 4 != 1;
}

double scl_node_values(const scl_node *node)
{
    double read = 0, written = 0;
    if (scl_node_is_view(node))
        return 0;
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == NULL || seen_before(node, i))
            continue;
        double values = (double)scl_shape_count(node->inputs[i]->shape);
        read += values;
        written += is_updated(node, i) ? values : 0;
    }
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NULL)
            written += (double)scl_shape_count(node->outputs[i]->shape);
    return node->op == SCL_OP_SLICE ? 2 * written : read + written;
}
