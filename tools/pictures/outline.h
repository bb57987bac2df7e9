/* outline.h — the forms that objects have: closed outlines, or an open line to be stroked. */
#ifndef SCL_PICTURES_OUTLINE_H
#define SCL_PICTURES_OUTLINE_H

#include "pictures/noise.h"

#define SCL_OUTLINE_POINTS 192

/* Points in pixels. Closed: one contour, and perhaps a second one, run the other way round, which
 * is a hole in the first. */
typedef struct scl_outline {
    double points[SCL_OUTLINE_POINTS][2];
    int count;
    int hole;     /* index of the hole's first point; count when there is none */
    double width; /* 0: closed and filled; else an open line of this width with round ends */
} scl_outline;

typedef enum scl_outline_form {
    SCL_OUTLINE_BLOB, /* the radius is a random Fourier series */
    SCL_OUTLINE_POLYGON,
    SCL_OUTLINE_ELLIPSE,
    SCL_OUTLINE_BOX, /* with round corners, at times nearly none */
    SCL_OUTLINE_STAR,
    SCL_OUTLINE_RING,
    SCL_OUTLINE_STROKE, /* a bent thick line */
    SCL_OUTLINE_FORMS
} scl_outline_form;

/* A random outline of that form around (x, y), within about `radius` of it. */
void scl_outline_draw(scl_outline *outline, scl_outline_form form, scl_rng *rng, double x, double y,
                      double radius);

/* An open line from (x, y): `length` and `width` in pixels; it sets out at `turns` and bends by
 * `bend` turns in all, to and fro `swings` times. */
typedef struct scl_outline_line {
    double x, y, length, width, turns, bend, swings;
} scl_outline_line;
void scl_outline_make_line(scl_outline *outline, const scl_outline_line *line);

#endif
