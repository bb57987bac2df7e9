/* Logits back to the original size against segment-anything; see
 * tests/reference/make_data_fixtures.py. */
#include "support.h"

#include "base/mem.h"
#include "pattern.h"
#include "predict/postprocess.h"

#include <math.h>

static void fill_logits(float *low, int count)
{
    for (int i = 0; i < count; i++)
        low[i] = ((float)pattern_byte((uint64_t)i) - 128.0f) / 16.0f;
}

/* Reads one case and compares all its values. */
static bool check_case(FILE *file, scl_postprocess *p)
{
    int width, height, side, low_side;
    if (fscanf(file, "%d %d %d %d", &width, &height, &side, &low_side) != 4)
        return false;
    int pixels = width * height;
    float low[256], *logits = scl_calloc((size_t)pixels, sizeof *logits);
    uint8_t *mask = scl_calloc((size_t)pixels, 1);
    fill_logits(low, low_side * low_side);
    scl_frame frame = scl_frame_make(width, height, side);
    assert_ok(scl_postprocess_logits(p, low, low_side, &frame, logits, &test_error));
    assert_ok(scl_postprocess_mask(p, low, low_side, &frame, mask, &test_error));
    for (int i = 0; i < pixels; i++) {
        float wanted;
        assert_int_equal(fscanf(file, "%f", &wanted), 1);
        if (!(fabsf(logits[i] - wanted) < 2e-5f))
            fail_msg("%dx%d [%d]: expected %.9g, found %.9g", width, height, i, (double)wanted,
                     (double)logits[i]);
        assert_int_equal(mask[i], logits[i] > 0);
    }
    scl_free(logits);
    scl_free(mask);
    return true;
}

static void logits_equal_segment_anything(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_FIXTURES "/data/postprocess.txt", "r");
    assert_non_null(file);
    scl_postprocess p = {0};
    int cases = 0;
    while (check_case(file, &p))
        cases++;
    fclose(file);
    scl_postprocess_free(&p);
    assert_int_equal(cases, 3);
}

enum { CLASSES = 4, LOW = 8, WIDTH = 21, HEIGHT = 13 };

/* Every class enlarged by itself, compared pixel by pixel. */
static void classes_are_the_greatest_logit(void **state)
{
    (void)state;
    float low[CLASSES * LOW * LOW], logits[CLASSES][WIDTH * HEIGHT];
    int32_t ids[WIDTH * HEIGHT];
    fill_logits(low, CLASSES * LOW * LOW);
    memcpy(low + 3 * LOW * LOW, low + LOW * LOW, LOW * LOW * sizeof *low); /* 3 never wins over 1 */
    scl_frame frame = scl_frame_make(WIDTH, HEIGHT, 32);
    scl_postprocess p = {0};
    for (int id = 0; id < CLASSES; id++)
        assert_ok(
            scl_postprocess_logits(&p, low + id * LOW * LOW, LOW, &frame, logits[id], &test_error));
    assert_ok(scl_postprocess_classes(&p, low, LOW, CLASSES, &frame, ids, &test_error));
    int seen[CLASSES] = {0};
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        int best = 0;
        for (int id = 1; id < CLASSES; id++)
            best = logits[id][i] > logits[best][i] ? id : best;
        assert_int_equal(ids[i], best);
        seen[best]++;
    }
    assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
    assert_int_equal(seen[3], 0);
    scl_postprocess_free(&p);
}

static void buffers_serve_other_sizes(void **state)
{
    (void)state;
    float low[LOW * LOW];
    uint8_t mask[40 * 40];
    fill_logits(low, LOW * LOW);
    scl_postprocess p = {0};
    const int sizes[][2] = {{5, 4}, {40, 40}, {1, 1}, {40, 3}};
    for (size_t i = 0; i < 4; i++) {
        scl_frame frame = scl_frame_make(sizes[i][0], sizes[i][1], 16 << (i % 2));
        assert_ok(scl_postprocess_mask(&p, low, LOW, &frame, mask, &test_error));
    }
    scl_postprocess_free(&p);
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    float low[2 * LOW * LOW];
    int32_t ids[WIDTH * HEIGHT];
    fill_logits(low, 2 * LOW * LOW);
    scl_frame frame = scl_frame_make(WIDTH, HEIGHT, 32);
    long n = 0;
    for (scl_status status = SCL_DEVICE; status != SCL_OK; n++) {
        scl_error err = {0};
        scl_postprocess p = {0};
        scl_alloc_fail_after(n);
        status = scl_postprocess_classes(&p, low, LOW, 2, &frame, ids, &err);
        scl_alloc_fail_after(-1);
        scl_postprocess_free(&p);
        assert_true(status == SCL_OK || status == SCL_DEVICE);
    }
    assert_int_equal(n, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_equal_segment_anything),
        cmocka_unit_test(classes_are_the_greatest_logit),
        cmocka_unit_test(buffers_serve_other_sizes),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
