#include "data/sample.h"

#include "base/rng.h"
#include "io/image.h"

static scl_status check_size(const char *path, int width, int height, const scl_data_item *item,
                             scl_error *err)
{
    if (width == item->width && height == item->height)
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA,
                    "%s: expected %d x %d pixels as when the run began, found %d x %d; don't "
                    "change the data during a run",
                    path, item->width, item->height, width, height);
}

/* `image` becomes 8-bit RGB. */
static scl_status make_rgb(scl_image *image, scl_image_range range, scl_error *err)
{
    if (image->channels == 3 && image->depth == 8 && range == SCL_RANGE_FULL)
        return SCL_OK;
    scl_image rgb;
    SCL_TRY(scl_image_to_rgb8(image, range, &rgb, err));
    scl_image_free(image);
    *image = rgb;
    return SCL_OK;
}

static scl_status load_image(const scl_sample *sample, const scl_dataset *dataset,
                             const scl_data_item *item, bool left_right, bool upside_down,
                             float *out, scl_error *err)
{
    scl_image image;
    SCL_TRY(scl_image_read(item->image, &image, err));
    scl_status status = check_size(item->image, image.width, image.height, item, err);
    if (status == SCL_OK)
        status = make_rgb(&image, (scl_image_range)dataset->config->value_range, err);
    if (status == SCL_OK) {
        scl_flip(image.data, image.width, image.height, 3, left_right, upside_down);
        status = scl_frame_image(&sample->frame, image.data, out, err);
    }
    scl_image_free(&image);
    return status;
}

static scl_status load_mask(scl_sample *sample, const scl_dataset *dataset,
                            const scl_data_item *item, bool left_right, bool upside_down,
                            scl_error *err)
{
    scl_mask *mask = &sample->mask;
    SCL_TRY(scl_mask_read(mask, item->mask, dataset->config, err));
    SCL_TRY(check_size(item->mask, mask->width, mask->height, item, err));
    scl_flip(mask->ids, mask->width, mask->height, sizeof *mask->ids, left_right, upside_down);
    SCL_TRY(scl_objects_find(&sample->objects, mask, dataset->config, err));
    if (sample->objects.count == item->objects && !sample->objects.any == item->empty)
        return SCL_OK;
    return scl_fail(err, SCL_BAD_DATA,
                    "%s: expected the mask that was there when the run began, found other objects; "
                    "don't change the data during a run",
                    item->mask);
}

static scl_status make_low(scl_sample *sample, int64_t side, scl_error *err)
{
    if (sample->low_side != (size_t)side) {
        scl_free(sample->low);
        sample->low_side = 0;
        sample->low = scl_calloc((size_t)side * (size_t)side, sizeof *sample->low);
        if (sample->low == NULL)
            return scl_out_of_memory(err, (size_t)side * (size_t)side * sizeof *sample->low,
                                     "a low-resolution mask");
        sample->low_side = (size_t)side;
    }
    scl_frame frame = scl_frame_make(sample->mask.width, sample->mask.height, (int)side);
    return scl_frame_ids(&frame, sample->mask.ids, sample->low, err);
}

scl_status scl_sample_load(scl_sample *sample, const scl_dataset *dataset, const scl_visit *visit,
                           int64_t image_size, int64_t mask_size, float *image, scl_error *err)
{
    const scl_data_config *config = dataset->config;
    const scl_data_item *item = &dataset->items[visit->item];
    scl_rng rng = scl_rng_make(visit->seed, "flip", visit->epoch, visit->item);
    bool left_right = scl_rng_uniform(&rng) < config->hflip && visit->augment;
    bool upside_down = scl_rng_uniform(&rng) < config->vflip && visit->augment;
    sample->frame = scl_frame_make(item->width, item->height, (int)image_size);
    SCL_TRY(load_image(sample, dataset, item, left_right, upside_down, image, err));
    SCL_TRY(load_mask(sample, dataset, item, left_right, upside_down, err));
    return make_low(sample, mask_size, err);
}

void scl_sample_free(scl_sample *sample)
{
    scl_mask_free(&sample->mask);
    scl_objects_free(&sample->objects);
    scl_free(sample->low);
    *sample = (scl_sample){0};
}
