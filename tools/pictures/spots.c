/* Dark-field microscopy: bright bodies before black. The mask holds classes. */
#include "pictures/kinds.h"
#include "pictures/object.h"

enum { RING = 1, ROD, THREAD };

/* The dark ground with a faint glow. */
static void paint_ground(scl_painting *painting, scl_rng *rng, double unit)
{
    double red = scl_draw(rng, 0.01, 0.05), green = scl_draw(rng, 0.02, 0.06);
    scl_rgb dark = {red, green, scl_draw(rng, 0.05, 0.11)};
    uint32_t seed = scl_rng_u32(rng);
    for (int j = 0; j < painting->height; j++)
        for (int i = 0; i < painting->width; i++) {
            double x = i / unit, y = j / unit;
            double glow = 1 + 0.9 * scl_fractal_noise(seed, x / 90, y / 90, 4);
            scl_painting_set(painting, i, j, scl_rgb_scale(dark, glow));
        }
}

/* Specks that glint but belong to no class. */
static void paint_dust(scl_painting *painting, scl_rng *rng, double unit)
{
    scl_coverage *cover = &painting->cover;
    for (int count = scl_draw_whole(rng, 20, 70); count > 0; count--) {
        scl_outline outline;
        double x = scl_draw(rng, 0, painting->width), y = scl_draw(rng, 0, painting->height);
        double size = scl_rng_uniform(rng), bright = scl_draw(rng, 0.1, 0.6);
        scl_outline_draw(&outline, SCL_OUTLINE_BLOB, rng, x, y, (0.6 + 1.2 * size * size) * unit);
        scl_coverage_fill(cover, &outline);
        for (int j = cover->y0; j < cover->y1; j++)
            for (int i = cover->x0; i < cover->x1; i++)
                scl_painting_blend(painting, i, j, (scl_rgb){0.7, 0.8, 0.9},
                                   bright * scl_coverage_at(cover, i, j));
    }
}

/* Light that spills over the edge, added to what is there. */
static void paint_glow(scl_painting *painting, scl_rgb color, int radius)
{
    scl_coverage *soft = &painting->soft;
    scl_coverage_copy(soft, &painting->cover);
    scl_coverage_blur(soft, radius);
    for (int y = soft->y0; y < soft->y1; y++)
        for (int x = soft->x0; x < soft->x1; x++) {
            double part = 0.4 * scl_coverage_at(soft, x, y);
            scl_rgb sum = scl_painting_color(painting, x, y);
            sum = (scl_rgb){sum.r + part * color.r, sum.g + part * color.g, sum.b + part * color.b};
            scl_painting_set(painting, x, y, sum);
        }
}

/* The edge of a body scatters most light: its inside is `inside` as bright. */
static void paint_body(scl_painting *painting, const scl_outline *outline, scl_rgb color,
                       double inside, double rim, int id)
{
    scl_coverage *cover = &painting->cover, *hill = &painting->soft;
    scl_coverage_fill(cover, outline);
    paint_glow(painting, color, (int)rim + 1);
    scl_coverage_copy(hill, cover);
    scl_coverage_blur(hill, (int)(rim / 2) + 1);
    for (int y = cover->y0; y < cover->y1; y++)
        for (int x = cover->x0; x < cover->x1; x++) {
            double alpha = scl_limit(scl_coverage_at(cover, x, y), 0, 1);
            double depth = scl_smoothstep(0.55, 1, scl_coverage_at(hill, x, y));
            scl_rgb light = scl_rgb_scale(color, 1 + (inside - 1) * depth);
            scl_painting_blend(painting, x, y, light, 0.92 * alpha);
            if (alpha >= 0.5)
                scl_painting_mark(painting, x, y, id);
        }
}

/* Between these limits of hue, saturation and value. */
static scl_rgb draw_color(scl_rng *rng, double hue0, double hue1, double saturation0,
                          double saturation1, double value0, double value1)
{
    double hue = scl_draw(rng, hue0, hue1);
    double saturation = scl_draw(rng, saturation0, saturation1);
    return scl_rgb_from_hsv(hue, saturation, scl_draw(rng, value0, value1));
}

static void paint_ring(scl_painting *painting, scl_rng *rng, double x, double y, double unit)
{
    scl_outline outline;
    double radius = scl_draw(rng, 9, 17) * unit;
    scl_rgb color = draw_color(rng, 0.40, 0.52, 0.3, 0.6, 0.7, 1);
    scl_outline_draw(&outline, SCL_OUTLINE_ELLIPSE, rng, x, y, radius);
    paint_body(painting, &outline, color, scl_draw(rng, 0.15, 0.35), 0.3 * radius, RING);
}

static void paint_rod(scl_painting *painting, scl_rng *rng, double x, double y, double unit)
{
    scl_outline outline;
    scl_outline_line line = {.x = x, .y = y, .swings = 0.5};
    line.length = scl_draw(rng, 14, 30) * unit;
    line.width = scl_draw(rng, 6, 9) * unit;
    line.turns = scl_rng_uniform(rng);
    line.bend = scl_draw(rng, 0, 0.05);
    scl_rgb color = draw_color(rng, 0.06, 0.13, 0.4, 0.75, 0.75, 1);
    scl_outline_make_line(&outline, &line);
    paint_body(painting, &outline, color, scl_draw(rng, 0.6, 0.85), 3 * unit, ROD);
}

static void paint_thread(scl_painting *painting, scl_rng *rng, double x, double y, double unit)
{
    scl_outline outline;
    scl_outline_line line = {.x = x, .y = y};
    line.length = scl_draw(rng, 60, 120) * unit;
    line.width = scl_draw(rng, 3.0, 4.2) * unit;
    line.turns = scl_rng_uniform(rng);
    line.bend = scl_draw(rng, 0.08, 0.2);
    line.swings = scl_draw(rng, 2, 5);
    scl_rgb color = draw_color(rng, 0.78, 0.88, 0.2, 0.5, 0.7, 1);
    scl_outline_make_line(&outline, &line);
    paint_body(painting, &outline, color, 1, 2 * unit, THREAD);
}

static void take(scl_painting *painting, scl_rng *rng)
{
    scl_camera camera = {0};
    camera.blur_passes = scl_draw_whole(rng, 1, 2);
    camera.blur = scl_draw(rng, 0.3, 0.8);
    camera.vignette = scl_draw(rng, 0, 0.4);
    camera.noise = scl_draw(rng, 0.006, 0.02);
    camera.seed = scl_rng_u32(rng);
    scl_camera_take(&camera, painting);
}

int scl_paint_spots(scl_painting *painting, scl_rng *rng)
{
    double side = scl_painting_side(painting), unit = (side > 64 ? side : 64) / 256;
    int count = scl_draw_whole(rng, 10, 26);
    paint_ground(painting, rng, unit);
    paint_dust(painting, rng, unit);
    for (int i = 0; i < count; i++) {
        double x = scl_draw(rng, 0, painting->width), y = scl_draw(rng, 0, painting->height);
        int id = i < THREAD ? i + 1 : scl_draw_whole(rng, RING, THREAD); /* one of each at least */
        if (id == RING)
            paint_ring(painting, rng, x, y, unit);
        else if (id == ROD)
            paint_rod(painting, rng, x, y, unit);
        else
            paint_thread(painting, rng, x, y, unit);
    }
    take(painting, rng);
    return count;
}
