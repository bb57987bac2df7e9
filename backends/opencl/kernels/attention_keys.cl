/* attention_keys.cl - the gradients of attention's keys and values for GPUs, after those of the
 * queries. A group of work-items per tile of keys. */
#include "attention_tile.cl"

/* Sums the rows of padded keys into a part [2 D]; `tile` [OWN][ROW] is overwritten. */
REGISTERS void add_padding(__global float *part, chunk rows_of[RI][CHUNKS], __local float4 *tile,
                           geometry g, window w, rows k, worker me)
{
    barrier(CLK_LOCAL_MEM_FENCE);
    EACH (r, RI) {
        int i = OWN_ROW(r), padded = i < k.count && key_token(g, w, k.first + i) < 0;
        EACH (n, CHUNKS)
            ((__local chunk *)(tile + i * ROW))[CHUNK(n)] = padded ? rows_of[r][n] : (chunk)(0);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int l = me.item; l < D4; l += ITEMS) {
        float4 sum = 0;
        for (int i = 0; i < OWN; i++)
            sum += tile[i * ROW + l];
        store4(part, l, sum);
    }
}

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
backward_keys(__global const float *q_all, __global const float *k_all, __global const float *v_all,
              __global const float *pad, __global const int *key_counts,
              __global const float *dout_all, __global float *dk_all, __global float *dv_all,
              int heads, int q_stride, int q_col, int k_stride, int k_col, int v_stride, int v_col,
              float scale, long pad_parts_at, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    __local float4 k_own[OWN * ROW], v_own[OWN * ROW];
    __local float4 q_tile[SEEN * ROW], dout_tile[SEEN * ROW];
    __local float4 p_weights[WEIGHT_TILE], ds_weights[WEIGHT_TILE];
    PLACE;
    int q_tokens = q_h * q_w, k_tokens = k_h * k_w, window_keys = win_h * win_w;
    const int dout_stride = heads * D, dout_col = 0;
    rows q = HEAD_ROWS(QUERIES, q, 0, q_tokens);
    rows k = HEAD_ROWS(KEYS, k, PAD_ROW(k_col), k_tokens);
    rows v = HEAD_ROWS(KEYS, v, PAD_ROW(v_col), k_tokens);
    rows dout = HEAD_ROWS(QUERIES, dout, 0, q_tokens);
    int limit = key_counts ? min(key_counts[b], window_keys) : window_keys;
    int queries = w.q_rows * w.q_cols;
    k.first = v.first = get_group_id(0) * OWN;
    k.count = v.count = min(OWN, window_keys - k.first);

    chunk dk[RI][CHUNKS], dv[RI][CHUNKS];
    clear_rows(dk);
    clear_rows(dv);
    load_own(k_own, k);
    load_own(v_own, v);
    for (int slot0 = 0; slot0 < queries; slot0 += SEEN) {
        float p[RI][KJ], ds[RI][KJ];
        q.first = dout.first = slot0;
        q.count = dout.count = min(SEEN, queries - slot0);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_seen(q_tile, q);
        load_seen(dout_tile, dout);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(p, k_own, q_tile, me);
        multiply(ds, v_own, dout_tile, me);
        EACH (c, KJ) {
            int slot = slot0 + min(SEEN_ROW(c), q.count - 1);
            float lse = values.lse[slot], delta = values.delta[slot];
            EACH (r, RI) {
                int key = k.first + OWN_ROW(r), counts = SEEN_ROW(c) < q.count && key < limit;
                float logit = p[r][c] * scale + relative(values, min(key, window_keys - 1), slot);
                p[r][c] = counts ? exp(logit - lse) : 0.0f;
                ds[r][c] = p[r][c] * (ds[r][c] - delta);
            }
        }
        if (PASS_WEIGHTS) {
            keep_weights((__local float *)p_weights, p, me);
            keep_weights((__local float *)ds_weights, ds, me);
            barrier(CLK_LOCAL_MEM_FENCE);
        }
        add_weighted(dv, (__local const float *)p_weights, p, dout_tile, me);
        add_weighted(dk, (__local const float *)ds_weights, ds, q_tile, me);
    }
    scale_rows(dk, scale);
    EACH (r, RI) {
        int token = OWN_ROW(r) < k.count ? key_token(g, w, k.first + OWN_ROW(r)) : -1;
        size_t row = (size_t)b * k_tokens + max(token, 0);
        if (token >= 0 && dk_all)
            store_row(dk_all + row * k_stride + k_col + head * D, dk[r], me);
        if (token >= 0 && dv_all)
            store_row(dv_all + row * v_stride + v_col + head * D, dv[r], me);
    }
    if (pad_parts_at >= 0) {
        __global float *part =
            workspace + pad_parts_at + (group * get_num_groups(0) + get_group_id(0)) * 2 * D;
        add_padding(part, dk, k_own, g, w, k, me);
        add_padding(part + D, dv, v_own, g, w, k, me);
    }
}
