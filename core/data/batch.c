#include "data/batch.h"

#include "data/coverage.h"
#include "samcl/plugin.h"

#include <string.h>

scl_batch_layout scl_batch_layout_make(const scl_data_config *config, const scl_sam_config *model,
                                       int64_t images)
{
    return (scl_batch_layout){
        .images = images,
        .objects = config->task == SCL_TASK_INSTANCES ? config->objects_per_image : 1,
        .image_size = model->image_size,
        .mask_size = scl_sam_mask_size(model),
        .slots = scl_prompt_slots(config),
        .base_tokens = 1 + scl_sam_mask_tokens(model),
        .multiclass = config->task == SCL_TASK_MULTICLASS,
        .mask_prompts = scl_prompt_has_mask(config),
    };
}

static size_t image_values(const scl_batch *batch)
{
    return (size_t)batch->layout.image_size * (size_t)batch->layout.image_size * 3;
}

static size_t mask_values(const scl_batch *batch)
{
    return (size_t)batch->layout.mask_size * (size_t)batch->layout.mask_size;
}

#define BATCH_ARRAYS 12

typedef struct batch_array {
    void *place; /* of the pointer */
    size_t count, size;
    bool needed;
} batch_array;

static void list_arrays(scl_batch *batch, batch_array arrays[BATCH_ARRAYS])
{
    const scl_batch_layout *layout = &batch->layout;
    size_t images = (size_t)layout->images, masks = images * (size_t)layout->objects;
    size_t slots = masks * (size_t)layout->slots, pixels = masks * mask_values(batch);
    const batch_array all[BATCH_ARRAYS] = {
        {&batch->image, images * image_values(batch), sizeof *batch->image, true},
        {&batch->coords, slots * 2, sizeof *batch->coords, slots > 0},
        {&batch->labels, slots, sizeof *batch->labels, slots > 0},
        {&batch->token_count, masks, sizeof *batch->token_count, true},
        {&batch->mask, pixels, sizeof *batch->mask, layout->mask_prompts},
        {&batch->has_mask, masks, sizeof *batch->has_mask, layout->mask_prompts},
        {&batch->target, pixels, sizeof *batch->target, !layout->multiclass},
        {&batch->classes, pixels, sizeof *batch->classes, layout->multiclass},
        {&batch->weight, pixels, sizeof *batch->weight, true},
        {&batch->mask_weight, masks, sizeof *batch->mask_weight, true},
        {&batch->object, masks, sizeof *batch->object, true},
        {&batch->about, images, sizeof *batch->about, true},
    };
    memcpy(arrays, all, sizeof all);
}

size_t scl_batch_bytes(const scl_batch_layout *layout)
{
    scl_batch batch = {.layout = *layout};
    batch_array arrays[BATCH_ARRAYS];
    size_t bytes = 0;
    list_arrays(&batch, arrays);
    for (size_t i = 0; i < BATCH_ARRAYS; i++)
        bytes += arrays[i].needed ? arrays[i].count * arrays[i].size : 0;
    return bytes;
}

scl_status scl_batch_make(scl_batch *batch, const scl_batch_layout *layout, scl_error *err)
{
    batch_array arrays[BATCH_ARRAYS];
    *batch = (scl_batch){.layout = *layout};
    list_arrays(batch, arrays);
    for (size_t i = 0; i < BATCH_ARRAYS; i++) {
        if (!arrays[i].needed)
            continue;
        void *memory = scl_calloc(arrays[i].count, arrays[i].size);
        if (memory == NULL) {
            scl_batch_free(batch);
            return scl_out_of_memory(err, arrays[i].count * arrays[i].size, "a batch of images");
        }
        memcpy(arrays[i].place, &memory, sizeof memory);
    }
    return SCL_OK;
}

void scl_batch_free(scl_batch *batch)
{
    scl_free(batch->image);
    scl_free(batch->coords);
    scl_free(batch->labels);
    scl_free(batch->token_count);
    scl_free(batch->mask);
    scl_free(batch->has_mask);
    scl_free(batch->target);
    scl_free(batch->classes);
    scl_free(batch->weight);
    scl_free(batch->mask_weight);
    scl_free(batch->object);
    scl_free(batch->about);
    *batch = (scl_batch){0};
}

static scl_prompt prompt_at(const scl_batch *batch, size_t mask)
{
    size_t slots = (size_t)batch->layout.slots;
    return (scl_prompt){
        .coords = batch->coords != NULL ? batch->coords + mask * slots * 2 : NULL,
        .labels = batch->labels != NULL ? batch->labels + mask * slots : NULL,
        .mask = batch->mask != NULL ? batch->mask + mask * mask_values(batch) : NULL,
        .slots = batch->layout.slots,
    };
}

static void take_prompt(scl_batch *batch, size_t mask, const scl_prompt *prompt)
{
    batch->token_count[mask] = (int32_t)(batch->layout.base_tokens + prompt->used);
    if (batch->has_mask != NULL)
        batch->has_mask[mask] = prompt->has_mask;
}

static void clear_mask(scl_batch *batch, size_t mask)
{
    size_t pixels = mask_values(batch), at = mask * pixels;
    scl_prompt prompt = prompt_at(batch, mask);
    scl_prompt_clear(&prompt, pixels);
    take_prompt(batch, mask, &prompt);
    memset(batch->weight + at, 0, pixels * sizeof *batch->weight);
    if (batch->target != NULL)
        memset(batch->target + at, 0, pixels * sizeof *batch->target);
    for (size_t i = 0; batch->classes != NULL && i < pixels; i++)
        batch->classes[at + i] = SCL_MASK_IGNORED;
    batch->mask_weight[mask] = 0;
    batch->object[mask] = 0;
}

static void write_target(scl_batch *batch, size_t mask, const scl_sample *sample, int32_t id)
{
    size_t pixels = mask_values(batch), at = mask * pixels;
    if (batch->classes == NULL) {
        scl_frame frame =
            scl_frame_make(sample->mask.width, sample->mask.height, (int)batch->layout.mask_size);
        scl_coverage(&frame, sample->mask.ids, id, batch->target + at, batch->weight + at);
        return;
    }
    for (size_t i = 0; i < pixels; i++) {
        batch->weight[at + i] = sample->low[i] != SCL_MASK_IGNORED;
        batch->classes[at + i] = sample->low[i];
    }
}

/* The id of the object decides its random numbers, not its place in the batch. */
static uint64_t object_key(const scl_visit *visit, int32_t id)
{
    return (uint64_t)visit->item << 16 | (uint64_t)id;
}

static scl_status load_object(scl_batch *batch, size_t mask, const scl_data_config *config,
                              const scl_visit *visit, int32_t id, scl_batch_scratch *scratch,
                              scl_error *err)
{
    const scl_sample *sample = &scratch->sample;
    scl_prompt_object object = {.id = id,
                                .mask = &sample->mask,
                                .frame = &sample->frame,
                                .low = sample->low,
                                .low_count = mask_values(batch)};
    scl_prompt prompt = prompt_at(batch, mask);
    scl_rng rng = scl_rng_make(visit->seed, "prompt", visit->epoch, object_key(visit, id));
    SCL_TRY(scl_prompt_draw(&scratch->prompter, config, &object, rng, &prompt, err));
    take_prompt(batch, mask, &prompt);
    write_target(batch, mask, sample, id);
    batch->object[mask] = id;
    return SCL_OK;
}

/* Puts `wanted` objects, drawn without repetition, first. */
static void draw_objects(scl_objects *objects, size_t wanted, const scl_visit *visit)
{
    scl_rng rng = scl_rng_make(visit->seed, "objects", visit->epoch, visit->item);
    for (size_t i = 0; i < wanted && i + 1 < objects->count; i++) {
        size_t other = i + scl_rng_below(&rng, (uint32_t)(objects->count - i));
        int32_t keep = objects->ids[i];
        objects->ids[i] = objects->ids[other];
        objects->ids[other] = keep;
    }
}

static size_t at_most(size_t count, size_t limit)
{
    return count < limit ? count : limit;
}

scl_status scl_batch_load(scl_batch *batch, int64_t slot, const scl_dataset *dataset,
                          const scl_visit *visit, float mask_weight, scl_batch_scratch *scratch,
                          scl_error *err)
{
    const scl_batch_layout *layout = &batch->layout;
    const scl_data_item *item = &dataset->items[visit->item];
    float *image = batch->image + (size_t)slot * image_values(batch);
    SCL_TRY(scl_sample_load(&scratch->sample, dataset, visit, layout->image_size, layout->mask_size,
                            image, err));
    batch->about[slot] = (scl_batch_image){
        .name = item->name,
        .item = visit->item,
        .width = scratch->sample.mask.width,
        .height = scratch->sample.mask.height,
        .hash = scl_hash128_of(image, image_values(batch) * sizeof *image),
    };
    scl_objects *objects = &scratch->sample.objects;
    size_t places = (size_t)layout->objects, first = (size_t)slot * places;
    draw_objects(objects, places, visit);
    /* The weights of a window sum to 1 whatever the crops leave, and are unchanged without one. */
    size_t expected = at_most(item->objects, places), found = at_most(objects->count, places);
    if (found != expected)
        mask_weight *= (float)expected / (float)found;
    for (size_t i = 0; i < places; i++) {
        if (i >= objects->count) {
            clear_mask(batch, first + i);
            continue;
        }
        SCL_TRY(
            load_object(batch, first + i, dataset->config, visit, objects->ids[i], scratch, err));
        batch->mask_weight[first + i] = mask_weight;
        batch->real_masks++;
    }
    return SCL_OK;
}

void scl_batch_clear(scl_batch *batch, int64_t slot)
{
    float *image = batch->image + (size_t)slot * image_values(batch);
    memset(image, 0, image_values(batch) * sizeof *image);
    batch->about[slot] =
        (scl_batch_image){.hash = scl_hash128_of(image, image_values(batch) * sizeof *image)};
    for (int64_t i = 0; i < batch->layout.objects; i++)
        clear_mask(batch, (size_t)(slot * batch->layout.objects + i));
}

void scl_batch_scratch_free(scl_batch_scratch *scratch)
{
    scl_sample_free(&scratch->sample);
    scl_prompter_free(&scratch->prompter);
}
