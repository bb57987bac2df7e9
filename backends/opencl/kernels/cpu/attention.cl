/* cpu/attention.cl - attention forward on CPU devices: a work-item owns MR queries of one head of
 * one window, and walks the keys in blocks with an online softmax (Milakov and Gimelshein,
 * arXiv 1805.02867; Dao et al., arXiv 2205.14135). No matrix of queries x keys is stored. */
#include "cpu/attention_padding.cl"

/* Of MR queries, and V - MR of nothing: the greatest logit, the sum of 2^(logit - top), and what
 * earlier sums must be multiplied by after a block of keys. */
typedef struct {
    float top[V], sum[V], factor[V];
} soft_sums;

static inline floatV greater(floatV x, floatV y)
{
    return x > y ? x : y;
}

/* The block's logits become 2^(logit - top). Two vectors at once share the constants of EXP2, which
 * do not all fit registers. */
static inline void soften_tile(__private float *tile, __private soft_sums *s, int count)
{
    float most[V], total[V];
    for (int r = 0; r < V; r++)
        most[r] = total[r] = 0;
    for (int r = 0; r < MR; r++) {
        __private const float *row = tile + r * KBP;
        floatV low = vloadV(0, row), high = low;
        int k = 0;
        for (; k + V < count; k += NR) {
            low = greater(vloadV(0, row + k), low);
            high = greater(vloadV(1, row + k), high);
        }
        if (k < count)
            low = greater(vloadV(0, row + k), low);
        most[r] = maxV(greater(low, high));
    }
    floatV top = greater(vloadV(0, most), vloadV(0, s->top));
    floatV factor = EXP2(vloadV(0, s->top) - top);
    vstoreV(top, 0, s->top);
    vstoreV(factor, 0, s->factor);
    for (int r = 0; r < MR; r++) {
        __private float *row = tile + r * KBP;
        floatV row_top = s->top[r], low = 0, high = 0;
        int k = 0;
        for (; k + V < count; k += NR) {
            floatV p = EXP2(vloadV(0, row + k) - row_top), q = EXP2(vloadV(1, row + k) - row_top);
            vstoreV(p, 0, row + k);
            vstoreV(q, 1, row + k);
            low += p;
            high += q;
        }
        if (k < count) {
            floatV p = EXP2(vloadV(0, row + k) - row_top);
            vstoreV(p, 0, row + k);
            low += p;
        }
        total[r] = sumV(low + high);
    }
    vstoreV(fma(vloadV(0, s->sum), factor, vloadV(0, total)), 0, s->sum);
}

/* Work-item (MR queries, window and head, batch). */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
attention(__global const float *q_all, __global const float *pad_row,
          __global const int *key_counts, __global const float *workspace, __global float *out_all,
          __global float *lse_all, int heads, int q_stride, int q_col, int k_col, int v_col,
          float scale, long k_panels_at, long v_rows_at, long tables_at, int blocks,
          GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int first_query = get_global_id(0) * MR, hw = get_global_id(1), b = get_global_id(2);
    int head = hw % heads, q_tokens = q_h * q_w;
    window w = find_window(g, hw / heads);
    key_grid grid = find_keys(g, w);
    int queries = min(MR, w.q_rows * w.q_cols - first_query);
    if (queries <= 0)
        return;
    int keys = key_counts ? min(key_counts[b], grid.count) : grid.count;
    rows q = {q_all + (size_t)b * q_tokens * q_stride + q_col + head * D, q_stride};
    size_t group = (size_t)b * get_global_size(1) + hw;
    __global const float *panels = workspace + k_panels_at + group * blocks * KBP * D;
    __global const float *v = workspace + v_rows_at + group * win_h * win_w * D;

    int query_at[MR];
    float columns[COLUMNS], tile[MR * KBP + V], out[MR * D];
    soft_sums sums;
    float by_row[MR * ROW_SPAN + 1], by_col[MR * COL_SPAN + 1];
    for (int r = 0; r < queries; r++)
        query_at[r] = query_token(g, w, first_query + r);
    load_columns(columns, q, query_at, queries, scale * LOG2_E);
#if HAS_REL
    relative_terms(by_row, by_col, columns, workspace + tables_at, w, q_w, query_at, queries,
                   1.0f / scale);
#endif
    for (int i = 0; i < MR * D; i++)
        out[i] = 0;
    for (int r = 0; r < V; r++) {
        sums.top[r] = NO_LOGIT;
        sums.sum[r] = 0;
    }
    for (int first = 0; first < keys; first += grid.block, panels += KBP * D) {
        int count = min(grid.block, keys - first);
        begin_logits(tile, by_row, by_col, first, count, grid.cols);
        add_products(tile, columns, panels, count);
        soften_tile(tile, &sums, count);
        for (int i = 0; i < MR * D; i++)
            out[i] *= sums.factor[i / D];
        add_weighted_rows(out, tile, KBP, 1, v + (size_t)first * D, D, count);
    }
    if (grid.count < win_h * win_w) {
        padding pad = padding_of(pad_row, k_col + head * D, v_col + head * D);
        for (int r = 0; r < queries; r++)
            attend_padding(out + r * D, sums.top + r, sums.sum + r, columns + r,
                           by_row + r * ROW_SPAN, by_col + r * COL_SPAN, pad, g, grid);
    }
    for (int r = 0; r < queries; r++) {
        __global float *to = out_all + (((size_t)b * q_tokens + query_at[r]) * heads + head) * D;
        for (int l = 0; l < D; l++)
            to[l] = out[r * D + l] / sums.sum[r];
        lse_all[((size_t)b * heads + head) * q_tokens + query_at[r]] =
            (sums.top[r] + log2(sums.sum[r])) * LN_2;
    }
}
