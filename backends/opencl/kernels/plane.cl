/* plane.cl - the distance of each pixel of a plane to the nearest where x > 0: first within its
 * column, then over the columns. Squares are whole numbers and exact. */

#define FAR 16384 /* more than a side has */

/* in [planes, height, width] -> near, the distances within columns; FAR and more: none there.
 * Work-item (stretch of columns, plane). */
__kernel void distance_columns(__global const float *in, __global int *near, int height, int width)
{
    int first = get_global_id(0) * STRETCH, end = STRETCH_END(first, width);
    size_t plane = (size_t)get_global_id(1) * height * width;
    in += plane;
    near += plane;
    for (int x = first; x < end; x++)
        near[x] = in[x] > 0.0f ? 0 : FAR;
    for (int y = 1; y < height; y++)
        for (int x = first; x < end; x++) {
            int at = y * width + x;
            near[at] = in[at] > 0.0f ? 0 : min(near[at - width] + 1, FAR);
        }
    for (int y = height - 2; y >= 0; y--)
        for (int x = first; x < end; x++) {
            int at = y * width + x;
            near[at] = min(near[at], near[at + width] + 1);
        }
}

/* near [rows, width] -> out; work-item (stretch of columns, `each` rows). Columns are tried
 * outwards, until even the row's nearest pixel, put there, would be too far. */
__kernel void distance_rows(__global const int *near, __global float *out, int width, int rows,
                            int each)
{
    int first = get_global_id(0) * STRETCH, end = STRETCH_END(first, width);
    int row = get_global_id(1) * each, last = min(row + each, rows);
    for (; row < last; row++) {
        __global const int *columns = near + (size_t)row * width;
        int least = FAR;
        for (int x = 0; x < width; x++)
            least = min(least, columns[x]);
        for (int x = first; x < end; x++) {
            int best = columns[x] * columns[x];
            for (int r = 1; r < width && r * r + least * least < best; r++) {
                int left = x >= r ? columns[x - r] : FAR;
                int right = x + r < width ? columns[x + r] : FAR;
                int down = min(left, right);
                best = min(best, r * r + down * down);
            }
            out[(size_t)row * width + x] = least < FAR ? sqrt((float)best) : 0.0f;
        }
    }
}
