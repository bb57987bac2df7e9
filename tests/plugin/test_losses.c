/* Every loss, and losses written as expressions, against torch: its value and the gradients of
 * logits and IoU estimates, over masks with padding, without objects, without pixels, and with
 * extreme logits. */
#include "fixture.h"
#include "plugin/plugin_support.h"

#include "graph/compiled.h"
#include "graph/pointwise.h"
#include "plugin/losses.h"
#include "registry.h"

#define LOSSES      TEST_FIXTURES "/plugin/losses.safetensors"
#define EXPRESSIONS TEST_FIXTURES "/plugin/expressions.safetensors"

#define CLASSES_HEAD                                                                               \
    "model: {type: vit_b}\n"                                                                       \
    "data: {train: {images: i, masks: m}, task: multiclass, classes: 4, prompts: [none]}\n"

/* A graph of one case, over the set of inputs `set`. */
typedef struct loss_graph {
    const scl_weights *fixture;
    const char *set;
    scl_graph *graph;
    scl_loss_inputs in;
    scl_tensor *mask_weight;
    scl_candidates candidates; /* eligible NULL: a mask for each object */
    scl_losses losses;
} loss_graph;

static const scl_weight *find(const loss_graph *n, const char *key)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", n->set, key);
    return scl_weights_find(n->fixture, name);
}

static scl_tensor *input(const loss_graph *n, const char *key)
{
    const scl_weight *w = find(n, key);
    assert_non_null(w);
    scl_dtype dtype = w->dtype == SCL_WEIGHT_I32 ? SCL_I32 : SCL_F32;
    return scl_input(n->graph, key, dtype, scl_shape_make(w->ndim, w->dim));
}

/* A leaf whose gradient is asked for. */
static scl_tensor *learned(const loss_graph *n, const char *key, scl_store *store)
{
    const scl_weight *w = find(n, key);
    scl_shape shape = scl_shape_make(w->ndim, w->dim);
    float *values = malloc(w->bytes);
    scl_weight_to_f32(w, values);
    assert_ok(scl_store_set(store, key, SCL_TENSOR_PARAM, shape, values, &test_error));
    free(values);
    return scl_parameter(n->graph, key, shape, (scl_init){0}, true);
}

static loss_graph build(const scl_weights *fixture, const char *set, const plugin_run *run,
                        scl_store *store)
{
    loss_graph n = {.fixture = fixture, .set = set, .graph = scl_graph_create(&test_error)};
    n.in.logits = learned(&n, "logits", store);
    n.in.iou_prediction = find(&n, "iou") != NULL ? learned(&n, "iou", store) : NULL;
    n.in.task = n.in.iou_prediction != NULL ? SCL_TASK_BINARY : SCL_TASK_MULTICLASS;
    n.in.classes = n.in.logits->shape.dim[1];
    n.in.target = input(&n, "target");
    n.in.weight = input(&n, "weight");
    n.mask_weight = input(&n, "mask_weight");
    if (find(&n, "eligible") != NULL)
        n.candidates = (scl_candidates){input(&n, "eligible"), find(&n, "best") != NULL};
    n.losses = scl_losses_build(&run->plugins, n.graph, &n.in, n.mask_weight,
                                n.candidates.eligible != NULL ? &n.candidates : NULL);
    assert_ok(scl_graph_status(n.graph, &test_error));
    n.losses.total->keep = n.losses.parts->keep = true;
    assert_ok(scl_autodiff(n.graph, n.losses.total, &test_error));
    for (size_t i = 0; i < n.graph->tensor_count; i++)
        if (n.graph->tensors[i]->grad != NULL)
            n.graph->tensors[i]->grad->keep = true;
    return n;
}

static void write_inputs(const loss_graph *n, scl_schedule *s)
{
    const scl_tensor *const inputs[] = {n->in.target, n->in.weight, n->mask_weight,
                                        n->candidates.eligible};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs && inputs[i] != NULL; i++) {
        const scl_weight *w = find(n, inputs[i]->name);
        if (!scl_schedule_has(s, inputs[i])) /* an expression need not name it */
            continue;
        void *values = malloc(w->bytes);
        memcpy(values, w->data, w->bytes);
        assert_ok(scl_schedule_write(s, inputs[i], 0, values, (size_t)scl_weight_elements(w),
                                     &test_error));
        free(values);
    }
}

/* `found` NULL: not in the graph, so that torch must have found zeros. */
static void compare(const loss_graph *n, scl_schedule *s, const char *name, const char *key,
                    const scl_tensor *found, size_t count, double tolerance)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%s", name, key);
    float *values = calloc(count, sizeof *values),
          *expected = fixture_values(n->fixture, full, count);
    if (found != NULL)
        assert_ok(scl_schedule_read(s, found, 0, values, count, &test_error));
    assert_near(full, values, expected, count, tolerance);
    free(values);
    free(expected);
}

/* As a step does it. Returns the bytes that the plan may have then: less than before, but somewhat
 * more where ops stand between that are no elementwise ones. */
static size_t fuse(const loss_graph *n, scl_device *device)
{
    scl_plan *plan = NULL;
    scl_graph *g = n->graph;
    assert_ok(scl_plan_create(g, g->nodes, g->node_count, device, &plan, &test_error));
    size_t bytes = plan->arena_bytes;
    for (size_t i = 0; i < g->node_count; i++)
        if (g->nodes[i]->op == SCL_OP_SOFTMAX || g->nodes[i]->op == SCL_OP_ARGSORT)
            bytes = plan->arena_bytes * 3 / 2;
    scl_plan_free(plan);
    assert_ok(scl_graph_fuse_pointwise(g, 0, g->node_count, &test_error));
    return bytes;
}

static void check_case(scl_device *device, const scl_weights *fixture, const char *name,
                       const char *set, const char *losses, bool fused, double tolerance)
{
    char text[512];
    plugin_run run;
    scl_store *store = NULL;
    scl_compiled c;
    bool classes = strncmp(set, "class", strlen("class")) == 0;
    snprintf(text, sizeof text, "%slosses: %s\n", classes ? CLASSES_HEAD : RUN_HEAD, losses);
    assert_ok(plugin_run_open(&run, text, &test_error));
    assert_ok(scl_store_create(device, 0, &store, &test_error));
    loss_graph n = build(fixture, set, &run, store);
    size_t most = fused ? fuse(&n, device) : 0;
    assert_ok(scl_compile(n.graph, NULL, 0, store, &c, &test_error));
    if (fused) /* every place is rounded up */
        assert_true(c.plan->arena_bytes <= most + c.plan->place_count * device->info.alignment);
    write_inputs(&n, c.schedule);
    assert_ok(scl_schedule_run(c.schedule, 0, c.plan->node_count, &test_error));
    compare(&n, c.schedule, name, "parts", n.losses.parts, run.plugins.loss_count, tolerance);
    compare(&n, c.schedule, name, "total", n.losses.total, 1, tolerance);
    const scl_tensor *leaves[] = {n.in.logits, n.in.iou_prediction};
    const char *const keys[] = {"d_logits", "d_iou"};
    for (int i = 0; i < 2 && leaves[i] != NULL; i++)
        compare(&n, c.schedule, name, keys[i], leaves[i]->grad,
                (size_t)scl_shape_count(leaves[i]->shape), tolerance);
    scl_compiled_free(&c);
    scl_store_free(store);
    plugin_run_close(&run);
}

static void check_all(const char *device_name, const char *file, int least, bool fused,
                      double tolerance)
{
    scl_device *device = NULL;
    scl_weights fixture;
    assert_ok(scl_device_open(device_name, &device, &test_error));
    assert_ok(scl_weights_load(file, &fixture, &test_error));
    char *lines = strdup(scl_weights_metadata(&fixture, "cases")), *rest = NULL;
    int checked = 0;
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest), checked++) {
        char *after = NULL, *name = strtok_r(line, " ", &after);
        char *set = strtok_r(NULL, " ", &after);
        check_case(device, &fixture, name, set, after, fused, tolerance);
    }
    assert_true(checked > least);
    free(lines);
    scl_weights_free(&fixture);
    assert_int_equal(device->bytes_in_use, 0);
    scl_device_close(device);
}

static void losses_equal_torch_on_the_reference(void **state)
{
    (void)state;
    check_all("reference", LOSSES, 75, false, 1e-6);
    check_all("reference", LOSSES, 75, true, 1e-6);
}

static void losses_equal_torch_on_the_device(void **state)
{
    (void)state;
    check_all(test_device_name(), LOSSES, 75, true, 1e-5);
}

static void expressions_equal_torch_on_the_reference(void **state)
{
    (void)state;
    check_all("reference", EXPRESSIONS, 19, false, 1e-6);
    check_all("reference", EXPRESSIONS, 19, true, 1e-6);
}

static void expressions_equal_torch_on_the_device(void **state)
{
    (void)state;
    check_all(test_device_name(), EXPRESSIONS, 19, true, 1e-5);
}

/* samcl's own losses, and the example of the manual. */
static int search_example_too(void **state)
{
    (void)state;
    return setenv(SCL_PLUGIN_PATH_VARIABLE, PLUGINS ":" TEST_BUILD "/tests/example", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_equal_torch_on_the_reference),
        cmocka_unit_test(losses_equal_torch_on_the_device),
        cmocka_unit_test(expressions_equal_torch_on_the_reference),
        cmocka_unit_test(expressions_equal_torch_on_the_device),
    };
    return cmocka_run_group_tests(tests, search_example_too, NULL);
}
