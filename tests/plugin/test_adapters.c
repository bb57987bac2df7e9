/* The adapters at small linear layers: lora against torch, its start and its scale; full. */
#include "fixture.h"
#include "kept_device.h"
#include "plugin/plugin_support.h"

#include "graph/compiled.h"
#include "model/layers.h"
#include "plugin/adaptation.h"
#include "registry.h"

#define FIXTURE TEST_FIXTURES "/plugin/lora.safetensors"
#define IN      7
#define OUT     11
#define RANK    3
#define ROWS    10 /* [2, 5] */

/* Two layers side by side: y = first(x), z = second(x); loss = sum(y dy) + sum(z dy). */
typedef struct layers {
    plugin_run run;
    scl_adaptation adaptation;
    scl_weights fixture;
    scl_device *device;
    scl_store *store;
    scl_graph *graph;
    scl_tensor *x, *y, *z;
    scl_compiled compiled;
} layers;

static void set(layers *n, const char *name, scl_shape shape, const char *key)
{
    float *values = fixture_values(&n->fixture, key, (size_t)scl_shape_count(shape));
    assert_ok(scl_store_set(n->store, name, SCL_TENSOR_PARAM, shape, values, &test_error));
    free(values);
}

static scl_tensor *product_with(layers *n, scl_tensor *x, const char *key)
{
    float *values = fixture_values(&n->fixture, key, (size_t)scl_shape_count(x->shape));
    scl_tensor *w = scl_constant(n->graph, values, x->shape);
    free(values);
    return scl_reshape(n->graph, scl_sum(n->graph, scl_mul(n->graph, x, w), 0, 3), SCL_SHAPE(1));
}

/* `n` must not move. The layers' weights come from the fixture; x is trained where `x_learns`. */
static void build_for(layers *n, const char *device, const char *adapter, bool x_learns,
                      bool training)
{
    char text[512];
    snprintf(text, sizeof text, RUN_HEAD "adapter: %s\n", adapter);
    *n = (layers){0};
    assert_ok(plugin_run_open(&n->run, text, &test_error));
    assert_ok(scl_weights_load(FIXTURE, &n->fixture, &test_error));
    assert_ok(scl_device_open(device, &n->device, &test_error));
    assert_ok(scl_store_create(n->device, 5, &n->store, &test_error));
    n->adaptation = scl_run_plugins_adaptation(&n->run.plugins);
    n->graph = scl_graph_create(&test_error);
    n->graph->training = training;
    const scl_sam m = {.graph = n->graph, .adaptation = &n->adaptation};
    n->x = scl_parameter(n->graph, "x", SCL_SHAPE(2, 5, IN), (scl_init){0}, x_learns);
    n->y = scl_layer_linear(&m, "first.qkv", n->x, OUT);
    n->z = scl_layer_linear(&m, "second.proj", n->x, OUT);
    assert_ok(scl_graph_status(n->graph, &test_error));
    set(n, "x", n->x->shape, "x");
    static const char *const names[] = {"first.qkv", "second.proj"};
    for (int i = 0; i < 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.weight", names[i]);
        set(n, name, SCL_SHAPE(OUT, IN), "weight");
        snprintf(name, sizeof name, "%s.bias", names[i]);
        set(n, name, SCL_SHAPE(OUT), "bias");
    }
}

static void build(layers *n, const char *device, const char *adapter, bool x_learns)
{
    build_for(n, device, adapter, x_learns, false);
}

static void run(layers *n)
{
    n->y->keep = n->z->keep = true;
    scl_tensor *loss = scl_add(n->graph, product_with(n, n->y, "dy"), product_with(n, n->z, "dy"));
    assert_ok(scl_autodiff(n->graph, loss, &test_error));
    for (size_t i = 0; i < n->graph->tensor_count; i++)
        if (n->graph->tensors[i]->grad != NULL)
            n->graph->tensors[i]->grad->keep = true;
    assert_ok(scl_compile(n->graph, NULL, 0, n->store, &n->compiled, &test_error));
    assert_ok(scl_schedule_run(n->compiled.schedule, 0, n->compiled.plan->node_count, &test_error));
}

static void close_layers(layers *n)
{
    scl_compiled_free(&n->compiled);
    scl_store_free(n->store);
    assert_int_equal(n->device->bytes_in_use, 0);
    scl_device_close(n->device);
    scl_weights_free(&n->fixture);
    plugin_run_close(&n->run);
}

/* Free with free. */
static float *values_of(const layers *n, const scl_tensor *tensor)
{
    assert_non_null(tensor);
    size_t count = (size_t)scl_shape_count(tensor->shape);
    float *values = malloc(count * sizeof *values);
    assert_ok(scl_schedule_read(n->compiled.schedule, tensor, 0, values, count, &test_error));
    return values;
}

static void compare(const layers *n, const scl_tensor *found, const char *key, double tolerance)
{
    size_t count = (size_t)scl_shape_count(found->shape);
    float *values = values_of(n, found), *expected = fixture_values(&n->fixture, key, count);
    assert_near(key, values, expected, count, tolerance);
    free(values);
    free(expected);
}

static const scl_tensor *param(const layers *n, const char *name)
{
    const scl_tensor *found = scl_graph_find(n->graph, name);
    if (found == NULL)
        fail_msg("there is no parameter %s", name);
    return found;
}

/* ------------------------------------------------------------------ lora */

#define LORA(more) "{use: lora, params: {rank: 3, sites: [\"*.qkv\"]" more "}}"

static void check_lora(const char *device, double tolerance)
{
    layers n;
    build(&n, device, LORA(", alpha: 6"), false);
    set(&n, "first.qkv.lora_A", SCL_SHAPE(RANK, IN), "lora_A");
    set(&n, "first.qkv.lora_B", SCL_SHAPE(OUT, RANK), "lora_B");
    run(&n);
    compare(&n, n.y, "y", tolerance);
    compare(&n, param(&n, "first.qkv.lora_A")->grad, "d_lora_A", tolerance);
    compare(&n, param(&n, "first.qkv.lora_B")->grad, "d_lora_B", tolerance);
    assert_null(param(&n, "first.qkv.weight")->grad);
    assert_null(param(&n, "first.qkv.bias")->grad);
    close_layers(&n);
}

static void lora_equals_torch(void **state)
{
    (void)state;
    check_lora("reference", 1e-6);
    check_lora(test_device_name(), 1e-5);
}

/* What flows to the layers before: torch's for the adapted layer, plus W^T dy of the other one. */
static void lora_passes_the_gradient_on(void **state)
{
    (void)state;
    layers n;
    build(&n, test_device_name(), LORA(", alpha: 6"), true);
    set(&n, "first.qkv.lora_A", SCL_SHAPE(RANK, IN), "lora_A");
    set(&n, "first.qkv.lora_B", SCL_SHAPE(OUT, RANK), "lora_B");
    run(&n);
    float *found = values_of(&n, n.x->grad),
          *expected = fixture_values(&n.fixture, "d_x", ROWS * IN);
    float *dy = fixture_values(&n.fixture, "dy", ROWS * OUT);
    float *weight = fixture_values(&n.fixture, "weight", OUT * IN);
    for (int r = 0; r < ROWS; r++)
        for (int o = 0; o < OUT; o++)
            for (int i = 0; i < IN; i++)
                expected[r * IN + i] += dy[r * OUT + o] * weight[o * IN + i];
    assert_near("d_x", found, expected, ROWS * IN, 1e-5);
    free(found);
    free(expected);
    free(dy);
    free(weight);
    close_layers(&n);
}

static void lora_begins_as_the_layer_itself(void **state)
{
    (void)state;
    layers n;
    build(&n, test_device_name(), LORA(""), false);
    run(&n);
    float *y = values_of(&n, n.y), *z = values_of(&n, n.z);
    assert_memory_equal(y, z, ROWS * OUT * sizeof *y);
    float *a = values_of(&n, param(&n, "first.qkv.lora_A"));
    float *b = values_of(&n, param(&n, "first.qkv.lora_B"));
    float *da = values_of(&n, param(&n, "first.qkv.lora_A")->grad);
    float *db = values_of(&n, param(&n, "first.qkv.lora_B")->grad);
    double bound = 1 / sqrt(IN), widest = 0;
    for (int i = 0; i < RANK * IN; i++) {
        widest = fmax(widest, fabs((double)a[i]));
        assert_true(da[i] == 0);
    }
    assert_true(widest <= bound * (1 + 1e-6) && widest > bound / 2);
    for (int i = 0; i < OUT * RANK; i++)
        assert_true(b[i] == 0 && db[i] != 0);
    float *const all[] = {y, z, a, b, da, db};
    for (int i = 0; i < 6; i++)
        free(all[i]);
    close_layers(&n);
}

/* y - z is what lora adds: the fixture's y says it at alpha / rank = 2. */
static void lora_is_scaled_by_alpha_over_rank(void **state)
{
    (void)state;
    static const struct {
        const char *adapter;
        float scale;
    } cases[] = {{LORA(""), 1}, {LORA(", alpha: 6"), 2}, {LORA(", alpha: 1.5"), 0.5f}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        layers n;
        build(&n, test_device_name(), cases[c].adapter, false);
        set(&n, "first.qkv.lora_A", SCL_SHAPE(RANK, IN), "lora_A");
        set(&n, "first.qkv.lora_B", SCL_SHAPE(OUT, RANK), "lora_B");
        run(&n);
        float *y = values_of(&n, n.y), *z = values_of(&n, n.z);
        float *expected = fixture_values(&n.fixture, "y", ROWS * OUT);
        for (int i = 0; i < ROWS * OUT; i++)
            expected[i] = z[i] + cases[c].scale / 2 * (expected[i] - z[i]);
        assert_near(cases[c].adapter, y, expected, ROWS * OUT, 1e-5);
        free(y);
        free(z);
        free(expected);
        close_layers(&n);
    }
}

/* A and B pass the first inputs on, so that y - z shows which of them were left out. */
static void check_dropout(bool training, int least_gone, int most_gone)
{
    layers n;
    float a[RANK * IN] = {0}, b[OUT * RANK] = {0};
    for (int i = 0; i < RANK; i++)
        a[i * IN + i] = b[i * RANK + i] = 1;
    build_for(&n, test_device_name(), LORA(", dropout: 0.25"), false, training);
    assert_ok(scl_store_set(n.store, "first.qkv.lora_A", SCL_TENSOR_PARAM, SCL_SHAPE(RANK, IN), a,
                            &test_error));
    assert_ok(scl_store_set(n.store, "first.qkv.lora_B", SCL_TENSOR_PARAM, SCL_SHAPE(OUT, RANK), b,
                            &test_error));
    run(&n);
    float *y = values_of(&n, n.y), *z = values_of(&n, n.z);
    float *x = fixture_values(&n.fixture, "x", ROWS * IN);
    int gone = 0;
    for (int i = 0; i < ROWS * RANK; i++) {
        int at = i / RANK * OUT + i % RANK;
        float added = y[at] - z[at], whole = x[i / RANK * IN + i % RANK];
        bool is_gone = y[at] == z[at];
        float kept = training ? whole / 0.75f : whole;
        assert_true(is_gone || fabsf(added - kept) < 1e-5f * (1 + fabsf(z[at])));
        gone += is_gone;
    }
    assert_in_range(gone, least_gone, most_gone);
    float *const all[] = {y, z, x};
    for (int i = 0; i < 3; i++)
        free(all[i]);
    close_layers(&n);
}

/* About a quarter of 30; none where nothing is trained. */
static void lora_leaves_inputs_out_in_training(void **state)
{
    (void)state;
    check_dropout(true, 2, 15);
    check_dropout(false, 0, 0);
}

/* ------------------------------------------------------------------ what is trained */

/* The names of the trained parameters, each followed by a space. */
static void assert_trained(const char *adapter, const char *expected)
{
    layers n;
    char found[512] = "";
    build(&n, "reference", adapter, false);
    for (size_t i = 0; i < n.graph->tensor_count; i++)
        if (n.graph->tensors[i]->trained)
            strcat(strcat(found, n.graph->tensors[i]->name), " ");
    assert_string_equal(found, expected);
    scl_graph_free(n.graph);
    close_layers(&n);
}

static void patterns_choose_what_is_trained(void **state)
{
    (void)state;
    assert_trained("none", "");
    assert_trained(LORA(""), "first.qkv.lora_A first.qkv.lora_B ");
    assert_trained("{use: lora, params: {sites: [\"sec*\", \"first.?kv\"]}}",
                   "first.qkv.lora_A first.qkv.lora_B second.proj.lora_A second.proj.lora_B ");
    assert_trained("{use: lora, params: {sites: [qkv]}}", "");
    assert_trained(LORA("") "\ntrain_also: [\"*.bias\"]",
                   "first.qkv.bias first.qkv.lora_A first.qkv.lora_B second.proj.bias ");
    assert_trained("{use: full}",
                   "first.qkv.weight first.qkv.bias second.proj.weight second.proj.bias ");
    assert_trained("{use: full, params: {parameters: [\"second.*\", \"*.bias\"]}}",
                   "first.qkv.bias second.proj.weight second.proj.bias ");
}

/* dW = dy^T x and db = sum of dy, while the values stay the layer's own. */
static void full_trains_the_layer_as_it_is(void **state)
{
    (void)state;
    layers n;
    build(&n, test_device_name(), "{use: full}", false);
    run(&n);
    float *x = fixture_values(&n.fixture, "x", ROWS * IN);
    float *dy = fixture_values(&n.fixture, "dy", ROWS * OUT);
    float weight[OUT * IN] = {0}, bias[OUT] = {0};
    for (int r = 0; r < ROWS; r++)
        for (int o = 0; o < OUT; o++) {
            bias[o] += dy[r * OUT + o];
            for (int i = 0; i < IN; i++)
                weight[o * IN + i] += dy[r * OUT + o] * x[r * IN + i];
        }
    float *d_weight = values_of(&n, param(&n, "second.proj.weight")->grad);
    float *d_bias = values_of(&n, param(&n, "second.proj.bias")->grad);
    assert_near("d_weight", d_weight, weight, OUT * IN, 1e-5);
    assert_near("d_bias", d_bias, bias, OUT, 1e-5);
    float *const all[] = {x, dy, d_weight, d_bias};
    for (int i = 0; i < 4; i++)
        free(all[i]);
    close_layers(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lora_equals_torch),
        cmocka_unit_test(lora_passes_the_gradient_on),
        cmocka_unit_test(lora_begins_as_the_layer_itself),
        cmocka_unit_test(lora_is_scaled_by_alpha_over_rank),
        cmocka_unit_test(lora_leaves_inputs_out_in_training),
        cmocka_unit_test(patterns_choose_what_is_trained),
        cmocka_unit_test(full_trains_the_layer_as_it_is),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, search_both, NULL);
}
