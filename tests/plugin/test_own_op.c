/* Ops of a plugin's own: their values and gradients on both backends, what identifies them, and a
 * sentence for every way to pass a wrong one. */
#include "fixture.h"
#include "plugin/plugin_support.h"

#include "graph/compiled.h"
#include "graph/prefix.h"
#include "op/guarded.h"
#include "plugin/losses.h"
#include "registry.h"

#define MASKS 2
#define COUNT (MASKS * 7 * 5)
#define SCALE 1.5

typedef struct own_graph {
    plugin_run run;
    scl_graph *graph;
    scl_tensor *logits, *mask_weight;
    scl_losses losses;
} own_graph;

/* `n` must not move. */
static void open_run(own_graph *n, const char *how)
{
    char text[256];
    snprintf(text, sizeof text, RUN_HEAD "losses: [{use: own_ops, params: {how: %s}}]\n", how);
    assert_ok(plugin_run_open(&n->run, text, &test_error));
}

static void build_graph(own_graph *n, bool learns)
{
    scl_graph *g = n->graph = scl_graph_create(&test_error);
    n->logits = scl_parameter(g, "logits", SCL_SHAPE(MASKS, 1, 7, 5), (scl_init){0}, learns);
    scl_loss_inputs inputs = {.logits = n->logits,
                              .classes = 1,
                              .target = scl_input(g, "target", SCL_F32, SCL_SHAPE(MASKS, 1, 7, 5)),
                              .weight = scl_input(g, "weight", SCL_F32, SCL_SHAPE(MASKS, 1, 7, 5))};
    n->mask_weight = scl_input(g, "mask_weight", SCL_F32, SCL_SHAPE(MASKS));
    n->losses = scl_losses_build(&n->run.plugins, g, &inputs, n->mask_weight);
}

static void build(own_graph *n, const char *how, bool learns)
{
    open_run(n, how);
    build_graph(n, learns);
}

static const scl_node *own_node(const scl_graph *g, int which)
{
    for (size_t i = 0; i < g->node_count; i++)
        if (g->nodes[i]->op == SCL_OP_OWN && which-- == 0)
            return g->nodes[i];
    fail_msg("there is no such own op");
    return NULL;
}

/* ------------------------------------------------------------------ a sound one */

static void check_values(const char *name, double tolerance)
{
    own_graph n;
    scl_device *device = NULL;
    assert_ok(scl_device_open(name, &device, &test_error));
    build(&n, "nothing", true);
    assert_ok(scl_autodiff(n.graph, n.losses.total, &test_error));
    const scl_node *own = own_node(n.graph, 0);
    assert_string_equal(scl_node_name(own), "own_ops.square");
    assert_string_equal(scl_node_name(own_node(n.graph, 1)), "own_ops.slope");
    guarded_run run = guarded_open(device, n.graph);
    const float weights[MASKS] = {1, 1};
    float *x = random_values("own", 0, n.logits->shape, -1, 1);
    guarded_write(&run, n.logits, x);
    guarded_write(&run, n.mask_weight, weights);
    guarded_launch_all(&run);
    float y[COUNT], dx[COUNT],
        *found[] = {guarded_read(&run, own->outputs[0]), guarded_read(&run, n.logits->grad)};
    for (int i = 0; i < COUNT; i++) {
        y[i] = (float)SCALE * x[i] * x[i];
        dx[i] = 2 * (float)SCALE * x[i];
    }
    assert_near("y", found[0], y, COUNT, tolerance);
    assert_near("dx", found[1], dx, COUNT, tolerance);
    int32_t positive[COUNT];
    assert_ok(device->backend->read(device, guarded_of(&run, own->outputs[1]), SCL_I32, 0, positive,
                                    COUNT, &test_error));
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(positive[i], x[i] > 0);
    free(x);
    free(found[0]);
    free(found[1]);
    guarded_close(&run);
    scl_graph_free(n.graph);
    plugin_run_close(&n.run);
    assert_int_equal(device->bytes_in_use, 0);
    scl_device_close(device);
}

static void values_and_gradients_are_right(void **state)
{
    (void)state;
    check_values("reference", 1e-7);
    check_values(test_device_name(), 1e-6);
    char generic[256];
    snprintf(generic, sizeof generic, "%s+generic", test_device_name());
    check_values(generic, 1e-6);
}

/* Without a gradient the loss depends on nothing that is trained. */
static void no_gradient_lets_none_through(void **state)
{
    (void)state;
    own_graph n;
    scl_error err = {0};
    build(&n, "no_gradient", true);
    assert_ok(scl_graph_status(n.graph, &test_error));
    assert_fails(scl_autodiff(n.graph, n.losses.total, &err), SCL_BAD_CONFIG, err,
                 "nothing to train");
    scl_graph_free(n.graph);
    plugin_run_close(&n.run);
}

static scl_hash128 signature_of(own_graph *n)
{
    scl_split split;
    scl_graph *g = n->graph;
    n->logits->kind = SCL_TENSOR_INPUT; /* as an image is, so that the op is of the prefix */
    assert_ok(scl_graph_split(g, n->logits, NULL, &split, &test_error));
    bool found = false;
    for (size_t i = 0; i < split.prefix_count; i++)
        found |= split.prefix[i]->op == SCL_OP_OWN;
    assert_true(found);
    scl_hash128 signature = split.signature;
    scl_split_free(&split);
    return signature;
}

/* The prefix cache must not give what another source, number or plugin computed. */
static void source_and_numbers_are_in_the_signature(void **state)
{
    (void)state;
    own_graph n[4];
    scl_hash128 signature[4];
    for (int i = 0; i < 4; i++) {
        open_run(&n[i], i == 2 ? "no_compile" : "nothing");
        n[i].run.plugins.losses[0].file.code.low ^= i == 3; /* as of another build */
        build_graph(&n[i], false);
        signature[i] = signature_of(&n[i]);
        scl_graph_free(n[i].graph);
    }
    assert_memory_equal(&signature[0], &signature[1], sizeof signature[0]);
    assert_memory_not_equal(&signature[0], &signature[2], sizeof signature[0]);
    assert_memory_not_equal(&signature[0], &signature[3], sizeof signature[0]);
    for (int i = 0; i < 4; i++)
        plugin_run_close(&n[i].run);
}

/* ------------------------------------------------------------------ wrong ones */

typedef struct fault {
    const char *how, *words;
    scl_status status;
} fault;

static void each_wrong_op_has_its_sentence(void **state)
{
    (void)state;
    static const fault faults[] = {
        {"no_size", "own: its scl_own_op must begin with its size", SCL_PLUGIN},
        {"no_call_size", "own op square: its scl_own_call must begin with its size", SCL_PLUGIN},
        {"bad_name", "own: an op's name is letters, digits and _", SCL_PLUGIN},
        {"no_source", "own op square: it has no source", SCL_PLUGIN},
        {"no_reference", "own op square: it has no reference function", SCL_PLUGIN},
        {"no_inputs", "own op square: needs 1 to 32 inputs and 1 to 8 outputs, found 0 and 2",
         SCL_PLUGIN},
        {"many_outputs", "own op square: needs 1 to 32 inputs and 1 to 8 outputs, found 1 and 9",
         SCL_PLUGIN},
        {"bad_shape", "square: needs 1 to 5 dimensions of at least 1", SCL_PLUGIN},
        {"bad_type", "own op square: output 1 has the unknown type 7", SCL_PLUGIN},
        {"bad_number", "needs a name of letters, digits and _, other than IS_CPU", SCL_PLUGIN},
        {"taken_number", "needs a name of letters, digits and _, other than IS_CPU", SCL_PLUGIN},
        {"no_launch", "own op square: needs 1 to 8 launches, found 0", SCL_PLUGIN},
        {"no_kernel_name", "own op square: launch 1 names no kernel", SCL_PLUGIN},
        {"no_items", "own op square: kernel `squares` needs 1 to 2^40 work-items", SCL_PLUGIN},
        {"big_group", "kernel `scaled` needs 1 to 2^40 work-items in groups of 0 to 1024",
         SCL_PLUGIN},
        {"less_workspace", "own op square: needs a workspace and flops of at least 0", SCL_PLUGIN},
        {"null_input", "it returned no tensor and gave no reason", SCL_PLUGIN},
        {"old_input", "own op square: input 0 is not of this graph", SCL_PLUGIN},
    };
    own_graph old; /* whose logits the plugin keeps */
    build(&old, "nothing", true);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        own_graph n;
        scl_error err = {0};
        build(&n, faults[i].how, true);
        assert_fails(scl_graph_status(n.graph, &err), faults[i].status, err, faults[i].words);
        assert_non_null(strstr(err.text, "loss own_ops: "));
        scl_graph_free(n.graph);
        plugin_run_close(&n.run);
    }
    scl_graph_free(old.graph);
    plugin_run_close(&old.run);
}

static void a_wrong_gradient_has_its_sentence(void **state)
{
    (void)state;
    static const fault faults[] = {
        {"gradient_shape",
         "loss own_ops: own op square: the gradient of input 0 must be a float32 tensor of this "
         "graph and of shape [2, 1, 7, 5]",
         SCL_PLUGIN},
        {"gradient_param",
         "loss own_ops: param: a loss has no parameters to train, nor has a "
         "derivative",
         SCL_PLUGIN},
        {"gradient_fails", "loss own_ops: it cannot be differentiated", SCL_BAD_CONFIG},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        own_graph n;
        scl_error err = {0};
        build(&n, faults[i].how, true);
        assert_fails(scl_autodiff(n.graph, n.losses.total, &err), faults[i].status, err,
                     faults[i].words);
        scl_graph_free(n.graph);
        plugin_run_close(&n.run);
    }
}

/* What only a compiler can tell. */
static void a_kernel_that_cannot_run_is_the_plugins_fault(void **state)
{
    (void)state;
    static const fault faults[] = {
        {"missing_kernel",
         "loss own_ops: the source of its own op own_ops.square has no usable kernel `absent`",
         SCL_PLUGIN},
        {"no_compile", "loss own_ops: the source of its own op own_ops.square does not compile on ",
         SCL_PLUGIN},
        {"other_arguments",
         "kernel `squares` of its own op own_ops.square takes 4 arguments, expected 3", SCL_PLUGIN},
    };
    scl_device *device = NULL;
    assert_ok(scl_device_open(test_device_name(), &device, &test_error));
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        own_graph n;
        scl_compiled compiled;
        scl_store *store = NULL;
        scl_error err = {0};
        build(&n, faults[i].how, true);
        assert_ok(scl_store_create(device, 0, &store, &test_error));
        assert_fails(scl_compile(n.graph, NULL, 0, store, &compiled, &err), faults[i].status, err,
                     faults[i].words);
        assert_null(strchr(err.text, '\n'));
        if (strcmp(faults[i].how, "no_compile") == 0)
            assert_non_null(strstr(err.text, ":3:")); /* of the plugin's source */
        scl_store_free(store);
        plugin_run_close(&n.run);
    }
    assert_int_equal(device->bytes_in_use, 0);
    scl_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_gradients_are_right),
        cmocka_unit_test(no_gradient_lets_none_through),
        cmocka_unit_test(source_and_numbers_are_in_the_signature),
        cmocka_unit_test(each_wrong_op_has_its_sentence),
        cmocka_unit_test(a_wrong_gradient_has_its_sentence),
        cmocka_unit_test(a_kernel_that_cannot_run_is_the_plugins_fault),
    };
    return cmocka_run_group_tests(tests, search_both, NULL);
}
