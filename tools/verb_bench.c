/* verb_bench.c — samcl bench: how fast a device is at the work of a SAM. */
#include "bench_process.h"
#include "bench_serve.h"
#include "cli.h"
#include "model_use.h"
#include "outputs.h"
#include "terminal.h"

#include "base/file.h"
#include "bench/report.h"
#include "config/text.h"

#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    CLI_DEVICE_OPTION,
    {"--model-type", "TYPE", "vit_b (the default), vit_l, vit_h or vit_nano", false},
    {"--checkpoint", "FILE", "weights; without it they are random", false},
    {"--image-size", "N", "pixels; by default the model's", false},
    {"--batch", "N", "images of ops and steps; by default 1, or what the case says", false},
    {"--repeat", "N", "samples of a case, at least (3)", false},
    {"--min-time", "S", "seconds, that the samples last together, at least (0.5)", false},
    {"--list", NULL, "the cases, and measures nothing", false},
    {"--json", "FILE.json", "the results with every sample, the device and the settings", false},
    CLI_TRACE_OPTION,
    {"--serve", NULL, "one case, sample by sample as standard input asks", false},
};

typedef struct bench {
    scl_bench_options options;
    const char *settings[CLI_MAX_VALUES], *patterns[CLI_MAX_VALUES];
    size_t pattern_count;
    const scl_bench_case *cases[SCL_BENCH_MAX_CASES];
    size_t count, failed;
    scl_error first_failure;
    bench_job job; /* the process that is next, or running */
    scl_bench_device device;
    cJSON *record;
    terminal_bar bar;
    size_t done;
} bench;

/* ---- arguments */

static scl_status read_count(const cli_args *args, const char *option, int64_t most, int64_t *value,
                             scl_error *err)
{
    const char *text = cli_value(args, option);
    if (text == NULL)
        return SCL_OK;
    if (!scl_text_read_int(text, value) || *value < 1 || *value > most)
        return scl_fail(err, SCL_BAD_CONFIG, "%s: expected a whole number of 1 to %lld, found %s",
                        option, (long long)most, text);
    return SCL_OK;
}

static scl_status read_options(const cli_args *args, scl_bench_options *o, scl_error *err)
{
    const char *seconds = cli_value(args, "--min-time");
    *o = (scl_bench_options){.model_type = cli_value(args, "--model-type"),
                             .checkpoint = cli_value(args, "--checkpoint"),
                             .repeat = 3,
                             .min_seconds = 0.5};
    SCL_TRY(read_count(args, "--image-size", 8192, &o->image_size, err));
    SCL_TRY(read_count(args, "--batch", 1024, &o->batch, err));
    SCL_TRY(read_count(args, "--repeat", SCL_BENCH_MAX_SAMPLES, &o->repeat, err));
    if (seconds != NULL)
        SCL_TRY(cli_numbers("--min-time", seconds, 1, &o->min_seconds, err));
    if (o->min_seconds < 0)
        return scl_fail(err, SCL_BAD_CONFIG, "--min-time: expected seconds of at least 0, found %s",
                        seconds);
    return scl_bench_check_options(o, err);
}

/* Words are patterns of cases, and key=value for the run file of steps. */
static scl_status sort_words(const cli_args *args, bench *b, scl_error *err)
{
    b->options.settings = b->settings;
    for (size_t i = 0; i < args->word_count; i++) {
        const char *word = args->words[i];
        if (strchr(word, '=') != NULL) {
            b->settings[b->options.setting_count++] = word;
            continue;
        }
        SCL_TRY(scl_bench_check_pattern(word, err));
        b->patterns[b->pattern_count++] = word;
    }
    return SCL_OK;
}

/* Without patterns: all. */
static void choose_cases(bench *b)
{
    for (size_t k = 0; k < scl_bench_case_count(); k++) {
        const scl_bench_case *c = scl_bench_case_at(k);
        bool chosen = b->pattern_count == 0;
        for (size_t i = 0; i < b->pattern_count; i++)
            chosen |= scl_bench_case_matches(c, b->patterns[i]);
        if (chosen)
            b->cases[b->count++] = c;
    }
}

/* ---- measuring */

static void show_progress(void *user)
{
    const bench *b = user;
    const scl_bench_case *c = b->job.measured;
    terminal_bar_update(&b->bar, b->done, c != NULL ? c->name : "what the device reaches at best");
}

static void print_row(const bench *b, const bench_report *report, const char *error)
{
    scl_str text = {0};
    if (b->done == 0)
        scl_bench_table_head(&text);
    if (error == NULL)
        scl_bench_table_row(b->job.measured, &report->result, &b->device.ceiling, &text);
    else
        scl_bench_table_failure(b->job.measured, error, &text);
    terminal_clear();
    fputs(scl_str_text(&text), stdout);
    fflush(stdout);
    scl_str_free(&text);
}

static scl_status measure_device(bench *b, scl_error *err)
{
    const bench_report *report;
    scl_str ceiling = {0};
    scl_status status = bench_process_run(&b->job, show_progress, b, &report, err);
    if (report == NULL)
        return status;
    if (status != SCL_OK)
        return scl_fail(err, status, "%s", report->error.text);
    b->device = report->device;
    b->job.tracing.ceiling = b->device.ceiling;
    b->record = scl_bench_record(&b->options, &b->device);
    if (b->record == NULL)
        return scl_out_of_memory(err, 1 << 16, "the results");
    scl_ceiling_describe(&b->device.ceiling, &ceiling);
    const scl_device_info *d = &b->device.info;
    printf("%s, %s, driver %s\nat best %s\n\n", d->name, d->runtime, d->driver,
           scl_str_text(&ceiling));
    scl_str_free(&ceiling);
    return SCL_OK;
}

static scl_status measure_case(bench *b, scl_error *err)
{
    const bench_report *report;
    const scl_bench_case *c = b->job.measured = b->cases[b->done];
    scl_status status = bench_process_run(&b->job, show_progress, b, &report, err);
    if (report == NULL)
        return status;
    const char *error = status == SCL_OK ? NULL : report->error.text;
    if (error != NULL && b->failed++ == 0)
        scl_fail(&b->first_failure, status, "%s: %s", c->name, error);
    scl_bench_record_case(b->record, c, &report->result, &b->device.ceiling, error);
    print_row(b, report, error);
    return SCL_OK;
}

static scl_status write_json(const bench *b, const char *path, scl_error *err)
{
    char *text = cJSON_Print(b->record);
    if (text == NULL)
        return scl_out_of_memory(err, 1 << 16, "the JSON text");
    scl_status status = scl_file_write(path, text, strlen(text), err);
    cJSON_free(text);
    return status;
}

static scl_status measure_all(bench *b, const char *json, scl_error *err)
{
    b->bar = terminal_bar_start(b->count, 0);
    SCL_TRY(measure_device(b, err));
    for (b->done = 0; b->done < b->count; b->done++)
        SCL_TRY(measure_case(b, err));
    terminal_clear();
    if (json != NULL)
        SCL_TRY(write_json(b, json, err));
    if (b->failed == 0)
        return SCL_OK;
    return scl_fail(err, b->first_failure.status, "%zu of %zu cases failed, the first: %s",
                    b->failed, b->count, b->first_failure.text);
}

static void list_cases(const bench *b)
{
    for (size_t i = 0; i < b->count; i++)
        printf("%-33s %s\n", b->cases[i]->name, b->cases[i]->summary);
}

/* Of --serve and --trace. */
static scl_status check_single(const cli_args *args, const bench *b, const char *option,
                               scl_error *err)
{
    if (cli_given(args, option) && b->count != 1)
        return scl_fail(err, SCL_BAD_CONFIG, "%s: expected one case, found %zu", option, b->count);
    return SCL_OK;
}

static scl_status read_args(const cli_args *args, bench *b, scl_error *err)
{
    const char *device = cli_value(args, "--device"), *json = cli_value(args, "--json");
    b->job = (bench_job){.options = &b->options, .device = device != NULL ? device : "auto"};
    SCL_TRY(read_options(args, &b->options, err));
    SCL_TRY(sort_words(args, b, err));
    choose_cases(b);
    SCL_TRY(check_single(args, b, "--serve", err));
    SCL_TRY(check_single(args, b, "--trace", err));
    if (cli_given(args, "--serve") && (json != NULL || cli_given(args, "--trace")))
        return scl_fail(err, SCL_BAD_CONFIG,
                        "--serve answers on standard output only: leave %s out",
                        json != NULL ? "--json" : "--trace");
    SCL_TRY(cli_output_extension("--json", json, ".json", err));
    SCL_TRY(cli_output_check(json, err));
    return cli_tracing_read(&b->job.tracing, args, err);
}

static scl_status run(const cli_args *args, scl_error *err)
{
    static bench b; /* large */
    SCL_TRY(read_args(args, &b, err));
    if (cli_given(args, "--list")) {
        list_cases(&b);
        return SCL_OK;
    }
    if (cli_given(args, "--serve"))
        return bench_serve(b.cases[0], &b.options, b.job.device, err);
    scl_status status = measure_all(&b, cli_value(args, "--json"), err);
    cJSON_Delete(b.record);
    return status;
}

const cli_verb verb_bench = {
    .name = "bench",
    .summary = "measures how fast a device does the work of a SAM",
    .usage = "[CASE...] [key=value...]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .most_words = CLI_MAX_VALUES,
    .notes =
        "CASE is a name, a group of them such as gemm or gemm/qkv, or a pattern with * and ?;\n"
        "without one every case is measured, which takes long on a CPU. Each runs in a process of\n"
        "its own: once to warm up, then for the samples. A sample is the time from handing the\n"
        "work over until the device has finished. key=value changes the run file of training\n"
        "steps, as for samcl train.\n"
        "\n"
        "spread     median distance of the samples from their median\n"
        "GFLOP/s    of matrix products and attention, by the median; additions and the like do\n"
        "           not count, and what a kernel computes twice counts once\n"
        "GB/s       of the tensors that ops read and write, each once\n"
        "% ceiling  the time that GFLOP or GB need at the device's best rates, whichever is more,\n"
        "           of the time taken. These are measured first, and printed: a large product,\n"
        "           a copy\n"
        "device     most bytes in buffers of the device; process: most memory of the process\n"
        "\n"
        "--trace is for one case, and traces its samples: they take somewhat longer then.\n"
        "\n"
        "--serve answers lines of standard input, until it ends: `run` with the seconds of one\n"
        "sample, `memory` with the bytes of device and process, `save FILE` with `saved`, when\n"
        "inputs and results are in that safetensors file. The first line says `ready`.\n"
        "\n"
        "examples:\n"
        "  samcl bench gemm 'attention/*/forward'\n"
        "  samcl bench model/encoder --model-type vit_h --json encoder.json\n"
        "  samcl bench step/lora train.optimizer.type=sgd\n"
        "  samcl bench model/encoder/forward --trace encoder.json\n"
        "  samcl bench --list",
    .run = run,
};
