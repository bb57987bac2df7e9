#include "pictures/outline.h"

#include <math.h>

#define ROUND_POINTS 72 /* of a smooth contour */
#define WAVES        5  /* of a blob's radius */
#define LINE_POINTS  40

/* Turns and stretches points of the unit circle's size into their place. */
typedef struct placing {
    double x, y, across, along, cosine, sine;
} placing;

static placing draw_placing(scl_rng *rng, double x, double y, double radius, double slimmest)
{
    double turns = scl_rng_uniform(rng);
    return (placing){.x = x,
                     .y = y,
                     .across = radius,
                     .along = radius * scl_draw(rng, slimmest, 1),
                     .cosine = scl_wave(turns + 0.25),
                     .sine = scl_wave(turns)};
}

static void add_point(scl_outline *outline, const placing *at, double x, double y)
{
    double u = x * at->across, v = y * at->along;
    outline->points[outline->count][0] = at->x + u * at->cosine - v * at->sine;
    outline->points[outline->count][1] = at->y + u * at->sine + v * at->cosine;
    outline->count++;
}

static void draw_blob(scl_outline *outline, scl_rng *rng, const placing *at)
{
    double height[WAVES], phase[WAVES], sum = 0;
    double roughness = scl_draw(rng, 0.15, 0.6);
    for (int k = 0; k < WAVES; k++) {
        height[k] = roughness * scl_rng_uniform(rng) / (k + 1);
        phase[k] = scl_rng_uniform(rng);
        sum += height[k];
    }
    for (int i = 0; i < ROUND_POINTS; i++) {
        double turns = (double)i / ROUND_POINTS, radius = 1;
        for (int k = 0; k < WAVES; k++)
            radius += height[k] * scl_wave((k + 2) * turns + phase[k]);
        radius /= 1 + 0.7 * sum;
        add_point(outline, at, radius * scl_wave(turns + 0.25), radius * scl_wave(turns));
    }
}

static void draw_polygon(scl_outline *outline, scl_rng *rng, const placing *at)
{
    int corners = scl_draw_whole(rng, 3, 8);
    double uneven = scl_draw(rng, 0, 0.35);
    for (int i = 0; i < corners; i++) {
        double turns = (i + uneven * scl_draw(rng, -1, 1)) / corners;
        double radius = 1 - uneven * scl_rng_uniform(rng);
        add_point(outline, at, radius * scl_wave(turns + 0.25), radius * scl_wave(turns));
    }
}

static void add_ellipse(scl_outline *outline, const placing *at, double radius, int direction)
{
    for (int i = 0; i < ROUND_POINTS; i++) {
        double turns = (double)(direction * i) / ROUND_POINTS;
        add_point(outline, at, radius * scl_wave(turns + 0.25), radius * scl_wave(turns));
    }
}

static void draw_box(scl_outline *outline, scl_rng *rng, const placing *at)
{
    double slim = at->along / at->across, round = scl_draw(rng, 0.02, 0.7) * slim;
    placing square = *at;
    square.along = square.across; /* so that the corners are round, not elliptic */
    int quarter = ROUND_POINTS / 4;
    for (int i = 0; i < ROUND_POINTS; i++) {
        int corner = i / quarter;
        double turns = 0.25 * (corner + (double)(i % quarter) / (quarter - 1));
        double side = corner == 0 || corner == 3 ? 1 : -1, top = corner < 2 ? 1 : -1;
        add_point(outline, &square, 0.85 * (side * (1 - round) + round * scl_wave(turns + 0.25)),
                  0.85 * (top * (slim - round) + round * scl_wave(turns)));
    }
}

static void draw_star(scl_outline *outline, scl_rng *rng, const placing *at)
{
    int tips = scl_draw_whole(rng, 4, 9);
    double inner = scl_draw(rng, 0.35, 0.7);
    for (int i = 0; i < 2 * tips; i++) {
        double turns = (double)i / (2 * tips), radius = i % 2 == 0 ? 1 : inner;
        add_point(outline, at, radius * scl_wave(turns + 0.25), radius * scl_wave(turns));
    }
}

static void draw_stroke(scl_outline *outline, scl_rng *rng, double x, double y, double radius)
{
    double turns = scl_rng_uniform(rng);
    scl_outline_line line = {.x = x - radius * scl_wave(turns + 0.25),
                             .y = y - radius * scl_wave(turns),
                             .length = 2 * radius,
                             .turns = turns};
    line.width = radius * scl_draw(rng, 0.22, 0.5);
    line.bend = scl_draw(rng, 0, 0.35);
    line.swings = scl_draw(rng, 0.4, 1.6);
    if (line.width < 4)
        line.width = 4;
    scl_outline_make_line(outline, &line);
}

void scl_outline_make_line(scl_outline *outline, const scl_outline_line *line)
{
    double x = line->x, y = line->y, step = line->length / (LINE_POINTS - 1);
    *outline = (scl_outline){.count = LINE_POINTS, .hole = LINE_POINTS, .width = line->width};
    for (int i = 0; i < LINE_POINTS; i++) {
        outline->points[i][0] = x;
        outline->points[i][1] = y;
        double part = (double)i / (LINE_POINTS - 1);
        double turns = line->turns + line->bend * scl_wave(line->swings * part);
        x += step * scl_wave(turns + 0.25);
        y += step * scl_wave(turns);
    }
}

void scl_outline_draw(scl_outline *outline, scl_outline_form form, scl_rng *rng, double x, double y,
                      double radius)
{
    *outline = (scl_outline){0};
    placing at = draw_placing(rng, x, y, radius, form == SCL_OUTLINE_BOX ? 0.4 : 0.55);
    switch (form) {
    case SCL_OUTLINE_BLOB:
        draw_blob(outline, rng, &at);
        break;
    case SCL_OUTLINE_POLYGON:
        draw_polygon(outline, rng, &at);
        break;
    case SCL_OUTLINE_BOX:
        draw_box(outline, rng, &at);
        break;
    case SCL_OUTLINE_STAR:
        draw_star(outline, rng, &at);
        break;
    case SCL_OUTLINE_STROKE:
        draw_stroke(outline, rng, x, y, radius);
        return;
    default:
        add_ellipse(outline, &at, 1, 1);
        break;
    }
    outline->hole = outline->count;
    if (form == SCL_OUTLINE_RING)
        add_ellipse(outline, &at, scl_draw(rng, 0.35, 0.65), -1);
}
