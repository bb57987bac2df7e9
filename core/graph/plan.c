/* plan.c — lifetimes first, then the largest places first at the lowest offset that is free. */
#include "graph/plan.h"

#include "base/str.h"
#include "graph/pointwise.h"

#include <stdlib.h>

typedef struct planner {
    scl_plan *plan;
    scl_device *device;
    int32_t *last_use; /* by tensor id, of the storage a base tensor stands for */
    size_t place_capacity;
} planner;

static size_t bytes_of(const planner *p, const scl_tensor *tensor)
{
    size_t element = p->device->backend->element_size(tensor->dtype);
    return (size_t)scl_shape_count(tensor->shape) * element;
}

static size_t align_up(size_t value, size_t alignment)
{
    return (value + alignment - 1) / alignment * alignment;
}

static void find_last_uses(planner *p)
{
    scl_plan *plan = p->plan;
    for (size_t i = 0; i < plan->graph->tensor_count; i++)
        p->last_use[i] = -1;
    for (size_t n = 0; n < plan->node_count; n++) {
        const scl_node *node = plan->nodes[n];
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != NULL)
                p->last_use[node->inputs[i]->base->id] = (int32_t)n;
        for (int i = 0; i < node->output_count; i++)
            if (node->outputs[i] != NULL && p->last_use[node->outputs[i]->base->id] < (int32_t)n)
                p->last_use[node->outputs[i]->base->id] = (int32_t)n;
    }
    for (size_t i = 0; i < plan->graph->tensor_count; i++)
        if (plan->graph->tensors[i]->keep)
            p->last_use[plan->graph->tensors[i]->base->id] = (int32_t)plan->node_count;
}

static bool add_place(planner *p, size_t bytes, int32_t first, int32_t last, int32_t *index)
{
    scl_plan *plan = p->plan;
    if (!SCL_GROW(plan->places, plan->place_count, p->place_capacity))
        return false;
    *index = (int32_t)plan->place_count;
    plan->places[plan->place_count++] = (scl_region){
        .bytes = align_up(bytes, p->device->info.alignment), .first = first, .last = last};
    return true;
}

/* Inputs whose place the output may take over when they die at this node. */
static bool may_replace(const scl_node *node, int input)
{
    if (node->op == SCL_OP_GEMM)
        /* a residual that is added is read where the output is written, and first */
        return input == 3 && !scl_act_is_backward(node->attr.gemm.act);
    return (scl_op_describe(node->op)->flags & SCL_OP_ELEMENTWISE) != 0;
}

static int32_t place_to_take_over(const planner *p, const scl_node *node, int32_t n,
                                  const scl_tensor *output)
{
    if (node->program != NULL &&
        scl_shape_count(output->shape) < scl_pointwise_elements(node->program))
        return SCL_NOT_PLACED; /* a sum is written while others still read */
    for (int i = 0; i < node->input_count; i++) {
        const scl_tensor *input = node->inputs[i];
        if (input == NULL || !may_replace(node, i))
            continue;
        int32_t place = p->plan->place_of_tensor[input->base->id];
        if (place != SCL_NOT_PLACED && p->plan->places[place].last == n &&
            scl_shape_count(input->shape) == scl_shape_count(output->shape) &&
            scl_shape_count(input->base->shape) == scl_shape_count(output->shape))
            return place;
    }
    return SCL_NOT_PLACED;
}

static bool place_output(planner *p, const scl_node *node, int32_t n, const scl_tensor *output)
{
    scl_plan *plan = p->plan;
    int32_t *place = &plan->place_of_tensor[output->id];
    if (output->base != output) {
        *place = plan->place_of_tensor[output->base->id];
        return true;
    }
    plan->tensor_bytes += bytes_of(p, output);
    *place = place_to_take_over(p, node, n, output);
    if (*place == SCL_NOT_PLACED)
        return add_place(p, bytes_of(p, output), n, p->last_use[output->id], place);
    plan->places[*place].last = p->last_use[output->id];
    return true;
}

static bool place_all(planner *p)
{
    scl_plan *plan = p->plan;
    for (size_t n = 0; n < plan->node_count; n++) {
        const scl_node *node = plan->nodes[n];
        for (int i = 0; i < node->output_count; i++)
            if (node->outputs[i] != NULL && !place_output(p, node, (int32_t)n, node->outputs[i]))
                return false;
        size_t workspace = p->device->backend->workspace_bytes(p->device, node);
        if (workspace == 0)
            continue;
        if (workspace > plan->workspace_bytes)
            plan->workspace_bytes = workspace;
        if (!add_place(p, workspace, (int32_t)n, (int32_t)n, &plan->place_of_workspace[n]))
            return false;
    }
    return true;
}

static int by_size(const void *a, const void *b)
{
    const scl_region *x = *(scl_region *const *)a, *y = *(scl_region *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int by_offset(const void *a, const void *b)
{
    const scl_region *x = *(scl_region *const *)a, *y = *(scl_region *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Where `place` may begin at or after `offset` without crossing a chunk's end. */
static size_t fit_chunk(size_t offset, size_t bytes, size_t chunk)
{
    size_t room = chunk - offset % chunk;
    return bytes > room ? offset + room : offset;
}

/* `neighbours`: the places already put down that live at the same time, sorted by offset. */
static size_t lowest_gap(const scl_region *place, scl_region *const *neighbours, size_t count,
                         size_t chunk)
{
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        if (offset + place->bytes <= neighbours[i]->offset)
            break;
        size_t end = neighbours[i]->offset + neighbours[i]->bytes;
        offset = fit_chunk(end > offset ? end : offset, place->bytes, chunk);
    }
    return offset;
}

static scl_status too_large(size_t bytes, size_t largest, scl_error *err)
{
    char needed[SCL_BYTES_TEXT], most[SCL_BYTES_TEXT];
    return scl_fail(err, SCL_DEVICE,
                    "one tensor needs %s, but the device's largest buffer is %s; use a smaller "
                    "image_size or batch_size",
                    scl_bytes_text(bytes, needed), scl_bytes_text(largest, most));
}

static scl_status lay_out(scl_plan *plan, scl_error *err)
{
    size_t count = plan->place_count;
    scl_region **order = scl_calloc(count, sizeof(scl_region *));
    scl_region **neighbours = scl_calloc(count, sizeof(scl_region *));
    scl_status status = SCL_OK;
    if (order == NULL || neighbours == NULL)
        status = scl_out_of_memory(err, count * sizeof *order, "a plan");
    for (size_t i = 0; i < count && status == SCL_OK; i++)
        order[i] = &plan->places[i];
    if (status == SCL_OK && count > 1)
        qsort(order, count, sizeof *order, by_size);
    for (size_t i = 0; i < count && status == SCL_OK; i++) {
        scl_region *place = order[i];
        size_t near = 0;
        for (size_t j = 0; j < i; j++)
            if (order[j]->first <= place->last && place->first <= order[j]->last)
                neighbours[near++] = order[j];
        if (near > 1)
            qsort(neighbours, near, sizeof *neighbours, by_offset);
        if (place->bytes > plan->chunk_bytes)
            status = too_large(place->bytes, plan->chunk_bytes, err);
        place->offset = lowest_gap(place, neighbours, near, plan->chunk_bytes);
        if (place->offset + place->bytes > plan->arena_bytes)
            plan->arena_bytes = place->offset + place->bytes;
    }
    scl_free(order);
    scl_free(neighbours);
    return status;
}

/* The most that lives at once, and when. */
static bool find_peak(scl_plan *plan)
{
    size_t live = 0;
    size_t *begin = scl_calloc(2 * (plan->node_count + 2), sizeof *begin);
    if (begin == NULL)
        return false;
    size_t *end = begin + plan->node_count + 2;
    for (size_t i = 0; i < plan->place_count; i++) {
        begin[plan->places[i].first] += plan->places[i].bytes;
        end[plan->places[i].last + 1] += plan->places[i].bytes;
    }
    for (size_t n = 0; n < plan->node_count; n++) {
        live += begin[n];
        live -= end[n];
        if (live > plan->live_bytes) {
            plan->live_bytes = live;
            plan->peak_node = (int32_t)n;
        }
    }
    scl_free(begin);
    return true;
}

/* A plan whose places have sizes and lives, and no offsets yet. */
static scl_status create_unplaced(const scl_graph *graph, scl_node *const *nodes, size_t node_count,
                                  scl_device *device, scl_plan **out, scl_error *err)
{
    SCL_TRY(scl_graph_status(graph, err));
    planner p = {.device = device};
    scl_plan *plan = p.plan = *out = scl_calloc(1, sizeof *plan);
    if (plan == NULL)
        return scl_out_of_memory(err, sizeof *plan, "a plan");
    size_t alignment = device->info.alignment;
    *plan = (scl_plan){.graph = graph,
                       .node_count = node_count,
                       .nodes = scl_calloc(node_count, sizeof *nodes),
                       .place_of_tensor = scl_calloc(graph->tensor_count, sizeof(int32_t)),
                       .place_of_workspace = scl_calloc(node_count, sizeof(int32_t)),
                       .chunk_bytes = device->info.max_alloc / alignment * alignment};
    p.last_use = scl_calloc(graph->tensor_count, sizeof *p.last_use);
    bool memory = plan->nodes != NULL && plan->place_of_tensor != NULL &&
                  plan->place_of_workspace != NULL && p.last_use != NULL;
    for (size_t i = 0; memory && i < graph->tensor_count; i++)
        plan->place_of_tensor[i] = SCL_NOT_PLACED;
    for (size_t i = 0; memory && i < node_count; i++) {
        plan->nodes[i] = nodes[i];
        plan->place_of_workspace[i] = SCL_NOT_PLACED;
    }
    if (memory)
        find_last_uses(&p);
    memory = memory && place_all(&p) && find_peak(plan);
    scl_free(p.last_use);
    return memory ? SCL_OK : scl_out_of_memory(err, node_count * sizeof *nodes, "a plan");
}

scl_status scl_plan_create(const scl_graph *graph, scl_node *const *nodes, size_t node_count,
                           scl_device *device, scl_plan **out, scl_error *err)
{
    scl_plan *plan = NULL;
    *out = NULL;
    scl_status status = create_unplaced(graph, nodes, node_count, device, &plan, err);
    if (status == SCL_OK)
        status = lay_out(plan, err);
    if (status == SCL_OK)
        *out = plan;
    else
        scl_plan_free(plan);
    return status;
}

scl_status scl_plan_find_live_bytes(const scl_graph *graph, scl_node *const *nodes,
                                    size_t node_count, scl_device *device, size_t *bytes,
                                    scl_error *err)
{
    scl_plan *plan = NULL;
    scl_status status = create_unplaced(graph, nodes, node_count, device, &plan, err);
    *bytes = status == SCL_OK ? plan->live_bytes : 0;
    scl_plan_free(plan);
    return status;
}

void scl_plan_free(scl_plan *plan)
{
    if (plan == NULL)
        return;
    scl_free(plan->nodes);
    scl_free(plan->places);
    scl_free(plan->place_of_tensor);
    scl_free(plan->place_of_workspace);
    scl_free(plan);
}
