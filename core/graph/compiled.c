#include "graph/compiled.h"

#include "graph/profile.h"

scl_status scl_compile(scl_graph *graph, scl_node *const *nodes, size_t node_count,
                       scl_store *store, scl_compiled *out, scl_error *err)
{
    scl_profile *profile = store->device->profile;
    uint64_t start = scl_profile_now(profile);
    *out = (scl_compiled){.graph = graph};
    scl_status status = scl_graph_status(graph, err);
    if (nodes == NULL) {
        nodes = graph->nodes;
        node_count = graph->node_count;
    }
    if (status == SCL_OK)
        status = scl_plan_create(graph, nodes, node_count, store->device, &out->plan, err);
    if (status == SCL_OK)
        status = scl_schedule_create(out->plan, store, &out->schedule, err);
    scl_profile_phase(profile, "plan and build kernels", start);
    if (status != SCL_OK)
        scl_compiled_free(out);
    return status;
}

void scl_compiled_free(scl_compiled *compiled)
{
    scl_schedule_free(compiled->schedule);
    scl_plan_free(compiled->plan);
    scl_graph_free(compiled->graph);
    *compiled = (scl_compiled){0};
}
