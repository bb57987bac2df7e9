/* Sorting, moving values in an order, and distances in planes. */
#include "reference/reference.h"

#include <math.h>

/* Whether x stands before y: NaN, then the larger, and of equal values the first. */
static bool stands_before(const double *row, int64_t x, int64_t y)
{
    bool nan_x = isnan(row[x]), nan_y = isnan(row[y]);
    if (nan_x || nan_y || row[x] == row[y])
        return nan_x != nan_y ? nan_x : x < y;
    return row[x] > row[y];
}

void reference_argsort(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    int32_t *order = (int32_t *)(void *)a->out[0];
    for (int64_t o = 0; o < p->outer; o++)
        for (int64_t i = 0; i < p->size; i++) {
            const double *row = a->in[0] + o * p->size;
            int64_t place = 0;
            for (int64_t k = 0; k < p->size; k++)
                place += stands_before(row, k, i);
            order[o * p->size + place] = (int32_t)i;
        }
}

void reference_reorder(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    const int32_t *order = reference_ids(a, 1);
    for (int64_t i = 0; i < p->outer * p->size; i++) {
        int64_t from = i / p->size * p->size + order[i];
        a->out[0][p->start ? from : i] = a->in[0][p->start ? i : from];
    }
}

/* Of pixel (y, x) of a plane. */
static double distance_at(const double *plane, int64_t height, int64_t width, int64_t y, int64_t x)
{
    double least = INFINITY;
    for (int64_t v = 0; v < height; v++)
        for (int64_t u = 0; u < width; u++)
            if (plane[v * width + u] > 0)
                least = fmin(least, hypot((double)(v - y), (double)(u - x)));
    return isinf(least) ? 0 : least;
}

void reference_distance(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    int64_t height = p->size, width = p->inner, pixels = height * width;
    for (int64_t i = 0; i < p->outer * pixels; i++)
        a->out[0][i] = distance_at(a->in[0] + i / pixels * pixels, height, width,
                                   i % pixels / width, i % width);
}
