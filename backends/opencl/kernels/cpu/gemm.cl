/* cpu/gemm.cl - matrix products for CPU devices: C = act(alpha op(A) op(B) + bias + residual), or
 * with the slope of the residual as a factor.
 *
 * The classical layering (Goto and van de Geijn, ACM TOMS 34(3), 2008) with one work-item per
 * work-group, so that nothing is split at barriers: a work-item owns a block of up to TILES x MR
 * rows and a run of panels of NR = 2V columns. For each KC deep slice it packs its rows of A
 * privately (for L2), then passes panels of B under a MR x NR tile of accumulators (registers).
 *
 * Set by the host: MR (at most V), TILES, KC, TRANS_A, TRANS_B, and B_DIRECT: a slice of a panel of
 * B is packed privately, where it is used, else B comes packed by pack_b. */
#include "cpu/register_tile.cl"
#include "cpu/transpose.cl"
#include "math.cl"

#define PANELS_AT_ONCE 8 /* multiplied, then activated: as much of C as L2 holds */

#if B_DIRECT
#define B_SPACE           __private
#define rows_to_b_columns rows_to_private_columns
#else
#define B_SPACE           __global
#define rows_to_b_columns rows_to_global_columns
#endif

/* A slice of a panel of B, [n, k] (TRANS_B) or [k, n]: rows first .. first+depth-1 of NR columns,
 * anything beyond n. */
static inline void pack_panel(__global const float *b, B_SPACE float *to, int n, int k, int panel,
                              int first, int depth)
{
#if TRANS_B
    for (int part = 0; part < NR; part += V) {
        int column = panel * NR + part, count = clamp(n - column, 0, V);
        __global const float *from[V];
        for (int c = 0; c < V; c++)
            from[c] = c < count ? b + (size_t)(column + c) * k + first : 0;
        rows_to_b_columns(to + part, NR, from, count, depth, 1.0f);
    }
#else
    size_t at = (size_t)first * n + panel * NR, size = (size_t)k * n;
    for (int l = 0; l < depth; l++, at += n, to += NR) {
        if (at + NR <= size) {
            vstoreV(vloadV(0, b + at), 0, to);
            vstoreV(vloadV(1, b + at), 1, to);
        } else {
            for (int c = 0; c < NR; c++)
                to[c] = at + c < size ? b[at + c] : 0.0f;
        }
    }
#endif
}

#if !B_DIRECT
/* B as panels [ceil(n / NR)][k][NR]. A work-item packs a slice of KC rows of one panel. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pack_b(__global const float *b_all, __global float *packed_all, int n, int k)
{
    int panel = get_global_id(0), first = get_global_id(1) * KC, batch = get_global_id(2);
    size_t panels = (n + NR - 1) / NR, at = ((batch * panels + panel) * k + first) * NR;
    pack_panel(b_all + (size_t)batch * n * k, packed_all + at, n, k, panel, first,
               min(k - first, KC));
}
#endif

/* A packed tile is [depth][MR], and room for the excess of its last vector. */
#define A_TILE(depth) ((depth)*MR + V - MR)

/* Depth first .. first+depth-1 of A's rows row .., times alpha, as `tiles` tiles; anything beyond
 * m, as those sums are not stored. */
static inline void pack_a(__global const float *a, __private float *to, int tiles, int row, int m,
                          int k, int first, int depth, float alpha)
{
#if TRANS_A
    size_t at = (size_t)first * m + row, size = (size_t)k * m;
    for (int l = 0; l < depth; l++, at += m) {
        bool whole = at + (tiles - 1) * MR + V <= size;
        __private float *column = to + l * MR;
        for (int t = 0; t < tiles; t++, column += A_TILE(depth)) {
            if (whole)
                vstoreV(vloadV(0, a + at + t * MR) * alpha, 0, column);
            else
                for (int r = 0; r < MR; r++)
                    column[r] = at + t * MR + r < size ? a[at + t * MR + r] * alpha : 0.0f;
        }
    }
#else
    for (int t = 0; t < tiles; t++, row += MR, to += A_TILE(depth)) {
        int count = min(MR, m - row);
        __global const float *from[V];
        for (int r = 0; r < V; r++)
            from[r] = r < count ? a + (size_t)(row + r) * k + first : 0;
        rows_to_private_columns(to, MR, from, count, depth, alpha);
    }
#endif
}

/* Where a tile goes, and what is done to it; `stride` floats from row to row. */
typedef struct {
    __global float *c;
    __global const float *bias, *residual;
    int end_row, n, stride, act;
    bool begins, ends; /* first and last slice of the depth */
} output;

static inline bool takes_slope(int act)
{
    return act == ACT_RELU_BACKWARD || act == ACT_GELU_BACKWARD;
}

/* An activation of what is stored in rows row .. end_row-1, columns column .. end_column-1; `of` is
 * the residual, whose slope is taken. Loops of their own, as a choice per vector costs too much,
 * and over long rows, which come from memory faster than tiles do. */
#define ACTIVATION(name, expression)                                                               \
    ACTIVATION_OF(float, name, expression)                                                         \
    ACTIVATION_OF(floatV, name, expression)                                                        \
    static inline void name##_block(output o, int row, int end_row, int column, int end_column)    \
    {                                                                                              \
        for (; row < end_row; row++) {                                                             \
            size_t at = (size_t)row * o.stride + column;                                           \
            __global float *c = o.c + at;                                                          \
            __global const float *of = (o.residual ? o.residual : o.c) + at;                       \
            FOR_RANGE(0, end_column - column,                                                      \
                      vstoreV(name(vloadV(0, c + i), vloadV(0, of + i)), 0, c + i),                \
                      c[i] = name(c[i], of[i]));                                                   \
        }                                                                                          \
    }
#define ACTIVATION_OF(T, name, expression)                                                         \
    static inline T __attribute__((overloadable)) name(T x, T of)                                  \
    {                                                                                              \
        const T zero = 0;                                                                          \
        return expression;                                                                         \
    }

ACTIVATION(act_relu, x > zero ? x : zero)
ACTIVATION(act_gelu, GELU(x))
ACTIVATION(act_relu_backward, of > zero ? x : zero)
ACTIVATION(act_gelu_backward, GELU_SLOPE(of) * x)

static inline void activate(output o, int row, int end_row, int column, int end_column)
{
    if (o.act == ACT_RELU)
        act_relu_block(o, row, end_row, column, end_column);
    else if (o.act == ACT_GELU)
        act_gelu_block(o, row, end_row, column, end_column);
    else if (o.act == ACT_RELU_BACKWARD)
        act_relu_backward_block(o, row, end_row, column, end_column);
    else if (o.act == ACT_GELU_BACKWARD)
        act_gelu_backward_block(o, row, end_row, column, end_column);
}

/* What a slice adds to: the first one to the residual, so that C may be the residual, later ones to
 * what is there. */
static inline __global const float *addend(output o)
{
    return !o.begins ? o.c : takes_slope(o.act) ? 0 : o.residual;
}

/* A tile at C's edge: sums [][NR] go where C is, after the last slice finished. */
static inline void store_edge(__private float *sums, output o, int row, int end_row, int column)
{
    int rows = end_row - row, columns = min(NR, o.n - column);
    size_t at = (size_t)row * o.stride + column;
    __global const float *before = addend(o);
    for (int r = 0; r < rows; r++, at += o.stride) {
        __private float *sum = sums + r * NR;
        for (int c = 0; before && c < columns; c++)
            sum[c] += before[at + c];
        for (int c = 0; o.ends && o.bias && c < columns; c++)
            sum[c] += o.bias[column + c];
        for (int c = 0; c < columns; c++)
            o.c[at + c] = sum[c];
    }
}

#define ZERO_ROW(r) floatV low##r = 0, high##r = 0;
#define ADD_BEFORE(r)                                                                              \
    low##r += vloadV(0, before + (size_t)r * o.stride);                                            \
    high##r += vloadV(1, before + (size_t)r * o.stride);
#define MULTIPLY_ROW(r)                                                                            \
    low##r = fma((floatV)(a[r]), b_low, low##r);                                                   \
    high##r = fma((floatV)(a[r]), b_high, high##r);
#define ADD_BIAS(r)                                                                                \
    low##r += bias_low;                                                                            \
    high##r += bias_high;
#define STORE_ROW(r)                                                                               \
    vstoreV(low##r, 0, to + (size_t)r * o.stride);                                                 \
    vstoreV(high##r, 1, to + (size_t)r * o.stride);
#define STORE_EDGE(r)                                                                              \
    vstoreV(low##r, 2 * r, edge);                                                                  \
    vstoreV(high##r, 2 * r + 1, edge);

/* Memory that is packed next: packing waits for it, as it reads no long streams. The product of a
 * tile fetches a cache line per step of its depth, `step` floats apart. */
#define LINE 16 /* floats */
typedef struct {
    __global const float *at;
    int step;
} upcoming;

#ifdef POCL_DEVICE_ADDRESS_BITS /* PoCL's prefetch does nothing; to L2 */
#define FETCH(next) __builtin_prefetch(next.at, 0, 2), next.at += next.step
#else
#define FETCH(next) prefetch(next.at, 1), next.at += next.step
#endif

/* How many tiles fetch the slice of B that is packed after that of `panel`; the first one's part:
 * the rows of a panel, or those of B^T, which are one piece if the slice is all of the depth. */
#define B_FETCHES (B_DIRECT ? (NR + LINE - 1) / LINE : 0)
static inline upcoming after_panel(__global const float *b, int n, int k, int first, int depth,
                                   int panel, int first_panel, int end_panel)
{
    if (TRANS_B)
        return (upcoming){b + (size_t)(panel + 1) * NR * k, depth == k ? LINE : 0};
    bool last = panel + 1 == end_panel;
    int row = last ? first + depth : first, column = (last ? first_panel : panel + 1) * NR;
    return (upcoming){b + (size_t)row * n + column, n};
}

/* For tile t with the panel that follows `passed` others: B's next panel, if it is packed where it
 * is used, then a part of A's next slice (TRANS_A) or the next block's rows (next_a NULL: these are
 * not in one piece), then nothing new. */
static inline upcoming choose_upcoming(__global const float *next_a, upcoming next_b, int m, int k,
                                       int tiles, int passed, int t)
{
    if (t < B_FETCHES)
        return (upcoming){next_b.at + (size_t)t * (TRANS_B ? k : 1) * LINE, next_b.step};
    int column = (passed * (tiles - B_FETCHES) + t - B_FETCHES) * LINE;
    if (!next_a || column >= tiles * MR)
        return (upcoming){next_b.at, 0};
    return TRANS_A ? (upcoming){next_a + column, m} : (upcoming){next_a + (size_t)column * k, LINE};
}

/* The register tile, or the upper half of one, for the last rows. */
#define REGISTER_TILE(name, ROWS, EACH)                                                            \
    static inline void name(__private const float *a, B_SPACE const float *b, int depth, output o, \
                            int row, int column, upcoming next)                                    \
    {                                                                                              \
        bool whole = row + ROWS <= o.end_row && column + NR <= o.n;                                \
        size_t at = (size_t)row * o.stride + column;                                               \
        __global const float *before = addend(o);                                                  \
        EACH(ZERO_ROW)                                                                             \
        for (int l = 0; l < depth; l++, a += MR, b += NR) {                                        \
            floatV b_low = vloadV(0, b), b_high = vloadV(1, b);                                    \
            EACH(MULTIPLY_ROW)                                                                     \
            FETCH(next);                                                                           \
        }                                                                                          \
        if (!whole) {                                                                              \
            float edge[ROWS * NR];                                                                 \
            EACH(STORE_EDGE)                                                                       \
            store_edge(edge, o, row, min(o.end_row, row + ROWS), column);                          \
            return;                                                                                \
        }                                                                                          \
        if (before) {                                                                              \
            before += at;                                                                          \
            EACH(ADD_BEFORE)                                                                       \
        }                                                                                          \
        if (o.ends && o.bias) {                                                                    \
            floatV bias_low = vloadV(0, o.bias + column), bias_high = vloadV(1, o.bias + column);  \
            EACH(ADD_BIAS)                                                                         \
        }                                                                                          \
        __global float *to = o.c + at;                                                             \
        EACH(STORE_ROW)                                                                            \
    }
REGISTER_TILE(multiply_tile, MR, EACH_ROW)
REGISTER_TILE(multiply_half_tile, (MR / 2), EACH_ROW_OF_HALF)

/* How much further than in rows of swap_columns a group of columns of a line of rows begins. */
static inline long swap_shift(int line, int group, int groups, int swap_rows, int swap_columns)
{
    return ((long)swap_rows * (line * (groups - 1L) + group) - group) * swap_columns;
}

/* Work-item (run of panels, block of block_rows rows, batch). With swap_rows, a multiple of
 * block_rows, and swap_columns, a multiple of NR, C is stored as scl_gemm_attr says. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gemm(__global const float *a_all, __global const float *b_all, __global const float *bias,
     __global const float *residual_all, __global float *c_all, int m, int n, int k, float alpha,
     int act, int panels_each, int block_rows, int slice, int swap_rows, int swap_columns)
{
    int block = get_global_id(1) * block_rows, batch = get_global_id(2);
    int panel_count = (n + NR - 1) / NR, first_panel = get_global_id(0) * panels_each;
    int end_panel = min(panel_count, first_panel + panels_each);
    int end_row = min(m, block + block_rows), tiles = (end_row - block + MR - 1) / MR;
    size_t b_size = B_DIRECT ? (size_t)n * k : (size_t)panel_count * NR * k;
    __global const float *a = a_all + (size_t)batch * m * k, *b = b_all + batch * b_size;
    size_t c_start = (size_t)batch * m * n;
    int stride = swap_rows ? swap_columns : n;
    output o = {0, bias, 0, end_row, n, stride, act};
    float a_block[TILES * A_TILE(KC)];
#if B_DIRECT
    float b_panel[KC * NR];
#endif
    for (int first = 0; first < k; first += slice) {
        int depth = min(slice, k - first);
        o.begins = first == 0;
        o.ends = first + depth == k;
        __global const float *next_a = 0;
        if (TRANS_A && m <= block_rows)
            next_a = a + (size_t)(first + depth) * m;
        else if (!TRANS_A && depth == k)
            next_a = a + (size_t)end_row * k;
        pack_a(a, a_block, tiles, block, m, k, first, depth, alpha);
        for (int panel = first_panel; panel < end_panel;) {
            int start = panel, stop = min(end_panel, panel + PANELS_AT_ONCE);
            long to = c_start;
            if (swap_rows) {
                int group = start * NR / swap_columns;
                stop = min(stop, (group + 1) * (swap_columns / NR));
                to += swap_shift(block / swap_rows, group, n / swap_columns, swap_rows,
                                 swap_columns);
            }
            o.c = c_all + to;
            o.residual = residual_all ? residual_all + to : 0;
            for (; panel < stop; panel++) {
#if B_DIRECT
                pack_panel(b, b_panel, n, k, panel, first, depth);
                B_SPACE const float *from = b_panel;
#else
                B_SPACE const float *from = b + ((size_t)panel * k + first) * NR;
#endif
                upcoming next_b =
                    after_panel(b, n, k, first, depth, panel, first_panel, end_panel);
                for (int t = 0; t < tiles; t++) {
                    upcoming next =
                        choose_upcoming(next_a, next_b, m, k, tiles, panel - first_panel, t);
                    __private const float *a_tile = a_block + t * A_TILE(depth);
                    int row = block + t * MR, column = panel * NR;
                    if (end_row - row > MR / 2)
                        multiply_tile(a_tile, from, depth, o, row, column, next);
                    else
                        multiply_half_tile(a_tile, from, depth, o, row, column, next);
                }
            }
            if (o.ends)
                activate(o, block, end_row, start * NR, min(n, stop * NR));
        }
    }
}

/* R rows of x times two rows of y, y_step apart: sums [R][2]. A vector loaded serves one or two
 * products, and enough sums are under way. */
#define DOTS(R)                                                                                    \
    static inline void dots_##R(__global const float *x, __global const float *y, int y_step,      \
                                int k, __private float *sums)                                      \
    {                                                                                              \
        floatV wide[R][2];                                                                         \
        int l = 0;                                                                                 \
        _Pragma("unroll") for (int r = 0; r < R; r++) wide[r][0] = wide[r][1] = 0;                 \
        for (; l + V <= k; l += V) {                                                               \
            floatV first = vloadV(0, y + l), second = vloadV(0, y + y_step + l);                   \
            _Pragma("unroll") for (int r = 0; r < R; r++)                                          \
            {                                                                                      \
                floatV row = vloadV(0, x + (size_t)r * k + l);                                     \
                wide[r][0] = fma(row, first, wide[r][0]);                                          \
                wide[r][1] = fma(row, second, wide[r][1]);                                         \
            }                                                                                      \
        }                                                                                          \
        _Pragma("unroll") for (int r = 0; r < R; r++)                                              \
        {                                                                                          \
            sums[2 * r] = sumV(wide[r][0]);                                                        \
            sums[2 * r + 1] = sumV(wide[r][1]);                                                    \
            for (int i = l; i < k; i++) {                                                          \
                sums[2 * r] += x[(size_t)r * k + i] * y[i];                                        \
                sums[2 * r + 1] += x[(size_t)r * k + i] * y[y_step + i];                           \
            }                                                                                      \
        }                                                                                          \
    }
DOTS(1)
DOTS(2)
DOTS(4)

/* Few rows against W [n, k]: c = act(alpha a[m] . w[n] + bias[n] + residual), W read once. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gemm_few_rows(__global const float *a_all, __global const float *w_all, __global const float *bias,
              __global const float *residual_all, __global float *c_all, int m, int n, int k,
              float alpha, int act, int columns_each)
{
    int first = get_global_id(0) * columns_each, last = min(n, first + columns_each);
    size_t batch = get_global_id(2), c_start = batch * m * n;
    __global const float *a = a_all + batch * m * k, *w = w_all + batch * n * k;
    output o = {c_all + c_start, bias, residual_all ? residual_all + c_start : 0, m, n, n, act};
    __global const float *before = takes_slope(act) ? 0 : o.residual;
    for (int column = first; column < last; column += 2)
        for (int row = 0, rows; row < m; row += rows) {
            __global const float *x = a + (size_t)row * k, *y = w + (size_t)column * k;
            int columns = min(2, last - column), y_step = columns > 1 ? k : 0;
            float sums[8];
            rows = m - row >= 4 ? 4 : m - row >= 2 ? 2 : 1;
            if (rows == 4)
                dots_4(x, y, y_step, k, sums);
            else if (rows == 2)
                dots_2(x, y, y_step, k, sums);
            else
                dots_1(x, y, y_step, k, sums);
            for (int i = 0; i < 2 * rows; i++)
                if (i % 2 < columns) {
                    int to = column + i % 2;
                    size_t at = (size_t)(row + i / 2) * n + to;
                    o.c[at] = sums[i] * alpha + (bias ? bias[to] : 0) + (before ? before[at] : 0);
                }
        }
    activate(o, 0, m, first, last);
}
