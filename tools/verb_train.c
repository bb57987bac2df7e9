/* verb_train.c — samcl train: a run file to a tuned model. */
#include "cli.h"
#include "terminal.h"
#include "tracing.h"

#include "base/clock.h"
#include "base/str.h"
#include "registry.h"
#include "train/trainer.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A wrapper may pass on what the terminal has sent already: this soon it is the same signal. */
#define SAME_SIGNAL_NS 300000000

static _Atomic int64_t stopped_at; /* nanoseconds; 0: not yet. Any thread may get a signal. */
static bool on_terminal;

static void say(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

/* The first Ctrl-C saves and ends; the second one ends at once. */
static void on_signal(int number)
{
    (void)number;
    int reason = errno;
    int64_t first = 0;
    int64_t now = (int64_t)scl_clock_nanoseconds() + 1;
    if (atomic_compare_exchange_strong(&stopped_at, &first, now)) {
        say(on_terminal ? "\r\033[K" : "");
        say("stopping after this step, then saving a checkpoint; Ctrl-C again stops at once\n");
    } else if (now - first >= SAME_SIGNAL_NS) {
        say("stopped at once; the last checkpoint stands\n");
        _exit(SCL_INTERRUPTED);
    }
    errno = reason;
}

/* Each waits for the other, and neither breaks a read or write off. */
static void handle_signals(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool wants_stop(void *user)
{
    (void)user;
    return stopped_at != 0;
}

typedef struct view {
    terminal_bar bar, val_bar;
    bool bar_started;
    const scl_train_job *job;
} view;

static void show_start(void *user, const scl_train_job *job, int64_t trained_values, bool cached)
{
    view *v = user;
    v->job = job;
    fprintf(stderr, "%s: %zu images, %.3g M values trained on %s\n", job->folder.path,
            job->train->count, 1e-6 * (double)trained_values, job->run.model->device->info.name);
    if (cached)
        fprintf(stderr, "the frozen encoder sees each image once; its results are kept\n");
}

static void show_step(void *user, const scl_train_progress *p)
{
    view *v = user;
    char suffix[160], memory[SCL_BYTES_TEXT];
    if (!v->bar_started)
        v->bar = terminal_bar_start((size_t)p->total_steps, (size_t)p->step->step - 1);
    v->bar_started = true;
    snprintf(suffix, sizeof suffix, "epoch %d/%" PRId64 "  loss %.4f  lr %.2g  %s",
             (int)ceil(p->step->epoch), p->epochs, p->step->loss, p->step->lr,
             scl_bytes_text(p->memory, memory));
    terminal_bar_update(&v->bar, (size_t)p->step->step, suffix);
}

static void show_validation(void *user, size_t done, size_t total)
{
    view *v = user;
    if (v->val_bar.total != total || done <= 1)
        v->val_bar = terminal_bar_start(total, 0);
    terminal_bar_update(&v->val_bar, done, "validating");
}

static void show_epoch(void *user, const scl_epoch_record *r, bool best)
{
    const view *v = user;
    const scl_run_config *config = &v->job->run.config;
    scl_metric metric = scl_metric_choose(config);
    terminal_clear();
    fprintf(stderr, "epoch %*" PRId64 "/%" PRId64 "  loss %.4f", config->train.epochs > 99 ? 3 : 2,
            r->epoch, config->train.epochs, r->train_loss);
    if (r->scores != NULL && !isnan(r->scores->loss))
        fprintf(stderr, "  val loss %.4f", r->scores->loss);
    if (r->scores != NULL && metric != SCL_METRIC_LOSS)
        fprintf(stderr, "  val %s %.4f%s", scl_metric_name(metric),
                scl_scores_value(r->scores, metric), best ? "  best" : "");
    fprintf(stderr, "  %.0f s\n", r->seconds);
}

static void show_end(const scl_train_job *job)
{
    const char *folder = job->folder.path;
    const scl_train_state *s = &job->state;
    bool best = s->best_epoch > 0;
    if (best)
        printf("best val %s %.4f in epoch %" PRId64 "\n",
               scl_metric_name(scl_metric_choose(&job->run.config)), s->best_metric, s->best_epoch);
    printf("%s/checkpoints/%s.safetensors\n%s/plots/curves.png\n%s/samples\n", folder,
           best ? "best" : "last", folder, folder);
}

static scl_status read_job(scl_train_job *job, const cli_args *args, scl_error *err)
{
    const char *resume = cli_value(args, "--resume");
    if (resume != NULL)
        return scl_train_job_resume(job, resume, args->words, args->word_count, err);
    if (args->word_count == 0)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "samcl train needs a run file: samcl train FILE.yaml [key=value …]");
    return scl_train_job_read(job, args->words[0], args->words + 1, args->word_count - 1, err);
}

static scl_status train(scl_train_job *job, const cli_args *args, scl_device **device,
                        scl_error *err)
{
    cli_tracing tracing = {0};
    terminal_bar bar = {0};
    view v = {0};
    const scl_data_progress scanning = {terminal_show_reading, &bar};
    const scl_train_events events = {.user = &v,
                                     .start = show_start,
                                     .step = show_step,
                                     .validate = show_validation,
                                     .epoch = show_epoch,
                                     .stop = wants_stop};
    SCL_TRY(cli_tracing_read(&tracing, args, err));
    SCL_TRY(read_job(job, args, err));
    SCL_TRY(scl_device_open(job->run.config.device, device, err));
    SCL_TRY(scl_train_job_open(job, *device, scanning, err));
    on_terminal = isatty(STDERR_FILENO);
    handle_signals(on_signal);
    scl_status status = cli_tracing_begin(&tracing, *device, err);
    if (status == SCL_OK)
        status = scl_train(job, &events, err);
    handle_signals(SIG_IGN); /* all is saved: there is nothing left to stop */
    SCL_TRY(cli_tracing_end(&tracing, status, err));
    show_end(job);
    return SCL_OK;
}

static scl_status run(const cli_args *args, scl_error *err)
{
    static scl_train_job job; /* large, and must not move */
    scl_device *device = NULL;
    scl_status status = train(&job, args, &device, err);
    scl_train_job_close(&job);
    if (device != NULL)
        scl_device_close(device);
    return status;
}

static const cli_option options[] = {
    {"--resume", "RUN", "go on with a run: the folder that holds its checkpoints", false},
    CLI_TRACE_OPTION,
};

const cli_verb verb_train = {
    .name = "train",
    .summary = "fine-tunes a model as a run file says",
    .usage = "FILE.yaml [key=value …]   |   --resume RUN [key=value …]",
    .notes = "A key=value sets a key of the run file: samcl train nuclei.yaml train.epochs=5\n"
             "Ctrl-C saves a checkpoint and ends with exit code 130; --resume goes on from it.",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .most_words = CLI_MAX_VALUES,
    .run = run,
};
