/* experts_reference.c — the routed convolution as it is defined: a sample is upsampled as a whole,
 * convolved and reduced, all in double precision. */
#include "experts.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* An image of `rank` channels, the last axis. */
typedef struct image {
    int64_t height, width, rank;
    double *values;
} image;

static image image_make(int64_t height, int64_t width, int64_t rank)
{
    return (image){height, width, rank, calloc((size_t)(height * width * rank), sizeof(double))};
}

static double *pixel_of(const image *m, int64_t y, int64_t x)
{
    return m->values + (y * m->width + x) * m->rank;
}

/* ------------------------------------------------------------------ bicubic resizing */

typedef struct taps {
    int64_t index[4];
    double weight[4];
} taps;

static double keys(double x)
{
    const double a = -0.75;
    x = fabs(x);
    return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

/* Of pixel `at` when `from` pixels become `to`. */
static taps taps_of(int64_t at, int64_t from, int64_t to)
{
    taps t;
    double place = ((double)at + 0.5) * (double)from / (double)to - 0.5, first = floor(place) - 1;
    for (int k = 0; k < 4; k++) {
        double index = fmin(fmax(first + k, 0), (double)(from - 1));
        t.index[k] = (int64_t)index;
        t.weight[k] = keys(place - first - k);
    }
    return t;
}

/* to = resize(from); with `adjoint`, from += the adjoint of to. */
static void resize(image *from, image *to, bool adjoint)
{
    for (int64_t y = 0; y < to->height; y++)
        for (int64_t x = 0; x < to->width; x++) {
            taps ty = taps_of(y, from->height, to->height), tx = taps_of(x, from->width, to->width);
            double *pixel = pixel_of(to, y, x);
            for (int k = 0; k < 16; k++) {
                double weight = ty.weight[k / 4] * tx.weight[k % 4];
                double *source = pixel_of(from, ty.index[k / 4], tx.index[k % 4]);
                for (int64_t c = 0; c < to->rank; c++)
                    if (adjoint)
                        source[c] += weight * pixel[c];
                    else
                        pixel[c] += weight * source[c];
            }
        }
}

/* ------------------------------------------------------------------ the convolution */

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

/* The pixel that tap k of 9 reads for (y, x); NULL beyond the border. */
static double *tap_of(const image *m, int64_t y, int64_t x, int k)
{
    y += k / 3 - 1;
    x += k % 3 - 1;
    return y >= 0 && y < m->height && x >= 0 && x < m->width ? pixel_of(m, y, x) : NULL;
}

static double convolved(const image *u, int64_t y, int64_t x, const double *kernel, double bias)
{
    double sum = bias;
    for (int k = 0; k < 9; k++) {
        const double *tap = tap_of(u, y, x, k);
        for (int64_t c = 0; c < u->rank && tap != NULL; c++)
            sum += kernel[c * 9 + k] * tap[c];
    }
    return sum;
}

static void convolve(const image *u, image *out, const double *kernels, const double *bias)
{
    for (int64_t y = 0; y < u->height; y++)
        for (int64_t x = 0; x < u->width; x++)
            for (int64_t o = 0; o < u->rank; o++) {
                double v = convolved(u, y, x, kernels + o * u->rank * 9, bias[o]);
                pixel_of(out, y, x)[o] = v * normal_cdf(v);
            }
}

/* The gradient of one output value. */
static void convolve_backward_at(const image *u, image *du, int64_t y, int64_t x, double d,
                                 const double *kernel, double *d_kernel)
{
    for (int k = 0; k < 9; k++) {
        const double *tap = tap_of(u, y, x, k);
        double *d_tap = tap_of(du, y, x, k);
        for (int64_t c = 0; c < u->rank && tap != NULL; c++) {
            d_kernel[c * 9 + k] += d * tap[c];
            d_tap[c] += d * kernel[c * 9 + k];
        }
    }
}

static void convolve_backward(const image *u, const image *d_out, image *du, const double *kernels,
                              const double *bias, double *d_kernels, double *d_bias)
{
    for (int64_t y = 0; y < u->height; y++)
        for (int64_t x = 0; x < u->width; x++)
            for (int64_t o = 0; o < u->rank; o++) {
                int64_t at = o * u->rank * 9;
                double v = convolved(u, y, x, kernels + at, bias[o]);
                double slope = normal_cdf(v) + v * 0.39894228040143267794 * exp(-0.5 * v * v);
                double d = pixel_of(d_out, y, x)[o] * slope;
                d_bias[o] += d;
                convolve_backward_at(u, du, y, x, d, kernels + at, d_kernels + at);
            }
}

/* ------------------------------------------------------------------ samples */

/* Copies a sample out of the rows, or adds it to them. */
static void move_sample(const int64_t *n, int64_t sample, image *m, double *rows, bool back)
{
    int64_t across = n[EXPERTS_GRID_W] / m->width, down = n[EXPERTS_GRID_H] / m->height;
    int64_t picture = sample / (across * down), window = sample % (across * down);
    for (int64_t y = 0; y < m->height; y++)
        for (int64_t x = 0; x < m->width; x++) {
            int64_t row = picture * n[EXPERTS_GRID_H] + window / across * m->height + y;
            double *at =
                rows + (row * n[EXPERTS_GRID_W] + window % across * m->width + x) * m->rank;
            size_t bytes = (size_t)m->rank * sizeof(double);
            memcpy(back ? at : pixel_of(m, y, x), back ? pixel_of(m, y, x) : at, bytes);
        }
}

/* A sample on its way: coarse, upsampled, convolved, and reduced. */
typedef struct stages {
    image coarse, fine, active, out;
    image d_coarse, d_fine, d_active, d_out;
} stages;

static stages stages_make(const int64_t *n, int64_t ratio)
{
    int64_t h = n[EXPERTS_SIDE_H], w = n[EXPERTS_SIDE_W], rank = n[EXPERTS_RANK];
    return (stages){.coarse = image_make(h, w, rank),
                    .fine = image_make(h * ratio, w * ratio, rank),
                    .active = image_make(h * ratio, w * ratio, rank),
                    .out = image_make(h, w, rank),
                    .d_coarse = image_make(h, w, rank),
                    .d_fine = image_make(h * ratio, w * ratio, rank),
                    .d_active = image_make(h * ratio, w * ratio, rank),
                    .d_out = image_make(h, w, rank)};
}

static bool stages_are_there(const stages *s)
{
    const image *all = &s->coarse;
    bool there = true;
    for (int i = 0; i < 8; i++)
        there = there && all[i].values != NULL;
    return there;
}

static void stages_free(stages *s)
{
    image *all = &s->coarse;
    for (int i = 0; i < 8; i++)
        free(all[i].values);
}

static void fill(double *values, int64_t count, double value)
{
    for (int64_t i = 0; i < count; i++)
        values[i] = value;
}

/* v with outputs z and, with `back`, the gradients; NaN when memory is short. */
static void run(const scl_own_values *v, bool back)
{
    const int64_t *n = v->ints;
    int64_t samples = n[EXPERTS_TOKENS] / (n[EXPERTS_SIDE_H] * n[EXPERTS_SIDE_W]);
    int64_t rank = n[EXPERTS_RANK], kernel = rank * rank * 9;
    const double *weight = v->inputs[2], *bias = v->inputs[3];
    double *out = v->outputs[0], *d_weight = back ? v->outputs[1] : NULL;
    double *d_bias = back ? v->outputs[2] : NULL;
    fill(d_weight, back ? n[EXPERTS_COUNT] * kernel : 0, 0);
    fill(d_bias, back ? n[EXPERTS_COUNT] * rank : 0, 0);
    for (int64_t i = 0; i < samples; i++) {
        int64_t e = ((const int32_t *)v->inputs[1])[i * n[EXPERTS_CHOICES]];
        stages s = stages_make(n, e + 1);
        if (!stages_are_there(&s)) {
            fill(out, n[EXPERTS_TOKENS] * rank, NAN);
            stages_free(&s);
            return;
        }
        move_sample(n, i, &s.coarse, (double *)v->inputs[0], false);
        resize(&s.coarse, &s.fine, false);
        if (back) {
            move_sample(n, i, &s.d_out, (double *)v->inputs[4], false);
            resize(&s.d_active, &s.d_out, true);
            convolve_backward(&s.fine, &s.d_active, &s.d_fine, weight + e * kernel, bias + e * rank,
                              d_weight + e * kernel, d_bias + e * rank);
            resize(&s.d_coarse, &s.d_fine, true);
            move_sample(n, i, &s.d_coarse, out, true);
        } else {
            convolve(&s.fine, &s.active, weight + e * kernel, bias + e * rank);
            resize(&s.active, &s.out, false);
            move_sample(n, i, &s.out, out, true);
        }
        stages_free(&s);
    }
}

void experts_reference(const scl_own_values *v)
{
    run(v, false);
}

void experts_reference_backward(const scl_own_values *v)
{
    run(v, true);
}
