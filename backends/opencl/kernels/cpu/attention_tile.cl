/* cpu/attention_tile.cl - the two products of attention on a MR x block tile, for CPU devices.
 *
 * Set by the host: D (head_dim), MR (rows of a tile), KB (tokens of a block), REL_H, REL_W (sizes
 * of the key window when there are relative positions, else 0). */
#include "attention_geometry.cl"

#define NR       (2 * V)
#define PANELS   ((KB + NR - 1) / NR) /* of a block */
#define KBP      (PANELS * NR)
#define HAS_REL  (REL_H > 0)
#define NO_LOGIT -3.0e38f

#define EACH_4(X)  X(0) X(1) X(2) X(3)
#define EACH_6(X)  EACH_4(X) X(4) X(5)
#define EACH_8(X)  EACH_6(X) X(6) X(7)
#define EACH_12(X) EACH_8(X) X(8) X(9) X(10) X(11)
#define EACH_ROW   CAT(EACH_, MR)

/* Rows of float32 tokens: row t is at data + t * stride. */
typedef struct {
    __global const float *data;
    int stride;
} rows;

#define LOAD_ROW(r)                                                                                \
    floatV low##r = vloadV(0, tile + r * KBP + j), high##r = vloadV(1, tile + r * KBP + j);
#define MULTIPLY_ROW(r)                                                                            \
    low##r = fma((floatV)(a[r]), b_low, low##r);                                                   \
    high##r = fma((floatV)(a[r]), b_high, high##r);
#define STORE_ROW(r)                                                                               \
    vstoreV(low##r, 0, tile + r * KBP + j);                                                        \
    vstoreV(high##r, 1, tile + r * KBP + j);

/* tile [MR][KBP] += a^T b: a [D][MR], b a block of panels [PANELS][D][NR]. */
static inline void add_products(__private float *tile, __private const float *columns,
                                __global const float *b)
{
    for (int j = 0; j < KBP; j += NR) {
        __private const float *a = columns;
        EACH_ROW(LOAD_ROW)
        for (int l = 0; l < D; l++, a += MR, b += NR) {
            floatV b_low = vloadV(0, b), b_high = vloadV(1, b);
            EACH_ROW(MULTIPLY_ROW)
        }
        EACH_ROW(STORE_ROW)
    }
}

#define LOAD_WIDE(r)                                                                               \
    floatV low##r = vloadV(0, out + r * D + h), high##r = vloadV(1, out + r * D + h);
#define ADD_WIDE(r)                                                                                \
    low##r = fma((floatV)(tile[r * row_step + k * step]), b_low, low##r);                          \
    high##r = fma((floatV)(tile[r * row_step + k * step]), b_high, high##r);
#define STORE_WIDE(r)                                                                              \
    vstoreV(low##r, 0, out + r * D + h);                                                           \
    vstoreV(high##r, 1, out + r * D + h);
#define LOAD_NARROW(r)  floatV low##r = vloadV(0, out + r * D + h);
#define ADD_NARROW(r)   low##r = fma((floatV)(tile[r * row_step + k * step]), b_low, low##r);
#define STORE_NARROW(r) vstoreV(low##r, 0, out + r * D + h);

/* out [MR][D] += weights [MR][count] times `count` rows: row k is `from` at token at[k], or `pad`
 * where at[k] is -1 (nothing when pad is NULL). Weight (r, k) is tile[r * row_step + k * step]. */
static inline void add_weighted_rows(__private float *out, __private const float *tile,
                                     int row_step, int step, rows from, __global const float *pad,
                                     __private const int *at, int count)
{
#define ROW_OF(k) (at[k] < 0 ? pad : from.data + (size_t)at[k] * from.stride)
    int h = 0;
    for (; h + NR <= D; h += NR) {
        EACH_ROW(LOAD_WIDE)
        for (int k = 0; k < count; k++) {
            __global const float *b = ROW_OF(k);
            if (!b)
                continue;
            floatV b_low = vloadV(0, b + h), b_high = vloadV(1, b + h);
            EACH_ROW(ADD_WIDE)
        }
        EACH_ROW(STORE_WIDE)
    }
    for (; h + V <= D; h += V) {
        EACH_ROW(LOAD_NARROW)
        for (int k = 0; k < count; k++) {
            __global const float *b = ROW_OF(k);
            if (!b)
                continue;
            floatV b_low = vloadV(0, b + h);
            EACH_ROW(ADD_NARROW)
        }
        EACH_ROW(STORE_NARROW)
    }
    for (; h < D; h++)
        for (int k = 0; k < count; k++) {
            __global const float *b = ROW_OF(k);
            for (int r = 0; b && r < MR; r++)
                out[r * D + h] += tile[r * row_step + k * step] * b[h];
        }
#undef ROW_OF
}

/* Up to MR rows as columns [D][MR], times `factor`; zeros for the rest and for padding without a
 * pad row. */
static inline void load_columns(__private float *columns, rows from, __global const float *pad,
                                __private const int *at, int count, float factor)
{
    for (int r = 0; r < MR; r++) {
        __global const float *row = r >= count  ? 0
                                    : at[r] < 0 ? pad
                                                : from.data + (size_t)at[r] * from.stride;
        for (int l = 0; l < D; l++)
            columns[l * MR + r] = row ? row[l] * factor : 0.0f;
    }
}

static inline float dot_rows(__global const float *x, __global const float *y)
{
    floatV wide = 0;
    int l = 0;
    for (; l + V <= D; l += V)
        wide = fma(vloadV(0, x + l), vloadV(0, y + l), wide);
    float sum = sumV(wide);
    for (; l < D; l++)
        sum += x[l] * y[l];
    return sum;
}

#if HAS_REL
/* The relative position terms of a query at (y, x) of its window: by key row, and by key column. */
static inline void relative_terms(__global const float *q, __global const float *rel_h,
                                  __global const float *rel_w, int y, int x,
                                  __private float *by_row, __private float *by_col)
{
    for (int ky = 0; ky < REL_H; ky++)
        by_row[ky] = dot_rows(q, rel_h + (y - ky + REL_H - 1) * D);
    for (int kx = 0; kx < REL_W; kx++)
        by_col[kx] = dot_rows(q, rel_w + (x - kx + REL_W - 1) * D);
}
#endif

/* A tile's logits before the product: relative positions, and NO_LOGIT where there is no key.
 * KB is a multiple of REL_W, so a block begins at the start of a key row. */
static inline void begin_logits(__private float *tile, __private const float *by_row,
                                __private const float *by_col, int first, int count)
{
    for (int r = 0; r < MR; r++) {
        __private float *row = tile + r * KBP;
#if HAS_REL
        for (int k = 0; k < count; k += REL_W)
            for (int kx = 0; kx < REL_W; kx++)
                row[k + kx] = by_row[r * REL_H + (first + k) / REL_W] + by_col[r * REL_W + kx];
#else
        for (int k = 0; k < count; k++)
            row[k] = 0;
#endif
        for (int k = count; k < KBP; k++)
            row[k] = NO_LOGIT;
    }
}

/* Keys of a window as blocks of panels [PANELS][D][NR], zero where there is none. Work-item
 * (panel, window and head, batch). */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pack_panels(__global const float *data, __global const float *pad, __global float *workspace,
            long panels_at, int stride, int col, int heads, int panels_each, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int panel = get_global_id(0), hw = get_global_id(1), b = get_global_id(2);
    int head = hw % heads, tokens = k_h * k_w, count = win_h * win_w;
    window w = find_window(g, hw / heads);
    int first = panel / PANELS * KB, in_block = panel % PANELS * NR;
    rows from = {data + (size_t)b * tokens * stride + col + head * D, stride};
    size_t group = (size_t)b * get_global_size(1) + hw;
    __global float *to = workspace + panels_at + (group * panels_each + panel) * D * NR;
    for (int c = 0; c < NR; c++) {
        int i = first + in_block + c;
        bool there = in_block + c < KB && i < count;
        int token = there ? key_token(g, w, i) : -1;
        __global const float *row = token >= 0     ? from.data + (size_t)token * stride
                                    : there && pad ? pad + col + head * D
                                                   : 0;
        for (int l = 0; l < D; l++)
            to[l * NR + c] = row ? row[l] : 0.0f;
    }
}
