/* attention.cl - attention for GPUs: a group of work-items per tile of queries, with a running
 * softmax over tiles of keys. The same mathematics as cpu/attention.cl. */
#include "attention_tile.cl"

#define LARGER(a, b) ((a) > (b) ? (a) : (b))

/* The largest logit of each owned query so far, and by what earlier sums shrink. */
static inline void raise_tops(float logits[RI][KJ], __local float *parts, __local float *tops,
                              __local float *factors, int item, int tx, int ty)
{
    for (int r = 0; r < RI; r++) {
        float top = logits[r][0];
        for (int c = 1; c < KJ; c++)
            top = fmax(top, logits[r][c]);
        parts[tx * OWN + ty * RI + r] = top;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = item; i < OWN; i += ITEMS) {
        float top = tops[i];
        for (int x = 0; x < TX; x++)
            top = fmax(top, parts[x * OWN + i]);
        factors[i] = exp(tops[i] - top);
        tops[i] = top;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Group (tile of queries; window and head; batch item). */
__kernel void attention(__global const float *q_all, __global const float *k_all,
                        __global const float *v_all, __global const float *pad,
                        __global const int *key_counts, __global float *out_all,
                        __global float *lse_all, int heads, int q_stride, int q_col, int k_stride,
                        int k_col, int v_stride, int v_col, float scale, QUERY_VALUES_PARAMS,
                        GEOMETRY_PARAMS)
{
    __local float4 q_tile[OWN * ROW], v_tile[SEEN * ROW];
    __local float4 k_tile[LARGER(SEEN * ROW, SEEN * WEIGHTS / 4)]; /* then the weights */
    __local float parts[TX * OWN], tops[OWN], factors[OWN];
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

    float4 out[RI][N4];
    float sums[RI] = {0};
    clear_rows(out);
    load_queries(q_tile, OWN, q, g, w, first, count);
    for (int i = item; i < OWN; i += ITEMS)
        tops[i] = LOWEST;
    for (int key = 0; key < keys; key += SEEN) {
        int found = min(SEEN, keys - key);
        float p[RI][KJ];
        barrier(CLK_LOCAL_MEM_FENCE);
        load_keys(k_tile, SEEN, k, pad ? pad + k_col + head * D : 0, g, w, key, found);
        load_keys(v_tile, SEEN, v, pad ? pad + v_col + head * D : 0, g, w, key, found);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(p, q_tile, k_tile, tx, ty);
        for (int c = 0; c < KJ; c++) {
            int j = tx + TX * c;
            for (int r = 0; r < RI; r++) {
                int slot = first + min(ty * RI + r, count - 1);
                p[r][c] =
                    j < found ? p[r][c] * scale + relative(values, win_w, key + j, slot) : LOWEST;
            }
        }
        raise_tops(p, parts, tops, factors, item, tx, ty);
        for (int r = 0; r < RI; r++) {
            float top = tops[ty * RI + r], factor = factors[ty * RI + r];
            sums[r] *= factor;
            for (int n = 0; n < N4; n++)
                out[r][n] *= factor;
            for (int c = 0; c < KJ; c++) {
                p[r][c] = exp(p[r][c] - top);
                sums[r] += p[r][c];
            }
        }
        store_weights((__local float *)k_tile, p, tx, ty);
        barrier(CLK_LOCAL_MEM_FENCE);
        add_weighted(out, (__local const float *)k_tile, v_tile, tx, ty);
    }
    for (int r = 0; r < RI; r++)
        parts[tx * OWN + ty * RI + r] = sums[r];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < RI && ty * RI + r < count; r++) {
        int i = ty * RI + r, token = query_token(g, w, first + i);
        float sum = 0;
        for (int x = 0; x < TX; x++)
            sum += parts[x * OWN + i];
        __global float *to = out_all + (((size_t)b * q_tokens + token) * heads + head) * D;
        for (int n = 0; n < N4; n++)
            store4(to, tx + TX * n, out[r][n] / sum);
        if (tx == 0)
            lse_all[((size_t)b * heads + head) * q_tokens + token] = tops[i] + log(sum);
    }
}
