/* probe.cl - the least that every other kernel relies on: vectors, loops over rows, group sums. */
__kernel void probe_row_sums(__global const float *rows, __global float *sums, int n)
{
    GROUP_SCRATCH
    __global const float *row = rows + get_group_id(0) * n;
    floatV wide = 0;
    float rest = 0;
    FOR_ROW(n, wide += vloadV(0, row + i), rest += row[i]);
    float total = group_sum(sumV(wide) + rest);
    if (get_local_id(0) == 0)
        sums[get_group_id(0)] = total;
}
