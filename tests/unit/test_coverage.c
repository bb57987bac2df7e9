/* The share of a low-resolution pixel that an object covers, against counting in a grid so fine
 * that every pixel of both pictures is a whole number of its cells. */
#include "data/coverage.h"
#include "data/mask_file.h"
#include "pattern.h"
#include "support.h"

#include <math.h>

enum { SIDE_MAX = 24, PIXELS_MAX = 40 * 40, OBJECT = 3 };

static void expect(const scl_frame *f, const int32_t *ids, int y, int x, float *target,
                   float *weight)
{
    long object = 0, counted = 0, all = (long)f->width * f->height;
    *target = *weight = 0;
    if (y >= f->scaled_height || x >= f->scaled_width)
        return;
    for (int fine_y = y * f->height; fine_y < (y + 1) * f->height; fine_y++)
        for (int fine_x = x * f->width; fine_x < (x + 1) * f->width; fine_x++) {
            int32_t id = ids[fine_y / f->scaled_height * f->width + fine_x / f->scaled_width];
            object += id == OBJECT;
            counted += id != SCL_MASK_IGNORED;
        }
    if (counted == 0 || 2 * counted < all)
        return;
    *target = (float)object / (float)counted;
    *weight = 1;
}

static void check(int width, int height, int side)
{
    int32_t ids[PIXELS_MAX];
    float target[SIDE_MAX * SIDE_MAX], weight[SIDE_MAX * SIDE_MAX];
    for (int i = 0; i < width * height; i++) {
        int draw = pattern_byte((uint64_t)(width * 1000 + i)) % 8;
        ids[i] = draw < 4 ? OBJECT : draw < 6 ? 0 : SCL_MASK_IGNORED;
    }
    scl_frame frame = scl_frame_make(width, height, side);
    scl_coverage(&frame, ids, OBJECT, target, weight);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            float wanted[2];
            expect(&frame, ids, y, x, &wanted[0], &wanted[1]);
            int i = y * side + x;
            if (weight[i] != wanted[1] || fabsf(target[i] - wanted[0]) > 1e-6f)
                fail_msg("%d x %d to %d: (%d, %d) is %g weighed %g, expected %g weighed %g", width,
                         height, side, x, y, (double)target[i], (double)weight[i],
                         (double)wanted[0], (double)wanted[1]);
        }
}

static void shares_equal_counting(void **state)
{
    (void)state;
    const int sizes[][3] = {{16, 16, 16}, {32, 32, 16}, {40, 40, 16}, {31, 23, 16}, {7, 11, 16},
                            {39, 13, 24}, {1, 1, 8},    {1, 40, 9},   {37, 40, 24}, {3, 2, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check(sizes[i][0], sizes[i][1], sizes[i][2]);
}

/* Halved, an edge between two pixels of the pair stays where it is: half covered. */
static void edges_stay_in_place(void **state)
{
    (void)state;
    const int32_t ids[4 * 4] = {0, OBJECT, OBJECT, OBJECT, 0, OBJECT, OBJECT, OBJECT,
                                0, 0,      0,      0,      0, 0,      0,      0};
    float target[4], weight[4];
    scl_frame frame = scl_frame_make(4, 4, 2);
    scl_coverage(&frame, ids, OBJECT, target, weight);
    const float wanted[4] = {0.5f, 1, 0, 0}, ones[4] = {1, 1, 1, 1};
    assert_memory_equal(target, wanted, sizeof wanted);
    assert_memory_equal(weight, ones, sizeof ones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_equal_counting),
        cmocka_unit_test(edges_stay_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
