/* Ops over classes, and the position code of points. */
#include "reference/reference.h"

#include <math.h>
#include <string.h>

#define TWO_PI 6.28318530717958647692

static void softmax_like(const reference_args *a, bool logarithm)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    for (int64_t o = 0; o < p->outer; o++)
        for (int64_t i = 0; i < p->inner; i++) {
            const double *x = a->in[0] + o * p->size * p->inner + i;
            double *y = a->out[0] + o * p->size * p->inner + i;
            double top = -INFINITY, sum = 0;
            for (int64_t c = 0; c < p->size; c++)
                top = fmax(top, x[c * p->inner]);
            for (int64_t c = 0; c < p->size; c++)
                sum += exp(x[c * p->inner] - top);
            for (int64_t c = 0; c < p->size; c++) {
                double log_p = x[c * p->inner] - top - log(sum);
                y[c * p->inner] = logarithm ? log_p : exp(log_p);
            }
        }
}

void reference_softmax(const reference_args *a)
{
    softmax_like(a, false);
}

void reference_log_softmax(const reference_args *a)
{
    softmax_like(a, true);
}

void reference_softmax_backward(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    for (int64_t o = 0; o < p->outer; o++)
        for (int64_t i = 0; i < p->inner; i++) {
            int64_t first = o * p->size * p->inner + i, end = first + p->size * p->inner;
            const double *y = a->in[0], *dy = a->in[1];
            double sum = 0;
            for (int64_t k = first; k < end; k += p->inner)
                sum += y[k] * dy[k];
            for (int64_t k = first; k < end; k += p->inner)
                a->out[0][k] = y[k] * (dy[k] - sum);
        }
}

void reference_one_hot(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    const int32_t *ids = reference_ids(a, 0);
    memset(a->out[0], 0, (size_t)reference_count(a->node->outputs[0]) * sizeof(double));
    for (int64_t o = 0; o < p->outer; o++)
        for (int64_t i = 0; i < p->inner; i++) {
            int32_t id = ids[o * p->inner + i];
            if (id >= 0 && id < p->size)
                a->out[0][(o * p->size + id) * p->inner + i] = 1;
        }
}

/* Whether value b at `second` comes after a at `first` in falling order, equal ones in their own.
 */
static bool comes_after(double b, int64_t second, double a, int64_t first)
{
    return b < a || (b == a && second > first);
}

void reference_top_k(const reference_args *a)
{
    int64_t n = a->node->attr.axis.size, rows = reference_count(a->node->inputs[0]) / n;
    int64_t k = reference_count(a->node->outputs[0]) / rows;
    int32_t *indices = (int32_t *)(void *)a->out[1];
    for (int64_t r = 0; r < rows; r++) {
        const double *x = a->in[0] + r * n;
        for (int64_t j = 0, last = 0; j < k; j++) {
            int64_t best = -1;
            for (int64_t i = 0; i < n; i++)
                if ((j == 0 || comes_after(x[i], i, x[last], last)) && (best < 0 || x[i] > x[best]))
                    best = i;
            last = best < 0 ? j : best; /* NaN comes after nothing */
            a->out[0][r * k + j] = x[last];
            indices[r * k + j] = (int32_t)last;
        }
    }
}

void reference_fourier_features(const reference_args *a)
{
    int64_t features = a->node->inputs[1]->shape.dim[1];
    int64_t points = reference_count(a->node->inputs[0]) / 2;
    for (int64_t k = 0; k < points; k++)
        for (int64_t f = 0; f < features; f++) {
            double x = 2 * a->in[0][2 * k] - 1, y = 2 * a->in[0][2 * k + 1] - 1;
            double angle = TWO_PI * (x * a->in[1][f] + y * a->in[1][features + f]);
            a->out[0][k * 2 * features + f] = sin(angle);
            a->out[0][k * 2 * features + features + f] = cos(angle);
        }
}
