/* bench_process.h — a case of samcl bench, or the device's ceiling, in a process of its own, so
 * that its peak of memory is its alone and a driver that crashes ends no more than it. */
#ifndef SAMCL_TOOLS_BENCH_PROCESS_H
#define SAMCL_TOOLS_BENCH_PROCESS_H

#include "tracing.h"

#include "bench/bench.h"

typedef struct bench_job {
    const scl_bench_case *measured; /* NULL: the device itself */
    const scl_bench_options *options;
    const char *device;  /* as the user names it */
    cli_tracing tracing; /* of the samples, when it has a path; with its ceiling */
} bench_job;

/* What the process leaves in shared memory. */
typedef struct bench_report {
    scl_bench_device device; /* or */
    scl_bench_result result;
    scl_error error;
} bench_report;

/* Called some times a second while the process runs. */
typedef void (*bench_waiting)(void *user);

/* Returns the job's status; its error is in the report, which lives until the next call. NULL in
 * *out, with the error in err, when there is no process to be had. What the process says on stderr
 * is passed on when it has ended. The caller must not have opened a device. */
scl_status bench_process_run(const bench_job *job, bench_waiting waiting, void *user,
                             const bench_report **out, scl_error *err);

#endif
