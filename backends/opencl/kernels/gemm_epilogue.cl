/* gemm_epilogue.cl - what a library's matrix product leaves to do: c = act(c + bias), or (c + bias)
 * times the slope of `of`. */
#include "math.cl"

__kernel void gemm_epilogue(__global float *c, __global const float *bias, __global const float *of,
                            int rows, int n, int act)
{
    int i = get_global_id(0), row = get_global_id(1);
    if (i >= n || row >= rows)
        return;
    size_t at = (size_t)row * n + i;
    float x = c[at] + (bias ? bias[i] : 0.0f);
    x = activate_float(x, act);
    if (act == ACT_RELU_BACKWARD)
        x = of[at] > 0.0f ? x : 0.0f;
    if (act == ACT_GELU_BACKWARD)
        x *= GELU_SLOPE(of[at]);
    c[at] = x;
}
