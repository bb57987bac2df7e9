/* Plans, schedules, fusing and the frozen prefix: each must give the values of the plain graph. */
#include "support.h"

#include "graph/compiled.h"
#include "graph/fuse.h"
#include "graph/prefix.h"
#include "plan/network.h"
#include "plan/workplace.h"

#include <math.h>
#include <stdlib.h>

#define BATCH 3

typedef struct result {
    float loss;
    float grad[16 * 24];
} result;

static void write_inputs(scl_schedule *schedule, const network *n)
{
    float image[BATCH * 12 * 8], offset[BATCH];
    for (int i = 0; i < BATCH * 12 * 8; i++)
        image[i] = (float)(i * 37 % 101) / 50 - 1;
    for (int i = 0; i < BATCH; i++)
        offset[i] = (float)i;
    assert_ok(scl_schedule_write(schedule, n->image, 0, image, BATCH * 12 * 8, &test_error));
    assert_ok(scl_schedule_write(schedule, n->offset, 0, offset, BATCH, &test_error));
}

static result run_nodes(const network *n, scl_node *const *nodes, size_t count)
{
    scl_plan *plan = NULL;
    scl_schedule *schedule = NULL;
    result r = {0};
    assert_ok(scl_plan_create(n->graph, nodes, count, device, &plan, &test_error));
    assert_ok(scl_schedule_create(plan, store, &schedule, &test_error));
    write_inputs(schedule, n);
    assert_ok(scl_schedule_run(schedule, 0, count, &test_error));
    assert_ok(scl_schedule_read(schedule, n->loss, 0, &r.loss, 1, &test_error));
    if (n->weight->grad != NULL)
        assert_ok(scl_schedule_read(schedule, n->weight->grad, 0, r.grad, 16 * 24, &test_error));
    scl_schedule_free(schedule);
    scl_plan_free(plan);
    return r;
}

static void assert_same_result(const result *a, const result *b)
{
    assert_true(isfinite(a->loss) && a->loss > 0);
    assert_memory_equal(a, b, sizeof *a);
}

/* No two places that live at the same time may overlap, or cross a chunk's end. */
static void check_places(const scl_plan *plan)
{
    for (size_t i = 0; i < plan->place_count; i++) {
        const scl_region *a = &plan->places[i];
        assert_true(a->first <= a->last);
        assert_true(a->offset / plan->chunk_bytes ==
                    (a->offset + a->bytes - 1) / plan->chunk_bytes);
        assert_true(a->offset + a->bytes <= plan->arena_bytes);
        for (size_t j = 0; j < i; j++) {
            const scl_region *b = &plan->places[j];
            bool together = a->first <= b->last && b->first <= a->last;
            bool overlap = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
            assert_false(together && overlap);
        }
    }
}

static void plan_reuses_memory_without_overlap(void **state)
{
    (void)state;
    network n = network_build(BATCH, true, true, &test_error);
    scl_plan *plan = NULL;
    assert_ok(
        scl_plan_create(n.graph, n.graph->nodes, n.graph->node_count, device, &plan, &test_error));
    check_places(plan);
    assert_true(plan->arena_bytes < plan->tensor_bytes / 2);
    scl_plan_free(plan);
    scl_graph_free(n.graph);
}

static void small_chunks_give_the_same_values(void **state)
{
    (void)state;
    network n = network_build(BATCH, true, true, &test_error);
    result whole = run_nodes(&n, n.graph->nodes, n.graph->node_count);
    size_t max_alloc = device->info.max_alloc;
    device->info.max_alloc = 8 * 1024;
    scl_plan *plan = NULL;
    assert_ok(
        scl_plan_create(n.graph, n.graph->nodes, n.graph->node_count, device, &plan, &test_error));
    assert_true(plan->arena_bytes > 2 * plan->chunk_bytes);
    check_places(plan);
    result pieces = run_nodes(&n, n.graph->nodes, n.graph->node_count);
    assert_same_result(&whole, &pieces);
    scl_plan_free(plan);
    device->info.max_alloc = 1024;
    scl_error err = {0};
    assert_fails(scl_plan_create(n.graph, n.graph->nodes, n.graph->node_count, device, &plan, &err),
                 SCL_DEVICE, err, "largest buffer is 1.0 KiB");
    device->info.max_alloc = max_alloc;
    scl_graph_free(n.graph);
}

/* gelu and relu between layers, all trained: the loss's derivative passes both backwards. */
static network build_mlp(void)
{
    scl_init init = {.kind = SCL_INIT_NORMAL, .scale = 0.5f};
    network n = {.graph = scl_graph_create(&test_error)};
    n.image = scl_input(n.graph, "image", SCL_F32, SCL_SHAPE(BATCH, 12, 8));
    n.offset = scl_input(n.graph, "offset", SCL_F32, SCL_SHAPE(BATCH, 1, 1));
    n.weight = scl_parameter(n.graph, "mlp.1", SCL_SHAPE(48, 8), init, true);
    scl_tensor *second = scl_parameter(n.graph, "mlp.2", SCL_SHAPE(8, 48), init, true);
    scl_tensor *third = scl_parameter(n.graph, "mlp.3", SCL_SHAPE(4, 8), init, true);
    scl_tensor *x = scl_add(n.graph, n.image, n.offset);
    x = scl_gelu(n.graph, scl_linear(n.graph, x, n.weight, NULL, 1));
    x = scl_relu(n.graph, scl_linear(n.graph, x, second, NULL, 1));
    x = scl_linear(n.graph, x, third, NULL, 1);
    scl_tensor *sum = scl_sum(n.graph, scl_mul(n.graph, x, x), 0, 3);
    n.loss = scl_reshape(n.graph, sum, SCL_SHAPE(1));
    assert_ok(scl_autodiff(n.graph, n.loss, &test_error));
    n.loss->keep = true;
    n.weight->grad->keep = true;
    return n;
}

/* The end of SAM's mask decoder, and its loss. `gelu`: as it is, or relu instead. */
static network build_upscaling(bool gelu, bool train)
{
    scl_init init = {.kind = SCL_INIT_NORMAL, .scale = 0.5f};
    network n = {.graph = scl_graph_create(&test_error)};
    scl_graph *g = n.graph;
    scl_tensor *(*act)(scl_graph *, scl_tensor *) = gelu ? scl_gelu : scl_relu;
    n.image = scl_input(g, "image", SCL_F32, SCL_SHAPE(BATCH, 12, 8));
    n.offset = scl_input(g, "offset", SCL_F32, SCL_SHAPE(BATCH, 1, 1));
    n.weight = scl_parameter(g, "up.1", SCL_SHAPE(8, 16, 2, 2), init, true);
    scl_tensor *x = scl_reshape(g, scl_add(g, n.image, n.offset), SCL_SHAPE(BATCH, 3, 4, 8));
    x = scl_conv_transpose2d(g, x, n.weight, scl_parameter(g, "b.1", SCL_SHAPE(16), init, true));
    x = scl_layer_norm(g, x, scl_parameter(g, "norm.1", SCL_SHAPE(16), init, true),
                       scl_parameter(g, "norm.2", SCL_SHAPE(16), init, true), 1e-5f);
    x = act(g, x);
    x = scl_conv_transpose2d(g, x, scl_parameter(g, "up.2", SCL_SHAPE(16, 16, 2, 2), init, true),
                             scl_parameter(g, "b.2", SCL_SHAPE(16), init, true));
    x = act(g, scl_reshape(g, x, SCL_SHAPE(BATCH, 12 * 16, 16)));
    n.loss = scl_reshape(g, scl_sum(g, scl_mul(g, x, x), 0, 3), SCL_SHAPE(1));
    n.loss->keep = true;
    if (train) {
        assert_ok(scl_autodiff(g, n.loss, &test_error));
        n.weight->grad->keep = true;
    }
    return n;
}

static int count_ops(const scl_graph *g, scl_op op)
{
    int count = 0;
    for (size_t i = 0; i < g->node_count; i++)
        count += g->nodes[i]->op == op;
    return count;
}

/* How many of the graph's activations are left; the values stay. */
static int fuse_upscaling(bool gelu, bool train)
{
    network plain = build_upscaling(gelu, train), fused = build_upscaling(gelu, train);
    scl_op op = gelu ? SCL_OP_GELU : SCL_OP_RELU;
    assert_int_equal(count_ops(plain.graph, op), 2);
    assert_ok(scl_graph_fuse(fused.graph, &test_error));
    int left = count_ops(fused.graph, op);
    for (size_t i = 0; i < fused.graph->node_count; i++) /* a swap left is of a weight */
        if (fused.graph->nodes[i]->op == SCL_OP_SWAP && !train)
            assert_int_equal(fused.graph->nodes[i]->inputs[0]->shape.dim[3], 1);
    result a = run_nodes(&plain, plain.graph->nodes, plain.graph->node_count);
    result b = run_nodes(&fused, fused.graph->nodes, fused.graph->node_count);
    assert_same_result(&a, &b);
    scl_graph_free(plain.graph);
    scl_graph_free(fused.graph);
    return left;
}

static void fusing_takes_activations_into_norm_and_upscaling(void **state)
{
    (void)state;
    assert_int_equal(fuse_upscaling(true, false), 0);
    assert_int_equal(fuse_upscaling(false, true), 0);
    assert_int_equal(fuse_upscaling(true, true), 2); /* its derivative reads what comes before */
}

static int count_activations(const scl_graph *g, int32_t act)
{
    int count = 0;
    for (size_t i = 0; i < g->node_count; i++)
        count += g->nodes[i]->op == SCL_OP_GEMM && g->nodes[i]->attr.gemm.act == act;
    return count;
}

static void fusing_takes_derivatives_of_activations(void **state)
{
    (void)state;
    network plain = build_mlp(), fused = build_mlp();
    assert_ok(scl_graph_fuse(fused.graph, &test_error));
    assert_int_equal(count_activations(fused.graph, SCL_ACT_RELU), 1);
    assert_int_equal(count_activations(fused.graph, SCL_ACT_RELU_BACKWARD), 1);
    assert_int_equal(count_activations(fused.graph, SCL_ACT_GELU_BACKWARD), 1);
    result a = run_nodes(&plain, plain.graph->nodes, plain.graph->node_count);
    result b = run_nodes(&fused, fused.graph->nodes, fused.graph->node_count);
    assert_same_result(&a, &b);
    scl_graph_free(plain.graph);
    scl_graph_free(fused.graph);
}

static void fusing_keeps_the_values(void **state)
{
    (void)state;
    network plain = network_build(BATCH, true, false, &test_error);
    network fused = network_build(BATCH, true, false, &test_error);
    size_t before = fused.graph->node_count;
    assert_ok(scl_graph_fuse(fused.graph, &test_error));
    /* gelu, the residual and relu join their gemm: relu's derivative reads its output only */
    assert_true(fused.graph->node_count <= before - 3);
    result a = run_nodes(&plain, plain.graph->nodes, plain.graph->node_count);
    result b = run_nodes(&fused, fused.graph->nodes, fused.graph->node_count);
    assert_same_result(&a, &b);
    scl_graph_free(plain.graph);
    scl_graph_free(fused.graph);
}

/* Runs the prefix item by item in a graph of batch 1, and the rest from its results. */
static result run_split(const scl_split *split, const network *n)
{
    network one = network_build(1, true, false, &test_error);
    scl_split one_split;
    assert_ok(scl_graph_split(one.graph, one.image, NULL, &one_split, &test_error));
    assert_int_equal(one_split.frontier_count, split->frontier_count);
    scl_plan *prefix_plan = NULL, *live_plan = NULL;
    scl_schedule *prefix = NULL, *live = NULL;
    assert_ok(scl_plan_create(one.graph, one_split.prefix, one_split.prefix_count, device,
                              &prefix_plan, &test_error));
    assert_ok(scl_schedule_create(prefix_plan, store, &prefix, &test_error));
    assert_ok(
        scl_plan_create(n->graph, split->live, split->live_count, device, &live_plan, &test_error));
    assert_ok(scl_schedule_create(live_plan, store, &live, &test_error));
    for (int item = 0; item < BATCH; item++) {
        float image[12 * 8], value[4096];
        for (int i = 0; i < 12 * 8; i++)
            image[i] = (float)((item * 96 + i) * 37 % 101) / 50 - 1;
        assert_ok(scl_schedule_write(prefix, one.image, 0, image, 12 * 8, &test_error));
        assert_ok(scl_schedule_run(prefix, 0, one_split.prefix_count, &test_error));
        for (size_t k = 0; k < split->frontier_count; k++) {
            size_t count = (size_t)scl_shape_count(one_split.frontier[k]->shape);
            assert_ok(
                scl_schedule_read(prefix, one_split.frontier[k], 0, value, count, &test_error));
            assert_ok(scl_schedule_write(live, split->frontier[k], (size_t)item * count, value,
                                         count, &test_error));
        }
    }
    const float offset[BATCH] = {0, 1, 2};
    result r = {0};
    assert_ok(scl_schedule_write(live, n->offset, 0, offset, BATCH, &test_error));
    assert_ok(scl_schedule_run(live, 0, split->live_count, &test_error));
    /* the second step does not run the first nodes again */
    assert_ok(scl_schedule_run(live, split->once_count, split->live_count, &test_error));
    assert_ok(scl_schedule_read(live, n->loss, 0, &r.loss, 1, &test_error));
    assert_ok(scl_schedule_read(live, n->weight->grad, 0, r.grad, 16 * 24, &test_error));
    scl_schedule_free(prefix);
    scl_schedule_free(live);
    scl_plan_free(prefix_plan);
    scl_plan_free(live_plan);
    scl_split_free(&one_split);
    scl_graph_free(one.graph);
    return r;
}

static void prefix_and_rest_give_the_values_of_the_whole(void **state)
{
    (void)state;
    network n = network_build(BATCH, true, false, &test_error);
    result whole = run_nodes(&n, n.graph->nodes, n.graph->node_count);
    scl_split split;
    assert_ok(scl_graph_split(n.graph, n.image, NULL, &split, &test_error));
    assert_true(split.prefix_count > 0 && split.once_count > 0 && split.flops > 0);
    assert_int_equal(split.frontier_count, 2);
    assert_int_equal(split.param_count, 4);
    result r = run_split(&split, &n);
    float largest = 0;
    for (int i = 0; i < 16 * 24; i++)
        largest = fmaxf(largest, fabsf(whole.grad[i]));
    assert_true(fabsf(r.loss - whole.loss) <= 1e-6f * whole.loss);
    for (int i = 0; i < 16 * 24; i++)
        assert_true(fabsf(r.grad[i] - whole.grad[i]) <= 1e-6f * largest);
    scl_split_free(&split);
    scl_graph_free(n.graph);
}

static void trained_encoder_has_no_prefix(void **state)
{
    (void)state;
    network n = network_build(BATCH, true, true, &test_error);
    scl_split split;
    assert_ok(scl_graph_split(n.graph, n.image, NULL, &split, &test_error));
    assert_int_equal(split.prefix_count, 0);
    assert_int_equal(split.frontier_count, 0);
    assert_int_equal(split.live_count, n.graph->node_count);
    scl_split_free(&split);
    scl_graph_free(n.graph);
}

static void signature_tells_prefixes_apart(void **state)
{
    (void)state;
    network a = network_build(1, true, false, &test_error);
    network b = network_build(1, true, false, &test_error);
    network c = network_build(1, true, false, &test_error);
    for (size_t i = 0; i < c.graph->node_count; i++)
        if (c.graph->nodes[i]->op == SCL_OP_GELU)
            c.graph->nodes[i]->op = SCL_OP_RELU;
    scl_split sa, sb, sc;
    assert_ok(scl_graph_split(a.graph, a.image, NULL, &sa, &test_error));
    assert_ok(scl_graph_split(b.graph, b.image, NULL, &sb, &test_error));
    assert_ok(scl_graph_split(c.graph, c.image, NULL, &sc, &test_error));
    assert_memory_equal(&sa.signature, &sb.signature, sizeof sa.signature);
    assert_memory_not_equal(&sa.signature, &sc.signature, sizeof sa.signature);
    scl_split_free(&sa);
    scl_split_free(&sb);
    scl_split_free(&sc);
    scl_graph_free(a.graph);
    scl_graph_free(b.graph);
    scl_graph_free(c.graph);
}

static void weights_hash_by_value(void **state)
{
    (void)state;
    scl_hash128 before, again, after;
    network n = network_build(1, false, false, &test_error);
    scl_tensor *w = scl_graph_find(n.graph, "encoder.first.weight");
    scl_store_entry *entry = NULL;
    assert_ok(scl_store_get(store, w, &entry, &test_error));
    assert_ok(scl_store_hash(store, &w, 1, &before, &test_error));
    assert_ok(scl_store_hash(store, &w, 1, &again, &test_error));
    assert_memory_equal(&before, &again, sizeof before);
    float values[24 * 8];
    assert_ok(scl_store_read(store, entry, values, &test_error));
    float keep = values[5];
    values[5] = nextafterf(values[5], 2);
    assert_ok(scl_store_set(store, w->name, SCL_TENSOR_PARAM, w->shape, values, &test_error));
    assert_ok(scl_store_hash(store, &w, 1, &after, &test_error));
    assert_memory_not_equal(&before, &after, sizeof before);
    values[5] = keep;
    assert_ok(scl_store_set(store, w->name, SCL_TENSOR_PARAM, w->shape, values, &test_error));
    scl_graph_free(n.graph);
}

static void builder_errors_stick_and_say_where(void **state)
{
    (void)state;
    scl_graph *g = scl_graph_create(&test_error);
    scl_graph_scope(g, "mask_decoder.iou_head");
    scl_tensor *x = scl_input(g, "x", SCL_F32, SCL_SHAPE(2, 3));
    scl_tensor *y = scl_input(g, "y", SCL_F32, SCL_SHAPE(4, 5));
    assert_null(scl_exp(g, scl_add(g, x, y)));
    assert_null(scl_exp(g, x));
    scl_error err = {0};
    assert_fails(scl_graph_status(g, &err), SCL_FAILED, err,
                 "mask_decoder.iou_head: add: shapes [2, 3] and [4, 5] do not broadcast");
    scl_graph_free(g);
}

static void nothing_to_train_is_an_error(void **state)
{
    (void)state;
    scl_graph *g = scl_graph_create(&test_error);
    scl_tensor *x = scl_input(g, "x", SCL_F32, SCL_SHAPE(1));
    scl_error err = {0};
    assert_fails(scl_autodiff(g, scl_exp(g, x), &err), SCL_BAD_CONFIG, err, "nothing to train");
    scl_graph_free(g);
}

static scl_status build_and_schedule(scl_error *err)
{
    network n = network_build(1, true, false, err);
    scl_split split = {0};
    scl_plan *plan = NULL;
    scl_schedule *schedule = NULL;
    scl_status status = n.graph == NULL ? err->status : scl_graph_status(n.graph, err);
    if (status == SCL_OK)
        status = err->status;
    if (status == SCL_OK)
        status = scl_graph_fuse(n.graph, err);
    if (status == SCL_OK)
        status = scl_graph_split(n.graph, n.image, NULL, &split, err);
    if (status == SCL_OK)
        status = scl_plan_create(n.graph, split.live, split.live_count, device, &plan, err);
    if (status == SCL_OK)
        status = scl_schedule_create(plan, store, &schedule, err);
    scl_schedule_free(schedule);
    scl_plan_free(plan);
    scl_split_free(&split);
    scl_graph_free(n.graph);
    return status;
}

/* Under a leak checker this shows that no failure leaves anything behind. */
static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    assert_ok(build_and_schedule(&test_error));
    int failures = 0;
    for (long n = 0;; n++) {
        scl_error err = {0};
        scl_alloc_fail_after(n);
        scl_status status = build_and_schedule(&err);
        scl_alloc_fail_after(-1);
        if (status == SCL_OK)
            break;
        assert_int_equal(status, SCL_DEVICE);
        failures++;
    }
    assert_true(failures > 50);
}

#define MOST_VIEWS 256

static const scl_backend *plain;
static scl_buffer *views[MOST_VIEWS]; /* alive, in the order they were made */
static size_t view_count;

static scl_status make_view(scl_device *of, scl_buffer *parent, size_t offset, size_t bytes,
                            scl_buffer **out, scl_error *err)
{
    scl_status status = plain->buffer_view(of, parent, offset, bytes, out, err);
    assert_true(view_count < MOST_VIEWS);
    views[view_count++] = *out;
    return status;
}

/* Only the youngest view may go. */
static void release_view(scl_device *of, scl_buffer *buffer)
{
    for (size_t i = 0; i < view_count; i++)
        if (views[i] == buffer)
            assert_int_equal(i, --view_count);
    plain->buffer_release(of, buffer);
}

static void views_go_in_reverse_order(void **state)
{
    (void)state;
    plain = device->backend;
    scl_backend recording = *plain;
    recording.buffer_view = make_view;
    recording.buffer_release = release_view;
    device->backend = &recording;
    network n = network_build(2, true, true, &test_error);
    scl_compiled compiled = {0};
    assert_ok(scl_compile(n.graph, NULL, 0, store, &compiled, &test_error));
    assert_true(view_count > 10);
    scl_compiled_free(&compiled);
    assert_int_equal(view_count, 0);
    device->backend = plain;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_reuses_memory_without_overlap),
        cmocka_unit_test(small_chunks_give_the_same_values),
        cmocka_unit_test(fusing_keeps_the_values),
        cmocka_unit_test(fusing_takes_derivatives_of_activations),
        cmocka_unit_test(fusing_takes_activations_into_norm_and_upscaling),
        cmocka_unit_test(prefix_and_rest_give_the_values_of_the_whole),
        cmocka_unit_test(trained_encoder_has_no_prefix),
        cmocka_unit_test(signature_tells_prefixes_apart),
        cmocka_unit_test(weights_hash_by_value),
        cmocka_unit_test(builder_errors_stick_and_say_where),
        cmocka_unit_test(nothing_to_train_is_an_error),
        cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(views_go_in_reverse_order),
    };
    return cmocka_run_group_tests(tests, open_reference, close_device);
}
