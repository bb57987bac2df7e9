#include "pictures/cell.h"

/* How each form looks; sizes are in details of the picture. */
typedef struct clutter_look {
    double length, width; /* at most; at least 0.7 of it */
    double edge;          /* softness of the border */
    double alpha;
    double grain; /* how uneven it is */
    scl_rgb color;
} clutter_look;

static const clutter_look looks[SCL_CLUTTER_FORMS] = {
    [SCL_CLUTTER_SPINDLE] = {11, 2.7, 0.9, 0.85, 0.35, {0.42, 0.27, 0.56}},
    [SCL_CLUTTER_LYMPHOCYTE] = {7.0, 6.2, 1.2, 0.88, 0.45, {0.38, 0.25, 0.53}},
    [SCL_CLUTTER_BLOOD] = {7.5, 6.4, 1.4, 0.7, 0.12, {0.87, 0.40, 0.46}},
    [SCL_CLUTTER_BLUR] = {17, 11, 8.0, 0.4, 0.2, {0.56, 0.38, 0.62}},
};

/* Extent of the part of the picture that it may cover. */
static int from(double center, double reach)
{
    return center > reach ? (int)(center - reach) : 0;
}

static int to(double center, double reach, int end)
{
    return center + reach < end ? (int)(center + reach) + 1 : end;
}

void scl_clutter_paint(scl_painting *painting, scl_rng *rng, scl_clutter_form form, double x,
                       double y, double unit)
{
    const clutter_look *look = &looks[form];
    double turns = scl_rng_uniform(rng), size = unit * scl_draw(rng, 0.7, 1);
    double cosine = scl_wave(turns + 0.25), sine = scl_wave(turns);
    double length = look->length * size, width = look->width * size;
    double reach = length + look->edge * unit + 2;
    uint32_t seed = scl_rng_u32(rng);
    scl_rgb dark = scl_rgb_scale(look->color, scl_draw(rng, 0.85, 1.1));
    for (int j = from(y, reach); j < to(y, reach, painting->height); j++)
        for (int i = from(x, reach); i < to(x, reach, painting->width); i++) {
            double dx = i + 0.5 - x, dy = j + 0.5 - y;
            double u = (dx * cosine + dy * sine) / length, v = (dy * cosine - dx * sine) / width;
            double uneven = scl_fractal_noise(seed, dx / (3 * unit), dy / (3 * unit), 2);
            double inside = (1 - u * u - v * v) * width / 2 + 0.5 * unit * uneven;
            double edge = look->edge * unit;
            double part = look->alpha * scl_smoothstep(-edge, edge, inside);
            scl_rgb color = scl_rgb_scale(dark, 1 + look->grain * uneven);
            scl_painting_blend(painting, i, j, color, part);
            if (part > 0.5)
                scl_painting_mark(painting, i, j, 0);
        }
}
