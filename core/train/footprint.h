/* footprint.h — the memory of a run, known before anything of it is allocated.
 *
 * The run is made as training makes it, on a device that only counts (graph/dry_device.h), so what
 * it says is what the run takes. Images and masks are not looked at. */
#ifndef SCL_TRAIN_FOOTPRINT_H
#define SCL_TRAIN_FOOTPRINT_H

#include "graph/peak.h"
#include "graph/recompute.h"

typedef struct scl_footprint {
    /* Bytes on the device, by what takes them. */
    size_t frozen_weights, trained_weights;
    size_t optimizer, accumulated; /* moments and means; gradients summed over a window */
    scl_peak step;                 /* the step's arena at its peak */
    size_t inputs;                 /* and constants, and what the frozen layers made */
    size_t frozen_layers;          /* the arena of what runs once per image */
    size_t validation;             /* all of the evaluator's */
    size_t total;

    size_t step_bytes, live_bytes; /* the arena, and what lives in it at once */
    size_t plain_bytes;            /* the arena if nothing ran again */
    size_t again_count;            /* operations that run again */
    double again_work;             /* as a share of the step's work */
    double work;                   /* of a step per image, in scl_node_work's measure */
    bool cached;                   /* frozen layers run once per image */

    size_t host_batches; /* of the loader */
    size_t host_cache;   /* at most */

    size_t budget; /* these as the run file has them; 0: none */
    int64_t batch_size, window, image_size, objects;
} scl_footprint;

/* Of the run file with the key=value settings over it, on a device that is open. SCL_DEVICE when it
 * does not fit the device's memory or `memory_budget`; else errors as those of training. `choices`
 * (or NULL) gets what may run again, step by step; free it with scl_recompute_free. */
scl_status scl_footprint_find(const char *path, const char *const *settings, size_t setting_count,
                              scl_device *device, scl_footprint *out, scl_recompute *choices,
                              scl_error *err);

#endif
