/* attention_tables.cl - what the tables of relative positions give to attention's logits, and their
 * gradients, for GPUs. */
#include "attention_tile.cl"

#define ROWS_H     (2 * REL_H - 1)
#define TABLE_ROWS (ROWS_H + 2 * REL_W - 1)

/* Rows of a table that lie one after the other. */
static inline void load_rows(__local float4 *tile, int size, __global const float *from, int first,
                             int count)
{
    for (int e = get_local_id(0); e < size * D4; e += ITEMS) {
        int i = e / D4, l = e % D4;
        float4 x = 0;
        if (i < count)
            x = load4(from + (size_t)(first + i) * D, l);
        tile[i * ROW + l] = x;
    }
}

/* Group (tile of queries, for the rows and again for the columns; window and head; batch item): the
 * relative terms q . table row (at - key + side - 1), by products with every row of the table, of
 * which those that a query's place meets are kept. */
__kernel void relative_terms(__global const float *q_all, __global const float *rel_h,
                             __global const float *rel_w, int heads, int q_stride, int q_col,
                             QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    __local float4 q_tile[OWN * ROW], tile[SEEN * ROW];
    WORK_ITEM;
    geometry g = GEOMETRY;
    int hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    window w = find_window(g, hw / heads);
    query_values values = QUERY_VALUES((size_t)b * get_global_size(1) + hw);
    rows q = {q_all + (size_t)b * q_h * q_w * q_stride + q_col + head * D, q_stride};
    int is_row = get_group_id(0) % 2, side = is_row ? REL_H : REL_W;
    int first = get_group_id(0) / 2 * OWN, count = min(OWN, w.q_rows * w.q_cols - first);
    __global const float *table = is_row ? rel_h : rel_w;
    __global float *terms = is_row ? values.by_row : values.by_col;
    load_queries(q_tile, OWN, q, g, w, first, count);
    for (int t = 0; t < 2 * side - 1; t += SEEN) {
        float product[RI][KJ];
        barrier(CLK_LOCAL_MEM_FENCE);
        load_rows(tile, SEEN, table, t, min(SEEN, 2 * side - 1 - t));
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(product, q_tile, tile, tx, ty);
        for (int r = 0; r < RI; r++) {
            int slot = first + ty * RI + r, at = is_row ? slot / w.q_cols : slot % w.q_cols;
            for (int c = 0; c < KJ; c++) {
                int key = at + side - 1 - (t + tx + TX * c);
                if (ty * RI + r < count && key >= 0 && key < side)
                    terms[(size_t)key * slots + slot] = product[r][c];
            }
        }
    }
}

/* Group (tile of a table's rows, of both tables; window and head; batch item): sums q ds over the
 * queries and the key row or column that meet at the distance of each table row. */
__kernel void make_table_parts(__global const float *q_all, int heads, int q_stride, int q_col,
                               long parts_at, QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    __local float4 q_tile[SEEN * ROW], weight_tile[SEEN * WEIGHTS / 4];
    __local float *weights = (__local float *)weight_tile;
    WORK_ITEM;
    geometry g = GEOMETRY;
    int hw = get_global_id(1), b = get_global_id(2), head = hw % heads;
    window w = find_window(g, hw / heads);
    size_t group = (size_t)b * get_global_size(1) + hw;
    query_values values = QUERY_VALUES(group);
    rows q = {q_all + (size_t)b * q_h * q_w * q_stride + q_col + head * D, q_stride};
    const int tiles_h = (ROWS_H + OWN - 1) / OWN;
    int tile = get_group_id(0), is_row = tile < tiles_h, side = is_row ? REL_H : REL_W;
    int first = (is_row ? tile : tile - tiles_h) * OWN, count = min(OWN, 2 * side - 1 - first);
    __global const float *ds = is_row ? values.d_by_row : values.d_by_col;
    int queries = w.q_rows * w.q_cols;

    float4 sum[RI][N4];
    clear_rows(sum);
    for (int slot0 = 0; slot0 < queries; slot0 += SEEN) {
        int found = min(SEEN, queries - slot0);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_queries(q_tile, SEEN, q, g, w, slot0, found);
        for (int e = item; e < SEEN * OWN; e += ITEMS) {
            int j = e % SEEN, slot = slot0 + j, at = is_row ? slot / w.q_cols : slot % w.q_cols;
            int key = at + side - 1 - (first + e / SEEN), met = key >= 0 && key < side && j < found;
            weights[j * WEIGHTS + e / SEEN] = met ? ds[(size_t)key * slots + slot] : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        add_weighted(sum, weights, q_tile, tx, ty);
    }
    __global float *part =
        workspace + parts_at + (group * TABLE_ROWS + (is_row ? 0 : ROWS_H) + first) * D;
    for (int r = 0; r < RI && ty * RI + r < count; r++)
        for (int n = 0; n < N4; n++)
            store4(part + (ty * RI + r) * D, tx + TX * n, sum[r][n]);
}

/* Work-item per value of both tables, the tables' rows in their order: sums the parts. */
__kernel void sum_table_parts(__global const float *workspace, long parts_at, __global float *dh,
                              __global float *dw, int groups)
{
    int i = get_global_id(0);
    if (i >= TABLE_ROWS * D)
        return;
    float sum = 0;
    for (int group = 0; group < groups; group++)
        sum += workspace[parts_at + (size_t)group * TABLE_ROWS * D + i];
    if (i < ROWS_H * D && dh)
        dh[i] = sum;
    if (i >= ROWS_H * D && dw)
        dw[i - ROWS_H * D] = sum;
}
