#include "data/sample.h"

#include "io/image.h"
#include "samcl/plugin.h"

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

/* `image` becomes the picture that the view shows. */
static scl_status move_pixels(scl_image *image, const scl_view *view, scl_error *err)
{
    if (scl_view_is_whole(view, image->width, image->height))
        return SCL_OK;
    scl_image moved;
    SCL_TRY(scl_image_make(&moved, view->width, view->height, 3, 8, err));
    scl_view_copy_rgb(view, image->data, moved.data);
    scl_image_free(image);
    *image = moved;
    return SCL_OK;
}

static scl_status load_image(const scl_sample *sample, const scl_dataset *dataset,
                             const scl_data_item *item, const scl_augment *augment, float *out,
                             scl_error *err)
{
    scl_view view = scl_augment_view(augment, item->width, item->height);
    scl_image image;
    SCL_TRY(scl_image_read(item->image, &image, err));
    scl_status status = check_size(item->image, image.width, image.height, item, err);
    if (status == SCL_OK)
        status = make_rgb(&image, (scl_image_range)dataset->config->value_range, err);
    if (status == SCL_OK)
        status = move_pixels(&image, &view, err);
    if (status == SCL_OK) {
        scl_augment_colours(augment, image.data, (size_t)image.width * (size_t)image.height);
        status = scl_frame_image(&sample->frame, image.data, out, err);
    }
    scl_image_free(&image);
    return status;
}

/* sample->file becomes sample->mask as it is seen, with its objects. */
static scl_status move_mask(scl_sample *sample, const scl_augment *augment,
                            const scl_data_config *config, scl_error *err)
{
    const scl_mask *file = &sample->file;
    scl_mask *mask = &sample->mask;
    scl_view view = scl_augment_view(augment, file->width, file->height);
    SCL_TRY(scl_mask_reserve(mask, (size_t)view.width * (size_t)view.height, err));
    scl_view_copy_ids(&view, file->ids, mask->ids);
    mask->width = view.width;
    mask->height = view.height;
    mask->kind = file->kind;
    return scl_objects_find(&sample->objects, mask, config, err);
}

static bool has_object(const scl_objects *objects, const scl_data_config *config)
{
    return config->task == SCL_TASK_INSTANCES ? objects->count > 0 : objects->any;
}

/* Takes the crop back where it would lose all objects. */
static scl_status augment_mask(scl_sample *sample, scl_augment *augment,
                               const scl_data_config *config, scl_error *err)
{
    scl_view view = scl_augment_view(augment, sample->file.width, sample->file.height);
    if (scl_view_is_whole(&view, sample->file.width, sample->file.height)) {
        scl_mask keep = sample->mask;
        sample->mask = sample->file;
        sample->file = keep;
        return SCL_OK;
    }
    bool needed = has_object(&sample->objects, config);
    SCL_TRY(move_mask(sample, augment, config, err));
    if (!needed || has_object(&sample->objects, config))
        return SCL_OK;
    augment->columns = augment->rows = 1;
    return move_mask(sample, augment, config, err);
}

static scl_status load_mask(scl_sample *sample, const scl_dataset *dataset,
                            const scl_data_item *item, scl_augment *augment, scl_error *err)
{
    scl_mask *file = &sample->file;
    SCL_TRY(scl_mask_read(file, item->mask, dataset->config, err));
    SCL_TRY(check_size(item->mask, file->width, file->height, item, err));
    SCL_TRY(scl_objects_find(&sample->objects, file, dataset->config, err));
    if (sample->objects.count == item->objects && !sample->objects.any == item->empty)
        return augment_mask(sample, augment, dataset->config, err);
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
    const scl_data_item *item = &dataset->items[visit->item];
    scl_augment augment = scl_augment_none();
    if (visit->augment)
        augment = scl_augment_draw(dataset->config, visit->seed, visit->epoch, visit->item);
    SCL_TRY(load_mask(sample, dataset, item, &augment, err));
    sample->frame = scl_frame_make(sample->mask.width, sample->mask.height, (int)image_size);
    SCL_TRY(load_image(sample, dataset, item, &augment, image, err));
    return make_low(sample, mask_size, err);
}

void scl_sample_free(scl_sample *sample)
{
    scl_mask_free(&sample->mask);
    scl_mask_free(&sample->file);
    scl_objects_free(&sample->objects);
    scl_free(sample->low);
    *sample = (scl_sample){0};
}
