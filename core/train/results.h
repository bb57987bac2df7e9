/* results.h — what a run leaves for people: results.csv, metrics.jsonl and the curves. */
#ifndef SCL_TRAIN_RESULTS_H
#define SCL_TRAIN_RESULTS_H

#include "eval/scores.h"
#include "train/run_folder.h"

#define SCL_RESULTS_NAME "results.csv"

/* One optimizer step: a line of metrics.jsonl. */
typedef struct scl_step_record {
    uint64_t step; /* from 1 */
    double epoch;  /* that have passed, with a fraction */
    double loss;
    const char *const *labels; /* of the parts */
    size_t part_count;
    double parts[SCL_SCORES_MAX_LOSSES]; /* before their weights */
    double lr;                           /* of parameters without a group of their own */
    double grad_norm;                    /* before clipping */
    double seconds;                      /* trained so far */
} scl_step_record;

/* One epoch: a row of results.csv; scores NULL: no validation data. */
typedef struct scl_epoch_record {
    int64_t epoch; /* from 1 */
    uint64_t step; /* optimizer steps so far */
    double train_loss, lr, seconds;
    const scl_scores *scores;
} scl_epoch_record;

/* Errors of all: SCL_FAILED when a file cannot be written, SCL_DEVICE without memory. */
scl_status scl_results_start(const scl_run_folder *folder, scl_error *err);
scl_status scl_results_step(scl_run_folder *folder, const scl_step_record *record, scl_error *err);
scl_status scl_results_epoch(const scl_run_folder *folder, const scl_epoch_record *record,
                             scl_error *err);

/* Draws plots/curves.png from the two files. */
scl_status scl_results_plot(const scl_run_folder *folder, scl_metric metric, scl_error *err);

#endif
