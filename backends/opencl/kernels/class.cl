/* class.cl - softmax, one-hot codes, largest values of rows, and the position code of points. */
#include "math.cl"

#define TWO_PI 6.28318530717958647692f

/* One column (or V) of `size` values `step` apart. */
#define SOFTMAX_OF(T, AT, SET)                                                                     \
    static inline void CAT(softmax_, T)(__global const float *in, __global float *out, int size,   \
                                        long step, bool logarithm)                                 \
    {                                                                                              \
        T top = AT(in), sum = 0;                                                                   \
        for (int c = 1; c < size; c++) {                                                           \
            T x = AT(in + c * step);                                                               \
            top = x > top ? x : top;                                                               \
        }                                                                                          \
        for (int c = 0; c < size; c++) {                                                           \
            T e = EXP(AT(in + c * step) - top);                                                    \
            sum += e;                                                                              \
            if (!logarithm)                                                                        \
                SET(out + c * step, e);                                                            \
        }                                                                                          \
        T scale = 1.0f / sum, log_sum = log(sum);                                                  \
        for (int c = 0; c < size; c++)                                                             \
            if (logarithm)                                                                         \
                SET(out + c * step, AT(in + c * step) - top - log_sum);                            \
            else                                                                                   \
                SET(out + c * step, AT(out + c * step) * scale);                                   \
    }
SOFTMAX_OF(float, FLOAT_AT, SET_FLOAT)
SOFTMAX_OF(floatV, VECTOR_AT, SET_VECTOR)

/* in, out [outer, size, inner]; a work-item has a stretch of columns. May run in place. */
#define SOFTMAX(name, logarithm)                                                                   \
    __kernel void name(__global const float *in, __global float *out, int outer, int size,         \
                       int inner)                                                                  \
    {                                                                                              \
        long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, inner);            \
        size_t start = (size_t)get_global_id(1) * size * inner;                                    \
        in += start;                                                                               \
        out += start;                                                                              \
        FOR_RANGE(first, end, CAT(softmax_, floatV)(in + i, out + i, size, inner, logarithm),      \
                  softmax_float(in + i, out + i, size, inner, logarithm));                         \
    }
SOFTMAX(softmax, false)
SOFTMAX(log_softmax, true)

/* The same where inner is 1: a group has `each` rows of n values. */
#define SOFTMAX_ROWS(name, logarithm)                                                              \
    __kernel void name(__global const float *in, __global float *out, int n, int rows, int each)   \
    {                                                                                              \
        GROUP_SCRATCH                                                                              \
        int first = get_group_id(0) * each, last = min(first + each, rows);                        \
        for (int row = first; row < last; row++) {                                                 \
            __global const float *x = in + (size_t)row * n;                                        \
            __global float *y = out + (size_t)row * n;                                             \
            floatV most = -INFINITY, total = 0;                                                    \
            float top = -INFINITY, rest = 0;                                                       \
            FOR_ROW(n, floatV v = vloadV(0, x + i);                                                \
                    most = v > most ? v : most, top = fmax(top, x[i]));                            \
            top = group_max(fmax(maxV(most), top));                                                \
            FOR_ROW(n, floatV e = EXP(vloadV(0, x + i) - top); total += e;                         \
                    if (!logarithm) vstoreV(e, 0, y + i), float e = EXP(x[i] - top); rest += e;    \
                    if (!logarithm) y[i] = e);                                                     \
            float sum = group_sum(sumV(total) + rest);                                             \
            float scale = 1.0f / sum, log_sum = log(sum);                                          \
            FOR_ROW(                                                                               \
                n,                                                                                 \
                vstoreV(logarithm ? vloadV(0, x + i) - top - log_sum : vloadV(0, y + i) * scale,   \
                        0, y + i),                                                                 \
                y[i] = logarithm ? x[i] - top - log_sum : y[i] * scale);                           \
        }                                                                                          \
    }
SOFTMAX_ROWS(softmax_rows, false)
SOFTMAX_ROWS(log_softmax_rows, true)

/* y (dy - sum(dy y)), on the shapes of softmax; may run in place of either. */
#define SOFTMAX_BACKWARD_OF(T, AT, SET)                                                            \
    static inline void CAT(softmax_backward_, T)(__global const float *y,                          \
                                                 __global const float *dy,                         \
                                                 __global float *dx, int size, long step)          \
    {                                                                                              \
        T sum = 0;                                                                                 \
        for (int c = 0; c < size; c++)                                                             \
            sum += AT(y + c * step) * AT(dy + c * step);                                           \
        for (int c = 0; c < size; c++)                                                             \
            SET(dx + c * step, AT(y + c * step) * (AT(dy + c * step) - sum));                      \
    }
SOFTMAX_BACKWARD_OF(float, FLOAT_AT, SET_FLOAT)
SOFTMAX_BACKWARD_OF(floatV, VECTOR_AT, SET_VECTOR)

__kernel void softmax_backward(__global const float *y, __global const float *dy,
                               __global float *dx, int outer, int size, int inner)
{
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, inner);
    size_t start = (size_t)get_global_id(1) * size * inner;
    y += start;
    dy += start;
    dx += start;
    FOR_RANGE(first, end, CAT(softmax_backward_, floatV)(y + i, dy + i, dx + i, size, inner),
              softmax_backward_float(y + i, dy + i, dx + i, size, inner));
}

__kernel void softmax_backward_rows(__global const float *y_all, __global const float *dy_all,
                                    __global float *dx_all, int n, int rows, int each)
{
    GROUP_SCRATCH
    int first = get_group_id(0) * each, last = min(first + each, rows);
    for (int row = first; row < last; row++) {
        size_t start = (size_t)row * n;
        __global const float *y = y_all + start, *dy = dy_all + start;
        __global float *dx = dx_all + start;
        floatV wide = 0;
        float rest = 0;
        FOR_ROW(n, wide += vloadV(0, y + i) * vloadV(0, dy + i), rest += y[i] * dy[i]);
        float sum = group_sum(sumV(wide) + rest);
        FOR_ROW(n, vstoreV(vloadV(0, y + i) * (vloadV(0, dy + i) - sum), 0, dx + i),
                dx[i] = y[i] * (dy[i] - sum));
    }
}

/* ids [outer, inner] -> out [outer, classes, inner]; work-item (stretch of inner, class, outer). */
__kernel void one_hot(__global const int *ids, __global float *out, int outer, int classes,
                      int inner)
{
    int c = get_global_id(1), o = get_global_id(2);
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, inner);
    ids += (size_t)o * inner;
    out += ((size_t)o * classes + c) * inner;
    FOR_RANGE(first, end, vstoreV(vloadV(0, ids + i) == c ? (floatV)(1) : (floatV)(0), 0, out + i),
              out[i] = ids[i] == c ? 1.0f : 0.0f);
}

/* coords [points, 2], matrix [2, features] -> out [points, 2 features]: sines, then cosines. Angles
 * are kept to a half turn, where sin and cos are cheap and exact. */
#define FEATURE(T, AT, SET)                                                                        \
    T turns = x * AT(matrix + i) + y * AT(matrix + features + i);                                  \
    T angle = TWO_PI * (turns - floor(turns + 0.5f));                                              \
    SET(out + i, sin(angle));                                                                      \
    SET(out + features + i, cos(angle))
__kernel void fourier_features(__global const float *coords, __global const float *matrix,
                               __global float *out, int points, int features)
{
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, features);
    int k = get_global_id(1);
    float x = 2.0f * coords[2 * k] - 1.0f, y = 2.0f * coords[2 * k + 1] - 1.0f;
    out += (size_t)k * 2 * features;
    FOR_RANGE(first, end, FEATURE(floatV, VECTOR_AT, SET_VECTOR),
              FEATURE(float, FLOAT_AT, SET_FLOAT));
}

/* in [rows, n] -> the k largest of a row and their indices, [rows, k]; a work-item has a row. Equal
 * values come in their order; NaN comes after nothing. */
__kernel void top_k(__global const float *in, __global float *values, __global int *indices,
                    int rows, int n, int k)
{
    int row = get_global_id(0);
    if (row >= rows)
        return;
    __global const float *x = in + (size_t)row * n;
    int last = 0;
    for (int j = 0; j < k; j++) {
        int best = -1;
        for (int i = 0; i < n; i++) {
            bool after = j == 0 || x[i] < x[last] || (x[i] == x[last] && i > last);
            best = after && (best < 0 || x[i] > x[best]) ? i : best;
        }
        last = best < 0 ? j : best;
        values[(size_t)row * k + j] = x[last];
        indices[(size_t)row * k + j] = last;
    }
}
