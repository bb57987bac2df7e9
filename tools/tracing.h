/* tracing.h — the option --trace of the verbs that compute: what ran, when, and how fast.
 *
 * The trace is FILE.json for Perfetto or chrome://tracing; the table is printed on stderr and
 * written beside it as FILE.txt. */
#ifndef SAMCL_TOOLS_TRACING_H
#define SAMCL_TOOLS_TRACING_H

#include "cli.h"
#include "graph/profile.h"

#define CLI_TRACE_OPTION                                                                           \
    {                                                                                              \
        "--trace", "FILE.json",                                                                    \
            "where time goes: a trace for ui.perfetto.dev, and a table as FILE.txt", false         \
    }

/* Zero-initialise. */
typedef struct cli_tracing {
    const char *path; /* NULL: not wanted */
    scl_device *device;
    scl_ceiling ceiling; /* measured by begin unless it is known by then */
} cli_tracing;

/* Reads the option, before the work begins: SCL_BAD_CONFIG or SCL_FAILED when the file can't be
 * written. */
scl_status cli_tracing_read(cli_tracing *tracing, const cli_args *args, scl_error *err);
/* Measures the device's ceiling, and traces what runs on it from now on. */
scl_status cli_tracing_begin(cli_tracing *tracing, scl_device *device, scl_error *err);
/* Writes and prints what was traced, also of work that ended with the status `status`, which it
 * returns unless that is SCL_OK and something can't be written. */
scl_status cli_tracing_end(cli_tracing *tracing, scl_status status, scl_error *err);

#endif
