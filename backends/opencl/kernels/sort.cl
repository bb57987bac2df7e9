/* sort.cl - the order of a row's values. The host defines
 *   ITEMS  work-items of the group that sorts a row, 1 on CPU devices
 *   BITS   of the digits it sorts by */

#define BINS   (1 << BITS)
#define PASSES ((32 + BITS - 1) / BITS)

#define INF_BITS 0x7f800000u

/* Numbers that rise where values fall: NaN is before all, and -0 is 0. Made of the bits alone, as a
 * device may take the smallest values for 0. */
static inline uint sort_key(float x)
{
    uint u = as_uint(x), magnitude = u & 0x7fffffff;
    bool negative = u != magnitude && magnitude != 0;
    return magnitude > INF_BITS ? 0 : negative ? u : 0x7fffffff - magnitude;
}

/* Numbers of values to the places where they begin: counts[bin][item] in that order. */
static inline void counts_to_places(__local int *counts, __local int *sums)
{
    int item = get_local_id(0), total = 0, before = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = item * BINS; i < (item + 1) * BINS; i++)
        total += counts[i];
    sums[item] = total;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < item; i++)
        before += sums[i];
    for (int i = item * BINS; i < (item + 1) * BINS; i++) {
        int count = counts[i];
        counts[i] = before;
        before += count;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* in [rows, n] -> out [rows, n], a group per row: sorts by digits from the lowest on, each
 * work-item a share of the row, from `spare` to `out` and back. */
__kernel void argsort_rows(__global const float *in, __global int *out, __global int *spare, int n)
{
    __local int counts[BINS * ITEMS], sums[ITEMS];
    int item = get_local_id(0), share = (n + ITEMS - 1) / ITEMS;
    int first = min(item * share, n), end = min(first + share, n);
    size_t row = (size_t)get_group_id(0) * n;
    in += row;
    for (int pass = 0; pass < PASSES; pass++) {
        bool to_out = (PASSES - pass) % 2 != 0;
        __global const int *from = (to_out ? spare : out) + row;
        __global int *to = (to_out ? out : spare) + row;
        for (int b = 0; b < BINS; b++)
            counts[b * ITEMS + item] = 0;
        for (int i = first; i < end; i++) {
            uint key = sort_key(in[pass == 0 ? i : from[i]]);
            counts[(key >> (pass * BITS)) % BINS * ITEMS + item]++;
        }
        counts_to_places(counts, sums);
        for (int i = first; i < end; i++) {
            int index = pass == 0 ? i : from[i];
            uint key = sort_key(in[index]);
            to[counts[(key >> (pass * BITS)) % BINS * ITEMS + item]++] = index;
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
}
