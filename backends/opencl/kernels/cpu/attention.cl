/* cpu/attention.cl - attention forward on CPU devices: a work-item owns MR queries of one head of
 * one window, and walks the keys in blocks with an online softmax (Milakov and Gimelshein,
 * arXiv 1805.02867; Dao et al., arXiv 2205.14135). No matrix of queries x keys is stored. */
#include "cpu/attention_tile.cl"

/* The block's logits become exp(logit - top); earlier sums must be multiplied by `scale`. */
static inline float soften_row(__private float *row, __private float *top, __private float *sum)
{
    floatV most = vloadV(0, row);
    for (int k = V; k < KBP; k += V)
        most = fmax(most, vloadV(0, row + k));
    float new_top = fmax(*top, maxV(most)), scale = exp(*top - new_top);
    floatV total = 0;
    for (int k = 0; k < KBP; k += V) {
        floatV p = exp(vloadV(0, row + k) - new_top);
        total += p;
        vstoreV(p, 0, row + k);
    }
    *top = new_top;
    *sum = *sum * scale + sumV(total);
    return scale;
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
attention(__global const float *q_all, __global const float *v_all, __global const float *rel_h,
          __global const float *rel_w, __global const float *pad, __global const int *key_counts,
          __global const float *k_panels, __global float *out_all, __global float *lse_all,
          int heads, int q_stride, int q_col, int v_stride, int v_col, float scale, int panels_each,
          GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int first_query = get_global_id(0) * MR, hw = get_global_id(1), b = get_global_id(2);
    int head = hw % heads, q_tokens = q_h * q_w;
    window w = find_window(g, hw / heads);
    int queries = min(MR, w.q_rows * w.q_cols - first_query);
    if (queries <= 0)
        return;
    int keys = key_counts ? min(key_counts[b], win_h * win_w) : win_h * win_w;
    rows q = {q_all + (size_t)b * q_tokens * q_stride + q_col + head * D, q_stride};
    rows v = {v_all + (size_t)b * k_h * k_w * v_stride + v_col + head * D, v_stride};
    __global const float *v_pad = pad ? pad + v_col + head * D : 0;
    __global const float *panels =
        k_panels + ((size_t)b * get_global_size(1) + hw) * panels_each * D * NR;

    int query_at[MR], key_at[KB];
    float columns[D * MR], tile[MR * KBP], out[MR * D], top[MR], sum[MR];
    float by_row[MR * REL_H + 1], by_col[MR * REL_W + 1];
    for (int r = 0; r < queries; r++)
        query_at[r] = query_token(g, w, first_query + r);
    load_columns(columns, q, 0, query_at, queries, scale);
#if HAS_REL
    for (int r = 0; r < queries; r++)
        relative_terms(q.data + (size_t)query_at[r] * q.stride, rel_h, rel_w,
                       query_at[r] / q_w - w.y0, query_at[r] % q_w - w.x0, by_row + r * REL_H,
                       by_col + r * REL_W);
    for (int i = queries * REL_H; i < MR * REL_H; i++)
        by_row[i] = 0;
    for (int i = queries * REL_W; i < MR * REL_W; i++)
        by_col[i] = 0;
#endif
    for (int i = 0; i < MR * D; i++)
        out[i] = 0;
    for (int r = 0; r < MR; r++) {
        top[r] = NO_LOGIT;
        sum[r] = 0;
    }
    for (int first = 0; first < keys; first += KB, panels += PANELS * D * NR) {
        int count = min(KB, keys - first);
        begin_logits(tile, by_row, by_col, first, count);
        add_products(tile, columns, panels);
        for (int r = 0; r < MR; r++) {
            float factor = soften_row(tile + r * KBP, top + r, sum + r);
            for (int l = 0; l < D; l++)
                out[r * D + l] *= factor;
        }
        for (int k = 0; k < count; k++)
            key_at[k] = key_token(g, w, first + k);
        add_weighted_rows(out, tile, KBP, 1, v, v_pad, key_at, count);
    }
    for (int r = 0; r < queries; r++) {
        __global float *to = out_all + (((size_t)b * q_tokens + query_at[r]) * heads + head) * D;
        for (int l = 0; l < D; l++)
            to[l] = out[r * D + l] / sum[r];
        lse_all[((size_t)b * heads + head) * q_tokens + query_at[r]] = top[r] + log(sum[r]);
    }
}
