/* probe_mma.cl - one product on matrix units: C [16][8] = A [16][8] B [8][8], A before B. */
#include "mma.cl"

__kernel __attribute__((reqd_work_group_size(WARP, 1, 1))) void probe_mma(__global const float *ab,
                                                                          __global float *to, int n)
{
    int item = get_local_id(0), g = LANE_ROW(item), t = LANE_COLUMN(item);
    __global const float *b_rows = ab + 16 * n;
    part_a a[1];
    part_b b[1];
    float c[1][1][4] = {{{0, 0, 0, 0}}};
    EACH (e, 4)
        SPLIT(a[0], e, ab[(g + e % 2 * 8) * n + t + e / 2 * 4]);
    EACH (e, 2)
        SPLIT(b[0], e, b_rows[(t + 4 * e) * n + g]);
    MMA(c, a, b, 1, 1);
    EACH (e, 4)
        to[(g + e / 2 * 8) * n + 2 * t + e % 2] = c[0][0][e];
}
