/* attention.cl - attention for any device: a work-item per query (or per key, backwards), tiles of
 * the other side shared in local memory by the LSZ work-items of a group. The same mathematics as
 * cpu/attention*.cl. Set by the host: D, REL_H, REL_W, TILE (tokens of a local tile). */
#include "attention_geometry.cl"

#define HAS_REL (REL_H > 0)

/* Token rows of [batch, tokens, stride], from one head's first column. */
typedef struct {
    __global const float *data;
    int stride;
} rows;

/* Local tile [TILE][D] of keys first .. first+count-1 of a window. */
static inline void load_keys(__local float *tile, rows from, __global const float *pad, geometry g,
                             window w, int first, int count)
{
    for (int i = get_local_id(0); i < count * D; i += LSZ) {
        int token = key_token(g, w, first + i / D);
        tile[i] = token >= 0 ? from.data[(size_t)token * from.stride + i % D]
                  : pad      ? pad[i % D]
                             : 0.0f;
    }
}

static inline void load_queries(__local float *tile, rows from, geometry g, window w, int first,
                                int count)
{
    for (int i = get_local_id(0); i < count * D; i += LSZ)
        tile[i] = from.data[(size_t)query_token(g, w, first + i / D) * from.stride + i % D];
}

static inline float dot_tile(const __private float *x, const __local float *y)
{
    float sum = 0;
    for (int l = 0; l < D; l++)
        sum = fma(x[l], y[l], sum);
    return sum;
}

/* Work-item (key row or column, query slot, window and head of a batch item): relative terms. */
__kernel void relative_terms(__global const float *q_all, __global const float *rel_h,
                             __global const float *rel_w, int heads, int q_stride, int q_col,
                             QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int side = get_global_id(0), i = get_global_id(1), group = get_global_id(2);
    int hw = group % (windows * heads), b = group / (windows * heads);
    window w = find_window(g, hw / heads);
    if (side >= REL_H + REL_W || i >= w.q_rows * w.q_cols)
        return;
    query_values values = QUERY_VALUES((size_t)group);
    bool is_row = side < REL_H;
    int key = is_row ? side : side - REL_H, at = is_row ? i / w.q_cols : i % w.q_cols;
    __global const float *table =
        (is_row ? rel_h : rel_w) + (size_t)(at - key + (is_row ? REL_H : REL_W) - 1) * D;
    __global const float *q =
        q_all + ((size_t)b * q_h * q_w + query_token(g, w, i)) * q_stride + q_col + hw % heads * D;
    float sum = 0;
    for (int l = 0; l < D; l++)
        sum = fma(q[l], table[l], sum);
    (is_row ? values.by_row : values.by_col)[(size_t)key * slots + i] = sum;
}

static inline float relative(query_values values, int win_w, int key, int slot)
{
#if HAS_REL
    return values.by_row[(size_t)(key / win_w) * values.slots + slot] +
           values.by_col[(size_t)(key % win_w) * values.slots + slot];
#else
    return 0;
#endif
}

__kernel void attention(__global const float *q_all, __global const float *k_all,
                        __global const float *v_all, __global const float *pad,
                        __global const int *key_counts, __global float *out_all,
                        __global float *lse_all, int heads, int q_stride, int q_col, int k_stride,
                        int k_col, int v_stride, int v_col, float scale, QUERY_VALUES_PARAMS,
                        GEOMETRY_PARAMS)
{
    __local float k_tile[TILE * D], v_tile[TILE * D];
    geometry g = GEOMETRY;
    int i = get_global_id(0), hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    int q_tokens = q_h * q_w, k_tokens = k_h * k_w;
    window w = find_window(g, hw / heads);
    int keys = key_counts ? min(key_counts[b], win_h * win_w) : win_h * win_w;
    bool active = i < w.q_rows * w.q_cols;
    int slot = active ? i : 0, token = query_token(g, w, slot);
    query_values values = QUERY_VALUES((size_t)b * get_global_size(1) + hw);
    rows k = {k_all + (size_t)b * k_tokens * k_stride + k_col + head * D, k_stride};
    rows v = {v_all + (size_t)b * k_tokens * v_stride + v_col + head * D, v_stride};
    __global const float *q_row =
        q_all + ((size_t)b * q_tokens + token) * q_stride + q_col + head * D;

    float q[D], out[D], logits[TILE], top = -3.0e38f, sum = 0;
    for (int l = 0; l < D; l++) {
        q[l] = q_row[l] * scale;
        out[l] = 0;
    }
    for (int first = 0; first < keys; first += TILE) {
        int count = min(TILE, keys - first);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_keys(k_tile, k, pad ? pad + k_col + head * D : 0, g, w, first, count);
        load_keys(v_tile, v, pad ? pad + v_col + head * D : 0, g, w, first, count);
        barrier(CLK_LOCAL_MEM_FENCE);
        float new_top = top;
        for (int j = 0; j < count; j++) {
            logits[j] = dot_tile(q, k_tile + j * D) + relative(values, win_w, first + j, slot);
            new_top = fmax(new_top, logits[j]);
        }
        float factor = exp(top - new_top);
        top = new_top;
        sum *= factor;
        for (int l = 0; l < D; l++)
            out[l] *= factor;
        for (int j = 0; j < count; j++) {
            float p = exp(logits[j] - top);
            sum += p;
            for (int l = 0; l < D; l++)
                out[l] = fma(p, v_tile[j * D + l], out[l]);
        }
    }
    if (!active)
        return;
    __global float *to = out_all + (((size_t)b * q_tokens + token) * heads + head) * D;
    for (int l = 0; l < D; l++)
        to[l] = out[l] / sum;
    lse_all[((size_t)b * heads + head) * q_tokens + token] = top + log(sum);
}

__kernel void backward_queries(__global const float *q_all, __global const float *k_all,
                               __global const float *v_all, __global const float *rel_h,
                               __global const float *rel_w, __global const float *pad,
                               __global const int *key_counts, __global const float *out_all,
                               __global const float *lse_all, __global const float *dout_all,
                               __global const float *dlse_all, __global float *dq_all, int heads,
                               int q_stride, int q_col, int k_stride, int k_col, int v_stride,
                               int v_col, float scale, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    __local float k_tile[TILE * D], v_tile[TILE * D];
    geometry g = GEOMETRY;
    int i = get_global_id(0), hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    int q_tokens = q_h * q_w, k_tokens = k_h * k_w;
    window w = find_window(g, hw / heads);
    int keys = key_counts ? min(key_counts[b], win_h * win_w) : win_h * win_w;
    bool active = i < w.q_rows * w.q_cols;
    int slot = active ? i : 0, token = query_token(g, w, slot);
    query_values values = QUERY_VALUES((size_t)b * get_global_size(1) + hw);
    rows k = {k_all + (size_t)b * k_tokens * k_stride + k_col + head * D, k_stride};
    rows v = {v_all + (size_t)b * k_tokens * v_stride + v_col + head * D, v_stride};
    size_t q_row = ((size_t)b * q_tokens + token) * q_stride + q_col + head * D;
    size_t out_row = (((size_t)b * q_tokens + token) * heads + head) * D;

    size_t sum_at = ((size_t)b * heads + head) * q_tokens + token;
    float q[D], dout[D], dq[D], delta = dlse_all ? -dlse_all[sum_at] : 0.0f, row_sum = 0;
    float lse = lse_all[sum_at];
    for (int l = 0; l < D; l++) {
        q[l] = q_all[q_row + l] * scale;
        dout[l] = dout_all[out_row + l];
        delta = fma(dout[l], out_all[out_row + l], delta);
        dq[l] = 0;
    }
    for (int kx = 0; active && kx < REL_W; kx++)
        values.d_by_col[(size_t)kx * slots + i] = 0;
    for (int first = 0; first < keys; first += TILE) {
        int count = min(TILE, keys - first);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_keys(k_tile, k, pad ? pad + k_col + head * D : 0, g, w, first, count);
        load_keys(v_tile, v, pad ? pad + v_col + head * D : 0, g, w, first, count);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int j = 0; j < count && active; j++) {
            int key = first + j;
            float logit = dot_tile(q, k_tile + j * D) + relative(values, win_w, key, slot);
            float ds = exp(logit - lse) * (dot_tile(dout, v_tile + j * D) - delta);
            for (int l = 0; l < D; l++)
                dq[l] = fma(ds, k_tile[j * D + l], dq[l]);
#if HAS_REL
            row_sum = key % REL_W == 0 ? ds : row_sum + ds;
            values.d_by_row[(size_t)(key / REL_W) * slots + i] = row_sum;
            values.d_by_col[(size_t)(key % REL_W) * slots + i] += ds;
#endif
        }
    }
    if (!active)
        return;
    values.lse[i] = lse;
    values.delta[i] = delta;
    for (int l = 0; l < D; l++)
        dq[l] *= scale;
    int y = i / w.q_cols, x = i % w.q_cols;
    for (int ky = 0; ky < REL_H; ky++)
        for (int l = 0; l < D; l++)
            dq[l] += values.d_by_row[(size_t)ky * slots + i] * rel_h[(y - ky + REL_H - 1) * D + l];
    for (int kx = 0; kx < REL_W; kx++)
        for (int l = 0; l < D; l++)
            dq[l] += values.d_by_col[(size_t)kx * slots + i] * rel_w[(x - kx + REL_W - 1) * D + l];
    for (int l = 0; dq_all && l < D; l++)
        dq_all[q_row + l] = dq[l];
}

__kernel void backward_keys(__global const float *q_all, __global const float *k_all,
                            __global const float *v_all, __global const float *pad,
                            __global const int *key_counts, __global const float *dout_all,
                            __global float *dk_all, __global float *dv_all, int heads, int q_stride,
                            int q_col, int k_stride, int k_col, int v_stride, int v_col,
                            float scale, long pad_parts_at, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    __local float q_tile[TILE * D], dout_tile[TILE * D];
    geometry g = GEOMETRY;
    int i = get_global_id(0), hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    int q_tokens = q_h * q_w, k_tokens = k_h * k_w, window_keys = win_h * win_w;
    window w = find_window(g, hw / heads);
    int limit = key_counts ? min(key_counts[b], window_keys) : window_keys;
    int queries = w.q_rows * w.q_cols, key = min(i, window_keys - 1), token = key_token(g, w, key);
    size_t group = (size_t)b * get_global_size(1) + hw;
    query_values values = QUERY_VALUES(group);
    rows q = {q_all + (size_t)b * q_tokens * q_stride + q_col + head * D, q_stride};
    rows dout = {dout_all + (size_t)b * q_tokens * heads * D + head * D, heads * D};
    size_t k_row = ((size_t)b * k_tokens + max(token, 0)) * k_stride + k_col + head * D;
    size_t v_row = ((size_t)b * k_tokens + max(token, 0)) * v_stride + v_col + head * D;

    float k[D], v[D], dk[D], dv[D];
    for (int l = 0; l < D; l++) {
        k[l] = scale * (token >= 0 ? k_all[k_row + l] : pad ? pad[k_col + head * D + l] : 0.0f);
        v[l] = token >= 0 ? v_all[v_row + l] : pad ? pad[v_col + head * D + l] : 0.0f;
        dk[l] = dv[l] = 0;
    }
    for (int first = 0; first < queries; first += TILE) {
        int count = min(TILE, queries - first);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_queries(q_tile, q, g, w, first, count);
        load_queries(dout_tile, dout, g, w, first, count);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int j = 0; j < count && i < limit; j++) {
            int slot = first + j;
            float logit = dot_tile(k, q_tile + j * D) + relative(values, win_w, key, slot);
            float p = exp(logit - values.lse[slot]);
            float ds = p * (dot_tile(v, dout_tile + j * D) - values.delta[slot]);
            for (int l = 0; l < D; l++) {
                dv[l] = fma(p, dout_tile[j * D + l], dv[l]);
                dk[l] = fma(ds, q_tile[j * D + l], dk[l]);
            }
        }
    }
    if (i >= window_keys)
        return;
    if (pad_parts_at >= 0) {
        __global float *part = workspace + pad_parts_at + (group * window_keys + i) * 2 * D;
        for (int l = 0; l < D; l++) {
            part[l] = token < 0 ? dk[l] * scale : 0.0f;
            part[D + l] = token < 0 ? dv[l] : 0.0f;
        }
    }
    for (int l = 0; l < D && token >= 0; l++) {
        if (dk_all)
            dk_all[k_row + l] = dk[l] * scale;
        if (dv_all)
            dv_all[v_row + l] = dv[l];
    }
}
