/* norm.cl - layer normalisation over the last axis of n values; a group has `each` rows. */
#include "math.cl"

__kernel void layer_norm(__global const float *in, __global const float *weight,
                         __global const float *bias, __global float *out, __global float *means,
                         __global float *rstds, int n, float eps, int act, int rows, int each)
{
    GROUP_SCRATCH
    int first = get_group_id(0) * each, end = min(first + each, rows);
    for (int row = first; row < end; row++) {
        __global const float *x = in + (size_t)row * n;
        __global float *y = out + (size_t)row * n;
        floatV wide = 0;
        float rest = 0;
        FOR_ROW(n, wide += vloadV(0, x + i), rest += x[i]);
        float mean = group_sum(sumV(wide) + rest) / n;
        wide = 0;
        rest = 0;
        FOR_ROW(n, floatV d = vloadV(0, x + i) - mean; wide += d * d, float d = x[i] - mean;
                rest += d * d);
        float rstd = 1.0f / sqrt(group_sum(sumV(wide) + rest) / n + eps);
        FOR_ROW(n,
                vstoreV((vloadV(0, x + i) - mean) * rstd * vloadV(0, weight + i) +
                            vloadV(0, bias + i),
                        0, y + i),
                y[i] = (x[i] - mean) * rstd * weight[i] + bias[i]);
        if (get_local_id(0) == 0) {
            means[row] = mean;
            rstds[row] = rstd;
        }
    }
    /* Each work-item activates what it wrote, in a loop of its own: behind the sums of its row an
     * activation would wait for them. */
    for (int row = first; act && row < end; row++) {
        __global float *y = out + (size_t)row * n;
        FOR_ROW(n, vstoreV(activate_vector(vloadV(0, y + i), act), 0, y + i),
                y[i] = activate_float(y[i], act));
    }
}

/* With h = (x - mean) rstd and g = dy weight: dx = rstd (g - mean(g) - h mean(g h)). */
__kernel void layer_norm_backward(__global const float *in, __global const float *weight,
                                  __global const float *means, __global const float *rstds,
                                  __global const float *grad, __global float *out, int n, int rows,
                                  int each)
{
    GROUP_SCRATCH
    int first = get_group_id(0) * each, end = min(first + each, rows);
    for (int row = first; row < end; row++) {
        __global const float *x = in + (size_t)row * n, *dy = grad + (size_t)row * n;
        __global float *dx = out + (size_t)row * n;
        float mean = means[row], rstd = rstds[row];
        floatV wide_g = 0, wide_gh = 0;
        float rest_g = 0, rest_gh = 0;
        FOR_ROW(n, floatV g = vloadV(0, dy + i) * vloadV(0, weight + i); wide_g += g;
                wide_gh += g * (vloadV(0, x + i) - mean), float g = dy[i] * weight[i]; rest_g += g;
                rest_gh += g * (x[i] - mean));
        float mean_g = group_sum(sumV(wide_g) + rest_g) / n;
        float slope = group_sum(sumV(wide_gh) + rest_gh) / n * rstd * rstd;
        FOR_ROW(n,
                vstoreV(rstd * (vloadV(0, dy + i) * vloadV(0, weight + i) - mean_g -
                                (vloadV(0, x + i) - mean) * slope),
                        0, dx + i),
                dx[i] = rstd * (dy[i] * weight[i] - mean_g - (x[i] - mean) * slope));
    }
}

/* Work-item (stretch of columns, share of rows): its sums of dy h and dy, to dweight and dbias
 * [shares][n]; dbias begins at bias_at. */
__kernel void layer_norm_param_grad(__global const float *in, __global const float *means,
                                    __global const float *rstds, __global const float *grad,
                                    __global float *dweight, __global float *dbias, long bias_at,
                                    int n, int rows, int share)
{
    int first = get_global_id(0) * STRETCH, s = get_global_id(1);
    int columns = STRETCH_END(first, n) - first, whole = columns / V;
    floatV wide_weight[STRETCH / V], wide_bias[STRETCH / V];
    float rest_weight[V], rest_bias[V];
    for (int c = 0; c < STRETCH / V && c < whole; c++)
        wide_weight[c] = wide_bias[c] = 0;
    for (int c = 0; c < columns - whole * V; c++)
        rest_weight[c] = rest_bias[c] = 0;
    for (int r = s * share; r < min(rows, (s + 1) * share); r++) {
        __global const float *x = in + (size_t)r * n + first, *dy = grad + (size_t)r * n + first;
        float mean = means[r], rstd = rstds[r];
        for (int c = 0; c < STRETCH / V && c < whole; c++) {
            wide_weight[c] += vloadV(c, dy) * ((vloadV(c, x) - mean) * rstd);
            wide_bias[c] += vloadV(c, dy);
        }
        x += whole * V;
        dy += whole * V;
        for (int c = 0; c < columns - whole * V; c++) {
            rest_weight[c] += dy[c] * ((x[c] - mean) * rstd);
            rest_bias[c] += dy[c];
        }
    }
    dweight += (size_t)s * n + first;
    dbias += bias_at + (size_t)s * n + first;
    for (int c = 0; c < STRETCH / V && c < whole; c++) {
        vstoreV(wide_weight[c], c, dweight);
        vstoreV(wide_bias[c], c, dbias);
    }
    for (int c = 0; c < columns - whole * V; c++) {
        dweight[whole * V + c] = rest_weight[c];
        dbias[whole * V + c] = rest_bias[c];
    }
}

/* Sums the shares: dweight and dbias. */
#define SUM_SHARES(T, at)                                                                          \
    T weight = 0, bias = 0;                                                                        \
    for (int s = 0; s < shares; s++) {                                                             \
        weight += at(partial + (size_t)s * n + i);                                                 \
        bias += at(partial + (size_t)(shares + s) * n + i);                                        \
    }
__kernel void layer_norm_param_sum(__global const float *partial, __global float *dweight,
                                   __global float *dbias, int n, int shares)
{
    int first = get_global_id(0) * STRETCH, end = STRETCH_END(first, n);
    FOR_RANGE(first, end, SUM_SHARES(floatV, VECTOR_AT); vstoreV(weight, 0, dweight + i);
              vstoreV(bias, 0, dbias + i), SUM_SHARES(float, FLOAT_AT);
              dweight[i] = weight; dbias[i] = bias);
}
