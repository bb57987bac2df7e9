/* Functions that CPU devices compute by polynomials of ours, over their whole range: close to the
 * double reference everywhere, and NaN stays NaN, so that a training stops at it. */
#include "kept_device.h"
#include "op/pair.h"

#include "graph/ops.h"

#define POINTS 40009 /* no multiple of a vector */

typedef scl_tensor *(*function)(scl_graph *g, scl_tensor *x);

/* |found - expected| <= absolute + relative |expected| for y at every x. */
static void compare(pair *p, const char *what, const float *x, const scl_tensor *y, double absolute,
                    double relative)
{
    float *found = guarded_read(&p->found, y), *expected = guarded_read(&p->expected, y);
    for (int i = 0; i < POINTS; i++) {
        double want = (double)expected[i], got = (double)found[i];
        if (isnan(x[i]) ? !isnan(got) : !(fabs(got - want) <= absolute + relative * fabs(want)))
            fail_msg("%s of %.9g is %.9g, expected %.9g", what, (double)x[i], got, want);
    }
    free(found);
    free(expected);
}

/* The function and its derivative on low .. high. */
static void check(const char *name, function f, float low, float high, double absolute,
                  double relative)
{
    static float x[POINTS];
    char derivative[64];
    snprintf(derivative, sizeof derivative, "%s's derivative", name);
    for (int i = 0; i < POINTS; i++)
        x[i] = low + (high - low) * (float)i / (POINTS - 1);
    x[1] = x[POINTS - 1] = NAN;
    scl_graph *g = scl_graph_create(&test_error);
    scl_tensor *in = scl_parameter(g, "x", SCL_SHAPE(POINTS), (scl_init){0}, true);
    scl_tensor *out = f(g, in);
    assert_ok(scl_autodiff(g, scl_sum(g, out, 0, 1), &test_error));
    pair p = pair_open("");
    pair_begin(&p, g);
    pair_write(&p, in, x);
    pair_launch(&p);
    compare(&p, name, x, out, absolute, relative);
    compare(&p, derivative, x, in->grad, absolute, relative);
    pair_end(&p);
    pair_close(&p);
    scl_graph_free(g);
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
    keep_device_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
