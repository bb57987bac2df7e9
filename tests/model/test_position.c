/* test_position.c — a graph whose images have another size than the model's: its position tables
 * are those of the reference, and their gradients those of finite differences. */
#include "model/small_sam.h"
#include "pattern.h"

#include "graph/compiled.h"
#include "model/position.h"
#include "registry.h"

#include <math.h>

static bool trains_all(void *user, const char *parameter)
{
    (void)user;
    (void)parameter;
    return true;
}

typedef struct encoder {
    scl_compiled compiled;
    scl_store *store;
    scl_tensor *image, *embedding;
} encoder;

/* The small SAM's encoder on images of `size`; the loss is the embedding times a pattern. */
static encoder open_encoder(scl_device *device, int64_t size)
{
    static const scl_adaptation adaptation = {.trains = trains_all};
    const scl_sam_config model = small_config(SCL_SAM_META), seen = scl_sam_config_at(&model, size);
    scl_graph *g = scl_graph_create(&test_error);
    const scl_sam m = {
        .graph = g, .config = &seen, .adaptation = &adaptation, .table_grid = scl_sam_grid(&model)};
    encoder e = {.store = small_store(device, &model),
                 .image = scl_input(g, "image", SCL_F32, SCL_SHAPE(1, size, size, 3))};
    e.embedding = scl_sam_image_encoder(&m, e.image);
    assert_ok(scl_graph_status(g, &test_error));
    e.embedding->keep = true;
    size_t count = (size_t)scl_shape_count(e.embedding->shape);
    float *weights = malloc(count * sizeof *weights);
    for (size_t i = 0; i < count; i++)
        weights[i] = pattern_float("loss", i);
    scl_tensor *product = scl_mul(g, e.embedding, scl_constant(g, weights, e.embedding->shape));
    free(weights);
    assert_ok(
        scl_autodiff(g, scl_reshape(g, scl_sum(g, product, 0, 4), SCL_SHAPE(1)), &test_error));
    for (size_t i = 0; i < g->tensor_count; i++)
        if (g->tensors[i]->grad != NULL)
            g->tensors[i]->grad->keep = true;
    assert_ok(scl_compile(g, NULL, 0, e.store, &e.compiled, &test_error));
    return e;
}

static void close_encoder(encoder *e)
{
    scl_compiled_free(&e->compiled);
    scl_store_free(e->store);
}

/* The embedding; free it. */
static float *encode(const encoder *e)
{
    size_t pixels = (size_t)scl_shape_count(e->image->shape);
    size_t count = (size_t)scl_shape_count(e->embedding->shape);
    float *image = malloc(pixels * sizeof *image), *embedding = malloc(count * sizeof *embedding);
    for (size_t i = 0; i < pixels; i++)
        image[i] = pattern_float("image", i);
    scl_schedule *schedule = e->compiled.schedule;
    assert_ok(scl_schedule_write(schedule, e->image, 0, image, pixels, &test_error));
    assert_ok(scl_schedule_run(schedule, 0, e->compiled.plan->node_count, &test_error));
    assert_ok(scl_schedule_read(schedule, e->embedding, 0, embedding, count, &test_error));
    free(image);
    return embedding;
}

static void check_fixture(const char *device_name, double tolerance)
{
    const size_t count = 12 * 12 * 16;
    scl_device *device = NULL;
    scl_weights fixture;
    assert_ok(scl_device_open(device_name, &device, &test_error));
    assert_ok(scl_weights_load(TEST_FIXTURES "/model/outputs.safetensors", &fixture, &test_error));
    encoder e = open_encoder(device, 48);
    float *found = encode(&e), *expected = fixture_values(&fixture, "resized.embedding", count);
    assert_near("resized.embedding", found, expected, count, tolerance);
    free(found);
    free(expected);
    close_encoder(&e);
    scl_weights_free(&fixture);
    scl_device_close(device);
}

static void larger_images_equal_segment_anything(void **state)
{
    (void)state;
    check_fixture("reference", 1e-6);
    check_fixture(test_device_name(), 2e-5);
}

static double loss_of(const encoder *e)
{
    double loss = 0;
    float *embedding = encode(e);
    for (int64_t i = 0; i < scl_shape_count(e->embedding->shape); i++)
        loss += (double)embedding[i] * (double)pattern_float("loss", (uint64_t)i);
    free(embedding);
    return loss;
}

/* Along a pattern as long as the table. */
static void check_table(const encoder *e, const char *name, double step, double tolerance)
{
    const scl_tensor *table = scl_graph_find(e->compiled.graph, name);
    assert_non_null(table);
    assert_non_null(table->grad);
    size_t count = (size_t)scl_shape_count(table->shape);
    float *values = malloc(count * sizeof *values), *moved = malloc(count * sizeof *moved);
    float *gradient = malloc(count * sizeof *gradient);
    free(encode(e));
    assert_ok(
        scl_schedule_read(e->compiled.schedule, table->grad, 0, gradient, count, &test_error));
    assert_ok(scl_store_read(e->store, scl_store_find(e->store, name), values, &test_error));
    double expected = 0, loss[2];
    for (size_t i = 0; i < count; i++)
        expected += (double)gradient[i] * (double)pattern_float("direction", i);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++)
            moved[i] = values[i] + (float)((2 * side - 1) * step) * pattern_float("direction", i);
        assert_ok(
            scl_store_set(e->store, name, SCL_TENSOR_PARAM, table->shape, moved, &test_error));
        loss[side] = loss_of(e);
    }
    assert_ok(scl_store_set(e->store, name, SCL_TENSOR_PARAM, table->shape, values, &test_error));
    double found = (loss[1] - loss[0]) / (2 * step);
    if (!(fabs(expected) > 1e-3 && fabs(found - expected) <= tolerance * fabs(expected)))
        fail_msg("%s: the gradient is %.6g, by differences %.6g", name, expected, found);
    free(values);
    free(moved);
    free(gradient);
}

static void tables_get_gradients_at_any_size(void **state)
{
    (void)state;
    static const int64_t sizes[] = {12, 20, 28, 48};
    scl_device *device = NULL;
    assert_ok(scl_device_open("reference", &device, &test_error));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        encoder e = open_encoder(device, sizes[i]);
        check_table(&e, "image_encoder.pos_embed", 3e-3, 2e-3);
        check_table(&e, "image_encoder.blocks.1.attn.rel_pos_h", 3e-3, 2e-3);
        check_table(&e, "image_encoder.blocks.1.attn.rel_pos_w", 3e-3, 2e-3);
        check_table(&e, "image_encoder.blocks.0.attn.rel_pos_h", 3e-3, 2e-3);
        close_encoder(&e);
    }
    scl_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(larger_images_equal_segment_anything),
        cmocka_unit_test(tables_get_gradients_at_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
