/* gemm_finish.cl - what is done to a value of a matrix product: act(alpha x + bias + residual), or
 * (alpha x + bias) times the slope of the residual. */
#include "math.cl"

typedef struct {
    __global float *c;
    __global const float *bias, *residual;
    int n, act;
    float alpha;
    int swap_rows, swap_columns;
} product;

/* Where a value of C is: scl_gemm_attr. */
static inline size_t place(product p, int row, int column)
{
    if (p.swap_rows == 0)
        return (size_t)row * p.n + column;
    size_t group = (size_t)(row / p.swap_rows) * (p.n / p.swap_columns) + column / p.swap_columns;
    return (group * p.swap_rows + row % p.swap_rows) * p.swap_columns + column % p.swap_columns;
}

static inline void finish(product p, int row, int column, float x)
{
    size_t at = place(p, row, column);
    x = p.alpha * x + (p.bias ? p.bias[column] : 0.0f);
    if (p.act == ACT_RELU_BACKWARD)
        x = p.residual[at] > 0.0f ? x : 0.0f;
    else if (p.act == ACT_GELU_BACKWARD)
        x *= GELU_SLOPE(p.residual[at]);
    else
        x = activate_float(x + (p.residual ? p.residual[at] : 0.0f), p.act);
    p.c[at] = x;
}
