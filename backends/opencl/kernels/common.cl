/* common.cl - put before every source. The host defines
 *   V       floats per vector operation (4, 8, 16)
 *   LSZ     work-items of a group that share a row (1 on CPU devices)
 *   STRETCH floats that a work-item owns, a multiple of V: V on GPUs, many on CPU devices
 *   IS_CPU  1 where kernels/cpu is used
 *   IS_GPU  1 on devices that are no CPUs */

/* Arrays stay in registers only where functions on them are inlined and loops over them unrolled:
 * EACH (i, n), i = 0 .. n-1. PoCL 3.1 miscompiles unrolled loops that lie between barriers. */
#define REGISTERS static inline __attribute__((always_inline))
#if IS_GPU
#define EACH(i, n) _Pragma("unroll") for (int i = 0; i < (n); i++)
#else
#define EACH(i, n) for (int i = 0; i < (n); i++)
#endif

#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)

#define floatV           CAT(float, V)
#define intV             CAT(int, V)
#define vloadV(i, p)     CAT(vload, V)(i, p)
#if IS_CPU
/* PoCL's vstore of 8 or 16 floats is two or four stores; this is one. */
typedef struct __attribute__((packed, aligned(4), may_alias)) {
    floatV all;
} unaligned_vector;
#define STORE_IN(SPACE)                                                                            \
    static inline void __attribute__((overloadable)) store_vector(floatV x, size_t i,              \
                                                                  SPACE float *p)                  \
    {                                                                                              \
        ((SPACE unaligned_vector *)(p + i * V))->all = x;                                          \
    }
STORE_IN(__global)
STORE_IN(__private)
#define vstoreV(x, i, p) store_vector(x, i, p)
#else
#define vstoreV(x, i, p) CAT(vstore, V)(x, i, p)
#endif

/* For code over T: float with FLOAT_AT and SET_FLOAT, floatV with VECTOR_AT and SET_VECTOR. */
#define VECTOR_AT(p)     vloadV(0, p)
#define FLOAT_AT(p)      (*(p))
#define SET_VECTOR(p, x) vstoreV(x, 0, p)
#define SET_FLOAT(p, x)  (*(p) = (x))

static inline float sum4(float4 x)
{
    float2 y = x.lo + x.hi;
    return y.x + y.y;
}

static inline float max4(float4 x)
{
    float2 y = fmax(x.lo, x.hi);
    return fmax(y.x, y.y);
}

#if V == 16
#define FOLD(op, x) op##4(op##_fold((x).lo, (x).hi))
static inline float4 sum_fold(float8 a, float8 b)
{
    float8 c = a + b;
    return c.lo + c.hi;
}
static inline float4 max_fold(float8 a, float8 b)
{
    float8 c = fmax(a, b);
    return fmax(c.lo, c.hi);
}
#elif V == 8
#define FOLD(op, x) op##4(op##_fold((x).lo, (x).hi))
static inline float4 sum_fold(float4 a, float4 b)
{
    return a + b;
}
static inline float4 max_fold(float4 a, float4 b)
{
    return fmax(a, b);
}
#else
#define FOLD(op, x) op##4(x)
#endif
#define sumV(x) FOLD(sum, x)
#define maxV(x) FOLD(max, x)

/* The sum or the maximum over the work-items of a group, the same on each; fixed order. Every
 * work-item of the group must call it. */
#if LSZ == 1
#define GROUP_SCRATCH
#define group_sum(x) (x)
#define group_max(x) (x)
#else
#define GROUP_SCRATCH __local float group_scratch[LSZ];
#define group_sum(x)  group_sum_in(x, group_scratch)
#define group_max(x)  group_max_in(x, group_scratch)
#define GROUP_FOLD(name, fold)                                                                     \
    static inline float name(float x, __local float *scratch)                                      \
    {                                                                                              \
        int id = get_local_id(0);                                                                  \
        scratch[id] = x;                                                                           \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        for (int half_size = LSZ / 2; half_size > 0; half_size /= 2) {                             \
            if (id < half_size)                                                                    \
                scratch[id] = fold(scratch[id], scratch[id + half_size]);                          \
            barrier(CLK_LOCAL_MEM_FENCE);                                                          \
        }                                                                                          \
        float total = scratch[0];                                                                  \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        return total;                                                                              \
    }
#define add_floats(a, b) ((a) + (b))
GROUP_FOLD(group_sum_in, add_floats)
GROUP_FOLD(group_max_in, fmax)
#endif

/* Runs `vector` on stretches of V elements and `scalar` on the rest of 0..n-1, shared by the
 * work-items of a group; both see the index i. */
#define FOR_ROW(n, vector, scalar)                                                                 \
    do {                                                                                           \
        int whole = (n) / V * V;                                                                   \
        for (int i = get_local_id(0) * V; i < whole; i += LSZ * V) {                               \
            vector;                                                                                \
        }                                                                                          \
        for (int i = whole + get_local_id(0); i < (n); i += LSZ) {                                 \
            scalar;                                                                                \
        }                                                                                          \
    } while (0)

/* The same for a work-item alone, which owns first .. end-1. */
#define FOR_RANGE(first, end, vector, scalar)                                                      \
    do {                                                                                           \
        long i = first;                                                                            \
        for (; i + V <= (end); i += V) {                                                           \
            vector;                                                                                \
        }                                                                                          \
        for (; i < (end); i++) {                                                                   \
            scalar;                                                                                \
        }                                                                                          \
    } while (0)

/* The end of the stretch that begins at `first`, in 0..n-1. */
#define STRETCH_END(first, n) ((first) + STRETCH < (n) ? (first) + STRETCH : (n))
