#include "train/lr_schedule.h"

#include <math.h>

#define PI 3.14159265358979323846

double scl_lr_factor(const scl_lr_scheduler_config *s, uint64_t step, uint64_t total)
{
    uint64_t warmup = (uint64_t)s->warmup_steps;
    if (step < warmup)
        return (double)step / (double)warmup;
    double span = total > warmup ? (double)(total - warmup) : 1;
    double left = fmax(0, 1 - (double)(step - warmup) / span);
    double shape = 1;
    switch ((scl_lr_scheduler_type)s->type) {
    case SCL_LR_CONSTANT:
        return 1;
    case SCL_LR_LINEAR:
        shape = left;
        break;
    case SCL_LR_COSINE:
        shape = 0.5 * (1 - cos(PI * left));
        break;
    case SCL_LR_POLYNOMIAL:
        shape = pow(left, s->power);
        break;
    }
    return s->min_lr_ratio + (1 - s->min_lr_ratio) * shape;
}
