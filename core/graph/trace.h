/* trace.h — a file of events for Perfetto or chrome://tracing: Chrome's trace format, JSON.
 *
 * Events are written as they come, under a temporary name, so that a trace needs no memory and is
 * there whole or not at all. */
#ifndef SCL_GRAPH_TRACE_H
#define SCL_GRAPH_TRACE_H

#include "base/status.h"

#include <stdint.h>

typedef struct scl_trace scl_trace;

typedef enum scl_trace_thread { SCL_TRACE_HOST = 1, SCL_TRACE_DEVICE } scl_trace_thread;

/* Times in nanoseconds. Texts may be NULL, which leaves them out, as 0 does with numbers. */
typedef struct scl_trace_event {
    scl_trace_thread thread;
    const char *name;
    uint64_t start, duration;
    const char *op, *shape, *scope, *kernel;
    double flops, bytes; /* their rates follow from the duration */
} scl_trace_event;

/* `process`: what the trace calls its one process. SCL_FAILED when `path` can't be written. */
scl_status scl_trace_open(const char *path, const char *process, scl_trace **out, scl_error *err);
/* What can't be written is reported by scl_trace_commit. */
void scl_trace_add(scl_trace *trace, const scl_trace_event *event);
/* Ends the file and puts it at its place; SCL_FAILED. Either frees the trace; NULL is fine. */
scl_status scl_trace_commit(scl_trace *trace, scl_error *err);
void scl_trace_abort(scl_trace *trace);

#endif
