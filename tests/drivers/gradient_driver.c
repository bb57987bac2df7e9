/* gradient_driver RUN BATCH OUT — lets a script compare the gradients of training with autograd's.
 *
 * Opens the model, adapter and losses of a run file as samcl train does, gives its step the arrays
 * of scl_batch, which BATCH (safetensors) holds by name, and writes the gradient of each trained
 * parameter under the parameter's name, and "loss", to OUT (safetensors). A parameter that the
 * losses do not reach is left out. */
#include "base/str.h"
#include "io/safetensors.h"
#include "registry.h"
#include "step/stepper.h"
#include "train/job.h"

#include <stdio.h>
#include <string.h>

#define GRADIENTS "accumulated." /* the states of step_graph.c that sum them over a window */

static scl_status read_layout(const scl_weights *file, const scl_sam_config *model,
                              scl_batch_layout *layout, scl_error *err)
{
    const scl_weight *image = scl_weights_find(file, "image");
    const scl_weight *target = scl_weights_find(file, "target");
    const scl_weight *coords = scl_weights_find(file, "coords");
    if (image == NULL || image->ndim != 4 || image->dim[0] < 1 || target == NULL ||
        target->ndim != 4 || (coords != NULL && coords->ndim != 3))
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected image [B, S, S, 3], target [M, 1, ms, ms] and coords "
                        "[M, N, 2], found other ones",
                        file->path);
    *layout = (scl_batch_layout){.images = image->dim[0],
                                 .objects = target->dim[0] / image->dim[0],
                                 .image_size = model->image_size,
                                 .mask_size = scl_sam_mask_size(model),
                                 .slots = coords != NULL ? coords->dim[1] : 0,
                                 .base_tokens = 1 + scl_sam_mask_tokens(model),
                                 .mask_prompts = scl_weights_find(file, "mask") != NULL};
    return SCL_OK;
}

static scl_status read_array(const scl_weights *file, const char *name, scl_weight_dtype dtype,
                             size_t count, void *out, scl_error *err)
{
    const scl_weight *w = scl_weights_find(file, name);
    if (out == NULL)
        return SCL_OK;
    if (w == NULL || w->dtype != dtype || w->bytes != 4 * count)
        return scl_fail(err, SCL_BAD_DATA, "%s: expected %s with %zu values of %s", file->path,
                        name, count, scl_weight_dtype_name(dtype));
    memcpy(out, w->data, w->bytes);
    return SCL_OK;
}

static scl_status read_batch(const scl_weights *file, scl_batch *b, scl_error *err)
{
    const scl_batch_layout *l = &b->layout;
    size_t masks = (size_t)(l->images * l->objects), slots = masks * (size_t)l->slots;
    size_t pixels = masks * (size_t)(l->mask_size * l->mask_size);
    size_t samples = (size_t)(l->images * l->image_size * l->image_size) * 3;
    const scl_weight_dtype real = SCL_WEIGHT_F32, whole = SCL_WEIGHT_I32;
    b->real_images = l->images;
    b->real_masks = l->images * l->objects;
    SCL_TRY(read_array(file, "image", real, samples, b->image, err));
    SCL_TRY(read_array(file, "coords", real, 2 * slots, b->coords, err));
    SCL_TRY(read_array(file, "labels", whole, slots, b->labels, err));
    SCL_TRY(read_array(file, "token_count", whole, masks, b->token_count, err));
    SCL_TRY(read_array(file, "mask", real, pixels, b->mask, err));
    SCL_TRY(read_array(file, "has_mask", real, masks, b->has_mask, err));
    SCL_TRY(read_array(file, "target", real, pixels, b->target, err));
    SCL_TRY(read_array(file, "weight", real, pixels, b->weight, err));
    return read_array(file, "mask_weight", real, masks, b->mask_weight, err);
}

static scl_status add_tensor(scl_weight *out, scl_arena *arena, const char *name, scl_shape shape,
                             float **values, scl_error *err)
{
    size_t bytes = (size_t)scl_shape_count(shape) * sizeof(float);
    *values = scl_arena_alloc(arena, bytes);
    if (*values == NULL)
        return scl_out_of_memory(err, bytes, "a gradient");
    *out = (scl_weight){.name = name,
                        .dtype = SCL_WEIGHT_F32,
                        .ndim = shape.ndim,
                        .data = (const uint8_t *)*values,
                        .bytes = bytes};
    memcpy(out->dim, shape.dim, sizeof shape.dim);
    return SCL_OK;
}

static scl_status write_gradients(const char *path, const scl_store *store, double loss,
                                  scl_error *err)
{
    scl_arena arena = {0};
    scl_weight *tensors = scl_arena_alloc(&arena, (store->count + 1) * sizeof *tensors);
    size_t count = 0;
    float *values = NULL;
    if (tensors == NULL)
        return scl_out_of_memory(err, store->count * sizeof *tensors, "the gradients");
    scl_status status = add_tensor(&tensors[count++], &arena, "loss", SCL_SHAPE(1), &values, err);
    if (status == SCL_OK)
        *values = (float)loss;
    for (size_t i = 0; i < store->count && status == SCL_OK; i++) {
        const scl_store_entry *e = &store->entries[i];
        if (!scl_starts_with(e->name, GRADIENTS))
            continue;
        status = add_tensor(&tensors[count++], &arena, e->name + strlen(GRADIENTS), e->shape,
                            &values, err);
        if (status == SCL_OK)
            status = scl_store_read(store, e, values, err);
    }
    if (status == SCL_OK)
        status = scl_safetensors_write(path, tensors, count, NULL, 0, err);
    scl_arena_free(&arena);
    return status;
}

static scl_status run_batch(scl_stepper *step, const scl_batch_layout *layout,
                            const scl_weights *file, scl_stepper_losses *losses, scl_error *err)
{
    scl_batch batch = {0};
    scl_status status = scl_batch_make(&batch, layout, err);
    if (status == SCL_OK)
        status = read_batch(file, &batch, err);
    if (status == SCL_OK)
        status = scl_stepper_forward(step, &batch, losses, err);
    scl_batch_free(&batch);
    return status;
}

static scl_status step_once(scl_tuned_model *run, const scl_weights *file, const char *out,
                            scl_error *err)
{
    scl_step_options options = {.model = run->model,
                                .adaptation = &run->adaptation,
                                .plugins = &run->plugins,
                                .train = &run->config.train,
                                .masks = &run->config.train,
                                .task = (scl_task)run->config.data.task};
    scl_stepper *step = NULL;
    scl_stepper_losses losses;
    SCL_TRY(read_layout(file, &run->model->config, &options.layout, err));
    SCL_TRY(scl_stepper_create(&options, NULL, &step, err));
    scl_status status = run_batch(step, &options.layout, file, &losses, err);
    if (status == SCL_OK)
        status = write_gradients(out, run->model->store, losses.total, err);
    scl_stepper_free(step);
    return status;
}

static scl_status compute(scl_train_job *job, scl_device **device, scl_weights *file, char **paths,
                          scl_error *err)
{
    /* a window of several batches is what keeps gradients beyond their step */
    static const char *const settings[] = {"train.grad_accum_steps=2"};
    scl_tuned_model *run = &job->run;
    SCL_TRY(scl_train_job_read(job, paths[0], settings, 1, err));
    SCL_TRY(scl_weights_load(paths[1], file, err));
    SCL_TRY(scl_device_open(run->config.device, device, err));
    scl_model_source source = {.section = &run->config.model,
                               .seed = (uint64_t)run->config.seed,
                               .adaptation = &run->adaptation};
    SCL_TRY(scl_model_open(*device, &source, &run->model, err));
    return step_once(run, file, paths[2], err);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: gradient_driver RUN BATCH OUT\n", stderr);
        return SCL_BAD_CONFIG;
    }
    static scl_train_job job; /* must not move */
    scl_device *device = NULL;
    scl_weights file = {0};
    scl_error err = {0};
    scl_status status = compute(&job, &device, &file, argv + 1, &err);
    if (status != SCL_OK)
        fprintf(stderr, "%s\n", err.text);
    scl_weights_free(&file);
    scl_train_job_close(&job);
    if (device != NULL)
        scl_device_close(device);
    return (int)status;
}
