/* shape.cl - sums along axes, copies of ranges, and values in an order. */

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

/* partial [outputs, n] -> out_k [count_k], each the sum of n / count_k neighbours: group (o, k)
 * makes value o of output k. */
#define EACH_SUM(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define SUM_ARGS(k) __global float *out##k, int count##k,
#define SUM_CASE(k)                                                                                \
    if (which == k) {                                                                              \
        out = out##k;                                                                              \
        count = count##k;                                                                          \
    }
__kernel void finish_sums(EACH_SUM(SUM_ARGS) __global const float *partial, int n)
{
    GROUP_SCRATCH
    int o = get_group_id(0), which = get_group_id(1), count = 0;
    __global float *out = out0;
    EACH_SUM(SUM_CASE)
    if (o >= count)
        return;
    int size = n / count;
    __global const float *from = partial + (size_t)which * n + (size_t)o * size;
    float mine = 0;
    for (int i = get_local_id(0); i < size; i += LSZ)
        mine += from[i];
    float total = group_sum(mine);
    if (get_local_id(0) == 0)
        out[o] = total;
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
            total[c] += (vloadV(c, from) + vloadV(c, second)) +
                        (vloadV(c, third) + vloadV(c, fourth));
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

/* in [outer, size, 1] -> out, its running sums, or those from the row's end: a group has a stretch
 * of `each` rows, and each of its work-items a share of a row. */
__kernel void cumsum_rows(__global const float *in, __global float *out, int size, int from_end,
                          int outer, int each)
{
    __local float sums[LSZ];
    int item = get_local_id(0), share = (size + LSZ - 1) / LSZ;
    int first = min(item * share, size), end = min(first + share, size);
    int row = get_group_id(0) * each, last = min(row + each, outer);
    int start = from_end ? size - 1 : 0, step = from_end ? -1 : 1;
    for (; row < last; row++) {
        __global const float *from = in + (size_t)row * size + start;
        __global float *to = out + (size_t)row * size + start;
        float total = 0, sum = 0;
        for (int i = first; i < end && LSZ > 1; i++)
            total += from[i * step];
        sums[item] = total;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int i = 0; i < item; i++)
            sum += sums[i];
        for (int i = first; i < end; i++) {
            sum += from[i * step];
            to[i * step] = sum;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* in [outer, size, inner] -> out; work-item (stretch of columns, outer). */
__kernel void cumsum_columns(__global const float *in, __global float *out, int size, int from_end,
                             int inner)
{
    int first = get_global_id(0) * STRETCH, end = STRETCH_END(first, inner);
    size_t start = (size_t)get_global_id(1) * size + (from_end ? size - 1 : 0);
    long step = from_end ? -(long)inner : inner;
    in += start * inner;
    out += start * inner;
    FOR_RANGE(first, end, vstoreV(vloadV(0, in + i), 0, out + i), out[i] = in[i]);
    for (int r = 1; r < size; r++) {
        __global const float *before = out;
        in += step;
        out += step;
        FOR_RANGE(first, end, vstoreV(vloadV(0, before + i) + vloadV(0, in + i), 0, out + i),
                  out[i] = before[i] + in[i]);
    }
}

/* Row by row: values before .. before + run of an output's row, which begins at out_start, are
 * those of the input's row from in_start; the others of its `across` values are zeros. A work-item
 * has a stretch of `each` rows. */
__kernel void copy_runs(__global const float *in, __global float *out, long in_start, long in_step,
                        long out_start, long out_step, long before, long run, long across,
                        long rows, int each)
{
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, across);
    long run_first = max(first, before), run_end = min(end, before + run);
    long row = (long)get_global_id(1) * each, last = min(row + each, rows);
    for (; row < last; row++) {
        __global const float *from = in + row * in_step + in_start - before;
        __global float *to = out + row * out_step + out_start;
        FOR_RANGE(first, min(end, before), vstoreV((floatV)(0), 0, to + i), to[i] = 0);
        FOR_RANGE(run_first, run_end, vstoreV(vloadV(0, from + i), 0, to + i), to[i] = from[i]);
        FOR_RANGE(max(first, before + run), end, vstoreV((floatV)(0), 0, to + i), to[i] = 0);
    }
}

/* [outer, size, count, inner] -> [outer, count, size, inner]; a work-item writes a stretch. */
__kernel void swap(__global const float *in, __global float *out, int size, int count, int inner,
                   long values)
{
    long first = (long)get_global_id(0) * STRETCH, end = STRETCH_END(first, values);
    if (first >= end)
        return;
    long run = first / inner, outer = run / size / count;
    int place = first % inner, row = run % size, column = run / size % count;
    for (int n; first < end; first += n, place = 0) {
        __global const float *from = in + ((outer * size + row) * count + column) * inner + place;
        __global float *to = out + first;
        n = min((long)(inner - place), end - first);
        FOR_RANGE(0, n, vstoreV(vloadV(0, from + i), 0, to + i), to[i] = from[i]);
        if (++row < size)
            continue;
        row = 0;
        if (++column < count)
            continue;
        column = 0;
        outer++;
    }
}

/* out[i] = in[order[i]] in each row, or back: out[order[i]] = in[i]. Work-item (stretch, row). */
__kernel void reorder(__global const float *in, __global const int *order, __global float *out,
                      int n, int back)
{
    int first = get_global_id(0) * STRETCH, end = STRETCH_END(first, n);
    size_t row = (size_t)get_global_id(1) * n;
    in += row;
    order += row;
    out += row;
    for (int i = first; i < end; i++)
        if (back)
            out[order[i]] = in[i];
        else
            out[i] = in[order[i]];
}
