/* attention_tables.cl - what the tables of relative positions give to attention's logits, and the
 * parts of their gradients, for GPUs. */
#include "attention_tile.cl"

#define ROWS_H     (2 * REL_H - 1)
#define TABLE_ROWS (ROWS_H + 2 * REL_W - 1)

/* Group (tile of queries, for the rows and again for the columns; window and head; batch item): the
 * relative terms q . table row (at - key + side - 1), by products with every row of the table, of
 * which those that a query's place meets are kept. */
__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
relative_terms(__global const float *q_all, __global const float *rel_h,
               __global const float *rel_w, int heads, int q_stride, int q_col, QUERY_VALUES_PARAMS,
               GEOMETRY_PARAMS)
{
    __local float4 q_own[OWN * ROW], tile[SEEN * ROW];
    PLACE;
    rows q = HEAD_ROWS(QUERIES, q, 0, q_h * q_w);
    int is_row = get_group_id(0) % 2, side = is_row ? REL_H : REL_W;
    rows table = {TABLE, is_row ? rel_h : rel_w, 0, D, 0, 0};
    __global float *terms = is_row ? values.by_row : values.by_col;
    q.first = get_group_id(0) / 2 * OWN;
    q.count = min(OWN, w.q_rows * w.q_cols - q.first);
    load_own(q_own, q);
    for (int t = 0; t < 2 * side - 1; t += SEEN) {
        float product[RI][KJ];
        table.first = t;
        table.count = min(SEEN, 2 * side - 1 - t);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_seen(tile, table);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(product, q_own, tile, me);
        EACH (r, RI) {
            int slot = q.first + OWN_ROW(r), at = is_row ? slot / w.q_cols : slot % w.q_cols;
            EACH (c, KJ) {
                int key = at + side - 1 - (t + SEEN_ROW(c));
                if (OWN_ROW(r) < q.count && key >= 0 && key < side)
                    terms[(size_t)key * slots + slot] = product[r][c];
            }
        }
    }
}

/* Group (tile of a table's rows, of both tables; window and head; batch item): sums q ds over the
 * queries and the key row or column that meet at the distance of each table row. */
__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
make_table_parts(__global const float *q_all, int heads, int q_stride, int q_col, long parts_at,
                 QUERY_VALUES_PARAMS, GEOMETRY_PARAMS)
{
    __local float4 q_tile[SEEN * ROW], weight_tile[WEIGHT_TILE];
    __local float *weights = (__local float *)weight_tile;
    PLACE;
    rows q = HEAD_ROWS(QUERIES, q, 0, q_h * q_w);
    const int tiles_h = (ROWS_H + OWN - 1) / OWN;
    int tile = get_group_id(0), is_row = tile < tiles_h, side = is_row ? REL_H : REL_W;
    int first = (is_row ? tile : tile - tiles_h) * OWN, count = min(OWN, 2 * side - 1 - first);
    __global const float *ds = is_row ? values.d_by_row : values.d_by_col;
    int queries = w.q_rows * w.q_cols;

    chunk sum[RI][CHUNKS];
    clear_rows(sum);
    for (int slot0 = 0; slot0 < queries; slot0 += SEEN) {
        float met[RI][KJ];
        q.first = slot0;
        q.count = min(SEEN, queries - slot0);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_seen(q_tile, q);
        EACH (c, KJ) {
            int slot = slot0 + SEEN_ROW(c), at = is_row ? slot / w.q_cols : slot % w.q_cols;
            EACH (r, RI) {
                int key = at + side - 1 - (first + OWN_ROW(r));
                bool meets = key >= 0 && key < side && SEEN_ROW(c) < q.count;
                met[r][c] = meets ? ds[(size_t)key * slots + slot] : 0.0f;
            }
        }
        if (PASS_WEIGHTS)
            keep_weights(weights, met, me);
        barrier(CLK_LOCAL_MEM_FENCE);
        add_weighted(sum, weights, met, q_tile, me);
    }
    __global float *part =
        workspace + parts_at + (group * TABLE_ROWS + (is_row ? 0 : ROWS_H) + first) * D;
    EACH (r, RI)
        if (OWN_ROW(r) < count)
            store_row(part + OWN_ROW(r) * D, sum[r], me);
}
