/* The order of a mask's pixels: NaN, then falling values, and equal ones as they stood, whatever
 * the kernel; each row twice, as a sort that is not repeatable would make training so. */
#include "op/pair.h"

#include "graph/ops.h"
#include "registry.h"

/* Of a row; an interpreter of kernels gets fewer. */
static int pixels = 65536;

static const float hard[] = {0,      -0.0f,      INFINITY,   -INFINITY, NAN,
                             1e-45f, -1e-45f,    3.4e38f,    -3.4e38f,  1,
                             -1,     1.0000001f, 0.99999994f};

/* Random values of both signs and all sizes; each third one of a few that are often equal. */
static float *values_to_sort(void)
{
    float *x = random_values("order", 0, SCL_SHAPE(2, pixels), -30, 30);
    for (int i = 0; i < 2 * pixels; i++)
        x[i] = i % 3 == 0 ? hard[i / 3 % (int)(sizeof hard / sizeof *hard)]
                          : copysignf(exp2f(x[i]), i % 2 ? x[i] : -x[i]);
    return x;
}

static void check_row(const float *x, const int32_t *order)
{
    bool *seen = calloc((size_t)pixels, sizeof *seen);
    for (int i = 0; i < pixels; i++) {
        int32_t k = order[i], before = i > 0 ? order[i - 1] : -1;
        if (k < 0 || k >= pixels || seen[k])
            fail_msg("place %d has index %d, which is none or stands twice", i, (int)k);
        seen[k] = true;
        float a = before >= 0 ? x[before] : NAN, b = x[k];
        bool equal = (isnan(a) && isnan(b)) || a == b;
        if (before >= 0 && !(equal ? before < k : isnan(a) || a > b))
            fail_msg("value %d, %g, stands before value %d, %g", (int)before, (double)a, (int)k,
                     (double)b);
    }
    free(seen);
}

static void check_order(const char *variant)
{
    char spec[256];
    scl_device *device = NULL;
    float *x = values_to_sort();
    snprintf(spec, sizeof spec, "%s%s", test_device_name(), variant);
    assert_ok(scl_device_open(spec, &device, &test_error));
    scl_graph *g = scl_graph_create(&test_error);
    scl_tensor *in = scl_input(g, "x", SCL_F32, SCL_SHAPE(2, pixels));
    scl_tensor *order = scl_argsort(g, in), *again = scl_argsort(g, in);
    guarded_run run = guarded_open(device, g);
    guarded_write(&run, in, x);
    guarded_launch_all(&run);
    float *first = guarded_read(&run, order), *second = guarded_read(&run, again);
    assert_memory_equal(first, second, 2 * (size_t)pixels * sizeof *first);
    for (int row = 0; row < 2; row++)
        check_row(x + row * pixels, (const int32_t *)(const void *)first + row * pixels);
    guarded_close(&run);
    scl_graph_free(g);
    scl_device_close(device);
    free(first);
    free(second);
    free(x);
}

static void pixels_are_in_their_order(void **state)
{
    (void)state;
    check_order("");
}

static void pixels_are_in_their_order_on_gpus(void **state)
{
    (void)state;
    check_order("+generic");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_in_their_order),
        cmocka_unit_test(pixels_are_in_their_order_on_gpus),
    };
    if (test_is_checked())
        pixels = 4096;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
