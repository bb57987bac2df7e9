/* cpu/attention_backward.cl - gradients of attention on CPU devices; the probabilities are computed
 * again (Dao et al., arXiv 2205.14135, algorithm 4).
 *
 * With p = exp(logit - lse), delta = dout . out and ds = p (dout . v - delta):
 *   dq = scale sum ds k + relative terms,  dk = scale sum ds q,  dv = sum p dout.
 *
 * A work-item owns a chunk of the keys of one head of one window, and passes over all queries for
 * each block of them: dk and dv are its own, dq is a part per chunk, and nothing needs atomics. */
#include "cpu/attention_tile.cl"

/* Queries whose p and ds are kept, so that dk and dv gain from many at once. */
#define QB (4 * MR)

static inline void load_private(__private float *to, __global const float *from, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = from[i];
}

static inline void store_private(__global float *to, __private const float *from, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = from[i];
}

static inline void clear(__private float *to, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = 0;
}

/* Work-item (query tile, window and head, batch): what every block of keys needs of MR queries:
 * lse, delta, the relative terms [slot][REL], and q (scaled) and dout as columns [tile][D][MR]. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
begin_queries(__global const float *q_all, __global const float *rel_h, __global const float *rel_w,
              __global const float *out_all, __global const float *lse_all,
              __global const float *dout_all, int heads, int q_stride, int q_col, float scale,
              long q_columns_at, long dout_columns_at, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int first = get_global_id(0) * MR, hw = get_global_id(1), b = get_global_id(2);
    int head = hw % heads, q_tokens = q_h * q_w, width = heads * D;
    window w = find_window(g, hw / heads);
    int queries = min(MR, w.q_rows * w.q_cols - first);
    if (queries <= 0)
        return;
    size_t group = (size_t)b * get_global_size(1) + hw;
    query_values values = QUERY_VALUES(group);
    rows q = {q_all + (size_t)b * q_tokens * q_stride + q_col + head * D, q_stride};
    rows dout = {dout_all + (size_t)b * q_tokens * width + head * D, width};
    __global const float *outs = out_all + (size_t)b * q_tokens * width + head * D;
    size_t tile = (group * get_global_size(0) + get_global_id(0)) * D * MR;

    int query_at[MR];
    float columns[D * MR];
    for (int r = 0; r < queries; r++) {
        int token = query_token(g, w, first + r), slot = first + r;
        query_at[r] = token;
        values.lse[slot] = lse_all[((size_t)b * heads + head) * q_tokens + token];
        values.delta[slot] =
            dot_rows(outs + (size_t)token * width, dout.data + (size_t)token * width);
#if HAS_REL
        float by_row[REL_H], by_col[REL_W];
        relative_terms(q.data + (size_t)token * q.stride, rel_h, rel_w, token / q_w - w.y0,
                       token % q_w - w.x0, by_row, by_col);
        store_private(values.by_row + (size_t)slot * REL_H, by_row, REL_H);
        store_private(values.by_col + (size_t)slot * REL_W, by_col, REL_W);
#endif
    }
    load_columns(columns, q, 0, query_at, queries, scale);
    store_private(workspace + q_columns_at + tile, columns, D * MR);
    load_columns(columns, dout, 0, query_at, queries, 1.0f);
    store_private(workspace + dout_columns_at + tile, columns, D * MR);
}

/* The columns of a tile of queries and the panels of a block of keys, whose products they are. */
typedef struct {
    __global const float *q_columns, *dout_columns, *k_panels, *v_panels;
} factors;

/* p and ds [MR][KBP] of the queries in slots slot .. slot+queries-1 and a block of keys. */
static inline void differentiate_tile(__private float *p, __private float *ds, factors f,
                                      query_values values, int slot, int queries, int first,
                                      int count)
{
    float columns[D * MR], lse[MR], delta[MR], by_row[MR * REL_H + 1], by_col[MR * REL_W + 1];
    for (int r = 0; r < MR; r++) {
        int at = slot + min(r, queries - 1);
        lse[r] = values.lse[at];
        delta[r] = values.delta[at];
#if HAS_REL
        load_private(by_row + r * REL_H, values.by_row + (size_t)at * REL_H, REL_H);
        load_private(by_col + r * REL_W, values.by_col + (size_t)at * REL_W, REL_W);
#endif
    }
    begin_logits(p, by_row, by_col, first, count);
    load_private(columns, f.q_columns, D * MR);
    add_products(p, columns, f.k_panels);
    clear(ds, MR * KBP);
    load_private(columns, f.dout_columns, D * MR);
    add_products(ds, columns, f.v_panels);
    for (int r = 0; r < MR; r++)
        for (int k = r * KBP; k < (r + 1) * KBP; k += V) {
            floatV e = exp(vloadV(0, p + k) - lse[r]);
            vstoreV(e, 0, p + k);
            vstoreV(e * (vloadV(0, ds + k) - delta[r]), 0, ds + k);
        }
}

static inline void add_to_queries(__global float *dq_part, __private const float *ds, rows k,
                                  __global const float *k_pad, __private const int *key_at,
                                  int queries, int count)
{
    float dq[MR * D];
    clear(dq, MR * D);
    load_private(dq, dq_part, queries * D);
    add_weighted_rows(dq, ds, KBP, 1, k, k_pad, key_at, count);
    store_private(dq_part, dq, queries * D);
}

#if HAS_REL
/* Sums of ds by key row, which no other block has, and by key column, added to the chunk's part. */
static inline void sum_by_axis(__private const float *ds, query_values values,
                               __global float *col_part, int slot, int queries, int first,
                               int count)
{
    for (int r = 0; r < queries; r++) {
        __global float *by_col = col_part + (size_t)(slot + r) * REL_W;
        for (int i = 0; i < count; i += REL_W) {
            __private const float *row = ds + r * KBP + i;
            floatV wide = 0;
            int kx = 0;
            for (; kx + V <= REL_W; kx += V) {
                floatV x = vloadV(0, row + kx);
                wide += x;
                vstoreV(vloadV(0, by_col + kx) + x, 0, by_col + kx);
            }
            float sum = sumV(wide);
            for (; kx < REL_W; kx++) {
                sum += row[kx];
                by_col[kx] += row[kx];
            }
            values.d_by_row[(size_t)((first + i) / REL_W) * values.slots + slot + r] = sum;
        }
    }
}
#endif

/* Where the gradients of a window's keys go; NULL where nobody wants them. */
typedef struct {
    __global float *dk, *dv; /* of token 0 */
    int k_stride, v_stride;
    float scale;
} key_gradients;

/* `limit` keys took part in attention, the others get zeros; padding goes to pad_sums. */
static inline void store_keys(key_gradients to, __private const float *dk,
                              __private const float *dv, __private const int *key_at, int keys,
                              int limit, __private float *pad_sums)
{
    for (int i = 0; i < keys; i++)
        for (int l = 0; l < D; l++) {
            float grad_k = i < limit ? dk[i * D + l] * to.scale : 0.0f;
            float grad_v = i < limit ? dv[i * D + l] : 0.0f;
            if (key_at[i] < 0) {
                pad_sums[l] += grad_k;
                pad_sums[D + l] += grad_v;
                continue;
            }
            if (to.dk)
                to.dk[(size_t)key_at[i] * to.k_stride + l] = grad_k;
            if (to.dv)
                to.dv[(size_t)key_at[i] * to.v_stride + l] = grad_v;
        }
}

/* Work-item (chunk of keys, window and head, batch). */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
backward(__global const float *q_all, __global const float *k_all, __global const float *pad,
         __global const int *key_counts, __global const float *dout_all, __global float *dk_all,
         __global float *dv_all, int heads, int q_stride, int q_col, int k_stride, int k_col,
         int v_stride, int v_col, float scale, long q_columns_at, long dout_columns_at,
         long k_panels_at, long v_panels_at, long dq_parts_at, long col_parts_at, long pad_parts_at,
         int query_tiles, int panels_each, int blocks_each, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int chunk = get_global_id(0), hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    int q_tokens = q_h * q_w, k_tokens = k_h * k_w, width = heads * D;
    window w = find_window(g, hw / heads);
    int queries = w.q_rows * w.q_cols, window_keys = win_h * win_w;
    int limit = key_counts ? min(key_counts[b], window_keys) : window_keys;
    int begin = chunk * blocks_each * KB, end = min(window_keys, begin + blocks_each * KB);
    size_t group = (size_t)b * get_global_size(1) + hw, part = group * get_global_size(0) + chunk;
    query_values values = QUERY_VALUES(group);
    rows q = {q_all + (size_t)b * q_tokens * q_stride + q_col + head * D, q_stride};
    rows k = {k_all + (size_t)b * k_tokens * k_stride + k_col + head * D, k_stride};
    rows dout = {dout_all + (size_t)b * q_tokens * width + head * D, width};
    size_t k_from = (size_t)b * k_tokens * k_stride + k_col + head * D;
    size_t v_from = (size_t)b * k_tokens * v_stride + v_col + head * D;
    key_gradients to = {dk_all ? dk_all + k_from : 0, dv_all ? dv_all + v_from : 0, k_stride,
                        v_stride, scale};
    __global const float *k_pad = pad ? pad + k_col + head * D : 0;
    __global float *dq_part = workspace + dq_parts_at + part * slots * D;
    __global float *col_part = workspace + col_parts_at + part * slots * REL_W;

    int key_at[KB], query_at[QB];
    /* the last MR keys of a block may reach past it: what they add there is of no key */
    float p[QB * KBP + MR], ds[QB * KBP + MR], dk[(KBP + MR) * D], dv[(KBP + MR) * D];
    float pad_sums[2 * D];
    clear(pad_sums, 2 * D);
    clear(p, QB * KBP + MR);
    clear(ds, QB * KBP + MR);
    for (int i = 0; i < queries * D; i++)
        dq_part[i] = 0;
    for (int i = 0; i < queries * REL_W; i++)
        col_part[i] = 0;
    for (int first = begin; first < end; first += KB) {
        int keys = min(KB, end - first), count = clamp(limit - first, 0, keys);
        size_t panels = (group * panels_each + (size_t)first / KB * PANELS) * D * NR;
        for (int i = 0; i < keys; i++)
            key_at[i] = key_token(g, w, first + i);
        clear(dk, (KBP + MR) * D);
        clear(dv, (KBP + MR) * D);
        for (int from = 0; from < queries; from += QB) {
            int taken = min(QB, queries - from);
            for (int i = 0; i < taken; i += MR) {
                int slot = from + i, rows_here = min(MR, taken - i);
                size_t tile = (group * query_tiles + slot / MR) * D * MR;
                factors f = {workspace + q_columns_at + tile, workspace + dout_columns_at + tile,
                             workspace + k_panels_at + panels, workspace + v_panels_at + panels};
                differentiate_tile(p + i * KBP, ds + i * KBP, f, values, slot, rows_here, first,
                                   count);
                add_to_queries(dq_part + (size_t)slot * D, ds + i * KBP, k, k_pad, key_at,
                               rows_here, count);
#if HAS_REL
                sum_by_axis(ds + i * KBP, values, col_part, slot, rows_here, first, keys);
#endif
            }
            for (int i = 0; i < taken; i++)
                query_at[i] = query_token(g, w, from + i);
            for (int i = 0; i < count; i += MR) {
                add_weighted_rows(dv + i * D, p + i, 1, KBP, dout, 0, query_at, taken);
                add_weighted_rows(dk + i * D, ds + i, 1, KBP, q, 0, query_at, taken);
            }
        }
        store_keys(to, dk, dv, key_at, keys, count, pad_sums);
    }
    if (pad_parts_at >= 0)
        store_private(workspace + pad_parts_at + part * 2 * D, pad_sums, 2 * D);
}

/* Work-item (slot, window and head, batch): dq of a query, from the parts of all chunks and the
 * relative positions. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
finish_queries(__global const float *rel_h, __global const float *rel_w, __global float *dq_all,
               int heads, int q_stride, int q_col, float scale, long dq_parts_at, long col_parts_at,
               int chunks, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int slot = get_global_id(0), hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    window w = find_window(g, hw / heads);
    if (slot >= w.q_rows * w.q_cols)
        return;
    size_t group = (size_t)b * get_global_size(1) + hw;
    query_values values = QUERY_VALUES(group);
    int token = query_token(g, w, slot);
    float dq[D];
    clear(dq, D);
    for (int c = 0; c < chunks; c++) {
        __global const float *from =
            workspace + dq_parts_at + ((group * chunks + c) * slots + slot) * D;
        for (int l = 0; l < D; l++)
            dq[l] += from[l] * scale;
    }
#if HAS_REL
    int y = token / q_w - w.y0, x = token % q_w - w.x0;
    for (int ky = 0; ky < REL_H; ky++) {
        float ds = values.d_by_row[(size_t)ky * slots + slot];
        for (int l = 0; l < D; l++)
            dq[l] += ds * rel_h[(y - ky + REL_H - 1) * D + l];
    }
    for (int kx = 0; kx < REL_W; kx++) {
        float ds = 0;
        for (int c = 0; c < chunks; c++)
            ds += workspace[col_parts_at + ((group * chunks + c) * slots + slot) * REL_W + kx];
        values.d_by_col[(size_t)kx * slots + slot] = ds;
        for (int l = 0; l < D; l++)
            dq[l] += ds * rel_w[(x - kx + REL_W - 1) * D + l];
    }
#endif
    if (dq_all)
        store_private(dq_all + ((size_t)b * q_h * q_w + token) * q_stride + q_col + head * D, dq,
                      D);
}
