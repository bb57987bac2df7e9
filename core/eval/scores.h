/* scores.h — the scores of one evaluation, and which of them decides. */
#ifndef SCL_EVAL_SCORES_H
#define SCL_EVAL_SCORES_H

#include "config/run_config.h"
#include "eval/metrics.h"

#include <stdbool.h>

#define SCL_SCORES_MAX_LOSSES 32

/* What does not apply is NaN. Zero-initialise; free with scl_scores_free. */
typedef struct scl_scores {
    double loss, parts[SCL_SCORES_MAX_LOSSES]; /* means over masks; parts before their weights */
    double dice, iou;                          /* means over masks; binary and instances */
    double miou, accuracy;                     /* over all pixels; multiclass */
    double *class_iou;                         /* [classes]; NULL unless multiclass */
    size_t classes;
    uint64_t images, masks;
} scl_scores;

void scl_scores_free(scl_scores *scores);

/* The metric that decides which epoch is best: train.metric, or the task's own: dice, for
 * multiclass miou, for instances iou. */
scl_metric scl_metric_choose(const scl_run_config *config);
const char *scl_metric_name(scl_metric metric);
double scl_scores_value(const scl_scores *scores, scl_metric metric);
/* Whether `value` beats `best` (NaN: anything but NaN does). */
bool scl_metric_improves(scl_metric metric, double value, double best);

#endif
