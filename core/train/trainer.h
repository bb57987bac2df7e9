/* trainer.h — the training loop: windows of batches, updates, epochs, checkpoints.
 *
 * A run that is stopped or killed at any moment and resumed ends with the same weights, bit for
 * bit, as one that was not, on the same device. */
#ifndef SCL_TRAIN_TRAINER_H
#define SCL_TRAIN_TRAINER_H

#include "eval/scores.h"
#include "train/job.h"
#include "train/results.h"

typedef struct scl_train_progress {
    const scl_step_record *step;
    uint64_t total_steps; /* of the whole run */
    int64_t epochs;
    size_t memory; /* bytes in use on the device */
} scl_train_progress;

/* Called from the training thread; each may be NULL. */
typedef struct scl_train_events {
    void *user;
    void (*start)(void *user, const scl_train_job *job, int64_t trained_values, bool cached);
    void (*step)(void *user, const scl_train_progress *progress);
    void (*validate)(void *user, size_t done, size_t total); /* images */
    void (*epoch)(void *user, const scl_epoch_record *record, bool best);
    bool (*stop)(void *user); /* asked between steps */
} scl_train_events;

/* Trains to the end of the job, or until it stops improving. Makes the run's folder when the graphs
 * stand. SCL_INTERRUPTED with a checkpoint saved when `stop` says so; SCL_NUMERIC naming the batch
 * at the first loss or gradient that is NaN or infinite, with the last checkpoint left as it is. */
scl_status scl_train(scl_train_job *job, const scl_train_events *events, scl_error *err);

#endif
