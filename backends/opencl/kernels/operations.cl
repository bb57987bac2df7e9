/* operations.cl - the elementwise ops, for one float or a vector of V: op_NAME(x, s0, s1) of those
 * with one input, op_NAME(x, y) of those with two; and the rows of broadcast inputs. */
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
#define UNARY_OPS(X)                                                                               \
    X(affine, x * s0 + s1)                                                                         \
    X(pow, s0 == 0.0f ? one : s0 == 1.0f ? x : s0 == 2.0f ? x * x : POW(x, s0))                    \
    X(clamp, clamp(x, zero + s0, zero + s1))                                                       \
    X(exp, EXP(x))                                                                                 \
    X(log, log(x))                                                                                 \
    X(sqrt, sqrt(x))                                                                               \
    X(abs, fabs(x))                                                                                \
    X(step, x > zero ? one : zero)                                                                 \
    X(sigmoid, one / (one + EXP(-x)))                                                              \
    X(tanh, tanh(x))                                                                               \
    X(softplus, (x > zero ? x : zero) + LOG1P(EXP(-fabs(x))))                                      \
    X(relu, x > zero ? x : zero)                                                                   \
    X(gelu, GELU(x))                                                                               \
    X(normal_cdf, NORMAL_CDF(x))

#define BINARY_OPS(X)                                                                              \
    X(add, x + y)                                                                                  \
    X(sub, x - y)                                                                                  \
    X(mul, x * y)                                                                                  \
    X(div, x / y)                                                                                  \
    X(safe_div, y == zero ? zero : x / y)                                                          \
    X(maximum, fmax(x, y))                                                                         \
    X(minimum, fmin(x, y))                                                                         \
    X(gelu_backward, y * GELU_SLOPE(x))                                                            \
    X(relu_backward, x > zero ? y : zero)

#define UNARY_OF(T, function, expression)                                                          \
    static inline T __attribute__((overloadable)) function(T x, float s0, float s1)                \
    {                                                                                              \
        const T zero = (T)(0), one = (T)(1);                                                       \
        return expression;                                                                         \
    }
#define UNARY_FUNCTIONS(name, expression)                                                          \
    UNARY_OF(float, op_##name, expression)                                                         \
    UNARY_OF(floatV, op_##name, expression)
UNARY_OPS(UNARY_FUNCTIONS)

#define BINARY_OF(T, function, expression)                                                         \
    static inline T __attribute__((overloadable)) function(T x, T y)                               \
    {                                                                                              \
        const T zero = (T)(0);                                                                     \
        return expression;                                                                         \
    }
#define BINARY_FUNCTIONS(name, expression)                                                         \
    BINARY_OF(float, op_##name, expression)                                                        \
    BINARY_OF(floatV, op_##name, expression)
BINARY_OPS(BINARY_FUNCTIONS)

/* Inputs broadcast to `rows` rows of `inner` values. A row is index (i0, i1, i2, i3) in sizes
 * (-, n1, n2, n3); an input's row begins at the dot product with its strides, and its values lie 1
 * or 0 apart. */
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
