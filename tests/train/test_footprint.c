/* test_footprint.c — what a run will take is what it takes: plan against measurement. */
#include "kept_device.h"
#include "train/train_support.h"

#include "registry.h"
#include "train/footprint.h"

static size_t number_in_run(const char *run, const char *key)
{
    char path[700], text[8192] = "", name[64];
    snprintf(path, sizeof path, "%s/run.json", run);
    snprintf(name, sizeof name, "\"%s\":", key);
    scl_file_map map;
    assert_ok(scl_file_map_open(path, &map, &test_error));
    memcpy(text, map.data, map.size < sizeof text - 1 ? map.size : sizeof text - 1);
    scl_file_unmap(&map);
    const char *at = strstr(text, name);
    assert_non_null(at);
    return strtoul(at + strlen(name), NULL, 10);
}

static scl_status plan(const tiny_options *o, scl_footprint *f, scl_recompute *choices,
                       scl_error *err)
{
    scl_device *device = NULL;
    assert_ok(scl_device_open(test_device_name(), &device, &test_error));
    size_t probing = device->bytes_peak;
    scl_status status =
        scl_footprint_find(o->file, o->settings, o->setting_count, device, f, choices, err);
    assert_int_equal(device->bytes_peak, probing); /* nothing was allocated on it */
    scl_device_close(device);
    return status;
}

static size_t sum_of(const scl_footprint *f)
{
    return f->frozen_weights + f->trained_weights + f->optimizer + f->accumulated +
           f->step.activations + f->step.gradients + f->step.passing + f->step.workspace +
           f->step.gaps + f->inputs + f->frozen_layers + f->validation;
}

static void a_run_takes_what_was_planned(void **state)
{
    static const char *const runs[][4] = {
        {"train.batch_size=2"},
        {"train.grad_accum_steps=2", "train.optimizer={type: muon, lr: 1.0e-3}"},
        {"adapter={use: lora}", "train.optimizer={type: sgd, lr: 1.0e-3, momentum: 0.9}"},
        {"adapter=null", "train_also=[\"mask_decoder.*\"]", "model.depth=16", "model.mlp_ratio=16"},
        {"data.val_split=0", "train.samples=2", "train.batch_size=3"},
        {"data.val_split=0", "train.samples=0"},
        {"train.average_last=0.5", "train.image_size=48"},
        {"data.task=instances", "data.objects_per_image=3"},
        {"memory_budget=5MiB", "model.image_size=128"}};
    tiny_run_file(*state);
    for (int i = 0; i < TINY_IMAGES; i++) { /* an id, and also an object or background */
        char name[32];
        snprintf(name, sizeof name, "%02d.png", i);
        data_write_rectangle(data_path(*state, "masks", name), 60, 48, 4, 5, 24, 20, 7);
    }
    const char *file = data_path(*state, ".", "run.yaml");
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        char run[512];
        tiny_options o = {
            .file = file, .settings = {"train.epochs=1"}, .setting_count = 1, .run = run};
        for (size_t k = 0; k < 4 && runs[i][k] != NULL; k++)
            o.settings[o.setting_count++] = runs[i][k];
        scl_footprint f;
        assert_ok(plan(&o, &f, NULL, &test_error));
        assert_ok(tiny_train(&o, &test_error));
        size_t measured = number_in_run(run, "device_peak_bytes");
        if (f.total != measured)
            fail_msg("run %zu (%s): %zu bytes planned, %zu measured", i, runs[i][0], f.total,
                     measured);
        assert_int_equal(f.step_bytes, number_in_run(run, "activation_bytes"));
        assert_int_equal(sum_of(&f), f.total);
        assert_true(f.inputs < f.total / 2);
        assert_true(f.live_bytes <= f.step_bytes && f.step_bytes <= f.live_bytes * 102 / 100);
    }
}

static void causes_have_their_sizes(void **state)
{
    scl_footprint full, lora, decoder, summed, averaged;
    tiny_options o = {.file = tiny_run_file(*state), .setting_count = 1};
    o.settings[0] = "adapter={use: full}";
    assert_ok(plan(&o, &full, NULL, &test_error));
    /* the losses do not reach the heads for three alternatives */
    assert_true(full.optimizer < 2 * full.trained_weights);
    assert_true(full.optimizer > full.trained_weights);
    assert_int_equal(full.accumulated, 0);
    assert_true(full.validation > 0 && !full.cached && full.frozen_layers == 0);
    o.settings[0] = "train.grad_accum_steps=4";
    assert_ok(plan(&o, &summed, NULL, &test_error));
    assert_int_equal(2 * summed.accumulated, full.optimizer);
    o.settings[0] = "train.average_last=0.5";
    assert_ok(plan(&o, &averaged, NULL, &test_error));
    assert_int_equal(2 * averaged.optimizer, 3 * full.optimizer);
    o.settings[0] = "adapter={use: lora}";
    assert_ok(plan(&o, &lora, NULL, &test_error));
    assert_true(lora.trained_weights < full.trained_weights / 4 && lora.total < full.total);
    assert_true(lora.frozen_weights + lora.trained_weights > full.trained_weights);
    o.settings[0] = "adapter=null";
    o.settings[1] = "train_also=[\"mask_decoder.*\"]";
    o.settings[2] = "model.depth=16";
    o.settings[3] = "model.mlp_ratio=16";
    o.setting_count = 4;
    assert_ok(plan(&o, &decoder, NULL, &test_error));
    assert_true(decoder.cached && decoder.frozen_layers > 0 && decoder.host_cache > 0);
}

static void choices_are_kept_by_a_budget(void **state)
{
    char budget[64];
    scl_footprint free_of_it, within;
    scl_recompute choices = {0};
    tiny_options o = {.file = tiny_run_file(*state),
                      .settings = {"model.image_size=128", "model.depth=6"},
                      .setting_count = 2};
    assert_ok(plan(&o, &free_of_it, &choices, &test_error));
    assert_true(choices.step_count > 6);
    assert_true(free_of_it.again_count > 0 && free_of_it.again_work <= 0.01);
    assert_true(free_of_it.step_bytes < free_of_it.plain_bytes);
    const scl_recompute_step *middle = &choices.steps[choices.step_count / 2];
    size_t most = free_of_it.total - free_of_it.step_bytes + middle->live_bytes;
    snprintf(budget, sizeof budget, "memory_budget=%zu", most + most / 100);
    scl_recompute_free(&choices);
    o.settings[o.setting_count++] = budget;
    assert_ok(plan(&o, &within, NULL, &test_error));
    assert_true(within.total <= most + most / 100);
    assert_true(within.again_count > free_of_it.again_count);
    assert_int_equal(within.plain_bytes, free_of_it.plain_bytes);

    scl_error err = {0};
    o.settings[o.setting_count - 1] = "memory_budget=1MiB";
    assert_fails(plan(&o, &within, NULL, &err), SCL_DEVICE, err, "this run needs at least ");
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_run_takes_what_was_planned),
        IN_FOLDER(causes_have_their_sizes),
        IN_FOLDER(choices_are_kept_by_a_budget),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
