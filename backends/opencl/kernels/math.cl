/* math.cl - exp and the normal distribution, for one float or a vector of V.
 *
 * GPUs have them in hardware or in good libraries. The libraries of CPU devices spend ten times
 * what a polynomial does, on last bits that float32 networks do not see. */

#if IS_CPU

/* Adding it rounds |x| < 2^22, to the last bits; PoCL's rint takes ten instructions. Its own last
 * bits are 127, of which the shift makes 1.0f. */
#define TO_INTEGER 12583039.0f

/* 2^n, of n + TO_INTEGER: whatever that is above the last 9 bits, the shift drops. */
#define POWER_OF_2(T, I, shifted) CAT(as_, T)(CAT(as_, I)(shifted) << 23)

/* Polynomials go by pairs of terms (Estrin), as Horner's chain of fma would wait for its latency;
 * that of 2^x does not, as attention has several vectors of it at once. */

/* e^x to 2 ulp: x = n ln 2 + r, e^r by a minimax polynomial of degree 6 (relative error 3e-9 before
 * rounding). 0 is not reached, the least result is 1.2e-38; infinity and NaN come out as such. */
#define EXP_OF(T, I)                                                                               \
    static inline T __attribute__((overloadable)) fast_exp(T x)                                    \
    {                                                                                              \
        const T low = -87.33654f, high = 89.0f;                                                    \
        x = x < low ? low : x;                                                                     \
        x = x > high ? high : x;                                                                   \
        T shifted = x * 1.44269504088896341f + TO_INTEGER, n = shifted - TO_INTEGER;               \
        T r = fma(n, (T)(-1.428606765330187e-6f), fma(n, (T)(-0.693145751953125f), x));            \
        T r2 = r * r, p = fma(r, (T)(1.381515483e-3f), (T)(8.36879395e-3f));                       \
        p = fma(p, r2, fma(r, (T)(4.166838624e-2f), (T)(0.1666652f)));                             \
        p = fma(p, r, (T)(0.4999999343f));                                                         \
        p = fma(p, r2, r) + 1.0f;                                                                  \
        return p * POWER_OF_2(T, I, shifted);                                                      \
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
    floatV shifted = x + TO_INTEGER, f = x - (shifted - TO_INTEGER);
    floatV p = fma(f, (floatV)(1.32760011e-3f), (floatV)(9.675549333e-3f));
    p = fma(p, f, (floatV)(5.550714531e-2f));
    p = fma(p, f, (floatV)(0.2402211958f));
    p = fma(p, f, (floatV)(0.6931469664f));
    p = fma(p, f, (floatV)(1.000000072f));
    return p * POWER_OF_2(floatV, intV, shifted);
}
#define EXP2(x) fast_exp2(x)

/* gelu(x) = x P(X <= x), X of the normal distribution, and its derivative P(X <= x) + x f(x), f the
 * density. The tail P(X > u), u = |x| <= 7, is p(u)^-4, p a minimax polynomial (error of the tail
 * 1.3e-8 / max(0.3, u)); f(u) is the tail times the hazard rate, another (of the slope 1.1e-8). */
#define NORMAL_OF(T)                                                                               \
    static inline T __attribute__((overloadable)) bounded_abs(T x)                                 \
    {                                                                                              \
        const T seven = 7.0f;                                                                      \
        T u = fabs(x);                                                                             \
        return u > seven ? seven : u;                                                              \
    }                                                                                              \
    static inline T __attribute__((overloadable)) normal_tail(T u)                                 \
    {                                                                                              \
        T u2 = u * u, u4 = u2 * u2;                                                                \
        T high = fma(u, (T)(1.264746061e-6f), (T)(-1.650658851e-5f));                              \
        T middle = fma(u, (T)(9.013044764e-4f), (T)(-9.084618650e-4f));                            \
        T p = fma(u, (T)(3.147645667e-2f), (T)(0.1182544902f));                                    \
        high = fma(high, u2, fma(u, (T)(1.063691379e-4f), (T)(-3.663275857e-4f)));                 \
        middle = fma(middle, u2, fma(u, (T)(2.817127854e-3f), (T)(5.790858530e-3f)));              \
        p = fma(p, u2, fma(u, (T)(0.2372149825f), (T)(1.189207077f)));                             \
        p = fma(fma(high, u4, middle), u4, p);                                                     \
        p = p * p;                                                                                 \
        return 1.0f / (p * p);                                                                     \
    }                                                                                              \
    static inline T __attribute__((overloadable)) normal_cdf_of(T x)                               \
    {                                                                                              \
        T tail = normal_tail(bounded_abs(x));                                                      \
        return x > 0.0f ? 1.0f - tail : tail;                                                      \
    }                                                                                              \
    static inline T __attribute__((overloadable)) gelu(T x)                                        \
    {                                                                                              \
        return x * normal_cdf_of(x);                                                               \
    }                                                                                              \
    static inline T __attribute__((overloadable)) gelu_slope(T x)                                  \
    {                                                                                              \
        T u = bounded_abs(x), u2 = u * u, u4 = u2 * u2;                                            \
        T high = fma(u, (T)(4.499038914e-5f), (T)(-3.218774509e-4f));                              \
        T middle = fma(u, (T)(1.068594283e-3f), (T)(1.219819460e-4f));                             \
        T hazard = fma(u, (T)(-1.936645247e-2f), (T)(0.1091033295f));                              \
        high = fma(fma(u2, (T)(-2.579492275e-6f), high), u2, middle);                              \
        hazard = fma(hazard, u2, fma(u, (T)(0.6366015673f), (T)(0.7978857160f)));                  \
        T below = normal_tail(u) * fma(-u, fma(high, u4, hazard), (T)(1.0f));                      \
        return x > 0.0f ? 1.0f - below : below;                                                    \
    }
NORMAL_OF(float)
NORMAL_OF(floatV)
#define GELU(x)       gelu(x)
#define GELU_SLOPE(x) gelu_slope(x)
#define NORMAL_CDF(x) normal_cdf_of(x)

#else
#define EXP(x)        exp(x)
#define NORMAL_CDF(x) (0.5f + 0.5f * erf((x)*0.70710678118654752440f))
#define GELU(x)       ((x)*NORMAL_CDF(x))
#define GELU_SLOPE(x) (NORMAL_CDF(x) + (x)*0.39894228040143267794f * EXP(-0.5f * (x) * (x)))
#endif

/* scl_activation. */
#define ACT_RELU          1
#define ACT_GELU          2
#define ACT_RELU_BACKWARD 3
#define ACT_GELU_BACKWARD 4

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
