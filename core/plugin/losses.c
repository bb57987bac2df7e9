#include "plugin/losses.h"

#include "plugin/builder.h"
#include "plugin/expression.h"

#include <stdio.h>

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
    if (!scl_plugin_builder_begin(&b, g, who, NULL))
        return NULL;
    scl_tensor *value = loss->expression != NULL
                            ? scl_expression_build(loss->expression, &b, &given)
                            : loss->file.facts.loss.build(&b.table, loss->params, &given);
    value = scl_plugin_builder_result(&b, value);
    value = value_per_mask(g, value, scl_shape_count(mask_weight->shape));
    scl_tensor *part = scl_sum(g, scl_mul(g, value, mask_weight), 0, 1);
    scl_plugin_builder_end(&b);
    return part;
}

scl_losses scl_losses_build(const scl_run_plugins *plugins, scl_graph *graph,
                            const scl_loss_inputs *inputs, scl_tensor *mask_weight)
{
    size_t count = plugins->loss_count;
    if (graph->error.status != SCL_OK)
        return (scl_losses){0};
    scl_tensor **parts = scl_arena_alloc(&graph->arena, count * sizeof *parts), *total = NULL;
    if (parts == NULL) {
        scl_out_of_memory(&graph->error, count * sizeof *parts, "the losses");
        return (scl_losses){0};
    }
    const char *outer_scope = scl_graph_scope(graph, "losses");
    mask_weight = scl_reshape(graph, mask_weight, SCL_SHAPE(inputs->logits->shape.dim[0]));
    for (size_t i = 0; i < count; i++) {
        const scl_run_plugin *loss = &plugins->losses[i];
        parts[i] = build_part(loss, graph, inputs, mask_weight);
        scl_tensor *term = scl_affine(graph, parts[i], (float)loss->weight, 0);
        if (loss->weight > 0)
            total = total == NULL ? term : scl_add(graph, total, term);
    }
    scl_tensor *joined = scl_concat(graph, parts, (int)count, 0);
    graph->scope = outer_scope;
    return (scl_losses){.total = joined != NULL ? total : NULL, .parts = joined};
}
