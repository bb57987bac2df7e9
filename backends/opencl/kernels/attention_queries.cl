/* attention_queries.cl - the gradient of attention's queries for GPUs, and what the other gradients
 * need of each query. A group of work-items per tile of queries. */
#include "attention_tile.cl"

/* Work-item (query; window and head; batch item): lse, and delta = dout . out - dlse. */
__kernel void keep_query_values(__global const float *out_all, __global const float *lse_all,
                                __global const float *dout_all, __global const float *dlse_all,
                                int heads, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    PLACE;
    int slot = get_global_id(0);
    if (slot >= w.q_rows * w.q_cols)
        return;
    int token = query_token(g, w, slot);
    size_t row = (size_t)b * q_h * q_w + token,
           sum_at = ((size_t)b * heads + head) * q_h * q_w + token;
    __global const float *out = out_all + (row * heads + head) * D;
    __global const float *dout = dout_all + (row * heads + head) * D;
    float4 sum = 0;
    EACH (l, D4)
        sum = fma(load4(dout, l), load4(out, l), sum);
    values.delta[slot] = sum4(sum) - (dlse_all ? dlse_all[sum_at] : 0.0f);
    values.lse[slot] = lse_all[sum_at];
}

#if HAS_REL
/* Adds ds [SEEN][OWN] of the keys first .. first+found-1 to the sums by row and by column. The
 * work-items of a query share out its rows, and its columns. */
static inline void add_by_side(query_values values, __local const float *ds, rows q, int first,
                               int found, int item)
{
    const int shares = ITEMS > OWN ? ITEMS / OWN : 1, step = ITEMS > OWN ? OWN : ITEMS;
    int share = item / OWN;
    for (int i = item % OWN; i < q.count && share < shares; i += step) {
        for (int y = first / REL_W + share; y <= (first + found - 1) / REL_W; y += shares) {
            float sum = 0;
            int from = max(first, y * REL_W), to = min(first + found, (y + 1) * REL_W);
            for (int key = from; key < to; key++)
                sum += ds[(key - first) * WEIGHTS + i];
            values.d_by_row[(size_t)y * values.slots + q.first + i] += sum;
        }
        for (int x = share; x < REL_W; x += shares) {
            float sum = 0;
            int from = first + (x + REL_W - first % REL_W) % REL_W;
            for (int key = from; key < first + found; key += REL_W)
                sum += ds[(key - first) * WEIGHTS + i];
            if (from < first + found)
                values.d_by_col[(size_t)x * values.slots + q.first + i] += sum;
        }
    }
}

static inline void clear_sides(query_values values, rows q, int item)
{
    for (int e = item; e < q.count * (REL_H + REL_W); e += ITEMS) {
        int side = e / q.count, slot = q.first + e % q.count;
        if (side < REL_H)
            values.d_by_row[(size_t)side * values.slots + slot] = 0;
        else
            values.d_by_col[(size_t)(side - REL_H) * values.slots + slot] = 0;
    }
}

/* Adds `side` sums times the rows of a table that they met, from the last one back. */
REGISTERS void add_side(chunk dq[CHUNKS], __global const float *sums, int slots,
                        __global const float *last, int side, worker me)
{
    for (int key = 0; key < side; key++)
        EACH (n, CHUNKS)
            dq[n] = fma((chunk)(sums[(size_t)key * slots]), load_chunk(last - key * D, CHUNK(n)),
                        dq[n]);
}
#endif

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void backward_queries(
    __global const float *q_all, __global const float *k_all, __global const float *v_all,
    __global const float *rel_h, __global const float *rel_w, __global const float *pad,
    __global const int *key_counts, __global const float *dout_all, __global float *dq_all,
    int heads, int q_stride, int q_col, int k_stride, int k_col, int v_stride, int v_col,
    float scale, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    __local float4 q_own[OWN * ROW], dout_own[OWN * ROW], k_tile[SEEN * ROW];
    __local float4 v_tile[LARGER(SEEN * ROW, SEEN * WEIGHTS / 4)]; /* then the weights */
    __local float *weights = (__local float *)v_tile;
    PLACE;
    int q_tokens = q_h * q_w, k_tokens = k_h * k_w;
    const int dout_stride = heads * D, dout_col = 0;
    rows q = HEAD_ROWS(QUERIES, q, 0, q_tokens);
    rows k = HEAD_ROWS(KEYS, k, PAD_ROW(k_col), k_tokens);
    rows v = HEAD_ROWS(KEYS, v, PAD_ROW(v_col), k_tokens);
    rows dout = HEAD_ROWS(QUERIES, dout, 0, q_tokens);
    q.first = dout.first = get_group_id(0) * OWN;
    q.count = dout.count = min(OWN, w.q_rows * w.q_cols - q.first);
    if (q.count <= 0)
        return;
    int keys = key_counts ? min(key_counts[b], win_h * win_w) : win_h * win_w;

    chunk dq[RI][CHUNKS];
    float lse[RI], delta[RI];
    clear_rows(dq);
    load_own(q_own, q);
    load_own(dout_own, dout);
    EACH (r, RI) {
        int slot = q.first + min(OWN_ROW(r), q.count - 1);
        lse[r] = values.lse[slot];
        delta[r] = values.delta[slot];
    }
#if HAS_REL
    clear_sides(values, q, me.item);
    barrier(CLK_GLOBAL_MEM_FENCE);
#endif
    for (int key = 0; key < keys; key += SEEN) {
        float s[RI][KJ], ds[RI][KJ];
        k.first = v.first = key;
        k.count = v.count = min(SEEN, keys - key);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_seen(k_tile, k);
        load_seen(v_tile, v);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(s, q_own, k_tile, me);
        multiply(ds, dout_own, v_tile, me);
        EACH (c, KJ)
            EACH (r, RI) {
                int slot = q.first + min(OWN_ROW(r), q.count - 1);
                float logit =
                    s[r][c] * scale + relative(values, key + min(SEEN_ROW(c), k.count - 1), slot);
                ds[r][c] =
                    SEEN_ROW(c) < k.count ? exp(logit - lse[r]) * (ds[r][c] - delta[r]) : 0.0f;
            }
        if (PASS_WEIGHTS || HAS_REL) {
            barrier(CLK_LOCAL_MEM_FENCE);
            keep_weights(weights, ds, me);
            barrier(CLK_LOCAL_MEM_FENCE);
        }
        add_weighted(dq, weights, ds, k_tile, me);
#if HAS_REL
        add_by_side(values, weights, q, key, k.count, me.item);
#endif
    }
#if HAS_REL
    barrier(CLK_GLOBAL_MEM_FENCE);
#endif
    if (!dq_all)
        return;
    scale_rows(dq, scale);
    EACH (r, RI) {
        int slot = q.first + min(OWN_ROW(r), q.count - 1), token = query_token(g, w, slot);
#if HAS_REL
        add_side(dq[r], values.d_by_row + slot, slots, rel_h + (slot / w.q_cols + REL_H - 1) * D,
                 REL_H, me);
        add_side(dq[r], values.d_by_col + slot, slots, rel_w + (slot % w.q_cols + REL_W - 1) * D,
                 REL_W, me);
#endif
        __global float *to = dq_all + ((size_t)b * q_tokens + token) * q_stride + q_col + head * D;
        if (OWN_ROW(r) < q.count)
            store_row(to, dq[r], me);
    }
}
