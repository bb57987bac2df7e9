#include "graph/fuse.h"

#include <string.h>

typedef struct fuser {
    scl_graph *graph;
    int32_t *readers;  /* by tensor id: how many node inputs name it */
    scl_node **reader; /* by tensor id: the last node that reads it */
    bool *removed;     /* by node id */
} fuser;

static void count_readers(fuser *f)
{
    for (size_t n = 0; n < f->graph->node_count; n++) {
        scl_node *node = f->graph->nodes[n];
        for (int i = 0; i < node->input_count; i++) {
            if (node->inputs[i] == NULL)
                continue;
            f->readers[node->inputs[i]->id]++;
            f->reader[node->inputs[i]->id] = node;
        }
    }
}

/* The only node that reads the value, seen through reshapes; NULL when there are others. `seen`
 * is the tensor by which that node knows it. */
static scl_node *only_reader(const fuser *f, const scl_tensor *value, const scl_tensor **seen)
{
    while (!value->keep && f->readers[value->id] == 1) {
        scl_node *node = f->reader[value->id];
        *seen = value;
        if (node->op != SCL_OP_RESHAPE)
            return node;
        value = node->outputs[0];
    }
    return NULL;
}

static void remove_views(fuser *f, const scl_tensor *from, const scl_tensor *until)
{
    while (from != until) {
        scl_node *view = f->reader[from->id];
        f->removed[view->id] = true;
        from = view->outputs[0];
    }
}

/* Gives the reader's place and result to the node before it. */
static void take_over(fuser *f, scl_node *before, scl_node *node, const scl_tensor *seen)
{
    remove_views(f, before->outputs[0], seen);
    f->removed[before->id] = true;
    scl_tensor *result = node->outputs[0];
    int32_t id = node->id;
    *node = *before;
    node->id = id;
    node->outputs[0] = result;
    for (int i = 0; i < node->output_count; i++)
        node->outputs[i]->producer = node;
}

/* Where an op has the activation of what it writes; NULL: it takes none. */
static int32_t *activation_in(scl_node *node)
{
    switch (node->op) {
    case SCL_OP_GEMM:
        return &node->attr.gemm.act;
    case SCL_OP_LAYER_NORM:
        return &node->attr.norm.act;
    default:
        return NULL;
    }
}

static int32_t activation_of(scl_op op)
{
    switch (op) {
    case SCL_OP_RELU:
        return SCL_ACT_RELU;
    case SCL_OP_GELU:
        return SCL_ACT_GELU;
    case SCL_OP_RELU_BACKWARD:
        return SCL_ACT_RELU_BACKWARD;
    case SCL_OP_GELU_BACKWARD:
        return SCL_ACT_GELU_BACKWARD;
    default:
        return SCL_ACT_NONE;
    }
}

/* What the node combines with the product, which it knows as `seen`; NULL when that does not fit.
 */
static scl_tensor *residual_of(const scl_node *node, const scl_tensor *seen)
{
    bool is_first = node->inputs[0] == seen;
    scl_tensor *other = node->inputs[is_first ? 1 : 0];
    if (is_first && node->op != SCL_OP_ADD) /* a slope is taken of the other one */
        return NULL;
    return other != seen && scl_shape_equal(other->shape, seen->shape) ? other : NULL;
}

/* A product, without a residual, whose result is swapped in runs that no panel of a device, of up
 * to 32 columns, lies across, is stored that way. */
#define SWAPPED_COLUMNS 32
static bool fold_swap(scl_node *product, const scl_node *swap)
{
    scl_gemm_attr *p = &product->attr.gemm;
    const scl_axis_attr *a = &swap->attr.axis;
    bool fits = p->swap_rows == 0 && p->m % a->size == 0 && p->n == a->count * a->inner &&
                a->inner % SWAPPED_COLUMNS == 0;
    if (fits) {
        p->swap_rows = a->size;
        p->swap_columns = a->inner;
    }
    return fits;
}

static void fold_reader(fuser *f, scl_node *before)
{
    int32_t *folded = activation_in(before);
    bool product = before->op == SCL_OP_GEMM;
    if (folded == NULL || *folded != SCL_ACT_NONE || (product && before->inputs[3] != NULL))
        return;
    const scl_tensor *seen = NULL;
    scl_node *node = only_reader(f, before->outputs[0], &seen);
    if (node == NULL)
        return;
    int32_t act = activation_of(node->op);
    if (node->op == SCL_OP_SWAP) {
        if (!product || !fold_swap(before, node))
            return;
    } else if (node->op == SCL_OP_ADD || scl_act_is_backward(act)) {
        scl_tensor *residual = product ? residual_of(node, seen) : NULL;
        if (residual == NULL)
            return;
        before->inputs[3] = residual;
    } else if (act == SCL_ACT_NONE) {
        return;
    }
    *folded = act;
    take_over(f, before, node, seen);
}

static void compact(fuser *f)
{
    scl_graph *graph = f->graph;
    size_t kept = 0;
    for (size_t n = 0; n < graph->node_count; n++)
        if (!f->removed[graph->nodes[n]->id])
            graph->nodes[kept++] = graph->nodes[n];
    graph->node_count = kept;
    for (size_t n = 0; n < kept; n++)
        graph->nodes[n]->id = (int32_t)n;
}

scl_status scl_graph_fuse(scl_graph *graph, scl_error *err)
{
    SCL_TRY(scl_graph_status(graph, err));
    fuser f = {.graph = graph,
               .readers = scl_calloc(graph->tensor_count, sizeof(int32_t)),
               .reader = scl_calloc(graph->tensor_count, sizeof(scl_node *)),
               .removed = scl_calloc(graph->node_count, sizeof(bool))};
    scl_status status = SCL_OK;
    if (f.readers == NULL || f.reader == NULL || f.removed == NULL) {
        status = scl_out_of_memory(err, graph->tensor_count * sizeof(scl_node *), "fusing");
    } else {
        count_readers(&f);
        for (size_t n = 0; n < graph->node_count; n++)
            if (!f.removed[n])
                fold_reader(&f, graph->nodes[n]);
        compact(&f);
    }
    scl_free(f.readers);
    scl_free(f.reader);
    scl_free(f.removed);
    return status;
}
