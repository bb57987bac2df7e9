/* test_train.c — trainings of a tiny model: what they leave, and that they can be interrupted. */
#include "kept_device.h"
#include "train/train_support.h"

#include "io/weights.h"
#include "registry.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

static bool file_exists(const char *run, const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", run, name);
    return scl_path_exists(path);
}

static size_t activation_bytes(const char *run)
{
    char path[700], text[8192] = "";
    snprintf(path, sizeof path, "%s/run.json", run);
    scl_file_map map;
    assert_ok(scl_file_map_open(path, &map, &test_error));
    memcpy(text, map.data, map.size < sizeof text - 1 ? map.size : sizeof text - 1);
    scl_file_unmap(&map);
    const char *at = strstr(text, "\"activation_bytes\":");
    assert_non_null(at);
    return strtoul(at + strlen("\"activation_bytes\":"), NULL, 10);
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void a_run_leaves_its_files(void **state)
{
    char run[512], text[8192];
    tiny_options o = {.file = tiny_run_file(*state), .run = run};
    assert_ok(tiny_train(&o, &test_error));
    static const char *const files[] = {
        "config.yaml",      "config.resolved.yaml",         "run.json",
        "train.log",        "checkpoints/last.safetensors", "checkpoints/best.safetensors",
        "plots/curves.png", "samples/epoch_0001.png",       "samples/epoch_0003.png"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!file_exists(run, files[i]))
            fail_msg("%s is missing", files[i]);
    read_without_times(run, "metrics.jsonl", text, sizeof text);
    assert_int_equal(count_lines(text), 3 * 3); /* 5 images in 3 batches, 3 epochs */
    assert_non_null(strstr(text, "\"loss.mse_iou\""));
    read_without_times(run, "results.csv", text, sizeof text);
    assert_int_equal(count_lines(text), 1 + 3);
}

static void an_expression_trains_as_the_losses_it_calls(void **state)
{
    char runs[2][512], texts[2][8192];
    const char *file = tiny_run_file(*state);
    tiny_options o = {.file = file, .settings = {"train.epochs=1"}, .setting_count = 1};
    for (int i = 0; i < 2; i++) {
        o.run = runs[i];
        assert_ok(tiny_train(&o, &test_error));
        read_without_times(runs[i], "metrics.jsonl", texts[i], sizeof texts[i]);
        o.settings[o.setting_count++] = "losses=[{expr: \"bce(x,t)\", name: bce_with_logits}, "
                                        "{expr: \"dice(p,t)\", name: dice}, "
                                        "{expr: \"mse_iou(p,t)\", weight: 0.1, name: mse_iou}]";
    }
    assert_string_equal(texts[0], texts[1]);
    assert_same_checkpoint(runs[0], runs[1]);
}

/* It reads no target, and is named by its text. */
static void an_expression_is_saved_and_resumed(void **state)
{
    char whole[512], broken[512], text[8192];
    scl_error err = {0};
    tiny_options o = {.file = tiny_run_file(*state),
                      .settings = {"losses=[{expr: \"mean(p^2)+(iou - 0.5)^2\"}]"},
                      .setting_count = 1,
                      .run = whole};
    assert_ok(tiny_train(&o, &test_error));
    read_without_times(whole, "metrics.jsonl", text, sizeof text);
    assert_non_null(strstr(text, "\"loss.mean(p^2)+(iou-0.5)^2\""));
    o.stop_at = 4;
    o.run = broken;
    assert_fails(tiny_train(&o, &err), SCL_INTERRUPTED, err, "--resume");
    tiny_options again = {.resume = broken};
    assert_ok(tiny_train(&again, &test_error));
    assert_same_checkpoint(whole, broken);
}

static void the_next_run_takes_the_next_number(void **state)
{
    char first[512], second[512];
    const char *file = tiny_run_file(*state);
    tiny_options o = {.file = file, .settings = {"train.epochs=1"}, .setting_count = 1};
    o.run = first;
    assert_ok(tiny_train(&o, &test_error));
    o.run = second;
    assert_ok(tiny_train(&o, &test_error));
    assert_string_equal(scl_path_base(first), "tiny");
    assert_string_equal(scl_path_base(second), "tiny-2");
    assert_same_checkpoint(first, second);
}

/* At every step: in the middle of an epoch, at its end, while accumulating, and with random values
 * in the model. */
static void stopped_and_resumed_equals_unbroken(void **state)
{
    static const char *const settings[][2] = {
        {"train.grad_accum_steps=1", "adapter={use: full}"},
        {"train.grad_accum_steps=2", "adapter={use: full}"},
        {"train.grad_accum_steps=2", "adapter={use: conv_lora, params: {experts: 3}}"}};
    const char *file = tiny_run_file(*state);
    for (int a = 0; a < 3; a++) {
        char whole[512], broken[512], texts[2][8192];
        tiny_options o = {
            .file = file, .settings = {settings[a][0], settings[a][1]}, .setting_count = 2};
        o.run = whole;
        assert_ok(tiny_train(&o, &test_error));
        uint64_t steps = a == 0 ? 9 : 6;
        for (uint64_t at = 1; at <= steps; at += 2) {
            scl_error err = {0};
            o.stop_at = at;
            o.run = broken;
            assert_fails(tiny_train(&o, &err), SCL_INTERRUPTED, err, "--resume");
            tiny_options again = {.resume = broken};
            assert_ok(tiny_train(&again, &test_error));
            assert_same_checkpoint(whole, broken);
            for (int i = 0; i < 2; i++) {
                const char *name = i == 0 ? "metrics.jsonl" : "results.csv";
                read_without_times(whole, name, texts[0], sizeof texts[0]);
                read_without_times(broken, name, texts[1], sizeof texts[1]);
                assert_string_equal(texts[0], texts[1]);
            }
        }
    }
}

/* What is trained is the decoder, or the last block of the encoder too, with random values behind
 * what is kept: whether frozen results are kept changes nothing. The deep encoder makes them worth
 * keeping. */
static void the_prefix_cache_changes_no_bit(void **state)
{
    scl_folder kept;
    char file[512];
    snprintf(file, sizeof file, "%s", tiny_run_file(*state));
    static const char *const adapters[] = {"adapter=null",
                                           "adapter={use: conv_lora, params: {experts: 3, sites: "
                                           "[image_encoder.blocks.15.attn.qkv]}}"};
    static const char *const caches[] = {"cache={memory: 0, disk: 0}",
                                         "cache={memory: 1MiB, disk: 0}",
                                         "cache={memory: 0, disk: 1MiB}"};
    size_t entries = 0;
    for (int a = 0; a < 2; a++) {
        char runs[3][512];
        for (int i = 0; i < 3; i++) {
            tiny_options o = {.file = file,
                              .settings = {adapters[a], "train_also=[\"mask_decoder.*\"]",
                                           "model.depth=16", "model.mlp_ratio=16",
                                           "model.window_size=3", caches[i]},
                              .setting_count = 6,
                              .run = runs[i]};
            assert_ok(tiny_train(&o, &test_error));
        }
        assert_same_checkpoint(runs[0], runs[1]);
        assert_same_checkpoint(runs[0], runs[2]);
        assert_ok(scl_folder_list(data_path(*state, "runs", "cache"), &kept, &test_error));
        assert_true(kept.count >= entries + TINY_IMAGES);
        entries = kept.count;
        scl_folder_free(&kept);
    }
}

/* Images with one, two or three objects, so that batches of a window have unlike numbers of masks.
 */
static void write_objects(data_folder *folder)
{
    enum { WIDTH = 60, HEIGHT = 48 };
    for (int i = 0; i < TINY_IMAGES; i++) {
        uint8_t values[WIDTH * HEIGHT] = {0};
        char name[32];
        for (int id = 1; id <= 1 + i % 3; id++)
            for (int y = 5; y < 30 + i; y++)
                for (int x = 0; x < 11; x++)
                    values[y * WIDTH + id * 14 + x] = (uint8_t)id;
        snprintf(name, sizeof name, "%02d.png", i);
        data_write_gray(data_path(folder, "masks", name), WIDTH, HEIGHT, values);
    }
}

static void read_losses(const char *run, double *losses, size_t count)
{
    char text[8192];
    read_without_times(run, "metrics.jsonl", text, sizeof text);
    assert_int_equal(count_lines(text), count);
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        at = strstr(at, "\"loss\":");
        assert_non_null(at);
        losses[i] = strtod(at + strlen("\"loss\":"), NULL);
        at++;
    }
}

/* To rounding: the sum of gradients has another order. */
static void assert_near_checkpoint(const char *run_a, const char *run_b)
{
    scl_weights a, b;
    char path[600];
    snprintf(path, sizeof path, "%s/checkpoints/last.safetensors", run_a);
    assert_ok(scl_weights_load(path, &a, &test_error));
    snprintf(path, sizeof path, "%s/checkpoints/last.safetensors", run_b);
    assert_ok(scl_weights_load(path, &b, &test_error));
    assert_true(a.count > 0 && a.count == b.count);
    for (size_t i = 0; i < a.count; i++) {
        const float *x = (const float *)(const void *)a.tensor[i].data;
        const float *y = (const float *)(const void *)b.tensor[i].data;
        float largest = 0, gap = 0;
        for (int64_t k = 0; k < scl_weight_elements(&a.tensor[i]); k++) {
            largest = fmaxf(largest, fabsf(x[k]));
            gap = fmaxf(gap, fabsf(x[k] - y[k]));
        }
        if (gap > 2e-5f * largest)
            fail_msg("%s differs by %g of %g", a.tensor[i].name, (double)gap, (double)largest);
    }
    scl_weights_free(&a);
    scl_weights_free(&b);
}

/* 5 training images: a window of 4 and one of 1. Masks count alike, wherever they are. */
static void accumulated_batches_equal_one_large_batch(void **state)
{
    char runs[3][512];
    double losses[3][4];
    static const char *const sizes[][2] = {{"train.batch_size=4", "train.grad_accum_steps=1"},
                                           {"train.batch_size=2", "train.grad_accum_steps=2"},
                                           {"train.batch_size=1", "train.grad_accum_steps=4"}};
    tiny_run_file(*state);
    write_objects(*state);
    const char *file = data_path(*state, ".", "run.yaml");
    for (int i = 0; i < 3; i++) {
        tiny_options o = {.file = file,
                          .settings = {"train.optimizer={type: sgd, lr: 0.05, momentum: 0.9}",
                                       "data.task=instances", "data.objects_per_image=3",
                                       "train.epochs=2", sizes[i][0], sizes[i][1]},
                          .setting_count = 6,
                          .run = runs[i]};
        assert_ok(tiny_train(&o, &test_error));
        read_losses(runs[i], losses[i], 4);
    }
    for (int i = 1; i < 3; i++) {
        for (int step = 0; step < 4; step++)
            assert_true(fabs(losses[i][step] - losses[0][step]) < 1e-5 * losses[0][step]);
        assert_near_checkpoint(runs[0], runs[i]);
    }
    assert_true(fabs(losses[0][3] - losses[0][1]) > 1e-3); /* it did learn */
}

/* Attention, convolutions, adapters and the decoder run again, and no bit of a training changes. */
static void a_memory_budget_changes_no_bit(void **state)
{
    static const char *const trained[] = {"adapter={use: full}", "adapter={use: lora}",
                                          "adapter={use: conv_lora, params: {experts: 2}}"};
    const char *file = tiny_run_file(*state);
    for (int a = 0; a < 3; a++) {
        char whole[512], small[512], budget[64];
        double least = 0;
        scl_error err = {0};
        tiny_options o = {.file = file,
                          .settings = {trained[a], "model.depth=8", "model.image_size=128",
                                       "train.epochs=1", "memory_budget=null"},
                          .setting_count = 5};
        o.run = whole;
        assert_ok(tiny_train(&o, &test_error));
        o.run = NULL;
        o.settings[4] = "memory_budget=1MiB";
        assert_fails(tiny_train(&o, &err), SCL_DEVICE, err, "memory_budget is 1.0 MiB: raise it");
        assert_int_equal(sscanf(strstr(err.text, "at least"), "at least %lf MiB", &least), 1);
        snprintf(budget, sizeof budget, "memory_budget=%.0fKiB", (least + 0.1) * 1024);
        o.settings[4] = budget;
        o.run = small;
        assert_ok(tiny_train(&o, &test_error));
        assert_same_checkpoint(whole, small);
        assert_true(activation_bytes(small) < activation_bytes(whole) * 7 / 10);
    }
}

static void a_loss_that_is_not_finite_names_its_images(void **state)
{
    scl_error err = {0};
    tiny_options o = {.file = tiny_run_file(*state),
                      .settings = {"train.optimizer={type: sgd, lr: 10, momentum: 0.9}",
                                   "train.max_grad_norm=0", "train.epochs=50"},
                      .setting_count = 3};
    assert_int_equal(tiny_train(&o, &err), SCL_NUMERIC);
    assert_non_null(strstr(err.text, "with the images 0"));
    assert_non_null(strstr(err.text, "optimizer.lr"));
}

static void patience_ends_a_run(void **state)
{
    char run[512], text[8192];
    tiny_options o = {
        .file = tiny_run_file(*state),
        .settings = {"train.epochs=50", "train.patience=2", "train.optimizer.lr=1e-12"},
        .setting_count = 3,
        .run = run};
    assert_ok(tiny_train(&o, &test_error));
    read_without_times(run, "results.csv", text, sizeof text);
    assert_in_range(count_lines(text), 1 + 3, 1 + 6);
}

static void patterns_that_match_nothing_leave_no_folder(void **state)
{
    scl_error err = {0};
    data_folder *folder = *state;
    tiny_options o = {.file = tiny_run_file(folder),
                      .settings = {"adapter=null", "train_also=[\"mask_decode.*\"]"},
                      .setting_count = 2};
    assert_fails(tiny_train(&o, &err), SCL_BAD_CONFIG, err, "matches no parameter");
    assert_false(file_exists(folder->root, "runs/tiny"));
}

/* Reading masks may take minutes: what is wrong elsewhere is told before a mask is looked at. */
static void cheap_checks_come_before_the_masks(void **state)
{
    data_folder *folder = *state;
    const char *file = tiny_run_file(folder);
    assert_ok(scl_file_write(data_path(folder, "masks", "03.png"), "no mask", 7, &test_error));
    file = data_path(folder, ".", "run.yaml");
    static const struct {
        const char *setting;
        scl_status status;
        const char *words;
    } cases[] = {
        {"model.checkpoint=none.pth", SCL_BAD_DATA, "none.pth: cannot be opened"},
        {"train_also=[\"mask_decode.*\"]", SCL_BAD_CONFIG, "did you mean `mask_decoder.*`?"},
        {"train.param_groups=[{match: \"mask_decode.*\", lr: 1}]", SCL_BAD_CONFIG,
         "`match` matches no trained parameter with \"mask_decode.*\": did you mean"},
        {"adapter.params={parameters: [\"image_encoder.*\", neck]}", SCL_BAD_CONFIG,
         "`parameters` matches no parameter with \"neck\": names are such as `"},
        {"adapter={use: lora, params: {sites: [\"*.attn.qkv\", \"*.atn.proj\"]}}", SCL_BAD_CONFIG,
         "`sites` matches no linear layer with \"*.atn.proj\": did you mean `*.attn.proj`?"},
        {"data.train.images=nowhere", SCL_BAD_DATA,
         "command line: data.train.images=nowhere: expected a folder, found that nowhere cannot"},
        {"seed=5", SCL_BAD_DATA, "03.png"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scl_error err = {0};
        tiny_options o = {.file = file, .settings = {cases[i].setting}, .setting_count = 1};
        assert_fails(tiny_train(&o, &err), cases[i].status, err, cases[i].words);
        assert_true(i == 6 || strstr(err.text, "03.png") == NULL);
    }
}

/* Patterns in the file are told with their place. */
static void patterns_have_their_place(void **state)
{
    scl_error err = {0};
    data_folder *folder = *state;
    tiny_run_file(folder);
    FILE *file = fopen(data_path(folder, ".", "run.yaml"), "a");
    assert_non_null(file);
    fputs("train_also:\n  - \"mask_decoder.*\"\n  - \"promt_encoder.*\"\n", file);
    fclose(file);
    tiny_options o = {.file = data_path(folder, ".", "run.yaml")};
    assert_fails(tiny_train(&o, &err), SCL_BAD_CONFIG, err,
                 "run.yaml:20:5: `train_also` matches no parameter with \"promt_encoder.*\": did "
                 "you mean `prompt_encoder.*`?");
}

static void missing_folders_have_their_place(void **state)
{
    scl_error err = {0};
    data_folder *folder = *state;
    tiny_run_file(folder);
    assert_int_equal(rename(folder->masks, data_path(folder, ".", "elsewhere")), 0);
    const char *file = data_path(folder, ".", "run.yaml");
    tiny_options o = {.file = file};
    assert_fails(tiny_train(&o, &err), SCL_BAD_DATA, err, "run.yaml:8:");
}

static void damage_to_a_checkpoint_is_noticed(void **state)
{
    char run[512], path[600];
    tiny_options o = {.file = tiny_run_file(*state),
                      .settings = {"train.epochs=1"},
                      .setting_count = 1,
                      .run = run};
    assert_ok(tiny_train(&o, &test_error));
    snprintf(path, sizeof path, "%s/checkpoints/last.safetensors", run);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -100, SEEK_END), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -100, SEEK_END), 0);
    fputc(byte ^ 1, file);
    fclose(file);
    scl_error err = {0};
    tiny_options again = {.resume = run};
    assert_fails(tiny_train(&again, &err), SCL_BAD_DATA, err, "damaged");
}

static void a_file_where_the_folder_should_be_is_said(void **state)
{
    char path[600];
    data_folder *folder = *state;
    tiny_options o = {.file = tiny_run_file(folder)};
    scl_error err = {0};
    snprintf(path, sizeof path, "%s/runs", folder->root);
    assert_ok(scl_file_write(path, "", 0, &test_error)); /* a file where the folder should be */
    assert_fails(tiny_train(&o, &err), SCL_FAILED, err, "runs");
}

static void a_full_disk_leaves_no_half_checkpoint(void **state)
{
    char run[512] = "", path[600];
    scl_error err = {0};
    struct rlimit before, small;
    /* not on an OpenCL device, whose driver writes files too */
    tiny_options o = {.file = tiny_run_file(*state),
                      .settings = {"device=reference"},
                      .setting_count = 1,
                      .run = run};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 20000; /* bytes: the run file fits, the checkpoint does not */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    scl_status status = tiny_train(&o, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, SCL_FAILED);
    assert_non_null(strstr(err.text, "last.safetensors"));
    snprintf(path, sizeof path, "%s/checkpoints", run);
    scl_folder left;
    assert_ok(scl_folder_list(path, &left, &test_error));
    assert_int_equal(left.count, 0);
    scl_folder_free(&left);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_run_leaves_its_files),
        IN_FOLDER(an_expression_trains_as_the_losses_it_calls),
        IN_FOLDER(an_expression_is_saved_and_resumed),
        IN_FOLDER(the_next_run_takes_the_next_number),
        IN_FOLDER(stopped_and_resumed_equals_unbroken),
        IN_FOLDER(the_prefix_cache_changes_no_bit),
        IN_FOLDER(accumulated_batches_equal_one_large_batch),
        IN_FOLDER(a_memory_budget_changes_no_bit),
        IN_FOLDER(a_loss_that_is_not_finite_names_its_images),
        IN_FOLDER(patience_ends_a_run),
        IN_FOLDER(patterns_that_match_nothing_leave_no_folder),
        IN_FOLDER(cheap_checks_come_before_the_masks),
        IN_FOLDER(patterns_have_their_place),
        IN_FOLDER(missing_folders_have_their_place),
        IN_FOLDER(damage_to_a_checkpoint_is_noticed),
        IN_FOLDER(a_file_where_the_folder_should_be_is_said),
        IN_FOLDER(a_full_disk_leaves_no_half_checkpoint),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
