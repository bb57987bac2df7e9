/* samcl bench: its list, its results, samples on request, and its misuse. */
#include "cli/program.h"

#include "bench/report.h"
#include "io/json.h"
#include "io/weights.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* A model small enough for plain C: 4 x 4 tokens of 128. */
#define SMALL "--model-type", "vit_nano", "--image-size", "32"
#define PLAIN SMALL, "--device", "reference"

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void cases_are_listed(void **state)
{
    (void)state;
    outcome o = RUN("bench", "--list");
    assert_int_equal(o.code, 0);
    assert_int_equal(count_lines(o.out), scl_bench_case_count());
    for (size_t i = 0; i < scl_bench_case_count(); i++)
        assert_non_null(strstr(o.out, scl_bench_case_at(i)->name));
    assert_int_equal(count_lines(RUN("bench", "gemm/qkv", "--list").out), 3);
    assert_int_equal(count_lines(RUN("bench", "gemm/*/nt", "op/add", "op", "--list").out),
                     count_lines(RUN("bench", "op", "--list").out) + 6);
}

static void misuse_is_told(void **state)
{
    (void)state;
    EXPECT(2, "did you mean gemm/qkv/nt?", "bench", "gemm/qkw/nt");
    EXPECT(2, "samcl bench --list", "bench", "speed");
    EXPECT(2, "--repeat: expected a whole number of 1 to 1000, found 0", "bench", "--repeat", "0");
    EXPECT(2, "--batch: expected", "bench", "--batch", "x");
    EXPECT(2, "--min-time: expected", "bench", "--min-time", "soon");
    EXPECT(2, "--min-time: expected seconds of at least 0", "bench", "--min-time", "-1");
    EXPECT(2, "expected vit_b, vit_l, vit_h or vit_nano, found vit_x", "bench", "--model-type",
           "vit_x");
    EXPECT(2, "multiple of the patch size", "bench", "--image-size", "100");
    EXPECT(2, ".json", "bench", "--json", "out.txt");
    EXPECT(2, "expected one case, found 3", "bench", "--serve", "gemm/qkv");
    EXPECT(2, "--trace: expected one case, found 3", "bench", "gemm/qkv", "--trace", "t.json");
    EXPECT(2, "--trace: expected a name that ends in .json, found t.txt", "bench", "op/add",
           "--trace", "t.txt");
    EXPECT(2, "t.json is given for two outputs", "bench", "op/add", "--json", "t.json", "--trace",
           "t.json");
    EXPECT(2, "leave --trace out", "bench", "op/add", "--serve", "--trace", "t.json");
    EXPECT(2, "unknown key `optimiser`", "bench", PLAIN, "step/lora", "train.optimiser=sgd");
    EXPECT(4, "memory_budget is 1.0 MiB", "bench", PLAIN, "step/lora", "memory_budget=1MiB");
    EXPECT(3, "No such file", "bench", "--checkpoint", "missing.pth");
    EXPECT(4, "opencl:99", "bench", "op/add", "--device", "opencl:99", "--json", "out.json");
    EXPECT(1, "missing/out.json", "bench", "op/add", "--json", "missing/out.json");
}

static double number(const cJSON *object, const char *key)
{
    double value = 0;
    assert_ok(scl_json_number(object, key, "bench.json", &value, &test_error));
    return value;
}

/* What the record's ceiling needs for the case's work, of the median. */
static void check_percent(const cJSON *record, const cJSON *item)
{
    const cJSON *ceiling = NULL;
    assert_ok(scl_json_object(record, "ceiling", "bench.json", &ceiling, &test_error));
    assert_true(number(ceiling, "product_side") >= 256 && number(ceiling, "copy_bytes") > 0);
    double compute = number(item, "flops") / number(ceiling, "gflops_per_s");
    double move = number(item, "bytes") / number(ceiling, "gbytes_per_s");
    double percent = 1e-7 * fmax(compute, move) / number(item, "median");
    assert_true(percent > 0);
    assert_true(fabs(number(item, "percent_of_ceiling") - percent) <= 1e-9 * percent);
}

static void check_case(const cJSON *record, int place, const scl_bench_case *c, int repeat)
{
    const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItem(record, "cases"), place);
    const cJSON *samples = NULL;
    const char *name = NULL;
    assert_ok(scl_json_string(item, "name", "bench.json", &name, &test_error));
    assert_string_equal(name, c->name);
    assert_ok(scl_json_array(item, "samples", "bench.json", &samples, &test_error));
    assert_int_equal(cJSON_GetArraySize(samples), repeat);
    for (const cJSON *s = samples->child; s != NULL; s = s->next)
        assert_true(s->valuedouble >= number(item, "min") && s->valuedouble <= number(item, "max"));
    assert_true(number(item, "min") > 0 && number(item, "min") <= number(item, "p10"));
    assert_true(number(item, "p10") <= number(item, "median"));
    assert_true(number(item, "median") <= number(item, "p90"));
    assert_true(number(item, "bytes") > 0 && number(item, "device_peak_bytes") > 0);
    assert_true(number(item, "process_peak_bytes") > 0);
    double rate = 1e-9 * number(item, "flops") / number(item, "median");
    assert_true(fabs(number(item, "gflops_per_s") - rate) <= 1e-9 * rate);
    check_percent(record, item);
}

static size_t find_case(const char *name)
{
    size_t i = 0;
    while (strcmp(scl_bench_case_at(i)->name, name) != 0)
        i++;
    return i;
}

/* Every case runs, and the record holds what it says. */
static void every_case_is_measured(void **state)
{
    (void)state;
    cJSON *record = NULL;
    const cJSON *cases = NULL, *device = NULL;
    const char *name = NULL;
    outcome o = RUN("bench", PLAIN, "--batch", "1", "--repeat", "2", "--min-time", "0", "--json",
                    "bench.json");
    if (o.code != 0)
        fail_msg("%s%s", o.out, o.err);
    for (size_t i = 0; i < scl_bench_case_count(); i++)
        assert_non_null(strstr(o.out, scl_bench_case_at(i)->name));
    assert_ok(scl_json_load("bench.json", &record, &test_error));
    assert_true(number(record, "schema") == 1);
    assert_ok(scl_json_object(record, "device", "bench.json", &device, &test_error));
    assert_ok(scl_json_string(device, "name", "bench.json", &name, &test_error));
    assert_ok(scl_json_array(record, "cases", "bench.json", &cases, &test_error));
    assert_int_equal(cJSON_GetArraySize(cases), scl_bench_case_count());
    for (size_t i = 0; i < scl_bench_case_count(); i++)
        check_case(record, (int)i, scl_bench_case_at(i), 2);
    const cJSON *qkv = cJSON_GetArrayItem(cases, 0); /* 16 x 384 x 128 */
    assert_true(number(qkv, "flops") == 2.0 * 16 * 384 * 128);
    assert_true(number(qkv, "bytes") == sizeof(double) * (16 * 128 + 384 * 128 + 16 * 384));
    cJSON_Delete(record);
}

static const char *read_text(const char *path)
{
    static char text[8192];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void a_device_is_measured(void **state)
{
    (void)state;
    EXPECT(0, "step/decoder", "bench", PLAIN, "step/decoder", "train.optimizer.type=sgd",
           "--repeat", "1", "--min-time", "0", "--json", "sgd.json");
    assert_non_null(strstr(read_text("sgd.json"), "\"train.optimizer.type=sgd\""));
    EXPECT(0, "% ceiling", "bench", SMALL, "gemm/qkv", "attention/window32", "step/decoder",
           "--repeat", "1", "--min-time", "0");
}

static void write_text(const char *path, const char *text)
{
    assert_ok(scl_file_write(path, text, strlen(text), &test_error));
}

/* A case that fails is told and recorded, and the others are measured. */
static void failures_are_recorded(void **state)
{
    (void)state;
    cJSON *record = NULL;
    const cJSON *cases = NULL;
    const char *text = NULL;
    write_text("lora.so", "no plugin");
    setenv("SAMCL_PLUGIN_PATH", ".", 1);
    outcome o = RUN("bench", PLAIN, "step/lora", "op/add", "--repeat", "1", "--min-time", "0",
                    "--json", "failed.json");
    setenv("SAMCL_PLUGIN_PATH", TEST_BUILD "/plugins", 1);
    assert_int_equal(o.code, 6);
    unlink("lora.so");
    assert_non_null(strstr(o.err, "1 of 2 cases failed, the first: step/lora: "));
    assert_ok(scl_json_load("failed.json", &record, &test_error));
    assert_ok(scl_json_array(record, "cases", "failed.json", &cases, &test_error));
    const cJSON *lora = cJSON_GetArrayItem(cases, 1);
    check_case(record, 0, scl_bench_case_at(find_case("op/add")), 1);
    assert_ok(scl_json_string(lora, "error", "failed.json", &text, &test_error));
    assert_non_null(strstr(text, "lora"));
    assert_null(cJSON_GetObjectItem(lora, "samples"));
    cJSON_Delete(record);
}

/* What is saved is what was computed: y = x w^T. */
static void check_product(const char *path)
{
    scl_weights file;
    assert_ok(scl_weights_load(path, &file, &test_error));
    const scl_weight *x = scl_weights_find(&file, "x"), *w = scl_weights_find(&file, "w");
    const scl_weight *y = scl_weights_find(&file, "y");
    assert_true(x != NULL && w != NULL && y != NULL);
    float xs[128], ws[128], found;
    double wanted = 0;
    memcpy(xs, x->data, sizeof xs); /* row 0 */
    memcpy(ws, w->data, sizeof ws);
    memcpy(&found, y->data, sizeof found);
    for (int i = 0; i < 128; i++)
        wanted += (double)xs[i] * (double)ws[i];
    assert_true(wanted != 0 && wanted - (double)found < 1e-5 && (double)found - wanted < 1e-5);
    scl_weights_free(&file);
}

/* The loss of bce_with_logits and dice together, on a mask that is there. */
static void check_step(const char *path)
{
    scl_weights file;
    float loss = 0, sum = 0;
    assert_ok(scl_weights_load(path, &file, &test_error));
    const scl_weight *target = scl_weights_find(&file, "target");
    const scl_weight *saved = scl_weights_find(&file, "loss");
    assert_true(target != NULL && target->bytes == sizeof(float) * 16 * 16 && saved != NULL);
    memcpy(&loss, saved->data, sizeof loss);
    for (size_t i = 0; i < 16 * 16; i++)
        sum += ((const float *)(const void *)target->data)[i];
    assert_true(sum > 0 && sum < 16 * 16 && loss > 0.1f && loss < 100);
    scl_weights_free(&file);
}

static void samples_are_served(void **state)
{
    (void)state;
    double flops, bytes, seconds[2];
    size_t device, process;
    char saved[8];
    write_text("lines", "run\nrun\nmemory\nsave values.safetensors\n");
    program_input("lines");
    outcome o = RUN("bench", "gemm/qkv/nt", PLAIN, "--serve");
    assert_int_equal(o.code, 0);
    assert_int_equal(sscanf(o.out, "ready %lf %lf samcl %*[^\n]\n%lf\n%lf\n%zu %zu\n%7s", &flops,
                            &bytes, &seconds[0], &seconds[1], &device, &process, saved),
                     7);
    assert_true(flops == 2.0 * 16 * 384 * 128 && seconds[0] > 0 && seconds[1] > 0);
    assert_true(device > 0 && process > device);
    assert_string_equal(saved, "saved");
    check_product("values.safetensors");
    write_text("lines", "save step.safetensors\n");
    assert_int_equal(RUN("bench", "step/decoder", PLAIN, "--serve").code, 0);
    check_step("step.safetensors");
    write_text("lines", "walk\n");
    EXPECT(2, "expected run, memory or save FILE on standard input, found \"walk\"", "bench",
           "gemm/qkv/nt", PLAIN, "--serve");
    program_input(NULL);
}

static void samples_are_summarized(void **state)
{
    (void)state;
    static const double samples[] = {5, 1, 2, 9, 3};
    scl_bench_summary s = scl_bench_summarize(samples, 5);
    assert_true(s.min == 1 && s.max == 9 && s.median == 3);
    assert_true(s.mad == 2); /* of 2, 2, 1, 6, 0 */
    assert_true(s.p10 - 1.4 < 1e-12 && 1.4 - s.p10 < 1e-12);
    assert_true(s.p90 - 7.4 < 1e-12 && 7.4 - s.p90 < 1e-12);
    s = scl_bench_summarize(samples, 1);
    assert_true(s.min == 5 && s.max == 5 && s.median == 5 && s.p10 == 5 && s.mad == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_are_listed),       cmocka_unit_test(misuse_is_told),
        cmocka_unit_test(every_case_is_measured), cmocka_unit_test(a_device_is_measured),
        cmocka_unit_test(samples_are_served),     cmocka_unit_test(samples_are_summarized),
        cmocka_unit_test(failures_are_recorded),
    };
    return cmocka_run_group_tests(tests, program_enter_folder, program_leave_folder);
}
