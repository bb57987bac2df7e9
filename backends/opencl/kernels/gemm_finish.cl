/* gemm_finish.cl - what is done to a value of a matrix product: act(alpha x + bias + residual), or
 * (alpha x + bias) times the slope of the residual. */
#include "math.cl"

typedef struct {
    __global float *c;
    __global const float *bias, *residual;
    int act;
    float alpha;
} product;

static inline void finish(product p, size_t at, int column, float x)
{
    x = p.alpha * x + (p.bias ? p.bias[column] : 0.0f);
    if (p.act == ACT_RELU_BACKWARD)
        x = p.residual[at] > 0.0f ? x : 0.0f;
    else if (p.act == ACT_GELU_BACKWARD)
        x *= GELU_SLOPE(p.residual[at]);
    else
        x = activate_float(x + (p.residual ? p.residual[at] : 0.0f), p.act);
    p.c[at] = x;
}
