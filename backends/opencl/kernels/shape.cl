/* shape.cl - sums along axes, and copies of ranges. */

/* in [outer, size, 1] -> out [outer, splits]: group (s, .) sums its share of `each` rows. */
__kernel void sum_rows(__global const float *in, __global float *out, int size, int splits,
                       int share, int outer, int each)
{
    GROUP_SCRATCH
    int s = get_group_id(0), first = get_group_id(1) * each, end = min(first + each, outer);
    int n = min(share, size - s * share);
    for (int o = first; o < end; o++) {
        __global const float *row = in + (size_t)o * size + (size_t)s * share;
        floatV wide = 0;
        float rest = 0;
        FOR_ROW(n, wide += vloadV(0, row + i), rest += row[i]);
        float total = group_sum(sumV(wide) + rest);
        if (get_local_id(0) == 0)
            out[(size_t)o * splits + s] = total;
    }
}

/* in [outer, size, inner] -> out [outer, splits, inner]: a work-item sums a stretch of its share of
 * the rows. Rows are read whole, four at a time, so that memory is read in its order. */
__kernel void sum_columns(__global const float *in, __global float *out, int size, int inner,
                          int splits, int share)
{
    int first = get_global_id(0) * STRETCH, s = get_global_id(1), o = get_global_id(2);
    int columns = STRETCH_END(first, inner) - first, whole = columns / V;
    int n = min(share, size - s * share), r = 0;
    __global const float *from = in + ((size_t)o * size + (size_t)s * share) * inner + first;
    __global float *to = out + ((size_t)o * splits + s) * inner + first;
    floatV total[STRETCH / V];
    float rest[V];
    for (int c = 0; c < STRETCH / V && c < whole; c++)
        total[c] = 0;
    for (int c = whole * V; c < columns; c++)
        rest[c - whole * V] = 0;
    for (; r + 4 <= n; r += 4, from += 4 * (size_t)inner) {
        __global const float *second = from + inner, *third = second + inner;
        __global const float *fourth = third + inner;
        for (int c = 0; c < STRETCH / V && c < whole; c++)
            total[c] += vloadV(c, from) + vloadV(c, second) + (vloadV(c, third) + vloadV(c, fourth));
        for (int c = whole * V; c < columns; c++)
            rest[c - whole * V] += from[c] + second[c] + (third[c] + fourth[c]);
    }
    for (; r < n; r++, from += inner) {
        for (int c = 0; c < STRETCH / V && c < whole; c++)
            total[c] += vloadV(c, from);
        for (int c = whole * V; c < columns; c++)
            rest[c - whole * V] += from[c];
    }
    for (int c = 0; c < STRETCH / V && c < whole; c++)
        vstoreV(total[c], c, to);
    for (int c = whole * V; c < columns; c++)
        to[c] = rest[c - whole * V];
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
