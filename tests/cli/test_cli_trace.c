/* The program: --trace of the verbs that compute, also when a run ends early. */
#include "cli/models.h"
#include "cli/program.h"

#include "trace_support.h"
#include "weights_support.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#define TRAIN "train", "run.yaml", "device=auto"

static int enter(void **state)
{
    program_enter_folder(state);
    write_picture();
    write_base();
    write_run_file();
    return 0;
}

/* What was printed is in the file beside the trace, too. */
static void check_table(const char *path, const char *printed)
{
    scl_file_map map;
    assert_ok(scl_file_map_open(path, &map, &test_error));
    char *text = calloc(map.size + 1, 1);
    memcpy(text, map.data, map.size);
    assert_non_null(strstr(text, "% ceiling"));
    assert_non_null(strstr(text, "\ngemm "));
    assert_non_null(strstr(text, "the device did nothing for"));
    assert_non_null(strstr(printed, text));
    free(text);
    scl_file_unmap(&map);
}

/* Three images one by one, for two epochs. */
static void training_is_traced(void **state)
{
    (void)state;
    const cJSON *events = NULL;
    outcome o = RUN(TRAIN, "name=traced", "--trace", "t.json");
    assert_int_equal(o.code, 0);
    check_table("t.txt", o.err);
    cJSON *root = trace_load("t.json", &events);
    static const struct {
        const char *name;
        size_t count;
    } phases[] = {{"wait for a batch", 6}, {"step", 6},    {"update", 6},
                  {"checkpoint", 3},       {"curves", 2},  {"validate", 2},
                  {"evaluate: model", 6},  {"samples", 2}, {"build kernels", 2}};
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
        if (trace_count(events, SCL_TRACE_HOST, phases[i].name) != phases[i].count)
            fail_msg("%s: expected %zu, found %zu", phases[i].name, phases[i].count,
                     trace_count(events, SCL_TRACE_HOST, phases[i].name));
    assert_int_equal(trace_count(events, SCL_TRACE_DEVICE, "global_norm"), 6);
    assert_true(trace_count(events, SCL_TRACE_DEVICE, "adam") >= 6);
    assert_true(trace_count(events, SCL_TRACE_DEVICE, "attention_backward") >= 6);
    cJSON_Delete(root);
}

static void a_trace_changes_no_weight(void **state)
{
    (void)state;
    assert_int_equal(RUN(TRAIN, "name=plain").code, 0);
    assert_same_weights("runs/plain/checkpoints/last.safetensors",
                        "runs/traced/checkpoints/last.safetensors");
}

static void the_other_verbs_are_traced(void **state)
{
    (void)state;
    const cJSON *events = NULL;
    outcome o = RUN("encode", BASE, PICTURE, "--out", "e.npy", "--trace", "e.json");
    assert_int_equal(o.code, 0);
    check_table("e.txt", o.err);
    cJSON *root = trace_load("e.json", &events);
    assert_int_equal(trace_count(events, SCL_TRACE_HOST, "encode"), 1);
    cJSON_Delete(root);
    o = RUN("predict", BASE, PICTURE, "--point", "5,5,1", "--trace", "p.json");
    assert_int_equal(o.code, 0);
    assert_non_null(strstr(o.out, "mask 1:"));
    assert_null(strstr(o.out, "ceiling"));
    check_table("p.txt", o.err);
    root = trace_load("p.json", &events);
    assert_int_equal(trace_count(events, SCL_TRACE_HOST, "decode"), 1);
    cJSON_Delete(root);
    o = RUN("eval", "runs/traced", "--split", "train", "--trace", "v.json");
    assert_int_equal(o.code, 0);
    check_table("v.txt", o.err);
    root = trace_load("v.json", &events);
    assert_int_equal(trace_count(events, SCL_TRACE_HOST, "evaluate: scores"), 6);
    cJSON_Delete(root);
}

/* Samples of a case, without its first run, and with the ceiling that the case is judged by. */
static void a_case_of_bench_is_traced(void **state)
{
    (void)state;
    const cJSON *events = NULL;
    char at_best[128];
    outcome o = RUN("bench", "gemm/qkv/nt", "--model-type", "vit_nano", "--image-size", "32",
                    "--repeat", "4", "--min-time", "0", "--trace", "b.json");
    assert_int_equal(o.code, 0);
    check_table("b.txt", o.err);
    assert_null(strstr(o.err, "measuring"));
    const char *ceiling = strstr(o.out, "at best ");
    assert_non_null(ceiling);
    assert_int_equal(sscanf(ceiling, "at best %127[^\n]", at_best), 1);
    assert_non_null(strstr(o.err, at_best));
    cJSON *root = trace_load("b.json", &events);
    size_t products = 0;
    const cJSON *event; /* a kernel of the product may be named gemm, too */
    cJSON_ArrayForEach(event, events) products += strcmp(trace_argument(event, "op"), "gemm") == 0;
    assert_int_equal(products, 4);
    cJSON_Delete(root);
    EXPECT(1, "1 of 1 cases failed, the first: gemm/qkv/nt: /dev/full: could not be saved", "bench",
           "gemm/qkv/nt", "--model-type", "vit_nano", "--image-size", "32", "--trace", "/dev/full");
}

static void mistakes_are_said_before_the_work(void **state)
{
    (void)state;
    const char *const verbs[] = {"train", "eval", "predict", "encode", "bench"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        EXPECT(0, "--trace FILE.json", verbs[i], "-h");
    assert_int_equal(mkdir("folder.json", 0700), 0);
    EXPECT(1, "no/t.json cannot be written: folder no: No such file", TRAIN, "--trace",
           "no/t.json");
    EXPECT(1, "folder.json cannot be written: it is not a file", "eval", "runs/traced", "--trace",
           "folder.json");
    EXPECT(2, "--trace: expected a name that ends in .json, found t.txt", TRAIN, "--trace",
           "t.txt");
    EXPECT(2, "--trace needs a value", TRAIN, "--trace");
    EXPECT(2, "both.json is given for two outputs", "predict", BASE, PICTURE, "--json", "both.json",
           "--trace", "both.json");
    EXPECT(3, "absent", TRAIN, "data.train.images=absent", "--trace", "none.json");
}

/* A run that fails leaves the trace of what it did. */
static void a_failed_run_is_traced(void **state)
{
    (void)state;
    const cJSON *events = NULL;
    outcome o = RUN(TRAIN, "name=failed", "train.optimizer={type: sgd, lr: 10, momentum: 0.9}",
                    "train.max_grad_norm=0", "train.epochs=50", "train.samples=0",
                    "adapter={use: full}", "train_also=[]",
                    "losses=[{use: bce_with_logits, weight: 1000000}]", "--trace", "f.json");
    assert_int_equal(o.code, 5);
    check_table("f.txt", o.err);
    cJSON *root = trace_load("f.json", &events);
    assert_true(trace_count(events, SCL_TRACE_HOST, "step") >= 1);
    cJSON_Delete(root);
}

static void sleep_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

/* A long run with a trace cut.json gets the signal in the midst of its steps. */
static outcome stop_by(int number, const char *name)
{
    char setting[32], results[64];
    snprintf(setting, sizeof setting, "name=%s", name);
    snprintf(results, sizeof results, "runs/%s/results.csv", name);
    pid_t child =
        START(TRAIN, setting, "train.epochs=100000", "train.samples=0", "--trace", "cut.json");
    for (int i = 0; i < 3000 && !scl_path_exists(results); i++)
        sleep_a_little();
    for (int i = 0; i < 20; i++)
        sleep_a_little();
    assert_false(scl_path_exists("cut.json"));
    kill(child, number);
    return program_finish(child);
}

/* Of a run that was killed there is no half trace; the next one removes what it left. */
static void an_interrupted_run_is_traced(void **state)
{
    (void)state;
    const cJSON *events = NULL;
    assert_int_equal(stop_by(SIGKILL, "killed").code, -1);
    assert_false(scl_path_exists("cut.json"));
    outcome o = stop_by(SIGINT, "cut");
    assert_int_equal(o.code, 130);
    assert_non_null(strstr(o.err, "--resume"));
    scl_folder here;
    assert_ok(scl_folder_list(".", &here, &test_error));
    for (size_t i = 0; i < here.count; i++)
        assert_null(strstr(here.names[i], ".tmp-"));
    scl_folder_free(&here);
    check_table("cut.txt", o.err);
    cJSON *root = trace_load("cut.json", &events);
    assert_true(trace_count(events, SCL_TRACE_HOST, "step") >= 1);
    cJSON_Delete(root);
}

/* The trace does not fit on the disk: the run is whole, and the program says what is not. */
static void a_full_disk_is_said(void **state)
{
    (void)state;
    scl_error err = {0};
    outcome o = RUN(TRAIN, "name=full", "train.epochs=1", "--trace", "/dev/full");
    assert_int_equal(o.code, 1);
    assert_non_null(strstr(o.err, "/dev/full: could not be saved: No space"));
    scl_file_map map;
    assert_ok(scl_file_map_open("runs/full/checkpoints/last.safetensors", &map, &err));
    scl_file_unmap(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_is_traced),
        cmocka_unit_test(a_trace_changes_no_weight),
        cmocka_unit_test(the_other_verbs_are_traced),
        cmocka_unit_test(a_case_of_bench_is_traced),
        cmocka_unit_test(mistakes_are_said_before_the_work),
        cmocka_unit_test(a_failed_run_is_traced),
        cmocka_unit_test(an_interrupted_run_is_traced),
        cmocka_unit_test(a_full_disk_is_said),
    };
    return cmocka_run_group_tests(tests, enter, program_leave_folder);
}
