/* verb_validate.c — samcl validate: everything about a run that can be checked before it. */
#include "cli.h"
#include "terminal.h"

#include "base/str.h"
#include "config/run_config.h"
#include "data/batch.h"
#include "plugin/adaptation.h"
#include "step/step_graph.h"
#include "tuned/start.h"

#include <inttypes.h>
#include <stdio.h>

static const cli_option options[] = {
    {"--no-data", NULL, "don't open the folders of images and masks", false},
    {"--resolved", NULL, "print the run file with every key, instead of a summary", false},
};

typedef struct run_check {
    scl_run_config config;
    scl_run_plugins plugins;
    scl_adaptation adaptation;
    scl_weights weights; /* of the base; count 0: random ones */
    scl_model model;     /* dimensions and catalog only: there is no device */
    scl_graph *base;     /* the catalog without the adapter */
    scl_str summary;
    scl_str faults; /* one a line */
    scl_status status;
} run_check;

/* Keeps a mistake and goes on, so that all are told together. */
static bool keep_fault(run_check *c, const scl_error *fault)
{
    if (fault->status == SCL_OK)
        return true;
    scl_str_add(&c->faults, "%s%s", c->faults.length > 0 ? "\n" : "", fault->text);
    c->status = c->status == SCL_OK ? fault->status : c->status;
    return false;
}

/* ---- data */

static void describe_set(run_check *c, const char *label, const scl_dataset *set)
{
    uint64_t objects = 0;
    size_t empty = 0;
    for (size_t i = 0; i < set->count; i++) {
        objects += set->items[i].objects;
        empty += set->items[i].empty;
    }
    scl_str_add(&c->summary, "%-10s %zu %s", label, set->count,
                set->count == 1 ? "image" : "images");
    if (c->config.data.task == SCL_TASK_INSTANCES)
        scl_str_add(&c->summary, ", %" PRIu64 " objects", objects);
    if (empty > 0)
        scl_str_add(&c->summary, ", %zu with an empty mask", empty);
    scl_str_add(&c->summary, "\n");
}

static void describe_split(run_check *c, const scl_dataset *all)
{
    scl_error fault = {0};
    scl_dataset *train = NULL, *val = NULL;
    scl_dataset_split(all, c->config.data.val_split, (uint64_t)c->config.seed, &train, &val,
                      &fault);
    if (keep_fault(c, &fault)) {
        describe_set(c, "train", train);
        describe_set(c, "val", val);
    }
    scl_dataset_free(train);
    scl_dataset_free(val);
}

static void check_set(run_check *c, const char *label, const scl_data_folders *folders, bool split)
{
    scl_error fault = {0};
    scl_dataset *set = NULL;
    if (!folders->given)
        return;
    terminal_bar bar = {0};
    scl_dataset_open(&c->config.data, folders, label,
                     (scl_data_progress){terminal_show_reading, &bar}, &set, &fault);
    if (!keep_fault(c, &fault))
        return;
    if (split)
        describe_split(c, set);
    else
        describe_set(c, label, set);
    scl_dataset_free(set);
}

static void check_data(run_check *c)
{
    const scl_data_config *data = &c->config.data;
    check_set(c, "train", &data->train, data->val_split > 0 && !data->val.given);
    check_set(c, "val", &data->val, false);
    check_set(c, "test", &data->test, false);
}

/* ---- model */

static int64_t count_values(const scl_graph *catalog, const char *pattern, bool trained,
                            size_t *tensors)
{
    int64_t values = 0;
    *tensors = 0;
    for (size_t i = 0; i < catalog->tensor_count; i++) {
        const scl_tensor *t = catalog->tensors[i];
        bool counts = t->kind == SCL_TENSOR_PARAM && (t->trained || !trained) &&
                      scl_glob_match(pattern, t->name);
        *tensors += counts;
        values += counts ? scl_shape_count(t->shape) : 0;
    }
    return values;
}

static void describe_pattern(run_check *c, const char *what, const char *pattern)
{
    size_t tensors;
    int64_t values = count_values(c->model.catalog, pattern, true, &tensors);
    scl_str_add(&c->summary, "%-10s %s: %zu trained tensors, %" PRId64 " values\n", what, pattern,
                tensors, values);
}

static void describe_adapters(run_check *c)
{
    scl_str labels = {0};
    for (size_t i = 0; i < c->plugins.adapter_count; i++)
        scl_str_add(&labels, "%s%s", i > 0 ? ", " : "", c->plugins.adapters[i].label);
    size_t tensors = 0;
    int64_t values = 0;
    for (size_t i = 0; i < c->model.catalog->tensor_count; i++) {
        const scl_tensor *t = c->model.catalog->tensors[i];
        bool own = t->kind == SCL_TENSOR_PARAM && scl_graph_find(c->base, t->name) == NULL;
        tensors += own;
        values += own ? scl_shape_count(t->shape) : 0;
    }
    bool several = c->plugins.adapter_count > 1;
    scl_str_add(&c->summary, "%-10s %s, with %zu tensors of %s own, %" PRId64 " values\n",
                several ? "adapters" : "adapter", scl_str_text(&labels), tensors,
                several ? "their" : "its", values);
    scl_str_free(&labels);
}

static void describe_model(run_check *c)
{
    const scl_sam_config *m = &c->model.config;
    size_t tensors;
    int64_t all = count_values(c->base, "*", false, &tensors);
    int64_t trained = count_values(c->model.catalog, "*", true, &tensors);
    scl_str_add(&c->summary, "%-10s %s, image_size %" PRId64 ", %" PRId64 " values, from %s\n",
                "model", scl_sam_type(m), m->image_size, all,
                c->config.model.checkpoint != NULL ? c->config.model.checkpoint : "random weights");
    scl_str_add(&c->summary, "%-10s %zu tensors, %" PRId64 " values (%.2f%%)\n", "trained", tensors,
                trained, 100.0 * (double)trained / (double)all);
    if (c->plugins.adapter_count > 0)
        describe_adapters(c);
    for (uint64_t i = 0; i < c->config.train_also.count; i++)
        describe_pattern(c, "train_also", c->config.train_also.items[i]);
    for (size_t i = 0; i < c->config.train.param_groups.count; i++)
        describe_pattern(c, "group", c->config.train.param_groups.items[i].match);
    for (size_t i = 0; i < c->plugins.loss_count; i++)
        scl_str_add(&c->summary, "%-10s %s, weight %g\n", "loss", c->plugins.losses[i].label,
                    c->plugins.losses[i].weight);
}

/* The dimensions, and the checkpoint's tensors against them. */
static scl_status check_checkpoint(run_check *c, scl_error *err)
{
    const scl_data_config *data = &c->config.data;
    const scl_weights *weights = NULL;
    int64_t classes = data->task == SCL_TASK_MULTICLASS ? data->classes : 0;
    if (c->config.model.checkpoint != NULL) {
        SCL_TRY(scl_weights_load(c->config.model.checkpoint, &c->weights, err));
        weights = &c->weights;
    }
    SCL_TRY(scl_model_find_config(&c->config.model, weights, classes, &c->model.config, err));
    c->base = scl_sam_catalog(&c->model.config, NULL, err);
    if (c->base == NULL)
        return err->status;
    return weights == NULL
               ? SCL_OK
               : scl_checkpoint_load_base(weights, c->base, NULL, &c->model.config, NULL, err);
}

/* What is trained, and whether the losses fit the task: the step is built, not run. */
static scl_status check_step(run_check *c, scl_error *err)
{
    c->adaptation = scl_run_plugins_adaptation(&c->plugins);
    c->model.catalog = scl_sam_catalog(&c->model.config, &c->adaptation, err);
    if (c->model.catalog == NULL)
        return err->status;
    SCL_TRY(scl_run_plugins_check_model(&c->plugins, c->model.catalog, err));
    SCL_TRY(scl_tuned_start(&c->plugins, &c->model, err));
    describe_model(c);
    scl_step_graph step = {0};
    scl_step_options step_options = {
        .model = &c->model,
        .adaptation = &c->adaptation,
        .plugins = &c->plugins,
        .train = &c->config.train,
        .masks = &c->config.train,
        .layout = scl_batch_layout_make(&c->config.data, &c->model.config, 1),
        .task = (scl_task)c->config.data.task};
    scl_status status = scl_step_graph_build(&step_options, &step, err);
    scl_graph_free(step.graph);
    return status;
}

static void check_model(run_check *c)
{
    scl_error fault = {0};
    if (check_checkpoint(c, &fault) == SCL_OK)
        check_step(c, &fault);
    keep_fault(c, &fault);
}

/* ---- the verb */

static scl_status print_resolved(const scl_run_config *config, scl_error *err)
{
    scl_str text = {0};
    scl_status status = scl_run_config_resolved(config, &text, err);
    if (status == SCL_OK)
        printf("%s", scl_str_text(&text));
    scl_str_free(&text);
    return status;
}

static scl_status validate(const cli_args *args, run_check *c, scl_error *err)
{
    scl_run_config_load(&c->config, args->words[0], args->words + 1, args->word_count - 1);
    SCL_TRY(scl_run_plugins_open(&c->config, &c->plugins, err));
    if (!cli_given(args, "--no-data"))
        check_data(c);
    check_model(c);
    if (c->status != SCL_OK)
        return scl_fail(err, c->status, "%s", scl_str_text(&c->faults));
    if (cli_given(args, "--resolved"))
        return print_resolved(&c->config, err);
    printf("%s%s is right\n", scl_str_text(&c->summary), args->words[0]);
    return SCL_OK;
}

static scl_status run(const cli_args *args, scl_error *err)
{
    static run_check c; /* large; plugins borrow the config */
    if (args->word_count == 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "expected a run file: samcl validate RUNFILE [key=value ...]");
    scl_status status = validate(args, &c, err);
    scl_graph_free(c.model.catalog);
    scl_graph_free(c.base);
    scl_weights_free(&c.weights);
    scl_run_config_free(&c.config);
    scl_run_plugins_close(&c.plugins);
    scl_str_free(&c.summary);
    scl_str_free(&c.faults);
    return status;
}

const cli_verb verb_validate = {
    .name = "validate",
    .summary = "checks a run file with its plugins, data and model, without training",
    .usage = "RUNFILE [key=value ...]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .most_words = CLI_MAX_VALUES,
    .notes =
        "Reads every mask and the head of every image, compares the checkpoint's tensors with\n"
        "the model, and builds a step with its losses. It needs no device.\n"
        "\n"
        "examples:\n"
        "  samcl validate run.yaml\n"
        "  samcl validate run.yaml train.optimizer.lr=3e-4 --no-data\n"
        "  samcl validate run.yaml --resolved > full.yaml",
    .run = run,
};
