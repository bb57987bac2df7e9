/* norm.cl - layer normalisation over the last axis of n values; a group per row. */

__kernel void layer_norm(__global const float *in, __global const float *weight,
                         __global const float *bias, __global float *out, __global float *means,
                         __global float *rstds, int n, float eps)
{
    GROUP_SCRATCH
    size_t row = get_group_id(0);
    __global const float *x = in + row * n;
    __global float *y = out + row * n;
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
            vstoreV((vloadV(0, x + i) - mean) * rstd * vloadV(0, weight + i) + vloadV(0, bias + i),
                    0, y + i),
            y[i] = (x[i] - mean) * rstd * weight[i] + bias[i]);
    if (get_local_id(0) == 0) {
        means[row] = mean;
        rstds[row] = rstd;
    }
}

/* With h = (x - mean) rstd and g = dy weight: dx = rstd (g - mean(g) - h mean(g h)). */
__kernel void layer_norm_backward(__global const float *in, __global const float *weight,
                                  __global const float *means, __global const float *rstds,
                                  __global const float *grad, __global float *out, int n)
{
    GROUP_SCRATCH
    size_t row = get_group_id(0);
    __global const float *x = in + row * n, *dy = grad + row * n;
    __global float *dx = out + row * n;
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

/* Work-item (column, share of rows): partial sums of dy h and dy, to partial[2][shares][n]. */
__kernel void layer_norm_param_grad(__global const float *in, __global const float *means,
                                    __global const float *rstds, __global const float *grad,
                                    __global float *partial, int n, int rows, int share)
{
    int c = get_global_id(0), s = get_global_id(1), shares = get_global_size(1);
    if (c >= n)
        return;
    float dweight = 0, dbias = 0;
    for (int r = s * share; r < min(rows, (s + 1) * share); r++) {
        float dy = grad[(size_t)r * n + c];
        dweight += dy * (in[(size_t)r * n + c] - means[r]) * rstds[r];
        dbias += dy;
    }
    partial[(size_t)s * n + c] = dweight;
    partial[(size_t)(shares + s) * n + c] = dbias;
}

/* Sums the shares: dweight and dbias. */
__kernel void layer_norm_param_sum(__global const float *partial, __global float *dweight,
                                   __global float *dbias, int n, int shares)
{
    int c = get_global_id(0);
    if (c >= n)
        return;
    float sum_weight = 0, sum_bias = 0;
    for (int s = 0; s < shares; s++) {
        sum_weight += partial[(size_t)s * n + c];
        sum_bias += partial[(size_t)(shares + s) * n + c];
    }
    dweight[c] = sum_weight;
    dbias[c] = sum_bias;
}
