#include "train/trainer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "data/loader.h"
#include "eval/gallery.h"
#include "graph/profile.h"
#include "step/average.h"
#include "step/stepper.h"
#include "train/lr_schedule.h"
#include "train/run_info.h"

#include <math.h>
#include <stdio.h>

#define LISTED_IMAGES 8

typedef struct trainer {
    scl_train_job *job;
    const scl_run_config *config;
    const scl_train_events *events;
    scl_stepper *stepper;
    scl_evaluator *evaluator; /* of val, or of a few training images for the pictures */
    scl_loader *loader;
    scl_metric metric;
    int64_t batches;       /* of an epoch */
    uint64_t epoch_steps;  /* optimizer steps of an epoch */
    uint64_t total_steps;  /* of the run */
    double started, began; /* clock at the start; seconds trained before */
    bool means;            /* the model's weights are the means of theirs */
} trainer;

static scl_profile *profile_of(const trainer *t)
{
    return t->job->run.model->device->profile;
}

static double seconds_trained(const trainer *t)
{
    return t->began + scl_clock_seconds() - t->started;
}

/* ---- making */

static scl_status make_stepper(trainer *t, scl_error *err)
{
    scl_tuned_model *run = &t->job->run;
    int64_t images = t->config->train.batch_size;
    scl_step_options options = {.model = run->model,
                                .adaptation = run->used_adaptation,
                                .plugins = &run->plugins,
                                .train = &t->config->train,
                                .masks = &t->config->train,
                                .layout =
                                    scl_batch_layout_make(&t->config->data, &t->job->seen, images),
                                .task = (scl_task)t->config->data.task,
                                .seed = (uint64_t)t->config->seed};
    return scl_stepper_create(&options, t->job->cache, &t->stepper, err);
}

/* Without validation data, pictures of a few training images still show how it goes. */
static scl_status make_evaluator(trainer *t, scl_error *err)
{
    scl_tuned_model *run = &t->job->run;
    size_t samples = (size_t)t->config->train.samples;
    scl_eval_options options = {.model = run->model,
                                .adaptation = run->used_adaptation,
                                .plugins = &run->plugins,
                                .config = t->config,
                                .dataset = t->job->val,
                                .cache = t->job->cache};
    if (t->job->val == NULL) {
        options.dataset = t->job->train;
        options.images = samples;
        if (samples == 0)
            return SCL_OK;
    }
    return scl_evaluator_create(&options, &t->evaluator, err);
}

static scl_status make_loader(trainer *t, scl_error *err)
{
    scl_loader_options options = {.dataset = t->job->train,
                                  .model = &t->job->seen,
                                  .batch_size = t->config->train.batch_size,
                                  .window = t->config->train.grad_accum_steps,
                                  .seed = (uint64_t)t->config->seed,
                                  .shuffle = true,
                                  .augment = true,
                                  .epoch = t->job->state.epoch,
                                  .batch = t->job->state.batch,
                                  .end_epoch = t->config->train.epochs};
    return scl_loader_open(&options, &t->loader, err);
}

/* ---- checkpoints */

/* Where there are means of the weights, these are the model's, or the weights again. */
static scl_status show_means(trainer *t, bool means, scl_error *err)
{
    if (t->job->state.averaged == 0 || t->means == means)
        return SCL_OK;
    t->means = means;
    return scl_average_exchange(t->job->run.model->store, err);
}

static scl_status save(trainer *t, const char *name, scl_tuned_content content, scl_error *err)
{
    char *path = scl_run_folder_file(&t->job->folder, name);
    if (path == NULL)
        return scl_out_of_memory(err, 256, "a file name");
    t->job->state.seconds = seconds_trained(t);
    uint64_t start = scl_profile_now(profile_of(t));
    scl_status status =
        scl_tuned_file_save(path, t->job->run.model, t->config, &t->job->state, content, err);
    scl_profile_phase(profile_of(t), "checkpoint", start);
    scl_free(path);
    return status;
}

static scl_status save_last(trainer *t, scl_error *err)
{
    bool means = t->means;
    SCL_TRY(show_means(t, true, err));
    SCL_TRY(save(t, "checkpoints/last.safetensors", SCL_TUNED_WEIGHTS_AND_OPTIMIZER, err));
    return show_means(t, means, err);
}

static bool wants_stop(const trainer *t)
{
    return t->events->stop != NULL && t->events->stop(t->events->user);
}

static scl_status interrupted(trainer *t, scl_error *err)
{
    SCL_TRY(save_last(t, err));
    return scl_fail(err, SCL_INTERRUPTED,
                    "interrupted after step %lld; go on with: samcl train --resume %s",
                    (long long)t->job->state.update, t->job->folder.path);
}

/* ---- one optimizer step */

/* Of the step that follows `updates` steps. */
static double lr_factor(const trainer *t, int64_t updates)
{
    return scl_lr_factor(&t->config->train.lr_scheduler, (uint64_t)updates, t->total_steps);
}

/* "of the images a, b, c" for a message. */
static void name_images(const scl_batch *batch, scl_str *out)
{
    for (int64_t i = 0; i < batch->real_images && i < LISTED_IMAGES; i++)
        scl_str_add(out, "%s%s", i > 0 ? ", " : "", batch->about[i].name);
    if (batch->real_images > LISTED_IMAGES)
        scl_str_add(out, ", …");
}

static scl_status not_finite(const trainer *t, const scl_batch *batch, const char *what,
                             double value, scl_error *err)
{
    const scl_train_state *s = &t->job->state;
    scl_str images = {0};
    name_images(batch, &images);
    scl_error said = {0};
    scl_fail(&said, SCL_NUMERIC,
             "%s is %s at step %lld of epoch %lld, with the images %s: lower optimizer.lr (%g), or "
             "look at these images; %s/checkpoints/last.safetensors stands before it",
             what, isnan(value) ? "NaN" : "infinite", (long long)s->update + 1,
             (long long)s->epoch + 1, scl_str_text(&images), t->config->train.optimizer.lr,
             t->job->folder.path);
    scl_str_free(&images);
    if (err != NULL)
        *err = said;
    return SCL_NUMERIC;
}

static scl_status run_batch(trainer *t, const scl_batch *batch, scl_step_record *record,
                            scl_error *err)
{
    scl_stepper_losses losses;
    uint64_t start = scl_profile_now(profile_of(t));
    SCL_TRY(scl_stepper_forward(t->stepper, batch, &losses, err));
    scl_profile_phase(profile_of(t), "step", start);
    if (!isfinite(losses.total))
        return not_finite(t, batch, "the loss", losses.total, err);
    record->loss += losses.total;
    for (size_t i = 0; i < record->part_count; i++)
        record->parts[i] += losses.parts[i];
    return SCL_OK;
}

/* The batches up to the end of a window, and the update. */
static scl_status run_window(trainer *t, scl_step_record *record, scl_error *err)
{
    scl_train_state *s = &t->job->state;
    const scl_batch *batch = NULL;
    *record = (scl_step_record){.step = (uint64_t)s->update + 1};
    record->labels = scl_stepper_loss_labels(t->stepper, &record->part_count);
    do {
        uint64_t start = scl_profile_now(profile_of(t));
        SCL_TRY(scl_loader_next(t->loader, &batch, err));
        scl_profile_phase(profile_of(t), "wait for a batch", start);
        if (batch == NULL)
            return scl_fail(err, SCL_FAILED, "the loader ended before the epoch did");
        SCL_TRY(run_batch(t, batch, record, err));
        s->batch++;
    } while (!batch->ends_window);
    uint64_t start = scl_profile_now(profile_of(t));
    int64_t averaged = scl_average_count(t->config->train.average_last, s->update + 1,
                                         t->total_steps, s->averaged);
    double average_rate = averaged > 0 ? 1 / (double)averaged : 0;
    scl_status status = scl_stepper_update(t->stepper, lr_factor(t, s->update), average_rate,
                                           (uint64_t)s->update + 1, &record->grad_norm, err);
    scl_profile_phase(profile_of(t), "update", start);
    if (status == SCL_NUMERIC)
        return not_finite(t, batch, "the norm of the gradients", record->grad_norm, err);
    SCL_TRY(status);
    record->lr = t->config->train.optimizer.lr * lr_factor(t, s->update);
    s->update++;
    s->averaged = averaged;
    s->epoch_steps++;
    s->epoch_loss += record->loss;
    return SCL_OK;
}

static scl_status step(trainer *t, scl_error *err)
{
    scl_train_state *s = &t->job->state;
    scl_step_record record;
    SCL_TRY(run_window(t, &record, err));
    record.epoch = (double)s->epoch + (double)s->batch / (double)t->batches;
    record.seconds = seconds_trained(t);
    SCL_TRY(scl_results_step(&t->job->folder, &record, err));
    s->metric_lines++;
    scl_train_progress progress = {.step = &record,
                                   .total_steps = t->total_steps,
                                   .epochs = t->config->train.epochs,
                                   .memory = t->job->run.model->device->bytes_in_use};
    if (t->events->step != NULL)
        t->events->step(t->events->user, &progress);
    if (wants_stop(t))
        return interrupted(t, err);
    int64_t every = t->config->train.save_every;
    return every > 0 && s->update % every == 0 ? save_last(t, err) : SCL_OK;
}

/* ---- the end of an epoch */

typedef struct validation {
    trainer *t;
    scl_gallery *gallery;
} validation;

static scl_status keep_image(void *user, const scl_eval_image *image, scl_error *err)
{
    return scl_gallery_add(((validation *)user)->gallery, 0, image, err);
}

static bool tell_progress(void *user, size_t done, size_t total)
{
    trainer *t = ((validation *)user)->t;
    if (t->events->validate != NULL)
        t->events->validate(t->events->user, done, total);
    return !wants_stop(t);
}

static scl_status write_gallery(trainer *t, const scl_gallery *gallery, scl_error *err)
{
    char name[64], title[64];
    int64_t epoch = t->job->state.epoch + 1;
    snprintf(name, sizeof name, "samples/epoch_%04lld.png", (long long)epoch);
    snprintf(title, sizeof title, "epoch %lld of %lld", (long long)epoch,
             (long long)t->config->train.epochs);
    char *path = scl_run_folder_file(&t->job->folder, name);
    if (path == NULL)
        return scl_out_of_memory(err, 256, "a file name");
    uint64_t start = scl_profile_now(profile_of(t));
    scl_status status = scl_gallery_write(gallery, title, path, err);
    scl_profile_phase(profile_of(t), "samples", start);
    scl_free(path);
    return status;
}

static scl_status evaluate(trainer *t, scl_scores *scores, scl_error *err)
{
    static const char *const titles[] = {"prediction"};
    if (t->evaluator == NULL)
        return SCL_OK;
    validation v = {.t = t};
    SCL_TRY(scl_gallery_create((size_t)t->config->train.samples, 1, titles, t->config,
                               &t->job->run.model->config, &v.gallery, err));
    const scl_eval_events events = {.user = &v, .image = keep_image, .progress = tell_progress};
    uint64_t start = scl_profile_now(profile_of(t));
    scl_status status = scl_evaluator_run(t->evaluator, &events, scores, err);
    scl_profile_phase(profile_of(t), "validate", start);
    if (status == SCL_OK)
        status = write_gallery(t, v.gallery, err);
    scl_gallery_free(v.gallery);
    return status;
}

static scl_status keep_best(trainer *t, const scl_scores *scores, bool *best, scl_error *err)
{
    scl_train_state *s = &t->job->state;
    double value = scl_scores_value(scores, t->metric);
    *best = scl_metric_improves(t->metric, value, s->best_metric);
    s->stale_epochs = *best ? 0 : s->stale_epochs + 1;
    if (!*best)
        return SCL_OK;
    s->best_metric = value;
    s->best_epoch = s->epoch + 1;
    return save(t, "checkpoints/best.safetensors", SCL_TUNED_WEIGHTS, err);
}

static scl_status finish_epoch(trainer *t, const scl_scores *scores, scl_error *err)
{
    scl_train_state *s = &t->job->state;
    bool validated = t->job->val != NULL, best = false;
    scl_epoch_record record = {.epoch = s->epoch + 1,
                               .step = (uint64_t)s->update,
                               .train_loss = s->epoch_loss / (double)s->epoch_steps,
                               .lr = t->config->train.optimizer.lr * lr_factor(t, s->update - 1),
                               .seconds = seconds_trained(t),
                               .scores = validated ? scores : NULL};
    SCL_TRY(scl_results_epoch(&t->job->folder, &record, err));
    uint64_t start = scl_profile_now(profile_of(t));
    SCL_TRY(scl_results_plot(&t->job->folder, t->metric, err));
    scl_profile_phase(profile_of(t), "curves", start);
    if (validated)
        SCL_TRY(keep_best(t, scores, &best, err));
    s->results_lines++;
    s->epoch++;
    s->batch = 0;
    s->epoch_loss = 0;
    s->epoch_steps = 0;
    SCL_TRY(save_last(t, err));
    if (t->events->epoch != NULL)
        t->events->epoch(t->events->user, &record, best);
    return SCL_OK;
}

static scl_status end_epoch(trainer *t, scl_error *err)
{
    scl_scores scores = {0};
    scl_error stopped = {0};
    SCL_TRY(show_means(t, true, err));
    scl_status status = evaluate(t, &scores, &stopped);
    if (status == SCL_INTERRUPTED)
        status = interrupted(t, err);
    else if (status != SCL_OK)
        scl_fail(err, status, "%s", stopped.text);
    else
        status = finish_epoch(t, &scores, err);
    scl_scores_free(&scores);
    return status != SCL_OK ? status : show_means(t, false, err);
}

/* ---- the run */

static bool has_stalled(const trainer *t)
{
    int64_t patience = t->config->train.patience;
    if (patience == 0 || t->job->val == NULL || t->job->state.stale_epochs < patience)
        return false;
    scl_log(SCL_LOG_INFO, "stopping early: val %s has not improved for %lld epochs",
            scl_metric_name(t->metric), (long long)patience);
    return true;
}

static scl_status run(trainer *t, scl_error *err)
{
    const scl_train_state *s = &t->job->state;
    if (wants_stop(t)) /* before the first step, which may take minutes */
        return interrupted(t, err);
    while (s->epoch < t->config->train.epochs && !has_stalled(t)) {
        while (s->batch < t->batches)
            SCL_TRY(step(t, err));
        SCL_TRY(end_epoch(t, err));
    }
    return SCL_OK;
}

static scl_status write_info(const trainer *t, scl_error *err)
{
    return scl_run_info_write(t->job, scl_stepper_trained_values(t->stepper),
                              scl_stepper_get_memory(t->stepper).plan->arena_bytes, err);
}

static scl_status start(trainer *t, scl_error *err)
{
    scl_train_job *job = t->job;
    SCL_TRY(make_evaluator(t, err));
    /* the step last: what the budget leaves is for it */
    job->run.model->device->memory_budget = scl_run_config_memory_budget(t->config);
    SCL_TRY(make_stepper(t, err));
    SCL_TRY(scl_train_job_open_folder(job, err));
    SCL_TRY(write_info(t, err));
    /* so that a run killed in its first epoch can be resumed too */
    if (!job->resumed)
        SCL_TRY(save_last(t, err));
    SCL_TRY(make_loader(t, err));
    if (t->events->start != NULL)
        t->events->start(t->events->user, job, scl_stepper_trained_values(t->stepper),
                         scl_stepper_uses_cache(t->stepper));
    return SCL_OK;
}

scl_status scl_train(scl_train_job *job, const scl_train_events *events, scl_error *err)
{
    const scl_train_config *train = &job->run.config.train;
    int64_t batches = scl_loader_batches(job->train->count, train->batch_size);
    uint64_t windows =
        (uint64_t)((batches + train->grad_accum_steps - 1) / train->grad_accum_steps);
    trainer t = {.job = job,
                 .config = &job->run.config,
                 .events = events,
                 .metric = scl_metric_choose(&job->run.config),
                 .batches = batches,
                 .epoch_steps = windows,
                 .total_steps = windows * (uint64_t)train->epochs,
                 .started = scl_clock_seconds(),
                 .began = job->state.seconds};
    scl_status status = start(&t, err);
    if (status == SCL_OK)
        status = run(&t, err);
    if (status == SCL_OK)
        status = write_info(&t, err); /* once more, with what was measured */
    scl_loader_close(t.loader);
    scl_evaluator_free(t.evaluator);
    scl_stepper_free(t.stepper);
    return status;
}
