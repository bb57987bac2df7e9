/* safetensors: files of the reference writer, our own, real ones, and damaged or hostile ones. */
#include "weights_support.h"

#include "io/safetensors.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

static void reference_files_have_their_values(void **state)
{
    (void)state;
    scl_weights weights;
    assert_ok(scl_weights_load(FIXTURE("mixed.safetensors"), &weights, &test_error));
    assert_int_equal(weights.format, SCL_WEIGHTS_SAFETENSORS);
    assert_holds(&weights, FIXTURE("every.txt"));
    assert_int_equal(weights.metadata_count, 2);
    assert_string_equal(scl_weights_metadata(&weights, "format"), "pt");
    assert_string_equal(scl_weights_metadata(&weights, "ä"), "ö");
    assert_null(scl_weights_metadata(&weights, "none"));
    scl_weights_free(&weights);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void written_files_are_the_references_byte_for_byte(void **state)
{
    (void)state;
    char folder[PATH_TEXT];
    make_folder(folder);
    char *path = scl_path_join(folder, "a.safetensors");
    scl_weights weights;
    assert_ok(scl_weights_load(FIXTURE("small.safetensors"), &weights, &test_error));
    assert_ok(scl_safetensors_write(path, weights.tensor, weights.count, NULL, 0, &test_error));
    blob ours = blob_load(path), theirs = blob_load(FIXTURE("small.safetensors"));
    assert_int_equal(ours.size, theirs.size);
    assert_memory_equal(ours.bytes, theirs.bytes, ours.size);
    free(ours.bytes);
    free(theirs.bytes);
    scl_weights_free(&weights);
    scl_free(path);
    remove_folder(folder);
}

static void written_files_read_back(void **state)
{
    (void)state;
    char folder[PATH_TEXT];
    make_folder(folder);
    char *path = scl_path_join(folder, "a.safetensors");
    const scl_weights_pair metadata[] = {{"adapter", "lora"}, {"classes", "[\"a\\\"b\",\"é\"]"}};
    scl_weights weights, again;
    assert_ok(scl_weights_load(FIXTURE("mixed_zip2.pth"), &weights, &test_error));
    assert_ok(scl_safetensors_write(path, weights.tensor, weights.count, metadata, 2, &test_error));
    assert_ok(scl_weights_load(path, &again, &test_error));
    assert_holds(&again, FIXTURE("mixed.txt"));
    assert_string_equal(scl_weights_metadata(&again, "adapter"), "lora");
    assert_string_equal(scl_weights_metadata(&again, "classes"), metadata[1].value);
    for (size_t i = 0; i < weights.count; i++)
        assert_string_equal(again.tensor[i].name, weights.tensor[i].name);
    uint64_t header;
    memcpy(&header, again.map[0].data, sizeof header);
    assert_int_equal(header % 8, 0);
    scl_weights_free(&again);
    scl_weights_free(&weights);

    assert_ok(scl_safetensors_write(path, NULL, 0, NULL, 0, &test_error));
    assert_ok(scl_weights_load(path, &again, &test_error));
    assert_int_equal(again.count, 0);
    assert_null(scl_weights_find(&again, "a"));
    scl_weights_free(&again);
    scl_free(path);
    remove_folder(folder);
}

static void wrong_tensors_are_not_written(void **state)
{
    (void)state;
    const float data[2] = {1, 2};
    const uint8_t *bytes = (const uint8_t *)data;
    const scl_weight good = {"a", SCL_WEIGHT_F32, 1, {2}, bytes, 8};
    scl_weight pair[2] = {good, good};
    scl_error err = {0};
    assert_fails(scl_safetensors_write("/nonexistent/x", pair, 2, NULL, 0, &err), SCL_FAILED, err,
                 "'a' is taken");
    pair[1].name = "A";
    pair[1].bytes = 4;
    err = (scl_error){0};
    assert_fails(scl_safetensors_write("/nonexistent/x", pair, 2, NULL, 0, &err), SCL_FAILED, err,
                 "the tensor 'A' has 4 bytes");
    pair[1].name = "__metadata__";
    err = (scl_error){0};
    assert_fails(scl_safetensors_write("/nonexistent/x", pair, 2, NULL, 0, &err), SCL_FAILED, err,
                 "taken");
    const scl_weights_pair twice[] = {{"k", "v"}, {"k", "w"}};
    err = (scl_error){0};
    assert_fails(scl_safetensors_write("/nonexistent/x", pair, 1, twice, 2, &err), SCL_FAILED, err,
                 "'k' is taken");
    err = (scl_error){0};
    assert_fails(scl_safetensors_write("/nonexistent/x", pair, 1, NULL, 0, &err), SCL_FAILED, err,
                 "cannot be written");
}

typedef struct fetching {
    uint8_t data[2];
    size_t fails_at;
} fetching;

static scl_status fetch_two(void *user, size_t index, const uint8_t **data, scl_error *err)
{
    fetching *f = user;
    if (index == f->fails_at)
        return scl_fail(err, SCL_DEVICE, "no tensor %zu", index);
    f->data[0] = (uint8_t)(10 * index);
    f->data[1] = (uint8_t)(10 * index + 1);
    *data = f->data;
    return SCL_OK;
}

static void tensors_are_fetched_one_by_one(void **state)
{
    (void)state;
    char folder[PATH_TEXT];
    make_folder(folder);
    char *path = scl_path_join(folder, "a.safetensors");
    const scl_weight tensors[] = {{"a", SCL_WEIGHT_U8, 1, {2}, NULL, 2},
                                  {"none", SCL_WEIGHT_U8, 1, {0}, NULL, 0},
                                  {"b", SCL_WEIGHT_U8, 1, {2}, NULL, 2}};
    fetching f = {.fails_at = 2};
    scl_error err = {0};
    assert_fails(scl_safetensors_write_fetched(path, tensors, 3, NULL, 0, fetch_two, &f, &err),
                 SCL_DEVICE, err, "no tensor 2");
    scl_folder left;
    assert_ok(scl_folder_list(folder, &left, &test_error));
    assert_int_equal(left.count, 0);
    scl_folder_free(&left);
    f.fails_at = 3;
    assert_ok(scl_safetensors_write_fetched(path, tensors, 3, NULL, 0, fetch_two, &f, &test_error));
    scl_weights weights;
    assert_ok(scl_weights_load(path, &weights, &test_error));
    assert_memory_equal(scl_weights_find(&weights, "a")->data, ((uint8_t[]){0, 1}), 2);
    assert_memory_equal(scl_weights_find(&weights, "b")->data, ((uint8_t[]){20, 21}), 2);
    scl_weights_free(&weights);
    scl_free(path);
    remove_folder(folder);
}

/* A file size limit stands for the full disk. */
static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    char folder[PATH_TEXT];
    make_folder(folder);
    char *path = scl_path_join(folder, "a.safetensors");
    const scl_weights_pair old[] = {{"state", "old"}};
    assert_ok(scl_safetensors_write(path, NULL, 0, old, 1, &test_error));
    const size_t bytes = 1 << 20;
    uint8_t *data = calloc(bytes, 1);
    const scl_weight large = {"a", SCL_WEIGHT_U8, 1, {1 << 20}, data, bytes};
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit, small = {.rlim_cur = 100000};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small.rlim_max = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    scl_error err = {0};
    scl_status status = scl_safetensors_write(path, &large, 1, NULL, 0, &err);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(status, SCL_FAILED);
    assert_non_null(strstr(err.text, strerror(EFBIG)));
    scl_weights weights;
    assert_ok(scl_weights_load(path, &weights, &test_error));
    assert_string_equal(scl_weights_metadata(&weights, "state"), "old");
    scl_weights_free(&weights);
    scl_folder files;
    assert_ok(scl_folder_list(folder, &files, &test_error));
    assert_int_equal(files.count, 1);
    scl_folder_free(&files);
    free(data);
    scl_free(path);
    remove_folder(folder);
}

/* --- hostile headers -------------------------------------------------------------------------- */

static scl_status load_header(const char *header, size_t data_bytes, scl_weights *weights,
                              scl_error *err)
{
    uint64_t length = strlen(header);
    blob file = blob_copy(NULL, 0);
    file.size = 8 + length + data_bytes;
    file.bytes = realloc(file.bytes, file.size);
    memcpy(file.bytes, &length, 8);
    memcpy(file.bytes + 8, header, length);
    memset(file.bytes + 8 + length, 0, data_bytes);
    scl_status status = scl_weights_load_bytes("f", file.bytes, file.size, weights, err);
    for (size_t i = 0; status == SCL_OK && i < weights->count; i++)
        (void)fnv_as_f32(&weights->tensor[i]);
    free(file.bytes);
    return status;
}

static void assert_refused(const char *header, size_t data_bytes, const char *words)
{
    scl_weights weights;
    scl_error err = {0};
    assert_fails(load_header(header, data_bytes, &weights, &err), SCL_BAD_DATA, err, words);
    assert_int_equal(strncmp(err.text, "f: ", 3), 0);
}

#define ENTRY(name, dtype, shape, offsets)                                                         \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void good_headers_are_accepted(void **state)
{
    (void)state;
    const char *const headers[] = {
        "{" ENTRY("a", "F32", "[2]", "[0,8]") "}  ",
        "{" ENTRY("b", "F32", "[1]", "[4,8]") "," ENTRY("a", "F32", "[]", "[0,4]") "}",
        "{" ENTRY("a", "F32", "[2]", "[0,8]") "," ENTRY("e", "U8", "[0,7]", "[8,8]") "," ENTRY(
            "d", "U8", "[0]", "[0,0]") ",\"__metadata__\":{}}",
        "{" ENTRY("a", "F16", "[1,1,1,1,1,1,2,2]", "[0,8]") "}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        scl_weights weights;
        assert_ok(load_header(headers[i], 8, &weights, &test_error));
        assert_non_null(scl_weights_find(&weights, "a"));
        scl_weights_free(&weights);
    }
}

static void data_must_tile_the_file(void **state)
{
    (void)state;
    const char *overlap = "{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY(
        "b", "F32", "[1]", "[2,6]") "," ENTRY("c", "U8", "[2]", "[6,8]") "}";
    assert_refused(overlap, 8, "tensor 'b': expected its data at byte 4");
    const char *same =
        "{" ENTRY("a", "F32", "[2]", "[0,8]") "," ENTRY("b", "F32", "[2]", "[0,8]") "}";
    assert_refused(same, 8, "may not overlap or leave holes");
    const char *hole =
        "{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[5,9]") "}";
    assert_refused(hole, 9, "may not overlap or leave holes");
    const char *start = "{" ENTRY("a", "F32", "[1]", "[4,8]") "}";
    assert_refused(start, 8, "expected its data at byte 0");
    const char *one = "{" ENTRY("a", "F32", "[1]", "[0,4]") "}";
    assert_refused(one, 5, "expected 4 bytes of data, as the header says, found 5");
    assert_refused(one, 3, "cut short");
    assert_refused("{}", 1, "expected 0 bytes of data");
    const char *empty_beyond = "{" ENTRY("a", "F32", "[0]", "[9,9]") "}";
    assert_refused(empty_beyond, 8, "within the file's 8 bytes");
}

static void entries_must_be_sound(void **state)
{
    (void)state;
    assert_refused("{" ENTRY("a", "F32", "[3]", "[0,8]") "}", 8, "expected 12 bytes of data");
    assert_refused("{" ENTRY("a", "F32", "[2]", "[8,0]") "}", 8, "found it at 8..0");
    assert_refused("{" ENTRY("a", "F32", "[2]", "[-8,0]") "}", 8, "found it at -8..0");
    assert_refused("{" ENTRY("a", "F32", "[2]", "[0,8.5]") "}", 8, "two whole numbers");
    assert_refused("{" ENTRY("a", "F32", "[2]", "[0,8,8]") "}", 8, "two whole numbers");
    assert_refused("{" ENTRY("a", "F32", "[2]", "[0,1e300]") "}", 8, "two whole numbers");
    assert_refused("{" ENTRY("a", "F32", "[2]", "8") "}", 8, "expected an array");
    assert_refused("{" ENTRY("a", "F32", "[-2]", "[0,8]") "}", 8, "negative or too large");
    assert_refused("{" ENTRY("a", "F32", "[4294967296,4294967296]", "[0,8]") "}", 8, "too large");
    assert_refused("{" ENTRY("a", "F32", "[4294967296,1073741824]", "[0,0]") "}", 8, "too large");
    assert_refused("{" ENTRY("a", "F32", "[\"2\"]", "[0,8]") "}", 8, "whole numbers in \"shape\"");
    assert_refused("{" ENTRY("a", "F32", "2", "[0,8]") "}", 8, "expected an array for \"shape\"");
    assert_refused("{" ENTRY("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", 8, "at most 8");
    assert_refused("{" ENTRY("a", "F8_E4M3", "[8]", "[0,8]") "}", 8, "found \"F8_E4M3\"");
    assert_refused("{" ENTRY("a", "f32", "[2]", "[0,8]") "}", 8, "found \"f32\"");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8,
                   "tensor 'a': expected an object");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"offsets\":[0,8]}}", 8,
                   "expected an array for \"data_offsets\", found nothing");
    assert_refused("{\"a\":[]}", 8, "tensor 'a': expected an object");
    assert_refused("{\"a\":1}", 8, "tensor 'a': expected an object");
    assert_refused("{" ENTRY("a\\u001b", "F32", "[2]", "[0,8]") "}", 8, "control character");
}

static void headers_must_be_sound(void **state)
{
    (void)state;
    assert_refused("{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("a", "F32", "[1]", "[4,8]") "}",
                   8, "found \"a\" twice");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2]}}", 8,
                   "found \"dtype\" twice");
    assert_refused("{\"__metadata__\":[]}", 0, "expected an object for \"__metadata__\"");
    assert_refused("{\"__metadata__\":{\"k\":1}}", 0, "expected a string for \"k\"");
    assert_refused("{\"a\" 1}", 0, "header:1:6: expected JSON");
    assert_refused("{} {}", 0, "header:1:4: expected JSON");
    scl_weights weights;
    scl_error err = {0};
    const uint8_t too_long[16] = {0x01, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, '{'}; /* 100,000,001 */
    assert_fails(scl_weights_load_bytes("f", too_long, sizeof too_long, &weights, &err),
                 SCL_BAD_DATA, err, "none of them");
    const uint8_t longest[16] = {0x00, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, '{'};
    err = (scl_error){0};
    assert_fails(scl_weights_load_bytes("f", longest, sizeof longest, &weights, &err), SCL_BAD_DATA,
                 err, "cut short");
}

/* A length whose bytes begin like a zip or a pickle is still a length. */
static void the_length_is_never_mistaken_for_another_format(void **state)
{
    (void)state;
    char header[0x81] = "{}";
    memset(header + 2, ' ', sizeof header - 3);
    scl_weights weights;
    assert_int_equal(strlen(header), 0x80);
    assert_ok(load_header(header, 0, &weights, &test_error));
    scl_weights_free(&weights);
}

/* --- damage ----------------------------------------------------------------------------------- */

static void damaged_files_never_crash(void **state)
{
    (void)state;
    assert_refuses_truncation(FIXTURE("small.safetensors"));
    assert_refuses_truncation(FIXTURE("mixed.safetensors"));
    assert_survives_flips(FIXTURE("small.safetensors"));
    assert_survives_flips(FIXTURE("mixed.safetensors"));
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    assert_survives_failing_allocations(FIXTURE("mixed.safetensors"));
    scl_weights weights;
    char folder[PATH_TEXT];
    make_folder(folder);
    char *path = scl_path_join(folder, "a.safetensors");
    assert_ok(scl_weights_load(FIXTURE("mixed.safetensors"), &weights, &test_error));
    scl_status status = SCL_DEVICE;
    for (long n = 0; status != SCL_OK; n++) {
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status = scl_safetensors_write(path, weights.tensor, weights.count, NULL, 0, &err);
        scl_alloc_fail_after(-1);
        /* The folder sync after the rename is best effort, so its allocation is not reported. */
        assert_true(status == SCL_OK || status == SCL_DEVICE);
    }
    scl_weights_free(&weights);
    scl_free(path);
    remove_folder(folder);
}

/* --- real files ------------------------------------------------------------------------------- */

static double sum_of_magnitudes(const scl_weights *weights, const char *prefix)
{
    double sum = 0;
    for (size_t i = 0; i < weights->count; i++) {
        const scl_weight *weight = &weights->tensor[i];
        if (strncmp(weight->name, prefix, strlen(prefix)) != 0)
            continue;
        size_t count = (size_t)scl_weight_elements(weight);
        float *values = malloc(count * sizeof *values);
        scl_weight_to_f32(weight, values);
        for (size_t j = 0; j < count; j++)
            sum += fabs((double)values[j]);
        free(values);
    }
    return sum;
}

static void a_real_lora_has_its_values(void **state)
{
    (void)state;
    const char *path = SHARED "lora/mathieunlp_lora_rank4.safetensors";
    if (!scl_path_exists(path)) {
        print_message("no %s\n", path);
        skip();
    }
    scl_weights weights;
    char shape[200];
    assert_ok(scl_weights_load(path, &weights, &test_error));
    assert_int_equal(weights.count, 48);
    shape_text(scl_weights_find(&weights, "w_a_023"), shape);
    assert_string_equal(shape, "4,768");
    shape_text(scl_weights_find(&weights, "w_b_000"), shape);
    assert_string_equal(shape, "768,4");
    assert_true(fabs(sum_of_magnitudes(&weights, "w_a") - 1448.422183581294) < 1e-8);
    assert_true(fabs(sum_of_magnitudes(&weights, "w_b") - 377.49658955560255) < 1e-8);
    scl_weights_free(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_files_have_their_values),
        cmocka_unit_test(written_files_are_the_references_byte_for_byte),
        cmocka_unit_test(written_files_read_back),
        cmocka_unit_test(wrong_tensors_are_not_written),
        cmocka_unit_test(tensors_are_fetched_one_by_one),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(good_headers_are_accepted),
        cmocka_unit_test(data_must_tile_the_file),
        cmocka_unit_test(entries_must_be_sound),
        cmocka_unit_test(headers_must_be_sound),
        cmocka_unit_test(the_length_is_never_mistaken_for_another_format),
        cmocka_unit_test(damaged_files_never_crash),
        cmocka_unit_test(failing_allocations_are_reported),
        cmocka_unit_test(a_real_lora_has_its_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
