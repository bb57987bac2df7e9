#include "graph/prefix.h"

#include "graph/pointwise.h"

#include <string.h>

/* Padding would have any bytes, and the signature with it. */
_Static_assert(sizeof(scl_gemm_attr) == 6 * 8 + 4 * 4, "the attributes of gemm have padding");
_Static_assert(sizeof(scl_attention_attr) == 11 * 8, "the attributes of attention have padding");
_Static_assert(sizeof(scl_patch_attr) == 6 * 8, "the attributes of patches have padding");
_Static_assert(sizeof(scl_norm_attr) == 2 * 4, "the attributes of a norm have padding");
_Static_assert(sizeof(scl_axis_attr) == 6 * 8, "the attributes of an axis have padding");
_Static_assert(sizeof(scl_random_attr) == 2 * 8, "the attributes of random values have padding");
_Static_assert(sizeof(scl_hash128) == 2 * 8, "the identity of an own op has padding");
_Static_assert(sizeof(scl_pointwise_step) == 3 * 4 + 2 * 4, "an instruction has padding");
_Static_assert(sizeof(scl_pointwise) == (1 + SCL_POINTWISE_INPUTS) * SCL_MAX_DIMS * 8 +
                                            SCL_POINTWISE_OUTPUTS * 2 * 8 +
                                            SCL_POINTWISE_STEPS * 5 * 4 + 2 * 4,
               "a program has padding");
_Static_assert(sizeof(scl_optimizer_attr) == 6 * 8 + 2 * 4, "an optimizer's have padding");

/* What a tensor's value depends on. */
enum { ON_SOURCE = 1, ON_LIVE = 2 };

typedef struct splitter {
    scl_graph *graph;
    const scl_tensor *source;
    size_t end;       /* nodes from this one on are live */
    uint8_t *depends; /* by tensor id */
    bool *needed;     /* by tensor id: a prefix node reads it */
    bool *in_prefix;  /* by node index */
    int64_t *numbers; /* by tensor id: 1 + its place among the tensors of the prefix; 0: not met */
    int64_t met;
    scl_split *split;
} splitter;

static uint8_t leaf_dependence(const splitter *s, const scl_tensor *tensor)
{
    if (tensor == s->source)
        return ON_SOURCE;
    if (tensor->kind == SCL_TENSOR_INPUT || tensor->kind == SCL_TENSOR_STATE || tensor->trained)
        return ON_LIVE;
    return 0;
}

static void mark_dependence(splitter *s)
{
    for (size_t n = 0; n < s->graph->node_count; n++) {
        const scl_node *node = s->graph->nodes[n];
        uint8_t depends = 0;
        for (int i = 0; i < node->input_count; i++) {
            const scl_tensor *input = node->inputs[i];
            if (input == NULL)
                continue;
            if (input->kind != SCL_TENSOR_RESULT)
                s->depends[input->id] = leaf_dependence(s, input);
            depends |= s->depends[input->id];
        }
        for (int i = 0; i < node->output_count; i++)
            if (node->outputs[i] != NULL)
                s->depends[node->outputs[i]->id] = depends;
    }
}

/* Not worth caching the result of: recomputing costs no more than reading it back. */
static bool is_cheap(const scl_node *node)
{
    return (scl_op_describe(node->op)->flags & (SCL_OP_ELEMENTWISE | SCL_OP_VIEW)) != 0 ||
           node->op == SCL_OP_BROADCAST || node->op == SCL_OP_SLICE || node->op == SCL_OP_PAD ||
           node->op == SCL_OP_CONCAT;
}

/* Backwards, so that what a node is needed for is known when it is met. */
static void choose_nodes(splitter *s)
{
    for (size_t n = s->end; n-- > 0;) {
        const scl_node *node = s->graph->nodes[n];
        bool chosen = false;
        for (int i = 0; i < node->output_count; i++) {
            const scl_tensor *output = node->outputs[i];
            if (output == NULL || (s->depends[output->id] & ON_LIVE) != 0)
                continue;
            bool worth = s->depends[output->id] == ON_SOURCE && !is_cheap(node);
            chosen |= worth || s->needed[output->id];
        }
        s->in_prefix[n] = chosen;
        for (int i = 0; i < node->input_count && chosen; i++)
            if (node->inputs[i] != NULL)
                s->needed[node->inputs[i]->id] = true;
    }
}

static bool depends_on_nothing(const splitter *s, const scl_node *node)
{
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NULL)
            return s->depends[node->outputs[i]->id] == 0;
    return false;
}

/* A prefix node that depends on the source; the others it needs can run on both sides. */
static bool prefix_only(const splitter *s, size_t n)
{
    return s->in_prefix[n] && !depends_on_nothing(s, s->graph->nodes[n]);
}

static bool add_frontier(scl_split *split, scl_tensor *tensor)
{
    for (size_t k = 0; k < split->frontier_count; k++)
        if (split->frontier[k] == tensor)
            return true;
    if (split->frontier_count == SCL_FRONTIER_MAX)
        return false;
    tensor->keep = true;
    split->frontier[split->frontier_count++] = tensor;
    return true;
}

/* What live nodes read from the prefix, and what steps read from the nodes run once. */
static bool make_frontier(splitter *s, const bool *made_in_prefix)
{
    for (size_t n = 0; n < s->graph->node_count; n++) {
        const scl_node *node = s->graph->nodes[n];
        if (prefix_only(s, n))
            continue;
        for (int i = 0; i < node->input_count; i++) {
            scl_tensor *input = node->inputs[i];
            if (input == NULL || input->kind != SCL_TENSOR_RESULT)
                continue;
            if (made_in_prefix[input->id] && !add_frontier(s->split, input))
                return false;
            if (s->depends[input->id] == 0 && !depends_on_nothing(s, node))
                input->keep = true;
        }
    }
    return true;
}

static void collect_params(splitter *s, const scl_node *node)
{
    scl_split *split = s->split;
    for (int i = 0; i < node->input_count; i++) {
        scl_tensor *input = node->inputs[i];
        bool is_new = input != NULL && input->kind == SCL_TENSOR_PARAM;
        for (size_t k = 0; k < split->param_count && is_new; k++)
            is_new = split->params[k] != input;
        if (is_new)
            split->params[split->param_count++] = input;
    }
}

/* Tensors are numbered as the prefix meets them, so equal numbers are equal wiring whatever else
 * the graph holds. 0: an input that is not there. */
static int64_t number_of(splitter *s, const scl_tensor *tensor)
{
    if (tensor == NULL)
        return 0;
    if (s->numbers[tensor->id] == 0)
        s->numbers[tensor->id] = ++s->met;
    return s->numbers[tensor->id];
}

static scl_hash128 tensor_signature(splitter *s, const scl_tensor *tensor)
{
    int64_t head[4 + SCL_MAX_DIMS] = {number_of(s, tensor)};
    if (tensor == NULL)
        return scl_hash128_of(head, sizeof head);
    head[1] = tensor->dtype;
    head[2] = tensor->kind;
    head[3] = tensor->shape.ndim;
    for (int i = 0; i < tensor->shape.ndim; i++)
        head[4 + i] = tensor->shape.dim[i];
    scl_hash128 hash = scl_hash128_of(head, sizeof head);
    if (tensor->kind == SCL_TENSOR_PARAM)
        hash = scl_hash128_join(hash, scl_hash128_of(tensor->name, strlen(tensor->name)));
    const void *values = tensor->dtype == SCL_I32 ? (const void *)tensor->ids : tensor->values;
    if (tensor->kind == SCL_TENSOR_CONSTANT)
        hash = scl_hash128_join(
            hash, scl_hash128_of(values, (size_t)scl_shape_count(tensor->shape) * sizeof(float)));
    return hash;
}

static void sign(splitter *s, const scl_node *node)
{
    const char *op = scl_op_describe(node->op)->name;
    scl_hash128 hash = scl_hash128_of(op, strlen(op));
    hash = scl_hash128_join(hash, scl_hash128_of(&node->attr, sizeof node->attr));
    if (node->program != NULL)
        hash = scl_hash128_join(hash, scl_hash128_of(node->program, sizeof *node->program));
    for (int i = 0; i < node->input_count; i++)
        hash = scl_hash128_join(hash, tensor_signature(s, node->inputs[i]));
    for (int i = 0; i < node->output_count; i++)
        hash = scl_hash128_join(hash, tensor_signature(s, node->outputs[i]));
    s->split->signature = scl_hash128_join(s->split->signature, hash);
    s->split->flops += scl_node_flops(node);
}

/* Which tensors leave the prefix, and in which order, is a part of what is kept. */
static void sign_frontier(splitter *s)
{
    for (size_t k = 0; k < s->split->frontier_count; k++)
        s->split->signature =
            scl_hash128_join(s->split->signature, tensor_signature(s, s->split->frontier[k]));
}

static scl_status fill_split(splitter *s, bool *made_in_prefix, scl_error *err)
{
    scl_split *split = s->split;
    for (size_t n = 0; n < s->graph->node_count; n++) {
        scl_node *node = s->graph->nodes[n];
        if (!s->in_prefix[n])
            continue;
        split->prefix[split->prefix_count++] = node;
        collect_params(s, node);
        sign(s, node);
        for (int i = 0; i < node->output_count && prefix_only(s, n); i++)
            if (node->outputs[i] != NULL)
                made_in_prefix[node->outputs[i]->id] = true;
    }
    for (int once = 1; once >= 0; once--) {
        for (size_t n = 0; n < s->graph->node_count; n++)
            if (!prefix_only(s, n) && depends_on_nothing(s, s->graph->nodes[n]) == (once == 1))
                split->live[split->live_count++] = s->graph->nodes[n];
        if (once == 1)
            split->once_count = split->live_count;
    }
    if (!make_frontier(s, made_in_prefix))
        return scl_fail(err, SCL_FAILED, "more than %d tensors leave the frozen prefix",
                        SCL_FRONTIER_MAX);
    sign_frontier(s);
    return SCL_OK;
}

scl_status scl_graph_split(scl_graph *graph, const scl_tensor *source, const scl_tensor *last,
                           scl_split *split, scl_error *err)
{
    SCL_TRY(scl_graph_status(graph, err));
    *split = (scl_split){.prefix = scl_calloc(graph->node_count, sizeof(scl_node *)),
                         .live = scl_calloc(graph->node_count, sizeof(scl_node *)),
                         .params = scl_calloc(graph->tensor_count, sizeof(scl_tensor *))};
    splitter s = {.graph = graph,
                  .source = source,
                  .end = last != NULL ? (size_t)last->producer->id + 1 : graph->node_count,
                  .depends = scl_calloc(graph->tensor_count, sizeof(uint8_t)),
                  .needed = scl_calloc(graph->tensor_count, sizeof(bool)),
                  .in_prefix = scl_calloc(graph->node_count, sizeof(bool)),
                  .numbers = scl_calloc(graph->tensor_count, sizeof(int64_t)),
                  .split = split};
    bool *made_in_prefix = scl_calloc(graph->tensor_count, sizeof(bool));
    scl_status status = SCL_OK;
    if (split->prefix == NULL || split->live == NULL || split->params == NULL ||
        s.depends == NULL || s.needed == NULL || s.in_prefix == NULL || s.numbers == NULL ||
        made_in_prefix == NULL)
        status = scl_out_of_memory(err, graph->tensor_count, "splitting the graph");
    if (status == SCL_OK) {
        mark_dependence(&s);
        choose_nodes(&s);
        status = fill_split(&s, made_in_prefix, err);
    }
    scl_free(s.depends);
    scl_free(s.needed);
    scl_free(s.in_prefix);
    scl_free(s.numbers);
    scl_free(made_in_prefix);
    if (status != SCL_OK)
        scl_split_free(split);
    return status;
}

void scl_split_free(scl_split *split)
{
    scl_free(split->prefix);
    scl_free(split->live);
    scl_free(split->params);
    *split = (scl_split){0};
}
