/* What scl_weights_compare finds different, and how far apart, in which order. */
#include "weights_support.h"

#include "io/safetensors.h"
#include "io/weights_diff.h"

#include <math.h>

static scl_weight vector(const char *name, const float *values, int64_t count)
{
    return (scl_weight){name,    SCL_WEIGHT_F32,          1,
                        {count}, (const uint8_t *)values, (size_t)count * sizeof *values};
}

/* Saved and loaded, as the tensors of a file. */
static void make(const char *name, const scl_weight *tensors, size_t count, scl_weights *weights)
{
    char *path = scl_path_join(own_folder, name);
    assert_ok(scl_safetensors_write(path, tensors, count, NULL, 0, &test_error));
    assert_ok(scl_weights_load(path, weights, &test_error));
    scl_free(path);
}

static void differences_are_sorted_by_kind_and_size(void **state)
{
    (void)state;
    const float zeros[4] = {0}, a[4] = {1, -8, 2, 3}, near[4] = {1, -8, 2, 3.5f}, far[4] = {1, 8};
    const uint16_t halves[2] = {0x3c00, 0xc800}; /* 1 and -8 */
    scl_weight half = {"type", SCL_WEIGHT_F16, 1, {2}, (const uint8_t *)halves, 4};
    const scl_weight left[] = {vector("near", a, 4), vector("same", a, 4),  vector("far", a, 4),
                               vector("gone", a, 4), vector("shape", a, 4), vector("type", a, 2)};
    const scl_weight right[] = {half,
                                vector("shape", zeros, 2),
                                vector("new", zeros, 1),
                                vector("far", far, 4),
                                vector("same", a, 4),
                                vector("near", near, 4)};
    const scl_diff_kind kinds[] = {SCL_DIFF_ONLY_LEFT, SCL_DIFF_ONLY_RIGHT, SCL_DIFF_SHAPE,
                                   SCL_DIFF_DTYPE,     SCL_DIFF_VALUES,     SCL_DIFF_VALUES};
    const char *const names[] = {"gone", "new", "shape", "type", "far", "near"};
    scl_weights one, other;
    scl_weights_diff diff = {0};
    make("one", left, 6, &one);
    make("other", right, 6, &other);
    assert_ok(scl_weights_compare(&one, &other, NULL, NULL, &diff, &test_error));
    assert_int_equal(diff.equal, 1);
    assert_int_equal(diff.count, 6);
    for (size_t i = 0; i < diff.count; i++) {
        const scl_weight *w = diff.items[i].left != NULL ? diff.items[i].left : diff.items[i].right;
        assert_int_equal(diff.items[i].kind, kinds[i]);
        assert_string_equal(w->name, names[i]);
    }
    assert_true(diff.items[3].absolute == 0 && diff.items[3].relative == 0);
    assert_true(diff.items[4].absolute == 16 && diff.items[4].relative == 2);
    assert_true(diff.items[5].absolute == 0.5 && diff.items[5].relative == 0.5 / 8);
    scl_weights_diff_free(&diff);
    scl_weights_free(&one);
    scl_weights_free(&other);
}

static void numbers_and_what_is_none_are_told_apart(void **state)
{
    (void)state;
    const float a[3] = {NAN, INFINITY, 1}, same[3] = {-NAN, INFINITY, 1},
                b[3] = {NAN, INFINITY, NAN};
    const float zero[1] = {0}, one_value[1] = {2};
    const scl_weight left[] = {vector("a", a, 3), vector("b", a, 3), vector("zero", zero, 1)};
    const scl_weight right[] = {vector("a", same, 3), vector("b", b, 3),
                                vector("zero", one_value, 1)};
    scl_weights one, other;
    scl_weights_diff diff = {0};
    make("one", left, 3, &one);
    make("other", right, 3, &other);
    assert_ok(scl_weights_compare(&one, &other, NULL, NULL, &diff, &test_error));
    assert_int_equal(diff.equal, 1);
    assert_int_equal(diff.count, 2);
    assert_true(isinf(diff.items[0].relative) && isinf(diff.items[1].relative));
    scl_weights_diff_free(&diff);
    for (long n = 0; n < 3; n++) {
        scl_error err = {0};
        scl_alloc_fail_after(n);
        scl_status status = scl_weights_compare(&one, &other, NULL, NULL, &diff, &err);
        scl_alloc_fail_after(-1);
        assert_true(status == SCL_OK || status == SCL_DEVICE);
        scl_weights_diff_free(&diff);
    }
    scl_weights_free(&one);
    scl_weights_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(differences_are_sorted_by_kind_and_size),
        IN_FOLDER(numbers_and_what_is_none_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
