#include "bench_process.h"

#include "registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MICROSECONDS 20000

static scl_status measure(const scl_bench_case *c, const scl_bench_options *options,
                          const char *spec, bench_report *report)
{
    scl_device *device = NULL;
    scl_error *err = &report->error;
    SCL_TRY(scl_device_open(spec, &device, err));
    report->device = device->info;
    report->identity = scl_device_identity(device);
    report->opened = true;
    scl_status status = scl_bench_measure(c, options, device, &report->result, err);
    scl_device_close(device);
    return status;
}

/* Waits for the process, which leaves its own error in the report unless something ended it. */
static void wait_for(pid_t child, bench_waiting waiting, void *user, bench_report *report)
{
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        waiting(user, report);
        usleep(POLL_MICROSECONDS);
    }
    if (WIFSIGNALED(status))
        scl_fail(&report->error, SCL_DEVICE, "the process of the case was ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != (int)report->error.status)
        scl_fail(&report->error, SCL_FAILED, "the process of the case ended with exit code %d",
                 WEXITSTATUS(status));
}

scl_status bench_process_run(const scl_bench_case *c, const scl_bench_options *options,
                             const char *spec, bench_waiting waiting, void *user,
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
    fflush(NULL); /* nothing is written twice */
    pid_t child = fork();
    if (child < 0)
        return scl_fail(err, SCL_FAILED, "a case could not be started: %s", strerror(errno));
    if (child == 0)
        exit((int)measure(c, options, spec, report));
    wait_for(child, waiting, user, report);
    *out = report;
    return report->error.status;
}
