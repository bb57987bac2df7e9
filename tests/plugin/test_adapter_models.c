/* The adapters in the image encoder of a small SAM: against torch, their start, their derivatives,
 * merged, several at once. */
#include "kept_device.h"
#include "model/small_sam.h"
#include "plugin/plugin_support.h"

#include "base/mem.h"
#include "base/str.h"
#include "graph/compiled.h"
#include "graph/fuse.h"
#include "pattern.h"
#include "plugin/adaptation.h"
#include "plugin/merge.h"
#include "registry.h"

#define FIXTURE TEST_FIXTURES "/plugin/adapter_models.safetensors"

#define MAX_TRAINED 256

/* The encoder with a run file's adapters, and the loss of make_adapter_model_fixtures.py. */
typedef struct tuned_encoder {
    plugin_run run;
    scl_adaptation adaptation;
    scl_sam_config config;
    scl_device *device;
    scl_store *store;
    scl_graph *graph;
    scl_tensor *image, *embedding, *loss;
    scl_tensor *trained[MAX_TRAINED]; /* in the order of their names */
    size_t trained_count;
    scl_compiled compiled;
} tuned_encoder;

static int by_name(const void *a, const void *b)
{
    const scl_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void find_trained(tuned_encoder *t)
{
    for (size_t i = 0; i < t->graph->tensor_count; i++)
        if (t->graph->tensors[i]->trained) {
            assert_true(t->trained_count < MAX_TRAINED);
            t->trained[t->trained_count++] = t->graph->tensors[i];
        }
    qsort(t->trained, t->trained_count, sizeof *t->trained, by_name);
}

static scl_tensor *weighted_sum(scl_graph *g, scl_tensor *x, const char *pattern)
{
    size_t count = (size_t)scl_shape_count(x->shape);
    float *weights = malloc(count * sizeof *weights);
    for (size_t i = 0; i < count; i++)
        weights[i] = pattern_float(pattern, i);
    scl_tensor *w = scl_constant(g, weights, x->shape);
    free(weights);
    return scl_reshape(g, scl_sum(g, scl_mul(g, x, w), 0, x->shape.ndim), SCL_SHAPE(1));
}

static scl_graph *build_graph(tuned_encoder *t, const scl_adaptation *adaptation)
{
    scl_graph *g = scl_graph_create(&test_error);
    const scl_sam m = {.graph = g, .config = &t->config, .adaptation = adaptation};
    t->image = scl_input(g, "image", SCL_F32, SCL_SHAPE(1, SMALL_IMAGE, SMALL_IMAGE, 3));
    t->embedding = scl_sam_image_encoder(&m, t->image);
    if (t->embedding != NULL)
        t->embedding->keep = true;
    return g;
}

/* `t` must not move. The graph may have failed. */
static void begin(tuned_encoder *t, const char *device, const char *adapter)
{
    char text[512];
    snprintf(text, sizeof text, RUN_HEAD "adapter: %s\n", adapter);
    *t = (tuned_encoder){.config = small_config(SCL_SAM_META)};
    assert_ok(plugin_run_open(&t->run, text, &test_error));
    assert_ok(scl_device_open(device, &t->device, &test_error));
    t->store = small_store(t->device, &t->config);
    t->adaptation = scl_run_plugins_adaptation(&t->run.plugins);
    t->graph = build_graph(t, &t->adaptation);
}

/* With gradients where something is trained. */
static void compile(tuned_encoder *t, bool fused)
{
    assert_ok(scl_graph_status(t->graph, &test_error));
    find_trained(t);
    t->loss = weighted_sum(t->graph, t->embedding, "dembedding");
    t->loss->keep = true;
    if (t->trained_count > 0)
        assert_ok(scl_autodiff(t->graph, t->loss, &test_error));
    for (size_t i = 0; i < t->trained_count; i++)
        t->trained[i]->grad->keep = true;
    if (fused)
        assert_ok(scl_graph_fuse(t->graph, &test_error));
    assert_ok(scl_compile(t->graph, NULL, 0, t->store, &t->compiled, &test_error));
    float image[SMALL_IMAGE * SMALL_IMAGE * 3];
    for (size_t i = 0; i < sizeof image / sizeof *image; i++)
        image[i] = pattern_float("image", i);
    assert_ok(scl_schedule_write(t->compiled.schedule, t->image, 0, image,
                                 sizeof image / sizeof *image, &test_error));
}

static void run(tuned_encoder *t)
{
    assert_ok(scl_schedule_run(t->compiled.schedule, 0, t->compiled.plan->node_count, &test_error));
}

static void end(tuned_encoder *t)
{
    scl_compiled_free(&t->compiled);
    scl_store_free(t->store);
    assert_int_equal(t->device->bytes_in_use, 0);
    scl_device_close(t->device);
    plugin_run_close(&t->run);
}

/* Free with free. */
static float *values_of(const tuned_encoder *t, const scl_tensor *tensor)
{
    size_t count = (size_t)scl_shape_count(tensor->shape);
    float *values = malloc(count * sizeof *values);
    assert_ok(scl_schedule_read(t->compiled.schedule, tensor, 0, values, count, &test_error));
    return values;
}

static bool is_own(const scl_tensor *param)
{
    return strncmp(param->scope, "adapter ", 8) == 0;
}

/* Patterns of their names for the adapters' own parameters, as pattern_weight in Python. */
static void set_patterns(tuned_encoder *t)
{
    for (size_t i = 0; i < t->trained_count; i++) {
        const scl_tensor *param = t->trained[i];
        size_t count = (size_t)scl_shape_count(param->shape);
        float *values = malloc(count * sizeof *values);
        float base = param->init.kind == SCL_INIT_NEAR_ONE ? 1 : 0;
        for (size_t k = 0; k < count; k++)
            values[k] = (float)(0.3 * (double)pattern_float(param->name, k)) + base;
        if (is_own(param))
            assert_ok(scl_store_set(t->store, param->name, SCL_TENSOR_PARAM, param->shape, values,
                                    &test_error));
        free(values);
    }
}

/* ------------------------------------------------------------------ against torch */

/* One line of the fixture's cases. */
typedef struct fixture_case {
    char name[32], adapter[256];
} fixture_case;

#define FOR_EACH_CASE(fixture, c)                                                                  \
    for (const char *at = scl_weights_metadata(&(fixture), "cases"); at != NULL && *at != '\0';    \
         at = strchr(at, '\n') + 1)                                                                \
        if (assert_int_equal(sscanf(at, "%31s %255[^\n]", (c).name, (c).adapter), 2), true)

static void compare_case(const tuned_encoder *t, const scl_weights *fixture, const fixture_case *c,
                         double tolerance)
{
    char name[64];
    size_t tokens = SMALL_GRID * SMALL_GRID, channels = SMALL_EMBEDDING / tokens, count = 0;
    float first[SMALL_GRID * SMALL_GRID], *embedding = values_of(t, t->embedding);
    for (size_t i = 0; i < tokens; i++)
        first[i] = embedding[i * channels];
    snprintf(name, sizeof name, "%s.embedding", c->name);
    float *expected = fixture_values(fixture, name, tokens);
    assert_near(name, first, expected, tokens, tolerance);
    free(embedding);
    free(expected);
    for (size_t i = 0; i < t->trained_count; i++)
        count += (size_t)scl_shape_count(t->trained[i]->shape);
    snprintf(name, sizeof name, "%s.gradients", c->name);
    expected = fixture_values(fixture, name, count);
    for (size_t i = 0, from = 0; i < t->trained_count; i++) {
        char which[160];
        snprintf(which, sizeof which, "%s: the gradient of %s", c->name, t->trained[i]->name);
        float *found = values_of(t, t->trained[i]->grad);
        count = (size_t)scl_shape_count(t->trained[i]->shape);
        assert_near(which, found, expected + from, count, tolerance);
        from += count;
        free(found);
    }
    free(expected);
}

static void check_cases(const char *device, double tolerance)
{
    scl_weights fixture;
    fixture_case c;
    assert_ok(scl_weights_load(FIXTURE, &fixture, &test_error));
    FOR_EACH_CASE(fixture, c)
    {
        tuned_encoder t;
        begin(&t, device, c.adapter);
        compile(&t, true);
        set_patterns(&t);
        run(&t);
        compare_case(&t, &fixture, &c, tolerance);
        end(&t);
    }
    scl_weights_free(&fixture);
}

static void adapters_equal_torch(void **state)
{
    (void)state;
    check_cases("reference", 1e-5);
    check_cases(test_device_name(), 2e-4);
}

/* ------------------------------------------------------------------ derivatives */

static double loss_with(tuned_encoder *t, const scl_tensor *param, const float *values, size_t at,
                        float value)
{
    size_t count = (size_t)scl_shape_count(param->shape);
    float loss, *changed = malloc(count * sizeof *changed);
    memcpy(changed, values, count * sizeof *changed);
    changed[at] = value;
    assert_ok(
        scl_store_set(t->store, param->name, SCL_TENSOR_PARAM, param->shape, changed, &test_error));
    run(t);
    assert_ok(scl_schedule_read(t->compiled.schedule, t->loss, 0, &loss, 1, &test_error));
    free(changed);
    return (double)loss;
}

/* Of the steepest of a parameter's values. */
static void check_difference(tuned_encoder *t, const scl_tensor *param)
{
    const float step = 1.0f / 512;
    size_t count = (size_t)scl_shape_count(param->shape), at = 0;
    float *values = malloc(count * sizeof *values), *grad = values_of(t, param->grad);
    assert_ok(scl_store_read(t->store, scl_store_find(t->store, param->name), values, &test_error));
    for (size_t i = 0; i < count; i++)
        at = fabsf(grad[i]) > fabsf(grad[at]) ? i : at;
    double up = loss_with(t, param, values, at, values[at] + step),
           down = loss_with(t, param, values, at, values[at] - step),
           slope = (up - down) / (2 * (double)step);
    if (!(fabs(slope - (double)grad[at]) <= 0.02 * fabs(slope) + 1e-3))
        fail_msg("the derivative by %s[%zu] is %g, differences give %g", param->name, at,
                 (double)grad[at], slope);
    loss_with(t, param, values, at, values[at]);
    free(values);
    free(grad);
}

/* dora's own derivative is none of its value: no gradient flows through its norms. */
static void derivatives_are_finite_differences(void **state)
{
    (void)state;
    static const char *const adapters[] = {
        "{use: lora}",
        "{use: lora, params: {parts: [q, v], alpha: 8, rslora: true}}",
        "{use: ssf}",
        "{use: houlsby, params: {bottleneck: 4}}",
        "{use: adaptformer, params: {bottleneck: 4, scale: 1}}",
        "{use: vpt, params: {tokens: 2}}",
    };
    for (size_t i = 0; i < sizeof adapters / sizeof *adapters; i++) {
        tuned_encoder t;
        begin(&t, "reference", adapters[i]);
        compile(&t, true);
        set_patterns(&t);
        run(&t);
        size_t every = t.trained_count > 12 ? t.trained_count / 6 : 1;
        for (size_t k = 0; k < t.trained_count; k += every)
            check_difference(&t, t.trained[k]);
        end(&t);
    }
}

/* ------------------------------------------------------------------ the start */

static float *embedding_with(const char *adapter, bool fused)
{
    tuned_encoder t;
    begin(&t, test_device_name(), adapter);
    compile(&t, fused);
    run(&t);
    float *embedding = values_of(&t, t.embedding);
    end(&t);
    return embedding;
}

/* To the bit, as graphs are built. In the fused ones of a training a layer that gives its result to
 * an adapter no longer adds the residual by itself, and rounds it otherwise. */
static void zero_starts_are_the_model_itself(void **state)
{
    (void)state;
    static const char *const adapters[] = {
        "{use: lora}",
        "{use: lora, params: {parts: [q, k, v]}}",
        "{use: dora}",
        "{use: bitfit}",
        "{use: norm_tuning}",
        "{use: full}",
        "{use: ssf, params: {std: 0}}",
        "{use: houlsby, params: {exact_start: true}}",
        "{use: adaptformer}",
        "[{use: lora}, {use: adaptformer}, {use: bitfit}]",
    };
    for (int fused = 0; fused < 2; fused++) {
        float *base = embedding_with("none", fused);
        for (size_t i = 0; i < sizeof adapters / sizeof *adapters; i++) {
            float *tuned = embedding_with(adapters[i], fused);
            assert_near(adapters[i], tuned, base, SMALL_EMBEDDING,
                        !fused && divides_exactly() ? 0 : 1e-6);
            free(tuned);
        }
        free(base);
    }
}

/* What starts near the model, not at it. */
static void published_starts_are_near_the_model(void **state)
{
    (void)state;
    static const struct {
        const char *adapter;
        double tolerance;
    } cases[] = {{"{use: ssf}", 0.3}, {"{use: houlsby}", 1e-3}, {"{use: vpt}", 2}};
    float *base = embedding_with("none", true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float *tuned = embedding_with(cases[i].adapter, true);
        assert_near(cases[i].adapter, tuned, base, SMALL_EMBEDDING, cases[i].tolerance);
        assert_memory_not_equal(tuned, base, SMALL_EMBEDDING * sizeof *base);
        free(tuned);
    }
    free(base);
}

/* ------------------------------------------------------------------ merging */

static void merge_is_the_adapted_model(void **state)
{
    (void)state;
    static const char *const adapters[] = {
        "{use: lora, params: {rank: 3, alpha: 6}}",
        "{use: lora, params: {rank: 2, parts: [q, v], sites: [\"*.qkv\"]}}",
        "{use: lora, params: {rank: 2, sites: [\"*.lin?\", \"*.proj\", \"*.q_proj\"]}}",
        "{use: dora, params: {rank: 3, alpha: 6}}",
        "{use: ssf}",
        "{use: bitfit}",
        "[{use: lora}, {use: ssf}]",
        "[{use: ssf}, {use: dora}]",
        "[{use: dora}, {use: ssf}, {use: norm_tuning}]",
        "none",
    };
    for (size_t i = 0; i < sizeof adapters / sizeof *adapters; i++) {
        tuned_encoder t;
        begin(&t, test_device_name(), adapters[i]);
        compile(&t, true);
        set_patterns(&t);
        run(&t);
        float *adapted = values_of(&t, t.embedding);
        scl_model model = {.device = t.device, .config = t.config, .store = t.store};
        assert_ok(scl_adapters_merge(&t.run.plugins, &model, &test_error));
        scl_compiled_free(&t.compiled);
        t.trained_count = 0;
        t.graph = build_graph(&t, NULL);
        compile(&t, true);
        run(&t);
        float *merged = values_of(&t, t.embedding);
        assert_near(adapters[i], merged, adapted, SMALL_EMBEDDING, 1e-5);
        free(adapted);
        free(merged);
        end(&t);
    }
}

static void what_cannot_be_merged_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *adapter, *words;
        scl_status status;
    } cases[] = {
        {"{use: houlsby}",
         "run.yaml:3:1: the adapter `houlsby` at image_encoder.blocks.0.attn cannot be merged: "
         "what it does is no change of a layer's weights",
         SCL_BAD_CONFIG},
        {"[{use: lora}, {use: vpt}]",
         "run.yaml:3:24: the adapter `vpt` at image_encoder.blocks.0 cannot be merged: what it "
         "does is no change of a layer's weights",
         SCL_BAD_CONFIG},
        {"{use: ssf, params: {sites: [\"image_encoder.neck.?\"]}}",
         "run.yaml:3:21: adapter ssf at image_encoder.neck.0: it cannot be merged into a layer "
         "without a bias",
         SCL_BAD_CONFIG},
        {"{use: faulty_adapter, params: {how: wide_merge}}",
         "adapter faulty_adapter at image_encoder.blocks.0.attn.qkv: the merged weight must be of "
         "shape [72, 24], and is of [144, 24]",
         SCL_PLUGIN},
        {"{use: faulty_adapter, params: {how: no_merge}}",
         "adapter faulty_adapter at image_encoder.blocks.0.attn.qkv: it returned no tensor and "
         "gave no reason",
         SCL_PLUGIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tuned_encoder t;
        scl_error err = {0};
        begin(&t, "reference", cases[i].adapter);
        compile(&t, true);
        scl_model model = {.device = t.device, .config = t.config, .store = t.store};
        assert_fails(scl_adapters_merge(&t.run.plugins, &model, &err), cases[i].status, err,
                     cases[i].words);
        end(&t);
    }
}

static void failing_allocations_end_a_merge_with_a_reason(void **state)
{
    (void)state;
    tuned_encoder t;
    begin(&t, "reference", "[{use: lora}, {use: ssf, params: {sites: [\"*.qkv\"]}}]");
    compile(&t, true);
    const scl_model model = {.device = t.device, .config = t.config, .store = t.store};
    scl_status status = SCL_DEVICE;
    for (long n = 0; status != SCL_OK; n += 1 + n / 16) {
        scl_model again = model;
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status = scl_adapters_merge(&t.run.plugins, &again, &err);
        scl_alloc_fail_after(-1);
        if (status != SCL_OK && (status != SCL_DEVICE || strstr(err.text, "memory") == NULL))
            fail_msg("allocation %ld: %s: %s", n, scl_status_name(status), err.text);
    }
    end(&t);
}

/* ------------------------------------------------------------------ several */

/* One that was built for ABI 1.0 and takes every site is asked about linear layers alone. */
static void an_adapter_of_1_0_sees_linear_layers(void **state)
{
    (void)state;
    tuned_encoder t;
    size_t linear = 0;
    begin(&t, "reference", "{use: version_1_0}");
    assert_ok(scl_graph_status(t.graph, &test_error));
    for (size_t i = 0; i < t.graph->node_count; i++) {
        const char *scope = t.graph->nodes[i]->scope;
        if (!scl_starts_with(scope, "adapter "))
            continue;
        linear++;
        assert_true(scl_ends_with(scope, ".qkv") || scl_ends_with(scope, ".attn.proj") ||
                    scl_ends_with(scope, ".lin1") || scl_ends_with(scope, ".lin2"));
    }
    assert_int_equal(linear, 3 * 4 + 2); /* and what qkv makes of the padding, in two blocks */
    scl_graph_free(t.graph);
    end(&t);
}

static void assert_graph_fails(const char *adapter, scl_status status, const char *words)
{
    tuned_encoder t;
    scl_error err = {0};
    begin(&t, "reference", adapter);
    assert_fails(scl_graph_status(t.graph, &err), status, err, words);
    scl_graph_free(t.graph);
    end(&t);
}

static void two_parameters_of_one_name_are_refused(void **state)
{
    (void)state;
    assert_graph_fails("[{use: lora}, {use: lora, params: {sites: [\"*.1.attn.qkv\"]}}]",
                       SCL_BAD_CONFIG,
                       "adapter lora_2 at image_encoder.blocks.1.attn.qkv: its parameter "
                       "`image_encoder.blocks.1.attn.qkv.lora_A` is already one of adapter lora at "
                       "image_encoder.blocks.1.attn.qkv: adapters that make parameters of one name "
                       "need different `sites`");
    tuned_encoder t;
    begin(&t, "reference",
          "[{use: lora}, {use: lora, params: {rank: 2, sites: [\"*.attn.proj\"]}}]");
    compile(&t, true);
    assert_int_equal(t.trained_count, 2 * 3 * 2);
    end(&t);
}

static void what_an_adapter_does_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *how, *words;
        scl_status status;
    } faults[] = {
        {"null", "it returned no tensor and gave no reason", SCL_PLUGIN},
        {"wrong_shape",
         "it must return the layer's output, float32 of shape [1, 64, 72], returned "
         "float32 of shape [1, 64, 24]",
         SCL_PLUGIN},
        {"bad_name", "param: a name is letters, digits and _, joined by dots", SCL_PLUGIN},
        {"own_words", "`how` cannot be that here", SCL_BAD_CONFIG},
        {"takes_weight", "param: `bias` is the wrapped layer's own; take another name", SCL_PLUGIN},
        {"two_shapes", "\"image_encoder.blocks.0.attn.qkv.scale\" is wanted with shape [",
         SCL_PLUGIN},
        {"bad_init", "param: `scale` has no usable initial values (kind 99, scale 1)", SCL_PLUGIN},
        {"bad_mul", "mul: shapes [1, 64, 144] and [1, 64, 72] do not broadcast", SCL_PLUGIN},
        {"wide_tokens", "it must return tokens, float32 [T, 24], returned shape [2, 25]",
         SCL_PLUGIN},
        {"no_tokens", "it returned no tensor and gave no reason", SCL_PLUGIN},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char adapter[128];
        snprintf(adapter, sizeof adapter, "{use: faulty_adapter, params: {how: %s}}",
                 faults[i].how);
        assert_graph_fails(adapter, faults[i].status, faults[i].words);
    }
}

static void what_the_run_file_asks_wrongly_is_said(void **state)
{
    (void)state;
    assert_graph_fails(
        "{use: lora, params: {parts: [q, q]}}", SCL_BAD_CONFIG,
        "run.yaml:3:22: adapter lora at image_encoder.blocks.0.attn.qkv: `parts` must be some of "
        "q, k and v, each once");
    assert_graph_fails("{use: lora, params: {parts: [w]}}", SCL_BAD_CONFIG, "`parts` must be");
    assert_graph_fails("{use: lora, params: {parts: []}}", SCL_BAD_CONFIG, "`parts` must be");
    assert_graph_fails("{use: lora, params: {parts: [q], sites: [\"*.proj\"]}}", SCL_BAD_CONFIG,
                       "and `sites` layers that make all three");
}

/* ------------------------------------------------------------------ parameters */

/* The values an adapter trains of ViT-H's encoder. */
static void counts_are_those_of_the_papers(void **state)
{
    (void)state;
    static const struct {
        const char *adapter;
        int64_t values;
    } cases[] = {
        {"{use: lora, params: {rank: 3}}", 491520},
        {"{use: lora, params: {rank: 3, parts: [q, v]}}", 491520},
        {"{use: lora, params: {rank: 3, sites: [\"image_encoder.blocks.3?.attn.qkv\"]}}", 30720},
        {"{use: dora, params: {rank: 3}}", 491520 + 32 * 3840},
        {"{use: bitfit}", 3957888 - 3505536}, /* of the spec's table, less its decoder */
        {"{use: norm_tuning}", 164864},
        {"{use: ssf}", 903680},
        {"{use: houlsby, params: {bottleneck: 2}}", 409728},
        {"{use: adaptformer}", 5285888},
        {"{use: vpt, params: {tokens: 12}}", 491520},
        {"[{use: vpt}, {use: bitfit}]", 491520 + 452352},
    };
    scl_sam_config config;
    scl_sam_preset("vit_h", &config);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        plugin_run opened;
        int64_t values = 0;
        snprintf(text, sizeof text, RUN_HEAD "adapter: %s\n", cases[i].adapter);
        assert_ok(plugin_run_open(&opened, text, &test_error));
        const scl_adaptation adaptation = scl_run_plugins_adaptation(&opened.plugins);
        scl_graph *catalog = scl_sam_catalog(&config, &adaptation, &test_error);
        assert_non_null(catalog);
        assert_ok(scl_run_plugins_check_model(&opened.plugins, catalog, &test_error));
        for (size_t k = 0; k < catalog->tensor_count; k++)
            if (catalog->tensors[k]->trained)
                values += scl_shape_count(catalog->tensors[k]->shape);
        if (values != cases[i].values)
            fail_msg("%s trains %lld values, expected %lld", cases[i].adapter, (long long)values,
                     (long long)cases[i].values);
        scl_graph_free(catalog);
        plugin_run_close(&opened);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_equal_torch),
        cmocka_unit_test(derivatives_are_finite_differences),
        cmocka_unit_test(zero_starts_are_the_model_itself),
        cmocka_unit_test(published_starts_are_near_the_model),
        cmocka_unit_test(merge_is_the_adapted_model),
        cmocka_unit_test(what_cannot_be_merged_is_said),
        cmocka_unit_test(failing_allocations_end_a_merge_with_a_reason),
        cmocka_unit_test(an_adapter_of_1_0_sees_linear_layers),
        cmocka_unit_test(two_parameters_of_one_name_are_refused),
        cmocka_unit_test(what_an_adapter_does_wrong_is_said),
        cmocka_unit_test(what_the_run_file_asks_wrongly_is_said),
        cmocka_unit_test(counts_are_those_of_the_papers),
    };
    keep_device_open();
    return cmocka_run_group_tests(tests, search_both, NULL);
}
