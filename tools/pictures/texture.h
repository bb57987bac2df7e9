/* texture.h — colours, and surfaces that have one in every point. Any thread. */
#ifndef SCL_PICTURES_TEXTURE_H
#define SCL_PICTURES_TEXTURE_H

#include "pictures/noise.h"

/* As they are shown: 0..1, without a linear-light conversion. */
typedef struct scl_rgb {
    double r, g, b;
} scl_rgb;

scl_rgb scl_rgb_mix(scl_rgb a, scl_rgb b, double part); /* 0 gives a, 1 gives b */
scl_rgb scl_rgb_scale(scl_rgb color, double factor);
double scl_rgb_distance(scl_rgb a, scl_rgb b); /* Euclidean */
/* Hue in turns; saturation and value 0..1. */
scl_rgb scl_rgb_from_hsv(double hue, double saturation, double value);

typedef enum scl_texture_form {
    SCL_TEXTURE_FLAT,
    SCL_TEXTURE_LINEAR, /* a gradient over `period` */
    SCL_TEXTURE_RADIAL, /* a gradient from (x, y) outwards */
    SCL_TEXTURE_CLOUDS,
    SCL_TEXTURE_MARBLE, /* wavy stripes */
    SCL_TEXTURE_GRAINS, /* fine fractal noise with hard edges */
    SCL_TEXTURE_STRIPES,
    SCL_TEXTURE_CHECKS,
    SCL_TEXTURE_DOTS,
    SCL_TEXTURE_FORMS
} scl_texture_form;

typedef struct scl_texture {
    scl_texture_form form;
    scl_rgb first, second;
    double x, y;         /* origin, in pixels */
    double cosine, sine; /* of its rotation */
    double period;       /* in pixels */
    double share;        /* of the first colour where there are edges, about 0.3..0.7 */
    uint32_t seed;
} scl_texture;

/* Draws all but the colours; `size` is the extent in pixels of what it shall cover. */
scl_texture scl_texture_draw(scl_rng *rng, double x, double y, double size);

/* The colour of pixel centre (x, y); edges are a pixel wide. */
scl_rgb scl_texture_at(const scl_texture *texture, double x, double y);

#endif
