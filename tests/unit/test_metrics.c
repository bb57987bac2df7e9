/* Dice, IoU and the confusion matrix, on masks whose values are counted by hand. */
#include "support.h"

#include "base/mem.h"
#include "eval/metrics.h"

#include <math.h>

#define assert_near(found, wanted)                                                                 \
    do {                                                                                           \
        double near_found = (found), near_wanted = (wanted);                                       \
        if (!(fabs(near_found - near_wanted) < 1e-12))                                             \
            fail_msg("%s: expected %.15g, found %.15g", #found, near_wanted, near_found);          \
    } while (0)

static void overlap_counts_pixels_that_count(void **state)
{
    (void)state;
    const uint8_t predicted[8] = {1, 255, 0, 0, 1, 1, 0, 1};
    const int32_t truth[8] = {7, 7, 7, 0, 0, -1, -1, 3};
    scl_overlap overlap = scl_overlap_count(predicted, truth, 7, 8);
    assert_int_equal(overlap.both, 2);
    assert_int_equal(overlap.predicted, 4);
    assert_int_equal(overlap.truth, 3);
    assert_near(scl_overlap_dice(overlap), 4.0 / 7.0);
    assert_near(scl_overlap_iou(overlap), 2.0 / 5.0);
}

static void empty_masks_agree(void **state)
{
    (void)state;
    assert_near(scl_overlap_dice((scl_overlap){0}), 1);
    assert_near(scl_overlap_iou((scl_overlap){0}), 1);
    assert_near(scl_overlap_dice((scl_overlap){.predicted = 3}), 0);
    assert_near(scl_overlap_iou((scl_overlap){.truth = 3}), 0);
}

static void mean_runs(void **state)
{
    (void)state;
    scl_average mean = {0};
    assert_true(isnan(scl_average_value(&mean)));
    scl_average_add(&mean, 1);
    scl_average_add(&mean, 0.5);
    scl_average_add(&mean, 0);
    assert_near(scl_average_value(&mean), 0.5);
}

/* Five classes: 3 is predicted but never true, 4 is nowhere. */
static void confusion_gives_iou_by_class(void **state)
{
    (void)state;
    const int32_t truth[10] = {0, 0, 0, 0, 1, 1, 1, 2, -1, -1};
    const int32_t found[10] = {0, 0, 0, 1, 1, 1, 2, 3, 0, 4};
    scl_confusion confusion;
    size_t absent = 0;
    assert_ok(scl_confusion_make(&confusion, 5, &test_error));
    assert_true(isnan(scl_confusion_miou(&confusion, &absent)));
    assert_int_equal(absent, 5);
    assert_true(isnan(scl_confusion_accuracy(&confusion)));
    scl_confusion_add(&confusion, found, truth, 4); /* in two parts, as images come */
    scl_confusion_add(&confusion, found + 4, truth + 4, 6);
    assert_int_equal(confusion.pixels[0 * 5 + 1], 1);
    assert_near(scl_confusion_iou(&confusion, 0), 3.0 / 4.0);
    assert_near(scl_confusion_iou(&confusion, 1), 2.0 / 4.0);
    assert_near(scl_confusion_iou(&confusion, 2), 0);
    assert_near(scl_confusion_iou(&confusion, 3), 0);
    assert_true(isnan(scl_confusion_iou(&confusion, 4)));
    assert_near(scl_confusion_miou(&confusion, &absent), (0.75 + 0.5) / 4);
    assert_int_equal(absent, 1);
    assert_near(scl_confusion_miou(&confusion, NULL), (0.75 + 0.5) / 4);
    assert_near(scl_confusion_accuracy(&confusion), 5.0 / 8.0);
    scl_confusion_free(&confusion);
}

static void impossible_matrix_is_refused(void **state)
{
    (void)state;
    scl_confusion confusion;
    scl_error err = {0};
    scl_alloc_fail_after(0);
    assert_fails(scl_confusion_make(&confusion, 3, &err), SCL_DEVICE, err, "confusion matrix");
    scl_alloc_fail_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlap_counts_pixels_that_count),
        cmocka_unit_test(empty_masks_agree),
        cmocka_unit_test(mean_runs),
        cmocka_unit_test(confusion_gives_iou_by_class),
        cmocka_unit_test(impossible_matrix_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
