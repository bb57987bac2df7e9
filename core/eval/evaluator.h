/* evaluator.h — a model's scores on a data set, at the images' original resolution.
 *
 * Every image is seen once, unchanged and in order, with prompts that are the same at each
 * evaluation. The graph is built once and used for each. Used from one thread. */
#ifndef SCL_EVAL_EVALUATOR_H
#define SCL_EVAL_EVALUATOR_H

#include "eval/scores.h"
#include "step/stepper.h"

typedef struct scl_evaluator scl_evaluator;

typedef struct scl_eval_options {
    scl_model *model; /* all are borrowed, for the evaluator's life */
    const scl_adaptation *adaptation;
    const scl_run_plugins *plugins; /* whose losses are computed; NULL: none */
    const scl_run_config *config;
    const scl_dataset *dataset;
    size_t images;           /* the first ones only; 0: all */
    scl_prefix_cache *cache; /* or NULL */
} scl_eval_options;

/* One judged image; all memory is borrowed until the callback returns. */
typedef struct scl_eval_image {
    const scl_data_item *item;
    const int32_t *truth;     /* [height, width] ids; negative: ignored */
    const int32_t *predicted; /* [height, width] ids: of the objects asked for, or classes */
    const scl_batch *batch;   /* whose place `slot` it is, with the prompts */
    int64_t slot;
    double score; /* the mean Dice of its objects; for multiclass its mIoU */
} scl_eval_image;

/* Both are called from the evaluating thread and may be NULL. `image` may fail, which ends the
 * evaluation. `progress` returns false to end it: SCL_INTERRUPTED. */
typedef struct scl_eval_events {
    void *user;
    scl_status (*image)(void *user, const scl_eval_image *image, scl_error *err);
    bool (*progress)(void *user, size_t done, size_t total);
} scl_eval_events;

scl_status scl_evaluator_create(const scl_eval_options *options, scl_evaluator **out,
                                scl_error *err);
void scl_evaluator_free(scl_evaluator *evaluator);

/* Free the scores with scl_scores_free, also after an error. */
scl_status scl_evaluator_run(scl_evaluator *evaluator, const scl_eval_events *events,
                             scl_scores *scores, scl_error *err);

#endif
