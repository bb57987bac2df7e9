/* math.cl - exp and the normal distribution, for one float or a vector of V.
 *
 * GPUs have them in hardware or in good libraries. The libraries of CPU devices spend ten times
 * what a polynomial does, on last bits that float32 networks do not see. */

#if IS_CPU

/* Adding and taking it away rounds |x| < 2^22; PoCL's rint takes ten instructions. */
#define TO_INTEGER 12582912.0f

/* e^x to 2 ulp: x = n ln 2 + r, e^r by a minimax polynomial of degree 6 (relative error 3e-9 before
 * rounding). 0 is not reached, the least result is 1.2e-38; infinity and NaN come out as such. */
#define EXP_OF(T, I)                                                                               \
    static inline T __attribute__((overloadable)) fast_exp(T x)                                    \
    {                                                                                              \
        const T low = -87.33654f, high = 89.0f;                                                    \
        x = x < low ? low : x;                                                                     \
        x = x > high ? high : x;                                                                   \
        T n = (x * 1.44269504088896341f + TO_INTEGER) - TO_INTEGER;                                \
        T r = fma(n, (T)(-1.428606765330187e-6f), fma(n, (T)(-0.693145751953125f), x));            \
        T p = fma(r, (T)(1.381515483e-3f), (T)(8.36879395e-3f));                                   \
        p = fma(p, r, (T)(4.166838624e-2f));                                                       \
        p = fma(p, r, (T)(0.1666652f));                                                            \
        p = fma(p, r, (T)(0.4999999343f));                                                         \
        p = fma(p, r * r, r) + 1.0f;                                                               \
        return p * CAT(as_, T)((CAT(convert_, I)(n) + 127) << 23);                                 \
    }
EXP_OF(float, int)
EXP_OF(floatV, intV)
#define EXP(x) fast_exp(x)

/* 2^x, x at most 127, to 3 ulp, by a minimax polynomial of degree 5 (relative error 8e-8 before
 * rounding). The least result is 1.2e-38; NaN comes out as such. */
static inline floatV fast_exp2(floatV x)
{
    const floatV low = -126.0f;
    x = x < low ? low : x;
    floatV n = (x + TO_INTEGER) - TO_INTEGER, f = x - n;
    floatV p = fma(f, (floatV)(1.32760011e-3f), (floatV)(9.675549333e-3f));
    p = fma(p, f, (floatV)(5.550714531e-2f));
    p = fma(p, f, (floatV)(0.2402211958f));
    p = fma(p, f, (floatV)(0.6931469664f));
    p = fma(p, f, (floatV)(1.000000072f));
    return p * CAT(as_, floatV)((CAT(convert_, intV)(n) + 127) << 23);
}
#define EXP2(x) fast_exp2(x)

/* P(X <= x) of the normal distribution: with u = |x|, erfc(u / sqrt 2) = exp(-u Q(u)), Q by a
 * minimax polynomial on 0..6 (absolute error of the result 3e-8). */
#define NORMAL_CDF_OF(T)                                                                           \
    static inline T __attribute__((overloadable)) normal_cdf(T x)                                  \
    {                                                                                              \
        const T six = 6.0f;                                                                        \
        T u = fabs(x);                                                                             \
        u = u > six ? six : u;                                                                     \
        T q = fma(u, (T)(1.417886749e-8f), (T)(-4.497471333e-7f));                                 \
        q = fma(q, u, (T)(6.08652671e-6f));                                                        \
        q = fma(q, u, (T)(-4.450046053e-5f));                                                      \
        q = fma(q, u, (T)(1.660344517e-4f));                                                       \
        q = fma(q, u, (T)(5.403659356e-5f));                                                       \
        q = fma(q, u, (T)(-4.875924258e-3f));                                                      \
        q = fma(q, u, (T)(3.638630684e-2f));                                                       \
        q = fma(q, u, (T)(0.3182972045f));                                                         \
        q = fma(q, u, (T)(0.7978855969f));                                                         \
        T tail = 0.5f * fast_exp(-u * q);                                                          \
        return x > 0.0f ? 1.0f - tail : tail;                                                      \
    }
NORMAL_CDF_OF(float)
NORMAL_CDF_OF(floatV)
#define NORMAL_CDF(x) normal_cdf(x)

#else
#define EXP(x)        exp(x)
#define NORMAL_CDF(x) (0.5f + 0.5f * erf((x)*0.70710678118654752440f))
#endif

/* scl_activation. */
#define ACT_RELU          1
#define ACT_GELU          2
#define ACT_RELU_BACKWARD 3
#define ACT_GELU_BACKWARD 4

/* gelu(x) = x P(X <= x), and its derivative. */
#define GELU(x)       ((x)*NORMAL_CDF(x))
#define GELU_SLOPE(x) (NORMAL_CDF(x) + (x)*0.39894228040143267794f * EXP(-0.5f * (x) * (x)))

/* What an op applies to what it writes: relu, gelu, or nothing. */
#define ACTIVATE_OF(T, name)                                                                       \
    static inline T name(T x, int act)                                                             \
    {                                                                                              \
        const T zero = (T)(0);                                                                     \
        if (act == ACT_RELU)                                                                       \
            return x > zero ? x : zero;                                                            \
        return act == ACT_GELU ? GELU(x) : x;                                                      \
    }
ACTIVATE_OF(float, activate_float)
ACTIVATE_OF(floatV, activate_vector)
