/* Optimizers, as torch.optim defines them, and what they need. */
#include "reference/reference.h"

#include <math.h>

void reference_accumulate(const reference_args *a)
{
    int64_t count = reference_count(a->node->outputs[0]);
    for (int64_t i = 0; i < count; i++)
        a->in[0][i] += a->in[1][i];
}

void reference_global_norm(const reference_args *a)
{
    double sum = 0;
    for (int k = 0; k < a->node->input_count; k++)
        for (int64_t i = 0; i < reference_count(a->node->inputs[k]); i++)
            sum += a->in[k][i] * a->in[k][i];
    a->out[0][0] = sqrt(sum);
}

/* Places of the optimizers' inputs. */
enum { PARAM, GRAD, HYPER, GRAD_SCALE, MOMENT1, MOMENT2 };

void reference_sgd(const reference_args *a)
{
    const scl_optimizer_attr *o = &a->node->attr.optimizer;
    double lr = a->in[HYPER][0] * o->lr_scale, momentum = o->momentum;
    double scale = a->in[GRAD_SCALE] ? a->in[GRAD_SCALE][0] : 1;
    double *p = a->in[PARAM], *buffer = a->in[MOMENT1];
    for (int64_t i = 0; i < reference_count(a->node->outputs[0]); i++) {
        double g = a->in[GRAD][i] * scale + o->weight_decay * p[i];
        if (buffer != NULL) {
            buffer[i] = momentum * buffer[i] + g;
            g = o->nesterov ? g + momentum * buffer[i] : buffer[i];
        }
        p[i] -= lr * g;
    }
}

void reference_adam(const reference_args *a)
{
    const scl_optimizer_attr *o = &a->node->attr.optimizer;
    double lr = a->in[HYPER][0] * o->lr_scale, decay = o->weight_decay;
    double correction1 = a->in[HYPER][1], root_correction2 = a->in[HYPER][2];
    double scale = a->in[GRAD_SCALE] ? a->in[GRAD_SCALE][0] : 1;
    double beta1 = o->beta1, beta2 = o->beta2;
    double *p = a->in[PARAM], *m = a->in[MOMENT1], *v = a->in[MOMENT2];
    for (int64_t i = 0; i < reference_count(a->node->outputs[0]); i++) {
        double g = a->in[GRAD][i] * scale + (o->decoupled ? 0 : decay * p[i]);
        if (o->decoupled)
            p[i] *= 1 - lr * decay;
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        p[i] -= lr / correction1 * m[i] / (sqrt(v[i]) / root_correction2 + o->eps);
    }
}
