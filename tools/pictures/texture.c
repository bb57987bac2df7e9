#include "pictures/texture.h"

#include <math.h>

scl_rgb scl_rgb_mix(scl_rgb a, scl_rgb b, double part)
{
    return (scl_rgb){a.r + (b.r - a.r) * part, a.g + (b.g - a.g) * part, a.b + (b.b - a.b) * part};
}

scl_rgb scl_rgb_scale(scl_rgb color, double factor)
{
    return (scl_rgb){color.r * factor, color.g * factor, color.b * factor};
}

double scl_rgb_distance(scl_rgb a, scl_rgb b)
{
    double r = a.r - b.r, g = a.g - b.g, c = a.b - b.b;
    return sqrt(r * r + g * g + c * c);
}

/* One channel of the usual hexagon: offset 5 is red, 3 green, 1 blue. */
static double hsv_channel(double hue, double saturation, double value, double offset)
{
    double k = offset + 6 * (hue - floor(hue));
    k -= 6 * floor(k / 6);
    double ramp = scl_limit(k < 4 - k ? k : 4 - k, 0, 1);
    return value - value * saturation * ramp;
}

scl_rgb scl_rgb_from_hsv(double hue, double saturation, double value)
{
    return (scl_rgb){hsv_channel(hue, saturation, value, 5), hsv_channel(hue, saturation, value, 3),
                     hsv_channel(hue, saturation, value, 1)};
}

static double period_of(scl_texture_form form, scl_rng *rng, double size)
{
    switch (form) {
    case SCL_TEXTURE_LINEAR:
    case SCL_TEXTURE_RADIAL:
        return size * scl_draw(rng, 0.7, 1.6);
    case SCL_TEXTURE_CLOUDS:
        return size * scl_draw(rng, 0.15, 0.6);
    case SCL_TEXTURE_GRAINS:
        return scl_draw(rng, 2.5, 7);
    default: {
        double period = size * scl_draw(rng, 0.07, 0.3);
        return period < 4 ? 4 : period;
    }
    }
}

scl_texture scl_texture_draw(scl_rng *rng, double x, double y, double size)
{
    double turns = scl_rng_uniform(rng);
    scl_texture texture = {.cosine = scl_wave(turns + 0.25), .sine = scl_wave(turns)};
    texture.form = (scl_texture_form)scl_rng_below(rng, SCL_TEXTURE_FORMS);
    texture.x = x + scl_draw(rng, -0.4, 0.4) * size;
    texture.y = y + scl_draw(rng, -0.4, 0.4) * size;
    texture.share = scl_draw(rng, 0.3, 0.7);
    texture.seed = scl_rng_u32(rng);
    texture.period = period_of(texture.form, rng, size);
    return texture;
}

/* Which part of the second colour a line pattern has; `phase` is in periods. */
static double stripe(double phase, double share, double period)
{
    double t = phase - floor(phase);
    double edge =
        t < share ? (t < share - t ? t : share - t) : -(t - share < 1 - t ? t - share : 1 - t);
    return scl_limit(0.5 - edge * period, 0, 1);
}

static double check(double u, double v, double period)
{
    double a = stripe(u, 0.5, period), b = stripe(v, 0.5, period);
    return a + b - 2 * a * b;
}

static double dot(double u, double v, double share, double period)
{
    u -= floor(u) + 0.5;
    v -= floor(v) + 0.5;
    double edge = 0.2 + 0.3 * share - sqrt(u * u + v * v);
    return scl_limit(0.5 + edge * period, 0, 1);
}

static double part_at(const scl_texture *texture, double x, double y)
{
    double dx = x - texture->x, dy = y - texture->y;
    double u = (dx * texture->cosine + dy * texture->sine) / texture->period;
    double v = (dy * texture->cosine - dx * texture->sine) / texture->period;
    switch (texture->form) {
    case SCL_TEXTURE_LINEAR:
        return scl_limit(u + 0.5, 0, 1);
    case SCL_TEXTURE_RADIAL:
        return scl_limit(sqrt(u * u + v * v), 0, 1);
    case SCL_TEXTURE_CLOUDS:
        return scl_limit(0.5 + 0.9 * scl_fractal_noise(texture->seed, u, v, 4), 0, 1);
    case SCL_TEXTURE_MARBLE:
        return 0.5 + 0.5 * scl_wave(u * 0.6 +
                                    0.8 * scl_fractal_noise(texture->seed, u * 0.5, v * 0.5, 3));
    case SCL_TEXTURE_GRAINS:
        return scl_smoothstep(-0.25, 0.25, scl_fractal_noise(texture->seed, u, v, 2));
    case SCL_TEXTURE_STRIPES:
        return stripe(u, texture->share, texture->period);
    case SCL_TEXTURE_CHECKS:
        return check(u, v, texture->period);
    case SCL_TEXTURE_DOTS:
        return dot(u, v, texture->share, texture->period);
    default:
        return 0;
    }
}

scl_rgb scl_texture_at(const scl_texture *texture, double x, double y)
{
    return scl_rgb_mix(texture->first, texture->second, part_at(texture, x, y));
}
