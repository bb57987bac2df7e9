#include "picture/plot.h"

#include "picture/axis.h"
#include "picture/font.h"

#include <math.h>

#define LEFT         70 /* room for the labels of y */
#define RIGHT        24
#define TOP          14
#define BOTTOM       14
#define LINE         20 /* a line of text and its leading */
#define TITLE        40
#define PANEL_GAP    14
#define SWATCH       18 /* the stroke before a name in the legend */
#define ENTRY_GAP    18
#define MARKER_SPACE 14 /* pixels a value from which on every value gets a dot */
#define WIDTH_MIN    200
#define HEIGHT_MIN   150

static const scl_color white = {255, 255, 255};
static const scl_color ink = {34, 34, 34};
static const scl_color soft_ink = {96, 96, 96};
static const scl_color border = {150, 150, 150};
static const scl_color grid = {226, 226, 226};
static const scl_color faint_grid = {242, 242, 242};

scl_color scl_series_color(size_t i)
{
    static const scl_color colors[] = {{0, 114, 178},   {213, 94, 0},  {0, 158, 115},
                                       {204, 121, 167}, {230, 159, 0}, {86, 180, 233},
                                       {90, 90, 90}};
    size_t count = sizeof colors / sizeof *colors;
    scl_color color = colors[i % count];
    /* The second round is darker, the third paler. */
    return i / count % 3 == 0 ? color : scl_color_mix(color, i / count % 3 == 1 ? ink : white, 0.5);
}

/* The inside of a panel, and its axes. */
typedef struct frame {
    int x, y, width, height;
    scl_axis across, up;
} frame;

static const scl_text_style plain = {1, false, SCL_ALIGN_LEFT, {34, 34, 34}};

static void add_values(const scl_panel *panel, scl_axis *across, scl_axis *up)
{
    for (size_t s = 0; s < panel->series_count; s++)
        for (size_t i = 0; i < panel->series[s].count; i++) {
            double x = panel->series[s].x[i], y = panel->series[s].y[i];
            if (!scl_axis_shows(across, x) || !scl_axis_shows(up, y))
                continue;
            scl_axis_add(across, x);
            scl_axis_add(up, y);
        }
}

static int entry_width(const scl_series *series)
{
    return SWATCH + scl_text_width(&plain, series->name);
}

static bool in_legend(const scl_series *series)
{
    return series->name != NULL && !series->faint;
}

static int legend_width(const scl_panel *panel)
{
    int width = 0;
    for (size_t s = 0; s < panel->series_count; s++)
        if (in_legend(&panel->series[s]))
            width += entry_width(&panel->series[s]) + (width > 0 ? ENTRY_GAP : 0);
    return width;
}

static void draw_entry(scl_canvas *canvas, int x, int y, const scl_series *series, scl_color color)
{
    scl_canvas_line(canvas, x + 1.5, y + 5.0, x + SWATCH - 7.5, y + 5.0, 3.0, color);
    scl_canvas_text(canvas, x + SWATCH, y, &plain, series->name);
}

/* Draws the legend from (x, y) on, in lines of at most `width`; returns their number. With a NULL
 * canvas it only counts them. */
static int draw_legend(scl_canvas *canvas, int x, int y, int width, const scl_panel *panel)
{
    int at = x, lines = 0;
    size_t color = 0;
    for (size_t s = 0; s < panel->series_count; s++) {
        const scl_series *series = &panel->series[s];
        if (in_legend(series)) {
            bool starts = lines == 0 || at + entry_width(series) > x + width;
            at = starts ? x : at;
            lines += starts;
            if (canvas != NULL)
                draw_entry(canvas, at, y + (lines - 1) * LINE, series, scl_series_color(color));
            at += entry_width(series) + ENTRY_GAP;
        }
        color += !series->faint;
    }
    return lines;
}

static int title_width(const scl_panel *panel)
{
    const scl_text_style style = {1, true, SCL_ALIGN_LEFT, ink};
    return panel->title != NULL ? scl_text_width(&style, panel->title) : 0;
}

/* The legend stands beside the panel's title where it fits, else under it. */
static bool legend_fits(const scl_panel *panel, int width)
{
    return title_width(panel) + 2 * ENTRY_GAP + legend_width(panel) <= width;
}

static int heading_height(const scl_panel *panel, int width)
{
    if (legend_fits(panel, width))
        return LINE;
    return LINE * (1 + draw_legend(NULL, 0, 0, width, panel));
}

static void draw_heading(scl_canvas *canvas, int x, int y, int width, const scl_panel *panel)
{
    const scl_text_style style = {1, true, SCL_ALIGN_LEFT, ink};
    if (panel->title != NULL)
        scl_canvas_text(canvas, x, y, &style, panel->title);
    if (legend_fits(panel, width))
        draw_legend(canvas, x + width - legend_width(panel), y, width, panel);
    else
        draw_legend(canvas, x, y + LINE, width, panel);
}

static double to_x(const frame *f, double value)
{
    return f->x + scl_axis_position(&f->across, value) * f->width;
}

static double to_y(const frame *f, double value)
{
    return f->y + (1.0 - scl_axis_position(&f->up, value)) * f->height;
}

/* Grid lines lie on whole pixels, or they would blur. */
static int column_of(const frame *f, double value)
{
    int column = (int)floor(to_x(f, value));
    return column < f->x + f->width ? column : f->x + f->width - 1;
}

static int row_of(const frame *f, double value)
{
    int row = (int)floor(to_y(f, value));
    return row < f->y + f->height ? row : f->y + f->height - 1;
}

static void draw_grid(scl_canvas *canvas, const frame *f)
{
    for (int i = 0; i < f->across.tick_count; i++)
        scl_canvas_fill(canvas, column_of(f, f->across.ticks[i].value), f->y, 1, f->height, grid,
                        1.0);
    for (int minor = 1; minor >= 0; minor--)
        for (int i = 0; i < f->up.tick_count; i++)
            if (f->up.ticks[i].minor == (minor == 1))
                scl_canvas_fill(canvas, f->x, row_of(f, f->up.ticks[i].value), f->width, 1,
                                minor == 1 ? faint_grid : grid, 1.0);
    scl_canvas_fill(canvas, f->x - 1, f->y, 1, f->height + 1, border, 1.0);
    scl_canvas_fill(canvas, f->x - 1, f->y + f->height, f->width + 1, 1, border, 1.0);
}

static void draw_labels(scl_canvas *canvas, const frame *f, bool with_x)
{
    scl_text_style style = {1, false, SCL_ALIGN_RIGHT, soft_ink};
    for (int i = 0; i < f->up.tick_count; i++)
        scl_canvas_text(canvas, f->x - 8, row_of(f, f->up.ticks[i].value) - SCL_FONT_CAPS / 2,
                        &style, f->up.ticks[i].label);
    style.align = SCL_ALIGN_CENTER;
    for (int i = 0; with_x && i < f->across.tick_count; i++)
        scl_canvas_text(canvas, column_of(f, f->across.ticks[i].value), f->y + f->height + 7,
                        &style, f->across.ticks[i].label);
}

static bool is_shown(const frame *f, const scl_series *series, size_t i)
{
    return i < series->count && scl_axis_shows(&f->across, series->x[i]) &&
           scl_axis_shows(&f->up, series->y[i]);
}

/* Values that fall into one column of pixels: drawn as one upright stroke, or a run of a million
 * steps would take a minute. */
typedef struct column_run {
    double x, low, high, last;
} column_run;

static column_run run_at(const frame *f, const scl_series *series, size_t i)
{
    double y = to_y(f, series->y[i]);
    return (column_run){to_x(f, series->x[i]), y, y, y};
}

static void draw_dense(scl_canvas *canvas, const frame *f, const scl_series *series, double width,
                       scl_color color)
{
    for (size_t i = 0; i < series->count;) {
        if (!is_shown(f, series, i)) {
            i++;
            continue;
        }
        column_run run = run_at(f, series, i);
        for (i++; is_shown(f, series, i) && floor(to_x(f, series->x[i])) == floor(run.x); i++) {
            run.last = to_y(f, series->y[i]);
            run.low = fmin(run.low, run.last);
            run.high = fmax(run.high, run.last);
        }
        scl_canvas_line(canvas, run.x, run.low, run.x, run.high, width, color);
        if (!is_shown(f, series, i))
            continue;
        column_run next = run_at(f, series, i);
        scl_canvas_line(canvas, run.x, run.last, next.x, next.last, width, color);
    }
}

static void draw_sparse(scl_canvas *canvas, const frame *f, const scl_series *series, double width,
                        scl_color color)
{
    bool dots = !series->faint && series->count * MARKER_SPACE <= (size_t)f->width;
    for (size_t i = 0; i < series->count; i++) {
        if (!is_shown(f, series, i))
            continue;
        double x = to_x(f, series->x[i]), y = to_y(f, series->y[i]);
        bool joined = is_shown(f, series, i + 1), alone = !joined && !is_shown(f, series, i - 1);
        if (joined)
            scl_canvas_line(canvas, x, y, to_x(f, series->x[i + 1]), to_y(f, series->y[i + 1]),
                            width, color);
        if (dots || alone)
            scl_canvas_disc(canvas, x, y, dots ? 3.2 : 1.0 + width / 2.0, color);
    }
}

static void draw_series(scl_canvas *canvas, const frame *f, const scl_series *series,
                        scl_color color)
{
    double width = series->faint ? 1.0 : 2.0;
    color = series->faint ? scl_color_mix(color, white, 0.65) : color;
    if (series->count > 4 * (size_t)f->width)
        draw_dense(canvas, f, series, width, color);
    else
        draw_sparse(canvas, f, series, width, color);
}

static void draw_curves(scl_canvas *canvas, const frame *f, const scl_panel *panel)
{
    size_t color = 0;
    for (size_t s = 0; s < panel->series_count; s++) {
        draw_series(canvas, f, &panel->series[s], scl_series_color(color));
        color += !panel->series[s].faint;
    }
    const scl_text_style style = {1, false, SCL_ALIGN_CENTER, soft_ink};
    if (f->up.empty)
        scl_canvas_text(canvas, f->x + f->width / 2, f->y + f->height / 2 - 6, &style,
                        "no values yet");
}

static void draw_panel(scl_canvas *canvas, const scl_plot *plot, size_t index, int y, int height,
                       const scl_axis *across)
{
    const scl_panel *panel = &plot->panels[index];
    int width = plot->width - LEFT - RIGHT, heading = heading_height(panel, width);
    frame f = {.x = LEFT,
               .y = y + heading,
               .width = width,
               .height = height > heading + 10 ? height - heading : 10,
               .across = *across,
               .up = scl_axis_make(panel->log_y)};
    scl_axis unused = scl_axis_make(false);
    add_values(panel, &unused, &f.up);
    scl_axis_finish(&f.up, 0.06, f.height / 36);
    draw_heading(canvas, LEFT, y, width, panel);
    draw_grid(canvas, &f);
    draw_labels(canvas, &f, index + 1 == plot->panel_count);
    draw_curves(canvas, &f, panel);
}

static void draw_titles(scl_canvas *canvas, const scl_plot *plot)
{
    scl_text_style style = {2, false, SCL_ALIGN_LEFT, ink};
    if (plot->title != NULL && scl_text_width(&style, plot->title) > plot->width - 2 * RIGHT)
        style.scale = 1;
    if (plot->title != NULL)
        scl_canvas_text(canvas, LEFT, TOP, &style, plot->title);
    const scl_text_style below = {1, false, SCL_ALIGN_CENTER, ink};
    if (plot->x_title != NULL)
        scl_canvas_text(canvas, LEFT + (plot->width - LEFT - RIGHT) / 2,
                        plot->height - BOTTOM - SCL_FONT_HEIGHT + 2, &below, plot->x_title);
}

scl_status scl_plot_draw(const scl_plot *plot, scl_canvas *canvas, scl_error *err)
{
    *canvas = (scl_canvas){0};
    if (plot->width < WIDTH_MIN || plot->height < HEIGHT_MIN || plot->panel_count < 1)
        return scl_fail(err, SCL_BAD_DATA,
                        "a plot needs %d x %d pixels and a panel, found %d x %d and %zu panels",
                        WIDTH_MIN, HEIGHT_MIN, plot->width, plot->height, plot->panel_count);
    SCL_TRY(scl_canvas_make(canvas, plot->width, plot->height, white, err));
    scl_axis across = scl_axis_make(false), unused;
    for (size_t p = 0; p < plot->panel_count; p++) {
        unused = scl_axis_make(plot->panels[p].log_y);
        add_values(&plot->panels[p], &across, &unused);
    }
    scl_axis_finish(&across, 0.015, (plot->width - LEFT - RIGHT) / 90);
    int top = plot->title != NULL ? TOP + TITLE : TOP;
    int bottom = BOTTOM + LINE + (plot->x_title != NULL ? LINE : 0);
    int panels = (int)plot->panel_count;
    int height = (plot->height - top - bottom - PANEL_GAP * (panels - 1)) / panels;
    for (int p = 0; p < panels; p++)
        draw_panel(canvas, plot, (size_t)p, top + p * (height + PANEL_GAP), height, &across);
    draw_titles(canvas, plot);
    return SCL_OK;
}

scl_status scl_plot_write_png(const scl_plot *plot, const char *path, scl_error *err)
{
    scl_canvas canvas;
    SCL_TRY(scl_plot_draw(plot, &canvas, err));
    scl_status status = scl_canvas_write_png(&canvas, path, err);
    scl_canvas_free(&canvas);
    return status;
}
