/* schedule.h — a plan bound to a device: buffers allocated, kernels built, arguments set.
 *
 * A step writes inputs, runs a range of nodes and reads results; nothing is allocated or compiled
 * in it. Used from one thread. The schedule must not outlive its plan, store or device. */
#ifndef SCL_GRAPH_SCHEDULE_H
#define SCL_GRAPH_SCHEDULE_H

#include "graph/plan.h"
#include "graph/store.h"

typedef struct scl_schedule scl_schedule;

scl_status scl_schedule_create(const scl_plan *plan, scl_store *store, scl_schedule **out,
                               scl_error *err);
void scl_schedule_free(scl_schedule *schedule);

/* What a schedule of the plan allocates beside the arena: inputs, constants, imported results, and
 * parameters and states that the store does not have yet. */
size_t scl_schedule_leaf_bytes(const scl_plan *plan, const scl_store *store);

/* Whether a node of the plan reads or makes the tensor. */
bool scl_schedule_has(const scl_schedule *schedule, const scl_tensor *tensor);

/* Writes an input, an imported result or a state, from element `offset` on. */
scl_status scl_schedule_write(scl_schedule *schedule, const scl_tensor *tensor, size_t offset,
                              const void *values, size_t count, scl_error *err);
/* Sets all elements of a state to 0. */
scl_status scl_schedule_zero(scl_schedule *schedule, const scl_tensor *tensor, scl_error *err);
/* Enqueues nodes first .. end-1 of the plan. */
scl_status scl_schedule_run(scl_schedule *schedule, size_t first, size_t end, scl_error *err);
/* Waits, and copies a kept result (or any leaf) out. */
scl_status scl_schedule_read(scl_schedule *schedule, const scl_tensor *tensor, size_t offset,
                             void *values, size_t count, scl_error *err);

#endif
