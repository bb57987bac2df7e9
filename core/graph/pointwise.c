/* pointwise.c — groups by stages: a node's stage is above those of the results it must wait for, so
 * nodes of one stage over the same elements never wait for one another, not even through others. */
#include "graph/pointwise.h"

#include "graph/pointwise_groups.h"

#define MAX_MEMBERS 96 /* of a group */
#define MAX_COST    32 /* steps to make a value again */

typedef struct emitter {
    pointwise_fuser *f;
    scl_node **nodes;
    size_t count;
    bool *done; /* by node id */
} emitter;

/* ---- values */

void pointwise_domain(scl_shape shape, int64_t size[SCL_MAX_DIMS])
{
    int at = SCL_MAX_DIMS;
    for (int i = 0; i < SCL_MAX_DIMS; i++)
        size[i] = 1;
    for (int i = shape.ndim - 1; i >= 0; i--)
        if (shape.dim[i] != 1)
            size[--at] = shape.dim[i];
}

bool pointwise_same_domain(scl_shape a, scl_shape b)
{
    int64_t x[SCL_MAX_DIMS], y[SCL_MAX_DIMS];
    pointwise_domain(a, x);
    pointwise_domain(b, y);
    return memcmp(x, y, sizeof x) == 0;
}

static scl_tensor *first_equal(const pointwise_fuser *f, scl_tensor *tensor)
{
    while (tensor != NULL && f->same[tensor->id] != NULL)
        tensor = f->same[tensor->id];
    return tensor;
}

/* A view that has its input's elements in the same domain. */
static bool is_clear(const scl_node *node)
{
    return node != NULL && scl_node_is_view(node) &&
           pointwise_same_domain(node->inputs[0]->shape, node->outputs[0]->shape);
}

scl_tensor *pointwise_value(const pointwise_fuser *f, scl_tensor *tensor)
{
    tensor = first_equal(f, tensor);
    while (is_clear(f->maker[tensor->id]))
        tensor = first_equal(f, f->maker[tensor->id]->inputs[0]);
    return tensor;
}

/* ---- values made again */

/* Of what an operand of a node whose result has `shape` is made: steps, and the result that must
 * stay for it (1 + its id; 0: none). */
static int32_t cost_of_operand(const pointwise_fuser *f, scl_tensor *tensor, scl_shape shape,
                               int32_t *from)
{
    const scl_tensor *value = pointwise_value(f, tensor);
    bool smaller = scl_shape_count(value->shape) < scl_shape_count(shape);
    *from = 0;
    if (f->is_constant[value->id] || smaller || value->keep || value->kind != SCL_TENSOR_RESULT)
        return 0;
    bool map = pointwise_is_map(f->maker[value->id]);
    bool again = map && pointwise_same_domain(tensor->shape, shape) && f->cost[value->id] >= 0;
    *from = again ? f->from[value->id] : value->id + 1;
    return again ? f->cost[value->id] : 0;
}

static void find_cost(pointwise_fuser *f, const scl_node *node)
{
    scl_tensor *result = node->outputs[0];
    int32_t cost = 1, from = 0;
    for (int i = 0; i < node->input_count && cost >= 0; i++) {
        int32_t needed;
        cost += cost_of_operand(f, node->inputs[i], result->shape, &needed);
        bool another = from != 0 && needed != 0 && needed != from;
        from = needed != 0 ? needed : from;
        cost = another || cost > MAX_COST ? -1 : cost;
    }
    f->cost[result->id] = cost;
    f->from[result->id] = from;
}

/* ---- equal nodes */

static bool is_plain_math(const scl_node *node)
{
    return pointwise_is_map(node) || node->op == SCL_OP_SUM;
}

static bool are_equal(const pointwise_fuser *f, const scl_node *a, const scl_node *b)
{
    bool same_attr = a->op == SCL_OP_SUM ? a->attr.axis.outer == b->attr.axis.outer
                                         : pointwise_same_scalars(a->attr.scalar, b->attr.scalar);
    if (a->op != b->op || !same_attr ||
        !scl_shape_equal(a->outputs[0]->shape, b->outputs[0]->shape))
        return false;
    for (int i = 0; i < a->input_count; i++)
        if (pointwise_value(f, a->inputs[i]) != pointwise_value(f, b->inputs[i]) ||
            !scl_shape_equal(a->inputs[i]->shape, b->inputs[i]->shape))
            return false;
    return true;
}

/* A result that somebody outside holds on to stays what it is, and no large one lives longer. */
static bool replace_by_equal(pointwise_fuser *f, size_t first, size_t index)
{
    const scl_node *node = f->graph->nodes[index];
    scl_tensor *result = node->outputs[0];
    if (!is_plain_math(node) || result->keep || f->readers[result->id] == 0 ||
        (node->op != SCL_OP_SUM && (f->cost[result->id] < 0 || f->from[result->id] != 0)))
        return false;
    for (size_t i = first; i < index; i++) {
        const scl_node *before = f->graph->nodes[i];
        if (is_plain_math(before) && f->same[before->outputs[0]->id] == NULL &&
            are_equal(f, before, node)) {
            f->same[result->id] = before->outputs[0];
            return true;
        }
    }
    return false;
}

/* ---- groups */

/* The stage of what reads the tensor in another domain, or by another kind of op. */
static int32_t stage_after(const pointwise_fuser *f, const scl_tensor *value)
{
    bool waits = f->maker[value->id] != NULL && !f->is_constant[value->id];
    return waits ? f->stage[value->id] + 1 : 0;
}

static pointwise_group *last_group(pointwise_fuser *f, const int64_t *size, int32_t stage)
{
    for (size_t i = f->group_count; i-- > 0;) {
        pointwise_group *g = &f->groups[i];
        if (g->stage == stage && memcmp(g->size, size, sizeof g->size) == 0)
            return g;
    }
    return NULL;
}

/* The latest group there, or one more when it is full: values go from earlier to later ones. */
static void join(pointwise_fuser *f, const scl_tensor *result, scl_shape domain, int32_t stage,
                 bool sum)
{
    int64_t size[SCL_MAX_DIMS];
    pointwise_domain(domain, size);
    pointwise_group *g = last_group(f, size, stage);
    if (g == NULL || g->members == MAX_MEMBERS || (sum && g->sums == SCL_POINTWISE_SUMS)) {
        if (!SCL_GROW(f->groups, f->group_count, f->group_capacity)) {
            scl_graph_out_of_memory(f->graph, sizeof *g, "fusing");
            return;
        }
        g = &f->groups[f->group_count++];
        *g = (pointwise_group){.stage = stage};
        memcpy(g->size, size, sizeof size);
    }
    g->members++;
    g->sums += sum;
    f->stage[result->id] = stage;
    f->group_of[result->id] = (int32_t)(g - f->groups) + 1;
}

static void join_map(pointwise_fuser *f, const scl_node *node)
{
    scl_tensor *result = node->outputs[0];
    int32_t stage = 0;
    bool constant = scl_shape_count(result->shape) == 1;
    for (int i = 0; i < node->input_count; i++) {
        const scl_tensor *value = pointwise_value(f, node->inputs[i]);
        bool together = pointwise_same_domain(node->inputs[i]->shape, result->shape) &&
                        pointwise_is_map(f->maker[value->id]) && !f->is_constant[value->id];
        int32_t least = together ? f->stage[value->id] : stage_after(f, value);
        stage = least > stage ? least : stage;
        constant = constant && f->is_constant[value->id];
    }
    f->is_constant[result->id] = constant;
    if (!constant)
        join(f, result, result->shape, stage, false);
}

static void join_sum(pointwise_fuser *f, const scl_node *node)
{
    const scl_tensor *value = pointwise_value(f, node->inputs[0]);
    bool together = pointwise_is_map(f->maker[value->id]) && !f->is_constant[value->id];
    join(f, node->outputs[0], node->inputs[0]->shape,
         together ? f->stage[value->id] : stage_after(f, value), true);
}

static void pass_by(pointwise_fuser *f, const scl_node *node)
{
    int32_t stage = 0;
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == NULL)
            continue;
        int32_t after = stage_after(f, pointwise_value(f, node->inputs[i]));
        stage = after > stage ? after : stage;
    }
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NULL)
            f->stage[node->outputs[i]->id] = stage;
}

static void choose_groups(pointwise_fuser *f, size_t first, size_t end)
{
    for (size_t n = first; n < end && f->graph->error.status == SCL_OK; n++) {
        const scl_node *node = f->graph->nodes[n];
        for (int i = 0; i < node->output_count; i++)
            if (node->outputs[i] != NULL)
                f->maker[node->outputs[i]->id] = f->graph->nodes[n];
        if (pointwise_is_map(node))
            find_cost(f, node);
        if (replace_by_equal(f, first, n) || is_clear(node))
            continue;
        if (pointwise_is_map(node))
            join_map(f, node);
        else if (node->op == SCL_OP_SUM && node->attr.axis.inner == 1)
            join_sum(f, node);
        else
            pass_by(f, node);
    }
}

/* ---- what is wanted in memory */

/* Neither in a group, nor gone, nor seen through. */
static bool stands_alone(const pointwise_fuser *f, const scl_node *node)
{
    const scl_tensor *result = node->outputs[0]; /* of other ops it may be NULL */
    return result == NULL || f->maker[result->id] == NULL ||
           (f->group_of[result->id] == 0 && f->same[result->id] == NULL &&
            !f->is_constant[result->id] && !is_clear(node));
}

static bool is_wanted(const pointwise_fuser *f, const scl_tensor *tensor)
{
    return f->maker[tensor->id] != NULL && (tensor->keep || f->readers[tensor->id] == 0);
}

static void store_what_is_read(pointwise_fuser *f)
{
    for (size_t n = 0; n < f->graph->node_count; n++) {
        const scl_node *node = f->graph->nodes[n];
        if (!stands_alone(f, node))
            continue;
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != NULL)
                f->stored[pointwise_value(f, node->inputs[i])->id] = true;
    }
    for (size_t i = 0; i < f->graph->tensor_count; i++)
        if (is_wanted(f, f->graph->tensors[i]))
            f->stored[pointwise_value(f, f->graph->tensors[i])->id] = true;
}

/* Readers before what they read. */
static void write_programs(pointwise_fuser *f)
{
    int32_t highest = 0;
    for (size_t i = 0; i < f->group_count; i++)
        highest = f->groups[i].stage > highest ? f->groups[i].stage : highest;
    for (int32_t stage = highest; stage >= 0; stage--)
        for (size_t i = f->group_count; i-- > 0;)
            if (f->groups[i].stage == stage && f->graph->error.status == SCL_OK)
                pointwise_write_program(f, i);
}

/* ---- the new order */

static void emit(emitter *e, scl_node *node)
{
    const pointwise_fuser *f = e->f;
    if (e->done[node->id])
        return;
    e->done[node->id] = true;
    for (int i = 0; i < node->input_count; i++) {
        scl_tensor *input = node->inputs[i] = first_equal(f, node->inputs[i]);
        if (input != NULL && f->maker[input->id] != NULL)
            emit(e, input->producer);
    }
    if (scl_node_is_view(node))
        node->outputs[0]->base = node->inputs[0]->base;
    e->nodes[e->count++] = node;
}

static bool is_root(const pointwise_fuser *f, const scl_node *node)
{
    bool kept = false;
    for (int i = 0; i < node->output_count; i++)
        kept |= node->outputs[i] != NULL && is_wanted(f, node->outputs[i]);
    return kept || (!scl_node_is_view(node) && stands_alone(f, node));
}

/* The node itself, or its group's. */
static scl_node *maker_now(const pointwise_fuser *f, scl_node *node)
{
    const scl_tensor *result = node->outputs[0];
    return result != NULL && f->group_of[result->id] > 0 ? result->producer : node;
}

/* What was before the range, the range as each node is needed, what comes behind. */
static void put_in_order(emitter *e, size_t first, size_t end, size_t count)
{
    scl_graph *g = e->f->graph;
    for (size_t n = 0; n < first; n++)
        emit(e, g->nodes[n]);
    for (size_t n = first; n < end; n++)
        if (is_root(e->f, g->nodes[n]))
            emit(e, maker_now(e->f, g->nodes[n]));
    for (size_t n = end; n < count; n++)
        emit(e, g->nodes[n]);
    g->node_count = e->count;
    memcpy(g->nodes, e->nodes, e->count * sizeof(scl_node *));
    for (size_t n = 0; n < e->count; n++)
        g->nodes[n]->id = (int32_t)n;
}

static void rewrite(pointwise_fuser *f, size_t first, size_t end)
{
    size_t count = f->graph->node_count;
    choose_groups(f, first, end);
    store_what_is_read(f);
    write_programs(f);
    emitter e = {.f = f,
                 .nodes = scl_calloc(f->graph->node_count, sizeof(scl_node *)),
                 .done = scl_calloc(f->graph->node_count, sizeof(bool))};
    if (e.nodes == NULL || e.done == NULL)
        scl_graph_out_of_memory(f->graph, f->graph->node_count * sizeof(scl_node *), "fusing");
    else if (f->graph->error.status == SCL_OK)
        put_in_order(&e, first, end, count);
    scl_free(e.nodes);
    scl_free(e.done);
}

static void look_around(pointwise_fuser *f)
{
    for (size_t n = 0; n < f->graph->node_count; n++) {
        const scl_node *node = f->graph->nodes[n];
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != NULL)
                f->readers[node->inputs[i]->id]++;
    }
    for (size_t i = 0; i < f->graph->tensor_count; i++) {
        const scl_tensor *t = f->graph->tensors[i];
        f->is_constant[i] = t->values != NULL && scl_shape_count(t->shape) == 1;
    }
}

scl_status scl_graph_fuse_pointwise(scl_graph *graph, size_t first, size_t end, scl_error *err)
{
    SCL_TRY(scl_graph_status(graph, err));
    size_t count = graph->tensor_count;
    pointwise_fuser f = {.graph = graph,
                         .maker = scl_calloc(count, sizeof(scl_node *)),
                         .same = scl_calloc(count, sizeof(scl_tensor *)),
                         .group_of = scl_calloc(count, sizeof(int32_t)),
                         .stage = scl_calloc(count, sizeof(int32_t)),
                         .cost = scl_calloc(count, sizeof(int32_t)),
                         .from = scl_calloc(count, sizeof(int32_t)),
                         .readers = scl_calloc(count, sizeof(int32_t)),
                         .number = scl_calloc(count, sizeof(int32_t)),
                         .is_constant = scl_calloc(count, sizeof(bool)),
                         .stored = scl_calloc(count, sizeof(bool))};
    void *const arrays[] = {f.maker, f.same,    f.group_of, f.stage,       f.cost,
                            f.from,  f.readers, f.number,   f.is_constant, f.stored};
    bool memory = true;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        memory = memory && arrays[i] != NULL;
    if (memory) {
        look_around(&f);
        rewrite(&f, first, end);
    } else {
        scl_graph_out_of_memory(graph, count * sizeof(scl_node *), "fusing");
    }
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        scl_free(arrays[i]);
    scl_free(f.groups);
    return scl_graph_status(graph, err);
}
