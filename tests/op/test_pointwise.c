/* Functions that CPU devices compute by polynomials of ours, over their whole range: close to the
 * double reference everywhere, and NaN stays NaN, so that a training stops at it. */
#include "op/guarded.h"

#include "graph/ops.h"
#include "registry.h"

#define POINTS 40009 /* no multiple of a vector */

static const char *test_device(void)
{
    const char *name = getenv("SAMCL_TEST_DEVICE");
    return name != NULL ? name : "auto";
}

typedef scl_tensor *(*function)(scl_graph *g, scl_tensor *x);

/* y [2][POINTS]: the function's values and its derivative's. */
static void evaluate(const char *spec, function f, const float *x, float *y)
{
    scl_device *device = NULL;
    assert_ok(scl_device_open(spec, &device, &test_error));
    scl_graph *g = scl_graph_create(&test_error);
    scl_tensor *in = scl_parameter(g, "x", SCL_SHAPE(POINTS), (scl_init){0}, true);
    scl_tensor *out = f(g, in);
    assert_ok(scl_autodiff(g, scl_sum(g, out, 0, 1), &test_error));
    guarded_run run = guarded_open(device, g);
    guarded_write(&run, in, x);
    guarded_launch_all(&run);
    const scl_tensor *wanted[] = {out, in->grad};
    for (int i = 0; i < 2; i++) {
        float *values = guarded_read(&run, wanted[i]);
        memcpy(y + i * POINTS, values, POINTS * sizeof *y);
        free(values);
    }
    guarded_close(&run);
    scl_graph_free(g);
    scl_device_close(device);
}

/* |found - expected| <= absolute + relative |expected| on low .. high. */
static void check(const char *name, function f, float low, float high, double absolute,
                  double relative)
{
    float *x = malloc(5 * POINTS * sizeof *x), *found = x + POINTS, *expected = x + 3 * POINTS;
    for (int i = 0; i < POINTS; i++)
        x[i] = low + (high - low) * (float)i / (POINTS - 1);
    x[1] = NAN;
    x[POINTS - 1] = NAN;
    evaluate(test_device(), f, x, found);
    evaluate("reference", f, x, expected);
    for (int i = 0; i < 2 * POINTS; i++) {
        double want = (double)expected[i], got = (double)found[i];
        if (isnan(x[i % POINTS]) ? !isnan(got)
                                 : !(fabs(got - want) <= absolute + relative * fabs(want)))
            fail_msg("%s%s of %.9g is %.9g, expected %.9g", name, i < POINTS ? "" : ", derivative",
                     (double)x[i % POINTS], got, want);
    }
    free(x);
}

static void exp_is_right_to_the_last_digits(void **state)
{
    (void)state;
    check("exp", scl_exp, -86, 88, 0, 4e-7);
}

static void exp_vanishes_far_below_zero(void **state)
{
    (void)state;
    check("exp", scl_exp, -1e6f, -87, 2e-38, 0);
}

static void gelu_is_right_near_zero_and_in_its_tails(void **state)
{
    (void)state;
    check("gelu", scl_gelu, -1, 1, 1.2e-7, 4e-7);
    check("gelu", scl_gelu, -12, 12, 1.5e-7, 4e-7);
    check("gelu", scl_gelu, -1e4f, 1e4f, 2e-5, 4e-7);
}

static void sigmoid_and_softplus_are_right(void **state)
{
    (void)state;
    check("sigmoid", scl_sigmoid, -80, 80, 2e-7, 4e-7);
    check("softplus", scl_softplus, -80, 80, 2e-7, 4e-7);
}

static scl_tensor *power(scl_graph *g, scl_tensor *x)
{
    return scl_pow(g, x, 1.7f);
}

static void pow_is_right_from_zero_on(void **state)
{
    (void)state;
    check("pow", power, 0, 1, 1e-7, 2e-6);
    check("pow", power, 0, 1e4f, 0, 4e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_right_to_the_last_digits),
        cmocka_unit_test(exp_vanishes_far_below_zero),
        cmocka_unit_test(gelu_is_right_near_zero_and_in_its_tails),
        cmocka_unit_test(sigmoid_and_softplus_are_right),
        cmocka_unit_test(pow_is_right_from_zero_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
