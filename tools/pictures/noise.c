#include "pictures/noise.h"

#include <math.h>

double scl_draw(scl_rng *rng, double low, double high)
{
    return low + (high - low) * scl_rng_uniform(rng);
}

int scl_draw_whole(scl_rng *rng, int low, int high)
{
    return low + (int)scl_rng_below(rng, (uint32_t)(high - low + 1));
}

bool scl_draw_chance(scl_rng *rng, double probability)
{
    return scl_rng_uniform(rng) < probability;
}

double scl_wave(double turns)
{
    double t = turns - floor(turns + 0.5); /* -0.5 .. 0.5 */
    if (t > 0.25)
        t = 0.5 - t;
    else if (t < -0.25)
        t = -0.5 - t;
    double x = t * 6.283185307179586, s = x * x;
    /* Taylor's series up to x^11 */
    return x *
           (1 + s * (-1.0 / 6 + s * (1.0 / 120 + s * (-1.0 / 5040 +
                                                      s * (1.0 / 362880 - s * (1.0 / 39916800))))));
}

double scl_smoothstep(double low, double high, double value)
{
    double t = scl_limit((value - low) / (high - low), 0, 1);
    return t * t * (3 - 2 * t);
}

double scl_limit(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

uint32_t scl_lattice(uint32_t seed, int32_t x, int32_t y)
{
    uint32_t h = seed ^ (uint32_t)x * 0x9E3779B1u ^ (uint32_t)y * 0x85EBCA77u;
    h = (h ^ h >> 16) * 0x85EBCA6Bu;
    h = (h ^ h >> 13) * 0xC2B2AE35u;
    return h ^ h >> 16;
}

static double lattice_value(uint32_t seed, int32_t x, int32_t y)
{
    return (double)scl_lattice(seed, x, y) * 0x1p-31 - 1;
}

/* floor() without the call that a baseline x86-64 makes of it. */
static int32_t floor_of(double value)
{
    int32_t whole = (int32_t)value;
    return value < whole ? whole - 1 : whole;
}

double scl_noise(uint32_t seed, double x, double y)
{
    int32_t i = floor_of(x), j = floor_of(y);
    double u = x - i, v = y - j;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    double a = lattice_value(seed, i, j), b = lattice_value(seed, i + 1, j);
    double c = lattice_value(seed, i, j + 1), d = lattice_value(seed, i + 1, j + 1);
    return a + (b - a) * u + (c - a + (a - b - c + d) * u) * v;
}

double scl_fractal_noise(uint32_t seed, double x, double y, int octaves)
{
    double sum = 0, height = 1, total = 0;
    for (int i = 0; i < octaves; i++) {
        sum += height * scl_noise(seed + (uint32_t)i * 0x68E31DA4u, x, y);
        total += height;
        height *= 0.5;
        x = 2 * x + 0.37; /* so that the lattices don't meet in one point */
        y = 2 * y + 0.71;
    }
    return sum / total;
}
