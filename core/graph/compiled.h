/* compiled.h — a graph with its plan and schedule, made and freed together. */
#ifndef SCL_GRAPH_COMPILED_H
#define SCL_GRAPH_COMPILED_H

#include "graph/schedule.h"

typedef struct scl_compiled {
    scl_graph *graph; /* owned */
    scl_plan *plan;
    scl_schedule *schedule;
} scl_compiled;

/* Plans and binds `nodes` of the graph (NULL: all of them). The graph is taken, also on error.
 * SCL_DEVICE when it would not fit the device's memory or its budget. */
scl_status scl_compile(scl_graph *graph, scl_node *const *nodes, size_t node_count,
                       scl_store *store, scl_compiled *out, scl_error *err);
/* The same of a plan that is there, whether it fits or not; both are taken, also on error. */
scl_status scl_compile_planned(scl_graph *graph, scl_plan *plan, scl_store *store,
                               scl_compiled *out, scl_error *err);
/* Accepts a zeroed struct. */
void scl_compiled_free(scl_compiled *compiled);

#endif
