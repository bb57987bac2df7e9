#include "step/stepper.h"

#include "base/rng.h"
#include "graph/compiled.h"
#include "samcl/samcl.h"
#include "step/step_plan.h"

#include <math.h>
#include <string.h>

struct scl_stepper {
    scl_step_options options;
    scl_step_graph graph;
    scl_compiled live;
    size_t once_end, update_begin, norm_end; /* indices in the live plan's nodes */
    scl_stepper_memory memory;

    /* The frozen prefix, for one image at a time; unused when prefix.schedule is NULL. */
    scl_prefix_cache *cache;
    scl_step_graph one;
    scl_compiled prefix;
    scl_tensor *frontier[SCL_FRONTIER_MAX];     /* of the live graph */
    scl_tensor *one_frontier[SCL_FRONTIER_MAX]; /* of the prefix's */
    size_t counts[SCL_FRONTIER_MAX];            /* values per image */
    float *values[SCL_FRONTIER_MAX];
    size_t frontier_count;
    scl_hash128 frozen_key;
};

static scl_status compile_live(scl_stepper *step, const scl_split *split, scl_error *err)
{
    scl_step_plan plan;
    scl_status status = scl_step_plan_make(&step->graph, split, &step->options, &plan, err);
    step->once_end = plan.once_end;
    step->update_begin = plan.update_begin;
    step->norm_end = plan.update_begin + 1;
    step->memory.plain_bytes = plan.plain_bytes;
    step->memory.again_count = plan.again_count;
    step->memory.again_work = plan.again_work;
    step->memory.backward_begin = plan.backward_begin;
    if (status != SCL_OK) {
        scl_step_plan_free(&plan);
        return status;
    }
    scl_graph *graph = step->graph.graph;
    step->graph.graph = NULL; /* taken, as the plan is */
    SCL_TRY(scl_compile_planned(graph, plan.plan, step->options.model->store, &step->live, err));
    return scl_schedule_run(step->live.schedule, 0, step->once_end, err);
}

scl_hash128 scl_frozen_key(const char *version, const scl_device *device, scl_hash128 graph,
                           scl_hash128 weights)
{
    const scl_hash128 parts[] = {scl_device_identity(device), graph, weights};
    scl_hash128 key = scl_hash128_of(version, strlen(version));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        key = scl_hash128_join(key, parts[i]);
    return key;
}

/* The same model for one image, of which only the prefix runs. */
static scl_status compile_prefix(scl_stepper *step, scl_error *err)
{
    scl_step_options options = step->options;
    scl_split split = {0};
    options.layout.images = 1;
    options.plugins = NULL;
    options.training |= options.train != NULL; /* the nodes before it are the same */
    options.train = NULL;
    scl_status status = scl_step_graph_build(&options, &step->one, err);
    if (status == SCL_OK)
        status =
            scl_graph_split(step->one.graph, step->one.image, step->one.embedding, &split, err);
    if (status == SCL_OK && split.frontier_count != step->frontier_count)
        status = scl_fail(err, SCL_FAILED,
                          "the frozen prefix of one image has %zu results, that "
                          "of a batch %zu",
                          split.frontier_count, step->frontier_count);
    scl_hash128 weights = {0};
    if (status == SCL_OK)
        status =
            scl_store_hash(options.model->store, split.params, split.param_count, &weights, err);
    step->frozen_key =
        scl_frozen_key(scl_version(), options.model->device, split.signature, weights);
    for (size_t i = 0; i < split.frontier_count && status == SCL_OK; i++) {
        step->one_frontier[i] = split.frontier[i];
        step->counts[i] = (size_t)scl_shape_count(split.frontier[i]->shape);
        step->values[i] = scl_calloc(step->counts[i], sizeof(float));
        if (step->values[i] == NULL)
            status = scl_out_of_memory(err, step->counts[i] * sizeof(float), "frozen results");
    }
    scl_graph *graph = step->one.graph;
    step->one.graph = NULL;
    scl_plan *plan = NULL; /* whether it fits is asked when the rest is planned beside it */
    if (status == SCL_OK)
        status = scl_plan_create(graph, split.prefix, split.prefix_count, options.model->device,
                                 &plan, err);
    if (status == SCL_OK)
        status = scl_compile_planned(graph, plan, options.model->store, &step->prefix, err);
    else
        scl_graph_free(graph);
    scl_split_free(&split);
    return status;
}

static scl_status compile_all(scl_stepper *step, scl_error *err)
{
    scl_split split = {0};
    bool cached = false;
    SCL_TRY(scl_step_plan_split(&step->graph, step->cache != NULL, &split, &cached, err));
    step->frontier_count = cached ? split.frontier_count : 0;
    for (size_t i = 0; i < step->frontier_count; i++)
        step->frontier[i] = split.frontier[i];
    /* the prefix first, as the rest is planned for the memory that is left */
    scl_status status = cached ? compile_prefix(step, err) : SCL_OK;
    if (status == SCL_OK)
        status = compile_live(step, &split, err);
    scl_split_free(&split);
    return status;
}

scl_status scl_stepper_create(const scl_step_options *options, scl_prefix_cache *cache,
                              scl_stepper **out, scl_error *err)
{
    scl_stepper *step = scl_calloc(1, sizeof *step);
    *out = NULL;
    if (step == NULL)
        return scl_out_of_memory(err, sizeof *step, "a step");
    step->options = *options;
    step->cache = cache;
    scl_status status = scl_step_graph_build(options, &step->graph, err);
    if (status == SCL_OK)
        status = compile_all(step, err);
    if (status == SCL_OK)
        *out = step;
    else
        scl_stepper_free(step);
    return status;
}

void scl_stepper_free(scl_stepper *step)
{
    if (step == NULL)
        return;
    for (size_t i = 0; i < SCL_FRONTIER_MAX; i++)
        scl_free(step->values[i]);
    scl_compiled_free(&step->live);
    scl_compiled_free(&step->prefix);
    scl_graph_free(step->graph.graph);
    scl_graph_free(step->one.graph);
    scl_free(step);
}

bool scl_stepper_uses_cache(const scl_stepper *step)
{
    return step->prefix.schedule != NULL;
}

int64_t scl_stepper_trained_values(const scl_stepper *step)
{
    return step->graph.trained_values;
}

scl_stepper_memory scl_stepper_get_memory(const scl_stepper *step)
{
    scl_stepper_memory memory = step->memory;
    memory.plan = step->live.plan;
    memory.prefix_bytes = step->prefix.plan != NULL ? step->prefix.plan->arena_bytes : 0;
    return memory;
}

/* ---- one batch */

static scl_status run_prefix(scl_stepper *step, const float *image, scl_error *err)
{
    scl_schedule *schedule = step->prefix.schedule;
    size_t pixels = (size_t)scl_shape_count(step->one.image->shape);
    SCL_TRY(scl_schedule_write(schedule, step->one.image, 0, image, pixels, err));
    SCL_TRY(scl_schedule_run(schedule, 0, step->prefix.plan->node_count, err));
    for (size_t i = 0; i < step->frontier_count; i++)
        SCL_TRY(scl_schedule_read(schedule, step->one_frontier[i], 0, step->values[i],
                                  step->counts[i], err));
    return SCL_OK;
}

static scl_status give_frozen(scl_stepper *step, const scl_batch *batch, int64_t slot,
                              scl_error *err)
{
    size_t pixels = (size_t)scl_shape_count(step->one.image->shape);
    scl_hash128 key = scl_hash128_join(step->frozen_key, batch->about[slot].hash);
    if (!scl_prefix_cache_get(step->cache, key, step->values, step->counts, step->frontier_count)) {
        SCL_TRY(run_prefix(step, batch->image + (size_t)slot * pixels, err));
        scl_prefix_cache_put(step->cache, key, (const float *const *)step->values, step->counts,
                             step->frontier_count);
    }
    for (size_t i = 0; i < step->frontier_count; i++)
        SCL_TRY(scl_schedule_write(step->live.schedule, step->frontier[i],
                                   (size_t)slot * step->counts[i], step->values[i], step->counts[i],
                                   err));
    return SCL_OK;
}

/* A loss need not read the target, or the weights. */
static scl_status give(scl_stepper *step, const scl_tensor *tensor, const void *values,
                       scl_error *err)
{
    if (tensor == NULL || values == NULL || !scl_schedule_has(step->live.schedule, tensor))
        return SCL_OK;
    size_t count = (size_t)scl_shape_count(tensor->shape);
    return scl_schedule_write(step->live.schedule, tensor, 0, values, count, err);
}

/* A function of seed and batch, so that a resumed run draws what an unbroken one would. */
static scl_status give_random_key(scl_stepper *step, const scl_batch *batch, scl_error *err)
{
    scl_rng batches =
        scl_rng_make(step->options.seed, "random", (uint64_t)batch->epoch, (uint64_t)batch->index);
    const int32_t key[2] = {(int32_t)(uint32_t)batches.stream,
                            (int32_t)(uint32_t)(batches.stream >> 32)};
    return give(step, step->graph.random_key, key, err);
}

static scl_status give_batch(scl_stepper *step, const scl_batch *batch, scl_error *err)
{
    const scl_step_graph *s = &step->graph;
    if (!scl_stepper_uses_cache(step))
        SCL_TRY(give(step, s->image, batch->image, err));
    for (int64_t i = 0; i < batch->real_images && scl_stepper_uses_cache(step); i++)
        SCL_TRY(give_frozen(step, batch, i, err));
    SCL_TRY(give(step, s->coords, batch->coords, err));
    SCL_TRY(give(step, s->labels, batch->labels, err));
    SCL_TRY(give(step, s->token_count, batch->token_count, err));
    SCL_TRY(give(step, s->mask, batch->mask, err));
    SCL_TRY(give(step, s->has_mask, batch->has_mask, err));
    SCL_TRY(give(step, s->target, batch->target, err));
    SCL_TRY(give(step, s->classes, batch->classes, err));
    SCL_TRY(give(step, s->weight, batch->weight, err));
    SCL_TRY(give(step, s->mask_weight, batch->mask_weight, err));
    return give_random_key(step, batch, err);
}

scl_status scl_stepper_forward(scl_stepper *step, const scl_batch *batch,
                               scl_stepper_losses *losses, scl_error *err)
{
    scl_schedule *schedule = step->live.schedule;
    SCL_TRY(give_batch(step, batch, err));
    SCL_TRY(scl_schedule_run(schedule, step->once_end, step->update_begin, err));
    *losses = (scl_stepper_losses){0};
    if (step->graph.losses.total == NULL)
        return SCL_OK;
    float total = 0, parts[SCL_STEPPER_MAX_LOSSES] = {0};
    size_t count = (size_t)step->graph.losses.count;
    SCL_TRY(scl_schedule_read(schedule, step->graph.losses.total, 0, &total, 1, err));
    SCL_TRY(scl_schedule_read(schedule, step->graph.losses.parts, 0, parts,
                              count < SCL_STEPPER_MAX_LOSSES ? count : SCL_STEPPER_MAX_LOSSES,
                              err));
    losses->total = (double)total;
    for (size_t i = 0; i < count && i < SCL_STEPPER_MAX_LOSSES; i++)
        losses->parts[i] = (double)parts[i];
    return SCL_OK;
}

const char *const *scl_stepper_loss_labels(const scl_stepper *step, size_t *count)
{
    *count = (size_t)step->graph.losses.count;
    if (*count > SCL_STEPPER_MAX_LOSSES)
        *count = SCL_STEPPER_MAX_LOSSES;
    return step->graph.losses.labels;
}

size_t scl_stepper_logit_count(const scl_stepper *step)
{
    return (size_t)scl_shape_count(step->graph.logits->shape);
}

scl_status scl_stepper_logits(scl_stepper *step, float *logits, scl_error *err)
{
    return scl_schedule_read(step->live.schedule, step->graph.logits, 0, logits,
                             scl_stepper_logit_count(step), err);
}

scl_status scl_stepper_iou(scl_stepper *step, float *iou, scl_error *err)
{
    size_t count = (size_t)scl_shape_count(step->graph.iou->shape);
    return scl_schedule_read(step->live.schedule, step->graph.iou, 0, iou, count, err);
}

scl_status scl_stepper_update(scl_stepper *step, double lr_factor, double average_rate, uint64_t t,
                              double *grad_norm, scl_error *err)
{
    scl_schedule *schedule = step->live.schedule;
    const scl_step_graph *s = &step->graph;
    float norm = 0, hyper[4];
    SCL_TRY(scl_schedule_run(schedule, step->update_begin, step->norm_end, err));
    SCL_TRY(scl_schedule_read(schedule, s->optimizer.grad_norm, 0, &norm, 1, err));
    *grad_norm = (double)norm;
    if (!isfinite(norm))
        return scl_fail(err, SCL_NUMERIC, "the norm of the gradients is %g", (double)norm);
    scl_optimizer_hyper(&step->options.train->optimizer, lr_factor, average_rate, t, hyper);
    SCL_TRY(scl_schedule_write(schedule, s->optimizer.hyper, 0, hyper, 4, err));
    SCL_TRY(scl_schedule_run(schedule, step->norm_end, step->live.plan->node_count, err));
    for (size_t i = 0; s->accumulated != NULL && i < s->trained_count; i++)
        SCL_TRY(scl_schedule_zero(schedule, s->accumulated[i], err));
    return SCL_OK;
}
