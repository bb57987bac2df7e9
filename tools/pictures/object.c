#include "pictures/object.h"

bool scl_object_ground(scl_painting *painting, const scl_object *object, scl_rgb *mean)
{
    scl_coverage *cover = &painting->cover;
    scl_coverage_fill(cover, &object->outline);
    scl_rgb sum = {0};
    double area = 0;
    for (int y = cover->y0; y < cover->y1; y++)
        for (int x = cover->x0; x < cover->x1; x++) {
            double part = scl_coverage_at(cover, x, y);
            scl_rgb color = scl_painting_color(painting, x, y);
            sum.r += part * color.r;
            sum.g += part * color.g;
            sum.b += part * color.b;
            area += part;
        }
    *mean = area > 0 ? scl_rgb_scale(sum, 1 / area) : sum;
    return area > 0;
}

static void cast_shadow(scl_painting *painting, const scl_object *object)
{
    scl_coverage *soft = &painting->soft;
    double far = 0.25 * object->radius;
    int dx = (int)(-object->light_x * far), dy = (int)(-object->light_y * far);
    scl_coverage_copy(soft, &painting->cover);
    scl_coverage_blur(soft, (int)(0.12 * object->radius) + 1);
    for (int y = soft->y0 + dy; y < soft->y1 + dy; y++)
        for (int x = soft->x0 + dx; x < soft->x1 + dx; x++) {
            if (x < 0 || y < 0 || x >= painting->width || y >= painting->height)
                continue;
            double part = object->shadow * scl_coverage_at(soft, x - dx, y - dy);
            scl_painting_blend(painting, x, y, (scl_rgb){0}, part);
        }
}

/* The blurred coverage is a hill whose slopes face the light or turn away from it. */
static double light_at(const scl_object *object, const scl_coverage *hill, int x, int y)
{
    double dx = scl_coverage_at(hill, x + 1, y) - scl_coverage_at(hill, x - 1, y);
    double dy = scl_coverage_at(hill, x, y + 1) - scl_coverage_at(hill, x, y - 1);
    double slope = -(dx * object->light_x + dy * object->light_y);
    return scl_limit(slope * object->radius * 0.5, -1, 1);
}

static void paint_surface(scl_painting *painting, const scl_object *object)
{
    scl_coverage *cover = &painting->cover, *hill = &painting->soft;
    scl_coverage_copy(hill, cover);
    scl_coverage_blur(hill, (int)(0.2 * object->radius) + 1);
    for (int y = cover->y0; y < cover->y1; y++)
        for (int x = cover->x0; x < cover->x1; x++) {
            double alpha = scl_limit(scl_coverage_at(cover, x, y), 0, 1);
            if (alpha <= 0)
                continue;
            scl_rgb color = scl_texture_at(&object->texture, x + 0.5, y + 0.5);
            double light = object->relief * light_at(object, hill, x, y);
            color = light > 0 ? scl_rgb_mix(color, (scl_rgb){1, 1, 1}, light)
                              : scl_rgb_scale(color, 1 + light);
            scl_painting_blend(painting, x, y, color, alpha);
            if (alpha >= 0.5)
                scl_painting_mark(painting, x, y, object->id);
        }
}

/* Within the object, so that its mask is the filled outline all the same. */
static void paint_border(scl_painting *painting, const scl_object *object)
{
    scl_coverage *cover = &painting->cover, *pen = &painting->soft;
    scl_coverage_stroke(pen, &object->outline, 2 * object->border);
    for (int y = cover->y0; y < cover->y1; y++)
        for (int x = cover->x0; x < cover->x1; x++) {
            double part = scl_coverage_at(cover, x, y) * scl_coverage_at(pen, x, y);
            scl_painting_blend(painting, x, y, object->border_color, scl_limit(part, 0, 1));
        }
}

void scl_object_paint(scl_painting *painting, const scl_object *object)
{
    scl_coverage_fill(&painting->cover, &object->outline);
    if (object->shadow > 0)
        cast_shadow(painting, object);
    paint_surface(painting, object);
    if (object->border > 0 && object->outline.width <= 0)
        paint_border(painting, object);
}
