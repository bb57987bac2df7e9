/* The program: train and eval on a run of seconds, and what they leave. */
#include "cli/models.h"
#include "cli/program.h"

#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The encoder is deep enough for its results to be worth keeping. */
static const char run_text[] =
    "name: base\n"
    "model: {type: custom, image_size: 64, patch_size: 8, embed_dim: 16, depth: 64, num_heads: 2,\n"
    "        window_size: 4, global_attn_indexes: [1], mlp_ratio: 16, prompt_embed_dim: 32,\n"
    "        decoder_depth: 1, decoder_num_heads: 2, decoder_mlp_dim: 32,\n"
    "        iou_head_hidden_dim: 16}\n"
    "data:\n"
    "  train: {images: images, masks: masks}\n"
    "  val: {images: images, masks: masks}\n"
    "  prompts: [{box: {jitter: 0.1}}]\n"
    "adapter: {use: full}\n"
    "losses: [{use: dice}]\n"
    "train: {epochs: 1, batch_size: 2, optimizer: {lr: 1.0e-3}, samples: 1}\n";

#define BASE_MODEL "model={checkpoint: runs/base/checkpoints/best.safetensors}"

static int enter(void **state)
{
    program_enter_folder(state);
    write_run_file();
    assert_ok(scl_file_write("train.yaml", run_text, strlen(run_text), &test_error));
    assert_int_equal(RUN("train", "train.yaml").code, 0);
    return 0;
}

static size_t entries_of(const char *folder)
{
    scl_folder listing;
    assert_ok(scl_folder_list(folder, &listing, &test_error));
    size_t count = listing.count;
    scl_folder_free(&listing);
    return count;
}

/* The three pictures are alike: one entry, for training, validation, base and tuned. */
static void eval_finds_what_training_encoded(void **state)
{
    (void)state;
    outcome o = RUN("train", "train.yaml", "name=decoder", BASE_MODEL, "adapter=none",
                    "train_also=[\"mask_decoder.*\"]", "cache={folder: kept, memory: 0}");
    assert_int_equal(o.code, 0);
    assert_non_null(strstr(o.err, "sees each image once"));
    assert_int_equal(entries_of("kept"), 1);
    EXPECT(0, "change", "eval", "runs/decoder");
    assert_int_equal(entries_of("kept"), 1);
}

/* ---- signals */

#define LONG_RUN "train.epochs=100000"

static void sleep_seconds(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

static size_t lines_of(const char *path)
{
    size_t lines = 0;
    FILE *file = fopen(path, "r");
    for (int c; file != NULL && (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    if (file != NULL)
        fclose(file);
    return lines;
}

static void wait_for_lines(const char *path, size_t lines)
{
    for (int i = 0; i < 3000 && lines_of(path) < lines; i++)
        sleep_seconds(0.02);
    assert_true(lines_of(path) >= lines);
}

static void wait_for_error_text(const char *words)
{
    for (int i = 0; i < 3000 && strstr(program_errors(), words) == NULL; i++)
        sleep_seconds(0.02);
    assert_non_null(strstr(program_errors(), words));
}

/* The step that runs is finished and saved; a signal that a wrapper repeats does no harm. */
static void one_interrupt_saves(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        char name[32], metrics[64], folder[32], words[96];
        snprintf(name, sizeof name, "name=stopped%d", i);
        snprintf(folder, sizeof folder, "runs/stopped%d", i);
        snprintf(metrics, sizeof metrics, "%s/metrics.jsonl", folder);
        pid_t child = START("train", "train.yaml", name, LONG_RUN, "train.samples=0");
        wait_for_lines(metrics, 3);
        kill(child, i == 0 ? SIGINT : SIGTERM);
        kill(child, SIGINT);
        outcome o = program_finish(child);
        assert_int_equal(o.code, 130);
        assert_non_null(strstr(o.err, "stopping after this step"));
        assert_null(strstr(o.err, "at once;"));
        assert_null(strstr(o.err, "\033"));
        snprintf(words, sizeof words, "samcl train --resume %s", folder);
        assert_non_null(strstr(o.err, words));
        /* all steps that were logged are in the checkpoint */
        snprintf(words, sizeof words, "interrupted after step %zu;", lines_of(metrics));
        assert_non_null(strstr(o.err, words));
        snprintf(words, sizeof words, "%zu", lines_of(metrics));
        EXPECT(0, words, "info", folder);
    }
}

static void a_second_interrupt_ends_at_once(void **state)
{
    (void)state;
    struct timespec before, after;
    /* a step of this takes far longer than the test waits */
    pid_t child = START("train", "train.yaml", "name=dear", LONG_RUN, "model.image_size=512");
    wait_for_error_text("values trained on");
    sleep_seconds(0.2);
    kill(child, SIGINT);
    wait_for_error_text("stopping after this step");
    sleep_seconds(0.5);
    clock_gettime(CLOCK_MONOTONIC, &before);
    kill(child, SIGINT);
    outcome o = program_finish(child);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_int_equal(o.code, 130);
    assert_true(after.tv_sec - before.tv_sec < 3);
    assert_non_null(strstr(o.err, "stopped at once"));
    assert_null(strstr(o.err, "interrupted after step"));
    EXPECT(0, "", "info", "runs/dear/checkpoints/last.safetensors");
}

/* The time that the child has run, in ticks. */
static long ticks_of(pid_t child)
{
    char path[64], text[1024] = {0};
    snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    long user = 0, system = 0;
    const char *after_name = strrchr(text, ')');
    assert_int_equal(
        sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system),
        2);
    return user + system;
}

/* Until it has done nothing for a second. */
static void wait_for_rest(pid_t child)
{
    for (long before = -1, now = 0; before != now; now = ticks_of(child)) {
        before = now;
        sleep_seconds(1);
    }
}

/* Its last words wait for a full pipe: training is over, and what comes now changes nothing. */
static void an_interrupt_after_the_end_changes_nothing(void **state)
{
    (void)state;
    char text[4096] = {0};
    assert_int_equal(mkfifo("pipe", 0600), 0);
    int pipe = open("pipe", O_RDWR | O_NONBLOCK);
    fcntl(pipe, F_SETPIPE_SZ, (int)sizeof text);
    while (write(pipe, text, sizeof text) > 0) {
    }
    pid_t child = program_start(
        (const char *const[]){"train", "train.yaml", "name=ended", "train.samples=0", NULL},
        "pipe");
    wait_for_lines("runs/ended/results.csv", 2);
    wait_for_rest(child);
    kill(child, SIGINT);
    sleep_seconds(0.5);
    kill(child, SIGINT);
    kill(child, SIGTERM);
    sleep_seconds(0.1);
    while (read(pipe, text, sizeof text) > 0)
        sleep_seconds(0.01);
    outcome o = program_finish(child);
    close(pipe);
    assert_int_equal(o.code, 0);
    assert_null(strstr(o.err, "stop"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_finds_what_training_encoded),
        cmocka_unit_test(one_interrupt_saves),
        cmocka_unit_test(a_second_interrupt_ends_at_once),
        cmocka_unit_test(an_interrupt_after_the_end_changes_nothing),
    };
    return cmocka_run_group_tests(tests, enter, program_leave_folder);
}
