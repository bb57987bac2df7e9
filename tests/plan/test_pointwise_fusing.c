/* Programs of elementwise ops: the values of the plain graph bit for bit, in fewer nodes and no
 * more memory. */
#include "support.h"

#include "base/rng.h"
#include "graph/ops.h"
#include "graph/pointwise.h"
#include "graph/prefix.h"
#include "graph/schedule.h"
#include "plan/workplace.h"

#include <math.h>
#include <stdlib.h>

/* ---- running */

static bool is_read(const scl_graph *g, const scl_tensor *tensor)
{
    for (size_t n = 0; n < g->node_count; n++)
        for (int i = 0; i < g->nodes[n]->input_count; i++)
            if (g->nodes[n]->inputs[i] == tensor)
                return true;
    return false;
}

static void write_leaves(scl_schedule *schedule, const scl_graph *g)
{
    for (size_t i = 0; i < g->tensor_count; i++) {
        const scl_tensor *t = g->tensors[i];
        size_t count = (size_t)scl_shape_count(t->shape);
        float *values = malloc(count * sizeof *values);
        scl_rng rng = scl_rng_make(5, "leaf", i, 0);
        for (size_t k = 0; k < count; k++)
            values[k] = 0.1f + (float)scl_rng_uniform(&rng);
        if (t->kind == SCL_TENSOR_INPUT && is_read(g, t))
            assert_ok(scl_schedule_write(schedule, t, 0, values, count, &test_error));
        free(values);
    }
}

/* The values of `wanted`, one behind another; free with free. */
static float *run(const scl_graph *g, scl_tensor *const *wanted, size_t count, size_t *peak)
{
    scl_plan *plan = NULL;
    scl_schedule *schedule = NULL;
    size_t total = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        total += (size_t)scl_shape_count(wanted[i]->shape);
    float *values = malloc((total + 1) * sizeof *values);
    assert_ok(scl_plan_create(g, g->nodes, g->node_count, device, &plan, &test_error));
    assert_ok(scl_schedule_create(plan, store, &schedule, &test_error));
    write_leaves(schedule, g);
    assert_ok(scl_schedule_run(schedule, 0, g->node_count, &test_error));
    for (size_t i = 0; i < count; i++) {
        size_t size = (size_t)scl_shape_count(wanted[i]->shape);
        assert_ok(scl_schedule_read(schedule, wanted[i], 0, values + at, size, &test_error));
        at += size;
    }
    *peak = plan->arena_bytes;
    scl_schedule_free(schedule);
    scl_plan_free(plan);
    return values;
}

static int count_programs(const scl_graph *g, int64_t elements)
{
    int count = 0;
    for (size_t i = 0; i < g->node_count; i++)
        count += g->nodes[i]->op == SCL_OP_POINTWISE &&
                 (elements == 0 || scl_pointwise_elements(g->nodes[i]->program) == elements);
    return count;
}

typedef struct built {
    scl_graph *graph;
    scl_tensor *wanted[64];
    size_t count;
    size_t first; /* the first node that may become a part of a program */
} built;

/* Builds twice, fuses one of them, and compares; the caller frees the fused one. */
static built check(built (*build)(int n), int n, bool no_larger)
{
    built plain = build(n), fused = build(n);
    size_t peak, fused_peak, values = 0;
    assert_ok(scl_graph_status(plain.graph, &test_error));
    assert_ok(
        scl_graph_fuse_pointwise(fused.graph, fused.first, fused.graph->node_count, &test_error));
    float *expected = run(plain.graph, plain.wanted, plain.count, &peak);
    float *found = run(fused.graph, fused.wanted, fused.count, &fused_peak);
    for (size_t i = 0; i < plain.count; i++)
        values += (size_t)scl_shape_count(plain.wanted[i]->shape);
    for (size_t i = 0; i < values; i++)
        assert_true(isfinite(expected[i]));
    assert_memory_equal(found, expected, values * sizeof *found);
    assert_true(fused_peak <= peak || !no_larger);
    free(expected);
    free(found);
    scl_graph_free(plain.graph);
    return fused;
}

static void want(built *b, scl_tensor *tensor)
{
    assert_non_null(tensor);
    tensor->keep = true;
    b->wanted[b->count++] = tensor;
}

/* ---- losses listed together */

#define MASKS 3
#define SIDE  9

static scl_tensor *mean_over(scl_graph *g, scl_tensor *x, scl_tensor *w)
{
    scl_tensor *total = scl_sum(g, scl_mul(g, x, w), 1, 3);
    return scl_safe_div(g, total, scl_sum(g, w, 1, 3));
}

/* `n` losses, of two kinds, with their gradients. */
static built losses(int n)
{
    built b = {.graph = scl_graph_create(&test_error)};
    scl_graph *g = b.graph;
    scl_shape shape = SCL_SHAPE(MASKS, 1, SIDE, SIDE);
    scl_tensor *scale = scl_parameter(g, "scale", SCL_SHAPE(1), (scl_init){SCL_INIT_ONES, 1}, true);
    scl_tensor *x = scl_mul(g, scl_input(g, "x", SCL_F32, shape), scale);
    x->keep = true;
    b.first = g->node_count;
    scl_tensor *t = scl_input(g, "t", SCL_F32, shape), *w = scl_input(g, "w", SCL_F32, shape);
    scl_tensor *total = NULL;
    for (int i = 0; i < n; i++) {
        scl_tensor *p = scl_sigmoid(g, scl_affine(g, x, 1 + 0.1f * (float)(i / 2), 0));
        scl_tensor *both = scl_sum(g, scl_mul(g, scl_mul(g, p, t), w), 1, 3);
        scl_tensor *areas = scl_sum(g, scl_mul(g, scl_add(g, p, t), w), 1, 3);
        scl_tensor *pixels = scl_sub(g, scl_softplus(g, x), scl_mul(g, x, t));
        scl_tensor *value = i % 2 == 0 ? mean_over(g, scl_mul(g, pixels, p), w)
                                       : scl_div(g, both, scl_affine(g, areas, 1, 1));
        scl_tensor *part = scl_sum(g, scl_reshape(g, value, SCL_SHAPE(MASKS)), 0, 1);
        total = total == NULL ? part : scl_add(g, total, scl_affine(g, part, 0.5f, 0));
        if (i < 8)
            want(&b, part);
    }
    want(&b, total);
    assert_ok(scl_autodiff(g, total, &test_error));
    want(&b, scale->grad);
    return b;
}

static void losses_are_one_pass_and_their_gradients_another(void **state)
{
    (void)state;
    for (int n = 1; n <= 5; n++) {
        built b = check(losses, n, true);
        assert_int_equal(count_programs(b.graph, MASKS * SIDE * SIDE), 2);
        assert_true(b.graph->node_count < 14);
        scl_graph_free(b.graph);
    }
}

static void more_losses_than_fit_are_several_passes(void **state)
{
    (void)state;
    built b = check(losses, 60, true);
    assert_true(count_programs(b.graph, MASKS * SIDE * SIDE) > 2);
    scl_graph_free(b.graph);
}

/* ---- any graph */

static uint64_t below(scl_rng *rng, uint64_t end)
{
    return (uint64_t)(scl_rng_uniform(rng) * (double)end);
}

static scl_tensor *random_node(scl_graph *g, scl_rng *rng, scl_tensor *a, scl_tensor *b)
{
    scl_shape flat = SCL_SHAPE(scl_shape_count(a->shape)), column = flat;
    column = SCL_SHAPE(flat.dim[0], 1);
    switch (below(rng, 14)) {
    case 0:
        return scl_sigmoid(g, a);
    case 1:
        return scl_affine(g, a, 0.5f, 0.25f);
    case 2:
        return scl_tanh(g, a);
    case 3:
        return scl_reshape(g, a, below(rng, 2) == 0 ? flat : column);
    case 4:
        return scl_sum(g, a, 0, 1);
    case 5:
        return scl_affine(g, scl_sum(g, a, -1, 1), 0.1f, 0);
    case 6:
        return scl_affine(g, scl_sum(g, a, 0, a->shape.ndim), 0.05f, 0);
    case 7:
        return scl_softmax(g, a, -1);
    case 8:
        return scl_maximum(g, a, b);
    case 9:
        return scl_broadcast(g, a, SCL_SHAPE(2, 3, 1, 4));
    case 10:
        return scl_stop_gradient(g, scl_mul(g, a, b));
    default:
        return scl_mul(g, scl_add(g, a, b), scl_scalar(g, 0.4f));
    }
}

static bool fits(scl_shape a, scl_shape b)
{
    int64_t count = 1;
    for (int i = 1; i <= SCL_MAX_DIMS; i++) {
        int64_t x = i <= a.ndim ? a.dim[a.ndim - i] : 1, y = i <= b.ndim ? b.dim[b.ndim - i] : 1;
        if (x != y && x != 1 && y != 1)
            return false;
        count *= x > y ? x : y;
    }
    return count <= 4096;
}

static bool broadcasts(scl_shape a)
{
    const int64_t wide[4] = {2, 3, 1, 4};
    for (int i = 1; i <= a.ndim && i <= 4; i++)
        if (a.dim[a.ndim - i] != 1 && a.dim[a.ndim - i] != wide[4 - i])
            return false;
    return a.ndim <= 4;
}

static built random_graph(int seed)
{
    built b = {.graph = scl_graph_create(&test_error)};
    scl_rng rng = scl_rng_make((uint64_t)seed, "graph", 0, 0);
    scl_tensor *pool[96];
    size_t count = 0;
    pool[count++] = scl_input(b.graph, "a", SCL_F32, SCL_SHAPE(2, 3, 1, 4));
    pool[count++] = scl_input(b.graph, "b", SCL_F32, SCL_SHAPE(2, 1, 1, 4));
    pool[count++] = scl_input(b.graph, "c", SCL_F32, SCL_SHAPE(3, 1, 1));
    pool[count++] = scl_input(b.graph, "d", SCL_F32, SCL_SHAPE(2, 3, 1, 4));
    while (count < 40) {
        size_t late = count > 12 && below(&rng, 2) == 0 ? count - 8 : 0;
        scl_tensor *x = pool[late + below(&rng, count - late)], *y = pool[below(&rng, count)];
        if (!fits(x->shape, y->shape) || x->shape.ndim > 4 || !broadcasts(x->shape))
            y = x;
        if (x->shape.ndim > 4 || !broadcasts(x->shape))
            x = y = pool[3];
        pool[count++] = random_node(b.graph, &rng, x, y);
        assert_non_null(pool[count - 1]);
    }
    for (size_t i = 4; i < count; i++)
        if (pool[i]->kind == SCL_TENSOR_RESULT && !pool[i]->keep && below(&rng, 6) == 0)
            want(&b, pool[i]);
    want(&b, scl_tanh(b.graph, pool[count - 1]));
    return b;
}

static void any_graph_keeps_its_values(void **state)
{
    (void)state;
    int programs = 0;
    for (int seed = 0; seed < 400; seed++) {
        built b = check(random_graph, seed, false);
        programs += count_programs(b.graph, 0);
        scl_graph_free(b.graph);
    }
    assert_true(programs > 800);
}

/* ---- rules */

/* exp of one product's result (n: 0), or of two (1), that nothing else keeps; or that are kept (2).
 */
static built of_products(int n)
{
    built b = {.graph = scl_graph_create(&test_error)};
    scl_graph *g = b.graph;
    scl_tensor *x = scl_input(g, "x", SCL_F32, SCL_SHAPE(8, 6));
    scl_tensor *w = scl_input(g, "w", SCL_F32, SCL_SHAPE(6, 16));
    scl_tensor *y = scl_matmul(g, x, w, false, false, 1), *z = y;
    if (n > 0)
        z = scl_matmul(g, x, scl_input(g, "v", SCL_F32, SCL_SHAPE(6, 16)), false, false, 1);
    y->keep = z->keep = n == 2;
    scl_tensor *e = scl_exp(g, scl_affine(g, scl_mul(g, y, z), 0.1f, 0));
    want(&b, scl_mul(g, e, scl_sum(g, e, 0, 2)));
    return b;
}

static int outputs_of_first_program(const scl_graph *g)
{
    for (size_t i = 0; i < g->node_count; i++)
        if (g->nodes[i]->op == SCL_OP_POINTWISE)
            return g->nodes[i]->output_count;
    return 0;
}

static void values_are_made_again_only_from_what_is_there(void **state)
{
    (void)state;
    const int outputs[] = {1, 2, 1}; /* the sum, and what can't be made again */
    for (int n = 0; n < 3; n++) {
        built b = check(of_products, n, n != 1); /* with two dying inputs a sum is one more */
        assert_int_equal(outputs_of_first_program(b.graph), outputs[n]);
        scl_graph_free(b.graph);
    }
}

static scl_graph *two_steps(float scale, bool fused)
{
    scl_graph *g = scl_graph_create(&test_error);
    scl_tensor *x = scl_input(g, "x", SCL_F32, SCL_SHAPE(8, 6));
    scl_tensor *w = scl_parameter(g, "w", SCL_SHAPE(4, 6), (scl_init){SCL_INIT_ONES, 1}, false);
    scl_tensor *y = scl_exp(g, scl_affine(g, x, scale, 0));
    scl_linear(g, y, w, NULL, 1)->keep = true;
    if (fused)
        assert_ok(scl_graph_fuse_pointwise(g, 0, g->node_count, &test_error));
    return g;
}

static scl_hash128 signature(float scale)
{
    scl_graph *g = two_steps(scale, true);
    scl_split split;
    assert_int_equal(count_programs(g, 0), 1);
    assert_ok(scl_graph_split(g, g->tensors[0], NULL, &split, &test_error));
    assert_int_equal(split.prefix_count, 2);
    scl_hash128 hash = split.signature;
    scl_split_free(&split);
    scl_graph_free(g);
    return hash;
}

static void a_prefix_is_signed_by_its_programs(void **state)
{
    (void)state;
    scl_hash128 a = signature(0.5f), b = signature(0.5f), c = signature(0.25f);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    int failures = 0;
    for (long n = 0;; n++) {
        built b = losses(4);
        scl_error err = {0};
        scl_alloc_fail_after(n);
        scl_status status = scl_graph_fuse_pointwise(b.graph, b.first, b.graph->node_count, &err);
        scl_alloc_fail_after(-1);
        scl_graph_free(b.graph);
        if (status == SCL_OK)
            break;
        assert_int_equal(status, SCL_DEVICE);
        failures++;
    }
    assert_true(failures > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_one_pass_and_their_gradients_another),
        cmocka_unit_test(more_losses_than_fit_are_several_passes),
        cmocka_unit_test(any_graph_keeps_its_values),
        cmocka_unit_test(values_are_made_again_only_from_what_is_there),
        cmocka_unit_test(a_prefix_is_signed_by_its_programs),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, open_reference, close_device);
}
