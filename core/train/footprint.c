#include "train/footprint.h"

#include "base/str.h"
#include "data/loader.h"
#include "data/run_data.h"
#include "eval/evaluator.h"
#include "graph/dry_device.h"
#include "plugin/adaptation.h"
#include "step/optimizer.h"
#include "step/step_plan.h"
#include "step/stepper.h"

/* A run on the device that only counts. */
typedef struct dry_run {
    scl_run_config config;
    scl_run_plugins plugins;
    scl_adaptation adaptation;
    scl_device *device;
    scl_model *model;
    scl_sam_config seen;     /* see job.h */
    scl_prefix_cache *cache; /* empty: that there is one makes frozen layers run once */
    scl_data_config eval_data;
    scl_stepper *stepper;
    scl_evaluator *evaluator;
    scl_footprint *out;
} dry_run;

static scl_status open_model(dry_run *r, scl_error *err)
{
    const scl_data_config *data = &r->config.data;
    r->adaptation = scl_run_plugins_adaptation(&r->plugins);
    const scl_model_source source = {.section = &r->config.model,
                                     .classes =
                                         data->task == SCL_TASK_MULTICLASS ? data->classes : 0,
                                     .adaptation = &r->adaptation,
                                     .without_values = true};
    SCL_TRY(scl_model_open(r->device, &source, &r->model, err));
    SCL_TRY(scl_model_training_config(&r->model->config, &r->config, &r->seen, err));
    return scl_run_plugins_check_model(&r->plugins, r->model->catalog, err);
}

/* As training has it: of the validation images, else of those it makes pictures of. There are
 * assumed to be as many as a batch holds. */
static scl_status make_evaluator(dry_run *r, scl_error *err)
{
    const scl_run_config *c = &r->config;
    bool validates = c->data.val.given || c->data.val_split > 0;
    int64_t images = validates ? c->train.batch_size : c->train.samples;
    if (images == 0)
        return SCL_OK;
    const scl_dataset dataset = {.config = validates ? &r->eval_data : &c->data,
                                 .count = (size_t)images};
    const scl_eval_options options = {.model = r->model,
                                      .adaptation = &r->adaptation,
                                      .plugins = &r->plugins,
                                      .config = c,
                                      .dataset = &dataset,
                                      .cache = r->cache};
    size_t before = r->device->bytes_in_use;
    SCL_TRY(scl_evaluator_create(&options, &r->evaluator, err));
    r->out->validation = r->device->bytes_in_use - before;
    return SCL_OK;
}

static scl_step_options step_options(const dry_run *r)
{
    const scl_run_config *c = &r->config;
    return (scl_step_options){.model = r->model,
                              .adaptation = &r->adaptation,
                              .plugins = &r->plugins,
                              .train = &c->train,
                              .masks = &c->train,
                              .layout =
                                  scl_batch_layout_make(&c->data, &r->seen, c->train.batch_size),
                              .task = (scl_task)c->data.task};
}

/* ---- what there is */

static size_t entry_bytes(const dry_run *r, const scl_store_entry *entry)
{
    return (size_t)scl_shape_count(entry->shape) * r->device->backend->element_size(SCL_F32);
}

/* By kind; returns the sum. */
static size_t count_store(const dry_run *r)
{
    const scl_store *store = r->model->store;
    scl_footprint *f = r->out;
    for (size_t i = 0; i < store->count; i++) {
        const scl_store_entry *entry = &store->entries[i];
        const scl_tensor *param = scl_graph_find(r->model->catalog, entry->name);
        size_t *sum =
            entry->kind == SCL_TENSOR_PARAM
                ? (param != NULL && param->trained ? &f->trained_weights : &f->frozen_weights)
            : scl_starts_with(entry->name, SCL_OPTIMIZER_PREFIX) ? &f->optimizer
                                                                 : &f->accumulated;
        *sum += entry_bytes(r, entry);
    }
    return f->frozen_weights + f->trained_weights + f->optimizer + f->accumulated;
}

static double work_of(const scl_plan *plan)
{
    double work = 0;
    for (size_t n = 0; n < plan->node_count; n++)
        work += scl_node_work(plan->nodes[n]);
    return work;
}

static scl_status count_device(const dry_run *r, scl_error *err)
{
    scl_footprint *f = r->out;
    scl_stepper_memory m = scl_stepper_get_memory(r->stepper);
    SCL_TRY(scl_peak_find(m.plan, m.backward_begin, &f->step, err));
    f->total = r->device->bytes_peak;
    f->step_bytes = m.plan->arena_bytes;
    f->live_bytes = m.plan->live_bytes;
    f->plain_bytes = m.plain_bytes;
    f->again_count = m.again_count;
    f->again_work = m.again_work;
    f->frozen_layers = m.prefix_bytes;
    f->cached = scl_stepper_uses_cache(r->stepper);
    f->work = work_of(m.plan) / (double)r->config.train.batch_size;
    size_t named = count_store(r) + f->step_bytes + f->frozen_layers + f->validation;
    f->inputs = f->total - named;
    return SCL_OK;
}

static void count_host(const dry_run *r)
{
    scl_footprint *f = r->out;
    const scl_run_config *c = &r->config;
    scl_batch_layout layout = step_options(r).layout;
    f->host_batches = SCL_LOADER_BATCHES * scl_batch_bytes(&layout);
    f->host_cache = f->cached ? (size_t)c->cache.memory : 0;
    f->budget = scl_run_config_memory_budget(c);
    f->batch_size = c->train.batch_size;
    f->window = c->train.grad_accum_steps;
    f->image_size = layout.image_size;
    f->objects = layout.objects;
}

/* From the step as it is when nothing runs again. */
static scl_status find_choices(const dry_run *r, scl_recompute *choices, scl_error *err)
{
    scl_step_options options = step_options(r);
    scl_step_graph graph;
    scl_split split = {0};
    bool cached = false;
    scl_status status = scl_step_graph_build(&options, &graph, err);
    if (status == SCL_OK)
        status = scl_step_plan_split(&graph, true, &split, &cached, err);
    if (status == SCL_OK)
        status = scl_step_plan_choices(&graph, &split, r->device, choices, err);
    scl_split_free(&split);
    scl_graph_free(graph.graph);
    return status;
}

/* ---- the run */

static scl_status make(dry_run *r, scl_recompute *choices, scl_error *err)
{
    SCL_TRY(scl_run_plugins_open(&r->config, &r->plugins, err));
    r->eval_data = scl_run_data_eval_config(&r->config.data);
    SCL_TRY(open_model(r, err));
    SCL_TRY(scl_prefix_cache_open(0, 0, NULL, &r->cache, err));
    SCL_TRY(make_evaluator(r, err));
    r->device->memory_budget = scl_run_config_memory_budget(&r->config);
    scl_step_options options = step_options(r);
    SCL_TRY(scl_stepper_create(&options, r->cache, &r->stepper, err));
    SCL_TRY(count_device(r, err));
    count_host(r);
    return choices != NULL ? find_choices(r, choices, err) : SCL_OK;
}

static void discard(dry_run *r)
{
    scl_stepper_free(r->stepper);
    scl_evaluator_free(r->evaluator);
    scl_prefix_cache_close(r->cache);
    scl_model_free(r->model);
    scl_run_config_free(&r->config);
    scl_run_plugins_close(&r->plugins);
    if (r->device != NULL)
        r->device->backend->close(r->device);
    scl_free(r);
}

scl_status scl_footprint_find(const char *path, const char *const *settings, size_t setting_count,
                              scl_device *device, scl_footprint *out, scl_recompute *choices,
                              scl_error *err)
{
    dry_run *r = scl_calloc(1, sizeof *r);
    *out = (scl_footprint){0};
    if (r == NULL)
        return scl_out_of_memory(err, sizeof *r, "a plan");
    r->out = out;
    scl_run_config_load(&r->config, path, settings, setting_count);
    scl_status status = scl_dry_device_open(device, &r->device, err);
    if (status == SCL_OK)
        status = make(r, choices, err);
    discard(r);
    return status;
}
