/* step_plan.h — where a step's results go in memory, and which of them are computed again to stay
 * within the device's budget. */
#ifndef SCL_STEP_STEP_PLAN_H
#define SCL_STEP_STEP_PLAN_H

#include "graph/prefix.h"
#include "graph/recompute.h"
#include "graph/schedule.h"
#include "step/step_graph.h"

/* Zero-initialise; free with scl_step_plan_free. */
typedef struct scl_step_plan {
    scl_plan *plan;
    size_t once_end, backward_begin, update_begin; /* indices in the plan's nodes */
    size_t plain_bytes;                            /* of the arena when nothing runs again */
    size_t again_count;                            /* nodes that run again */
    double again_work;                             /* as a share of the step's work */
} scl_step_plan;

/* Splits a step's graph. With `cache`, frozen layers become its prefix where what they make of an
 * image is worth keeping, which *cached tells. Free with scl_split_free. */
scl_status scl_step_plan_split(const scl_step_graph *graph, bool cache, scl_split *split,
                               bool *cached, scl_error *err);

/* Plans the live nodes of a split graph. SCL_DEVICE, with the least that would do, when they do not
 * fit beside what is on the device already. */
scl_status scl_step_plan_make(const scl_step_graph *graph, const scl_split *split,
                              const scl_step_options *options, scl_step_plan *out, scl_error *err);
void scl_step_plan_free(scl_step_plan *plan);

/* The choices there are, from the cheapest on, until nothing makes the step smaller. */
scl_status scl_step_plan_choices(const scl_step_graph *graph, const scl_split *split,
                                 scl_device *device, scl_recompute *choices, scl_error *err);

#endif
