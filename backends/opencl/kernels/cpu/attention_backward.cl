/* cpu/attention_backward.cl - gradients of attention on CPU devices; the probabilities are computed
 * again (Dao et al., arXiv 2205.14135, algorithm 4).
 *
 * With p = exp(logit - lse), delta = dout . out - dlse and ds = p (dout . v - delta):
 *   dq = scale sum ds k + relative terms,  dk = scale sum ds q,  dv = sum p dout.
 *
 * A work-item owns a chunk of the keys of one head of one window, and passes over all queries for
 * each block of them: dk and dv are its own, dq is a part per chunk, and nothing needs atomics. */
#include "cpu/attention_padding.cl"

/* Queries whose p and ds are kept, so that dk and dv gain from many at once. */
#define QB 96 /* a multiple of MR */

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

/* What a tile of queries keeps for every block of keys. */
#define TERMS (MR * (ROW_SPAN + COL_SPAN))

/* Work-item (query tile, window and head, batch): what every block of keys needs of MR queries: lse
 * and delta, the relative terms [tile][TERMS], and q and dout as columns [tile][D][MR]. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
begin_queries(__global const float *q_all, __global const float *out_all,
              __global const float *lse_all, __global const float *dout_all,
              __global const float *dlse_all, int heads, int q_stride, int q_col, float scale,
              long q_columns_at, long dout_columns_at, long tables_at, long terms_at,
              QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
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
    size_t tile = group * get_global_size(0) + get_global_id(0);

    int query_at[MR];
    float columns[COLUMNS];
    for (int r = 0; r < queries; r++) {
        int token = query_token(g, w, first + r), slot = first + r;
        query_at[r] = token;
        size_t sum_at = ((size_t)b * heads + head) * q_tokens + token;
        values.lse[slot] = lse_all[sum_at];
        values.delta[slot] =
            dot_rows(outs + (size_t)token * width, dout.data + (size_t)token * width) -
            (dlse_all ? dlse_all[sum_at] : 0.0f);
    }
    load_columns(columns, dout, query_at, queries, 1.0f);
    store_private(workspace + dout_columns_at + tile * D * MR, columns, D * MR);
    load_columns(columns, q, query_at, queries, scale * LOG2_E);
    store_private(workspace + q_columns_at + tile * D * MR, columns, D * MR);
#if HAS_REL
    float terms[TERMS];
    relative_terms(terms, terms + MR * ROW_SPAN, columns, workspace + tables_at, w, q_w, query_at,
                   queries, 1.0f / scale);
    store_private(workspace + terms_at + tile * TERMS, terms, TERMS);
#endif
}

/* What makes p and ds of a tile of queries and a block of keys: columns of the one, panels of the
 * other, and the tile's relative terms. */
typedef struct {
    __global const float *q_columns, *dout_columns, *k_panels, *v_panels, *terms;
} factors;

/* p and ds [MR][TILE_ROW] of the queries in slots slot .. slot+queries-1 and a block of keys; ds is
 * 0 where there is no key. */
static inline void differentiate_tile(__private float *p, __private float *ds, factors f,
                                      query_values values, int slot, int queries, int first,
                                      int count, int cols)
{
    float columns[D * MR], terms[TERMS + 1];
    for (int r = 0; r < MR; r++) {
        float delta = values.delta[slot + min(r, queries - 1)];
        for (int k = 0; k < KBP; k += V)
            vstoreV((floatV)(k < count ? -delta : 0.0f), 0, ds + r * TILE_ROW + k);
    }
    load_private(terms, f.terms, TERMS);
    load_private(columns, f.q_columns, D * MR);
    make_logits(p, columns, f.k_panels, terms, terms + MR * ROW_SPAN, first, count, cols);
    load_private(columns, f.dout_columns, D * MR);
    add_products(ds, columns, f.v_panels, count);
    for (int r = 0; r < MR; r++) {
        int k = r * TILE_ROW, end = k + ROW_END(count);
        floatV lse = values.lse[slot + min(r, queries - 1)] * LOG2_E;
        for (; k + V < end; k += NR) {
            floatV low = EXP2(vloadV(0, p + k) - lse), high = EXP2(vloadV(1, p + k) - lse);
            vstoreV(low, 0, p + k);
            vstoreV(high, 1, p + k);
            vstoreV(low * vloadV(0, ds + k), 0, ds + k);
            vstoreV(high * vloadV(1, ds + k), 1, ds + k);
        }
        if (k < end) {
            floatV low = EXP2(vloadV(0, p + k) - lse);
            vstoreV(low, 0, p + k);
            vstoreV(low * vloadV(0, ds + k), 0, ds + k);
        }
    }
}

static inline void add_to_queries(__global float *dq_part, __private const float *ds, strips k,
                                  int queries, int count)
{
    float dq[MR * D];
    clear(dq, MR * D);
    load_private(dq, dq_part, queries * D);
    add_weighted_rows(dq, ds, TILE_ROW, 1, k, count);
    store_private(dq_part, dq, queries * D);
}

#if HAS_REL
/* Sums of ds by key row, which no other block has, and by key column, added to the chunk's part. */
static inline void sum_by_axis(__private const float *ds, query_values values,
                               __global float *col_part, int slot, int queries, int first,
                               int count, int cols)
{
    for (int r = 0; r < queries; r++) {
        __global float *by_col = col_part + (size_t)(slot + r) * REL_W;
        for (int i = 0; i < count; i += cols) {
            __private const float *row = ds + r * TILE_ROW + i;
            floatV wide = 0;
            int kx = 0;
            for (; kx + V <= cols; kx += V) {
                floatV x = vloadV(0, row + kx);
                wide += x;
                vstoreV(vloadV(0, by_col + kx) + x, 0, by_col + kx);
            }
            float sum = sumV(wide);
            for (; kx < cols; kx++) {
                sum += row[kx];
                by_col[kx] += row[kx];
            }
            values.d_by_row[(size_t)((first + i) / cols) * values.slots + slot + r] = sum;
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

/* The gradients of `keys` keys of a window from the `first` on: zeros behind `count`, as those took
 * no part. */
static inline void store_keys(key_gradients to, __private float *dk, __private float *dv,
                              geometry g, window w, key_grid grid, int first, int keys, int count)
{
    for (int i = 0; i < keys; i++, dk += D, dv += D) {
        int token = token_of(g, w, grid, first + i);
        if (i >= count) {
            clear(dk, D);
            clear(dv, D);
        }
        for (int l = 0; l < D; l++)
            dk[l] *= to.scale;
        if (to.dk)
            store_private(to.dk + (size_t)token * to.k_stride, dk, D);
        if (to.dv)
            store_private(to.dv + (size_t)token * to.v_stride, dv, D);
    }
}

/* Work-item (chunk of keys, window and head, batch). */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
backward(__global const int *key_counts, __global float *dk_all, __global float *dv_all, int heads,
         int k_stride, int k_col, int v_stride, int v_col, float scale, long q_columns_at,
         long dout_columns_at, long k_panels_at, long v_panels_at, long q_strips_at,
         long k_strips_at, long dout_strips_at, long terms_at, long dq_parts_at, long col_parts_at,
         int query_tiles, int blocks, int blocks_each, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int chunk = get_global_id(0), hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    int k_tokens = k_h * k_w;
    window w = find_window(g, hw / heads);
    key_grid grid = find_keys(g, w);
    int queries = w.q_rows * w.q_cols;
    int limit = key_counts ? min(key_counts[b], grid.count) : grid.count;
    int begin = chunk * blocks_each * grid.block;
    int end = min(grid.count, begin + blocks_each * grid.block);
    size_t group = (size_t)b * get_global_size(1) + hw, part = group * get_global_size(0) + chunk;
    query_values values = QUERY_VALUES(group);
    size_t k_from = (size_t)b * k_tokens * k_stride + k_col + head * D;
    size_t v_from = (size_t)b * k_tokens * v_stride + v_col + head * D;
    key_gradients to = {dk_all ? dk_all + k_from : 0, dv_all ? dv_all + v_from : 0, k_stride,
                        v_stride, scale};
    strips q = strips_of(workspace + q_strips_at, group, slots);
    strips dout = strips_of(workspace + dout_strips_at, group, slots);
    strips k = strips_of(workspace + k_strips_at, group, win_h * win_w);
    __global float *dq_part = workspace + dq_parts_at + part * slots * D;
    __global float *col_part = workspace + col_parts_at + part * slots * REL_W;

    /* the last MR keys of a block may reach past it: what they add there is of no key */
    float p[QB * TILE_ROW], ds[QB * TILE_ROW], dk[(KBP + MR) * D], dv[(KBP + MR) * D];
    int kept = min(QB, query_tiles * MR);
    clear(p, kept * TILE_ROW);
    clear(ds, kept * TILE_ROW);
    for (int i = 0; i < queries * D; i++)
        dq_part[i] = 0;
    for (int i = 0; i < queries * REL_W; i++)
        col_part[i] = 0;
    for (int first = begin; first < end; first += grid.block) {
        int keys = min(grid.block, end - first), count = clamp(limit - first, 0, keys);
        size_t panels = (group * blocks + (size_t)(first / grid.block)) * KBP * D;
        k.first = first;
        clear(dk, (KBP + MR) * D);
        clear(dv, (KBP + MR) * D);
        for (int from = 0; from < queries; from += QB) {
            int taken = min(QB, queries - from);
            for (int i = 0; i < taken; i += MR) {
                int slot = from + i, rows_here = min(MR, taken - i);
                size_t tile = group * query_tiles + slot / MR;
                factors f = {workspace + q_columns_at + tile * D * MR,
                             workspace + dout_columns_at + tile * D * MR,
                             workspace + k_panels_at + panels, workspace + v_panels_at + panels,
                             workspace + terms_at + tile * TERMS};
                __private float *ds_tile = ds + i * TILE_ROW;
                differentiate_tile(p + i * TILE_ROW, ds_tile, f, values, slot, rows_here, first,
                                   count, grid.cols);
                add_to_queries(dq_part + (size_t)slot * D, ds_tile, k, rows_here, count);
#if HAS_REL
                sum_by_axis(ds_tile, values, col_part, slot, rows_here, first, keys, grid.cols);
#endif
            }
            q.first = dout.first = from;
            for (int i = 0; i < count; i += MR) {
                add_weighted_rows(dv + i * D, p + i, 1, TILE_ROW, dout, taken);
                add_weighted_rows(dk + i * D, ds + i, 1, TILE_ROW, q, taken);
            }
        }
        store_keys(to, dk, dv, g, w, grid, first, keys, count);
    }
}

static inline void load_strip_row(__private float *to, strips from, int row)
{
    for (int h = 0, width; h < D; h += width) {
        width = strip_width(h);
        load_private(to + h, from.data + (size_t)h * from.rows + row * width, width);
    }
}

/* What a query and the padding of its window give each other. */
typedef struct {
    float q[D], dout[D];
    __global float *dq_part, *col_part;
    float logit, slope; /* q . k less lse; dout . v less delta */
} padded_query;

/* Adds the padding's part to the gradients by place, and returns the share p that padding has. */
static inline float differentiate_padding(__private const padded_query *query,
                                          __private const float *by_row,
                                          __private const float *by_col, query_values values,
                                          int slot, geometry g, key_grid keys)
{
    float total = 0;
    rectangle r;
    for (int below = 0; below < 2; below++) {
        if (!soften_rectangle(&r, by_row, by_col, g, keys, below))
            continue;
        float share = exp2(query->logit + r.rows.most + r.cols.most);
        total += share * r.rows.sum * r.cols.sum;
#if HAS_REL
        float ds = share * query->slope;
        for (int y = r.first_row; y < r.end_row; y++) {
            __global float *by_y = values.d_by_row + (size_t)y * values.slots + slot;
            *by_y = (below ? 0.0f : *by_y) + ds * r.rows.power[y] * r.cols.sum;
        }
        for (int x = r.first_col; x < r.end_col; x++)
            query->col_part[x] += ds * r.cols.power[x] * r.rows.sum;
#endif
    }
    return total;
}

/* Work-item (window and head, batch): the gradients that go by way of padding, added to the parts
 * of the first chunk of keys, and those of the k and v of padding. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pass_padding(__global const float *pad_row, int heads, int k_col, int v_col, float scale,
             long q_strips_at, long dout_strips_at, long terms_at, long dq_parts_at,
             long col_parts_at, long pad_parts_at, int chunks, int query_tiles,
             QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    window w = find_window(g, hw / heads);
    key_grid keys = find_keys(g, w);
    int queries = keys.count < win_h * win_w ? w.q_rows * w.q_cols : 0;
    size_t group = (size_t)b * get_global_size(1) + hw, part = group * chunks;
    query_values values = QUERY_VALUES(group);
    padding pad = padding_of(pad_row, k_col + head * D, v_col + head * D);
    float sums[2 * D], terms[ROW_SPAN + COL_SPAN + 1];
    clear(sums, 2 * D);
    for (int slot = 0; slot < queries; slot++) {
        size_t tile = group * query_tiles + slot / MR, row = slot % MR;
        padded_query query;
        load_strip_row(query.q, strips_of(workspace + q_strips_at, group, slots), slot);
        load_strip_row(query.dout, strips_of(workspace + dout_strips_at, group, slots), slot);
        query.dq_part = workspace + dq_parts_at + (part * slots + slot) * D;
        query.col_part = workspace + col_parts_at + (part * slots + slot) * REL_W;
        query.logit = -values.lse[slot] * LOG2_E;
        query.slope = -values.delta[slot];
        if (pad.k)
            query.logit += dot_rows(query.q, pad.k) * scale * LOG2_E;
        if (pad.v)
            query.slope += dot_rows(query.dout, pad.v);
        __global const float *from = workspace + terms_at + tile * TERMS;
        load_private(terms, from + row * ROW_SPAN, ROW_SPAN);
        load_private(terms + ROW_SPAN, from + MR * ROW_SPAN + row * COL_SPAN, COL_SPAN);
        float p = differentiate_padding(&query, terms, terms + ROW_SPAN, values, slot, g, keys);
        for (int l = 0; l < D; l++) {
            query.dq_part[l] += pad.k ? p * query.slope * pad.k[l] : 0.0f;
            sums[l] += p * query.slope * scale * query.q[l];
            sums[D + l] += p * query.dout[l];
        }
    }
    if (pad_parts_at >= 0)
        store_private(workspace + pad_parts_at + group * 2 * D, sums, 2 * D);
}

#if HAS_REL
/* dq [MR][D] of queries at at[0], .. of an axis gains ds [side][slots] times what that axis's keys
 * are to them; one product has the table's rows that they all need. */
static inline void add_axis(__private float *dq, __global const float *ds, int slots, int side,
                            __global const float *table, __private const int *at, int queries)
{
    float weights[MR * 2 * LONGER_SIDE];
    axis_range range = range_of(at, queries);
    clear(weights, MR * 2 * LONGER_SIDE);
    for (int key = 0; key < side; key++)
        for (int r = 0; r < queries; r++)
            weights[r * 2 * LONGER_SIDE + at[r] - range.least + side - 1 - key] =
                ds[(size_t)key * slots + r];
    strips rows = {table, 2 * side - 1, range.least, 1, true};
    add_weighted_rows(dq, weights, 2 * LONGER_SIDE, 1, rows, side + range.most - range.least);
}
#endif

/* Work-item (query tile, window and head, batch): dq of MR queries, from the parts of all chunks
 * and the relative positions. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
finish_queries(__global const float *rel_h, __global const float *rel_w, __global float *dq_all,
               int heads, int q_stride, int q_col, float scale, long dq_parts_at, long col_parts_at,
               int chunks, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int first = get_global_id(0) * MR, hw = get_global_id(1), b = get_global_id(2);
    int head = hw % heads;
    window w = find_window(g, hw / heads);
    size_t group = (size_t)b * get_global_size(1) + hw;
    query_values values = QUERY_VALUES(group);
    int end = min(first + MR, w.q_rows * w.q_cols);
    if (end <= first)
        return;
#if HAS_REL
    for (int kx = 0; kx < REL_W; kx++)
        for (int slot = first; slot < end; slot++) {
            float sum = 0;
            for (int c = 0; c < chunks; c++)
                sum += workspace[col_parts_at + ((group * chunks + c) * slots + slot) * REL_W + kx];
            values.d_by_col[(size_t)kx * slots + slot] = sum;
        }
#endif
    float dq[MR * D];
    int token[MR], y[MR], x[MR], queries = end - first;
    clear(dq, MR * D);
    for (int r = 0; r < queries; r++) {
        token[r] = query_token(g, w, first + r);
        y[r] = token[r] / q_w - w.y0;
        x[r] = token[r] % q_w - w.x0;
        for (int c = 0; c < chunks; c++) {
            __global const float *from =
                workspace + dq_parts_at + ((group * chunks + c) * slots + first + r) * D;
            for (int l = 0; l < D; l++)
                dq[r * D + l] += from[l] * scale;
        }
    }
#if HAS_REL
    add_axis(dq, values.d_by_row + first, slots, REL_H, rel_h, y, queries);
    add_axis(dq, values.d_by_col + first, slots, REL_W, rel_w, x, queries);
#endif
    for (int r = 0; dq_all && r < queries; r++)
        store_private(dq_all + ((size_t)b * q_h * q_w + token[r]) * q_stride + q_col + head * D,
                      dq + r * D, D);
}

#if HAS_REL
#define TABLE_ROWS (2 * REL_H - 1 + 2 * REL_W - 1)

/* A line of queries q at `at` of an axis, q ds summed: table row at - key + side - 1, which is
 * `part` row key - at + side - 1, gains it from each key of the axis. */
static inline void add_line(__private float *part, __global const float *ds, int slots, int side,
                            int at, strips q, int count)
{
    float weights[MR * LONGER_SIDE];
    for (int key = 0; key < side; key += MR) {
        for (int r = 0; r < MR; r++)
            for (int i = 0; i < count; i++)
                weights[r * LONGER_SIDE + i] =
                    key + r < side ? ds[(size_t)(key + r) * slots + q.first + i * q.every] : 0.0f;
        add_weighted_rows(part + (key - at + side - 1) * D, weights, LONGER_SIDE, 1, q, count);
    }
}

static inline void store_backwards(__global float *to, __private const float *from, int rows)
{
    for (int r = 0; r < rows; r++)
        store_private(to + (rows - 1 - r) * D, from + r * D, D);
}

/* Work-item (axis, window and head, batch): its part of the tables' gradients, by key row (axis 0)
 * [2 REL_H - 1][D], then by key column [2 REL_W - 1][D]. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
make_table_parts(int heads, long q_strips_at, long parts_at, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int by_col = get_global_id(0), hw = get_global_id(1), b = get_global_id(2);
    window w = find_window(g, hw / heads);
    size_t group = (size_t)b * get_global_size(1) + hw;
    query_values values = QUERY_VALUES(group);
    strips q = strips_of(workspace + q_strips_at, group, slots);
    q.every = by_col ? w.q_cols : 1;
    __global float *to = workspace + parts_at + group * TABLE_ROWS * D;
    float part[(2 * LONGER_SIDE - 1 + MR) * D]; /* the last keys of a line may reach past it */
    clear(part, (2 * LONGER_SIDE - 1 + MR) * D);
    if (by_col) {
        for (; q.first < w.q_cols; q.first++)
            add_line(part, values.d_by_col, slots, REL_W, q.first, q, w.q_rows);
        store_backwards(to + (2 * REL_H - 1) * D, part, 2 * REL_W - 1);
    } else {
        for (int y = 0; y < w.q_rows; y++, q.first += w.q_cols)
            add_line(part, values.d_by_row, slots, REL_H, y, q, w.q_cols);
        store_backwards(to, part, 2 * REL_H - 1);
    }
}
#endif
