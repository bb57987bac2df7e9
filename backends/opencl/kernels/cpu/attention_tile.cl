/* cpu/attention_tile.cl - the two products of attention on a MR x block tile, and how keys, values
 * and queries are laid out for them, for CPU devices.
 *
 * Set by the host: D (head_dim), MR (rows of a tile, at most V), KB (keys of a block), REL_H, REL_W
 * (sizes of the key window when there are relative positions, else 0). Logits are in units of
 * log 2, so that a probability is a power of 2. */
#include "attention_geometry.cl"
#include "cpu/register_tile.cl"
#include "cpu/transpose.cl"
#include "math.cl"

#define KBP      ((KB + V - 1) / V * V) /* a block's keys, with zeros to whole vectors */
#define PANELS   ((KBP + NR - 1) / NR)  /* of a block: [D][NR], the last one may be [D][V] */
#define HAS_REL  (REL_H > 0)
#define ROW_SPAN ((REL_H + V - 1) / V * V)
#define COL_SPAN ((REL_W + V - 1) / V * V)
#define NO_LOGIT -3.0e38f

/* The part of a tile's row that is multiplied for `count` keys: whole panels. */
#define ROW_END(count) min(KBP, ((count) + NR - 1) / NR * NR)

#define LOG2_E   1.44269504088896341f
#define LN_2     0.69314718055994530942f

/* Rows of float32 tokens: row t is at data + t * stride. */
typedef struct {
    __global const float *data;
    int stride;
} rows;

/* A tile of MR rows `stride` floats apart gains MR x NR (WIDE) or MR x V (NARROW) sums of products.
 * The weight of row r and term k is weight(r); a term's vectors lie at b. */
#define LOAD_NARROW(r) floatV low##r = vloadV(0, to + r * stride);
#define LOAD_WIDE(r)   LOAD_NARROW(r) floatV high##r = vloadV(1, to + r * stride);
#define ADD_WIDE(r)                                                                                \
    low##r = fma((floatV)(a[r * row_step]), b_low, low##r);                                        \
    high##r = fma((floatV)(a[r * row_step]), b_high, high##r);
#define ADD_NARROW(r) low##r = fma((floatV)(a[r * row_step]), b_low, low##r);
#define STORE_WIDE(r)                                                                              \
    vstoreV(low##r, 0, to + r * stride);                                                           \
    vstoreV(high##r, 1, to + r * stride);
#define STORE_NARROW(r) vstoreV(low##r, 0, to + r * stride);

static inline void add_wide(__private float *to, int stride, __private const float *a, int row_step,
                            int step, __global const float *b, int b_step, int count)
{
    EACH_ROW(LOAD_WIDE)
    for (int k = 0; k < count; k++, a += step, b += b_step) {
        floatV b_low = vloadV(0, b), b_high = vloadV(1, b);
        EACH_ROW(ADD_WIDE)
    }
    EACH_ROW(STORE_WIDE)
}

static inline void add_narrow(__private float *to, int stride, __private const float *a,
                              int row_step, int step, __global const float *b, int b_step,
                              int count)
{
    EACH_ROW(LOAD_NARROW)
    for (int k = 0; k < count; k++, a += step, b += b_step) {
        floatV b_low = vloadV(0, b);
        EACH_ROW(ADD_NARROW)
    }
    EACH_ROW(STORE_NARROW)
}

/* tile [MR][KBP] += a^T b: a [D][MR], b a block of panels, as many as have the first `count` keys.
 */
static inline void add_products(__private float *tile, __private const float *columns,
                                __global const float *b, int count)
{
    int j = 0;
    for (; j + NR <= KBP && j < count; j += NR, b += D * NR)
        add_wide(tile + j, KBP, columns, 1, MR, b, NR, D);
    if (j < min(KBP, count))
        add_narrow(tile + j, KBP, columns, 1, MR, b, V, D);
}

/* out [MR][D] += weights [MR][count] times `count` rows of D, from_step floats apart. Weight (r, k)
 * is tile[r * row_step + k * step]. */
static inline void add_weighted_rows(__private float *out, __private const float *tile,
                                     int row_step, int step, __global const float *from,
                                     int from_step, int count)
{
    int h = 0;
    for (; h + NR <= D; h += NR)
        add_wide(out + h, D, tile, row_step, step, from + h, from_step, count);
    for (; h + V <= D; h += V)
        add_narrow(out + h, D, tile, row_step, step, from + h, from_step, count);
    for (; h < D; h++)
        for (int k = 0; k < count; k++)
            for (int r = 0; r < MR; r++)
                out[r * D + h] += tile[r * row_step + k * step] * from[(size_t)k * from_step + h];
}

/* Up to MR rows as columns [D][MR] (and V - MR floats of nothing), times `factor`; zeros for the
 * rest. */
static inline void load_columns(__private float *columns, rows from, __private const int *at,
                                int count, float factor)
{
    __global const float *row[V];
    for (int r = 0; r < V; r++)
        row[r] = r < count ? from.data + (size_t)at[r] * from.stride : 0;
    rows_to_private_columns(columns, MR, row, count, D, factor);
}
#define COLUMNS (D * MR + V - MR)

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

/* A table [2 side - 1][D] of relative positions, backwards and as columns [D][TABLE_ROW]: what a
 * query at y gains from keys 0, 1, .. of its axis then begins at column side - 1 - y. */
#define TABLE_ROW(side) (2 * (side)-1 + V)
#define TABLES          (D * (TABLE_ROW(REL_H) + TABLE_ROW(REL_W)))

/* Work-item l: row l of both tables, [REL_H's][REL_W's]. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pack_tables(__global const float *rel_h, __global const float *rel_w, __global float *workspace,
            long tables_at)
{
    int l = get_global_id(0);
    __global float *by_row = workspace + tables_at + l * TABLE_ROW(REL_H);
    __global float *by_col = workspace + tables_at + D * TABLE_ROW(REL_H) + l * TABLE_ROW(REL_W);
    for (int i = 0; i < TABLE_ROW(REL_H); i++)
        by_row[i] = i < 2 * REL_H - 1 ? rel_h[(2 * REL_H - 2 - i) * D + l] : 0.0f;
    for (int i = 0; i < TABLE_ROW(REL_W); i++)
        by_col[i] = i < 2 * REL_W - 1 ? rel_w[(2 * REL_W - 2 - i) * D + l] : 0.0f;
}

#if HAS_REL
#define ZERO_TERM(r) floatV term##r = 0;
#define ADD_TERM(r)                                                                                \
    term##r = fma((floatV)(q[r]), vloadV(0, column + (side - 1 - at[r])), term##r);
#define STORE_TERM(r) vstoreV(term##r * factor, 0, terms + r * span + i);

/* terms [MR][span]: the products of MR queries (columns, times 1 / factor) with what keys of one
 * axis are to them; at[r] is the query's place on it. */
static inline void axis_terms(__private float *terms, __private const float *columns,
                              __global const float *table, int side, int span,
                              __private const int *at, float factor)
{
    for (int i = 0; i < span; i += V) {
        __private const float *q = columns;
        __global const float *column = table + i;
        EACH_ROW(ZERO_TERM)
        for (int l = 0; l < D; l++, q += MR, column += TABLE_ROW(side)) {
            EACH_ROW(ADD_TERM)
        }
        EACH_ROW(STORE_TERM)
    }
}

/* The relative position terms of MR queries, by key row [MR][ROW_SPAN] and by key column. */
static inline void relative_terms(__private float *by_row, __private float *by_col,
                                  __private const float *columns, __global const float *tables,
                                  window w, int q_w, __private const int *query_at, int queries,
                                  float factor)
{
    int y[MR], x[MR];
    for (int r = 0; r < MR; r++) {
        y[r] = r < queries ? query_at[r] / q_w - w.y0 : 0;
        x[r] = r < queries ? query_at[r] % q_w - w.x0 : 0;
    }
    axis_terms(by_row, columns, tables, REL_H, ROW_SPAN, y, factor);
    axis_terms(by_col, columns, tables + D * TABLE_ROW(REL_H), REL_W, COL_SPAN, x, factor);
}
#endif

/* A tile's logits [MR][KBP] before the product: relative positions, and NO_LOGIT where there is no
 * key. A block begins at the start of a key row. Writes up to V floats behind the tile. */
static inline void begin_logits(__private float *tile, __private const float *by_row,
                                __private const float *by_col, int first, int count, int cols)
{
    for (int r = 0; r < MR; r++) {
        __private float *row = tile + r * KBP;
#if HAS_REL
        for (int k = 0, ky = first / cols; k < count; k += cols, ky++)
            for (int kx = 0; kx < cols; kx += V)
                vstoreV(by_row[r * ROW_SPAN + ky] + vloadV(0, by_col + r * COL_SPAN + kx), 0,
                        row + k + kx);
#else
        for (int k = 0; k < count; k += V)
            vstoreV((floatV)(0), 0, row + k);
#endif
        for (int k = count; k < ROW_END(count); k++)
            row[k] = NO_LOGIT;
    }
}

/* A window's keys but for its padding (cpu/attention_padding.cl), and how many a block takes: whole
 * key rows. */
typedef struct {
    int rows, cols, count, block;
} key_grid;

static inline key_grid find_keys(geometry g, window w)
{
    int rows = WINDOWED ? w.q_rows : g.win_h, cols = WINDOWED ? w.q_cols : g.win_w;
    key_grid k = {rows, cols, rows * cols, HAS_REL ? KB / cols * cols : KB};
    return k;
}

static inline int token_of(geometry g, window w, key_grid k, int i)
{
    return (w.y0 + i / k.cols) * g.k_w + w.x0 + i % k.cols;
}

/* Keys of a window as blocks of panels, zero where there is none: [blocks][KBP][D] floats.
 * Work-item (panel, window and head, batch). */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pack_panels(__global const float *data, __global float *workspace, long panels_at, int stride,
            int col, int heads, int blocks, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int panel = get_global_id(0), hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    window w = find_window(g, hw / heads);
    key_grid keys = find_keys(g, w);
    rows from = {data + (size_t)b * k_h * k_w * stride + col + head * D, stride};
    size_t group = (size_t)b * get_global_size(1) + hw;
    int block = panel / PANELS, in_block = panel % PANELS * NR, width = min(NR, KBP - in_block);
    int first = block * keys.block;
    if (first + in_block >= keys.count)
        return;
    __global float *to =
        workspace + panels_at + ((group * blocks + block) * KBP + in_block) * (size_t)D;
    for (int part = 0; part < width; part += V) {
        __global const float *row[V];
        for (int c = 0; c < V; c++) {
            int key = in_block + part + c;
            bool there = key < keys.block && first + key < keys.count;
            row[c] = there ? from.data + (size_t)token_of(g, w, keys, first + key) * stride : 0;
        }
        rows_to_global_columns(to + part, width, row, V, D, 1.0f);
    }
}

/* A window's keys (or queries) as rows [rows_each][D]. Work-item (V rows, window and head, batch).
 */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pack_rows(__global const float *data, __global float *workspace, long rows_at, int stride, int col,
          int heads, int keys, int rows_each, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int first = get_global_id(0) * V, hw = get_global_id(1), b = get_global_id(2);
    int head = hw % heads, tokens = keys ? k_h * k_w : q_h * q_w;
    window w = find_window(g, hw / heads);
    key_grid grid = find_keys(g, w);
    int count = keys ? grid.count : w.q_rows * w.q_cols;
    __global const float *from = data + (size_t)b * tokens * stride + col + head * D;
    size_t group = (size_t)b * get_global_size(1) + hw;
    __global float *to = workspace + rows_at + (group * rows_each + first) * (size_t)D;
    for (int i = first; i < min(first + V, count); i++, to += D) {
        int token = keys ? token_of(g, w, grid, i) : query_token(g, w, i), l = 0;
        __global const float *row = from + (size_t)token * stride;
        for (; l + V <= D; l += V)
            vstoreV(vloadV(0, row + l), 0, to + l);
        for (; l < D; l++)
            to[l] = row[l];
    }
}
