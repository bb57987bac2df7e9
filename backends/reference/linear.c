/* Matrix products and layer normalisation. */
#include "reference/reference.h"

#include <math.h>

static double combine(double x, double residual, int32_t act)
{
    if (act == SCL_ACT_RELU_BACKWARD)
        return residual > 0 ? x : 0;
    if (act == SCL_ACT_GELU_BACKWARD)
        return x * reference_gelu_slope(residual);
    return reference_activate(x + residual, act);
}

/* Where a value of C is stored. */
static int64_t place(const scl_gemm_attr *p, int64_t row, int64_t column)
{
    int64_t rows = p->swap_rows, columns = p->swap_columns;
    if (rows == 0)
        return row * p->n + column;
    int64_t run = (row / rows * (p->n / columns) + column / columns) * rows + row % rows;
    return run * columns + column % columns;
}

void reference_gemm(const reference_args *a)
{
    const scl_gemm_attr *p = &a->node->attr.gemm;
    const double *bias = a->in[2], *residual = a->in[3];
    for (int64_t b = 0; b < p->batch; b++) {
        const double *A = a->in[0] + b * p->m * p->k, *B = a->in[1] + b * p->k * p->n;
        for (int64_t m = 0; m < p->m; m++)
            for (int64_t n = 0; n < p->n; n++) {
                double sum = 0;
                for (int64_t k = 0; k < p->k; k++)
                    sum += (p->trans_a ? A[k * p->m + m] : A[m * p->k + k]) *
                           (p->trans_b ? B[n * p->k + k] : B[k * p->n + n]);
                int64_t at = place(p, b * p->m + m, n);
                sum = (double)p->alpha * sum + (bias ? bias[n] : 0);
                a->out[0][at] = combine(sum, residual ? residual[at] : 0, p->act);
            }
    }
}

void reference_layer_norm(const reference_args *a)
{
    int64_t n = a->node->inputs[1]->shape.dim[0], rows = reference_count(a->node->outputs[1]);
    for (int64_t r = 0; r < rows; r++) {
        const double *x = a->in[0] + r * n;
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < n; i++)
            mean += x[i] / (double)n;
        for (int64_t i = 0; i < n; i++)
            variance += (x[i] - mean) * (x[i] - mean) / (double)n;
        double rstd = 1 / sqrt(variance + (double)a->node->attr.norm.eps);
        for (int64_t i = 0; i < n; i++)
            a->out[0][r * n + i] = reference_activate(
                (x[i] - mean) * rstd * a->in[1][i] + a->in[2][i], a->node->attr.norm.act);
        a->out[1][r] = mean;
        a->out[2][r] = rstd;
    }
}

/* inputs x, weight, mean, rstd, dy. With h = (x - mean) rstd and g = dy weight:
 * dx = rstd (g - mean(g) - h mean(g h)). */
void reference_layer_norm_backward(const reference_args *a)
{
    int64_t n = a->node->inputs[1]->shape.dim[0], rows = reference_count(a->node->inputs[2]);
    for (int64_t r = 0; r < rows; r++) {
        const double *x = a->in[0] + r * n, *dy = a->in[4] + r * n;
        double mean = a->in[2][r], rstd = a->in[3][r], sum_g = 0, sum_gh = 0;
        for (int64_t i = 0; i < n; i++) {
            double g = dy[i] * a->in[1][i];
            sum_g += g / (double)n;
            sum_gh += g * (x[i] - mean) * rstd / (double)n;
        }
        for (int64_t i = 0; i < n; i++) {
            double g = dy[i] * a->in[1][i], h = (x[i] - mean) * rstd;
            a->out[0][r * n + i] = rstd * (g - sum_g - h * sum_gh);
        }
    }
}

/* inputs x, mean, rstd, dy. */
void reference_layer_norm_param_grad(const reference_args *a)
{
    int64_t n = a->node->outputs[0]->shape.dim[0], rows = reference_count(a->node->inputs[1]);
    for (int64_t i = 0; i < n; i++) {
        double dweight = 0, dbias = 0;
        for (int64_t r = 0; r < rows; r++) {
            double dy = a->in[3][r * n + i];
            dweight += dy * (a->in[0][r * n + i] - a->in[1][r]) * a->in[2][r];
            dbias += dy;
        }
        a->out[0][i] = dweight;
        a->out[1][i] = dbias;
    }
}
