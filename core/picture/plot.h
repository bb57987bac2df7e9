/* plot.h — line charts as pictures: panels one above the other that share their x axis. */
#ifndef SCL_PICTURE_PLOT_H
#define SCL_PICTURE_PLOT_H

#include "picture/canvas.h"

#define SCL_PLOT_WIDTH  960 /* a good size */
#define SCL_PLOT_HEIGHT 600

/* A curve through (x[i], y[i]); a value that is NaN or infinite, or not positive on a log axis, is
 * a gap. All memory is borrowed. */
typedef struct scl_series {
    const char *name; /* in the legend; NULL: not there */
    const double *x, *y;
    size_t count;
    bool faint; /* pale and thin, in the colour of the next series: raw values behind a mean */
} scl_series;

typedef struct scl_panel {
    const char *title; /* what y is */
    bool log_y;
    const scl_series *series;
    size_t series_count;
} scl_panel;

typedef struct scl_plot {
    const char *title;   /* NULL: none */
    const char *x_title; /* what x is; NULL: nothing */
    const scl_panel *panels;
    size_t panel_count; /* at least 1 */
    int width, height;  /* of the picture; at least 200 x 150 */
} scl_plot;

/* The colour of the i-th series: told apart by colour-blind readers too (Okabe and Ito, 2008). */
scl_color scl_series_color(size_t i);

/* Makes `canvas` and draws on it. SCL_BAD_DATA for an impossible size, SCL_DEVICE when out of
 * memory. */
scl_status scl_plot_draw(const scl_plot *plot, scl_canvas *canvas, scl_error *err);
/* The same, into a PNG file. */
scl_status scl_plot_write_png(const scl_plot *plot, const char *path, scl_error *err);

#endif
