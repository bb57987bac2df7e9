#include "eval/scores.h"

#include "base/mem.h"

#include <math.h>

void scl_scores_free(scl_scores *scores)
{
    scl_free(scores->class_iou);
    *scores = (scl_scores){0};
}

scl_metric scl_metric_choose(const scl_run_config *config)
{
    if (config->train.metric != SCL_UNSET_INDEX)
        return (scl_metric)config->train.metric;
    return config->data.task == SCL_TASK_MULTICLASS  ? SCL_METRIC_MIOU
           : config->data.task == SCL_TASK_INSTANCES ? SCL_METRIC_IOU
                                                     : SCL_METRIC_DICE;
}

const char *scl_metric_name(scl_metric metric)
{
    static const char *const names[] = {[SCL_METRIC_DICE] = "dice",
                                        [SCL_METRIC_IOU] = "iou",
                                        [SCL_METRIC_MIOU] = "miou",
                                        [SCL_METRIC_LOSS] = "loss"};
    return names[metric];
}

double scl_scores_value(const scl_scores *scores, scl_metric metric)
{
    switch (metric) {
    case SCL_METRIC_DICE:
        return scores->dice;
    case SCL_METRIC_IOU:
        return scores->iou;
    case SCL_METRIC_MIOU:
        return scores->miou;
    case SCL_METRIC_LOSS:
        return scores->loss;
    }
    return NAN;
}

bool scl_metric_improves(scl_metric metric, double value, double best)
{
    if (isnan(value) || isnan(best))
        return !isnan(value);
    return metric == SCL_METRIC_LOSS ? value < best : value > best;
}
