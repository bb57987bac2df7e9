/* elementwise.cl - one kernel per elementwise op. Outputs may be inputs (in place). */
#include "math.cl"

/* Each op is an expression over T, which is float or floatV. */
#define UNARY(name, expression)                                                                    \
    UNARY_OF(name, float, name##_scalar, expression)                                               \
    UNARY_OF(name, floatV, name##_vector, expression)                                              \
    __kernel void unary_##name(__global const float *in, __global float *out, long n, float s0,    \
                               float s1)                                                           \
    {                                                                                              \
        long i = (long)get_global_id(0) * V;                                                       \
        if (i + V <= n)                                                                            \
            vstoreV(name##_vector(vloadV(0, in + i), s0, s1), 0, out + i);                         \
        else                                                                                       \
            for (; i < n; i++)                                                                     \
                out[i] = name##_scalar(in[i], s0, s1);                                             \
    }
#define UNARY_OF(name, T, function, expression)                                                    \
    static inline T function(T x, float s0, float s1)                                              \
    {                                                                                              \
        const T zero = (T)(0), one = (T)(1);                                                       \
        return expression;                                                                         \
    }

UNARY(affine, x * s0 + s1)
UNARY(pow, pow(x, zero + s0))
UNARY(clamp, clamp(x, zero + s0, zero + s1))
UNARY(exp, EXP(x))
UNARY(log, log(x))
UNARY(sqrt, sqrt(x))
UNARY(abs, fabs(x))
UNARY(step, x > zero ? one : zero)
UNARY(sigmoid, one / (one + EXP(-x)))
UNARY(tanh, tanh(x))
UNARY(softplus, fmax(x, zero) + log1p(EXP(-fabs(x))))
UNARY(relu, x > zero ? x : zero)
UNARY(gelu, GELU(x))

/* Two inputs broadcast to one output of `rows` rows of `inner` values. Row r is index
 * (i0, i1, i2, i3) in sizes (-, n1, n2, n3); an input's row begins at the dot product with its
 * strides, and its values lie 1 or 0 apart (step). */
typedef struct {
    int x, y;
} row_starts;

static inline row_starts find_row(int row, int n1, int n2, int n3, int4 sx, int4 sy)
{
    int i3 = row % n3, i2 = row / n3 % n2, i1 = row / (n3 * n2) % n1, i0 = row / (n3 * n2 * n1);
    row_starts r;
    r.x = i0 * sx.s0 + i1 * sx.s1 + i2 * sx.s2 + i3 * sx.s3;
    r.y = i0 * sy.s0 + i1 * sy.s1 + i2 * sy.s2 + i3 * sy.s3;
    return r;
}

#define BINARY(name, expression)                                                                   \
    BINARY_OF(float, name##_scalar, expression)                                                    \
    BINARY_OF(floatV, name##_vector, expression)                                                   \
    __kernel void binary_##name(__global const float *in_x, __global const float *in_y,            \
                                __global float *out, int inner, int rows, int n1, int n2, int n3,  \
                                int sx0, int sx1, int sx2, int sx3, int step_x, int sy0, int sy1,  \
                                int sy2, int sy3, int step_y)                                      \
    {                                                                                              \
        int i = get_global_id(0) * V, row = get_global_id(1);                                      \
        if (i >= inner || row >= rows)                                                             \
            return;                                                                                \
        row_starts r =                                                                             \
            find_row(row, n1, n2, n3, (int4)(sx0, sx1, sx2, sx3), (int4)(sy0, sy1, sy2, sy3));     \
        __global const float *x = in_x + r.x, *y = in_y + r.y;                                     \
        __global float *to = out + (size_t)row * inner;                                            \
        if (i + V <= inner) {                                                                      \
            floatV vx = step_x ? vloadV(0, x + i) : (floatV)(x[0]);                                \
            floatV vy = step_y ? vloadV(0, y + i) : (floatV)(y[0]);                                \
            vstoreV(name##_vector(vx, vy), 0, to + i);                                             \
        } else {                                                                                   \
            for (; i < inner; i++)                                                                 \
                to[i] = name##_scalar(x[i * step_x], y[i * step_y]);                               \
        }                                                                                          \
    }
#define BINARY_OF(T, function, expression)                                                         \
    static inline T function(T x, T y)                                                             \
    {                                                                                              \
        const T zero = (T)(0);                                                                     \
        return expression;                                                                         \
    }

BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x * y)
BINARY(div, x / y)
BINARY(safe_div, y == zero ? zero : x / y)
BINARY(maximum, fmax(x, y))
BINARY(minimum, fmin(x, y))
BINARY(gelu_backward, y * GELU_SLOPE(x))
BINARY(relu_backward, x > zero ? y : zero)
BINARY(broadcast, x + zero * y)
