/* cpu/attention.cl - attention forward on CPU devices: a work-item owns up to TILES tiles of MR
 * queries of one head of one window, and walks the keys in blocks with an online softmax (Milakov
 * and Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135). All its tiles meet a block while
 * it is in the core's cache. No matrix of queries x keys is stored. Set by the host: TILES. */
#include "cpu/attention_padding.cl"

/* How far a row's greatest logit may lie from its top: its sum of powers of 2 stays far from the
 * ends of float. */
#define HEADROOM 32.0f

/* MR queries on their way through the keys: the sums so far of 2^(logit - top), by lane, and of
 * that times v. */
typedef struct {
    int queries, at[MR]; /* tokens */
    float columns[COLUMNS], out[MR * D], top[MR], sum[MR * V];
    float by_row[MR * ROW_SPAN + 1], by_col[MR * COL_SPAN + 1];
} query_tile;

static inline floatV greater(floatV x, floatV y)
{
    return x > y ? x : y;
}

static inline floatV most_of_row(__private const float *row, int count)
{
    floatV low = vloadV(0, row), high = low;
    int k = 0;
    for (; k + V < count; k += NR) {
        low = greater(vloadV(0, row + k), low);
        high = greater(vloadV(1, row + k), high);
    }
    if (k < count)
        low = greater(vloadV(0, row + k), low);
    return greater(low, high);
}

static inline bool has_headroom(__private const query_tile *t, __private const float *logits,
                                int count)
{
    floatV most = 0;
    for (int r = 0; r < MR; r++)
        most = greater(most_of_row(logits + r * TILE_ROW, count) - t->top[r], most);
    return maxV(most) <= HEADROOM;
}

/* Rows whose greatest logit is too far from their top have it as their top from here on. */
static inline void move_tops(__private query_tile *t, __private const float *logits, int count,
                             bool first)
{
    for (int r = 0; r < MR; r++) {
        float most = maxV(most_of_row(logits + r * TILE_ROW, count)), rise = most - t->top[r];
        if (rise <= HEADROOM && (!first || rise >= -HEADROOM))
            continue;
        float factor = first ? 0.0f : exp2(-rise);
        for (int l = 0; l < D; l++)
            t->out[r * D + l] *= factor;
        vstoreV(vloadV(r, t->sum) * factor, r, t->sum);
        t->top[r] = most;
    }
}

/* The block's logits become 2^(logit - top). Four vectors at once share the constants of EXP2,
 * which do not all fit registers. */
static inline void soften(__private query_tile *t, __private float *logits, int count)
{
    for (int r = 0; r < MR; r++) {
        __private float *row = logits + r * TILE_ROW;
        floatV sum = vloadV(r, t->sum), top = t->top[r];
        int k = 0;
        for (; k + 3 * V < count; k += 4 * V) {
            floatV p0 = EXP2(vloadV(0, row + k) - top), p1 = EXP2(vloadV(1, row + k) - top);
            floatV p2 = EXP2(vloadV(2, row + k) - top), p3 = EXP2(vloadV(3, row + k) - top);
            vstoreV(p0, 0, row + k);
            vstoreV(p1, 1, row + k);
            vstoreV(p2, 2, row + k);
            vstoreV(p3, 3, row + k);
            sum += (p0 + p1) + (p2 + p3);
        }
        for (; k < count; k += V) {
            floatV p = EXP2(vloadV(0, row + k) - top);
            vstoreV(p, 0, row + k);
            sum += p;
        }
        vstoreV(sum, r, t->sum);
    }
}

static inline void begin_tile(__private query_tile *t, rows q, __global const float *tables,
                              window w, int q_w, float scale)
{
    load_columns(t->columns, q, t->at, t->queries, scale * LOG2_E);
#if HAS_REL
    relative_terms(t->by_row, t->by_col, t->columns, tables, w, q_w, t->at, t->queries,
                   1.0f / scale);
#endif
    clear(t->out, MR * D);
    clear(t->top, MR);
    clear(t->sum, MR * V);
}

/* The keys of a block; v.first is the first of them. */
typedef struct {
    __global const float *k_panels;
    strips v;
    int count;
} key_block;

static inline void attend(__private query_tile *t, key_block block, int cols)
{
    float logits[MR * TILE_ROW];
    bool first = block.v.first == 0;
    make_logits(logits, t->columns, block.k_panels, t->by_row, t->by_col, block.v.first,
                block.count, cols);
    if (first || !has_headroom(t, logits, block.count))
        move_tops(t, logits, block.count, first);
    soften(t, logits, block.count);
    add_weighted_rows(t->out, logits, TILE_ROW, 1, block.v, block.count);
}

/* out and lse: of the head's token 0; out's tokens are `stride` floats apart. */
static inline void finish_tile(__private query_tile *t, padding pad, geometry g, key_grid grid,
                               __global float *out, int stride, __global float *lse)
{
    for (int r = 0; r < t->queries; r++) {
        float sum = sumV(vloadV(r, t->sum));
        if (grid.count < g.win_h * g.win_w)
            attend_padding(t->out + r * D, t->top + r, &sum, t->columns + r,
                           t->by_row + r * ROW_SPAN, t->by_col + r * COL_SPAN, pad, g, grid);
        __global float *to = out + (size_t)t->at[r] * stride;
        for (int l = 0; l < D; l++)
            to[l] = t->out[r * D + l] / sum;
        lse[t->at[r]] = (t->top[r] + log2(sum)) * LN_2;
    }
}

/* Work-item (TILES tiles of MR queries, window and head, batch). */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
attention(__global const float *q_all, __global const float *pad_row,
          __global const int *key_counts, __global const float *workspace, __global float *out_all,
          __global float *lse_all, int heads, int q_stride, int q_col, int k_col, int v_col,
          float scale, long k_panels_at, long v_strips_at, long tables_at, int blocks,
          GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int hw = get_global_id(1), b = get_global_id(2), head = hw % heads, q_tokens = q_h * q_w;
    window w = find_window(g, hw / heads);
    key_grid grid = find_keys(g, w);
    int first_query = get_global_id(0) * TILES * MR, queries = w.q_rows * w.q_cols - first_query;
    int keys = key_counts ? min(key_counts[b], grid.count) : grid.count, tiles = 0;
    rows q = {q_all + (size_t)b * q_tokens * q_stride + q_col + head * D, q_stride};
    size_t group = (size_t)b * get_global_size(1) + hw;
    strips v = strips_of(workspace + v_strips_at, group, win_h * win_w);
    key_block block = {workspace + k_panels_at + group * blocks * KBP * D, v, 0};

    query_tile tile[TILES];
    for (; tiles < TILES && tiles * MR < queries; tiles++) {
        __private query_tile *t = tile + tiles;
        t->queries = min(MR, queries - tiles * MR);
        for (int r = 0; r < t->queries; r++)
            t->at[r] = query_token(g, w, first_query + tiles * MR + r);
        begin_tile(t, q, workspace + tables_at, w, q_w, scale);
    }
    for (; block.v.first < keys; block.v.first += grid.block, block.k_panels += KBP * D) {
        block.count = min(grid.block, keys - block.v.first);
        for (int i = 0; i < tiles; i++)
            attend(tile + i, block, grid.cols);
    }
    padding pad = padding_of(pad_row, k_col + head * D, v_col + head * D);
    out_all += ((size_t)b * q_tokens * heads + head) * D;
    lse_all += ((size_t)b * heads + head) * q_tokens;
    for (int i = 0; i < tiles; i++)
        finish_tile(tile + i, pad, g, grid, out_all, heads * D, lse_all);
}
