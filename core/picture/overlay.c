#include "picture/overlay.h"

#include "base/mem.h"
#include "io/resize.h"

#include <math.h>

#define TINT_ALPHA    0.42
#define OUTLINE       2
#define BOX_WIDTH     2.0
#define MARKER_RADIUS 6.0

static const scl_color white = {255, 255, 255};
static const scl_color shade = {20, 20, 20};
static const scl_color positive = {0, 150, 90};
static const scl_color negative = {205, 40, 40};
static const scl_color box_color = {255, 214, 0};

scl_color scl_class_color(int id)
{
    static const scl_color colors[] = {{40, 150, 255}, {255, 140, 0},   {0, 200, 140},
                                       {255, 90, 170}, {250, 220, 40},  {150, 110, 255},
                                       {220, 60, 30},  {110, 220, 235}, {150, 190, 30},
                                       {190, 120, 80}, {240, 170, 220}, {130, 150, 170}};
    int count = (int)(sizeof colors / sizeof *colors);
    return colors[((id - 1) % count + count) % count];
}

void scl_overlay_size(const scl_overlay *overlay, int longest, int *width, int *height)
{
    int side = overlay->width > overlay->height ? overlay->width : overlay->height;
    double scale = longest > 0 ? (double)longest / side : 1.0;
    *width = (int)fmax(overlay->width * scale + 0.5, 1.0);
    *height = (int)fmax(overlay->height * scale + 0.5, 1.0);
}

static scl_status draw_mask(scl_canvas *canvas, const scl_overlay *o, scl_error *err)
{
    size_t pixels = (size_t)canvas->width * (size_t)canvas->height;
    uint8_t *ids = scl_calloc(pixels, 1);
    if (ids == NULL)
        return scl_out_of_memory(err, pixels, "a resized mask");
    scl_status status = scl_resize_nearest(o->mask, 1, o->width, o->height, ids, canvas->width,
                                           canvas->height, err);
    for (size_t i = 0; i < pixels; i++) {
        bool hidden = ids[i] == 0 || (o->hidden_id != 0 && ids[i] == o->hidden_id);
        ids[i] = hidden ? 0 : o->binary ? 1 : ids[i];
    }
    scl_color colors[256];
    for (int id = 0; id < 256; id++)
        colors[id] = o->colors != NULL ? o->colors[id] : scl_class_color(id);
    scl_canvas_tint(canvas, 0, 0, ids, canvas->width, canvas->height, colors, TINT_ALPHA, OUTLINE);
    scl_free(ids);
    return status;
}

static void draw_box(scl_canvas *canvas, const scl_overlay_box *box, double sx, double sy)
{
    double x0 = box->x0 * sx, y0 = box->y0 * sy, x1 = box->x1 * sx, y1 = box->y1 * sy;
    const double corners[] = {x0, y0, x1, y0, x1, y1, x0, y1, x0, y0};
    scl_canvas_polyline(canvas, corners, 5, BOX_WIDTH + 2.0, shade);
    scl_canvas_polyline(canvas, corners, 5, BOX_WIDTH, box_color);
}

static void draw_point(scl_canvas *canvas, const scl_overlay_point *point, double sx, double sy)
{
    double x = (point->x + 0.5) * sx, y = (point->y + 0.5) * sy, arm = MARKER_RADIUS * 0.5;
    scl_canvas_disc(canvas, x, y, MARKER_RADIUS + 2.5, shade);
    scl_canvas_disc(canvas, x, y, MARKER_RADIUS + 1.5, white);
    scl_canvas_disc(canvas, x, y, MARKER_RADIUS, point->label != 0 ? positive : negative);
    scl_canvas_line(canvas, x - arm, y, x + arm, y, 2.0, white);
    if (point->label != 0)
        scl_canvas_line(canvas, x, y - arm, x, y + arm, 2.0, white);
}

static scl_status draw_on(scl_canvas *canvas, const scl_overlay *o, scl_error *err)
{
    SCL_TRY(scl_canvas_blit_scaled(canvas, 0, 0, canvas->width, canvas->height, o->rgb, o->width,
                                   o->height, err));
    if (o->mask != NULL)
        SCL_TRY(draw_mask(canvas, o, err));
    double sx = (double)canvas->width / o->width, sy = (double)canvas->height / o->height;
    for (size_t i = 0; i < o->box_count; i++)
        draw_box(canvas, &o->boxes[i], sx, sy);
    for (size_t i = 0; i < o->point_count; i++)
        draw_point(canvas, &o->points[i], sx, sy);
    return SCL_OK;
}

scl_status scl_overlay_draw(const scl_overlay *overlay, int longest, scl_canvas *canvas,
                            scl_error *err)
{
    int width, height;
    scl_overlay_size(overlay, longest, &width, &height);
    SCL_TRY(scl_canvas_make(canvas, width, height, shade, err));
    scl_status status = draw_on(canvas, overlay, err);
    if (status != SCL_OK)
        scl_canvas_free(canvas);
    return status;
}
