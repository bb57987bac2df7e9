/* attention_queries.cl - the gradient of attention's queries for GPUs, and what the other gradients
 * need of each query. A group of work-items per tile of queries. */
#include "attention_tile.cl"

#if HAS_REL
/* Adds ds [SEEN][OWN] of the keys first .. first+found-1 to the sums by row and by column. The
 * work-items of a query share out its rows, and its columns. */
static inline void add_by_side(query_values values, __local const float *ds, int slot0, int count,
                               int first, int found, int item)
{
    const int shares = ITEMS > OWN ? ITEMS / OWN : 1, step = ITEMS > OWN ? OWN : ITEMS;
    int share = item / OWN;
    for (int i = item % OWN; i < count && share < shares; i += step) {
        for (int y = first / REL_W + share; y <= (first + found - 1) / REL_W; y += shares) {
            float sum = 0;
            int from = max(first, y * REL_W), to = min(first + found, (y + 1) * REL_W);
            for (int key = from; key < to; key++)
                sum += ds[(key - first) * WEIGHTS + i];
            values.d_by_row[(size_t)y * values.slots + slot0 + i] += sum;
        }
        for (int x = share; x < REL_W; x += shares) {
            float sum = 0;
            int from = first + (x + REL_W - first % REL_W) % REL_W;
            for (int key = from; key < first + found; key += REL_W)
                sum += ds[(key - first) * WEIGHTS + i];
            if (from < first + found)
                values.d_by_col[(size_t)x * values.slots + slot0 + i] += sum;
        }
    }
}

static inline void clear_sides(query_values values, int slot0, int count, int item)
{
    for (int e = item; e < count * (REL_H + REL_W); e += ITEMS) {
        int side = e / count, slot = slot0 + e % count;
        if (side < REL_H)
            values.d_by_row[(size_t)side * values.slots + slot] = 0;
        else
            values.d_by_col[(size_t)(side - REL_H) * values.slots + slot] = 0;
    }
}

/* The relative terms' part of dq: sums by side times the rows of the table that they met. */
static inline void add_sides(float4 dq[N4], query_values values, __global const float *rel_h,
                             __global const float *rel_w, window w, int slot, int tx)
{
    int y = slot / w.q_cols, x = slot % w.q_cols;
    for (int ky = 0; ky < REL_H; ky++) {
        float ds = values.d_by_row[(size_t)ky * values.slots + slot];
        for (int n = 0; n < N4; n++)
            dq[n] = fma((float4)(ds), load4(rel_h + (y - ky + REL_H - 1) * D, tx + TX * n), dq[n]);
    }
    for (int kx = 0; kx < REL_W; kx++) {
        float ds = values.d_by_col[(size_t)kx * values.slots + slot];
        for (int n = 0; n < N4; n++)
            dq[n] = fma((float4)(ds), load4(rel_w + (x - kx + REL_W - 1) * D, tx + TX * n), dq[n]);
    }
}
#endif

__kernel void backward_queries(__global const float *q_all, __global const float *k_all,
                               __global const float *v_all, __global const float *rel_h,
                               __global const float *rel_w, __global const float *pad,
                               __global const int *key_counts, __global const float *out_all,
                               __global const float *lse_all, __global const float *dout_all,
                               __global const float *dlse_all, __global float *dq_all, int heads,
                               int q_stride, int q_col, int k_stride, int k_col, int v_stride,
                               int v_col, float scale, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    __local float4 q_tile[OWN * ROW], dout_tile[OWN * ROW], k_tile[SEEN * ROW];
    __local float4 v_tile[SEEN * (ROW > WEIGHTS / 4 ? ROW : WEIGHTS / 4)]; /* then the weights */
    WORK_ITEM;
    geometry g = GEOMETRY;
    int hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    int q_tokens = q_h * q_w, k_tokens = k_h * k_w;
    window w = find_window(g, hw / heads);
    int first = get_group_id(0) * OWN, count = min(OWN, w.q_rows * w.q_cols - first);
    if (count <= 0)
        return;
    int keys = key_counts ? min(key_counts[b], win_h * win_w) : win_h * win_w;
    query_values values = QUERY_VALUES((size_t)b * get_global_size(1) + hw);
    rows q = {q_all + (size_t)b * q_tokens * q_stride + q_col + head * D, q_stride};
    rows k = {k_all + (size_t)b * k_tokens * k_stride + k_col + head * D, k_stride};
    rows v = {v_all + (size_t)b * k_tokens * v_stride + v_col + head * D, v_stride};
    rows dout = {dout_all + (size_t)b * q_tokens * heads * D + head * D, heads * D};
    __global const float *out = out_all + (size_t)b * q_tokens * heads * D + head * D;

    float4 dq[RI][N4];
    float lse[RI], delta[RI];
    clear_rows(dq);
    load_queries(q_tile, OWN, q, g, w, first, count);
    load_queries(dout_tile, OWN, dout, g, w, first, count);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < RI; r++) {
        int i = min(ty * RI + r, count - 1), token = query_token(g, w, first + i);
        float4 sum = 0;
        for (int l = 0; l < D4; l++)
            sum = fma(dout_tile[i * ROW + l], load4(out + (size_t)token * heads * D, l), sum);
        size_t sum_at = ((size_t)b * heads + head) * q_tokens + token;
        delta[r] = sum4(sum) - (dlse_all ? dlse_all[sum_at] : 0.0f);
        lse[r] = lse_all[sum_at];
        if (tx == 0 && ty * RI + r < count) {
            values.delta[first + i] = delta[r];
            values.lse[first + i] = lse[r];
        }
    }
#if HAS_REL
    clear_sides(values, first, count, item);
    barrier(CLK_GLOBAL_MEM_FENCE);
#endif
    for (int key = 0; key < keys; key += SEEN) {
        int found = min(SEEN, keys - key);
        float s[RI][KJ], ds[RI][KJ];
        barrier(CLK_LOCAL_MEM_FENCE);
        load_keys(k_tile, SEEN, k, pad ? pad + k_col + head * D : 0, g, w, key, found);
        load_keys(v_tile, SEEN, v, pad ? pad + v_col + head * D : 0, g, w, key, found);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(s, q_tile, k_tile, tx, ty);
        multiply(ds, dout_tile, v_tile, tx, ty);
        for (int c = 0; c < KJ; c++) {
            int j = tx + TX * c;
            for (int r = 0; r < RI; r++) {
                int slot = first + min(ty * RI + r, count - 1);
                float logit =
                    s[r][c] * scale + relative(values, win_w, key + min(j, found - 1), slot);
                ds[r][c] = j < found ? exp(logit - lse[r]) * (ds[r][c] - delta[r]) : 0.0f;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        store_weights((__local float *)v_tile, ds, tx, ty);
        barrier(CLK_LOCAL_MEM_FENCE);
        add_weighted(dq, (__local const float *)v_tile, k_tile, tx, ty);
#if HAS_REL
        add_by_side(values, (__local const float *)v_tile, first, count, key, found, item);
#endif
    }
#if HAS_REL
    barrier(CLK_GLOBAL_MEM_FENCE);
#endif
    for (int r = 0; dq_all && r < RI && ty * RI + r < count; r++) {
        int slot = first + ty * RI + r, token = query_token(g, w, slot);
        for (int n = 0; n < N4; n++)
            dq[r][n] *= scale;
#if HAS_REL
        add_sides(dq[r], values, rel_h, rel_w, w, slot, tx);
#endif
        __global float *to = dq_all + ((size_t)b * q_tokens + token) * q_stride + q_col + head * D;
        for (int n = 0; n < N4; n++)
            store4(to, tx + TX * n, dq[r][n]);
    }
}
