#include "eval/evaluator.h"

#include "data/loader.h"
#include "graph/profile.h"
#include "predict/postprocess.h"

#include <math.h>
#include <string.h>

#define PROMPT_STREAM 0x6576616cu /* keeps the prompts of evaluations apart from training's */

struct scl_evaluator {
    scl_eval_options options;
    scl_dataset dataset; /* a view: the first images of options.dataset */
    scl_batch_layout layout;
    scl_stepper *stepper;
    float *logits; /* of one batch */
    scl_mask truth;
    int32_t *predicted;
    uint8_t *plane;
    size_t capacity; /* pixels of predicted and plane */
    scl_postprocess postprocess;
};

/* What one run adds up. */
typedef struct tally {
    scl_average loss, parts[SCL_SCORES_MAX_LOSSES], dice, iou;
    scl_confusion confusion;
    uint64_t images, masks;
} tally;

static scl_status make(scl_evaluator *e, scl_error *err)
{
    const scl_eval_options *o = &e->options;
    scl_step_options step = {.model = o->model,
                             .adaptation = o->adaptation,
                             .plugins = o->plugins,
                             .masks = &o->config->train,
                             .task = (scl_task)o->config->data.task};
    int64_t images = o->config->train.batch_size;
    if (images > (int64_t)e->dataset.count)
        images = (int64_t)e->dataset.count;
    e->layout = scl_batch_layout_make(e->dataset.config, &o->model->config, images);
    step.layout = e->layout;
    SCL_TRY(scl_stepper_create(&step, o->cache, &e->stepper, err));
    size_t count = scl_stepper_logit_count(e->stepper);
    e->logits = scl_calloc(count, sizeof *e->logits);
    return e->logits != NULL ? SCL_OK : scl_out_of_memory(err, count * sizeof *e->logits, "logits");
}

scl_status scl_evaluator_create(const scl_eval_options *options, scl_evaluator **out,
                                scl_error *err)
{
    scl_evaluator *e = scl_calloc(1, sizeof *e);
    *out = NULL;
    if (e == NULL)
        return scl_out_of_memory(err, sizeof *e, "an evaluator");
    e->options = *options;
    e->dataset = *options->dataset;
    if (options->images > 0 && options->images < e->dataset.count)
        e->dataset.count = options->images;
    scl_status status = make(e, err);
    if (status == SCL_OK)
        *out = e;
    else
        scl_evaluator_free(e);
    return status;
}

void scl_evaluator_free(scl_evaluator *e)
{
    if (e == NULL)
        return;
    scl_stepper_free(e->stepper);
    scl_free(e->logits);
    scl_mask_free(&e->truth);
    scl_free(e->predicted);
    scl_free(e->plane);
    scl_postprocess_free(&e->postprocess);
    scl_free(e);
}

/* ---- one image */

static scl_status make_room(scl_evaluator *e, size_t pixels, scl_error *err)
{
    if (pixels <= e->capacity)
        return SCL_OK;
    e->capacity = 0;
    scl_free(e->predicted);
    scl_free(e->plane);
    e->predicted = scl_calloc(pixels, sizeof *e->predicted);
    e->plane = scl_calloc(pixels, sizeof *e->plane);
    if (e->predicted == NULL || e->plane == NULL)
        return scl_out_of_memory(err, pixels * (sizeof *e->predicted + 1), "a predicted mask");
    e->capacity = pixels;
    return SCL_OK;
}

static scl_status judge_classes(scl_evaluator *e, const float *low, const scl_frame *frame,
                                tally *sums, double *score, scl_error *err)
{
    size_t pixels = (size_t)frame->width * (size_t)frame->height;
    int classes = (int)e->options.model->config.classes;
    scl_confusion one;
    SCL_TRY(scl_postprocess_classes(&e->postprocess, low, (int)e->layout.mask_size, classes, frame,
                                    e->predicted, err));
    SCL_TRY(scl_confusion_make(&one, (size_t)classes, err));
    scl_confusion_add(&one, e->predicted, e->truth.ids, pixels);
    scl_confusion_add(&sums->confusion, e->predicted, e->truth.ids, pixels);
    *score = scl_confusion_miou(&one, NULL);
    scl_confusion_free(&one);
    sums->masks++;
    return SCL_OK;
}

static scl_status judge_object(scl_evaluator *e, const float *low, const scl_frame *frame,
                               int32_t id, tally *sums, scl_average *score, scl_error *err)
{
    size_t pixels = (size_t)frame->width * (size_t)frame->height;
    SCL_TRY(
        scl_postprocess_mask(&e->postprocess, low, (int)e->layout.mask_size, frame, e->plane, err));
    scl_overlap overlap = scl_overlap_count(e->plane, e->truth.ids, id, pixels);
    for (size_t i = 0; i < pixels; i++)
        if (e->plane[i] != 0)
            e->predicted[i] = id;
    scl_average_add(&sums->dice, scl_overlap_dice(overlap));
    scl_average_add(&sums->iou, scl_overlap_iou(overlap));
    scl_average_add(score, scl_overlap_dice(overlap));
    sums->masks++;
    return SCL_OK;
}

static scl_status judge_objects(scl_evaluator *e, const scl_batch *batch, int64_t slot,
                                const scl_frame *frame, tally *sums, double *score, scl_error *err)
{
    size_t per_mask = (size_t)(e->layout.mask_size * e->layout.mask_size);
    scl_average mean = {0};
    memset(e->predicted, 0, (size_t)frame->width * (size_t)frame->height * sizeof *e->predicted);
    for (int64_t k = 0; k < e->layout.objects; k++) {
        size_t mask = (size_t)(slot * e->layout.objects + k);
        if (batch->object[mask] > 0)
            SCL_TRY(judge_object(e, e->logits + mask * per_mask, frame, batch->object[mask], sums,
                                 &mean, err));
    }
    *score = scl_average_value(&mean);
    return SCL_OK;
}

static scl_status judge(scl_evaluator *e, const scl_batch *batch, int64_t slot, tally *sums,
                        const scl_eval_events *events, scl_error *err)
{
    const scl_data_item *item = &e->dataset.items[batch->about[slot].item];
    scl_frame frame =
        scl_frame_make(item->width, item->height, (int)e->options.model->config.image_size);
    scl_eval_image image = {.item = item, .batch = batch, .slot = slot};
    SCL_TRY(scl_mask_read(&e->truth, item->mask, e->dataset.config, err));
    if (e->truth.width != item->width || e->truth.height != item->height)
        return scl_fail(err, SCL_BAD_DATA, "%s: its size changed while the program ran",
                        item->mask);
    SCL_TRY(make_room(e, (size_t)item->width * (size_t)item->height, err));
    if (e->layout.multiclass) {
        size_t per_image =
            (size_t)(e->options.model->config.classes * e->layout.mask_size * e->layout.mask_size);
        SCL_TRY(judge_classes(e, e->logits + (size_t)slot * per_image, &frame, sums, &image.score,
                              err));
    } else {
        SCL_TRY(judge_objects(e, batch, slot, &frame, sums, &image.score, err));
    }
    sums->images++;
    image.truth = e->truth.ids;
    image.predicted = e->predicted;
    return events->image != NULL ? events->image(events->user, &image, err) : SCL_OK;
}

/* ---- a run */

static void add_losses(const scl_evaluator *e, const scl_batch *batch,
                       const scl_stepper_losses *losses, tally *sums)
{
    const scl_run_plugins *plugins = e->options.plugins;
    if (plugins == NULL || batch->real_masks == 0)
        return;
    /* a batch's losses are means over its masks */
    double masks = (double)batch->real_masks;
    sums->loss.sum += losses->total * masks;
    sums->loss.count += (uint64_t)batch->real_masks;
    for (size_t i = 0; i < plugins->loss_count && i < SCL_SCORES_MAX_LOSSES; i++) {
        sums->parts[i].sum += losses->parts[i] * masks;
        sums->parts[i].count += (uint64_t)batch->real_masks;
    }
}

static scl_status run_batches(scl_evaluator *e, scl_loader *loader, const scl_eval_events *events,
                              tally *sums, scl_error *err)
{
    scl_profile *profile = e->options.model->device->profile;
    for (;;) {
        const scl_batch *batch;
        scl_stepper_losses losses;
        uint64_t start = scl_profile_now(profile);
        SCL_TRY(scl_loader_next(loader, &batch, err));
        if (batch == NULL)
            return SCL_OK;
        scl_profile_phase(profile, "evaluate: wait for a batch", start);
        start = scl_profile_now(profile);
        SCL_TRY(scl_stepper_forward(e->stepper, batch, &losses, err));
        SCL_TRY(scl_stepper_logits(e->stepper, e->logits, err));
        scl_profile_phase(profile, "evaluate: model", start);
        start = scl_profile_now(profile);
        add_losses(e, batch, &losses, sums);
        for (int64_t i = 0; i < batch->real_images; i++)
            SCL_TRY(judge(e, batch, i, sums, events, err));
        scl_profile_phase(profile, "evaluate: scores", start);
        if (events->progress != NULL &&
            !events->progress(events->user, (size_t)sums->images, e->dataset.count))
            return scl_fail(err, SCL_INTERRUPTED, "interrupted while evaluating");
    }
}

static scl_status summarise(const scl_evaluator *e, const tally *sums, scl_scores *scores,
                            scl_error *err)
{
    *scores = (scl_scores){.loss = scl_average_value(&sums->loss),
                           .dice = scl_average_value(&sums->dice),
                           .iou = scl_average_value(&sums->iou),
                           .miou = NAN,
                           .accuracy = NAN,
                           .images = sums->images,
                           .masks = sums->masks};
    for (size_t i = 0; i < SCL_SCORES_MAX_LOSSES; i++)
        scores->parts[i] = scl_average_value(&sums->parts[i]);
    if (!e->layout.multiclass)
        return SCL_OK;
    scores->miou = scl_confusion_miou(&sums->confusion, NULL);
    scores->accuracy = scl_confusion_accuracy(&sums->confusion);
    scores->classes = sums->confusion.classes;
    scores->class_iou = scl_calloc(scores->classes, sizeof(double));
    if (scores->class_iou == NULL)
        return scl_out_of_memory(err, scores->classes * sizeof(double), "scores");
    for (size_t c = 0; c < scores->classes; c++)
        scores->class_iou[c] = scl_confusion_iou(&sums->confusion, c);
    return SCL_OK;
}

scl_status scl_evaluator_run(scl_evaluator *e, const scl_eval_events *events, scl_scores *scores,
                             scl_error *err)
{
    static const scl_eval_events silent;
    tally *sums = scl_calloc(1, sizeof *sums);
    scl_loader *loader = NULL;
    scl_status status;
    *scores = (scl_scores){0};
    if (sums == NULL)
        return scl_out_of_memory(err, sizeof *sums, "scores");
    scl_loader_options options = {.dataset = &e->dataset,
                                  .model = &e->options.model->config,
                                  .batch_size = e->layout.images,
                                  .window = 1,
                                  .seed = (uint64_t)e->options.config->seed ^ PROMPT_STREAM,
                                  .end_epoch = 1};
    if (e->layout.multiclass)
        SCL_CHECK(
            scl_confusion_make(&sums->confusion, (size_t)e->options.model->config.classes, err));
    SCL_CHECK(scl_loader_open(&options, &loader, err));
    SCL_CHECK(run_batches(e, loader, events != NULL ? events : &silent, sums, err));
    SCL_CHECK(summarise(e, sums, scores, err));
done:
    scl_loader_close(loader);
    scl_confusion_free(&sums->confusion);
    scl_free(sums);
    return status;
}
