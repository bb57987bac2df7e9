/* gemm_epilogue.cl - the sum of a matrix product's parts, finished. The parts may be C itself, as a
 * library leaves it. */
#include "gemm_finish.cl"

/* Work-item (column, row of all batch items). */
__kernel void gemm_epilogue(__global const float *parts, __global const float *bias,
                            __global const float *residual, __global float *c, int rows, int m,
                            int n, float alpha, int act, int splits, int swap_rows,
                            int swap_columns)
{
    int j = get_global_id(0), row = get_global_id(1);
    if (j >= n || row >= rows)
        return;
    product p = {c, bias, residual, n, act, alpha, swap_rows, swap_columns};
    __global const float *part = parts + ((size_t)(row / m) * splits * m + row % m) * n + j;
    float sum = 0;
    for (int i = 0; i < splits; i++)
        sum += part[(size_t)i * m * n];
    finish(p, row, j, sum);
}
