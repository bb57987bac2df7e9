#include "bench_process.h"

#include "registry.h"
#include "terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MICROSECONDS 20000

/* ---- in the process */

static scl_status measure_case(const bench_job *job, scl_device *device, bench_report *report)
{
    scl_bench_work work;
    cli_tracing tracing = job->tracing;
    scl_error *err = &report->error;
    scl_status status =
        scl_bench_start(job->measured, job->options, device, &work, &report->result, err);
    if (status == SCL_OK)
        status = cli_tracing_begin(&tracing, device, err);
    if (status == SCL_OK)
        status = scl_bench_take_samples(&work, job->options, device, &report->result, err);
    status = cli_tracing_end(&tracing, status, err);
    scl_bench_close(&work);
    return status;
}

static scl_status measure(const bench_job *job, bench_report *report)
{
    scl_device *device = NULL;
    SCL_TRY(scl_device_open(job->device, &device, &report->error));
    scl_status status = job->measured != NULL
                            ? measure_case(job, device, report)
                            : scl_bench_device_measure(device, &report->device, &report->error);
    scl_device_close(device);
    return status;
}

/* ---- in the program */

/* Waits for the process, which leaves its own error in the report unless something ended it. */
static void wait_for(pid_t child, bench_waiting waiting, void *user, bench_report *report)
{
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        waiting(user);
        usleep(POLL_MICROSECONDS);
    }
    if (WIFSIGNALED(status))
        scl_fail(&report->error, SCL_DEVICE,
                 "the process that measures was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != (int)report->error.status)
        scl_fail(&report->error, SCL_FAILED, "the process that measures ended with exit code %d",
                 WEXITSTATUS(status));
}

/* A bar was in the way before. */
static void pass_on(FILE *said)
{
    char part[4096];
    size_t bytes;
    rewind(said);
    terminal_clear();
    while ((bytes = fread(part, 1, sizeof part, said)) > 0)
        fwrite(part, 1, bytes, stderr);
}

static scl_status run(const bench_job *job, bench_waiting waiting, void *user, FILE *said,
                      bench_report *report, scl_error *err)
{
    fflush(NULL); /* nothing is written twice */
    pid_t child = fork();
    if (child < 0)
        return scl_fail(err, SCL_FAILED, "a process could not be started: %s", strerror(errno));
    if (child == 0) {
        dup2(fileno(said), STDERR_FILENO);
        exit((int)measure(job, report));
    }
    wait_for(child, waiting, user, report);
    pass_on(said);
    return SCL_OK;
}

scl_status bench_process_run(const bench_job *job, bench_waiting waiting, void *user,
                             const bench_report **out, scl_error *err)
{
    static bench_report *report; /* one mapping for all cases */
    *out = NULL;
    if (report == NULL)
        report =
            mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED) {
        report = NULL;
        return scl_out_of_memory(err, sizeof *report, "the result of a case");
    }
    memset(report, 0, sizeof *report);
    FILE *said = tmpfile();
    if (said == NULL)
        return scl_fail(err, SCL_FAILED, "a temporary file could not be made: %s", strerror(errno));
    scl_status status = run(job, waiting, user, said, report, err);
    fclose(said);
    SCL_TRY(status);
    *out = report;
    return report->error.status;
}
