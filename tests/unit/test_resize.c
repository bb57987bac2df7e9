/* Resizing against Pillow (hashes) and torch (values); see tests/reference/make_resize_fixtures.py.
 */
#include "support.h"

#include "base/mem.h"
#include "io/resize.h"
#include "pattern.h"

#include <inttypes.h>
#include <math.h>

typedef struct resize_case {
    char kind[16];
    int unit, sw, sh, dw, dh;
} resize_case;

static scl_status resize(const resize_case *c, const void *src, void *dst, scl_error *err)
{
    if (strcmp(c->kind, "bilinear") == 0)
        return scl_resize_bilinear_u8(src, c->sw, c->sh, c->unit, dst, c->dw, c->dh, err);
    return scl_resize_nearest(src, (size_t)c->unit, c->sw, c->sh, dst, c->dw, c->dh, err);
}

static uint64_t hash_of_resized(const resize_case *c)
{
    size_t in = (size_t)c->sw * (size_t)c->sh * (size_t)c->unit;
    size_t out = (size_t)c->dw * (size_t)c->dh * (size_t)c->unit;
    /* Exact sizes, so that the sanitizer sees any access beyond them. */
    void *src = scl_calloc(in, 1), *dst = scl_calloc(out, 1);
    pattern_fill(src, in);
    assert_ok(resize(c, src, dst, &test_error));
    uint64_t hash = pattern_hash(dst, out);
    scl_free(src);
    scl_free(dst);
    return hash;
}

static void bytes_equal_pillow(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_FIXTURES "/io/resize.txt", "r");
    assert_non_null(file);
    resize_case c;
    uint64_t wanted;
    int cases = 0;
    while (fscanf(file, "%15s %d %d %d %d %d %" SCNx64, c.kind, &c.unit, &c.sw, &c.sh, &c.dw, &c.dh,
                  &wanted) == 7) {
        if (hash_of_resized(&c) != wanted)
            fail_msg("%s %d: %dx%d to %dx%d differs from Pillow", c.kind, c.unit, c.sw, c.sh, c.dw,
                     c.dh);
        cases++;
    }
    fclose(file);
    assert_int_equal(cases, 110);
}

static void fill_floats(float *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] = ((float)pattern_byte((uint64_t)i) - 128.0f) / 16.0f;
}

static void floats_equal_torch(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_FIXTURES "/io/resize_float.txt", "r");
    assert_non_null(file);
    char kind[16];
    int sw, sh, dw, dh, cases = 0;
    float src[256], dst[512];
    while (fscanf(file, "%15s %d %d %d %d", kind, &sw, &sh, &dw, &dh) == 5) {
        fill_floats(src, sw * sh);
        if (strcmp(kind, "float") == 0)
            assert_ok(scl_resize_bilinear_f32(src, (size_t)sw, sw, sh, dst, dw, dh, &test_error));
        else
            assert_ok(scl_resize_rows_f32(src, sh, sw, dst, dh, &test_error));
        for (int i = 0; i < dw * dh; i++) {
            float wanted;
            assert_int_equal(fscanf(file, "%f", &wanted), 1);
            /* A source position near 16 that rounds differently, times a step of 16. */
            if (!(fabsf(dst[i] - wanted) <= 1.6e-5f))
                fail_msg("%s %dx%d to %dx%d [%d]: %.9g, torch has %.9g", kind, sw, sh, dw, dh, i,
                         (double)dst[i], (double)wanted);
        }
        cases++;
    }
    fclose(file);
    assert_int_equal(cases, 10);
}

static void float_crop_equals_the_cropped_copy(void **state)
{
    (void)state;
    float plane[12 * 9], crop[7 * 5], from_stride[10 * 11], from_copy[10 * 11];
    fill_floats(plane, 12 * 9);
    for (int y = 0; y < 5; y++)
        memcpy(crop + y * 7, plane + y * 12, 7 * sizeof *crop);
    assert_ok(scl_resize_bilinear_f32(plane, 12, 7, 5, from_stride, 10, 11, &test_error));
    assert_ok(scl_resize_bilinear_f32(crop, 7, 7, 5, from_copy, 10, 11, &test_error));
    assert_memory_equal(from_stride, from_copy, sizeof from_copy);
}

/* Each channel is resized as if it were alone. */
static void four_channels_are_independent(void **state)
{
    (void)state;
    uint8_t four[13 * 17 * 4], one[13 * 17], out_four[29 * 8 * 4], out_one[29 * 8];
    pattern_fill(four, sizeof four);
    assert_ok(scl_resize_bilinear_u8(four, 13, 17, 4, out_four, 29, 8, &test_error));
    for (int c = 0; c < 4; c++) {
        for (int i = 0; i < 13 * 17; i++)
            one[i] = four[i * 4 + c];
        assert_ok(scl_resize_bilinear_u8(one, 13, 17, 1, out_one, 29, 8, &test_error));
        for (int i = 0; i < 29 * 8; i++)
            assert_int_equal(out_four[i * 4 + c], out_one[i]);
    }
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    const int bad[] = {0, -1, INT32_MIN, (1 << 24) + 1, INT32_MAX};
    uint8_t in[4] = {0}, out[4];
    float f[4] = {0}, g[4];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (int side = 0; side < 4; side++) {
            int s[4] = {1, 1, 1, 1};
            s[side] = bad[i];
            scl_error err = {0};
            assert_fails(scl_resize_bilinear_u8(in, s[0], s[1], 1, out, s[2], s[3], &err),
                         SCL_BAD_DATA, err, "sides of 1 to 16777216");
            assert_int_equal(scl_resize_nearest(in, 1, s[0], s[1], out, s[2], s[3], NULL),
                             SCL_BAD_DATA);
            assert_int_equal(scl_resize_bilinear_f32(f, 1, s[0], s[1], g, s[2], s[3], NULL),
                             SCL_BAD_DATA);
        }
        assert_int_equal(scl_resize_rows_f32(f, bad[i], 1, g, 1, NULL), SCL_BAD_DATA);
        assert_int_equal(scl_resize_rows_f32(f, 1, 1, g, bad[i], NULL), SCL_BAD_DATA);
    }
    scl_error err = {0};
    assert_fails(scl_resize_bilinear_u8(in, 1, 1, 5, out, 2, 2, &err), SCL_BAD_DATA, err,
                 "found 5");
    err = (scl_error){0};
    assert_fails(scl_resize_nearest(in, 3, 1, 1, out, 2, 2, &err), SCL_BAD_DATA, err, "found 3");
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    const resize_case cases[] = {{"bilinear", 3, 9, 9, 5, 5},
                                 {"bilinear", 1, 9, 40, 8, 5},
                                 {"bilinear", 1, 9, 9, 9, 5},
                                 {"nearest", 2, 9, 9, 5, 5}};
    uint8_t src[9 * 40], dst[256];
    pattern_fill(src, sizeof src);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        long failures = 0;
        for (;; failures++) {
            scl_error err = {0};
            scl_alloc_fail_after(failures);
            scl_status status = resize(&cases[i], src, dst, &err);
            scl_alloc_fail_after(-1);
            if (status == SCL_OK)
                break;
            assert_int_equal(status, SCL_DEVICE);
            assert_non_null(strstr(err.text, "out of host memory"));
        }
        assert_true(failures >= 2);
    }
    float f[16] = {0}, g[16];
    scl_alloc_fail_after(0);
    scl_status status = scl_resize_bilinear_f32(f, 4, 4, 4, g, 2, 2, NULL);
    scl_alloc_fail_after(-1);
    assert_int_equal(status, SCL_DEVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_equal_pillow),
        cmocka_unit_test(floats_equal_torch),
        cmocka_unit_test(float_crop_equals_the_cropped_copy),
        cmocka_unit_test(four_channels_are_independent),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
