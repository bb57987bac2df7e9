/* .npy files against NumPy's. */
#include "weights_support.h"

#include "io/npy.h"

static void numpy_files_are_read(void **state)
{
    (void)state;
    scl_npy npy;
    float out[6];
    assert_ok(scl_npy_read(FIXTURE("f4.npy"), &npy, &test_error));
    char shape[200];
    shape_text(&npy.array, shape);
    assert_string_equal(shape, "1,2,3");
    scl_weight_to_f32(&npy.array, out);
    for (int i = 0; i < 6; i++)
        assert_true(out[i] == (float)i / 4);
    scl_npy_free(&npy);

    assert_ok(scl_npy_read(FIXTURE("f8.npy"), &npy, &test_error));
    assert_int_equal(npy.array.dtype, SCL_WEIGHT_F64);
    assert_int_equal(npy.array.ndim, 1);
    scl_weight_to_f32(&npy.array, out);
    assert_true(out[0] == 0.1f && out[1] == -2.0f);
    scl_npy_free(&npy);

    assert_ok(scl_npy_read(FIXTURE("i4.npy"), &npy, &test_error));
    assert_int_equal(npy.array.dtype, SCL_WEIGHT_I32);
    assert_int_equal(npy.array.ndim, 0);
    scl_weight_to_f32(&npy.array, out);
    assert_true(out[0] == -7.0f);
    scl_npy_free(&npy);
}

static void written_files_are_numpys_byte_for_byte(void **state)
{
    (void)state;
    char folder[PATH_TEXT];
    make_folder(folder);
    char *path = scl_path_join(folder, "a.npy");
    const int64_t dim[] = {1, 2, 3};
    const float data[] = {0, 0.25f, 0.5f, 0.75f, 1, 1.25f};
    assert_ok(scl_npy_write_f32(path, 3, dim, data, &test_error));
    blob ours = blob_load(path), numpys = blob_load(FIXTURE("f4.npy"));
    assert_int_equal(ours.size, numpys.size);
    assert_memory_equal(ours.bytes, numpys.bytes, ours.size);
    free(ours.bytes);
    free(numpys.bytes);
    for (int ndim = 0; ndim <= SCL_WEIGHT_MAX_DIMS; ndim++) {
        const int64_t shape[] = {1, 1, 2, 1, 1, 1, 3, 1};
        scl_npy npy;
        assert_ok(scl_npy_write_f32(path, ndim, shape, data, &test_error));
        assert_ok(scl_npy_read(path, &npy, &test_error));
        assert_int_equal(npy.array.ndim, ndim);
        assert_memory_equal(npy.array.dim, shape, (size_t)ndim * sizeof *shape);
        assert_memory_equal(npy.array.data, data, npy.array.bytes);
        scl_npy_free(&npy);
    }
    scl_free(path);
    remove_folder(folder);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    scl_npy npy;
    scl_error err = {0};
    assert_fails(scl_npy_read(FIXTURE("fortran.npy"), &npy, &err), SCL_BAD_DATA, err, "C-order");
    err = (scl_error){0};
    assert_fails(scl_npy_read(FIXTURE("bare.pth"), &npy, &err), SCL_BAD_DATA, err, ".npy");
    const int64_t negative[] = {2, -1};
    err = (scl_error){0};
    assert_fails(scl_npy_write_f32("/nonexistent/x", 2, negative, NULL, &err), SCL_FAILED, err,
                 "shape");
    err = (scl_error){0};
    assert_fails(scl_npy_write_f32("/nonexistent/x", 0, NULL, (float[]){1}, &err), SCL_FAILED, err,
                 "cannot be written");
    char folder[PATH_TEXT];
    make_folder(folder);
    char *path = scl_path_join(folder, "a.npy");
    blob file = blob_load(FIXTURE("f4.npy"));
    for (size_t size = 0; size < file.size; size++) {
        assert_ok(scl_file_write(path, file.bytes, size, &test_error));
        err = (scl_error){0};
        assert_int_equal(scl_npy_read(path, &npy, &err), SCL_BAD_DATA);
    }
    for (size_t i = 0; i < file.size; i++) {
        file.bytes[i] ^= 0x15;
        assert_ok(scl_file_write(path, file.bytes, file.size, &test_error));
        if (scl_npy_read(path, &npy, NULL) == SCL_OK) {
            (void)fnv_as_f32(&npy.array);
            scl_npy_free(&npy);
        }
        file.bytes[i] ^= 0x15;
    }
    free(file.bytes);
    scl_free(path);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpy_files_are_read),
        cmocka_unit_test(written_files_are_numpys_byte_for_byte),
        cmocka_unit_test(bad_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
