/* loader.h — a thread that makes batches ahead of the training that uses them.
 *
 * What a batch holds follows from the data set, the options, its epoch and its index alone, never
 * from timing, and so a run continued at any batch sees what an unbroken one would. */
#ifndef SCL_DATA_LOADER_H
#define SCL_DATA_LOADER_H

#include "data/batch.h"

typedef struct scl_loader_options {
    const scl_dataset *dataset;  /* borrowed: outlives the loader, and its config too */
    const scl_sam_config *model; /* read while opening only */
    int64_t batch_size;          /* images, at least 1 */
    int64_t window;              /* batches that make one optimizer step, at least 1 */
    uint64_t seed;
    bool shuffle;         /* a new order in each epoch; else that of the data set */
    bool augment;         /* see augment.h */
    int64_t epoch, batch; /* the first batch to deliver; `batch` may be scl_loader_batches */
    int64_t end_epoch;    /* the epoch after the last */
} scl_loader_options;

typedef struct scl_loader scl_loader;

#define SCL_LOADER_BATCHES 3 /* held at once: one being used, two ahead */

/* Batches of an epoch: the last is filled up, and its window may be shorter. */
int64_t scl_loader_batches(size_t images, int64_t batch_size);

/* Starts the thread. It holds SCL_LOADER_BATCHES. SCL_DEVICE when out of memory, SCL_FAILED when
 * there is no thread to be had. */
scl_status scl_loader_open(const scl_loader_options *options, scl_loader **loader, scl_error *err);

/* Waits for the next batch, which is borrowed until the next call; NULL after the last. The window
 * of a batch are `window` batches of its epoch, counted from the epoch's first: the mask weights
 * of a window sum to 1 (to 0 if none of its images has an object). An error of the thread is
 * reported when the batch's turn comes, and again by later calls: see scl_sample_load. */
scl_status scl_loader_next(scl_loader *loader, const scl_batch **batch, scl_error *err);

/* Stops the thread after the image it is at. At any time; NULL is allowed. */
void scl_loader_close(scl_loader *loader);

#endif
