/* Batches: which arrays there are, by the configuration. */
#include "batch_support.h"
#include "model/sam.h"

#include <math.h>

enum {
    WIDTH = PICTURE_WIDTH,
    HEIGHT = PICTURE_HEIGHT,
    PIXELS = WIDTH * HEIGHT,
    SIDE = MODEL_SIDE,
    LOW = MODEL_MASK_SIDE,
    BASE_TOKENS = 5
};

static scl_batch make(const scl_data_config *config, int64_t images)
{
    scl_sam_config model = batch_model();
    scl_batch_layout layout = scl_batch_layout_make(config, &model, images);
    scl_batch batch;
    assert_ok(scl_batch_make(&batch, &layout, &test_error));
    return batch;
}

static void layouts_follow_the_configuration(void **state)
{
    (void)state;
    scl_prompt_config prompts[] = {{.kind = SCL_PROMPT_BOX, .weight = 1},
                                   {.kind = SCL_PROMPT_POINT, .weight = 1, .point = {1, 2, 1}},
                                   {.kind = SCL_PROMPT_MASK, .weight = 1}};
    scl_data_config config = data_config(SCL_TASK_INSTANCES);
    config.prompts.items = prompts;
    config.prompts.count = 3;
    config.objects_per_image = 7;
    scl_sam_config model = {.image_size = 96, .patch_size = 8};
    scl_batch_layout layout = scl_batch_layout_make(&config, &model, 3);
    assert_int_equal(layout.images, 3);
    assert_int_equal(layout.objects, 7);
    assert_int_equal(layout.image_size, 96);
    assert_int_equal(layout.mask_size, 48);
    assert_int_equal(layout.slots, 4);
    assert_int_equal(layout.base_tokens, 5);
    assert_true(layout.mask_prompts && !layout.multiclass);

    config = data_config(SCL_TASK_MULTICLASS);
    config.objects_per_image = 7; /* for instances only */
    model.classes = 11;
    layout = scl_batch_layout_make(&config, &model, 2);
    assert_int_equal(layout.objects, 1);
    assert_int_equal(layout.slots, 0);
    assert_int_equal(layout.base_tokens, 12);
    assert_true(!layout.mask_prompts && layout.multiclass);
}

static void only_needed_arrays_are_made(void **state)
{
    (void)state;
    scl_data_config config = data_config(SCL_TASK_BINARY);
    scl_batch batch = make(&config, 2);
    assert_true(batch.coords == NULL && batch.labels == NULL && batch.mask == NULL &&
                batch.has_mask == NULL && batch.classes == NULL);
    assert_true(batch.target != NULL && batch.weight != NULL && batch.token_count != NULL);
    scl_batch_free(&batch);
    config = data_config(SCL_TASK_MULTICLASS);
    batch = make(&config, 2);
    assert_true(batch.target == NULL && batch.classes != NULL);
    scl_batch_free(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_follow_the_configuration),
        cmocka_unit_test(only_needed_arrays_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
