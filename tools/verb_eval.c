/* verb_eval.c — samcl eval: base versus tuned, as a table, as JSON and as a picture. */
#include "cli.h"
#include "terminal.h"
#include "tracing.h"

#include "base/file.h"
#include "data/run_data.h"
#include "eval/comparison.h"
#include "registry.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

typedef struct evaluation {
    scl_tuned_model model;
    scl_device *device;
    scl_data_config data;
    scl_dataset *dataset;
    scl_prefix_cache *cache;
    scl_comparison comparison;
    char *folder; /* where the report goes */
    cli_tracing tracing;
    terminal_bar bar;
} evaluation;

static bool show_progress(void *user, const char *title, size_t done, size_t total)
{
    evaluation *e = user;
    if (done <= 1 || e->bar.total != total)
        e->bar = terminal_bar_start(total, 0);
    terminal_bar_update(&e->bar, done, title);
    return true;
}

/* --out, or eval-SPLIT in the run's folder. */
static scl_status find_folder(evaluation *e, const cli_args *args, const char *split,
                              scl_error *err)
{
    const char *given = cli_value(args, "--out");
    char name[32];
    snprintf(name, sizeof name, "eval-%s", split);
    if (given != NULL)
        e->folder = scl_strdup(given);
    else if (scl_path_is_folder(args->words[0]))
        e->folder = scl_path_join(args->words[0], name);
    else
        return SCL_OK;
    return e->folder != NULL ? scl_make_folders(e->folder, err)
                             : scl_out_of_memory(err, 256, "a path");
}

static scl_status choose_split(const evaluation *e, const cli_args *args, scl_split_name *split,
                               scl_error *err)
{
    const char *given = cli_value(args, "--split");
    *split = scl_run_data_default_split(&e->model.config);
    if (given == NULL)
        return SCL_OK;
    for (int s = SCL_SPLIT_TRAIN; s <= SCL_SPLIT_TEST; s++)
        if (strcmp(given, scl_split_text((scl_split_name)s)) == 0) {
            *split = (scl_split_name)s;
            return SCL_OK;
        }
    return scl_fail(err, SCL_BAD_CONFIG, "--split must be train, val or test, found %s", given);
}

static bool is_run_file(const char *path)
{
    const char *extension = scl_path_extension(path);
    return strcmp(extension, ".yaml") == 0 || strcmp(extension, ".yml") == 0;
}

/* A run file judges its model as it is before training. `adapter` is the one it goes on from. */
static scl_status read_run_file(scl_tuned_model *m, const cli_args *args, char **adapter,
                                scl_error *err)
{
    scl_run_config_load(&m->config, args->words[0], args->words + 1, args->word_count - 1);
    SCL_TRY(scl_run_plugins_open(&m->config, &m->plugins, err));
    if (m->config.adapter_from == NULL)
        return SCL_OK;
    *adapter = scl_strdup(m->config.adapter_from);
    scl_tuned_model_close(m);
    return *adapter != NULL ? SCL_OK : scl_out_of_memory(err, 256, "a path");
}

static scl_status read_over_run_file(scl_tuned_model *m, const cli_args *args, const char *adapter,
                                     scl_error *err)
{
    const scl_tuned_source source = {.adapter = adapter,
                                     .run_file = args->words[0],
                                     .settings = args->words + 1,
                                     .setting_count = args->word_count - 1,
                                     .with_losses = true};
    return scl_tuned_model_read(m, &source, err);
}

/* A run's folder or a tuned file. */
static scl_status read_tuned(scl_tuned_model *m, const cli_args *args, scl_error *err)
{
    const scl_tuned_source source = {.checkpoint = args->words[0],
                                     .settings = args->words + 1,
                                     .setting_count = args->word_count - 1,
                                     .with_losses = true};
    if (cli_given(args, "--adapter"))
        return scl_fail(err, SCL_BAD_CONFIG,
                        "--adapter goes with a run file (.yaml), which says what to judge it on; "
                        "found %s",
                        args->words[0]);
    SCL_TRY(scl_tuned_model_read(m, &source, err));
    return m->used_adaptation != NULL
               ? SCL_OK
               : scl_fail(err, SCL_BAD_CONFIG,
                          "%s: expected a run's folder, a file that samcl train wrote, or a run "
                          "file (.yaml), found a checkpoint: name it in a run file as "
                          "model.checkpoint",
                          args->words[0]);
}

static scl_status read_model(evaluation *e, const cli_args *args, scl_error *err)
{
    const char *given = cli_value(args, "--adapter");
    char *named = NULL;
    if (!is_run_file(args->words[0]))
        return read_tuned(&e->model, args, err);
    if (given == NULL)
        SCL_TRY(read_run_file(&e->model, args, &named, err));
    scl_status status = SCL_OK;
    if (given != NULL || named != NULL)
        status = read_over_run_file(&e->model, args, given != NULL ? given : named, err);
    scl_free(named);
    return status;
}

static scl_status write_json(const evaluation *e, scl_error *err)
{
    char *path = scl_path_join(e->folder, "scores.json");
    char *text = scl_comparison_json(&e->comparison);
    scl_status status = path == NULL || text == NULL
                            ? scl_out_of_memory(err, 1024, "scores.json")
                            : scl_file_write(path, text, strlen(text), err);
    cJSON_free(text);
    scl_free(path);
    return status;
}

static scl_status print_table(const evaluation *e, scl_error *err)
{
    scl_str table = {0};
    scl_comparison_table(&e->comparison, &e->model.config, &table);
    scl_status status = table.failed ? scl_out_of_memory(err, table.capacity, "the table") : SCL_OK;
    if (status == SCL_OK)
        fputs(scl_str_text(&table), stdout);
    scl_str_free(&table);
    return status;
}

static scl_status compare(evaluation *e, const char *split, scl_error *err)
{
    char *picture = e->folder != NULL ? scl_path_join(e->folder, "samples.png") : NULL;
    const scl_comparison_options options = {.tuned = &e->model,
                                            .device = e->device,
                                            .dataset = e->dataset,
                                            .split = split,
                                            .cache = e->cache,
                                            .samples = (size_t)e->model.config.train.samples,
                                            .picture = picture,
                                            .user = e,
                                            .progress = show_progress};
    scl_status status = cli_tracing_begin(&e->tracing, e->device, err);
    if (status == SCL_OK)
        status = scl_comparison_run(&options, &e->comparison, err);
    status = cli_tracing_end(&e->tracing, status, err);
    scl_free(picture);
    return status;
}

static scl_status evaluate(evaluation *e, const cli_args *args, scl_error *err)
{
    scl_split_name split;
    if (args->word_count == 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "samcl eval needs a run's folder, a tuned file or a run file");
    SCL_TRY(cli_tracing_read(&e->tracing, args, err));
    SCL_TRY(read_model(e, args, err));
    SCL_TRY(choose_split(e, args, &split, err));
    e->data = scl_run_data_eval_config(&e->model.config.data);
    const scl_data_progress reading = {terminal_show_reading, &e->bar};
    SCL_TRY(scl_device_open(e->model.config.device, &e->device, err));
    SCL_TRY(scl_tuned_model_open(&e->model, e->device, err));
    SCL_TRY(scl_run_data_open_split(&e->model.config, &e->data, split, reading, &e->dataset, err));
    SCL_TRY(find_folder(e, args, scl_split_text(split), err));
    SCL_TRY(scl_run_data_open_cache(&e->model.config, &e->cache, err));
    SCL_TRY(compare(e, scl_split_text(split), err));
    if (e->folder != NULL)
        SCL_TRY(write_json(e, err));
    terminal_clear();
    SCL_TRY(print_table(e, err));
    if (e->folder != NULL)
        printf("%s/samples.png\n%s/scores.json\n", e->folder, e->folder);
    return SCL_OK;
}

static scl_status run(const cli_args *args, scl_error *err)
{
    static evaluation e; /* large, and must not move */
    scl_status status = evaluate(&e, args, err);
    scl_comparison_free(&e.comparison);
    scl_dataset_free(e.dataset);
    scl_prefix_cache_close(e.cache);
    scl_tuned_model_close(&e.model);
    if (e.device != NULL)
        scl_device_close(e.device);
    scl_free(e.folder);
    return status;
}

static const cli_option options[] = {
    {"--adapter", "FILE", "over the base of FILE.yaml: of samcl train, peft or Sam_LoRA", false},
    {"--split", "NAME", "train, val or test; default: test if there is one, else val", false},
    {"--out", "FOLDER", "for scores.json and samples.png; default: eval-SPLIT in the run's folder",
     false},
    CLI_TRACE_OPTION,
};

const cli_verb verb_eval = {
    .name = "eval",
    .summary = "scores of the base model and of the tuned one on the same images",
    .usage = "RUN | FILE.safetensors | FILE.yaml [--adapter FILE]  [key=value …]",
    .notes =
        "A run's folder stands for its best checkpoint. A run file judges its model as it is,\n"
        "before training; with --adapter also an adapter over it, whose own parameters count and\n"
        "not the run file's. A key=value sets a key of the run file: data.test.images=…",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .most_words = CLI_MAX_VALUES,
    .run = run,
};
