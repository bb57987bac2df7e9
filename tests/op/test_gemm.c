/* Matrix products with all that is folded into them, on OpenCL against the double reference between
 * guards: odd sizes, several slices of the depth, tiles at every edge. */
#include "op/guarded.h"

#include "base/rng.h"
#include "graph/ops.h"
#include "registry.h"

typedef struct shape {
    int64_t batch, m, n, k;
} shape;

/* The packed kernels take slices of 384 and blocks of up to 192 rows, and activate 256 columns at a
 * time; below 9 rows W is read in place, below 193 rows B is. */
static const shape shapes[] = {{1, 13, 35, 7},   {2, 65, 33, 49},   {1, 5, 37, 401},
                               {2, 23, 37, 413}, {2, 197, 67, 405}, {1, 205, 40, 1161},
                               {3, 24, 64, 32},  {1, 14, 613, 9},   {1, 1, 1, 1}};

static float *random_values(const char *purpose, size_t count)
{
    scl_rng rng = scl_rng_make(3, purpose, 0, 0);
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = 2 * (float)scl_rng_uniform(&rng) - 1;
    return values;
}

static scl_tensor *input(scl_graph *g, const char *name, scl_shape size)
{
    return scl_parameter(g, name, size, (scl_init){0}, false);
}

/* What fuse.h makes of a product, its bias, and what comes after it. */
static scl_tensor *build(scl_graph *g, shape s, int form, int32_t act, bool residual)
{
    bool ta = form == 2, tb = form == 0;
    scl_tensor *a = input(g, "a", ta ? SCL_SHAPE(s.batch, s.k, s.m) : SCL_SHAPE(s.batch, s.m, s.k));
    scl_tensor *b = input(g, "b", tb ? SCL_SHAPE(s.batch, s.n, s.k) : SCL_SHAPE(s.batch, s.k, s.n));
    scl_tensor *y = scl_matmul(g, a, b, ta, tb, 0.75f);
    scl_node *node = y->producer;
    node->inputs[2] = residual ? input(g, "bias", SCL_SHAPE(s.n)) : NULL;
    node->inputs[3] = residual ? input(g, "residual", SCL_SHAPE(s.batch, s.m, s.n)) : NULL;
    node->attr.gemm.act = act;
    return y;
}

static float *run(scl_device *device, const scl_graph *g, const scl_tensor *y)
{
    guarded_run r = guarded_open(device, g);
    for (size_t i = 0; i < g->tensor_count; i++) {
        const scl_tensor *tensor = g->tensors[i];
        if (tensor->kind != SCL_TENSOR_PARAM)
            continue;
        float *values = random_values(tensor->name, (size_t)scl_shape_count(tensor->shape));
        guarded_write(&r, tensor, values);
        free(values);
    }
    guarded_launch_all(&r);
    float *result = guarded_read(&r, y);
    guarded_close(&r);
    return result;
}

static void check(scl_device *device, scl_device *reference, shape s, int form, int32_t act,
                  bool residual)
{
    scl_graph *g = scl_graph_create(&test_error);
    scl_tensor *y = build(g, s, form, act, residual);
    assert_ok(scl_graph_status(g, &test_error));
    float *found = run(device, g, y), *expected = run(reference, g, y);
    double largest = 1e-3;
    size_t count = (size_t)scl_shape_count(y->shape);
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)found[i] - (double)expected[i]) <= 2e-6 * largest))
            fail_msg("batch %d, %d x %d x %d, form %d, act %d, residual %d: element %zu is %.9g, "
                     "expected %.9g",
                     (int)s.batch, (int)s.m, (int)s.n, (int)s.k, form, act, residual, i,
                     (double)found[i], (double)expected[i]);
    free(found);
    free(expected);
    scl_graph_free(g);
}

static void check_all(const char *suffix)
{
    const char *name = getenv("SAMCL_TEST_DEVICE");
    char spec[256];
    snprintf(spec, sizeof spec, "%s%s", name != NULL ? name : "auto", suffix);
    scl_device *device = NULL, *reference = NULL;
    assert_ok(scl_device_open(spec, &device, &test_error));
    assert_ok(scl_device_open("reference", &reference, &test_error));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int form = 0; form < 3; form++)
            for (int32_t act = SCL_ACT_NONE; act <= SCL_ACT_GELU_BACKWARD; act++)
                for (int residual = scl_act_is_backward(act); residual < 2; residual++)
                    check(device, reference, shapes[i], form, act, residual != 0);
    scl_device_close(device);
    scl_device_close(reference);
}

static void products_agree_with_the_reference(void **state)
{
    (void)state;
    check_all("");
}

static void products_agree_with_vectors_of_4_and_8(void **state)
{
    (void)state;
    check_all("+width4+shallow");
    check_all("+width8+shallow");
}

static void generic_products_agree_with_the_reference(void **state)
{
    (void)state;
    check_all("+generic");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_agree_with_the_reference),
        cmocka_unit_test(products_agree_with_vectors_of_4_and_8),
        cmocka_unit_test(generic_products_agree_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
