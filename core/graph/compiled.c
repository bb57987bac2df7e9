#include "graph/compiled.h"

#include "base/str.h"
#include "graph/profile.h"

static scl_status check_fits(const scl_plan *plan, const scl_store *store, scl_error *err)
{
    char needed[SCL_BYTES_TEXT], used[SCL_BYTES_TEXT], most[SCL_BYTES_TEXT];
    const scl_device *device = store->device;
    size_t bytes = plan->arena_bytes + scl_schedule_leaf_bytes(plan, store);
    if (bytes <= scl_device_bytes_left(device))
        return SCL_OK;
    bool budget = device->memory_budget > 0;
    return scl_fail(
        err, SCL_DEVICE,
        "%s are needed beside the %s in use for weights, but %s %s: %slower image_size "
        "or batch_size, or take a smaller model",
        scl_bytes_text(bytes, needed), scl_bytes_text(device->bytes_in_use, used),
        budget ? "the memory budget is" : "the device has",
        scl_bytes_text(budget ? device->memory_budget : device->info.memory_bytes, most),
        budget ? "raise it, " : "");
}

scl_status scl_compile_planned(scl_graph *graph, scl_plan *plan, scl_store *store,
                               scl_compiled *out, scl_error *err)
{
    scl_profile *profile = store->device->profile;
    uint64_t start = scl_profile_now(profile);
    *out = (scl_compiled){.graph = graph, .plan = plan};
    scl_status status = scl_schedule_create(plan, store, &out->schedule, err);
    scl_profile_phase(profile, "build kernels", start);
    if (status != SCL_OK)
        scl_compiled_free(out);
    return status;
}

scl_status scl_compile(scl_graph *graph, scl_node *const *nodes, size_t node_count,
                       scl_store *store, scl_compiled *out, scl_error *err)
{
    scl_plan *plan = NULL;
    scl_status status = scl_graph_status(graph, err);
    *out = (scl_compiled){0};
    if (nodes == NULL) {
        nodes = graph->nodes;
        node_count = graph->node_count;
    }
    if (status == SCL_OK)
        status = scl_plan_create(graph, nodes, node_count, store->device, &plan, err);
    if (status == SCL_OK)
        status = check_fits(plan, store, err);
    if (status == SCL_OK)
        return scl_compile_planned(graph, plan, store, out, err);
    scl_plan_free(plan);
    scl_graph_free(graph);
    return status;
}

void scl_compiled_free(scl_compiled *compiled)
{
    scl_schedule_free(compiled->schedule);
    scl_plan_free(compiled->plan);
    scl_graph_free(compiled->graph);
    *compiled = (scl_compiled){0};
}
