#include "kit/kit.h"

#include "base/clock.h"
#include "base/guest.h"
#include "kit/checks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The first two come before all others, in each process. */
#define PRELUDE 2

static const struct check {
    const char *name;
    uint32_t kind; /* scl_plugin_kind, or SCL_PLUGIN_ANY */
    scl_kit_check run;
} checks[] = {
    {"descriptor", SCL_PLUGIN_ANY, scl_kit_descriptor},
    {"use", SCL_PLUGIN_ANY, scl_kit_use},
    {"parameters", SCL_PLUGIN_ANY, scl_kit_parameters},
    {"gradient", SCL_PLUGIN_ANY, scl_kit_gradient},
    {"device", SCL_PLUGIN_ANY, scl_kit_on_device},
    {"edges", SCL_PLUGIN_ANY, scl_kit_finite},
    {"nan", SCL_PLUGIN_ANY, scl_kit_nan},
    {"ignored", SCL_PLUGIN_LOSS, scl_kit_hidden},
    {"rows", SCL_PLUGIN_ADAPTER, scl_kit_rows},
    {"start", SCL_PLUGIN_ADAPTER, scl_kit_start},
    {"merge", SCL_PLUGIN_ADAPTER, scl_kit_merge},
    {"same bits", SCL_PLUGIN_ANY, scl_kit_twice},
    {"instances", SCL_PLUGIN_ANY, scl_kit_instances},
    {"memory", SCL_PLUGIN_ANY, scl_kit_memory},
    {"time", SCL_PLUGIN_ANY, scl_kit_time},
};
#define CHECKS (sizeof checks / sizeof *checks)

/* What the process that checks tells the one that waits. */
typedef struct shared {
    atomic_size_t current; /* being run */
    atomic_size_t done;    /* their findings are there */
    scl_kit_finding findings[CHECKS];
} shared;

/* ------------------------------------------------------------------ the process that checks */

/* Checks of adapters that wrap nothing have nothing to do. */
static bool has_work(const scl_kit *kit, const struct check *check)
{
    return check < checks + PRELUDE || kit->scenes.count > 0 || check->run == scl_kit_time;
}

static scl_status run_check(scl_kit *kit, size_t index, shared *told)
{
    scl_kit_finding *finding = &told->findings[index];
    scl_str said = {0};
    scl_error err = {0};
    double start = scl_clock_seconds();
    told->current = index;
    alarm(kit->options->limit);
    scl_status status = SCL_OK;
    if (has_work(kit, &checks[index]))
        status = checks[index].run(kit, &said, &err);
    else
        scl_str_add(&said, "it wraps nothing, and what it trains is the model's own");
    alarm(0);
    *finding = (scl_kit_finding){.check = checks[index].name,
                                 .failed = status != SCL_OK,
                                 .seconds = scl_clock_seconds() - start};
    snprintf(finding->text, sizeof finding->text, "%s",
             status == SCL_OK ? scl_str_text(&said) : err.text);
    scl_str_free(&said);
    return status;
}

/* From check `first` on. What went well before in another process is done again in silence. */
static void run_checks(const scl_kit_options *options, size_t first, shared *told)
{
    scl_kit kit = {.options = options};
    scl_error err = {0};
    scl_kit_finding kept[PRELUDE];
    memcpy(kept, told->findings, sizeof kept);
    scl_status status = options->open("reference", &kit.reference, &err);
    for (size_t i = 0; i < PRELUDE && status == SCL_OK; i++) {
        status = run_check(&kit, i, told);
        if (i < first)
            told->findings[i] = kept[i];
        else
            told->done = i + 1;
    }
    if (status != SCL_OK)
        return;
    told->current = first > PRELUDE ? first : PRELUDE;
    status = options->open(options->device, &kit.device, &err);
    for (size_t i = told->current; i < CHECKS; i++) {
        if (status != SCL_OK) { /* no device */
            told->findings[i] = (scl_kit_finding){.check = checks[i].name, .failed = true};
            snprintf(told->findings[i].text, sizeof told->findings[i].text, "%s", err.text);
        } else if (checks[i].kind == SCL_PLUGIN_ANY || checks[i].kind == kit.kind) {
            run_check(&kit, i, told);
        }
        told->done = i + 1;
    }
}

/* ------------------------------------------------------------------ the process that waits */

/* Reports what is done from `next` on; those of the other kind have no name. */
static size_t report_done(const scl_kit_options *options, const shared *told, size_t next,
                          bool *failed)
{
    for (; next < told->done; next++) {
        const scl_kit_finding *finding = &told->findings[next];
        if (finding->check == NULL)
            continue;
        options->report(options->user, finding);
        *failed |= finding->failed;
    }
    return next;
}

/* The child killed itself by its alarm, unless its plugin has blocked that. */
static int wait_for(const scl_kit_options *options, pid_t child, const shared *told, size_t *next,
                    bool *failed)
{
    int status = 0;
    size_t seen = told->done;
    double since = scl_clock_seconds();
    while (waitpid(child, &status, WNOHANG) == 0) {
        *next = report_done(options, told, *next, failed);
        if (told->done != seen) {
            seen = told->done;
            since = scl_clock_seconds();
        }
        if (scl_clock_seconds() - since > 4.0 * options->limit + 5)
            kill(child, SIGKILL);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    *next = report_done(options, told, *next, failed);
    return status;
}

/* What the handler of the child has written, without its "samcl: " and line end. */
static void read_last_words(int from, char *text, size_t size)
{
    ssize_t length = read(from, text, size - 1);
    text[length > 0 ? length : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    const char *prefix = "samcl: ";
    if (strncmp(text, prefix, strlen(prefix)) == 0)
        memmove(text, text + strlen(prefix), strlen(text + strlen(prefix)) + 1);
}

static void tell_crash(const scl_kit_options *options, shared *told, int status, int words)
{
    scl_kit_finding *finding = &told->findings[told->current];
    *finding = (scl_kit_finding){.check = checks[told->current].name, .failed = true};
    read_last_words(words, finding->text, sizeof finding->text);
    if (finding->text[0] != '\0')
        return;
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGKILL))
        snprintf(finding->text, sizeof finding->text, "it took more than %u seconds, expected less",
                 options->limit);
    else if (WIFSIGNALED(status))
        snprintf(finding->text, sizeof finding->text,
                 "the process crashed (%s) in samcl's code, running what the plugin described",
                 scl_guest_signal_name(WTERMSIG(status)));
    else
        snprintf(finding->text, sizeof finding->text,
                 "the plugin ended the process with exit code %d", WEXITSTATUS(status));
}

#define FINISHED 77 /* the exit code of a child that ran to its end */

static scl_status start(const scl_kit_options *options, size_t first, shared *told, int words[2],
                        pid_t *child, scl_error *err)
{
    fflush(NULL);
    if (pipe2(words, O_CLOEXEC | O_NONBLOCK) != 0)
        return scl_fail(err, SCL_FAILED, "the checks cannot be run: %s", strerror(errno));
    *child = fork();
    if (*child == 0) {
        scl_guest_report_crashes(words[1]);
        run_checks(options, first, told);
        _exit(FINISHED);
    }
    close(words[1]);
    if (*child > 0)
        return SCL_OK;
    close(words[0]);
    return scl_fail(err, SCL_FAILED, "the checks cannot be run: %s", strerror(errno));
}

static scl_status run_all(const scl_kit_options *options, shared *told, scl_error *err)
{
    size_t next = 0;
    bool failed = false, finished = false;
    while (!finished && next < CHECKS) {
        int words[2];
        pid_t child = 0;
        SCL_TRY(start(options, next, told, words, &child, err));
        int status = wait_for(options, child, told, &next, &failed);
        finished = WIFEXITED(status) && WEXITSTATUS(status) == FINISHED;
        if (!finished) {
            bool hopeless = told->current < PRELUDE;
            tell_crash(options, told, status, words[0]);
            told->done = told->current + 1;
            next = report_done(options, told, told->current, &failed);
            finished = hopeless;
        }
        close(words[0]);
    }
    return failed ? scl_fail(err, SCL_PLUGIN, "plugin %s does not pass", options->path) : SCL_OK;
}

scl_status scl_kit_run(const scl_kit_options *options, scl_error *err)
{
    shared *told =
        mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED)
        return scl_fail(err, SCL_FAILED, "the checks cannot be run: %s", strerror(errno));
    scl_status status = run_all(options, told, err);
    munmap(told, sizeof *told);
    return status;
}
