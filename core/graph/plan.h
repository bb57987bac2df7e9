/* plan.h — a run of nodes with every buffer placed: lifetimes, reuse, in-place updates.
 *
 * The plan knows its memory exactly before anything is allocated. Result tensors share one arena:
 * two of them overlap in it only when their lives do not. Leaves, and results imported from another
 * plan, have buffers of their own and are not part of it. */
#ifndef SCL_GRAPH_PLAN_H
#define SCL_GRAPH_PLAN_H

#include "graph/backend.h"

#define SCL_NOT_PLACED ((int32_t)-1)

/* A stretch of the arena, alive from node `first` to node `last` of the plan. */
typedef struct scl_region {
    size_t offset, bytes;
    int32_t first, last;
} scl_region;

typedef struct scl_plan {
    const scl_graph *graph;
    scl_node **nodes; /* in execution order */
    size_t node_count;
    scl_region *places;
    size_t place_count;
    int32_t *place_of_tensor;    /* by tensor id; SCL_NOT_PLACED: has a buffer of its own */
    int32_t *place_of_workspace; /* by index in nodes; SCL_NOT_PLACED: needs none */
    size_t chunk_bytes;          /* no place crosses a multiple of this */
    size_t arena_bytes;          /* the peak */
    size_t live_bytes;      /* of the places alive together, at most: arena_bytes' lower bound */
    int32_t peak_node;      /* where that is */
    size_t tensor_bytes;    /* what the results would take without reuse */
    size_t workspace_bytes; /* largest single workspace */
} scl_plan;

/* Plans `nodes` (borrowed for the call, a subsequence of the graph's) on a device. Results with
 * `keep` set outlive the run. The plan must not outlive the graph. */
scl_status scl_plan_create(const scl_graph *graph, scl_node *const *nodes, size_t node_count,
                           scl_device *device, scl_plan **out, scl_error *err);
void scl_plan_free(scl_plan *plan);

/* Only the lower bound of that plan's peak, which is much sooner known. */
scl_status scl_plan_find_live_bytes(const scl_graph *graph, scl_node *const *nodes,
                                    size_t node_count, scl_device *device, size_t *bytes,
                                    scl_error *err);

#endif
