/* attention.cl - attention for GPUs: a group of work-items per tile of queries, with a running
 * softmax over tiles of keys. The same mathematics as cpu/attention.cl. */
#include "attention_tile.cl"

/* The largest logit of each owned query so far, and by what earlier sums shrink. */
REGISTERS void raise_tops(float logits[RI][KJ], __local float *parts, __local float *tops,
                          __local float *factors, worker me)
{
    EACH (r, RI) {
        float top = LOWEST;
        EACH (c, KJ)
            top = fmax(top, logits[r][c]);
        parts[me.column * OWN + OWN_ROW(r)] = top;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = me.item; i < OWN; i += ITEMS) {
        float top = tops[i];
        for (int x = 0; x < SHARES; x++)
            top = fmax(top, parts[x * OWN + i]);
        factors[i] = exp(tops[i] - top);
        tops[i] = top;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Group (tile of queries; window and head; batch item). */
__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
attention(__global const float *q_all, __global const float *k_all, __global const float *v_all,
          __global const float *pad, __global const int *key_counts, __global float *out_all,
          __global float *lse_all, int heads, int q_stride, int q_col, int k_stride, int k_col,
          int v_stride, int v_col, float scale, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    __local float4 q_own[OWN * ROW], v_tile[SEEN * ROW];
    __local float4 k_tile[LARGER(SEEN * ROW, WEIGHT_TILE)]; /* then the weights */
    __local float parts[SHARES * OWN], tops[OWN], factors[OWN];
    PLACE;
    int q_tokens = q_h * q_w, k_tokens = k_h * k_w;
    rows q = HEAD_ROWS(QUERIES, q, 0, q_tokens);
    rows k = HEAD_ROWS(KEYS, k, PAD_ROW(k_col), k_tokens);
    rows v = HEAD_ROWS(KEYS, v, PAD_ROW(v_col), k_tokens);
    q.first = get_group_id(0) * OWN;
    q.count = min(OWN, w.q_rows * w.q_cols - q.first);
    if (q.count <= 0)
        return;
    int keys = key_counts ? min(key_counts[b], win_h * win_w) : win_h * win_w;

    chunk out[RI][CHUNKS];
    float sums[RI];
    clear_rows(out);
    EACH (r, RI)
        sums[r] = 0;
    load_own(q_own, q);
    for (int i = me.item; i < OWN; i += ITEMS)
        tops[i] = LOWEST;
    for (int key = 0; key < keys; key += SEEN) {
        float p[RI][KJ];
        k.first = v.first = key;
        k.count = v.count = min(SEEN, keys - key);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_seen(k_tile, k);
        load_seen(v_tile, v);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(p, q_own, k_tile, me);
        EACH (c, KJ)
            EACH (r, RI) {
                int slot = q.first + min(OWN_ROW(r), q.count - 1);
                p[r][c] = SEEN_ROW(c) < k.count
                              ? p[r][c] * scale + relative(values, key + SEEN_ROW(c), slot)
                              : LOWEST;
            }
        raise_tops(p, parts, tops, factors, me);
        EACH (r, RI) {
            float top = tops[OWN_ROW(r)], factor = factors[OWN_ROW(r)];
            sums[r] *= factor;
            EACH (n, CHUNKS)
                out[r][n] *= factor;
            EACH (c, KJ) {
                p[r][c] = exp(p[r][c] - top);
                sums[r] += p[r][c];
            }
        }
        if (PASS_WEIGHTS) {
            keep_weights((__local float *)k_tile, p, me);
            barrier(CLK_LOCAL_MEM_FENCE);
        }
        add_weighted(out, (__local const float *)k_tile, p, v_tile, me);
    }
    EACH (r, RI)
        parts[me.column * OWN + OWN_ROW(r)] = sums[r];
    barrier(CLK_LOCAL_MEM_FENCE);
    EACH (r, RI) {
        int i = OWN_ROW(r), token = query_token(g, w, q.first + min(i, q.count - 1));
        float sum = 0;
        for (int x = 0; x < SHARES; x++)
            sum += parts[x * OWN + i];
        EACH (n, CHUNKS)
            out[r][n] /= sum;
        if (i < q.count)
            store_row(out_all + (((size_t)b * q_tokens + token) * heads + head) * D, out[r], me);
        if (i < q.count && me.column == 0)
            lse_all[((size_t)b * heads + head) * q_tokens + token] = tops[i] + log(sum);
    }
}
