/* attention_padded_token.cl - the gradient of the padded token, which all windows share. Set by the
 * host: D. */

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
