/* shape.cl - sums along axes, and copies of ranges. */

/* in [outer, size, 1] -> out [outer, splits]: group (s, o) sums its share of row o. */
__kernel void sum_rows(__global const float *in, __global float *out, int size, int splits,
                       int share)
{
    GROUP_SCRATCH
    int s = get_group_id(0), o = get_group_id(1);
    int n = min(share, size - s * share);
    __global const float *row = in + (size_t)o * size + (size_t)s * share;
    floatV wide = 0;
    float rest = 0;
    FOR_ROW(n, wide += vloadV(0, row + i), rest += row[i]);
    float total = group_sum(sumV(wide) + rest);
    if (get_local_id(0) == 0)
        out[(size_t)o * splits + s] = total;
}

/* in [outer, size, inner] -> out [outer, splits, inner]: a work-item sums V columns of its share of
 * the rows. */
__kernel void sum_columns(__global const float *in, __global float *out, int size, int inner,
                          int splits, int share)
{
    int i = get_global_id(0) * V, s = get_global_id(1), o = get_global_id(2);
    if (i >= inner)
        return;
    int n = min(share, size - s * share);
    __global const float *from = in + ((size_t)o * size + (size_t)s * share) * inner + i;
    __global float *to = out + ((size_t)o * splits + s) * inner + i;
    if (i + V <= inner) {
        floatV total = 0;
        for (int r = 0; r < n; r++, from += inner)
            total += vloadV(0, from);
        vstoreV(total, 0, to);
    } else {
        for (int c = 0; i + c < inner; c++) {
            float total = 0;
            for (int r = 0; r < n; r++)
                total += from[(size_t)r * inner + c];
            to[c] = total;
        }
    }
}

/* Copies a run of `run` values per row, and fills the rest of [0, fill) with zeros where `fill` is
 * not 0: out row stride out_step, run at out_start; in row stride in_step, run at in_start. */
__kernel void copy_runs(__global const float *in, __global float *out, int run, long in_start,
                        long in_step, long out_start, long out_step, long fill)
{
    long i = get_global_id(0), row = get_global_id(1);
    if (fill > 0) {
        if (i < fill)
            out[row * out_step + i] = i >= out_start && i < out_start + run
                                          ? in[row * in_step + i - out_start + in_start]
                                          : 0.0f;
    } else if (i < run) {
        out[row * out_step + out_start + i] = in[row * in_step + in_start + i];
    }
}
