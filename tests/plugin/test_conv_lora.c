/* conv_lora against AutoGluon's classes, its kernels against its reference on SAM's geometry, its
 * start, its parameters, and what it does in training only. */
#include "fixture.h"
#include "kept_device.h"
#include "plugin/plugin_support.h"

#include "graph/compiled.h"
#include "model/layers.h"
#include "model/small_sam.h"
#include "op/guarded.h"
#include "pattern.h"
#include "plugin/adaptation.h"
#include "registry.h"

#define FIXTURE TEST_FIXTURES "/plugin/conv_lora.safetensors"

/* One adapted layer "qkv" on tokens, or the rows of it. */
typedef struct layer {
    plugin_run run;
    scl_adaptation adaptation;
    scl_device *device;
    scl_store *store;
    scl_graph *graph;
    scl_tensor *x, *y, *noise; /* noise: what the random values are replaced by; NULL: none */
    scl_compiled compiled;
} layer;

typedef struct layer_case {
    const char *name, *params;
    int64_t experts, images, side, window, real, in, out;
    bool training;
} layer_case;

/* ------------------------------------------------------------------ building */

static void open_layer(layer *n, const char *device, const char *params, bool training)
{
    char text[512];
    snprintf(text, sizeof text, RUN_HEAD "adapter: {use: conv_lora, params: {sites: [qkv]%s}}\n",
             params);
    *n = (layer){0};
    assert_ok(plugin_run_open(&n->run, text, &test_error));
    assert_ok(scl_device_open(device, &n->device, &test_error));
    assert_ok(scl_store_create(n->device, 5, &n->store, &test_error));
    n->adaptation = scl_run_plugins_adaptation(&n->run.plugins);
    n->graph = scl_graph_create(&test_error);
    n->graph->training = training;
}

static void build_layer(layer *n, const layer_case *c)
{
    const scl_sam m = {.graph = n->graph, .adaptation = &n->adaptation};
    const scl_token_grid grid = {c->side, c->window};
    assert_true(scl_layer_mixes_rows(&m, "qkv", c->in, c->out, grid));
    n->x = scl_parameter(n->graph, "x", SCL_SHAPE(c->images, c->side * c->side, c->in),
                         (scl_init){0}, true);
    n->y = scl_layer_linear_of_tokens(&m, "qkv", n->x, c->out, grid);
    assert_ok(scl_graph_status(n->graph, &test_error));
}

/* Makes an input of the layer's random values. */
static void replace_noise(layer *n)
{
    scl_graph *g = n->graph;
    size_t kept = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        scl_node *node = g->nodes[i];
        if (node->op == SCL_OP_RANDOM) {
            assert_null(n->noise);
            n->noise = node->outputs[0];
            n->noise->kind = SCL_TENSOR_INPUT;
            n->noise->producer = NULL;
        } else {
            node->id = (int32_t)kept;
            g->nodes[kept++] = node;
        }
    }
    g->node_count = kept;
}

/* sum(y dy) and what the adapter adds. */
static scl_tensor *loss_of(layer *n, const float *dy)
{
    scl_graph *g = n->graph;
    scl_tensor *product = scl_mul(g, n->y, scl_constant(g, dy, n->y->shape));
    scl_tensor *loss = scl_reshape(g, scl_sum(g, product, 0, 3), SCL_SHAPE(1));
    for (size_t i = 0; i < g->added_loss_count; i++)
        loss = scl_add(g, loss, g->added_losses[i].value);
    return loss;
}

static void compile(layer *n, scl_tensor *loss)
{
    n->y->keep = true;
    for (size_t i = 0; i < n->graph->added_loss_count; i++)
        n->graph->added_losses[i].value->keep = true;
    assert_ok(scl_autodiff(n->graph, loss, &test_error));
    for (size_t i = 0; i < n->graph->tensor_count; i++)
        if (n->graph->tensors[i]->grad != NULL)
            n->graph->tensors[i]->grad->keep = true;
    assert_ok(scl_compile(n->graph, NULL, 0, n->store, &n->compiled, &test_error));
}

static void run_layer(layer *n)
{
    assert_ok(scl_schedule_run(n->compiled.schedule, 0, n->compiled.plan->node_count, &test_error));
}

static void close_layer(layer *n)
{
    scl_compiled_free(&n->compiled);
    scl_store_free(n->store);
    assert_int_equal(n->device->bytes_in_use, 0);
    scl_device_close(n->device);
    plugin_run_close(&n->run);
}

/* Free with free. */
static float *values_of(const layer *n, const scl_tensor *tensor)
{
    size_t count = (size_t)scl_shape_count(tensor->shape);
    float *values = calloc(count, sizeof *values);
    assert_ok(scl_schedule_read(n->compiled.schedule, tensor, 0, values, count, &test_error));
    return values;
}

/* As in make_conv_lora_fixtures.py. Free with free. */
static float *pattern_values(const char *prefix, const char *name, scl_shape shape, double scale)
{
    char full[160];
    size_t count = (size_t)scl_shape_count(shape);
    float *values = malloc(count * sizeof *values);
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(scale * (double)pattern_float(full, i));
    return values;
}

static double scale_of(const char *name)
{
    const char *dot = strrchr(name, '.'), *end = dot != NULL ? dot + 1 : name;
    static const struct {
        const char *end;
        double scale;
    } scales[] = {{"weight", 0.5}, {"bias", 0.5},   {"lora_A", 0.8},
                  {"lora_B", 0.7}, {"w_gate", 6.0}, {"w_noise", 2.0}};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        if (strcmp(scales[i].end, end) == 0)
            return scales[i].scale;
    fail_msg("no scale for %s", name);
    return 0;
}

/* `keep`: leaves this parameter as it begins. */
static void set_params(layer *n, const char *prefix, const char *keep)
{
    for (size_t i = 0; i < n->graph->tensor_count; i++) {
        const scl_tensor *p = n->graph->tensors[i];
        if (p->kind != SCL_TENSOR_PARAM || p == n->x || strcmp(p->name, keep) == 0)
            continue;
        const char *name = p->name + strlen("qkv.");
        float *values = pattern_values(prefix, name, p->shape, scale_of(name));
        assert_ok(
            scl_store_set(n->store, p->name, SCL_TENSOR_PARAM, p->shape, values, &test_error));
        free(values);
    }
}

/* Zeros where SAM pads. */
static void set_x(layer *n, const layer_case *c)
{
    float *x = pattern_values(c->name, "x", n->x->shape, 1);
    for (int64_t i = 0; i < c->images * c->side * c->side * c->in; i++) {
        int64_t token = i / c->in;
        if (token % c->side >= c->real || token / c->side % c->side >= c->real)
            x[i] = 0;
    }
    assert_ok(scl_store_set(n->store, "x", SCL_TENSOR_PARAM, n->x->shape, x, &test_error));
    free(x);
}

/* ------------------------------------------------------------------ against AutoGluon */

static void compare(const layer *n, const scl_weights *fixture, const char *prefix, const char *key,
                    const scl_tensor *found, scl_shape shape, double tolerance)
{
    char full[160];
    size_t count = (size_t)scl_shape_count(shape);
    snprintf(full, sizeof full, "%s.%s", prefix, key);
    float *expected = fixture_values(fixture, full, count);
    float *values = found != NULL ? values_of(n, found) : calloc(count, sizeof *values);
    assert_near(full, values, expected, count, tolerance);
    free(values);
    free(expected);
}

/* A gradient that is not in the graph must have been zero for torch. */
static void compare_all(const layer *n, const scl_weights *fixture, const layer_case *c,
                        double tolerance)
{
    compare(n, fixture, c->name, "y", n->y, n->y->shape, tolerance);
    assert_int_equal(n->graph->added_loss_count, c->training && c->experts > 1);
    if (n->graph->added_loss_count > 0) {
        assert_string_equal(n->graph->added_losses[0].label, "conv_lora.balance");
        compare(n, fixture, c->name, "balance", n->graph->added_losses[0].value, SCL_SHAPE(1),
                tolerance);
    }
    int compared = 0;
    for (size_t i = 0; i < n->graph->tensor_count; i++) {
        const scl_tensor *p = n->graph->tensors[i];
        char key[128];
        if (p->kind != SCL_TENSOR_PARAM || !p->trained)
            continue;
        snprintf(key, sizeof key, "d_%s", p == n->x ? "x" : p->name + strlen("qkv."));
        compare(n, fixture, c->name, key, p->grad, p->shape, tolerance);
        compared++;
    }
    assert_int_equal(compared, 5 + 2 * c->experts);
}

static void check_case(const char *device, const layer_case *c, double tolerance)
{
    layer n;
    scl_weights fixture;
    char params[64];
    snprintf(params, sizeof params, ", experts: %d%s", (int)c->experts, c->params);
    assert_ok(scl_weights_load(FIXTURE, &fixture, &test_error));
    open_layer(&n, device, params, c->training);
    build_layer(&n, c);
    replace_noise(&n);
    assert_true((n.noise != NULL) == (c->training && c->experts > 1));
    set_params(&n, c->name, "");
    set_x(&n, c);
    float *dy = pattern_values(c->name, "dy", n.y->shape, 1);
    compile(&n, loss_of(&n, dy));
    if (n.noise != NULL) {
        float *noise = pattern_values(c->name, "noise", n.noise->shape, 1.7);
        assert_ok(scl_schedule_write(n.compiled.schedule, n.noise, 0, noise,
                                     (size_t)scl_shape_count(n.noise->shape), &test_error));
        free(noise);
    }
    run_layer(&n);
    compare_all(&n, &fixture, c, tolerance);
    free(dy);
    close_layer(&n);
    scl_weights_free(&fixture);
}

static const layer_case cases[] = {
    {"window_8", "", 8, 1, 8, 4, 6, 4, 3, true},
    {"window_3", "", 3, 2, 6, 3, 6, 4, 3, true},
    {"window_1", "", 1, 1, 8, 4, 6, 4, 3, true},
    {"global_8", "", 8, 6, 5, 0, 5, 4, 3, true},
    {"global_3", "", 3, 3, 5, 0, 5, 4, 3, true},
    {"global_1", "", 1, 2, 5, 0, 5, 4, 3, true},
    {"window_8_paper", ", compat: paper", 8, 1, 8, 4, 6, 4, 3, true},
    {"window_8_eval", "", 8, 1, 8, 4, 6, 4, 3, false},
};

static void check_cases(const char *device)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(device, &cases[i], 1e-5); /* torch's are float32, too */
}

static void it_equals_autogluon(void **state)
{
    (void)state;
    char generic[256];
    snprintf(generic, sizeof generic, "%s+generic", test_device_name());
    check_cases("reference");
    check_cases(test_device_name());
    check_cases(generic);
}

/* ------------------------------------------------------------------ SAM's geometry */

/* The kernels against the reference, which upsamples whole samples, at every ratio. */
static void check_geometry(const char *device, const layer_case *c)
{
    layer n[2];
    const char *const names[2] = {"reference", device};
    float *found[2][64];
    size_t count[64], tensors = 0;
    for (int k = 0; k < 2; k++) {
        open_layer(&n[k], names[k], ", balance: 0", true);
        build_layer(&n[k], c);
        set_params(&n[k], c->name, "");
        set_x(&n[k], c);
        float *dy = pattern_values(c->name, "dy", n[k].y->shape, 1);
        compile(&n[k], loss_of(&n[k], dy));
        free(dy);
        run_layer(&n[k]);
        tensors = 0;
        found[k][tensors] = values_of(&n[k], n[k].y);
        count[tensors++] = (size_t)scl_shape_count(n[k].y->shape);
        for (size_t i = 0; i < n[k].graph->tensor_count; i++) {
            const scl_tensor *grad = n[k].graph->tensors[i]->grad;
            if (grad == NULL)
                continue;
            found[k][tensors] = values_of(&n[k], grad);
            count[tensors++] = (size_t)scl_shape_count(grad->shape);
        }
    }
    for (size_t i = 0; i < tensors; i++) {
        assert_near(c->name, found[1][i], found[0][i], count[i], 1e-5);
        free(found[0][i]);
        free(found[1][i]);
    }
    close_layer(&n[0]);
    close_layer(&n[1]);
}

static void kernels_equal_the_reference_on_the_grid_of_vit(void **state)
{
    (void)state;
    char generic[256];
    if (test_is_checked())
        skip(); /* too slow under an interpreter */
    const layer_case windows = {"windows", "", 8, 1, 70, 14, 64, 5, 4, true};
    const layer_case whole = {"whole", "", 8, 1, 64, 0, 64, 5, 4, true};
    snprintf(generic, sizeof generic, "%s+generic", test_device_name());
    check_geometry(test_device_name(), &windows);
    check_geometry(test_device_name(), &whole);
    check_geometry(generic, &windows);
}

/* ------------------------------------------------------------------ how it begins */

static void it_begins_as_the_layer_itself(void **state)
{
    (void)state;
    static const layer_case c = {"window_8", "", 8, 1, 8, 4, 6, 4, 3, true};
    layer n;
    open_layer(&n, test_device_name(), "", true);
    build_layer(&n, &c);
    scl_tensor *plain = scl_linear(n.graph, n.x, scl_graph_find(n.graph, "qkv.weight"),
                                   scl_graph_find(n.graph, "qkv.bias"), 1);
    set_params(&n, c.name, "qkv.lora_B");
    set_x(&n, &c);
    plain->keep = true;
    float *dy = pattern_values(c.name, "dy", n.y->shape, 1);
    compile(&n, loss_of(&n, dy));
    run_layer(&n);
    float *y = values_of(&n, n.y), *expected = values_of(&n, plain);
    float *d_up = values_of(&n, scl_graph_find(n.graph, "qkv.lora_B")->grad);
    size_t count = (size_t)scl_shape_count(n.y->shape);
    assert_memory_equal(y, expected, count * sizeof *y);
    assert_true(d_up[0] != 0);
    free(dy);
    free(y);
    free(expected);
    free(d_up);
    close_layer(&n);
}

/* The trained parameters below image_encoder. */
static int64_t count_trained(const char *type, const char *adapter)
{
    plugin_run run;
    char text[256];
    scl_sam_config config;
    snprintf(text, sizeof text, RUN_HEAD "adapter: %s\n", adapter);
    assert_ok(plugin_run_open(&run, text, &test_error));
    scl_sam_preset(type, &config);
    scl_adaptation adaptation = scl_run_plugins_adaptation(&run.plugins);
    scl_graph *catalog = scl_sam_catalog(&config, &adaptation, &test_error);
    assert_non_null(catalog);
    int64_t count = 0;
    for (size_t i = 0; i < catalog->tensor_count; i++)
        if (catalog->tensors[i]->trained)
            count += scl_shape_count(catalog->tensors[i]->shape);
    scl_graph_free(catalog);
    plugin_run_close(&run);
    return count;
}

static void parameters_are_as_many_as_published(void **state)
{
    (void)state;
    assert_int_equal(count_trained("vit_b", "{use: lora, params: {rank: 3}}"), 110592);
    assert_int_equal(count_trained("vit_l", "{use: lora, params: {rank: 3}}"), 294912);
    assert_int_equal(count_trained("vit_h", "{use: lora, params: {rank: 3}}"), 491520);
    assert_int_equal(count_trained("vit_b", "{use: conv_lora}"), 119232);
    assert_int_equal(count_trained("vit_l", "{use: conv_lora}"), 312192);
    assert_int_equal(count_trained("vit_h", "{use: conv_lora}"), 514560);
}

static void a_layer_without_a_grid_is_refused(void **state)
{
    (void)state;
    layer n;
    scl_error err = {0};
    open_layer(&n, "reference", "", true);
    const scl_sam m = {.graph = n.graph, .adaptation = &n.adaptation};
    scl_tensor *x = scl_parameter(n.graph, "x", SCL_SHAPE(2, 5, 4), (scl_init){0}, true);
    assert_null(scl_layer_linear(&m, "qkv", x, 3));
    assert_fails(scl_graph_status(n.graph, &err), SCL_BAD_CONFIG, err,
                 "adapter conv_lora at qkv: its rows are not the tokens of an image's grid");
    scl_graph_free(n.graph);
    n.graph = NULL;
    scl_store_free(n.store);
    scl_device_close(n.device);
    plugin_run_close(&n.run);
}

/* ------------------------------------------------------------------ in a model */

static void set_encoder(scl_store *store, const scl_graph *g)
{
    for (size_t i = 0; i < g->tensor_count; i++) {
        const scl_tensor *p = g->tensors[i];
        const char *own = p->name != NULL ? strstr(p->name, "lora_") : NULL;
        if (p->kind != SCL_TENSOR_PARAM || own == NULL)
            continue;
        char prefix[128];
        snprintf(prefix, sizeof prefix, "%.*s", (int)(own - p->name - 1), p->name);
        float *values = pattern_values(prefix, own, p->shape, scale_of(own));
        assert_ok(scl_store_set(store, p->name, SCL_TENSOR_PARAM, p->shape, values, &test_error));
        free(values);
    }
}

#define IN_SAM "{use: conv_lora, params: {alpha: 3, experts: 3}}"

/* The windows of the small SAM reach beyond its grid: their padding is a part of every sample. */
static void check_sam(const char *device, double tolerance)
{
    layer n = {0};
    scl_weights fixture;
    scl_sam_config config = small_config(SCL_SAM_META);
    assert_ok(scl_weights_load(FIXTURE, &fixture, &test_error));
    assert_ok(plugin_run_open(&n.run, RUN_HEAD "adapter: " IN_SAM "\n", &test_error));
    assert_ok(scl_device_open(device, &n.device, &test_error));
    n.adaptation = scl_run_plugins_adaptation(&n.run.plugins);
    n.store = small_store(n.device, &config);
    n.graph = scl_graph_create(&test_error);
    const scl_sam m = {.graph = n.graph, .config = &config, .adaptation = &n.adaptation};
    scl_tensor *image =
        scl_input(n.graph, "image", SCL_F32, SCL_SHAPE(1, SMALL_IMAGE, SMALL_IMAGE, 3));
    n.y = scl_sam_image_encoder(&m, image);
    assert_ok(scl_graph_status(n.graph, &test_error));
    scl_shape flat = SCL_SHAPE(1, SMALL_GRID * SMALL_GRID, 16);
    n.y = scl_reshape(n.graph, n.y, flat);
    set_encoder(n.store, n.graph);
    float *dy = pattern_values("sam", "d_embedding", flat, 1);
    compile(&n, loss_of(&n, dy));
    float *pixels = malloc(sizeof(float) * SMALL_IMAGE * SMALL_IMAGE * 3);
    for (size_t i = 0; i < SMALL_IMAGE * SMALL_IMAGE * 3; i++)
        pixels[i] = pattern_float("image", i);
    assert_ok(scl_schedule_write(n.compiled.schedule, image, 0, pixels,
                                 SMALL_IMAGE * SMALL_IMAGE * 3, &test_error));
    run_layer(&n);
    compare(&n, &fixture, "sam", "embedding", n.y, flat, tolerance);
    static const char *const keys[] = {"lora_A", "lora_moe_experts.0.0.weight",
                                       "lora_moe_experts.1.0.weight"};
    for (int i = 0; i < 6; i++) {
        char key[128];
        snprintf(key, sizeof key, "d_image_encoder.blocks.%d.attn.qkv.%s", i / 3, keys[i % 3]);
        const scl_tensor *p = scl_graph_find(n.graph, key + 2);
        compare(&n, &fixture, "sam", key, p->grad, p->shape, tolerance);
    }
    free(dy);
    free(pixels);
    close_layer(&n);
    scl_weights_free(&fixture);
}

static void windows_are_padded_as_in_segment_anything(void **state)
{
    (void)state;
    check_sam("reference", 1e-4); /* torch's are float32 */
    check_sam(test_device_name(), 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_equals_autogluon),
        cmocka_unit_test(kernels_equal_the_reference_on_the_grid_of_vit),
        cmocka_unit_test(it_begins_as_the_layer_itself),
        cmocka_unit_test(parameters_are_as_many_as_published),
        cmocka_unit_test(a_layer_without_a_grid_is_refused),
        cmocka_unit_test(windows_are_padded_as_in_segment_anything),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, search_both, NULL);
}
