/* noise.h — random draws, and the same arithmetic on every machine.
 *
 * Only +, -, *, /, sqrt and floor are used, which IEEE 754 rounds alike everywhere; with
 * -ffp-contract=off a seed therefore gives the same picture on any machine. Any thread. */
#ifndef SCL_PICTURES_NOISE_H
#define SCL_PICTURES_NOISE_H

#include "base/rng.h"

#include <stdbool.h>

/* Draws from a stream. C leaves the order of a call's arguments and of an initialiser's parts to
 * the compiler, so there is one draw in each of them at most. */
double scl_draw(scl_rng *rng, double low, double high); /* uniform */
int scl_draw_whole(scl_rng *rng, int low, int high);    /* uniform, both ends included */
bool scl_draw_chance(scl_rng *rng, double probability);

/* sin(2 pi turns), to 1e-6. scl_wave(turns + 0.25) is the cosine. */
double scl_wave(double turns);

/* 0 below `low`, 1 above `high`, smooth (3t^2 - 2t^3) between; high < low turns it round. */
double scl_smoothstep(double low, double high, double value);
double scl_limit(double value, double low, double high);

/* A number of the lattice point (x, y): integer mixing as in MurmurHash3's finaliser. */
uint32_t scl_lattice(uint32_t seed, int32_t x, int32_t y);
/* Value noise in -1..1 that varies over distances of 1. */
double scl_noise(uint32_t seed, double x, double y);
/* Octaves of it, each of half the size and half the height, in -1..1. */
double scl_fractal_noise(uint32_t seed, double x, double y, int octaves);

#endif
