/* coverage.h — how much of each pixel an outline covers: filling, stroking, blurring. */
#ifndef SCL_PICTURES_COVERAGE_H
#define SCL_PICTURES_COVERAGE_H

#include "base/status.h"
#include "pictures/outline.h"

/* Values [height, width] in 0..1, all 0 outside the box x0 <= x < x1, y0 <= y < y1, which lies in
 * the picture. Pixel (i, j) is the square [i, i+1) x [j, j+1). One thread. */
typedef struct scl_coverage {
    int width, height;
    float *values;
    float *line; /* working memory */
    int x0, y0, x1, y1;
} scl_coverage;

/* Nothing covered. SCL_DEVICE when out of memory. Free with scl_coverage_free. */
scl_status scl_coverage_make(scl_coverage *coverage, int width, int height, scl_error *err);
void scl_coverage_free(scl_coverage *coverage);

/* Each of these first forgets what was covered. */
void scl_coverage_fill(scl_coverage *coverage, const scl_outline *outline);
/* A pen of that width along the whole outline. */
void scl_coverage_stroke(scl_coverage *coverage, const scl_outline *outline, double width);
void scl_coverage_copy(scl_coverage *coverage, const scl_coverage *from);

/* Twice the mean over 2 radius + 1 pixels in both directions. */
void scl_coverage_blur(scl_coverage *coverage, int radius);

/* 0 outside the picture. */
double scl_coverage_at(const scl_coverage *coverage, int x, int y);

#endif
