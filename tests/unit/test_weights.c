/* Named tensors: finding, converting, and telling what a file is. */
#include "io/safetensors.h"
#include "weights_support.h"

#include <math.h>

static void assert_converts(scl_weight_dtype dtype, const void *data, size_t count,
                            const float *wanted)
{
    /* One byte off, as a file may have it. */
    uint8_t moved[65] = {0};
    float out[8];
    size_t bytes = count * scl_weight_dtype_bytes(dtype);
    memcpy(moved + 1, data, bytes);
    const scl_weight weight = {"", dtype, 1, {(int64_t)count}, moved + 1, bytes};
    scl_weight_to_f32(&weight, out);
    assert_int_equal(scl_weight_elements(&weight), count);
    assert_memory_equal(out, wanted, count * sizeof *out);
}

#define CONVERTS(dtype, type, ...)                                                                 \
    do {                                                                                           \
        const type data[] = {__VA_ARGS__};                                                         \
        float wanted[sizeof data / sizeof *data];                                                  \
        for (size_t i = 0; i < sizeof data / sizeof *data; i++)                                    \
            wanted[i] = (float)data[i];                                                            \
        assert_converts(SCL_WEIGHT_##dtype, data, sizeof data / sizeof *data, wanted);             \
    } while (0)

static void every_dtype_converts_to_float(void **state)
{
    (void)state;
    CONVERTS(U8, uint8_t, 0, 1, 255);
    CONVERTS(I8, int8_t, -128, 127);
    CONVERTS(I16, int16_t, -32768, 32767, 5);
    CONVERTS(U16, uint16_t, 0, 65535);
    CONVERTS(I32, int32_t, INT32_MIN, INT32_MAX, 16777217);
    CONVERTS(U32, uint32_t, UINT32_MAX, 3);
    CONVERTS(I64, int64_t, INT64_MIN, -1, (1LL << 40) + 1);
    CONVERTS(U64, uint64_t, UINT64_MAX, 3);
    CONVERTS(F32, float, -0.0f, 1e-40f, INFINITY);
    CONVERTS(F64, double, 0.1, -1e300, 1e-300);
    const uint8_t truths[] = {0, 1, 2};
    assert_converts(SCL_WEIGHT_BOOL, truths, 3, (float[]){0, 1, 1});
    const uint16_t halves[] = {0x3c00, 0xc000, 0x0001};
    assert_converts(SCL_WEIGHT_F16, halves, 3, (float[]){1, -2, 0x1p-24f});
    const uint16_t brains[] = {0x3f80, 0xc000, 0x0001};
    assert_converts(SCL_WEIGHT_BF16, brains, 3, (float[]){1, -2, 0x1p-133f});
}

static void shape_sizes_do_not_overflow(void **state)
{
    (void)state;
    size_t bytes = 7;
    const int64_t large[] = {(int64_t)1 << 31, (int64_t)1 << 31};
    assert_true(scl_weight_shape_bytes(SCL_WEIGHT_U8, 2, large, &bytes));
    assert_true(bytes == (size_t)1 << 62);
    assert_false(scl_weight_shape_bytes(SCL_WEIGHT_F32, 2, large, &bytes));
    assert_false(scl_weight_shape_bytes(SCL_WEIGHT_U8, 2, (int64_t[]){0, -1}, &bytes));
    assert_true(scl_weight_shape_bytes(SCL_WEIGHT_F64, 0, NULL, &bytes));
    assert_int_equal(bytes, 8);
    assert_true(scl_weight_shape_bytes(SCL_WEIGHT_F64, 2, (int64_t[]){0, INT64_MAX}, &bytes));
    assert_int_equal(bytes, 0);
}

static void many_names_are_found(void **state)
{
    (void)state;
    scl_weights weights = {0};
    char name[32];
    const scl_weight empty = {"", SCL_WEIGHT_F32, 1, {0}, NULL, 0};
    weights.path = "many";
    for (int i = 0; i < 1000; i++) {
        scl_weight weight = empty;
        snprintf(name, sizeof name, "blocks.%d.weight", (i * 7919) % 1000);
        weight.name = name;
        weight.dim[0] = i;
        assert_ok(scl_weights_add(&weights, &weight, &test_error));
    }
    assert_ok(scl_weights_index(&weights, &test_error));
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "blocks.%d.weight", (i * 7919) % 1000);
        assert_int_equal(scl_weights_find(&weights, name)->dim[0], i);
    }
    assert_null(scl_weights_find(&weights, "blocks.1000.weight"));
    assert_null(scl_weights_find(&weights, ""));
    assert_ok(scl_weights_add(&weights, &empty, &test_error));
    assert_ok(scl_weights_add(&weights, &empty, &test_error));
    scl_error err = {0};
    assert_fails(scl_weights_index(&weights, &err), SCL_BAD_DATA, err,
                 "many: expected each tensor");
    scl_weights_free(&weights);
    scl_weights_free(&weights);
}

static void assert_refused(const char *bytes, size_t size, const char *words)
{
    scl_weights weights;
    scl_error err = {0};
    blob file = blob_copy(bytes, size);
    assert_fails(scl_weights_load_bytes("file", file.bytes, size, &weights, &err), SCL_BAD_DATA,
                 err, words);
    free(file.bytes);
}

static void other_files_are_refused_with_advice(void **state)
{
    (void)state;
    char tar[512] = {0};
    memcpy(tar + 257, "ustar", 5);
    assert_refused("", 0, "a file of 0 bytes that is none of them");
    assert_refused("\x89PNG\r\n\x1a\n", 8, "expected a PyTorch .pth file");
    assert_refused("version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull");
    assert_refused("<!DOCTYPE html><html>", 21, "a web page");
    assert_refused(tar, sizeof tar, "a tar file");
    assert_refused("PK\3\4 and no more", 16, "the zip archive is damaged or cut short");
    assert_refused("\x80\x02K\x01.", 5, "none of them");
    scl_weights weights;
    scl_error err = {0};
    assert_fails(scl_weights_load("/nonexistent.pth", &weights, &err), SCL_BAD_DATA, err,
                 "/nonexistent.pth: cannot be opened");
    assert_int_equal(weights.count, 0);
    scl_weights_free(&weights);
}

static size_t resident_pages(void)
{
    size_t all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &all, &resident), 2);
    fclose(file);
    return resident;
}

static uint64_t sum_of(const scl_weight *weight)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < weight->bytes; i++)
        sum = sum * 31 + weight->data[i];
    return sum;
}

static void released_data_leave_memory_and_come_back(void **state)
{
    (void)state;
    const size_t bytes = (size_t)16 << 20;
    char folder[PATH_TEXT];
    make_folder(folder);
    char *path = scl_path_join(folder, "a.safetensors");
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 12));
    const scl_weight tensors[] = {{"a", SCL_WEIGHT_U8, 1, {16 << 20}, data, bytes},
                                  {"b", SCL_WEIGHT_U8, 1, {3}, data, 3}};
    assert_ok(scl_safetensors_write(path, tensors, 2, NULL, 0, &test_error));
    scl_weights weights;
    assert_ok(scl_weights_load(path, &weights, &test_error));
    uint64_t sum = sum_of(&weights.tensor[0]);
    assert_true(sum == sum_of(&tensors[0]));
    size_t before = resident_pages();
    scl_weights_release(&weights, &weights.tensor[0]);
    size_t pages = bytes / (size_t)sysconf(_SC_PAGESIZE);
    assert_true(before - resident_pages() > pages * 9 / 10);
    assert_true(sum == sum_of(&weights.tensor[0]));
    assert_memory_equal(weights.tensor[1].data, data, 3);
    scl_weights_free(&weights);

    /* what is in memory and in no file stays there */
    blob file = blob_load(path);
    assert_ok(scl_weights_load_bytes("memory", file.bytes, file.size, &weights, &test_error));
    scl_weights_release(&weights, &weights.tensor[0]);
    assert_true(sum == sum_of(&weights.tensor[0]));
    scl_weights_free(&weights);
    free(file.bytes);
    free(data);
    scl_free(path);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dtype_converts_to_float),
        cmocka_unit_test(shape_sizes_do_not_overflow),
        cmocka_unit_test(many_names_are_found),
        cmocka_unit_test(released_data_leave_memory_and_come_back),
        cmocka_unit_test(other_files_are_refused_with_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
