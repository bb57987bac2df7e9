#include "plugin/losses.h"

#include "plugin/builder.h"

#include <stdio.h>
#include <string.h>

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

/* The scalar [1] of one loss. mask_weight [masks]. */
static scl_tensor *build_part(const scl_run_plugin *loss, scl_graph *g,
                              const scl_loss_inputs *inputs, scl_tensor *mask_weight)
{
    scl_plugin_builder b;
    scl_loss_inputs given = *inputs;
    given.struct_size = sizeof given;
    char who[SCL_PLUGIN_WHO];
    snprintf(who, sizeof who, "loss %s", loss->label);
    if (!scl_plugin_builder_begin(&b, g, &loss->file, who, NULL))
        return NULL;
    scl_tensor *value = loss->file.facts.loss.build(&b.table, loss->params, &given);
    value = scl_plugin_builder_result(&b, value);
    value = value_per_mask(g, value, scl_shape_count(mask_weight->shape));
    scl_tensor *part = scl_sum(g, scl_mul(g, value, mask_weight), 0, 1);
    scl_plugin_builder_end(&b);
    return part;
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
                            const scl_loss_inputs *inputs, scl_tensor *mask_weight)
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
    mask_weight = scl_reshape(graph, mask_weight, SCL_SHAPE(inputs->logits->shape.dim[0]));
    for (size_t i = 0; i < plugins->loss_count; i++) {
        const scl_run_plugin *loss = &plugins->losses[i];
        losses.labels[i] = loss->label;
        parts[i] = build_part(loss, graph, inputs, mask_weight);
        scl_tensor *term = scl_affine(graph, parts[i], (float)loss->weight, 0);
        if (loss->weight > 0)
            losses.total = losses.total == NULL ? term : scl_add(graph, losses.total, term);
    }
    add_terms(graph, mask_weight, &losses, parts);
    losses.parts = scl_concat(graph, parts, (int)losses.count, 0);
    return losses.parts != NULL ? losses : (scl_losses){0};
}
