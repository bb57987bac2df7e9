/* plane.cl - the distance of each pixel of a plane to the nearest where x > 0: first within its
 * column, then over the columns. Squares are whole numbers and exact. */

#define FAR 16384 /* more than a side has */

/* oclgrind 21.10 takes a number beside a vector in min for the first lane alone: give vectors. */
#define LOAD(p)     vloadV(0, p)
#define STORE(x, p) CAT(vstore, V)(x, 0, p)

/* in [planes, height, width] -> near, the distances within columns; FAR: none there. Work-item
 * (stretch of columns, plane). */
__kernel void distance_columns(__global const float *in, __global int *near, int height, int width)
{
    int first = get_global_id(0) * STRETCH, end = STRETCH_END(first, width);
    size_t plane = (size_t)get_global_id(1) * height * width;
    in += plane;
    near += plane;
    FOR_RANGE(first, end, STORE(FAR & ~(LOAD(in + i) > 0.0f), near + i),
              near[i] = in[i] > 0.0f ? 0 : FAR);
    for (int y = 1; y < height; y++) {
        __global const int *above = near;
        in += width;
        near += width;
        FOR_RANGE(first, end,
                  STORE(min(LOAD(above + i) + 1, (intV)(FAR)) & ~(LOAD(in + i) > 0.0f), near + i),
                  near[i] = in[i] > 0.0f ? 0 : min(above[i] + 1, FAR));
    }
    for (int y = height - 2; y >= 0; y--) {
        __global const int *below = near;
        near -= width;
        FOR_RANGE(first, end, STORE(min(LOAD(near + i), LOAD(below + i) + 1), near + i),
                  near[i] = min(near[i], below[i] + 1));
    }
}

/* The squares best[i - first] of pixels from .. to - 1 of a row, with the columns `shift` off. */
static inline void try_columns(__global const int *near, int *best, int first, int from, int to,
                               int shift)
{
    int across = shift * shift;
    near += shift;
    FOR_RANGE(from, to, intV down = LOAD(near + i); int *to_best = best + (i - first);
              STORE(min(LOAD(to_best), down * down + across), to_best),
              best[i - first] = min(best[i - first], near[i] * near[i] + across));
}

static inline int most_of(const int *best, int count)
{
    int most = 0;
    for (int i = 0; i < count; i++)
        most = max(most, best[i]);
    return most;
}

/* near [rows, width] -> out; work-item (stretch of columns, `each` rows). Columns are tried
 * outwards, until even the row's nearest pixel, put there, would be too far for all. */
__kernel void distance_rows(__global const int *near, __global float *out, int width, int rows,
                            int each)
{
    int first = get_global_id(0) * STRETCH, end = STRETCH_END(first, width);
    int row = get_global_id(1) * each, last = min(row + each, rows), best[STRETCH];
    near += (size_t)row * width;
    out += (size_t)row * width;
    for (; row < last; row++, near += width, out += width) {
        int least = FAR, most = FAR * FAR;
        for (int x = 0; x < width; x++)
            least = min(least, near[x]);
        for (int x = first; x < end; x++)
            best[x - first] = near[x] * near[x];
        for (int r = 1; r < width && r * r + least * least < most; r++) {
            try_columns(near, best, first, max(first, r), end, -r);
            try_columns(near, best, first, first, min(end, width - r), r);
            if (r % 8 == 0)
                most = most_of(best, end - first);
        }
        for (int x = first; x < end; x++)
            out[x] = least < FAR ? sqrt((float)best[x - first]) : 0.0f;
    }
}
