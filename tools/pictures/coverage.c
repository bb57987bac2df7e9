#include "pictures/coverage.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCANS 5 /* lines per row of pixels */

scl_status scl_coverage_make(scl_coverage *coverage, int width, int height, scl_error *err)
{
    size_t count = (size_t)width * (size_t)height;
    size_t longest = (size_t)(width > height ? width : height);
    *coverage = (scl_coverage){.width = width,
                               .height = height,
                               .values = scl_calloc(count, sizeof(float)),
                               .line = scl_calloc(longest, sizeof(float))};
    if (coverage->values != NULL && coverage->line != NULL)
        return SCL_OK;
    scl_coverage_free(coverage);
    return scl_out_of_memory(err, count * sizeof(float), "a picture");
}

void scl_coverage_free(scl_coverage *coverage)
{
    scl_free(coverage->values);
    scl_free(coverage->line);
    *coverage = (scl_coverage){0};
}

static float *row_of(const scl_coverage *coverage, int y)
{
    return coverage->values + (size_t)y * (size_t)coverage->width;
}

static void forget(scl_coverage *coverage)
{
    for (int y = coverage->y0; y < coverage->y1; y++)
        memset(row_of(coverage, y) + coverage->x0, 0,
               (size_t)(coverage->x1 - coverage->x0) * sizeof(float));
    coverage->x0 = coverage->y0 = coverage->x1 = coverage->y1 = 0;
}

static int pixel(double value, int end)
{
    return (int)scl_limit(floor(value), 0, end);
}

/* The pixels within `margin` of the outline. */
static void set_box(scl_coverage *coverage, const scl_outline *outline, double margin)
{
    double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
    for (int i = 0; i < outline->count; i++)
        for (int k = 0; k < 2; k++) {
            double value = outline->points[i][k];
            low[k] = value < low[k] ? value : low[k];
            high[k] = value > high[k] ? value : high[k];
        }
    coverage->x0 = pixel(low[0] - margin, coverage->width);
    coverage->y0 = pixel(low[1] - margin, coverage->height);
    coverage->x1 = pixel(high[0] + margin + 1, coverage->width);
    coverage->y1 = pixel(high[1] + margin + 1, coverage->height);
}

typedef struct crossing {
    double x;
    int winding;
} crossing;

static int by_x(const void *a, const void *b)
{
    double x = ((const crossing *)a)->x, y = ((const crossing *)b)->x;
    return (x > y) - (x < y);
}

/* The next point of the same contour. */
static int next_point(const scl_outline *outline, int i)
{
    if (i + 1 == outline->hole)
        return 0;
    return i + 1 == outline->count ? outline->hole : i + 1;
}

static int find_crossings(const scl_outline *outline, double y, crossing *found)
{
    int count = 0;
    for (int i = 0; i < outline->count; i++) {
        const double *a = outline->points[i], *b = outline->points[next_point(outline, i)];
        if ((a[1] <= y) == (b[1] <= y))
            continue;
        found[count].x = a[0] + (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1]);
        found[count].winding = a[1] <= y ? 1 : -1;
        count++;
    }
    qsort(found, (size_t)count, sizeof *found, by_x);
    return count;
}

static void add_span(float *row, int width, double from, double to)
{
    from = scl_limit(from, 0, width);
    to = scl_limit(to, 0, width);
    for (int x = (int)from; x < to; x++) {
        double left = from > x ? from : x, right = to < x + 1 ? to : x + 1;
        row[x] += (float)((right - left) / SCANS);
    }
}

void scl_coverage_fill(scl_coverage *coverage, const scl_outline *outline)
{
    crossing found[SCL_OUTLINE_POINTS];
    forget(coverage);
    if (outline->width > 0) {
        scl_coverage_stroke(coverage, outline, outline->width);
        return;
    }
    set_box(coverage, outline, 0);
    for (int y = coverage->y0; y < coverage->y1; y++)
        for (int scan = 0; scan < SCANS; scan++) {
            int count = find_crossings(outline, y + (scan + 0.5) / SCANS, found);
            for (int i = 0, winding = 0; i + 1 < count; i++) {
                winding += found[i].winding;
                if (winding != 0)
                    add_span(row_of(coverage, y), coverage->width, found[i].x, found[i + 1].x);
            }
        }
}

static double distance_to_line(const double *a, const double *b, double x, double y)
{
    double dx = b[0] - a[0], dy = b[1] - a[1], length = dx * dx + dy * dy;
    double part = length > 0 ? scl_limit(((x - a[0]) * dx + (y - a[1]) * dy) / length, 0, 1) : 0;
    dx = x - a[0] - part * dx;
    dy = y - a[1] - part * dy;
    return sqrt(dx * dx + dy * dy);
}

static void stroke_line(scl_coverage *coverage, const double *a, const double *b, double width)
{
    double reach = width / 2 + 1;
    int x0 = pixel((a[0] < b[0] ? a[0] : b[0]) - reach, coverage->width);
    int x1 = pixel((a[0] > b[0] ? a[0] : b[0]) + reach + 1, coverage->width);
    int y0 = pixel((a[1] < b[1] ? a[1] : b[1]) - reach, coverage->height);
    int y1 = pixel((a[1] > b[1] ? a[1] : b[1]) + reach + 1, coverage->height);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            double inside = width / 2 + 0.5 - distance_to_line(a, b, x + 0.5, y + 0.5);
            float value = (float)scl_limit(inside, 0, 1), *at = row_of(coverage, y) + x;
            *at = value > *at ? value : *at;
        }
}

void scl_coverage_stroke(scl_coverage *coverage, const scl_outline *outline, double width)
{
    forget(coverage);
    set_box(coverage, outline, width / 2 + 1);
    for (int i = 0; i < outline->count; i++) {
        if (outline->width > 0 && i + 1 == outline->count)
            break;
        stroke_line(coverage, outline->points[i], outline->points[next_point(outline, i)], width);
    }
}

void scl_coverage_copy(scl_coverage *coverage, const scl_coverage *from)
{
    forget(coverage);
    coverage->x0 = from->x0;
    coverage->y0 = from->y0;
    coverage->x1 = from->x1;
    coverage->y1 = from->y1;
    for (int y = from->y0; y < from->y1; y++)
        memcpy(row_of(coverage, y) + from->x0, row_of(from, y) + from->x0,
               (size_t)(from->x1 - from->x0) * sizeof(float));
}

/* The mean over 2 radius + 1 of `count` values that lie `stride` apart; beyond them all is 0. */
static void blur_line(float *values, size_t stride, int count, int radius, float *line)
{
    for (int i = 0; i < count; i++)
        line[i] = values[(size_t)i * stride];
    double sum = 0, size = 2 * radius + 1;
    for (int i = 0; i < radius && i < count; i++)
        sum += (double)line[i];
    for (int i = 0; i < count; i++) {
        sum += i + radius < count ? (double)line[i + radius] : 0;
        sum -= i - radius - 1 >= 0 ? (double)line[i - radius - 1] : 0;
        values[(size_t)i * stride] = (float)(sum / size);
    }
}

void scl_coverage_blur(scl_coverage *coverage, int radius)
{
    if (radius < 1)
        return;
    int grow = 2 * radius;
    coverage->x0 = coverage->x0 > grow ? coverage->x0 - grow : 0;
    coverage->y0 = coverage->y0 > grow ? coverage->y0 - grow : 0;
    coverage->x1 = pixel((double)coverage->x1 + grow, coverage->width);
    coverage->y1 = pixel((double)coverage->y1 + grow, coverage->height);
    int across = coverage->x1 - coverage->x0, down = coverage->y1 - coverage->y0;
    for (int pass = 0; pass < 2; pass++) {
        for (int y = coverage->y0; y < coverage->y1; y++)
            blur_line(row_of(coverage, y) + coverage->x0, 1, across, radius, coverage->line);
        for (int x = coverage->x0; x < coverage->x1; x++)
            blur_line(row_of(coverage, coverage->y0) + x, (size_t)coverage->width, down, radius,
                      coverage->line);
    }
}

double scl_coverage_at(const scl_coverage *coverage, int x, int y)
{
    if (x < 0 || y < 0 || x >= coverage->width || y >= coverage->height)
        return 0;
    return (double)row_of(coverage, y)[x];
}
