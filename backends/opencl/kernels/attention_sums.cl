/* attention_sums.cl - gradients that windows and heads share: sums of the parts that they left in
 * the workspace. Set by the host: D. */

#define SUM_PARTS(T, at)                                                                           \
    T sum = 0;                                                                                     \
    for (int p = 0; p < parts; p++)                                                                \
        sum += at(from + (size_t)p * stride + i);

/* Work-item per V values: sums the parts [parts][stride] of the first `count` values, in order. */
__kernel void sum_parts(__global const float *workspace, long parts_at, __global float *to,
                        int count, int parts, int stride)
{
    __global const float *from = workspace + parts_at;
    int first = get_global_id(0) * V, end = min(first + V, count);
    FOR_RANGE(first, end, SUM_PARTS(floatV, VECTOR_AT) vstoreV(sum, 0, to + i),
              SUM_PARTS(float, FLOAT_AT) to[i] = sum);
}

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
