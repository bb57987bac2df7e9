/* Random values in trainings of conv_lora: new in each batch, the same in each run of a seed, and
 * none in evaluations. Its gate starts at zero, so that the balance loss says the noise alone. */
#include "kept_device.h"
#include "train/train_support.h"

#include <math.h>
#include <stdlib.h>

#define STEPS 6 /* of 2 epochs: 5 images in batches of 2 */

/* The values of a key in metrics.jsonl. */
static void read_metrics(const char *run, const char *key, double *values, size_t count)
{
    char path[600], line[1024];
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(fgets(line, sizeof line, file));
        const char *at = strstr(line, key);
        assert_non_null(at);
        values[i] = strtod(at + strlen(key), NULL);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

/* Weights stay what they are. The grid of 8 is padded to windows of 3. */
static void train(const char *file, const char *seed, const char *accumulation, char run[512])
{
    tiny_options o = {.file = file,
                      .settings = {"adapter={use: conv_lora, params: {experts: 3}}",
                                   "model.window_size=3", "train.epochs=2",
                                   "train.optimizer={type: sgd, lr: 1.0e-30}", seed, accumulation},
                      .setting_count = 6,
                      .run = run};
    assert_ok(tiny_train(&o, &test_error));
}

#define BALANCE "\"loss.conv_lora.balance\": "

static void batches_and_seeds_draw_their_own_values(void **state)
{
    const char *file = tiny_run_file(*state);
    char run[512];
    double first[STEPS], again[STEPS], other[STEPS];
    train(file, "seed=3", "train.grad_accum_steps=1", run);
    read_metrics(run, BALANCE, first, STEPS);
    train(file, "seed=3", "train.grad_accum_steps=1", run);
    read_metrics(run, BALANCE, again, STEPS);
    train(file, "seed=4", "train.grad_accum_steps=1", run);
    read_metrics(run, BALANCE, other, STEPS);
    for (int i = 0; i < STEPS; i++) {
        assert_true(first[i] > 0 && first[i] == again[i] && first[i] != other[i]);
        for (int k = 0; k < i; k++)
            assert_true(first[i] != first[k]);
    }
}

/* A window has the mean of its batches' values, as they have equally many masks. */
static void batches_of_a_window_draw_their_own_values(void **state)
{
    const char *file = tiny_run_file(*state);
    char run[512];
    double single[STEPS], windows[4], total[4], bce[4], dice[4], mse[4];
    train(file, "seed=3", "train.grad_accum_steps=1", run);
    read_metrics(run, BALANCE, single, STEPS);
    train(file, "seed=3", "train.grad_accum_steps=2", run);
    read_metrics(run, BALANCE, windows, 4);
    read_metrics(run, "\"loss\": ", total, 4);
    read_metrics(run, "\"loss.bce_with_logits\": ", bce, 4);
    read_metrics(run, "\"loss.dice\": ", dice, 4);
    read_metrics(run, "\"loss.mse_iou\": ", mse, 4);
    for (int e = 0; e < 2; e++) {
        const double *batch = single + 3 * e;
        assert_true(fabs(windows[2 * e] - 0.5 * (batch[0] + batch[1])) < 1e-6 * batch[0]);
        assert_true(fabs(windows[2 * e + 1] - batch[2]) < 1e-6 * batch[2]);
    }
    for (int i = 0; i < 4; i++) /* of weight 1 */
        assert_true(fabs(total[i] - (bce[i] + dice[i] + 0.1 * mse[i] + windows[i])) <
                    1e-5 * total[i]);
}

/* The same weights in both epochs, so the same loss: without noise and balance. */
static void evaluations_have_none(void **state)
{
    const char *file = tiny_run_file(*state);
    char run[512], path[600], text[4096], *losses[2], *rest = NULL;
    train(file, "seed=3", "train.grad_accum_steps=1", run);
    snprintf(path, sizeof path, "%s/results.csv", run);
    FILE *csv = fopen(path, "r");
    assert_non_null(csv);
    text[fread(text, 1, sizeof text - 1, csv)] = '\0';
    fclose(csv);
    strtok_r(text, "\n", &rest);
    for (int i = 0; i < 2; i++) {
        char *cells = NULL;
        losses[i] = strtok_r(strtok_r(NULL, "\n", &rest), ",", &cells);
        for (int k = 0; k < 4; k++)
            losses[i] = strtok_r(NULL, ",", &cells);
    }
    assert_string_equal(losses[0], losses[1]);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(batches_and_seeds_draw_their_own_values),
        IN_FOLDER(batches_of_a_window_draw_their_own_values),
        IN_FOLDER(evaluations_have_none),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
