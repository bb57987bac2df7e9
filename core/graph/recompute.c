/* recompute.c — a greedy search: each trial is a rewritten pass, whose live bytes are counted. */
#include "graph/recompute.h"

#include "graph/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Processors and GPUs alike do 10 to 30 FLOPs in the time of a byte. */
#define FLOPS_PER_BYTE 16.0

/* A node of the forward pass whose results the gradients read. */
typedef struct candidate {
    size_t node;  /* index in the pass */
    double price; /* work per byte that is freed */
    bool taken;
} candidate;

typedef struct search {
    scl_graph *graph;
    const scl_pass *pass;
    scl_device *device;
    int32_t *index_of; /* by node id: its index in the pass, or -1 */
    bool *saved;       /* by tensor id: storage that the gradients read */
    candidate *candidates;
    size_t candidate_count;
    bool *again; /* by index in the pass: dropped, and computed again */
    double pass_work;
    size_t live_bytes; /* with `again` */
    scl_recompute *out;
    size_t step_capacity;
} search;

double scl_node_work(const scl_node *node)
{
    return scl_node_flops(node) + FLOPS_PER_BYTE * sizeof(float) * scl_node_values(node);
}

/* The node of the forward pass behind a tensor, seen through views; -1: there is none. */
static int32_t forward_index(const search *s, const scl_tensor *tensor)
{
    if (tensor == NULL || tensor->base->kind != SCL_TENSOR_RESULT)
        return -1;
    int32_t index = s->index_of[tensor->base->producer->id];
    bool forward = index >= (int32_t)s->pass->first && index < (int32_t)s->pass->backward;
    return forward ? index : -1;
}

/* ---- the pass, rewritten */

typedef struct rewriter {
    const search *s;
    scl_graph *into;
    scl_tensor **copies; /* by tensor id: what the gradients read instead */
    scl_node **nodes;
    size_t count, again_count;
    double work;
} rewriter;

static scl_tensor *for_gradients(rewriter *r, scl_tensor *tensor);

static scl_node *copy_node(rewriter *r, const scl_node *node)
{
    size_t links = (size_t)(node->input_count + node->output_count);
    scl_node *copy = scl_arena_alloc(&r->into->arena, sizeof *copy);
    scl_tensor **tensors = scl_arena_alloc(&r->into->arena, links * sizeof *tensors);
    if (copy == NULL || tensors == NULL)
        return scl_graph_out_of_memory(r->into, sizeof *copy, "what is computed again");
    *copy = *node;
    memcpy(tensors, node->inputs, links * sizeof *tensors); /* outputs follow inputs */
    copy->inputs = tensors;
    copy->outputs = tensors + node->input_count;
    return copy;
}

/* Its inputs first, as far as they were dropped too. */
static void compute_again(rewriter *r, const scl_node *node)
{
    scl_node *copy = copy_node(r, node);
    for (int i = 0; copy != NULL && i < node->input_count; i++)
        copy->inputs[i] = for_gradients(r, node->inputs[i]);
    for (int i = 0; copy != NULL && i < node->output_count; i++) {
        const scl_tensor *output = node->outputs[i];
        if (output == NULL)
            continue;
        bool view = output->base != output;
        scl_tensor *base = view ? for_gradients(r, output->base) : NULL;
        copy->outputs[i] = scl_tensor_again(r->into, output, copy, base);
        r->copies[output->id] = copy->outputs[i];
    }
    if (scl_graph_status(r->into, NULL) != SCL_OK)
        return;
    r->work += scl_node_work(node);
    r->again_count += !scl_node_is_view(node);
    r->nodes[r->count++] = copy;
}

static scl_tensor *for_gradients(rewriter *r, scl_tensor *tensor)
{
    int32_t index = forward_index(r->s, tensor);
    if (index < 0 || !r->s->again[index] || scl_graph_status(r->into, NULL) != SCL_OK)
        return tensor;
    if (r->copies[tensor->id] == NULL)
        compute_again(r, tensor->producer);
    return r->copies[tensor->id];
}

/* A node of the backward pass, copied when it reads what was dropped. */
static scl_node *reading_copies(rewriter *r, scl_node *node)
{
    scl_node *copy = NULL;
    for (int i = 0; i < node->input_count; i++) {
        scl_tensor *input = for_gradients(r, node->inputs[i]);
        if (input == node->inputs[i])
            continue;
        if (copy == NULL && (copy = copy_node(r, node)) == NULL)
            return node;
        copy->inputs[i] = input;
    }
    return copy != NULL ? copy : node;
}

static void rewrite(rewriter *r, size_t *places)
{
    const scl_pass *pass = r->s->pass;
    for (size_t i = 0; i < pass->count && scl_graph_status(r->into, NULL) == SCL_OK; i++) {
        scl_node *node = i < pass->backward ? pass->nodes[i] : reading_copies(r, pass->nodes[i]);
        if (places != NULL)
            places[i] = r->count;
        r->nodes[r->count++] = node;
    }
}

static scl_status open_rewriter(rewriter *r, const search *s, scl_graph *into, scl_error *err)
{
    size_t nodes = 2 * s->pass->count; /* each at most once more */
    *r = (rewriter){.s = s, .into = into};
    r->nodes = scl_calloc(nodes, sizeof(scl_node *));
    r->copies = scl_calloc(s->graph->tensor_count, sizeof(scl_tensor *));
    return r->nodes != NULL && r->copies != NULL
               ? SCL_OK
               : scl_out_of_memory(err, nodes * sizeof(scl_node *), "what is computed again");
}

static void close_rewriter(rewriter *r)
{
    scl_free(r->nodes);
    scl_free(r->copies);
}

/* The live bytes and the work of s->again, tried in a graph that is thrown away. */
static scl_status try_again(const search *s, size_t *live_bytes, double *work, scl_error *err)
{
    size_t count = s->graph->tensor_count;
    scl_graph scratch = {.scope = "", .tensor_count = count, .tensor_capacity = 2 * count};
    scratch.tensors = scl_calloc(scratch.tensor_capacity, sizeof(scl_tensor *));
    rewriter r = {0};
    scl_status status = scratch.tensors == NULL
                            ? scl_out_of_memory(err, count * sizeof(scl_tensor *), "a trial plan")
                            : open_rewriter(&r, s, &scratch, err);
    if (status == SCL_OK) {
        memcpy(scratch.tensors, s->graph->tensors, count * sizeof(scl_tensor *));
        rewrite(&r, NULL);
        status = scl_plan_find_live_bytes(&scratch, r.nodes, r.count, s->device, live_bytes, err);
    }
    *work = r.work / s->pass_work;
    close_rewriter(&r);
    scl_free(scratch.tensors);
    scl_arena_free(&scratch.arena);
    return status;
}

/* ---- what may be dropped */

static void find_saved(search *s)
{
    const scl_pass *pass = s->pass;
    for (size_t n = pass->backward; n < pass->count; n++)
        for (int i = 0; i < pass->nodes[n]->input_count; i++)
            if (forward_index(s, pass->nodes[n]->inputs[i]) >= 0)
                s->saved[pass->nodes[n]->inputs[i]->base->id] = true;
}

static bool is_kept(const scl_node *node)
{
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NULL && node->outputs[i]->keep)
            return true;
    return false;
}

/* Drops a node, and those before it whose results nothing keeps; returns their work. */
static double drop(const search *s, bool *again, size_t index)
{
    const scl_node *node = s->pass->nodes[index];
    if (again[index])
        return 0;
    again[index] = true;
    double work = scl_node_work(node);
    for (int i = 0; i < node->input_count; i++) {
        int32_t before = forward_index(s, node->inputs[i]);
        if (before >= 0 && !s->saved[node->inputs[i]->base->id] && !is_kept(s->pass->nodes[before]))
            work += drop(s, again, (size_t)before);
    }
    return work;
}

static int by_price(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->price != y->price)
        return x->price < y->price ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static void add_candidate(search *s, size_t index, bool *scratch)
{
    const scl_node *node = s->pass->nodes[index];
    double bytes = 0;
    if ((scl_op_describe(node->op)->flags & (SCL_OP_VIEW | SCL_OP_UPDATE)) != 0 || is_kept(node))
        return;
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NULL && s->saved[node->outputs[i]->id])
            bytes += (double)scl_shape_count(node->outputs[i]->shape) * sizeof(float);
    if (bytes == 0)
        return;
    memset(scratch, 0, s->pass->count * sizeof *scratch);
    double work = drop(s, scratch, index);
    s->candidates[s->candidate_count++] = (candidate){.node = index, .price = work / bytes};
}

/* ---- the search */

static void drop_taken(search *s)
{
    memset(s->again, 0, s->pass->count * sizeof *s->again);
    for (size_t i = 0; i < s->candidate_count; i++)
        if (s->candidates[i].taken)
            drop(s, s->again, s->candidates[i].node);
}

static scl_status note_step(search *s, const candidate *c, double work, scl_error *err)
{
    scl_recompute *out = s->out;
    if (!SCL_GROW(out->steps, out->step_count, s->step_capacity))
        return scl_out_of_memory(err, s->step_capacity * sizeof *out->steps, "a list of choices");
    out->steps[out->step_count++] = (scl_recompute_step){
        .op = s->pass->nodes[c->node]->op, .work = work, .live_bytes = s->live_bytes};
    return SCL_OK;
}

/* Takes a candidate, or gives one back, where `most` bytes or less are live then, and `most_work`
 * is done again. */
static scl_status flip(search *s, candidate *c, size_t most, double most_work, bool *done,
                       double *work, scl_error *err)
{
    size_t live = 0;
    c->taken = !c->taken;
    drop_taken(s);
    SCL_TRY(try_again(s, &live, work, err));
    *done = live <= most && *work <= most_work;
    if (*done)
        s->live_bytes = live;
    else
        c->taken = !c->taken;
    return SCL_OK;
}

/* From the cheapest on, over and over, as what does not help now may help when others are gone. */
static scl_status take_cheapest(search *s, scl_recompute_goal goal, scl_error *err)
{
    bool gained = true;
    while (gained && (s->live_bytes > goal.bytes || goal.spare_work > 0)) {
        gained = false;
        for (size_t i = 0; i < s->candidate_count; i++) {
            bool done = false, met = s->live_bytes <= goal.bytes;
            double work = 0, most_work = met ? goal.spare_work : HUGE_VAL;
            if (s->candidates[i].taken || most_work == 0)
                continue;
            SCL_TRY(flip(s, &s->candidates[i], s->live_bytes - 1, most_work, &done, &work, err));
            gained |= done;
            if (done)
                SCL_TRY(note_step(s, &s->candidates[i], work, err));
        }
    }
    return SCL_OK;
}

/* What later choices made needless is kept after all, the dearest first. */
static scl_status give_back_dearest(search *s, scl_recompute_goal goal, scl_error *err)
{
    bool spend = s->live_bytes > goal.bytes || goal.spare_work > 0;
    size_t most = spend ? s->live_bytes : goal.bytes;
    for (size_t i = s->candidate_count; i-- > 0;) {
        bool done = false;
        double work = 0;
        if (s->candidates[i].taken)
            SCL_TRY(flip(s, &s->candidates[i], most, HUGE_VAL, &done, &work, err));
    }
    drop_taken(s);
    return SCL_OK;
}

static scl_status apply(search *s, scl_error *err)
{
    rewriter r;
    scl_recompute *out = s->out;
    SCL_TRY(try_again(s, &out->live_bytes, &out->work, err));
    scl_status status = open_rewriter(&r, s, s->graph, err);
    if (status == SCL_OK) {
        rewrite(&r, out->places);
        status = scl_graph_status(s->graph, err);
    }
    out->nodes = r.nodes;
    out->count = r.count;
    out->again_count = r.again_count;
    r.nodes = NULL;
    close_rewriter(&r);
    return status;
}

static scl_status prepare(search *s, scl_error *err)
{
    const scl_pass *pass = s->pass;
    bool *scratch = scl_calloc(pass->count, sizeof *scratch);
    if (scratch == NULL)
        return scl_out_of_memory(err, pass->count, "a trial plan");
    for (size_t i = 0; i < s->graph->node_count; i++)
        s->index_of[i] = -1;
    for (size_t i = 0; i < pass->count; i++)
        s->index_of[pass->nodes[i]->id] = (int32_t)i;
    for (size_t i = pass->first; i < pass->count; i++)
        s->pass_work += scl_node_work(pass->nodes[i]);
    find_saved(s);
    for (size_t i = pass->first; i < pass->backward; i++)
        add_candidate(s, i, scratch);
    scl_free(scratch);
    if (s->candidate_count > 1)
        qsort(s->candidates, s->candidate_count, sizeof *s->candidates, by_price);
    double work;
    return try_again(s, &s->live_bytes, &work, err);
}

scl_status scl_recompute_choose(scl_graph *graph, const scl_pass *pass, scl_device *device,
                                scl_recompute_goal goal, scl_recompute *out, scl_error *err)
{
    SCL_TRY(scl_graph_status(graph, err));
    search s = {.graph = graph,
                .pass = pass,
                .device = device,
                .index_of = scl_calloc(graph->node_count, sizeof(int32_t)),
                .saved = scl_calloc(graph->tensor_count, sizeof(bool)),
                .candidates = scl_calloc(pass->count, sizeof(candidate)),
                .again = scl_calloc(pass->count, sizeof(bool)),
                .out = out};
    *out = (scl_recompute){.places = scl_calloc(pass->count, sizeof(size_t))};
    scl_status status = s.index_of == NULL || s.saved == NULL || s.candidates == NULL ||
                                s.again == NULL || out->places == NULL
                            ? scl_out_of_memory(err, pass->count * sizeof(candidate), "a plan")
                            : prepare(&s, err);
    if (status == SCL_OK)
        status = take_cheapest(&s, goal, err);
    if (status == SCL_OK)
        status = give_back_dearest(&s, goal, err);
    if (status == SCL_OK)
        status = apply(&s, err);
    scl_free(s.index_of);
    scl_free(s.saved);
    scl_free(s.candidates);
    scl_free(s.again);
    if (status != SCL_OK)
        scl_recompute_free(out);
    return status;
}

void scl_recompute_free(scl_recompute *recompute)
{
    scl_free(recompute->nodes);
    scl_free(recompute->places);
    scl_free(recompute->steps);
    *recompute = (scl_recompute){0};
}
