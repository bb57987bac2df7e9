#include "data/coverage.h"

#include "data/mask_file.h"

/* Pixels from .. to-1 of a row or column lie in [low, high), the first and last perhaps in part. */
typedef struct span {
    double low, high;
    int from, to;
} span;

static span span_of(int index, int length, int scaled)
{
    double step = (double)length / scaled, low = index * step, high = (index + 1) * step;
    span s = {low, high, (int)low, (int)high};
    s.to += s.to < high; /* a part of one more */
    s.to = s.to < length ? s.to : length;
    return s;
}

/* The part of pixel i that the span covers. */
static double part_of(const span *s, int i)
{
    double low = i > s->low ? i : s->low, high = i + 1 < s->high ? i + 1 : s->high;
    return high - low;
}

typedef struct areas {
    double object, counted;
} areas;

static areas measure(const int32_t *ids, int32_t id, int width, const span *rows,
                     const span *columns)
{
    areas sum = {0};
    for (int y = rows->from; y < rows->to; y++) {
        const int32_t *row = ids + (size_t)y * (size_t)width;
        areas line = {0};
        for (int x = columns->from; x < columns->to; x++) {
            double part = part_of(columns, x);
            line.object += row[x] == id ? part : 0;
            line.counted += row[x] != SCL_MASK_IGNORED ? part : 0;
        }
        double part = part_of(rows, y);
        sum.object += part * line.object;
        sum.counted += part * line.counted;
    }
    return sum;
}

void scl_coverage(const scl_frame *frame, const int32_t *ids, int32_t id, float *target,
                  float *weight)
{
    double whole =
        (double)frame->width / frame->scaled_width * frame->height / frame->scaled_height;
    for (int y = 0; y < frame->side; y++) {
        span rows = span_of(y, frame->height, frame->scaled_height);
        for (int x = 0; x < frame->side; x++, target++, weight++) {
            *target = *weight = 0;
            if (y >= frame->scaled_height || x >= frame->scaled_width)
                continue;
            span columns = span_of(x, frame->width, frame->scaled_width);
            areas a = measure(ids, id, frame->width, &rows, &columns);
            if (2 * a.counted < whole * (1 - 1e-9) || a.counted <= 0)
                continue;
            *target = (float)(a.object / a.counted);
            *weight = 1;
        }
    }
}
