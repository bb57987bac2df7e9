/* batch_support.h — a tiny model's inputs, and comparing whole batches. */
#ifndef SCL_TESTS_BATCH_SUPPORT_H
#define SCL_TESTS_BATCH_SUPPORT_H

#include "data_support.h"

#include "data/batch.h"

/* Pictures of this size aren't scaled: pixels of the file are those of the arrays. */
enum { PICTURE_WIDTH = 16, PICTURE_HEIGHT = 12, MODEL_SIDE = 16, MODEL_MASK_SIDE = 16 };

static inline scl_sam_config batch_model(void)
{
    return (scl_sam_config){.image_size = MODEL_SIDE, .patch_size = 4};
}

static inline scl_dataset *batch_dataset(const data_folder *folder, const scl_data_config *config)
{
    scl_dataset *dataset = NULL;
    scl_data_folders folders = data_folders(folder);
    assert_ok(
        scl_dataset_open(config, &folders, "train", (scl_data_progress){0}, &dataset, &test_error));
    return dataset;
}

/* An image NAME.png of the pattern from `start` on, and its mask. */
static inline void batch_add(data_folder *folder, const char *name, uint64_t start,
                             const uint8_t values[PICTURE_WIDTH * PICTURE_HEIGHT])
{
    char file[64];
    snprintf(file, sizeof file, "%s.png", name);
    data_write_picture(data_path(folder, "images", file), PICTURE_WIDTH, PICTURE_HEIGHT, start);
    data_write_gray(data_path(folder, "masks", file), PICTURE_WIDTH, PICTURE_HEIGHT, values);
}

/* The same with object 1 on a rectangle that depends on `start`. */
static inline void batch_add_rectangle(data_folder *folder, const char *name, uint64_t start)
{
    uint8_t values[PICTURE_WIDTH * PICTURE_HEIGHT] = {0};
    int left = (int)(start % 9), top = (int)(start % 7);
    for (int y = top; y < top + 4; y++)
        for (int x = left; x < left + 5; x++)
            values[y * PICTURE_WIDTH + x] = 1;
    batch_add(folder, name, start, values);
}

/* The arrays of a batch and their bytes; absent ones are NULL. */
typedef struct batch_array {
    const char *name;
    void *data;
    size_t bytes;
} batch_array;

enum { BATCH_ARRAYS = 11 };

static inline void batch_list(const scl_batch *b, batch_array arrays[BATCH_ARRAYS])
{
    const scl_batch_layout *l = &b->layout;
    size_t images = (size_t)l->images, masks = images * (size_t)l->objects;
    size_t pixels = masks * (size_t)(l->mask_size * l->mask_size) * 4, slots = (size_t)l->slots;
    size_t input = (size_t)(l->image_size * l->image_size) * 3;
    const batch_array all[BATCH_ARRAYS] = {
        {"image", b->image, images * input * 4},
        {"coords", b->coords, masks * slots * 2 * 4},
        {"labels", b->labels, masks * slots * 4},
        {"token_count", b->token_count, masks * 4},
        {"mask", b->mask, pixels},
        {"has_mask", b->has_mask, masks * 4},
        {"target", b->target, pixels},
        {"classes", b->classes, pixels},
        {"weight", b->weight, pixels},
        {"mask_weight", b->mask_weight, masks * 4},
        {"object", b->object, masks * 4},
    };
    memcpy(arrays, all, sizeof all);
}

static inline void batch_assert_same(const scl_batch *a, const scl_batch *b)
{
    batch_array of_a[BATCH_ARRAYS], of_b[BATCH_ARRAYS];
    batch_list(a, of_a);
    batch_list(b, of_b);
    for (int i = 0; i < BATCH_ARRAYS; i++) {
        assert_int_equal(of_a[i].data == NULL, of_b[i].data == NULL);
        assert_int_equal(of_a[i].bytes, of_b[i].bytes);
        if (of_a[i].data != NULL && memcmp(of_a[i].data, of_b[i].data, of_a[i].bytes) != 0)
            fail_msg("the arrays `%s` differ", of_a[i].name);
    }
    for (int64_t i = 0; i < a->layout.images; i++) {
        assert_ptr_equal(a->about[i].name, b->about[i].name);
        assert_int_equal(a->about[i].item, b->about[i].item);
        assert_int_equal(a->about[i].hash.low, b->about[i].hash.low);
        assert_int_equal(a->about[i].hash.high, b->about[i].hash.high);
    }
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->index, b->index);
    assert_int_equal(a->real_images, b->real_images);
    assert_int_equal(a->real_masks, b->real_masks);
    assert_int_equal(a->ends_window, b->ends_window);
}

/* A copy that outlives the loader's; free with scl_batch_free. */
static inline scl_batch batch_copy(const scl_batch *batch)
{
    scl_batch copy;
    assert_ok(scl_batch_make(&copy, &batch->layout, &test_error));
    batch_array from[BATCH_ARRAYS], to[BATCH_ARRAYS];
    batch_list(batch, from);
    batch_list(&copy, to);
    for (int i = 0; i < BATCH_ARRAYS; i++)
        if (from[i].data != NULL)
            memcpy(to[i].data, from[i].data, from[i].bytes);
    memcpy(copy.about, batch->about, (size_t)batch->layout.images * sizeof *copy.about);
    copy.epoch = batch->epoch;
    copy.index = batch->index;
    copy.real_images = batch->real_images;
    copy.real_masks = batch->real_masks;
    copy.ends_window = batch->ends_window;
    return copy;
}

#endif
