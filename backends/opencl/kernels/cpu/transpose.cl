/* cpu/transpose.cl - rows of memory to columns, V x V floats at a time in registers. */

/* x [V] of V floats becomes its transpose: log2 V perfect shuffles. */
static inline void transpose_square(__private floatV *x)
{
#pragma unroll
    for (int round = 1; round < V; round *= 2) {
        floatV y[V];
#pragma unroll
        for (int i = 0; i < V / 2; i++) {
            y[2 * i].even = x[i].lo;
            y[2 * i].odd = x[i + V / 2].lo;
            y[2 * i + 1].even = x[i].hi;
            y[2 * i + 1].odd = x[i + V / 2].hi;
        }
#pragma unroll
        for (int i = 0; i < V; i++)
            x[i] = y[i];
    }
}

/* `count` rows (at most V; row i at from[i], or zeros where it is NULL) of `depth` floats, times
 * `factor`, to columns: element (i, l) at to[l * stride + i]. Writes V floats per column, in rising
 * order, so that a stride below V leaves only the last one's excess. */
#define ROWS_TO_COLUMNS(SPACE, name)                                                               \
    static inline void name(SPACE float *to, int stride, __global const float *__private *from,    \
                            int count, int depth, float factor)                                    \
    {                                                                                              \
        int l = 0;                                                                                 \
        for (; l + V <= depth; l += V) {                                                           \
            floatV x[V];                                                                           \
            _Pragma("unroll") for (int i = 0; i < V; i++) x[i] =                                   \
                i < count && from[i] ? vloadV(0, from[i] + l) * factor : (floatV)(0);              \
            transpose_square(x);                                                                   \
            _Pragma("unroll") for (int i = 0; i < V; i++)                                          \
                vstoreV(x[i], 0, to + (size_t)(l + i) * stride);                                   \
        }                                                                                          \
        for (; l < depth; l++) {                                                                   \
            float x[V];                                                                            \
            for (int i = 0; i < V; i++)                                                            \
                x[i] = i < count && from[i] ? from[i][l] * factor : 0;                             \
            vstoreV(vloadV(0, x), 0, to + (size_t)l * stride);                                     \
        }                                                                                          \
    }
ROWS_TO_COLUMNS(__private, rows_to_private_columns)
ROWS_TO_COLUMNS(__global, rows_to_global_columns)
