/* Elementwise ops. */
#include "reference/reference.h"

#include <math.h>

#define SQRT_HALF    0.70710678118654752440
#define INV_SQRT_2PI 0.39894228040143267794

#define UNARY(name, expression)                                                                    \
    void reference_##name(const reference_args *a)                                                 \
    {                                                                                              \
        const float *s = a->node->attr.scalar;                                                     \
        (void)s;                                                                                   \
        int64_t count = reference_count(a->node->outputs[0]);                                      \
        for (int64_t i = 0; i < count; i++) {                                                      \
            double x = a->in[0][i];                                                                \
            a->out[0][i] = (expression);                                                           \
        }                                                                                          \
    }

UNARY(affine, x *(double)s[0] + (double)s[1])
UNARY(pow, pow(x, (double)s[0]))
UNARY(clamp, fmin(fmax(x, (double)s[0]), (double)s[1]))
UNARY(exp, exp(x))
UNARY(log, log(x))
UNARY(sqrt, sqrt(x))
UNARY(abs, fabs(x))
UNARY(step, x > 0 ? 1 : 0)
UNARY(sigmoid, 1 / (1 + exp(-x)))
UNARY(tanh, tanh(x))
UNARY(softplus, fmax(x, 0) + log1p(exp(-fabs(x))))
UNARY(relu, x > 0 ? x : 0)
UNARY(gelu, 0.5 * x * (1 + erf(x * SQRT_HALF)))
UNARY(normal_cdf, 0.5 * erfc(-x * SQRT_HALF))

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

static int64_t offset_of(int64_t index, const scl_shape *out, const int64_t stride[SCL_MAX_DIMS])
{
    int64_t offset = 0;
    for (int d = out->ndim - 1; d >= 0; d--) {
        offset += index % out->dim[d] * stride[d];
        index /= out->dim[d];
    }
    return offset;
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

#define BINARY(name, expression)                                                                   \
    void reference_##name(const reference_args *a)                                                 \
    {                                                                                              \
        const scl_shape *shape = &a->node->outputs[0]->shape;                                      \
        int64_t sx[SCL_MAX_DIMS], sy[SCL_MAX_DIMS], count = scl_shape_count(*shape);               \
        strides_in(a->node->inputs[0], shape, sx);                                                 \
        strides_in(a->node->inputs[1], shape, sy);                                                 \
        for (int64_t i = 0; i < count; i++) {                                                      \
            double x = a->in[0][offset_of(i, shape, sx)];                                          \
            double y = a->in[1][offset_of(i, shape, sy)];                                          \
            a->out[0][i] = (expression);                                                           \
        }                                                                                          \
    }

BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x *y)
BINARY(div, x / y)
BINARY(safe_div, y == 0 ? 0 : x / y)
BINARY(maximum, fmax(x, y))
BINARY(minimum, fmin(x, y))
BINARY(gelu_backward, reference_gelu_slope(x) * y)
BINARY(relu_backward, x > 0 ? y : 0)

void reference_broadcast(const reference_args *a)
{
    const scl_shape *shape = &a->node->outputs[0]->shape;
    int64_t stride[SCL_MAX_DIMS], count = scl_shape_count(*shape);
    strides_in(a->node->inputs[0], shape, stride);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = a->in[0][offset_of(i, shape, stride)];
}
