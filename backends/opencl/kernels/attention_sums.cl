/* attention_sums.cl - gradients of what all windows share: the padded token, and the relative
 * position tables. Set by the host: D. */
#include "attention_geometry.cl"

/* Work-item per column of the padded token: sums the parts [batch][window][head][tiles][2 D] of
 * its head, in order; 0 in columns that are neither k nor v. */
__kernel void sum_pad_parts(__global const float *workspace, long parts_at, __global float *dpad,
                            int columns, int batch, int windows, int heads, int tiles, int k_col,
                            int v_col)
{
    __global const float *parts = workspace + parts_at;
    int c = get_global_id(0), width = heads * D;
    if (c >= columns)
        return;
    int from_k = c - k_col, from_v = c - v_col;
    bool is_k = from_k >= 0 && from_k < width, is_v = from_v >= 0 && from_v < width;
    int head = (is_k ? from_k : from_v) / D, l = (is_k ? from_k : from_v) % D + (is_k ? 0 : D);
    float sum = 0;
    if (is_k || is_v)
        for (int bw = 0; bw < batch * windows; bw++)
            for (int t = 0; t < tiles; t++)
                sum += parts[(((size_t)bw * heads + head) * tiles + t) * 2 * D + l];
    dpad[c] = sum;
}

/* The sum of q[l..] ds over every query and the key row (or column) that sees it at distance t;
 * T is float or floatV. */
#define TABLE_SUM(T, name, load)                                                                   \
    static inline T name(__global const float *q_all, __global const float *ds_all, int batch,     \
                         int heads, int q_stride, int side, int slots, int is_width, int t,        \
                         geometry g)                                                               \
    {                                                                                              \
        T sum = 0;                                                                                 \
        for (int group = 0; group < batch * g.windows * heads; group++) {                          \
            int b = group / (g.windows * heads), head = group % heads;                             \
            window w = find_window(g, group / heads % g.windows);                                  \
            __global const float *q = q_all + (size_t)b * g.q_h * g.q_w * q_stride + head * D;     \
            __global const float *ds = ds_all + (size_t)group * side * slots;                      \
            int shift = side - 1 - t, far = is_width ? w.q_cols : w.q_rows;                        \
            int from = max(0, -shift), to = min(far, side - shift);                                \
            int y_from = is_width ? 0 : from, y_to = is_width ? w.q_rows : to;                     \
            int x_from = is_width ? from : 0, x_to = is_width ? to : w.q_cols;                     \
            for (int y = y_from; y < y_to; y++)                                                    \
                for (int x = x_from; x < x_to; x++) {                                              \
                    int i = y * w.q_cols + x, key = (is_width ? x : y) + shift;                    \
                    __global const float *row = q + (size_t)query_token(g, w, i) * q_stride;       \
                    sum += load * ds[key * slots + i];                                             \
                }                                                                                  \
        }                                                                                          \
        return sum;                                                                                \
    }
TABLE_SUM(float, table_sum_one, row[0])
TABLE_SUM(floatV, table_sum_wide, vloadV(0, row))

/* Work-item (V columns, table row t). ds [batch][window][head][side][slots] in the workspace. */
__kernel void sum_table(__global const float *q_all, __global const float *workspace, long ds_at,
                        __global float *table, int batch, int heads, int q_stride, int q_col,
                        int side, int slots, int is_width, GEOMETRY_PARAMS)
{
    geometry g = GEOMETRY;
    int l = get_global_id(0) * V, t = get_global_id(1);
    __global const float *ds = workspace + ds_at, *q = q_all + q_col;
    if (l + V <= D)
        vstoreV(table_sum_wide(q + l, ds, batch, heads, q_stride, side, slots, is_width, t, g), 0,
                table + t * D + l);
    else
        for (; l < D; l++)
            table[t * D + l] =
                table_sum_one(q + l, ds, batch, heads, q_stride, side, slots, is_width, t, g);
}
