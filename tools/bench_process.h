/* bench_process.h — a case of samcl bench in a process of its own, so that its peak of memory is
 * its alone and a driver that crashes ends no more than it. */
#ifndef SAMCL_TOOLS_BENCH_PROCESS_H
#define SAMCL_TOOLS_BENCH_PROCESS_H

#include "bench/bench.h"

/* What the process leaves in shared memory. */
typedef struct bench_report {
    scl_bench_result result;
    scl_device_info device;
    scl_hash128 identity; /* of the device */
    bool opened;          /* the device */
    scl_error error;
} bench_report;

/* Called some times a second while the case runs. */
typedef void (*bench_waiting)(void *user, const bench_report *report);

/* Returns the case's status; its error is in the report, which lives until the next call. NULL in
 * *out, with the error in err, when there is no process to be had. The caller must not have
 * opened a device. */
scl_status bench_process_run(const scl_bench_case *c, const scl_bench_options *options,
                             const char *spec, bench_waiting waiting, void *user,
                             const bench_report **out, scl_error *err);

#endif
