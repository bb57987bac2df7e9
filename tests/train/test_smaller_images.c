/* test_smaller_images.c — train.image_size: what is trained on is smaller than what the model sees
 * afterwards. */
#include "train/train_support.h"

#include "kept_device.h"

#include "io/weights.h"

#include <math.h>

static double table_of(const char *run, const char *name, int64_t rows)
{
    char path[600];
    double sum = 0;
    scl_weights weights;
    snprintf(path, sizeof path, "%s/checkpoints/last.safetensors", run);
    assert_ok(scl_weights_load(path, &weights, &test_error));
    const scl_weight *w = scl_weights_find(&weights, name);
    assert_non_null(w);
    assert_int_equal(w->dim[w->ndim - 2], rows);
    for (int64_t i = 0; i < scl_weight_elements(w); i++)
        sum += fabs((double)((const float *)(const void *)w->data)[i]);
    scl_weights_free(&weights);
    return sum;
}

/* They start at zero. The model has 8 tokens along a side, a training image 4. */
static void the_models_own_tables_are_trained(void **state)
{
    char run[512];
    tiny_options o = {.file = tiny_run_file(*state),
                      .settings = {"train.image_size=32", "train.epochs=1"},
                      .setting_count = 2,
                      .run = run};
    assert_ok(tiny_train(&o, &test_error));
    assert_true(table_of(run, "image_encoder.pos_embed", 8) > 0);
    assert_true(table_of(run, "image_encoder.blocks.1.attn.rel_pos_h", 2 * 8 - 1) > 0);
    assert_true(table_of(run, "image_encoder.blocks.0.attn.rel_pos_w", 2 * 4 - 1) > 0);
}

static void stopped_and_resumed_equals_unbroken(void **state)
{
    char whole[512], broken[512];
    scl_error err = {0};
    tiny_options o = {.file = tiny_run_file(*state),
                      .settings = {"train.image_size=40", "data.random_crop=0.6"},
                      .setting_count = 2,
                      .run = whole};
    assert_ok(tiny_train(&o, &test_error));
    o.run = broken;
    o.stop_at = 4;
    assert_fails(tiny_train(&o, &err), SCL_INTERRUPTED, err, "--resume");
    tiny_options again = {.resume = broken};
    assert_ok(tiny_train(&again, &test_error));
    assert_same_checkpoint(whole, broken);
}

/* Training and validation keep results of both sizes in one cache. */
static void the_prefix_cache_tells_sizes_apart(void **state)
{
    char runs[2][512], results[2][2048];
    const char *file = tiny_run_file(*state);
    for (int i = 0; i < 2; i++) {
        tiny_options o = {.file = file,
                          .settings = {"train.image_size=32", "adapter=null",
                                       "train_also=[\"mask_decoder.*\"]", "data.hflip=0",
                                       "model.depth=16", "model.mlp_ratio=16",
                                       i == 0 ? "cache={memory: 0, disk: 0}"
                                              : "cache={memory: 1MiB, disk: 1MiB}"},
                          .setting_count = 7,
                          .run = runs[i]};
        assert_ok(tiny_train(&o, &test_error));
        read_without_times(runs[i], "results.csv", results[i], sizeof results[i]);
    }
    assert_string_equal(results[0], results[1]);
    assert_same_checkpoint(runs[0], runs[1]);
}

static void a_size_that_does_not_fit_has_its_place(void **state)
{
    data_folder *folder = *state;
    scl_error err = {0};
    tiny_options o = {.file = tiny_run_file(folder),
                      .settings = {"model={type: vit_nano}", "train.image_size=36"},
                      .setting_count = 2};
    assert_fails(tiny_train(&o, &err), SCL_BAD_CONFIG, err,
                 "train.image_size 36 must be a multiple of the patch size 8; 40 is the nearest "
                 "above");
    assert_false(scl_path_exists(data_path(folder, "runs", "tiny")));
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_models_own_tables_are_trained),
        IN_FOLDER(stopped_and_resumed_equals_unbroken),
        IN_FOLDER(the_prefix_cache_tells_sizes_apart),
        IN_FOLDER(a_size_that_does_not_fit_has_its_place),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
