/* What runs again for the gradients: less memory, the same bits. */
#include "support.h"

#include "graph/fuse.h"
#include "graph/ops.h"
#include "graph/prefix.h"
#include "graph/recompute.h"
#include "graph/schedule.h"
#include "plan/workplace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS   48
#define WIDTH  32
#define HIDDEN 96
#define DEPTH  6

/* A transformer's MLP blocks with their gradients, and the pass that a step is. */
typedef struct trained {
    scl_graph *graph;
    scl_tensor *input, *loss;
    scl_tensor *watched[2]; /* gradients of a weight of the first trained block and of the last */
    scl_split split;
    scl_pass pass;
} trained;

static scl_tensor *weight(trained *t, int block, const char *name, scl_shape shape, bool train)
{
    char text[64];
    snprintf(text, sizeof text, "blocks.%d.%s", block, name);
    scl_init init = {shape.ndim == 1 ? SCL_INIT_ONES : SCL_INIT_UNIFORM, 0.25f};
    return scl_parameter(t->graph, text, shape, init, train);
}

static scl_tensor *block(trained *t, int i, scl_tensor *x, bool train)
{
    scl_graph *g = t->graph;
    scl_tensor *scale = weight(t, i, "scale", SCL_SHAPE(WIDTH), train);
    scl_tensor *y =
        scl_layer_norm(g, x, scale, weight(t, i, "shift", SCL_SHAPE(WIDTH), train), 1e-5f);
    scl_tensor *first = weight(t, i, "first", SCL_SHAPE(HIDDEN, WIDTH), train);
    y = scl_gelu(g, scl_linear(g, y, first, weight(t, i, "bias", SCL_SHAPE(HIDDEN), train), 1));
    scl_tensor *second = weight(t, i, "second", SCL_SHAPE(WIDTH, HIDDEN), train);
    return scl_add(g, x, scl_linear(g, y, second, NULL, 1));
}

/* The blocks before `frozen` are not trained. */
static trained build(int frozen)
{
    trained t = {.graph = scl_graph_create(&test_error)};
    scl_graph *g = t.graph;
    t.input = scl_input(g, "input", SCL_F32, SCL_SHAPE(ROWS, WIDTH));
    scl_tensor *x = t.input;
    for (int i = 0; i < DEPTH; i++)
        x = block(&t, i, x, i >= frozen);
    t.loss = scl_reshape(g, scl_mean(g, scl_mul(g, x, x), 0, 2), SCL_SHAPE(1));
    t.loss->keep = true;
    assert_ok(scl_autodiff(g, t.loss, &test_error));
    for (int i = 0; i < 2; i++) {
        t.watched[i] =
            weight(&t, i == 0 ? frozen : DEPTH - 1, "first", SCL_SHAPE(HIDDEN, WIDTH), true)->grad;
        t.watched[i]->keep = true;
    }
    assert_ok(scl_graph_fuse(g, &test_error));
    assert_ok(scl_graph_split(g, NULL, NULL, &t.split, &test_error));
    t.pass = (scl_pass){.nodes = t.split.live,
                        .count = t.split.live_count,
                        .first = t.split.once_count,
                        .backward = t.split.once_count};
    while (t.pass.nodes[t.pass.backward]->id <= t.loss->base->producer->id)
        t.pass.backward++;
    return t;
}

static void discard(trained *t)
{
    scl_split_free(&t->split);
    scl_graph_free(t->graph);
}

typedef struct result {
    float loss;
    float grads[2][HIDDEN * WIDTH];
} result;

static void run(const trained *t, scl_node *const *nodes, size_t count, result *r, size_t *arena)
{
    float input[ROWS * WIDTH];
    scl_plan *plan = NULL;
    scl_schedule *schedule = NULL;
    assert_ok(scl_plan_create(t->graph, nodes, count, device, &plan, &test_error));
    assert_ok(scl_schedule_create(plan, store, &schedule, &test_error));
    for (int i = 0; i < ROWS * WIDTH; i++)
        input[i] = (float)(i * 37 % 101) / 50 - 1;
    assert_ok(scl_schedule_write(schedule, t->input, 0, input, ROWS * WIDTH, &test_error));
    assert_ok(scl_schedule_run(schedule, 0, count, &test_error));
    assert_ok(scl_schedule_read(schedule, t->loss, 0, &r->loss, 1, &test_error));
    for (int i = 0; i < 2; i++)
        assert_ok(scl_schedule_read(schedule, t->watched[i], 0, r->grads[i], HIDDEN * WIDTH,
                                    &test_error));
    *arena = plan->arena_bytes;
    assert_true(plan->live_bytes <= plan->arena_bytes);
    scl_schedule_free(schedule);
    scl_plan_free(plan);
}

static void run_towards(int frozen, scl_recompute_goal goal, scl_recompute *again, result *r,
                        size_t *arena)
{
    trained t = build(frozen);
    assert_ok(scl_recompute_choose(t.graph, &t.pass, device, goal, again, &test_error));
    for (size_t i = 0; i < t.pass.backward; i++)
        assert_ptr_equal(again->nodes[i], t.pass.nodes[i]);
    for (size_t i = 0; i < t.pass.count; i++)
        assert_int_equal(again->nodes[again->places[i]]->op, t.pass.nodes[i]->op);
    run(&t, again->nodes, again->count, r, arena);
    discard(&t);
}

static void run_within(int frozen, size_t budget, scl_recompute *again, result *r, size_t *arena)
{
    run_towards(frozen, (scl_recompute_goal){.bytes = budget}, again, r, arena);
}

static size_t plain(int frozen, result *r)
{
    size_t arena;
    trained t = build(frozen);
    run(&t, t.pass.nodes, t.pass.count, r, &arena);
    discard(&t);
    return arena;
}

static void less_memory_has_the_same_bits(void **state)
{
    (void)state;
    static result whole, r;
    size_t most = plain(0, &whole), again_before = 0, least = most;
    assert_true(isfinite(whole.loss) && whole.loss > 0 && fabsf(whole.grads[0][5]) > 0);
    for (int tenths = 10; tenths >= 0; tenths--) {
        scl_recompute again = {0};
        size_t arena, budget = most * (size_t)tenths / 10;
        run_within(0, budget, &again, &r, &arena);
        assert_memory_equal(&r, &whole, sizeof r);
        assert_true(again.live_bytes <= budget || tenths < 6);
        assert_true(again.again_count >= again_before);
        assert_true((again.again_count > 0) == (again.work > 0));
        again_before = again.again_count;
        least = arena < least ? arena : least;
        scl_recompute_free(&again);
    }
    assert_true(again_before >= 2 * DEPTH);
    assert_true(least < most * 6 / 10);
}

static void enough_memory_runs_nothing_again(void **state)
{
    (void)state;
    static result whole, r;
    size_t arena, most = plain(0, &whole);
    scl_recompute again = {0};
    run_within(0, most, &again, &r, &arena);
    assert_int_equal(again.again_count, 0);
    assert_int_equal(again.step_count, 0);
    assert_int_equal(arena, most);
    scl_recompute_free(&again);
}

static void spare_work_is_spent_but_no_more(void **state)
{
    (void)state;
    static result whole, r;
    size_t arena, most = plain(0, &whole), before = most;
    for (int percent = 5; percent <= 20; percent += 5) {
        scl_recompute again = {0};
        scl_recompute_goal goal = {.bytes = SIZE_MAX, .spare_work = percent / 100.0};
        run_towards(0, goal, &again, &r, &arena);
        assert_memory_equal(&r, &whole, sizeof r);
        assert_true(again.work > 0 && again.work <= goal.spare_work);
        assert_true(again.live_bytes < before);
        before = again.live_bytes;
        scl_recompute_free(&again);
    }
}

static void each_choice_makes_it_smaller_and_cheap_ones_come_first(void **state)
{
    (void)state;
    static result r;
    size_t arena;
    scl_recompute again = {0};
    run_within(0, 0, &again, &r, &arena);
    assert_true(again.step_count >= 2 * DEPTH);
    for (size_t i = 0; i < DEPTH; i++) /* no product of matrices yet */
        assert_int_not_equal(again.steps[i].op, SCL_OP_GEMM);
    for (size_t i = 1; i < again.step_count; i++) {
        assert_true(again.steps[i].live_bytes < again.steps[i - 1].live_bytes);
        assert_true(again.steps[i].work > again.steps[i - 1].work);
    }
    assert_int_equal(again.live_bytes, again.steps[again.step_count - 1].live_bytes);
    scl_recompute_free(&again);
}

/* Nothing of them is kept for gradients, so nothing of them runs again. */
static void frozen_layers_never_run_again(void **state)
{
    (void)state;
    static result whole, r;
    size_t arena;
    scl_recompute again = {0};
    plain(DEPTH - 1, &whole);
    run_within(DEPTH - 1, 0, &again, &r, &arena);
    assert_memory_equal(&r, &whole, sizeof r);
    assert_true(again.again_count > 0 && again.again_count < 8);
    scl_recompute_free(&again);
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    int failures = 0;
    for (long n = 0;; n += 3) {
        scl_error err = {0};
        scl_recompute again = {0};
        trained t = build(DEPTH - 2);
        scl_alloc_fail_after(n);
        scl_status status =
            scl_recompute_choose(t.graph, &t.pass, device, (scl_recompute_goal){0}, &again, &err);
        scl_alloc_fail_after(-1);
        scl_recompute_free(&again);
        discard(&t);
        if (status == SCL_OK)
            break;
        assert_int_equal(status, SCL_DEVICE);
        failures++;
    }
    assert_true(failures > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(less_memory_has_the_same_bits),
        cmocka_unit_test(enough_memory_runs_nothing_again),
        cmocka_unit_test(spare_work_is_spent_but_no_more),
        cmocka_unit_test(each_choice_makes_it_smaller_and_cheap_ones_come_first),
        cmocka_unit_test(frozen_layers_never_run_again),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, open_test_device, close_device);
}
