#include "step/step_graph.h"

#include "graph/fuse.h"
#include "graph/pointwise.h"
#include "plugin/adaptation.h"

#include <stdio.h>

static void declare_prompts(scl_step_graph *s, const scl_batch_layout *l, int64_t masks)
{
    scl_graph *g = s->graph;
    if (l->slots > 0) {
        s->coords = scl_input(g, "coords", SCL_F32, SCL_SHAPE(masks, l->slots, 2));
        s->labels = scl_input(g, "labels", SCL_I32, SCL_SHAPE(masks, l->slots));
        s->token_count = scl_input(g, "token_count", SCL_I32, SCL_SHAPE(masks));
    }
    if (l->mask_prompts) {
        s->mask = scl_input(g, "mask", SCL_F32, SCL_SHAPE(masks, l->mask_size, l->mask_size, 1));
        s->has_mask = scl_input(g, "has_mask", SCL_F32, SCL_SHAPE(masks, 1, 1, 1));
    }
}

static void declare_targets(scl_step_graph *s, const scl_batch_layout *l, int64_t masks)
{
    scl_graph *g = s->graph;
    int64_t size = l->mask_size;
    if (l->multiclass)
        s->classes = scl_input(g, "classes", SCL_I32, SCL_SHAPE(masks, size, size));
    else
        s->target = scl_input(g, "target", SCL_F32, SCL_SHAPE(masks, 1, size, size));
    s->weight = scl_input(g, "weight", SCL_F32, SCL_SHAPE(masks, 1, size, size));
    s->mask_weight = scl_input(g, "mask_weight", SCL_F32, SCL_SHAPE(masks));
}

static void keep(scl_tensor *tensor)
{
    if (tensor != NULL)
        tensor->keep = true;
}

/* What a batch makes of its prompts, before one mask of each object is chosen. */
static scl_sam_masks build_model(const scl_step_options *o, scl_step_graph *s,
                                 scl_sam_prompts *prompts)
{
    const scl_batch_layout *l = &o->layout;
    scl_sam_config seen = scl_sam_config_at(&o->model->config, l->image_size);
    int64_t size = l->image_size, masks = l->images * l->objects;
    scl_sam m = {.graph = s->graph,
                 .config = &seen,
                 .adaptation = o->adaptation,
                 .table_grid = scl_sam_grid(&o->model->config)};
    scl_mask_range range = scl_candidates_range(o->masks);
    s->image = scl_input(s->graph, "image", SCL_F32, SCL_SHAPE(l->images, size, size, 3));
    declare_prompts(s, l, masks);
    *prompts = (scl_sam_prompts){.coords = s->coords,
                                 .labels = s->labels,
                                 .token_count = s->token_count,
                                 .mask = s->mask,
                                 .has_mask = s->has_mask};
    s->embedding = scl_sam_image_encoder(&m, s->image);
    return scl_sam_decode(&m, s->embedding, prompts, masks, range.first,
                          seen.classes > 0 ? seen.classes : range.count);
}

static void build_losses(const scl_step_options *o, scl_step_graph *s, const scl_sam_masks *made,
                         const scl_candidates *candidates)
{
    if (o->plugins == NULL || made->logits == NULL)
        return;
    s->first_loss = s->graph->node_count;
    declare_targets(s, &o->layout, o->layout.images * o->layout.objects);
    scl_loss_inputs inputs = {.struct_size = sizeof inputs,
                              .task = (uint32_t)o->task,
                              .classes = made->logits->shape.dim[1],
                              .logits = made->logits,
                              .target = o->layout.multiclass ? s->classes : s->target,
                              .weight = s->weight,
                              .iou_prediction = made->iou};
    s->losses = scl_losses_build(o->plugins, s->graph, &inputs, s->mask_weight, candidates);
    keep(s->losses.total);
    keep(s->losses.parts);
}

static void build_forward(const scl_step_options *o, scl_step_graph *s)
{
    scl_sam_prompts prompts;
    scl_sam_masks made = build_model(o, s, &prompts), chosen = made;
    scl_candidates several = {0};
    bool choose = scl_candidates_range(o->masks).count > 1;
    if (choose) {
        several =
            scl_candidates_make(s->graph, o->masks, &prompts, o->layout.images * o->layout.objects);
        chosen = scl_candidates_choose(s->graph, &several, &made);
    }
    s->logits = chosen.logits;
    s->iou = chosen.iou;
    keep(s->logits);
    keep(s->iou);
    build_losses(o, s, &made, choose ? &several : NULL);
}

/* Trained parameters with a gradient, and their gradients; `params` and `grads` hold as many as the
 * graph has tensors. */
static size_t collect_trained(const scl_step_graph *s, scl_tensor **params, scl_tensor **grads)
{
    size_t count = 0;
    for (size_t i = 0; i < s->graph->tensor_count; i++) {
        scl_tensor *tensor = s->graph->tensors[i];
        if (tensor->grad == NULL)
            continue;
        params[count] = tensor;
        grads[count++] = tensor->grad;
    }
    return count;
}

static void accumulate(scl_step_graph *s, scl_tensor **params, scl_tensor **grads, size_t count)
{
    s->accumulated = scl_arena_alloc(&s->graph->arena, (count + 1) * sizeof(scl_tensor *));
    for (size_t i = 0; i < count && s->accumulated != NULL; i++) {
        char name[256];
        snprintf(name, sizeof name, "accumulated.%s", params[i]->name);
        s->accumulated[i] = scl_state(s->graph, name, params[i]->shape);
        grads[i] = scl_accumulate(s->graph, s->accumulated[i], grads[i]);
    }
    if (s->accumulated == NULL)
        scl_graph_out_of_memory(s->graph, count * sizeof(scl_tensor *), "gradient accumulation");
}

static scl_status build_update(const scl_step_options *o, scl_step_graph *s, scl_error *err)
{
    SCL_TRY(scl_autodiff(s->graph, s->losses.total, err));
    size_t tensors = s->graph->tensor_count;
    scl_tensor **params = scl_arena_alloc(&s->graph->arena, 2 * tensors * sizeof *params);
    if (params == NULL)
        return scl_out_of_memory(err, 2 * tensors * sizeof *params, "a training graph");
    scl_tensor **grads = params + tensors;
    s->trained_count = collect_trained(s, params, grads);
    for (size_t i = 0; i < s->trained_count; i++)
        s->trained_values += scl_shape_count(params[i]->shape);
    SCL_TRY(scl_run_plugins_check_groups(o->plugins, params, s->trained_count, err));
    if (o->train->grad_accum_steps > 1)
        accumulate(s, params, grads, s->trained_count);
    size_t before = s->graph->node_count;
    SCL_TRY(scl_optimizer_build(s->graph, o->train, params, grads, s->trained_count, &s->optimizer,
                                err));
    s->first_update = s->graph->nodes[before];
    return SCL_OK;
}

/* Whether the node is a loss's, or the gradient of one that is. */
static bool is_of_losses(const scl_graph *graph, size_t first, size_t end, const scl_node *node)
{
    for (size_t i = first; i < end; i++)
        if (graph->nodes[i]->scope == node->scope)
            return true;
    return false;
}

/* The losses and, right behind the forward pass, their gradients. */
static scl_status fuse_losses(scl_step_graph *s, size_t forward, scl_error *err)
{
    size_t first = s->first_loss, end = forward;
    while (end < s->graph->node_count &&
           is_of_losses(s->graph, first, forward, s->graph->nodes[end]))
        end++;
    return scl_graph_fuse_pointwise(s->graph, first, end, err);
}

/* After the last node that logits or losses need. */
static void find_backward(scl_step_graph *s)
{
    const scl_tensor *results[] = {s->logits, s->iou, s->losses.total, s->losses.parts};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        const scl_tensor *base = results[i] != NULL ? results[i]->base : NULL;
        if (base != NULL && base->producer != NULL && base->producer->id >= s->backward_begin)
            s->backward_begin = base->producer->id + 1;
    }
}

scl_status scl_step_graph_build(const scl_step_options *options, scl_step_graph *out,
                                scl_error *err)
{
    *out = (scl_step_graph){.graph = scl_graph_create(err)};
    if (out->graph == NULL)
        return err->status;
    out->graph->training = options->training || options->train != NULL;
    build_forward(options, out);
    SCL_TRY(scl_graph_status(out->graph, err));
    size_t forward = out->graph->node_count;
    if (options->train != NULL)
        SCL_TRY(build_update(options, out, err));
    SCL_TRY(fuse_losses(out, forward, err));
    SCL_TRY(scl_graph_fuse(out->graph, err));
    out->random_key = scl_graph_find(out->graph, SCL_RANDOM_KEY);
    find_backward(out);
    return SCL_OK;
}
