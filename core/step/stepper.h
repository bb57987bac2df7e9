/* stepper.h — steps on a device: batches in, losses and updates out.
 *
 * What frozen layers make of an image is computed once per distinct image and kept in the cache
 * (data/prefix_cache.h) under the hash of all that it depends on: the image's input values, those
 * layers' weights and graph, the device with its driver and kernels, and samcl's version. So a kept
 * result can only be the right one. Used from one thread. */
#ifndef SCL_STEP_STEPPER_H
#define SCL_STEP_STEPPER_H

#include "data/prefix_cache.h"
#include "graph/plan.h"
#include "step/step_graph.h"

#define SCL_STEPPER_MAX_LOSSES 32

typedef struct scl_stepper scl_stepper;

/* The half of a cache key that is the same for all images: samcl's version, scl_device_identity,
 * scl_split.signature and scl_store_hash. The other half is the hash of an image's values. */
scl_hash128 scl_frozen_key(const char *version, const scl_device *device, scl_hash128 graph,
                           scl_hash128 weights);

typedef struct scl_stepper_losses {
    double total; /* of this batch, with the window's mask weights */
    double parts[SCL_STEPPER_MAX_LOSSES];
} scl_stepper_losses;

/* Builds, plans and binds. `cache` may be NULL: everything runs for every batch. */
scl_status scl_stepper_create(const scl_step_options *options, scl_prefix_cache *cache,
                              scl_stepper **out, scl_error *err);
void scl_stepper_free(scl_stepper *step);

/* Whether images' frozen results are kept. */
bool scl_stepper_uses_cache(const scl_stepper *step);
/* Trained parameters (numbers, not tensors). */
int64_t scl_stepper_trained_values(const scl_stepper *step);

/* How the step uses the device's memory. */
typedef struct scl_stepper_memory {
    const scl_plan *plan;  /* of what runs for each batch; borrowed */
    size_t backward_begin; /* its nodes from here on are no forward pass */
    size_t plain_bytes;    /* its arena if nothing ran again */
    size_t prefix_bytes;   /* the arena of what runs once per image */
    size_t again_count;    /* nodes that run again for the gradients */
    double again_work;     /* as a share of the step's work */
} scl_stepper_memory;
scl_stepper_memory scl_stepper_get_memory(const scl_stepper *step);

/* The model, the losses and (for training) the gradients of a batch, added to those of the window.
 * The batch must have the layout of the options. Losses may come out NaN or infinite. */
scl_status scl_stepper_forward(scl_stepper *step, const scl_batch *batch,
                               scl_stepper_losses *losses, scl_error *err);

/* What scl_stepper_losses.parts are: the run file's losses, then terms that the adapter adds.
 * Borrowed. */
const char *const *scl_stepper_loss_labels(const scl_stepper *step, size_t *count);

/* Values in the logits of a batch. */
size_t scl_stepper_logit_count(const scl_stepper *step);
/* Of the last batch: logits as scl_step_graph.logits has them; iou [M]. */
scl_status scl_stepper_logits(scl_stepper *step, float *logits, scl_error *err);
scl_status scl_stepper_iou(scl_stepper *step, float *iou, scl_error *err);

/* Ends a window: update number t (from 1) with lr times `lr_factor`; the new values are
 * `average_rate` of their means (with train.average_last). SCL_NUMERIC, with nothing updated, when
 * the norm of the gradients is NaN or infinite. */
scl_status scl_stepper_update(scl_stepper *step, double lr_factor, double average_rate, uint64_t t,
                              double *grad_norm, scl_error *err);

#endif
