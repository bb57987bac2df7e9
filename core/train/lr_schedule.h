/* lr_schedule.h — the learning rate over the steps, as a factor of the optimizer's lr. */
#ifndef SCL_TRAIN_LR_SCHEDULE_H
#define SCL_TRAIN_LR_SCHEDULE_H

#include "config/run_config.h"

/* The factor at optimizer step `step` (from 0) of `total`: it rises linearly from 0 over the
 * warm-up steps, then falls from 1 to min_lr_ratio (get_*_schedule_with_warmup of transformers). */
double scl_lr_factor(const scl_lr_scheduler_config *schedule, uint64_t step, uint64_t total);

#endif
