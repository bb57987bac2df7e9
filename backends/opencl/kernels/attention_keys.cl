/* attention_keys.cl - the gradients of attention's keys and values for GPUs, after those of the
 * queries. A group of work-items per tile of keys. */
#include "attention_tile.cl"

/* Sums the rows of padded keys into a part [2 D]; `tile` is overwritten. */
static inline void add_padding(__global float *part, float4 rows_of[RI][N4], __local float4 *tile,
                               geometry g, window w, int first, int count, int tx, int ty)
{
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < RI; r++) {
        int i = ty * RI + r, padded = i < count && key_token(g, w, first + i) < 0;
        for (int n = 0; n < N4; n++)
            tile[i * ROW + tx + TX * n] = padded ? rows_of[r][n] : (float4)(0);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int l = get_local_id(0); l < D4; l += ITEMS) {
        float4 sum = 0;
        for (int i = 0; i < OWN; i++)
            sum += tile[i * ROW + l];
        store4(part, l, sum);
    }
}

__kernel void backward_keys(__global const float *q_all, __global const float *k_all,
                            __global const float *v_all, __global const float *pad,
                            __global const int *key_counts, __global const float *dout_all,
                            __global float *dk_all, __global float *dv_all, int heads, int q_stride,
                            int q_col, int k_stride, int k_col, int v_stride, int v_col,
                            float scale, long pad_parts_at, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    __local float4 k_tile[OWN * ROW], v_tile[OWN * ROW], q_tile[SEEN * ROW], dout_tile[SEEN * ROW];
    __local float4 p_weights[SEEN * WEIGHTS / 4], ds_weights[SEEN * WEIGHTS / 4];
    WORK_ITEM;
    geometry g = GEOMETRY;
    int hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    int q_tokens = q_h * q_w, k_tokens = k_h * k_w, window_keys = win_h * win_w;
    window w = find_window(g, hw / heads);
    int limit = key_counts ? min(key_counts[b], window_keys) : window_keys;
    int queries = w.q_rows * w.q_cols;
    int first = get_group_id(0) * OWN, count = min(OWN, window_keys - first);
    size_t group = (size_t)b * get_global_size(1) + hw;
    query_values values = QUERY_VALUES(group);
    rows q = {q_all + (size_t)b * q_tokens * q_stride + q_col + head * D, q_stride};
    rows k = {k_all + (size_t)b * k_tokens * k_stride + k_col + head * D, k_stride};
    rows v = {v_all + (size_t)b * k_tokens * v_stride + v_col + head * D, v_stride};
    rows dout = {dout_all + (size_t)b * q_tokens * heads * D + head * D, heads * D};

    float4 dk[RI][N4], dv[RI][N4];
    clear_rows(dk);
    clear_rows(dv);
    load_keys(k_tile, OWN, k, pad ? pad + k_col + head * D : 0, g, w, first, count);
    load_keys(v_tile, OWN, v, pad ? pad + v_col + head * D : 0, g, w, first, count);
    for (int slot0 = 0; slot0 < queries; slot0 += SEEN) {
        int found = min(SEEN, queries - slot0);
        float p[RI][KJ], ds[RI][KJ];
        barrier(CLK_LOCAL_MEM_FENCE);
        load_queries(q_tile, SEEN, q, g, w, slot0, found);
        load_queries(dout_tile, SEEN, dout, g, w, slot0, found);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(p, k_tile, q_tile, tx, ty);
        multiply(ds, v_tile, dout_tile, tx, ty);
        for (int c = 0; c < KJ; c++) {
            int j = tx + TX * c, slot = slot0 + min(j, found - 1);
            float lse = values.lse[slot], delta = values.delta[slot];
            for (int r = 0; r < RI; r++) {
                int key = first + ty * RI + r, counts = j < found && key < limit;
                float logit =
                    p[r][c] * scale + relative(values, win_w, min(key, window_keys - 1), slot);
                p[r][c] = counts ? exp(logit - lse) : 0.0f;
                ds[r][c] = p[r][c] * (ds[r][c] - delta);
            }
        }
        store_weights((__local float *)p_weights, p, tx, ty);
        store_weights((__local float *)ds_weights, ds, tx, ty);
        barrier(CLK_LOCAL_MEM_FENCE);
        add_weighted(dv, (__local const float *)p_weights, dout_tile, tx, ty);
        add_weighted(dk, (__local const float *)ds_weights, q_tile, tx, ty);
    }
    for (int r = 0; r < RI; r++)
        for (int n = 0; n < N4; n++)
            dk[r][n] *= scale;
    for (int r = 0; r < RI && ty * RI + r < count; r++) {
        int token = key_token(g, w, first + ty * RI + r);
        size_t row = (size_t)b * k_tokens + max(token, 0);
        for (int n = 0; n < N4 && token >= 0; n++) {
            if (dk_all)
                store4(dk_all + row * k_stride + k_col + head * D, tx + TX * n, dk[r][n]);
            if (dv_all)
                store4(dv_all + row * v_stride + v_col + head * D, tx + TX * n, dv[r][n]);
        }
    }
    if (pad_parts_at >= 0) {
        __global float *part =
            workspace + pad_parts_at + (group * get_num_groups(0) + get_group_id(0)) * 2 * D;
        add_padding(part, dk, k_tile, g, w, first, count, tx, ty);
        add_padding(part + D, dv, v_tile, g, w, first, count, tx, ty);
    }
}
