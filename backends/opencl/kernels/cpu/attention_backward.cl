/* cpu/attention_backward.cl - gradients of attention on CPU devices, in two passes that recompute
 * the probabilities (Dao et al., arXiv 2205.14135, algorithm 4, split so that no sum needs
 * atomics): one over queries for dq and the relative positions, one over keys for dk and dv.
 *
 * With p = exp(logit - lse), delta = dout . out and ds = p (dout . v - delta):
 *   dq = scale sum ds k + relative terms,  dk = scale sum ds q,  dv = sum p dout. */
#include "cpu/attention_tile.cl"

/* p = exp(logit - lse) and ds = p (dp - delta), row by row; the tiles hold logits and dp. */
static inline void differentiate_tile(__private float *logits, __private float *dp,
                                      __private const float *lse, __private const float *delta)
{
    for (int r = 0; r < MR; r++)
        for (int k = 0; k < KBP; k += V) {
            floatV p = exp(vloadV(0, logits + r * KBP + k) - lse[r]);
            floatV ds = p * (vloadV(0, dp + r * KBP + k) - delta[r]);
            vstoreV(p, 0, logits + r * KBP + k);
            vstoreV(ds, 0, dp + r * KBP + k);
        }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
backward_queries(__global const float *q_all, __global const float *k_all,
                 __global const float *rel_h, __global const float *rel_w,
                 __global const float *pad, __global const int *key_counts,
                 __global const float *out_all, __global const float *lse_all,
                 __global const float *dout_all, __global float *dq_all, int heads, int q_stride,
                 int q_col, int k_stride, int k_col, float scale, long k_panels_at,
                 long v_panels_at, int panels_each, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int first_query = get_global_id(0) * MR, hw = get_global_id(1), b = get_global_id(2);
    int head = hw % heads, q_tokens = q_h * q_w, width = heads * D;
    window w = find_window(g, hw / heads);
    int queries = min(MR, w.q_rows * w.q_cols - first_query);
    if (queries <= 0)
        return;
    int keys = key_counts ? min(key_counts[b], win_h * win_w) : win_h * win_w;
    size_t group = (size_t)b * get_global_size(1) + hw;
    query_values values = QUERY_VALUES(group);
    rows q = {q_all + (size_t)b * q_tokens * q_stride + q_col + head * D, q_stride};
    rows k = {k_all + (size_t)b * k_h * k_w * k_stride + k_col + head * D, k_stride};
    rows dout = {dout_all + (size_t)b * q_tokens * width + head * D, width};
    __global const float *outs = out_all + (size_t)b * q_tokens * width + head * D;
    __global const float *k_pad = pad ? pad + k_col + head * D : 0;
    __global const float *k_panels = workspace + k_panels_at + group * panels_each * D * NR;
    __global const float *v_panels = workspace + v_panels_at + group * panels_each * D * NR;

    int query_at[MR], key_at[KB];
    float q_columns[D * MR], dout_columns[D * MR], logits[MR * KBP], dp[MR * KBP], dq[MR * D];
    float lse[MR], delta[MR], by_row[MR * REL_H + 1], by_col[MR * REL_W + 1];
    float d_by_row[MR * REL_H + 1], d_by_col[MR * REL_W + 1];
    for (int r = 0; r < MR; r++) {
        query_at[r] = query_token(g, w, first_query + min(r, queries - 1));
        lse[r] = lse_all[((size_t)b * heads + head) * q_tokens + query_at[r]];
        delta[r] =
            dot_rows(outs + (size_t)query_at[r] * width, dout.data + (size_t)query_at[r] * width);
#if HAS_REL
        relative_terms(q.data + (size_t)query_at[r] * q.stride, rel_h, rel_w,
                       query_at[r] / q_w - w.y0, query_at[r] % q_w - w.x0, by_row + r * REL_H,
                       by_col + r * REL_W);
#endif
    }
    load_columns(q_columns, q, 0, query_at, MR, scale);
    load_columns(dout_columns, dout, 0, query_at, MR, 1.0f);
    for (int i = 0; i < MR * D; i++)
        dq[i] = 0;
    for (int i = 0; i < MR * REL_H; i++)
        d_by_row[i] = 0;
    for (int i = 0; i < MR * REL_W; i++)
        d_by_col[i] = 0;

    for (int first = 0; first < keys; first += KB) {
        int count = min(KB, keys - first);
        begin_logits(logits, by_row, by_col, first, count);
        add_products(logits, q_columns, k_panels);
        for (int i = 0; i < MR * KBP; i++)
            dp[i] = 0;
        add_products(dp, dout_columns, v_panels);
        k_panels += PANELS * D * NR;
        v_panels += PANELS * D * NR;
        differentiate_tile(logits, dp, lse, delta);
        for (int i = 0; i < count; i++)
            key_at[i] = key_token(g, w, first + i);
        add_weighted_rows(dq, dp, k, k_pad, key_at, count);
#if HAS_REL
        for (int r = 0; r < MR; r++)
            for (int i = 0; i < count; i += REL_W)
                for (int kx = 0; kx < REL_W; kx++) {
                    d_by_row[r * REL_H + (first + i) / REL_W] += dp[r * KBP + i + kx];
                    d_by_col[r * REL_W + kx] += dp[r * KBP + i + kx];
                }
#endif
    }
    for (int r = 0; r < queries; r++) {
        int slot = first_query + r;
        values.lse[slot] = lse[r];
        values.delta[slot] = delta[r];
        for (int l = 0; l < D; l++)
            dq[r * D + l] *= scale;
#if HAS_REL
        int y = query_at[r] / q_w - w.y0, x = query_at[r] % q_w - w.x0;
        for (int ky = 0; ky < REL_H; ky++) {
            float ds = d_by_row[r * REL_H + ky];
            for (int l = 0; l < D; l++)
                dq[r * D + l] += ds * rel_h[(y - ky + REL_H - 1) * D + l];
            values.by_row[ky * slots + slot] = by_row[r * REL_H + ky];
            values.d_by_row[ky * slots + slot] = ds;
        }
        for (int kx = 0; kx < REL_W; kx++) {
            float ds = d_by_col[r * REL_W + kx];
            for (int l = 0; l < D; l++)
                dq[r * D + l] += ds * rel_w[(x - kx + REL_W - 1) * D + l];
            values.by_col[kx * slots + slot] = by_col[r * REL_W + kx];
            values.d_by_col[kx * slots + slot] = ds;
        }
#endif
        if (dq_all)
            for (int l = 0; l < D; l++)
                dq_all[((size_t)b * q_tokens + query_at[r]) * q_stride + q_col + head * D + l] =
                    dq[r * D + l];
    }
}

/* Logits and dp of MR keys (rows) against a block of queries (columns); zero beyond `count`. */
static inline void finish_key_tile(__private float *logits, __private float *dp,
                                   query_values values, __private const int *key_index, int win_w,
                                   int first, int count)
{
    for (int r = 0; r < MR; r++) {
        int ky = key_index[r] / win_w, kx = key_index[r] % win_w;
        __private float *p_row = logits + r * KBP, *ds_row = dp + r * KBP;
        for (int i = 0; i < count; i++) {
            float logit = p_row[i] - values.lse[first + i];
#if HAS_REL
            logit += values.by_row[ky * values.slots + first + i] +
                     values.by_col[kx * values.slots + first + i];
#endif
            p_row[i] = logit;
        }
        for (int i = count; i < KBP; i++)
            p_row[i] = NO_LOGIT;
        for (int i = 0; i < KBP; i += V)
            vstoreV(exp(vloadV(0, p_row + i)), 0, p_row + i);
        for (int i = 0; i < count; i++)
            ds_row[i] = p_row[i] * (ds_row[i] - values.delta[first + i]);
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
backward_keys(__global const float *q_all, __global const float *k_all, __global const float *v_all,
              __global const float *pad, __global const int *key_counts,
              __global const float *dout_all, __global float *dk_all, __global float *dv_all,
              int heads, int q_stride, int q_col, int k_stride, int k_col, int v_stride, int v_col,
              float scale, long q_panels_at, long dout_panels_at, int panels_each,
              long pad_parts_at, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int first_key = get_global_id(0) * MR, hw = get_global_id(1), b = get_global_id(2);
    int head = hw % heads, q_tokens = q_h * q_w, k_tokens = k_h * k_w, width = heads * D;
    window w = find_window(g, hw / heads);
    int limit = key_counts ? key_counts[b] : win_h * win_w;
    int keys = min(MR, win_h * win_w - first_key), queries = w.q_rows * w.q_cols;
    size_t group = (size_t)b * get_global_size(1) + hw;
    query_values values = QUERY_VALUES(group);
    rows q = {q_all + (size_t)b * q_tokens * q_stride + q_col + head * D, q_stride};
    rows k = {k_all + (size_t)b * k_tokens * k_stride + k_col + head * D, k_stride};
    rows v = {v_all + (size_t)b * k_tokens * v_stride + v_col + head * D, v_stride};
    rows dout = {dout_all + (size_t)b * q_tokens * width + head * D, width};
    __global const float *q_panels = workspace + q_panels_at + group * panels_each * D * NR;
    __global const float *dout_panels = workspace + dout_panels_at + group * panels_each * D * NR;

    int key_index[MR], key_at[MR], query_at[KB];
    float k_columns[D * MR], v_columns[D * MR], logits[MR * KBP], dp[MR * KBP];
    float dk[MR * D], dv[MR * D], pad_sums[2 * D];
    for (int r = 0; r < MR; r++) {
        key_index[r] = first_key + min(r, keys - 1);
        key_at[r] = key_token(g, w, key_index[r]);
    }
    load_columns(k_columns, k, pad ? pad + k_col + head * D : 0, key_at, MR, scale);
    load_columns(v_columns, v, pad ? pad + v_col + head * D : 0, key_at, MR, 1.0f);
    for (int i = 0; i < MR * D; i++)
        dk[i] = dv[i] = 0;
    for (int first = 0; first < queries; first += KB) {
        int count = min(KB, queries - first);
        for (int i = 0; i < MR * KBP; i++)
            logits[i] = dp[i] = 0;
        add_products(logits, k_columns, q_panels);
        add_products(dp, v_columns, dout_panels);
        q_panels += PANELS * D * NR;
        dout_panels += PANELS * D * NR;
        finish_key_tile(logits, dp, values, key_index, win_w, first, count);
        for (int i = 0; i < count; i++)
            query_at[i] = query_token(g, w, first + i);
        add_weighted_rows(dv, logits, dout, 0, query_at, count);
        add_weighted_rows(dk, dp, q, 0, query_at, count);
    }
    for (int l = 0; l < 2 * D; l++)
        pad_sums[l] = 0;
    for (int r = 0; r < keys; r++) {
        bool takes_part = key_index[r] < limit;
        size_t token = (size_t)b * k_tokens + max(key_at[r], 0);
        for (int l = 0; l < D; l++) {
            float grad_k = takes_part ? dk[r * D + l] * scale : 0.0f;
            float grad_v = takes_part ? dv[r * D + l] : 0.0f;
            if (key_at[r] < 0) {
                pad_sums[l] += grad_k;
                pad_sums[D + l] += grad_v;
                continue;
            }
            if (dk_all)
                dk_all[token * k_stride + k_col + head * D + l] = grad_k;
            if (dv_all)
                dv_all[token * v_stride + v_col + head * D + l] = grad_v;
        }
    }
    if (pad_parts_at >= 0) {
        size_t part = group * get_global_size(0) + get_global_id(0);
        for (int l = 0; l < 2 * D; l++)
            workspace[pad_parts_at + part * 2 * D + l] = pad_sums[l];
    }
}
