/* canvas.h — drawing on an RGB picture in memory: shapes, masks, pictures, text.
 *
 * Coordinates are in pixels from the top left; pixel (i, j) covers [i, i+1) x [j, j+1), so a crisp
 * line of width 1 runs at i + 0.5. Anything may lie outside the canvas, NaN or infinite: what can't
 * be seen isn't drawn. One thread a canvas. */
#ifndef SCL_PICTURE_CANVAS_H
#define SCL_PICTURE_CANVAS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct scl_color {
    uint8_t r, g, b;
} scl_color;

typedef struct scl_canvas {
    int width, height;
    uint8_t *pixels; /* [height, width, 3] */
} scl_canvas;

/* Filled with `color`. SCL_BAD_DATA for sides below 1 or beyond 2^28 pixels, SCL_DEVICE when out of
 * memory. Free with scl_canvas_free. */
scl_status scl_canvas_make(scl_canvas *canvas, int width, int height, scl_color color,
                           scl_error *err);
void scl_canvas_free(scl_canvas *canvas);
scl_status scl_canvas_write_png(const scl_canvas *canvas, const char *path, scl_error *err);

/* A colour between two: 0 gives a, 1 gives b. */
scl_color scl_color_mix(scl_color a, scl_color b, double part);

/* A rectangle; alpha 1 is opaque. */
void scl_canvas_fill(scl_canvas *canvas, int x, int y, int width, int height, scl_color color,
                     double alpha);
/* Its border, `thickness` pixels wide, drawn inwards. */
void scl_canvas_frame(scl_canvas *canvas, int x, int y, int width, int height, int thickness,
                      scl_color color);

/* Anti-aliased, with round ends. */
void scl_canvas_line(scl_canvas *canvas, double x0, double y0, double x1, double y1, double width,
                     scl_color color);
/* Lines through points [count, 2]; a point with a NaN or infinity is a gap. */
void scl_canvas_polyline(scl_canvas *canvas, const double *points, size_t count, double width,
                         scl_color color);
/* An anti-aliased filled circle. */
void scl_canvas_disc(scl_canvas *canvas, double x, double y, double radius, scl_color color);

/* Copies an RGB picture [height, width, 3] to (x, y). */
void scl_canvas_blit(scl_canvas *canvas, int x, int y, const uint8_t *rgb, int width, int height);

/* Resizes an RGB picture [src_height, src_width, 3] as Pillow's BILINEAR and copies it to (x, y).
 * SCL_BAD_DATA for sides below 1, SCL_DEVICE when out of memory. */
scl_status scl_canvas_blit_scaled(scl_canvas *canvas, int x, int y, int width, int height,
                                  const uint8_t *rgb, int src_width, int src_height,
                                  scl_error *err);

/* Tints by a map of ids [height, width] placed at (x, y): where the id isn't 0, colors[id] is
 * blended with `alpha`, and is opaque within `outline` pixels of another id. The map's border is no
 * outline. */
void scl_canvas_tint(scl_canvas *canvas, int x, int y, const uint8_t *ids, int width, int height,
                     const scl_color colors[256], double alpha, int outline);

typedef enum scl_align { SCL_ALIGN_LEFT, SCL_ALIGN_CENTER, SCL_ALIGN_RIGHT } scl_align;

typedef struct scl_text_style {
    int scale; /* whole factor of the font's 6 x 12 cell */
    bool bold;
    scl_align align; /* where x is in the text */
    scl_color color;
} scl_text_style;

/* One line with its top at y. A character outside ASCII is drawn as '?'. */
void scl_canvas_text(scl_canvas *canvas, int x, int y, const scl_text_style *style,
                     const char *text);
/* Its width in pixels, without the space after the last character. */
int scl_text_width(const scl_text_style *style, const char *text);

#endif
