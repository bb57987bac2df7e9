/* Elementwise ops. */
#include "reference/reference.h"

#include <math.h>

#define SQRT_HALF    0.70710678118654752440
#define INV_SQRT_2PI 0.39894228040143267794

/* Each op as an expression of x, and of s or y. */
#define UNARY_OPS(X)                                                                               \
    X(AFFINE, affine, x *(double)s[0] + (double)s[1])                                              \
    X(POW, pow, pow(x, (double)s[0]))                                                              \
    X(CLAMP, clamp, fmin(fmax(x, (double)s[0]), (double)s[1]))                                     \
    X(EXP, exp, exp(x))                                                                            \
    X(LOG, log, log(x))                                                                            \
    X(SQRT, sqrt, sqrt(x))                                                                         \
    X(ABS, abs, fabs(x))                                                                           \
    X(STEP, step, x > 0 ? 1 : 0)                                                                   \
    X(SIGMOID, sigmoid, 1 / (1 + exp(-x)))                                                         \
    X(TANH, tanh, tanh(x))                                                                         \
    X(SOFTPLUS, softplus, fmax(x, 0) + log1p(exp(-fabs(x))))                                       \
    X(RELU, relu, x > 0 ? x : 0)                                                                   \
    X(GELU, gelu, 0.5 * x * (1 + erf(x * SQRT_HALF)))                                              \
    X(NORMAL_CDF, normal_cdf, 0.5 * erfc(-x * SQRT_HALF))

#define BINARY_OPS(X)                                                                              \
    X(ADD, add, x + y)                                                                             \
    X(SUB, sub, x - y)                                                                             \
    X(MUL, mul, x *y)                                                                              \
    X(DIV, div, x / y)                                                                             \
    X(SAFE_DIV, safe_div, y == 0 ? 0 : x / y)                                                      \
    X(MAXIMUM, maximum, fmax(x, y))                                                                \
    X(MINIMUM, minimum, fmin(x, y))                                                                \
    X(GELU_BACKWARD, gelu_backward, reference_gelu_slope(x) * y)                                   \
    X(RELU_BACKWARD, relu_backward, x > 0 ? y : 0)

double reference_apply(int32_t op, double x, double y, const float *s)
{
    switch (op) {
#define CASE(NAME, name, expression)                                                               \
    case SCL_OP_##NAME:                                                                            \
        return expression;
        UNARY_OPS(CASE)
        BINARY_OPS(CASE)
    default: /* SCL_POINTWISE_CONSTANT */
        return (double)s[0];
    }
}

#define UNARY(NAME, name, expression)                                                              \
    void reference_##name(const reference_args *a)                                                 \
    {                                                                                              \
        int64_t count = reference_count(a->node->outputs[0]);                                      \
        for (int64_t i = 0; i < count; i++)                                                        \
            a->out[0][i] = reference_apply(SCL_OP_##NAME, a->in[0][i], 0, a->node->attr.scalar);   \
    }
UNARY_OPS(UNARY)

/* Element offset of each output index in a broadcast input. */
static void strides_in(const scl_tensor *input, const scl_shape *out, int64_t stride[SCL_MAX_DIMS])
{
    int64_t step = 1;
    for (int i = 1; i <= out->ndim; i++) {
        int64_t size = i <= input->shape.ndim ? input->shape.dim[input->shape.ndim - i] : 1;
        stride[out->ndim - i] = size == 1 ? 0 : step;
        step *= size;
    }
}

int64_t reference_offset(int64_t index, int ndim, const int64_t *size, const int64_t *stride)
{
    int64_t offset = 0;
    for (int d = ndim - 1; d >= 0; d--) {
        offset += index % size[d] * stride[d];
        index /= size[d];
    }
    return offset;
}

static int64_t offset_of(int64_t index, const scl_shape *out, const int64_t *stride)
{
    return reference_offset(index, out->ndim, out->dim, stride);
}

double reference_activate(double x, int32_t act)
{
    if (act == SCL_ACT_RELU)
        return x > 0 ? x : 0;
    return act == SCL_ACT_GELU ? 0.5 * x * (1 + erf(x * SQRT_HALF)) : x;
}

double reference_gelu_slope(double x)
{
    return 0.5 * (1 + erf(x * SQRT_HALF)) + x * INV_SQRT_2PI * exp(-0.5 * x * x);
}

#define BINARY(NAME, name, expression)                                                             \
    void reference_##name(const reference_args *a)                                                 \
    {                                                                                              \
        const scl_shape *shape = &a->node->outputs[0]->shape;                                      \
        int64_t sx[SCL_MAX_DIMS], sy[SCL_MAX_DIMS], count = scl_shape_count(*shape);               \
        strides_in(a->node->inputs[0], shape, sx);                                                 \
        strides_in(a->node->inputs[1], shape, sy);                                                 \
        for (int64_t i = 0; i < count; i++)                                                        \
            a->out[0][i] = reference_apply(SCL_OP_##NAME, a->in[0][offset_of(i, shape, sx)],       \
                                           a->in[1][offset_of(i, shape, sy)], NULL);               \
    }
BINARY_OPS(BINARY)

void reference_broadcast(const reference_args *a)
{
    const scl_shape *shape = &a->node->outputs[0]->shape;
    int64_t stride[SCL_MAX_DIMS], count = scl_shape_count(*shape);
    strides_in(a->node->inputs[0], shape, stride);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = a->in[0][offset_of(i, shape, stride)];
}
