/* test_average.c — train.average_last: the mean of the last weights is what a run leaves. */
#include "train/train_support.h"

#include "kept_device.h"

#include "io/weights.h"
#include "step/average.h"

#include <math.h>

static void steps_count_from_the_share_on(void **state)
{
    (void)state;
    assert_int_equal(scl_average_count(0, 10, 10, 0), 0);
    assert_int_equal(scl_average_count(0.5, 5, 10, 0), 0);
    assert_int_equal(scl_average_count(0.5, 6, 10, 0), 1);
    assert_int_equal(scl_average_count(0.5, 7, 10, 1), 2);
    assert_int_equal(scl_average_count(1, 1, 10, 0), 1);
    /* resumed with more epochs, or without averaging: it begins anew */
    assert_int_equal(scl_average_count(0.5, 8, 20, 3), 0);
    assert_int_equal(scl_average_count(0, 8, 10, 3), 0);
}

static void load_last(const char *run, scl_weights *weights)
{
    char path[600];
    snprintf(path, sizeof path, "%s/checkpoints/last.safetensors", run);
    assert_ok(scl_weights_load(path, weights, &test_error));
}

enum { STEPS = 9, AVERAGED = 5 }; /* 5 training images in batches of 2, 3 epochs */

/* Runs that stop after each of the last steps have the weights of the moment. */
static void the_last_weights_are_averaged(void **state)
{
    char run[512], stopped[AVERAGED][512];
    scl_weights mean, single[AVERAGED];
    const char *file = tiny_run_file(*state);
    tiny_options o = {
        .file = file, .settings = {"train.lr_scheduler.min_lr_ratio=0.5"}, .setting_count = 1};
    for (int i = 0; i < AVERAGED; i++) {
        scl_error err = {0};
        o.stop_at = (uint64_t)(STEPS - AVERAGED + 1 + i);
        o.run = stopped[i];
        assert_fails(tiny_train(&o, &err), SCL_INTERRUPTED, err, "--resume");
        load_last(stopped[i], &single[i]);
    }
    o.settings[o.setting_count++] = "train.average_last=0.5";
    o.stop_at = 0;
    o.run = run;
    assert_ok(tiny_train(&o, &test_error));
    load_last(run, &mean);
    int compared = 0;
    for (size_t i = 0; i < mean.count; i++) {
        const scl_weight *w = &mean.tensor[i];
        if (strncmp(w->name, "optimizer.", strlen("optimizer.")) == 0)
            continue;
        const float *found = (const float *)(const void *)w->data;
        double largest = 0, worst = 0, change = 0;
        for (int64_t k = 0; k < scl_weight_elements(w); k++) {
            double sum = 0, last = 0;
            for (int s = 0; s < AVERAGED; s++) {
                const scl_weight *one = scl_weights_find(&single[s], w->name);
                assert_non_null(one);
                last = (double)((const float *)(const void *)one->data)[k];
                sum += last;
            }
            largest = fmax(largest, fabs(sum / AVERAGED));
            worst = fmax(worst, fabs((double)found[k] - sum / AVERAGED));
            change = fmax(change, fabs(last - sum / AVERAGED));
        }
        if (worst > 1e-6 * largest)
            fail_msg("%s differs from the mean by %g of %g", w->name, worst, largest);
        compared += change > 1e-4 * largest; /* or the last weights would do */
    }
    assert_true(compared > 20);
    for (int i = 0; i < AVERAGED; i++)
        scl_weights_free(&single[i]);
    scl_weights_free(&mean);
}

/* Before the mean begins, within it, and at the end of an epoch; with pictures and validation. */
static void stopped_and_resumed_equals_unbroken(void **state)
{
    char whole[512], broken[512], texts[2][4096];
    tiny_options o = {.file = tiny_run_file(*state),
                      .settings = {"train.average_last=0.5"},
                      .setting_count = 1,
                      .run = whole};
    assert_ok(tiny_train(&o, &test_error));
    read_without_times(whole, "results.csv", texts[0], sizeof texts[0]);
    o.run = broken;
    for (uint64_t at = 4; at <= STEPS; at++) {
        scl_error err = {0};
        o.stop_at = at;
        assert_fails(tiny_train(&o, &err), SCL_INTERRUPTED, err, "--resume");
        tiny_options again = {.resume = broken};
        assert_ok(tiny_train(&again, &test_error));
        assert_same_checkpoint(whole, broken);
        read_without_times(broken, "results.csv", texts[1], sizeof texts[1]);
        assert_string_equal(texts[0], texts[1]);
    }
}

/* Averaging changes nothing of how the weights go. */
static void training_goes_on_from_the_weights_themselves(void **state)
{
    char runs[2][512], texts[2][8192];
    tiny_options o = {.file = tiny_run_file(*state)};
    for (int i = 0; i < 2; i++) {
        o.run = runs[i];
        assert_ok(tiny_train(&o, &test_error));
        read_without_times(runs[i], "metrics.jsonl", texts[i], sizeof texts[i]);
        o.settings[o.setting_count++] = "train.average_last=0.8";
    }
    assert_string_equal(texts[0], texts[1]);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_count_from_the_share_on),
        IN_FOLDER(the_last_weights_are_averaged),
        IN_FOLDER(stopped_and_resumed_equals_unbroken),
        IN_FOLDER(training_goes_on_from_the_weights_themselves),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
