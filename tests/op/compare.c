/* See compare.h. SAMCL_TEST_DEVICE names the device, SAMCL_TEST_CASE a single case. */
#include "op/compare.h"

#include "base/rng.h"
#include "base/str.h"
#include "graph/fuse.h"
#include "registry.h"

static float *random_values(const char *purpose, int index, size_t count, float low, float high)
{
    scl_rng rng = scl_rng_make(11, purpose, (uint64_t)index, 0);
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = low + (high - low) * (float)scl_rng_uniform(&rng);
    return values;
}

static void fuse(scl_graph *graph)
{
    size_t before = graph->node_count;
    assert_ok(scl_graph_fuse(graph, &test_error));
    assert_true(graph->node_count < before);
}

built_case build_case(const op_case *c)
{
    built_case b = {.graph = scl_graph_create(&test_error)};
    for (; b.inputs < CASE_INPUTS && c->shapes[b.inputs].ndim > 0; b.inputs++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", b.inputs);
        b.x[b.inputs] = scl_parameter(b.graph, name, c->shapes[b.inputs], (scl_init){0}, true);
    }
    b.y = c->build(b.graph, b.x, c->n);
    assert_ok(scl_graph_status(b.graph, &test_error));
    size_t count = (size_t)scl_shape_count(b.y->shape);
    float *weights = random_values("weights", 0, count, -1, 1);
    scl_tensor *weighted = scl_mul(b.graph, b.y, scl_constant(b.graph, weights, b.y->shape));
    b.loss = scl_reshape(b.graph, scl_sum(b.graph, weighted, 0, b.y->shape.ndim), SCL_SHAPE(1));
    free(weights);
    b.forward_nodes = b.graph->node_count;
    assert_ok(scl_autodiff(b.graph, b.loss, &test_error));
    if (c->fused)
        fuse(b.graph);
    return b;
}

void write_inputs(guarded_run *run, const op_case *c, const built_case *b)
{
    bool given = c->low != 0 || c->high != 0;
    for (int i = 0; i < b->inputs; i++) {
        size_t count = (size_t)scl_shape_count(b->x[i]->shape);
        float *values = random_values(c->name, i, count, given ? c->low : -1, given ? c->high : 1);
        guarded_write(run, b->x[i], values);
        free(values);
    }
}

static void compare(const op_case *c, const char *what, const float *found, const float *expected,
                    size_t count)
{
    double tolerance = c->tolerance > 0 ? c->tolerance : 2e-6, largest = 1e-30, worst = 0;
    size_t worst_at = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    for (size_t i = 0; i < count; i++) {
        double error = fabs((double)found[i] - (double)expected[i]);
        if (!(error <= worst)) {
            worst = error;
            worst_at = i;
        }
    }
    if (!(worst <= tolerance * largest))
        fail_msg("%s, %s: element %zu is %.9g, expected %.9g (largest %.3g, error %.1e)", c->name,
                 what, worst_at, (double)found[worst_at], (double)expected[worst_at], largest,
                 worst / largest);
}

static void compare_tensor(const op_case *c, const char *what, guarded_run *found,
                           guarded_run *expected, const scl_tensor *tensor)
{
    float *f = guarded_read(found, tensor), *e = guarded_read(expected, tensor);
    compare(c, what, f, e, (size_t)scl_shape_count(tensor->shape));
    free(f);
    free(e);
}

static void check_case(const op_case *c, scl_device *device, scl_device *reference)
{
    built_case b = build_case(c);
    guarded_run found = guarded_open(device, b.graph), expected = guarded_open(reference, b.graph);
    write_inputs(&found, c, &b);
    write_inputs(&expected, c, &b);
    guarded_launch_all(&found);
    guarded_launch_all(&expected);
    compare_tensor(c, "y", &found, &expected, b.y);
    for (int i = 0; i < b.inputs; i++) {
        char what[24];
        snprintf(what, sizeof what, "dx%d", i);
        if (b.x[i]->grad != NULL)
            compare_tensor(c, what, &found, &expected, b.x[i]->grad);
    }
    guarded_close(&found);
    guarded_close(&expected);
    scl_graph_free(b.graph);
}

static const char *test_device(void)
{
    const char *name = getenv("SAMCL_TEST_DEVICE");
    return name != NULL ? name : "auto";
}

bool is_chosen(const op_case *c)
{
    const char *only = getenv("SAMCL_TEST_CASE");
    return only != NULL ? strcmp(only, c->name) == 0 : !(c->large && test_is_checked());
}

/* A checker takes a buffer for written when another one in its place was, even a released one; a
 * device of its own gives each case fresh places. */
static void check_all(const char *spec)
{
    scl_device *device = NULL, *reference = NULL;
    assert_ok(scl_device_open(spec, &device, &test_error));
    assert_ok(scl_device_open("reference", &reference, &test_error));
    for (int i = 0; i < op_case_count; i++) {
        bool foreign = op_cases[i].product && scl_ends_with(spec, "+generic");
        if (!is_chosen(&op_cases[i]) || (foreign && test_is_checked()))
            continue;
        if (test_is_checked()) {
            scl_device_close(device);
            assert_ok(scl_device_open(spec, &device, &test_error));
        }
        check_case(&op_cases[i], device, reference);
        assert_int_equal(device->bytes_in_use, 0);
    }
    scl_device_close(device);
    scl_device_close(reference);
}

void check_variant(const char *variant)
{
    char spec[256];
    snprintf(spec, sizeof spec, "%s%s", test_device(), variant);
    check_all(spec);
}
