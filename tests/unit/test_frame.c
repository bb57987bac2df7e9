/* How pictures lie in the model's square, against segment-anything and transformers; see
 * tests/reference/make_data_fixtures.py. */
#include "data_support.h"

#include "data/frame.h"

#include <inttypes.h>

static void sizes_round_as_in_segment_anything(void **state)
{
    (void)state;
    const int cases[][5] = {
        {640, 480, 1024, 1024, 768}, {481, 1333, 1024, 370, 1024}, {1024, 1024, 1024, 1024, 1024},
        {1, 1, 1024, 1024, 1024},    {1500, 1000, 256, 256, 171},  {3, 5, 8, 5, 8},
        {10000, 3, 1024, 1024, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scl_frame frame = scl_frame_make(cases[i][0], cases[i][1], cases[i][2]);
        assert_int_equal(frame.scaled_width, cases[i][3]);
        assert_int_equal(frame.scaled_height, cases[i][4]);
    }
}

static void check_corner(FILE *file, const scl_frame *frame, const double position[2])
{
    float wanted[2], coords[2];
    assert_int_equal(fscanf(file, "%f %f", &wanted[0], &wanted[1]), 2);
    scl_frame_coords(frame, position[0], position[1], coords);
    if (memcmp(coords, wanted, sizeof coords) != 0)
        fail_msg("%dx%d (%g, %g): expected %.9g %.9g, found %.9g %.9g", frame->width, frame->height,
                 position[0], position[1], (double)wanted[0], (double)wanted[1], (double)coords[0],
                 (double)coords[1]);
}

static void coordinates_equal_segment_anything(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_FIXTURES "/data/coords.txt", "r");
    assert_non_null(file);
    char kind[8];
    int width, height, side, cases = 0;
    while (fscanf(file, "%7s %d %d %d", kind, &width, &height, &side) == 4) {
        scl_frame frame = scl_frame_make(width, height, side);
        int corners = strcmp(kind, "box") == 0 ? 2 : 1;
        double positions[2][2];
        for (int i = 0; i < corners; i++)
            assert_int_equal(fscanf(file, "%lf %lf", &positions[i][0], &positions[i][1]), 2);
        for (int i = 0; i < corners; i++)
            check_corner(file, &frame, positions[i]);
        cases++;
    }
    fclose(file);
    assert_int_equal(cases, 40);
}

static void images_equal_segment_anything(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_FIXTURES "/data/images.txt", "r");
    assert_non_null(file);
    int width, height, side, cases = 0;
    uint64_t wanted;
    while (fscanf(file, "%d %d %d %" SCNx64, &width, &height, &side, &wanted) == 4) {
        size_t bytes = (size_t)width * (size_t)height * 3;
        size_t values = (size_t)side * (size_t)side * 3;
        uint8_t *rgb = scl_calloc(bytes, 1);
        float *out = scl_calloc(values, sizeof *out);
        pattern_fill(rgb, bytes);
        scl_frame frame = scl_frame_make(width, height, side);
        assert_ok(scl_frame_image(&frame, rgb, out, &test_error));
        if (pattern_hash(out, values * sizeof *out) != wanted)
            fail_msg("%dx%d in %d differs from Sam.preprocess", width, height, side);
        scl_free(rgb);
        scl_free(out);
        cases++;
    }
    fclose(file);
    assert_int_equal(cases, 5);
}

/* Our padding is -1; that of transformers is 0. */
static uint64_t hash_of_low_mask(const scl_frame *frame)
{
    size_t pixels = (size_t)frame->width * (size_t)frame->height;
    size_t values = (size_t)frame->side * (size_t)frame->side;
    int32_t *ids = scl_calloc(pixels, sizeof *ids), *out = scl_calloc(values, sizeof *out);
    for (size_t i = 0; i < pixels; i++)
        ids[i] = pattern_byte(i) % 5;
    assert_ok(scl_frame_ids(frame, ids, out, &test_error));
    for (int y = 0; y < frame->side; y++)
        for (int x = 0; x < frame->side; x++) {
            int32_t *value = &out[y * frame->side + x];
            bool padding = x >= frame->scaled_width || y >= frame->scaled_height;
            assert_int_equal(*value == -1, padding);
            *value = padding ? 0 : *value;
        }
    uint64_t hash = pattern_hash(out, values * sizeof *out);
    scl_free(ids);
    scl_free(out);
    return hash;
}

static void low_masks_equal_transformers(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_FIXTURES "/data/masks.txt", "r");
    assert_non_null(file);
    int width, height, side, cases = 0;
    uint64_t wanted;
    while (fscanf(file, "%d %d %d %" SCNx64, &width, &height, &side, &wanted) == 4) {
        scl_frame frame = scl_frame_make(width, height, side);
        if (hash_of_low_mask(&frame) != wanted)
            fail_msg("%dx%d in %d differs from SamImageProcessorPil", width, height, side);
        cases++;
    }
    fclose(file);
    assert_int_equal(cases, 5);
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    uint8_t rgb[20 * 10 * 3];
    int32_t ids[20 * 10] = {0}, low[64];
    float out[16 * 16 * 3];
    pattern_fill(rgb, sizeof rgb);
    scl_frame frame = scl_frame_make(20, 10, 16), low_frame = scl_frame_make(20, 10, 8);
    long n = 0;
    for (scl_status status = SCL_DEVICE; status != SCL_OK; n++) {
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status = scl_frame_image(&frame, rgb, out, &err);
        if (status == SCL_OK)
            status = scl_frame_ids(&low_frame, ids, low, &err);
        scl_alloc_fail_after(-1);
        assert_true(status == SCL_OK || status == SCL_DEVICE);
    }
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_round_as_in_segment_anything),
        cmocka_unit_test(coordinates_equal_segment_anything),
        cmocka_unit_test(images_equal_segment_anything),
        cmocka_unit_test(low_masks_equal_transformers),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
