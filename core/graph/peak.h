/* peak.h — what a plan's memory is taken by at the moment when it takes the most. */
#ifndef SCL_GRAPH_PEAK_H
#define SCL_GRAPH_PEAK_H

#include "graph/plan.h"

/* Bytes; together arena_bytes. */
typedef struct scl_peak {
    size_t activations; /* results of the forward pass */
    size_t gradients;   /* of trained parameters */
    size_t passing;     /* other results of the backward pass and the optimizer */
    size_t workspace;
    size_t gaps; /* between places */
} scl_peak;

/* The plan's nodes from `backward` on are no forward pass. SCL_DEVICE when out of memory. */
scl_status scl_peak_find(const scl_plan *plan, size_t backward, scl_peak *out, scl_error *err);

#endif
