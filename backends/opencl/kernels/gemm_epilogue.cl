/* gemm_epilogue.cl - what a library's matrix product leaves to do: c = act(c + bias). */
__kernel void gemm_epilogue(__global float *c, __global const float *bias, int rows, int n, int act)
{
    int i = get_global_id(0), row = get_global_id(1);
    if (i >= n || row >= rows)
        return;
    float x = c[(size_t)row * n + i] + (bias ? bias[i] : 0.0f);
    if (act == 1)
        x = fmax(x, 0.0f);
    if (act == 2)
        x = 0.5f * x * (1.0f + erf(x * 0.70710678118654752440f));
    c[(size_t)row * n + i] = x;
}
