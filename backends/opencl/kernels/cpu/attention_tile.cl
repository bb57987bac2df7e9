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

#define KBP         ((KB + V - 1) / V * V) /* a block's keys, with zeros to whole vectors */
#define TILE_ROW    (KBP + V)              /* floats; rows 2^n apart would share few cache sets */
#define PANELS      ((KBP + NR - 1) / NR)  /* of a block: [D][NR], the last one may be [D][V] */
#define HAS_REL     (REL_H > 0)
#define LONGER_SIDE (REL_H > REL_W ? REL_H : REL_W)
#define ROW_SPAN    ((REL_H + V - 1) / V * V)
#define COL_SPAN    ((REL_W + V - 1) / V * V)
#define NO_LOGIT    -3.0e38f

/* The part of a tile's row that is multiplied for `count` keys: whole panels. */
#define ROW_END(count) min(KBP, ((count) + NR - 1) / NR * NR)

#define LOG2_E   1.44269504088896341f
#define LN_2     0.69314718055994530942f

/* Rows of float32 tokens: row t is at data + t * stride. */
typedef struct {
    __global const float *data;
    int stride;
} rows;

static inline void clear(__private float *to, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = 0;
}

/* A tile of MR rows `stride` floats apart gains MR x NR (WIDE) or MR x V (NARROW) sums of products.
 * The weight of row r is a[r * row_step]; a term's vectors lie at b. */
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

#define ADD_ALL_WIDE(count, step, b_step)                                                          \
    for (int k = 0; k < count; k++, a += step, b += b_step) {                                      \
        floatV b_low = vloadV(0, b), b_high = vloadV(1, b);                                        \
        EACH_ROW(ADD_WIDE)                                                                         \
    }

static inline void add_wide(__private float *to, int stride, __private const float *a, int row_step,
                            int step, __global const float *b, int b_step, int count)
{
    EACH_ROW(LOAD_WIDE)
    ADD_ALL_WIDE(count, step, b_step)
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

/* tile [MR][TILE_ROW] += a^T b: a [D][MR], b a block of panels, as many as have the first `count`
 * keys. */
static inline void add_products(__private float *tile, __private const float *columns,
                                __global const float *b, int count)
{
    int j = 0;
    for (; j + NR <= KBP && j < count; j += NR, b += D * NR)
        add_wide(tile + j, TILE_ROW, columns, 1, MR, b, NR, D);
    if (j < min(KBP, count))
        add_narrow(tile + j, TILE_ROW, columns, 1, MR, b, V, D);
}

/* A matrix [rows][D] in strips of NR columns, then of V, then what is left, so that a product walks
 * memory from one end to the other: the strip of columns h, .. is [rows][width], h * rows floats
 * from the beginning. Or plain, row after row. Of it, the rows first, first + every, .. */
typedef struct {
    __global const float *data;
    int rows, first, every;
    bool plain;
} strips;

/* All rows of the matrix of a group, of those that lie one after the other at `data`. */
static inline strips strips_of(__global const float *data, size_t group, int rows)
{
    strips s = {data + group * rows * D, rows, 0, 1, false};
    return s;
}

static inline int strip_width(int h)
{
    return h + NR <= D ? NR : h + V <= D ? V : D - h;
}

/* out [MR][D] += weights [MR][count] times `count` rows. Weight (r, k) is
 * weights[r * row_step + k * step]. */
static inline void add_weighted_rows(__private float *out, __private const float *weights,
                                     int row_step, int step, strips from, int count)
{
    for (int h = 0, width; h < D; h += width) {
        width = strip_width(h);
        int row = from.plain ? D : width, b_step = from.every * row;
        __global const float *b = from.data + (size_t)h * (from.plain ? 1 : from.rows);
        b += from.first * row;
        if (width == NR)
            add_wide(out + h, D, weights, row_step, step, b, b_step, count);
        else if (width == V)
            add_narrow(out + h, D, weights, row_step, step, b, b_step, count);
        else
            for (int k = 0; k < count; k++, b += b_step)
                for (int r = 0; r < MR; r++)
                    for (int l = 0; l < width; l++)
                        out[r * D + h + l] += weights[r * row_step + k * step] * b[l];
    }
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

#define DOT_ROWS(SPACE)                                                                            \
    static inline float __attribute__((overloadable)) dot_rows(SPACE const float *x,               \
                                                               __global const float *y)            \
    {                                                                                              \
        floatV wide = 0;                                                                           \
        int l = 0;                                                                                 \
        for (; l + V <= D; l += V)                                                                 \
            wide = fma(vloadV(0, x + l), vloadV(0, y + l), wide);                                  \
        float sum = sumV(wide);                                                                    \
        for (; l < D; l++)                                                                         \
            sum += x[l] * y[l];                                                                    \
        return sum;                                                                                \
    }
DOT_ROWS(__global)
DOT_ROWS(__private)

/* A table [2 side - 1][D] of relative positions, backwards and as columns [D][TABLE_ROW]: what a
 * query at y gains from keys 0, 1, .. of its axis then begins at column side - 1 - y. */
#define TABLE_ROW(side) (2 * (side)-1 + NR)
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
typedef struct {
    int least, most;
} axis_range;

static inline axis_range range_of(__private const int *at, int count)
{
    axis_range range = {at[0], at[0]};
    for (int r = 1; r < count; r++) {
        range.least = min(range.least, at[r]);
        range.most = max(range.most, at[r]);
    }
    return range;
}

/* terms [MR][span]: the products of MR queries (columns, times 1 / factor) with what keys of one
 * axis are to them; at[r] is the query's place on it. One product has what they all need. */
static inline void axis_terms(__private float *terms, __private const float *columns,
                              __global const float *table, int side, int span,
                              __private const int *at, float factor)
{
    float products[MR * TABLE_ROW(LONGER_SIDE)];
    axis_range range = range_of(at, MR);
    int stride = TABLE_ROW(side), most = range.most;
    clear(products, MR * stride);
    for (int i = 0; i < side + most - range.least; i += NR)
        add_wide(products + i, stride, columns, 1, MR, table + side - 1 - most + i, stride, D);
    for (int r = 0; r < MR; r++)
        for (int i = 0; i < span; i += V)
            vstoreV(vloadV(0, products + r * stride + most - at[r] + i) * factor, 0,
                    terms + r * span + i);
}

/* The relative position terms of MR queries, by key row [MR][ROW_SPAN] and by key column. */
static inline void relative_terms(__private float *by_row, __private float *by_col,
                                  __private const float *columns, __global const float *tables,
                                  window w, int q_w, __private const int *query_at, int queries,
                                  float factor)
{
    int y[MR], x[MR];
    for (int r = 0; r < MR; r++) {
        int token = query_at[min(r, queries - 1)];
        y[r] = token / q_w - w.y0;
        x[r] = token % q_w - w.x0;
    }
    axis_terms(by_row, columns, tables, REL_H, ROW_SPAN, y, factor);
    axis_terms(by_col, columns, tables + D * TABLE_ROW(REL_H), REL_W, COL_SPAN, x, factor);
}

#define BEGIN_WIDE(r)                                                                              \
    floatV low##r = by_row[r * ROW_SPAN] + vloadV(0, by_col + r * COL_SPAN),                       \
           high##r = by_row[r * ROW_SPAN] + vloadV(1, by_col + r * COL_SPAN);

/* MR x NR logits of keys of one row. */
static inline void logits_of_panel(__private float *to, __private const float *a,
                                   __global const float *b, __private const float *by_row,
                                   __private const float *by_col)
{
    const int row_step = 1, stride = TILE_ROW;
    EACH_ROW(BEGIN_WIDE)
    ADD_ALL_WIDE(D, MR, NR)
    EACH_ROW(STORE_WIDE)
}
#endif

/* NO_LOGIT where a panel has no key. */
static inline void close_rows(__private float *tile, int count)
{
    for (int r = 0; r < MR; r++)
        for (int k = count; k < ROW_END(count); k++)
            tile[r * TILE_ROW + k] = NO_LOGIT;
}

/* A tile's logits [MR][TILE_ROW]: relative positions and products of columns with a block of
 * panels. A block begins at the start of a key row. Forward and backward have them from here, as
 * lse is the lse only of logits that were rounded alike. */
static inline void make_logits(__private float *tile, __private const float *columns,
                               __global const float *panels, __private const float *by_row,
                               __private const float *by_col, int first, int count, int cols)
{
#if HAS_REL
    by_row += first / cols;
    if (cols % NR == 0) {
        for (int k = 0; k < count; by_row++)
            for (int kx = 0; kx < cols; kx += NR, k += NR, panels += D * NR)
                logits_of_panel(tile + k, columns, panels, by_row, by_col + kx);
        close_rows(tile, count);
        return;
    }
#endif
    for (int r = 0; r < MR; r++) {
        __private float *row = tile + r * TILE_ROW;
#if HAS_REL
        for (int k = 0, ky = 0; k < count; k += cols, ky++)
            for (int kx = 0; kx < cols; kx += V)
                vstoreV(by_row[r * ROW_SPAN + ky] + vloadV(0, by_col + r * COL_SPAN + kx), 0,
                        row + k + kx);
#else
        clear(row, KBP);
#endif
    }
    close_rows(tile, count);
    add_products(tile, columns, panels, count);
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

/* A window's keys (or queries) as strips of rows_each rows. Work-item (V rows, window and head,
 * batch). */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pack_strips(__global const float *data, __global float *workspace, long strips_at, int stride,
            int col, int heads, int keys, int rows_each, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int first = get_global_id(0) * V, hw = get_global_id(1), b = get_global_id(2);
    int head = hw % heads, tokens = keys ? k_h * k_w : q_h * q_w;
    window w = find_window(g, hw / heads);
    key_grid grid = find_keys(g, w);
    int count = keys ? grid.count : w.q_rows * w.q_cols;
    __global const float *from = data + (size_t)b * tokens * stride + col + head * D;
    size_t group = (size_t)b * get_global_size(1) + hw;
    __global float *strips_of_group = workspace + strips_at + group * rows_each * D;
    for (int i = first; i < min(first + V, count); i++) {
        int token = keys ? token_of(g, w, grid, i) : query_token(g, w, i);
        __global const float *row = from + (size_t)token * stride;
        for (int h = 0, width; h < D; h += width) {
            width = strip_width(h);
            __global float *to = strips_of_group + (size_t)h * rows_each + i * width;
            int l = 0;
            for (; l + V <= width; l += V)
                vstoreV(vloadV(0, row + h + l), 0, to + l);
            for (; l < width; l++)
                to[l] = row[h + l];
        }
    }
}
