/* The plugins of a run file: parameters, mistakes in one error, exit codes; faults while building.
 */
#include "plugin/plugin_support.h"

#include "base/mem.h"
#include "model/layers.h"
#include "plugin/adaptation.h"
#include "plugin/losses.h"

static void assert_error(const char *text, scl_status status, const char *expected)
{
    plugin_run run;
    scl_error err = {0};
    scl_status found = plugin_run_open(&run, text, &err);
    if (found != status || strcmp(err.text, expected) != 0)
        fail_msg("expected %s\n%s\nfound %s\n%s\nfor\n%s", scl_status_name(status), expected,
                 scl_status_name(found), err.text, text);
    plugin_run_close(&run);
}

static void parameters_are_read(void **state)
{
    (void)state;
    plugin_run run;
    assert_ok(plugin_run_open(&run,
                              RUN_HEAD "adapter: {use: lora, params: {rank: 3, sites: [\"a.*\"]}}\n"
                                       "losses:\n"
                                       "  - {use: dice, weight: 0.5, params: {smooth: 2}}\n"
                                       "  - {use: mse_iou}\n"
                                       "  - {use: " PLUGINS "/dice, weight: 3}\n",
                              &test_error));
    const scl_run_plugins *p = &run.plugins;
    assert_int_equal(p->loss_count, 3);
    assert_string_equal(p->losses[0].label, "dice");
    assert_string_equal(p->losses[1].label, "mse_iou");
    assert_string_equal(p->losses[2].label, "dice_2");
    assert_true(p->losses[0].weight == 0.5 && p->losses[2].weight == 3);
    assert_true(*(const double *)p->losses[0].params == 2);
    assert_true(*(const double *)p->losses[2].params == 1);
    assert_string_equal(p->adapters[0].label, "lora");
    assert_true(*(const int64_t *)p->adapters[0].params == 3);
    scl_str resolved = {0};
    assert_ok(scl_run_config_resolved(&run.config, &resolved, &test_error));
    assert_non_null(strstr(resolved.text, "include_background: true"));
    assert_non_null(strstr(resolved.text, "alpha: null"));
    scl_str_free(&resolved);
    plugin_run_close(&run);
}

static void adapters_keep_their_order(void **state)
{
    (void)state;
    plugin_run run;
    assert_ok(plugin_run_open(&run,
                              RUN_HEAD "adapter:\n"
                                       "  - {use: lora, params: {rank: 3}}\n"
                                       "  - {use: bitfit}\n"
                                       "  - {use: lora, params: {rank: 2, sites: [\"*.proj\"]}}\n",
                              &test_error));
    const scl_run_plugins *p = &run.plugins;
    assert_int_equal(p->adapter_count, 3);
    assert_string_equal(p->adapters[0].label, "lora");
    assert_string_equal(p->adapters[1].label, "bitfit");
    assert_string_equal(p->adapters[2].label, "lora_2");
    assert_true(*(const int64_t *)p->adapters[0].params == 3);
    assert_true(*(const int64_t *)p->adapters[2].params == 2);
    plugin_run_close(&run);
}

static void mistakes_in_a_list_of_adapters_are_placed(void **state)
{
    (void)state;
    assert_error(RUN_HEAD "adapter:\n"
                          "  - {use: lora}\n"
                          "  - {use: none}\n"
                          "  - {use: dora, params: {rank: 0, alpah: 2}}\n"
                          "  - {params: {}}\n"
                          "  - {use: dice}\n"
                          "  - bitfit\n",
                 SCL_BAD_CONFIG,
                 "6 errors in run.yaml:\n"
                 "  run.yaml:5:11: to use no adapter, write adapter: none\n"
                 "  run.yaml:6:32: `rank` must be between 1 and 1024, found 0\n"
                 "  run.yaml:6:35: unknown key `alpah` in `adapter[2].params`: did you mean "
                 "`alpha`?\n"
                 "  run.yaml:7:5: `adapter[3]` needs the key `use` (name of the adapter plugin, "
                 "such as lora)\n"
                 "  run.yaml:8:11: plugin " PLUGINS
                 "/dice.so: it is of kind loss, expected adapter: use it in `losses` of the run "
                 "file\n"
                 "  run.yaml:9:5: expected a map such as {use: lora, params: {rank: 4}} for "
                 "`adapter`, or none, found the text \"bitfit\"");
}

static void an_absent_adapter_is_none(void **state)
{
    (void)state;
    plugin_run run;
    static const char *const texts[] = {RUN_HEAD, RUN_HEAD "adapter: none\n",
                                        RUN_HEAD "adapter: []\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_ok(plugin_run_open(&run, texts[i], &test_error));
        assert_int_equal(run.plugins.adapter_count, 0);
        assert_int_equal(run.plugins.loss_count, 2);
        plugin_run_close(&run);
    }
}

static void mistakes_of_file_and_plugins_come_together(void **state)
{
    (void)state;
    assert_error(RUN_HEAD "adapter: {use: lora, params: {rnk: 4, alpha: -1}}\n"
                          "losses:\n"
                          "  - {use: dicee}\n"
                          "  - use: focal\n"
                          "    weight: heavy\n"
                          "    params: {gamma: x}\n"
                          "epochs: 3\n",
                 SCL_BAD_CONFIG,
                 "6 errors in run.yaml:\n"
                 "  run.yaml:3:31: unknown key `rnk` in `adapter.params`: did you mean `rank`?\n"
                 "  run.yaml:3:46: `alpha` must be between 0 and 1000000, found -1\n"
                 "  run.yaml:5:11: no loss is named `dicee` in " PLUGINS ", " BROKEN
                 ": did you mean `dice`? (there is balanced_bce, bce_with_logits, boundary, "
                 "cross_entropy, dice, dice_ce, focal, hausdorff, iou, lovasz, mse_iou, structure, "
                 "tversky, faulty_loss, own_ops, sound)\n"
                 "  run.yaml:7:13: expected a number for `weight`, found the text \"heavy\"\n"
                 "  run.yaml:8:21: expected a number for `gamma`, found the text \"x\"\n"
                 "  run.yaml:9:1: unknown key `epochs`: did you mean `epochs` in `train`?");
}

/* Exit code 6 when the run file itself is right. */
static void plugins_alone_at_fault_keep_their_status(void **state)
{
    (void)state;
    assert_error(RUN_HEAD "losses: [{use: dice}, {use: bad_type}]\n", SCL_PLUGIN,
                 "run.yaml:3:29: plugin " BROKEN
                 "/bad_type.so: parameter `second`: its type is unknown");
    assert_error(RUN_HEAD "adapter: {use: no_symbol}\n"
                          "losses: [{use: lora}]\n",
                 SCL_PLUGIN,
                 "2 errors in run.yaml:\n"
                 "  run.yaml:3:16: plugin " BROKEN
                 "/no_symbol.so: it has no function scl_plugin_entry_v1: it is no samcl plugin, or "
                 "one for another samcl\n"
                 "  run.yaml:4:16: plugin " PLUGINS
                 "/lora.so: it is of kind adapter, expected loss: use it in `adapter` of the run "
                 "file");
}

static void a_file_that_is_no_yaml_opens_nothing(void **state)
{
    (void)state;
    plugin_run run;
    scl_error err = {0};
    assert_fails(plugin_run_open(&run, "a: [", &err), SCL_BAD_CONFIG, err, "run.yaml:2:1: ");
    assert_int_equal(run.plugins.loss_count, 0);
    plugin_run_close(&run);
    assert_error(RUN_HEAD "adapter: {use: none}\n", SCL_BAD_CONFIG,
                 "run.yaml:3:16: to use no adapter, write adapter: none");
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    scl_status status = SCL_DEVICE;
    for (long n = 0; status != SCL_OK; n++) {
        plugin_run run;
        scl_error err = {0};
        scl_alloc_fail_after(n);
        status = plugin_run_open(&run,
                                 RUN_HEAD "adapter: [{use: lora}, {use: lora}]\n"
                                          "losses: [{use: dice}, {use: dice}]\n",
                                 &err);
        scl_alloc_fail_after(-1);
        if (status != SCL_OK && (status != SCL_DEVICE || strstr(err.text, "memory") == NULL))
            fail_msg("allocation %ld: %s: %s", n, scl_status_name(status), err.text);
        plugin_run_close(&run);
    }
}

/* ------------------------------------------------------------------ building */

#define MASKS 2

static scl_losses build(const plugin_run *run, scl_graph *g, scl_task task)
{
    bool multiclass = task == SCL_TASK_MULTICLASS;
    int64_t classes = multiclass ? 3 : 1;
    scl_tensor *logits =
        scl_parameter(g, "logits", SCL_SHAPE(MASKS, classes, 7, 5), (scl_init){0}, true);
    scl_loss_inputs inputs = {
        .task = (uint32_t)task,
        .classes = classes,
        .logits = logits,
        .target = multiclass ? scl_input(g, "target", SCL_I32, SCL_SHAPE(MASKS, 7, 5))
                             : scl_input(g, "target", SCL_F32, SCL_SHAPE(MASKS, 1, 7, 5)),
        .weight = scl_input(g, "weight", SCL_F32, SCL_SHAPE(MASKS, 1, 7, 5)),
        .iou_prediction = multiclass ? NULL : scl_input(g, "iou", SCL_F32, SCL_SHAPE(MASKS, 1))};
    scl_tensor *mask_weight = scl_input(g, "mask_weight", SCL_F32, SCL_SHAPE(MASKS));
    return scl_losses_build(&run->plugins, g, &inputs, mask_weight, NULL);
}

static void assert_build_fails(const char *text, scl_task task, scl_status status,
                               const char *expected)
{
    plugin_run run;
    scl_error err = {0};
    assert_ok(plugin_run_open(&run, text, &test_error));
    scl_graph *g = scl_graph_create(&test_error);
    scl_losses losses = build(&run, g, task);
    scl_status found = scl_graph_status(g, &err);
    if (found != status || strcmp(err.text, expected) != 0)
        fail_msg("expected %s: %s\nfound %s: %s\nfor\n%s", scl_status_name(status), expected,
                 scl_status_name(found), err.text, text);
    assert_null(losses.total);
    assert_null(losses.parts);
    assert_string_equal(g->scope, "");
    scl_graph_free(g);
    plugin_run_close(&run);
}

/* What `how` of faulty_loss asks for, and what is said of it. */
static const struct {
    const char *how, *words;
    scl_status status;
} faults_of_losses[] = {
    {"null", "it returned no tensor and gave no reason", SCL_PLUGIN},
    {"wrong_shape",
     "it must return one float32 value per mask: 2, returned float32 of shape [2, 3, 7, 5]",
     SCL_PLUGIN},
    {"int_values",
     "it must return one float32 value per mask: 2, returned int32 of shape [2, 7, 5]", SCL_PLUGIN},
    {"bad_mul", "mul: shapes [2, 3, 7, 5] and [4] do not broadcast", SCL_PLUGIN},
    {"own_words", "write another loss", SCL_BAD_CONFIG},
    {"no_words", "it failed and gave no reason", SCL_BAD_CONFIG},
    {"makes_param",
     "param: a loss has no parameters to train, nor has a derivative; only an adapter "
     "may make some",
     SCL_PLUGIN},
    {"bad_reshape", "reshape: needs 1 to 5 dimensions of at least 1, and at most 2^40 values",
     SCL_PLUGIN},
    {"no_dims", "reshape: needs 1 to 5 dimensions of at least 1, and at most 2^40 values",
     SCL_PLUGIN},
    {"minus_shape", "reshape: needs 1 to 5 dimensions of at least 1, and at most 2^40 values",
     SCL_PLUGIN},
    {"bad_axis", "softmax: no axis 4", SCL_PLUGIN},
    {"int_softmax",
     "softmax: needs float32 values, found int32 class ids; one_hot makes float32 of them",
     SCL_PLUGIN},
    {"int_linear",
     "linear: needs float32 values, found int32 class ids; one_hot makes float32 of them",
     SCL_PLUGIN},
    {"bad_concat", "concat: needs 1 to 1024 tensors", SCL_PLUGIN},
    {"bad_slice", "slice: needs a start of at least 0 and a count of at least 1", SCL_PLUGIN},
    {"bad_sum", "sum: 6 axes from 1 of shape [2, 3, 7, 5]", SCL_PLUGIN},
    {"bad_dim", "dim: shape [2, 3, 7, 5] has no axis -5", SCL_PLUGIN},
    {"big_hot", "one_hot: at most 65536 classes", SCL_PLUGIN},
    {"no_values", "constant: no values given", SCL_PLUGIN},
    {"bad_clamp", "clamp: low 2 is above high 1", SCL_PLUGIN},
    {"even_pool", "avg_pool: needs float32 planes [..., H, W] and an odd kernel of at most 16384",
     SCL_PLUGIN},
    {"bad_cumsum", "cumsum: needs float32 values and one of their axes, found axis 4", SCL_PLUGIN},
    {"int_argsort", "argsort: needs float32 values", SCL_PLUGIN},
    {"no_order", "reorder: needs float32 values and their order from argsort, of one shape",
     SCL_PLUGIN},
    {"other_order", "reorder: needs float32 values and their order from argsort, of one shape",
     SCL_PLUGIN},
    {"flat_distance", "distance: needs float32 planes [..., H, W] with sides of at most 16384",
     SCL_PLUGIN},
    {"adds_loss", "add_loss: only an adapter adds to the loss, and no derivative", SCL_PLUGIN},
    {"big_top",
     "top_k: needs float32 values, and k from 1 to the size of the last axis; found k 6, shape "
     "[2, 3, 7, 5]",
     SCL_PLUGIN},
    {"bad_matmul", "matmul: [6, 35] does not fit [1] transposed", SCL_PLUGIN},
};

static void what_a_loss_does_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults_of_losses / sizeof faults_of_losses[0]; i++) {
        char text[512], expected[256];
        snprintf(text, sizeof text, RUN_HEAD "losses: [{use: faulty_loss, params: {how: %s}}]\n",
                 faults_of_losses[i].how);
        snprintf(expected, sizeof expected, "%sloss faulty_loss: %s",
                 faults_of_losses[i].status == SCL_BAD_CONFIG ? "run.yaml:3:10: " : "",
                 faults_of_losses[i].words);
        assert_build_fails(text, SCL_TASK_MULTICLASS, faults_of_losses[i].status, expected);
    }
}

static void a_tensor_of_another_graph_is_refused(void **state)
{
    (void)state;
    plugin_run run;
    scl_error err = {0};
    assert_ok(plugin_run_open(
        &run, RUN_HEAD "losses: [{use: faulty_loss, params: {how: keeps_old}}]\n", &test_error));
    scl_graph *first = scl_graph_create(&test_error), *second = scl_graph_create(&test_error);
    assert_non_null(build(&run, first, SCL_TASK_BINARY).total);
    build(&run, second, SCL_TASK_BINARY);
    assert_fails(scl_graph_status(second, &err), SCL_PLUGIN, err,
                 "loss faulty_loss: it returned a tensor that is not of this graph");
    scl_graph_free(first);
    scl_graph_free(second);
    plugin_run_close(&run);
}

/* Two layers of an adapter that goes wrong, or right, on request. */
static scl_graph *build_adapter(plugin_run *run, const char *how, bool training)
{
    char text[256];
    snprintf(text, sizeof text, RUN_HEAD "adapter: {use: faulty_adapter, params: {how: %s}}\n",
             how);
    assert_ok(plugin_run_open(run, text, &test_error));
    scl_graph *g = scl_graph_create(&test_error);
    scl_adaptation adaptation = scl_run_plugins_adaptation(&run->plugins);
    const scl_sam m = {.graph = g, .adaptation = &adaptation};
    g->training = training;
    scl_tensor *x = scl_input(g, "x", SCL_F32, SCL_SHAPE(2, 5));
    scl_layer_linear(&m, "second", scl_layer_linear(&m, "first", x, 4), 3);
    return g;
}

static void what_an_adapter_does_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *how, *words;
        bool training;
    } faults[] = {
        {"draws", "normal: there are random values in training only; ask `training` before", false},
        {"draws_far", "uniform: needs 1 to 5 dimensions of at least 1, and at most 2^40 values",
         true},
        {"big_loss", "add_loss: `all` must be one float32 value of this graph", true},
        {"big_loss", "add_loss: `all` must be one float32 value of this graph", false},
        {"bad_loss", "add_loss: a name is letters, digits and _, joined by dots", true},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        plugin_run run;
        scl_error err = {0};
        scl_graph *g = build_adapter(&run, faults[i].how, faults[i].training);
        assert_fails(scl_graph_status(g, &err), SCL_PLUGIN, err, faults[i].words);
        assert_non_null(strstr(err.text, "adapter faulty_adapter at first: "));
        scl_graph_free(g);
        plugin_run_close(&run);
    }
}

/* Once per layer and name, in training; the losses have one part per name. */
static void terms_of_an_adapter_are_parts_of_the_loss(void **state)
{
    (void)state;
    plugin_run run;
    scl_graph *g = build_adapter(&run, "good_loss", false);
    assert_ok(scl_graph_status(g, &test_error));
    assert_int_equal(g->added_loss_count, 0);
    scl_graph_free(g);
    plugin_run_close(&run);
    g = build_adapter(&run, "good_loss", true);
    assert_int_equal(g->added_loss_count, 4);
    scl_losses losses = build(&run, g, SCL_TASK_BINARY);
    assert_ok(scl_graph_status(g, &test_error));
    static const char *const labels[] = {"bce_with_logits", "dice", "faulty_adapter.mean",
                                         "faulty_adapter.one"};
    assert_int_equal(losses.count, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(losses.labels[i], labels[i]);
    assert_true(scl_shape_equal(losses.parts->shape, SCL_SHAPE(4)));
    scl_graph_free(g);
    plugin_run_close(&run);
}

static void losses_refuse_tasks_they_are_not_for(void **state)
{
    (void)state;
    assert_build_fails(
        RUN_HEAD "losses: [{use: dice}, {use: bce_with_logits}]\n", SCL_TASK_MULTICLASS,
        SCL_BAD_CONFIG,
        "run.yaml:3:23: loss bce_with_logits: it compares one mask with one object; for the task "
        "multiclass use cross_entropy");
    assert_build_fails(
        RUN_HEAD "losses: [{use: focal}]\n", SCL_TASK_MULTICLASS, SCL_BAD_CONFIG,
        "run.yaml:3:10: loss focal: it compares one mask with one object; for the task multiclass "
        "use cross_entropy");
    assert_build_fails(
        RUN_HEAD "losses: [{use: mse_iou}]\n", SCL_TASK_MULTICLASS, SCL_BAD_CONFIG,
        "run.yaml:3:10: loss mse_iou: it judges the decoder's IoU estimates, which the task "
        "multiclass has not: remove it");
    assert_build_fails(
        RUN_HEAD "losses: [{use: cross_entropy}]\n", SCL_TASK_INSTANCES, SCL_BAD_CONFIG,
        "run.yaml:3:10: loss cross_entropy: it is for the task multiclass; for one object and its "
        "background use bce_with_logits");
    assert_build_fails(
        RUN_HEAD "losses: [{use: cross_entropy, params: {class_weights: [1, 2]}}]\n",
        SCL_TASK_MULTICLASS, SCL_BAD_CONFIG,
        "run.yaml:3:10: loss cross_entropy: `class_weights` must hold a number for each of the 3 "
        "classes, found 2");
}

/* The second of two losses of one id says so in its scope, and so in errors and profiles. */
static void nodes_carry_the_label_of_their_loss(void **state)
{
    (void)state;
    plugin_run run;
    assert_ok(plugin_run_open(&run, RUN_HEAD "losses: [{use: dice}, {use: dice, weight: 0}]\n",
                              &test_error));
    scl_graph *g = scl_graph_create(&test_error);
    scl_losses losses = build(&run, g, SCL_TASK_BINARY);
    assert_ok(scl_graph_status(g, &test_error));
    assert_true(scl_shape_equal(losses.total->shape, SCL_SHAPE(1)));
    assert_true(scl_shape_equal(losses.parts->shape, SCL_SHAPE(2)));
    bool first = false, second = false;
    for (size_t i = 0; i < g->node_count; i++) {
        first |= strcmp(g->nodes[i]->scope, "loss dice") == 0;
        second |= strcmp(g->nodes[i]->scope, "loss dice_2") == 0;
    }
    assert_true(first && second);
    scl_graph_free(g);
    plugin_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_read),
        cmocka_unit_test(adapters_keep_their_order),
        cmocka_unit_test(mistakes_in_a_list_of_adapters_are_placed),
        cmocka_unit_test(an_absent_adapter_is_none),
        cmocka_unit_test(mistakes_of_file_and_plugins_come_together),
        cmocka_unit_test(plugins_alone_at_fault_keep_their_status),
        cmocka_unit_test(a_file_that_is_no_yaml_opens_nothing),
        cmocka_unit_test(failing_allocations_leave_nothing),
        cmocka_unit_test(what_a_loss_does_wrong_is_said),
        cmocka_unit_test(a_tensor_of_another_graph_is_refused),
        cmocka_unit_test(what_an_adapter_does_wrong_is_said),
        cmocka_unit_test(terms_of_an_adapter_are_parts_of_the_loss),
        cmocka_unit_test(losses_refuse_tasks_they_are_not_for),
        cmocka_unit_test(nodes_carry_the_label_of_their_loss),
    };
    return cmocka_run_group_tests(tests, search_both, NULL);
}
