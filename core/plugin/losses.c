#include "plugin/losses.h"

#include "plugin/builder.h"
#include "plugin/expression.h"

#include <stdio.h>
#include <string.h>

#define FAR_TOO_HIGH 1e30f /* no loss of an eligible mask is as high */

/* What the plugin returned, as [masks]. */
static scl_tensor *value_per_mask(scl_graph *g, scl_tensor *value, int64_t masks)
{
    char text[SCL_SHAPE_TEXT];
    if (value == NULL)
        return NULL;
    if (value->dtype != SCL_F32 || scl_shape_count(value->shape) != masks)
        return scl_graph_fail(g,
                              "it must return one float32 value per mask: %lld, returned %s of "
                              "shape %s",
                              (long long)masks, value->dtype == SCL_F32 ? "float32" : "int32",
                              scl_shape_text(value->shape, text));
    return scl_reshape(g, value, SCL_SHAPE(masks));
}

/* What one loss returns: [masks]. */
static scl_tensor *build_values(const scl_run_plugin *loss, scl_graph *g,
                                const scl_loss_inputs *inputs)
{
    scl_plugin_builder b;
    scl_loss_inputs given = *inputs;
    given.struct_size = sizeof given;
    char who[SCL_PLUGIN_WHO];
    snprintf(who, sizeof who, "loss %s", loss->label);
    if (!scl_plugin_builder_begin(&b, g, &loss->file, who, NULL))
        return NULL;
    b.run = loss->expression == NULL ? loss : NULL; /* an expression puts its characters' place */
    scl_tensor *value = loss->expression != NULL
                            ? scl_expression_build(loss->expression, &b, &given)
                            : loss->file.facts.loss.build(&b.table, loss->params, &given);
    value = scl_plugin_builder_result(&b, value);
    value = value_per_mask(g, value, given.logits->shape.dim[0]);
    scl_plugin_builder_end(&b);
    return value;
}

/* x [M, 1 or K, H, W] as M * K masks: [M * K, 1, H, W]. */
static scl_tensor *as_masks(scl_graph *g, scl_tensor *x, int64_t count)
{
    if (x == NULL)
        return NULL;
    const int64_t *n = x->shape.dim;
    x = scl_broadcast(g, x, SCL_SHAPE(n[0], count, n[2], n[3]));
    return scl_reshape(g, x, SCL_SHAPE(n[0] * count, 1, n[2], n[3]));
}

static scl_loss_inputs each_candidate(scl_graph *g, const scl_loss_inputs *in)
{
    scl_loss_inputs all = *in;
    int64_t count = in->logits->shape.dim[1], masks = in->logits->shape.dim[0] * count;
    all.classes = 1;
    all.logits = as_masks(g, in->logits, count);
    all.target = as_masks(g, in->target, count);
    all.weight = as_masks(g, in->weight, count);
    all.iou_prediction = scl_reshape(g, in->iou_prediction, SCL_SHAPE(masks, 1));
    return all;
}

/* [M, K]: 1 at the object's eligible mask whose losses are the lowest. */
static scl_tensor *best_candidates(const scl_run_plugins *plugins, scl_graph *g,
                                   scl_tensor *const *values, scl_tensor *eligible)
{
    scl_tensor *sum = scl_affine(g, eligible, -FAR_TOO_HIGH, FAR_TOO_HIGH);
    for (size_t i = 0; i < plugins->loss_count; i++) {
        const scl_run_plugin *loss = &plugins->losses[i];
        scl_tensor *value = scl_stop_gradient(g, values[i]);
        if (value == NULL || loss->weight <= 0 || loss->file.facts.loss.every_mask != 0)
            continue;
        value = scl_reshape(g, value, eligible->shape);
        sum = scl_add(g, sum, scl_affine(g, value, (float)loss->weight, 0));
    }
    return scl_argmax_one_hot(g, scl_affine(g, sum, -1, 0));
}

/* What the values of a loss are weighted with: [masks]. `share` [M, K] is that of an object's
 * masks; NULL: it has one. */
static scl_tensor *weights_of(scl_graph *g, scl_tensor *mask_weight, scl_tensor *share)
{
    if (share == NULL || mask_weight == NULL)
        return mask_weight;
    int64_t objects = share->shape.dim[0];
    mask_weight = scl_reshape(g, mask_weight, SCL_SHAPE(objects, 1));
    return scl_reshape(g, scl_mul(g, mask_weight, share), SCL_SHAPE(objects * share->shape.dim[1]));
}

/* The added terms are those of a whole batch: each counts by the batch's share of the window. */
static void add_terms(scl_graph *g, scl_tensor *mask_weight, scl_losses *losses, scl_tensor **parts)
{
    scl_tensor *share = g->added_loss_count > 0 ? scl_sum(g, mask_weight, 0, 1) : NULL;
    int64_t first = losses->count;
    for (size_t i = 0; i < g->added_loss_count; i++) {
        const scl_added_loss *added = &g->added_losses[i];
        scl_tensor *value = scl_mul(g, added->value, share);
        int64_t k = first;
        while (k < losses->count && strcmp(losses->labels[k], added->label) != 0)
            k++;
        parts[k] = k < losses->count ? scl_add(g, parts[k], value) : value;
        losses->labels[k] = added->label;
        losses->count += k == losses->count;
    }
    for (int64_t k = first; k < losses->count; k++)
        losses->total = losses->total != NULL ? scl_add(g, losses->total, parts[k]) : parts[k];
}

scl_losses scl_losses_build(const scl_run_plugins *plugins, scl_graph *graph,
                            const scl_loss_inputs *inputs, scl_tensor *mask_weight,
                            const scl_candidates *candidates)
{
    size_t most = plugins->loss_count + graph->added_loss_count;
    scl_losses losses = {.count = (int64_t)plugins->loss_count};
    if (graph->error.status != SCL_OK)
        return (scl_losses){0};
    scl_tensor **parts = scl_arena_alloc(&graph->arena, most * sizeof *parts);
    losses.labels = scl_arena_alloc(&graph->arena, most * sizeof *losses.labels);
    if (parts == NULL || losses.labels == NULL) {
        scl_out_of_memory(&graph->error, most * sizeof *parts, "the losses");
        return (scl_losses){0};
    }
    const char *outer_scope = scl_graph_scope(graph, "losses");
    mask_weight = scl_reshape(graph, mask_weight, SCL_SHAPE(inputs->logits->shape.dim[0]));
    scl_loss_inputs given = candidates != NULL ? each_candidate(graph, inputs) : *inputs;
    for (size_t i = 0; i < plugins->loss_count; i++)
        parts[i] = build_values(&plugins->losses[i], graph, &given);
    scl_tensor *alike = NULL, *best = NULL;
    if (candidates != NULL) {
        scl_tensor *eligible = candidates->eligible;
        alike = scl_div(graph, eligible, scl_sum(graph, eligible, 1, 1));
        best = candidates->best ? best_candidates(plugins, graph, parts, eligible) : alike;
    }
    for (size_t i = 0; i < plugins->loss_count; i++) {
        const scl_run_plugin *loss = &plugins->losses[i];
        losses.labels[i] = loss->label;
        scl_tensor *share = loss->file.facts.loss.every_mask != 0 ? alike : best;
        parts[i] = scl_mul(graph, parts[i], weights_of(graph, mask_weight, share));
        parts[i] = scl_sum(graph, parts[i], 0, 1);
        scl_tensor *term = scl_affine(graph, parts[i], (float)loss->weight, 0);
        if (loss->weight > 0)
            losses.total = losses.total == NULL ? term : scl_add(graph, losses.total, term);
    }
    add_terms(graph, mask_weight, &losses, parts);
    losses.parts = scl_concat(graph, parts, (int)losses.count, 0);
    graph->scope = outer_scope;
    return losses.parts != NULL ? losses : (scl_losses){0};
}
