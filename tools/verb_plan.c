/* verb_plan.c — samcl plan: the memory of a run by what takes it, and what would take less. */
#include "cli.h"
#include "terminal.h"

#include "base/mem.h"
#include "base/str.h"
#include "config/run_config.h"
#include "registry.h"
#include "train/footprint.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#define MIB          1048576.0
#define MAX_CHOICES  16
#define CHOICE_TEXT  160
#define OPS_IN_A_ROW 4
#define MOST_GAPS    5 /* percent */

/* Settings over the run file, and where they lead. */
typedef struct choice {
    char settings[CHOICE_TEXT], note[CHOICE_TEXT];
    size_t bytes;
    double work; /* per image, against what the run file says */
} choice;

typedef struct report {
    const cli_args *args;
    scl_device *device;
    scl_footprint now;
    scl_recompute again;
    choice choices[MAX_CHOICES];
    size_t choice_count;
} report;

/* The run file's settings and up to two more. */
static scl_status find(const report *r, const char *const *more, size_t more_count,
                       scl_footprint *out, scl_recompute *again, scl_error *err)
{
    const char *settings[CLI_MAX_VALUES + 2];
    size_t count = r->args->word_count - 1;
    for (size_t i = 0; i < count; i++)
        settings[i] = r->args->words[i + 1];
    for (size_t i = 0; i < more_count; i++)
        settings[count + i] = more[i];
    return scl_footprint_find(r->args->words[0], settings, count + more_count, r->device, out,
                              again, err);
}

/* ---- what may run again */

/* "layer_norm 24, gelu 12": of the first `count` steps, the most frequent ones. */
static void list_ops(const scl_recompute *again, size_t count, char text[CHOICE_TEXT])
{
    size_t times[SCL_OP_COUNT] = {0}, length = 0;
    for (size_t i = 0; i < count; i++)
        times[again->steps[i].op]++;
    for (int listed = 0; listed < OPS_IN_A_ROW; listed++) {
        int most = 0;
        for (int op = 1; op < SCL_OP_COUNT; op++)
            most = times[op] > times[most] ? op : most;
        if (times[most] == 0)
            return;
        length += (size_t)snprintf(
            text + length, CHOICE_TEXT - length, "%s%s %zu",
            listed > 0 ? ", " : "runs again: ", scl_op_describe((scl_op)most)->name, times[most]);
        times[most] = 0;
    }
}

/* The footprint within a budget of about `bytes`: those of a ladder's step are a lower bound, and
 * with its gaps the arena may be some percent larger. */
static bool find_within(const report *r, size_t bytes, char setting[CHOICE_TEXT], scl_footprint *f)
{
    for (int percent = 0; percent <= MOST_GAPS; percent++) {
        scl_error ignored = {0};
        double most = (double)bytes / MIB * (100 + percent) / 100;
        snprintf(setting, CHOICE_TEXT, "memory_budget=%.0fMiB", most + 1);
        const char *settings[] = {setting};
        if (find(r, settings, 1, f, NULL, &ignored) == SCL_OK)
            return true;
    }
    return false;
}

/* The ladder, a row for each of these shares of more work than is done now. */
static void add_ladder(report *r)
{
    static const double shares[] = {0.03, 0.1, 0.2, 0.4, 1e9};
    const scl_recompute *again = &r->again;
    size_t beside = r->now.total - r->now.step_bytes, told = 0;
    while (told < again->step_count && again->steps[told].work <= r->now.again_work)
        told++;
    for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
        size_t count = told;
        while (count < again->step_count && again->steps[count].work <= shares[k])
            count++;
        if (count == told)
            continue;
        choice *c = &r->choices[r->choice_count];
        scl_footprint f;
        if (find_within(r, beside + again->steps[count - 1].live_bytes, c->settings, &f)) {
            c->bytes = f.total;
            c->work = f.work / r->now.work;
            list_ops(again, count, c->note);
            r->choice_count++;
        }
        told = count;
    }
}

/* ---- other settings */

/* Nothing where they do not fit the run file. */
static void try_settings(report *r, const char *first, const char *second, const char *note)
{
    const char *more[] = {first, second};
    scl_footprint f;
    scl_error err = {0};
    if (find(r, more, second != NULL ? 2 : 1, &f, NULL, &err) != SCL_OK)
        return;
    choice *c = &r->choices[r->choice_count++];
    snprintf(c->settings, CHOICE_TEXT, "%s%s%s", first, second != NULL ? " " : "",
             second != NULL ? second : "");
    snprintf(c->note, CHOICE_TEXT, "%s%s", note,
             f.cached && !r->now.cached ? "; frozen layers run once per image" : "");
    c->bytes = f.total;
    c->work = f.work / r->now.work;
}

static void add_settings(report *r)
{
    const scl_footprint *now = &r->now;
    char window[64], size[64];
    snprintf(window, sizeof window, "train.grad_accum_steps=%lld",
             (long long)(now->batch_size * now->window));
    snprintf(size, sizeof size, "model.image_size=%lld", (long long)(now->image_size / 2));
    if (now->budget > 0)
        try_settings(r, "memory_budget=null", NULL, "runs again what costs next to nothing");
    if (now->batch_size > 1)
        try_settings(r, "train.batch_size=1", window, "the same updates");
    if (now->objects > 1)
        try_settings(r, "data.objects_per_image=1", NULL, "one object of an image at a visit");
    try_settings(r, size, NULL, "less detail");
    if (now->trained_weights > now->frozen_weights)
        try_settings(r, "adapter={use: lora}", NULL, "trains LoRA");
    if (!now->cached)
        try_settings(r, "adapter=null", "train_also=[\"mask_decoder.*\"]", "trains the decoder");
}

/* ---- as text */

static void print_line(const char *what, size_t bytes)
{
    if (bytes > 0)
        printf("  %-34s %10.1f MiB\n", what, (double)bytes / MIB);
}

static void print_causes(const report *r)
{
    const scl_footprint *f = &r->now;
    printf("memory on %s, batch_size %lld, image_size %lld\n", r->device->info.name,
           (long long)f->batch_size, (long long)f->image_size);
    print_line("weights, frozen", f->frozen_weights);
    print_line("weights, trained", f->trained_weights);
    print_line("optimizer", f->optimizer);
    print_line("gradients summed over a window", f->accumulated);
    print_line("activations", f->step.activations);
    print_line("gradients of weights", f->step.gradients);
    print_line("results of the backward pass", f->step.passing);
    print_line("workspace", f->step.workspace);
    print_line("gaps between them", f->step.gaps);
    print_line("inputs and constants", f->inputs);
    print_line("frozen layers, once per image", f->frozen_layers);
    print_line("validation", f->validation);
    print_line("peak", f->total);
    if (f->again_count > 0)
        printf("%zu operations of the forward pass run again, %.1f %% more work\n", f->again_count,
               100 * f->again_work);
    printf("in host memory, beside the program and the driver\n");
    print_line("batches", f->host_batches);
    print_line("cache of frozen layers, at most", f->host_cache);
}

static void print_choices(const report *r)
{
    printf("%-50s %14s %8s\n", "choices", "peak", "work");
    printf("  %-48s %10.1f MiB %7.1f%%\n", "as it is", (double)r->now.total / MIB, 100.0);
    for (size_t i = 0; i < r->choice_count; i++) {
        const choice *c = &r->choices[i];
        printf("  %-48s %10.1f MiB %7.1f%%  %s\n", c->settings, (double)c->bytes / MIB,
               100 * c->work, c->note);
    }
}

/* ---- as JSON */

static void add_bytes(cJSON *to, const scl_footprint *f)
{
    const struct {
        const char *name;
        size_t bytes;
    } causes[] = {{"frozen_weights", f->frozen_weights},
                  {"trained_weights", f->trained_weights},
                  {"optimizer", f->optimizer},
                  {"accumulated_gradients", f->accumulated},
                  {"activations", f->step.activations},
                  {"gradients", f->step.gradients},
                  {"backward_results", f->step.passing},
                  {"workspace", f->step.workspace},
                  {"gaps", f->step.gaps},
                  {"inputs", f->inputs},
                  {"frozen_layers", f->frozen_layers},
                  {"validation", f->validation}};
    cJSON *bytes = cJSON_AddObjectToObject(to, "bytes");
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        cJSON_AddNumberToObject(bytes, causes[i].name, (double)causes[i].bytes);
    cJSON_AddNumberToObject(to, "peak_bytes", (double)f->total);
    cJSON_AddNumberToObject(to, "activation_bytes", (double)f->step_bytes);
    cJSON_AddNumberToObject(to, "live_bytes", (double)f->live_bytes);
    cJSON_AddNumberToObject(to, "again_operations", (double)f->again_count);
    cJSON_AddNumberToObject(to, "again_work", f->again_work);
    cJSON *host = cJSON_AddObjectToObject(to, "host_bytes");
    cJSON_AddNumberToObject(host, "batches", (double)f->host_batches);
    cJSON_AddNumberToObject(host, "cache", (double)f->host_cache);
}

static scl_status print_json(const report *r, scl_error *err)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "device", r->device->info.name);
    add_bytes(root, &r->now);
    cJSON *choices = cJSON_AddArrayToObject(root, "choices");
    for (size_t i = 0; i < r->choice_count; i++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "settings", r->choices[i].settings);
        cJSON_AddStringToObject(one, "note", r->choices[i].note);
        cJSON_AddNumberToObject(one, "peak_bytes", (double)r->choices[i].bytes);
        cJSON_AddNumberToObject(one, "work", r->choices[i].work);
        cJSON_AddItemToArray(choices, one);
    }
    char *text = cJSON_Print(root);
    if (text != NULL)
        printf("%s\n", text);
    cJSON_Delete(root);
    cJSON_free(text);
    return text != NULL ? SCL_OK : scl_out_of_memory(err, 4096, "the plan");
}

/* ---- the verb */

/* With a budget that is too small, the plan without it is told, and then the mistake. */
static scl_status find_now(report *r, scl_error *err)
{
    const char *const without[] = {"memory_budget=null"};
    scl_error ignored = {0};
    scl_status status = find(r, NULL, 0, &r->now, &r->again, err);
    if (status == SCL_DEVICE)
        find(r, without, 1, &r->now, &r->again, &ignored);
    return status;
}

static scl_status plan(report *r, scl_error *err)
{
    scl_run_config config = {0};
    scl_run_config_load(&config, r->args->words[0], r->args->words + 1, r->args->word_count - 1);
    scl_status opened =
        scl_device_open(config.device != NULL ? config.device : "auto", &r->device, err);
    scl_run_config_free(&config);
    SCL_TRY(opened);
    terminal_stop_log(); /* of runs that are only tried */
    scl_status status = find_now(r, err);
    if (r->now.total > 0) {
        add_ladder(r);
        add_settings(r);
        if (cli_given(r->args, "--json")) {
            scl_status written = print_json(r, err);
            return status == SCL_OK ? written : status;
        }
        print_causes(r);
        print_choices(r);
    }
    return status;
}

static scl_status run(const cli_args *args, scl_error *err)
{
    static report r; /* large */
    if (args->word_count == 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "expected a run file: samcl plan RUNFILE [key=value ...]");
    r.args = args;
    scl_status status = plan(&r, err);
    scl_recompute_free(&r.again);
    if (r.device != NULL)
        scl_device_close(r.device);
    return status;
}

static const cli_option options[] = {
    {"--json", NULL, "as JSON, with all sizes in bytes", false},
};

const cli_verb verb_plan = {
    .name = "plan",
    .summary = "tells the memory a run will take, and what would take less",
    .usage = "RUNFILE [key=value ...]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .most_words = CLI_MAX_VALUES,
    .notes = "Nothing is allocated on the device, and images and masks are not read. The peak is\n"
             "that of the device's memory; on a CPU device it is the program's own.\n"
             "Work is that of a step per image: operations, and memory traffic as much as takes\n"
             "their time. A memory_budget makes parts of the forward pass run again; the result\n"
             "is the same bit for bit.\n"
             "\n"
             "examples:\n"
             "  samcl plan run.yaml\n"
             "  samcl plan run.yaml memory_budget=8GiB train.batch_size=2\n"
             "  samcl plan run.yaml --json",
    .run = run,
};
