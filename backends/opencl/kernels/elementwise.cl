/* elementwise.cl - one kernel per elementwise op. Outputs may be inputs (in place). */
#include "operations.cl"

#define UNARY(name, expression)                                                                    \
    __kernel void unary_##name(__global const float *in, __global float *out, long n, float s0,    \
                               float s1)                                                           \
    {                                                                                              \
        long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, n);                \
        FOR_RANGE(first, end, vstoreV(op_##name(vloadV(0, in + i), s0, s1), 0, out + i),           \
                  out[i] = op_##name(in[i], s0, s1));                                              \
    }
UNARY_OPS(UNARY)

/* A work-item has a stretch of `each` rows. */
#define BINARY(name, expression)                                                                   \
    static inline void name##_row(__global const float *x, int step_x, __global const float *y,    \
                                  int step_y, __global float *to, int first, int end)              \
    {                                                                                              \
        FOR_RANGE(first, end, floatV vx = step_x ? vloadV(0, x + i) : (floatV)(x[0]);              \
                  floatV vy = step_y ? vloadV(0, y + i) : (floatV)(y[0]);                          \
                  vstoreV(op_##name(vx, vy), 0, to + i),                                           \
                  to[i] = op_##name(x[i * step_x], y[i * step_y]));                                \
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
BINARY_OPS(BINARY)
BINARY_FUNCTIONS(broadcast, x)
BINARY(broadcast, x)
