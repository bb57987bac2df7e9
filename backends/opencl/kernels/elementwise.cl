/* elementwise.cl - one kernel per elementwise op. Outputs may be inputs (in place). */
#include "math.cl"

#if IS_CPU

/* log(1 + x) of 0 <= x <= 1, to 4 ulp: 2 artanh(s) with s = x / (2 + x), by a minimax polynomial of
 * s^2 (relative error 4e-9 before rounding). */
#define LOG1P_OF(T)                                                                                \
    static inline T __attribute__((overloadable)) fast_log1p(T x)                                  \
    {                                                                                              \
        T s = x / (2.0f + x), z = s * s;                                                           \
        T p = fma(z, (T)(0.281783348f), (T)(0.2796060278f));                                       \
        p = fma(p, z, (T)(0.4002491028f));                                                         \
        p = fma(p, z, (T)(0.6666631468f));                                                         \
        return fma(p, z, (T)(2.000000008f)) * s;                                                   \
    }
LOG1P_OF(float)
LOG1P_OF(floatV)
#define LOG1P(x)  fast_log1p(x)
#define POW(x, y) (x == zero ? zero + (y > 0.0f ? 0.0f : INFINITY) : EXP(y * log(x)))

#else
#define LOG1P(x)  log1p(x)
#define POW(x, y) pow(x, zero + y)
#endif

/* Each op is an expression over T, which is float or floatV. */
#define UNARY(name, expression)                                                                    \
    UNARY_OF(name, float, name##_scalar, expression)                                               \
    UNARY_OF(name, floatV, name##_vector, expression)                                              \
    __kernel void unary_##name(__global const float *in, __global float *out, long n, float s0,    \
                               float s1)                                                           \
    {                                                                                              \
        long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, n);                \
        FOR_RANGE(first, end, vstoreV(name##_vector(vloadV(0, in + i), s0, s1), 0, out + i),       \
                  out[i] = name##_scalar(in[i], s0, s1));                                          \
    }
#define UNARY_OF(name, T, function, expression)                                                    \
    static inline T function(T x, float s0, float s1)                                              \
    {                                                                                              \
        const T zero = (T)(0), one = (T)(1);                                                       \
        return expression;                                                                         \
    }

UNARY(affine, x * s0 + s1)
UNARY(pow, s0 == 0.0f ? one : s0 == 1.0f ? x : s0 == 2.0f ? x * x : POW(x, s0))
UNARY(clamp, clamp(x, zero + s0, zero + s1))
UNARY(exp, EXP(x))
UNARY(log, log(x))
UNARY(sqrt, sqrt(x))
UNARY(abs, fabs(x))
UNARY(step, x > zero ? one : zero)
UNARY(sigmoid, one / (one + EXP(-x)))
UNARY(tanh, tanh(x))
UNARY(softplus, (x > zero ? x : zero) + LOG1P(EXP(-fabs(x))))
UNARY(relu, x > zero ? x : zero)
UNARY(gelu, GELU(x))
UNARY(normal_cdf, NORMAL_CDF(x))

/* Two inputs broadcast to one output of `rows` rows of `inner` values. A row is index
 * (i0, i1, i2, i3) in sizes (-, n1, n2, n3); an input's row begins at the dot product with its
 * strides, and its values lie 1 or 0 apart (step). */
static inline int4 row_index(int row, int n1, int n2, int n3)
{
    return (int4)(row / (n3 * n2 * n1), row / (n3 * n2) % n1, row / n3 % n2, row % n3);
}

static inline int4 next_index(int4 i, int n1, int n2, int n3)
{
    if (++i.s3 < n3)
        return i;
    i.s3 = 0;
    if (++i.s2 < n2)
        return i;
    i.s2 = 0;
    if (++i.s1 < n1)
        return i;
    return (int4)(i.s0 + 1, 0, 0, 0);
}

static inline int row_start(int4 index, int4 strides)
{
    int4 x = index * strides;
    return x.s0 + x.s1 + x.s2 + x.s3;
}

/* A work-item has a stretch of `each` rows. */
#define BINARY(name, expression)                                                                   \
    BINARY_OF(float, name##_scalar, expression)                                                    \
    BINARY_OF(floatV, name##_vector, expression)                                                   \
    static inline void name##_row(__global const float *x, int step_x, __global const float *y,    \
                                  int step_y, __global float *to, int first, int end)              \
    {                                                                                              \
        FOR_RANGE(first, end, floatV vx = step_x ? vloadV(0, x + i) : (floatV)(x[0]);              \
                  floatV vy = step_y ? vloadV(0, y + i) : (floatV)(y[0]);                          \
                  vstoreV(name##_vector(vx, vy), 0, to + i),                                       \
                  to[i] = name##_scalar(x[i * step_x], y[i * step_y]));                            \
    }                                                                                              \
    __kernel void binary_##name(__global const float *x, __global const float *y,                  \
                                __global float *out, int inner, int rows, int each, int n1,        \
                                int n2, int n3, int sx0, int sx1, int sx2, int sx3, int step_x,    \
                                int sy0, int sy1, int sy2, int sy3, int step_y)                    \
    {                                                                                              \
        int first = get_global_id(0) * STRETCH, end = STRETCH_END(first, inner);                   \
        int row = get_global_id(1) * each, last = min(row + each, rows);                           \
        int4 index = row_index(row, n1, n2, n3);                                                   \
        for (; row < last; row++, index = next_index(index, n1, n2, n3))                           \
            name##_row(x + row_start(index, (int4)(sx0, sx1, sx2, sx3)), step_x,                   \
                       y + row_start(index, (int4)(sy0, sy1, sy2, sy3)), step_y,                   \
                       out + (size_t)row * inner, first, end);                                     \
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
BINARY(broadcast, x)
