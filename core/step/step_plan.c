#include "step/step_plan.h"

#include "base/log.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>

/* Work that must be saved per byte kept: reading a byte back costs about as much as this. */
#define MIN_FLOPS_PER_BYTE 2000.0

/* Share of a step's work that is spent on less memory, asked or not: nobody can measure it. */
#define FREE_WORK 0.01

static bool worth_caching(const scl_split *split)
{
    double bytes = 0;
    for (size_t i = 0; i < split->frontier_count; i++)
        bytes += (double)scl_shape_count(split->frontier[i]->shape) * sizeof(float);
    return split->prefix_count > 0 && bytes > 0 && split->flops / bytes >= MIN_FLOPS_PER_BYTE;
}

scl_status scl_step_plan_split(const scl_step_graph *graph, bool cache, scl_split *split,
                               bool *cached, scl_error *err)
{
    SCL_TRY(
        scl_graph_split(graph->graph, cache ? graph->image : NULL, graph->embedding, split, err));
    *cached = cache && worth_caching(split);
    if (!cache || *cached)
        return SCL_OK;
    scl_split_free(split);
    return scl_graph_split(graph->graph, NULL, NULL, split, err);
}

static scl_pass pass_of(const scl_step_graph *graph, const scl_split *split)
{
    size_t backward = split->once_count;
    while (backward < split->live_count && split->live[backward]->id < graph->backward_begin)
        backward++;
    return (scl_pass){.nodes = split->live,
                      .count = split->live_count,
                      .first = split->once_count,
                      .backward = backward};
}

/* Indices in the split's nodes. */
static void find_marks(const scl_step_graph *graph, const scl_pass *pass, scl_step_plan *out)
{
    out->once_end = pass->first;
    out->backward_begin = pass->backward;
    out->update_begin = pass->count;
    for (size_t i = pass->first; i < pass->count && graph->first_update != NULL; i++)
        if (pass->nodes[i] == graph->first_update)
            out->update_begin = i;
}

/* In MiB, the need rounded up, so that a budget of it is enough. */
static scl_status too_small(const scl_step_options *options, size_t arena, size_t leaves,
                            scl_error *err)
{
    const double mib = 1024.0 * 1024;
    const scl_device *device = options->model->device;
    bool budget = device->memory_budget > 0;
    size_t limit = budget ? device->memory_budget : device->info.memory_bytes;
    return scl_fail(err, SCL_DEVICE,
                    "this run needs at least %.0f MiB of device memory, but %s %.1f MiB: %slower "
                    "batch_size (%lld) or image_size (%lld), or train less: an adapter in the last "
                    "blocks, or the decoder only; samcl plan shows what each would save",
                    ceil((double)(device->bytes_in_use + arena + leaves) / mib),
                    budget ? "memory_budget is" : "the device has", (double)limit / mib,
                    budget ? "raise it, " : "", (long long)options->layout.images,
                    (long long)options->model->config.image_size);
}

static void tell(const scl_step_plan *p, const scl_device *device)
{
    char plain[SCL_BYTES_TEXT], now[SCL_BYTES_TEXT], most[SCL_BYTES_TEXT], why[128] = "";
    bool budget = device->memory_budget > 0;
    if (p->again_work > FREE_WORK)
        snprintf(why, sizeof why, "to fit %s %s, ", budget ? "memory_budget" : "the device's",
                 scl_bytes_text(budget ? device->memory_budget : device->info.memory_bytes, most));
    scl_log(SCL_LOG_INFO,
            "%s%zu operations of the forward pass run again for the gradients (%.1f %% more "
            "work): activations take %s instead of %s",
            why, p->again_count, 100 * p->again_work, scl_bytes_text(p->plan->arena_bytes, now),
            scl_bytes_text(p->plain_bytes, plain));
}

static scl_status plan_nodes(const scl_step_graph *graph, scl_node *const *nodes, size_t count,
                             scl_device *device, scl_step_plan *out, scl_error *err)
{
    scl_plan_free(out->plan);
    out->plan = NULL;
    return scl_plan_create(graph->graph, nodes, count, device, &out->plan, err);
}

/* Plans what is computed again for a lower bound of `bytes`, and moves the marks to it. */
static scl_status plan_smaller(const scl_step_graph *graph, const scl_pass *pass,
                               scl_device *device, size_t bytes, scl_step_plan *out, scl_error *err)
{
    scl_recompute again = {0};
    scl_recompute_goal goal = {.bytes = bytes, .spare_work = FREE_WORK};
    SCL_TRY(scl_recompute_choose(graph->graph, pass, device, goal, &again, err));
    scl_status status = plan_nodes(graph, again.nodes, again.count, device, out, err);
    find_marks(graph, pass, out);
    out->backward_begin = pass->backward < pass->count ? again.places[pass->backward] : again.count;
    out->update_begin =
        out->update_begin < pass->count ? again.places[out->update_begin] : again.count;
    out->again_count = again.again_count;
    out->again_work = again.work;
    scl_recompute_free(&again);
    return status;
}

scl_status scl_step_plan_make(const scl_step_graph *graph, const scl_split *split,
                              const scl_step_options *options, scl_step_plan *out, scl_error *err)
{
    scl_pass pass = pass_of(graph, split);
    scl_device *device = options->model->device;
    *out = (scl_step_plan){0};
    find_marks(graph, &pass, out);
    SCL_TRY(plan_nodes(graph, pass.nodes, pass.count, device, out, err));
    out->plain_bytes = out->plan->arena_bytes;
    size_t leaves = scl_schedule_leaf_bytes(out->plan, options->model->store);
    size_t left = scl_device_bytes_left(device), room = left > leaves ? left - leaves : 0;
    size_t budget = room;
    bool spare = pass.backward < pass.count; /* gradients: some work is spent in any case */
    for (; spare || out->plan->arena_bytes > room; spare = false) {
        size_t before = out->plan->arena_bytes;
        SCL_TRY(plan_smaller(graph, &pass, device, budget, out, err));
        size_t arena = out->plan->arena_bytes;
        if (arena > room && (out->plan->live_bytes > budget || arena - room >= budget))
            return too_small(options, arena < before ? arena : before, leaves, err);
        budget -= arena > room ? arena - room : 0; /* the arena has gaps: aim lower */
    }
    if (out->again_count > 0)
        tell(out, device);
    return SCL_OK;
}

void scl_step_plan_free(scl_step_plan *plan)
{
    scl_plan_free(plan->plan);
    *plan = (scl_step_plan){0};
}

scl_status scl_step_plan_choices(const scl_step_graph *graph, const scl_split *split,
                                 scl_device *device, scl_recompute *choices, scl_error *err)
{
    scl_pass pass = pass_of(graph, split);
    return scl_recompute_choose(graph->graph, &pass, device, (scl_recompute_goal){0}, choices, err);
}
