/* The op pointwise: programs are interpreted, element after element. */
#include "reference/reference.h"

#include "graph/pointwise.h"

static void run_steps(const scl_pointwise *p, double *value)
{
    for (int32_t i = 0; i < p->step_count; i++) {
        const scl_pointwise_step *s = &p->steps[i];
        value[SCL_POINTWISE_INPUTS + i] =
            reference_apply(s->op, value[s->x], value[s->y], s->scalar);
    }
}

void reference_pointwise(const reference_args *a)
{
    const scl_pointwise *p = a->node->program;
    int64_t count = scl_pointwise_elements(p);
    double value[SCL_POINTWISE_INPUTS + SCL_POINTWISE_STEPS] = {0};
    for (int32_t k = 0; k < p->sum_count; k++)
        for (int64_t i = 0; i < p->outputs[k].sums; i++)
            a->out[k][i] = 0;
    for (int64_t i = 0; i < count; i++) {
        for (int k = 0; k < a->node->input_count; k++)
            value[k] = a->in[k][reference_offset(i, SCL_MAX_DIMS, p->size, p->stride[k])];
        run_steps(p, value);
        for (int k = 0; k < a->node->output_count; k++) {
            const scl_pointwise_output *out = &p->outputs[k];
            if (out->sums > 0)
                a->out[k][i / (count / out->sums)] += value[out->value];
            else
                a->out[k][i] = value[out->value];
        }
    }
}
