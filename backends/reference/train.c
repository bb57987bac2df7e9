/* Optimizers, as torch.optim defines them, and what they need. */
#include "reference/reference.h"

#include <math.h>

void reference_accumulate(const reference_args *a)
{
    int64_t count = reference_count(a->node->outputs[0]);
    for (int64_t i = 0; i < count; i++)
        a->in[0][i] += a->in[1][i];
}

void reference_running_mean(const reference_args *a)
{
    int64_t count = reference_count(a->node->outputs[0]);
    double rate = a->in[2][3];
    for (int64_t i = 0; i < count; i++)
        a->in[0][i] += rate * (a->in[1][i] - a->in[0][i]);
}

void reference_global_norm(const reference_args *a)
{
    double sum = 0;
    for (int k = 0; k < a->node->input_count; k++)
        for (int64_t i = 0; i < reference_count(a->node->inputs[k]); i++)
            sum += a->in[k][i] * a->in[k][i];
    a->out[0][0] = sqrt(sum);
}

static double scale_of(const double *grad_scale)
{
    return grad_scale != NULL ? grad_scale[0] : 1;
}

void reference_sgd(const reference_args *a)
{
    const scl_optimizer_attr *o = &a->node->attr.optimizer;
    double *p = a->in[0], *grad = a->in[1], *buffer = a->in[2];
    double lr = a->in[3][0] * o->lr_scale, scale = scale_of(a->in[4]), momentum = o->momentum;
    for (int64_t i = 0; i < reference_count(a->node->outputs[0]); i++) {
        double g = grad[i] * scale + o->weight_decay * p[i];
        if (buffer != NULL) {
            buffer[i] = momentum * buffer[i] + g;
            g = o->nesterov ? g + momentum * buffer[i] : buffer[i];
        }
        p[i] -= lr * g;
    }
}

/* member: parameter, gradient, and both moments. */
static void update_member(const scl_optimizer_attr *o, double *const *member, int64_t count,
                          const double *hyper, double scale)
{
    double lr = hyper[0] * o->lr_scale, decay = o->weight_decay;
    double correction1 = hyper[1], root_correction2 = hyper[2];
    double beta1 = o->beta1, beta2 = o->beta2;
    double *p = member[0], *grad = member[1], *m = member[2], *v = member[3];
    for (int64_t i = 0; i < count; i++) {
        double g = grad[i] * scale + (o->decoupled ? 0 : decay * p[i]);
        if (o->decoupled)
            p[i] *= 1 - lr * decay;
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        p[i] -= lr / correction1 * m[i] / (sqrt(v[i]) / root_correction2 + o->eps);
    }
}

void reference_adam(const reference_args *a)
{
    int members = a->node->input_count - 2;
    for (int i = 0; i < members; i += 4)
        update_member(&a->node->attr.optimizer, a->in + i, reference_count(a->node->inputs[i]),
                      a->in[members], scale_of(a->in[members + 1]));
}
