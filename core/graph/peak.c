#include "graph/peak.h"

/* Which kind of bytes a place holds. */
typedef enum kind { ACTIVATION, GRADIENT, PASSING, WORKSPACE, KINDS } kind;

/* By tensor id: storage of a parameter's gradient. */
static void mark_gradients(const scl_graph *graph, bool *is_gradient)
{
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->grad != NULL)
            is_gradient[graph->tensors[i]->grad->base->id] = true;
}

/* The kind of each place at the peak: that of the last result put there. */
static void find_kinds(const scl_plan *plan, size_t backward, const bool *is_gradient,
                       uint8_t *kinds)
{
    for (size_t n = 0; n < plan->node_count && (int32_t)n <= plan->peak_node; n++) {
        const scl_node *node = plan->nodes[n];
        for (int i = 0; i < node->output_count; i++) {
            const scl_tensor *output = node->outputs[i];
            int32_t place = output != NULL ? plan->place_of_tensor[output->id] : SCL_NOT_PLACED;
            if (place != SCL_NOT_PLACED && output->base == output)
                kinds[place] = is_gradient[output->id] ? GRADIENT
                               : n < backward          ? ACTIVATION
                                                       : PASSING;
        }
        if (plan->place_of_workspace[n] != SCL_NOT_PLACED)
            kinds[plan->place_of_workspace[n]] = WORKSPACE;
    }
}

scl_status scl_peak_find(const scl_plan *plan, size_t backward, scl_peak *out, scl_error *err)
{
    size_t bytes[KINDS] = {0};
    bool *is_gradient = scl_calloc(plan->graph->tensor_count, sizeof *is_gradient);
    uint8_t *kinds = scl_calloc(plan->place_count, sizeof *kinds);
    bool memory = is_gradient != NULL && kinds != NULL;
    if (memory) {
        mark_gradients(plan->graph, is_gradient);
        find_kinds(plan, backward, is_gradient, kinds);
        for (size_t i = 0; i < plan->place_count; i++)
            if (plan->places[i].first <= plan->peak_node && plan->peak_node <= plan->places[i].last)
                bytes[kinds[i]] += plan->places[i].bytes;
    }
    *out = (scl_peak){.activations = bytes[ACTIVATION],
                      .gradients = bytes[GRADIENT],
                      .passing = bytes[PASSING],
                      .workspace = bytes[WORKSPACE],
                      .gaps = plan->arena_bytes - plan->live_bytes};
    scl_free(is_gradient);
    scl_free(kinds);
    return memory ? SCL_OK : scl_out_of_memory(err, plan->place_count, "a plan's peak");
}
