/* image_rgb.c — any image as 8-bit RGB: palettes looked up, 16 bits and a poor exposure spread. */
#include "io/image.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

#define VALUES 65536

/* What of an image's samples becomes 0 and 255; those outside are clamped. */
typedef struct range {
    double low, high;
} range;

static size_t colours_of(const scl_image *image)
{
    return image->channels > 2 ? 3 : 1;
}

static unsigned sample_at(const scl_image *image, size_t at)
{
    return image->depth == 16 ? ((const uint16_t *)image->data)[at]
                              : ((const uint8_t *)image->data)[at];
}

/* The least value that at least `rank` of the counted samples don't exceed. */
static unsigned value_of_rank(const uint32_t *counts, size_t rank)
{
    unsigned value = 0;
    for (size_t seen = counts[0]; seen < rank && value + 1 < VALUES; seen += counts[value])
        value++;
    return value;
}

static void count_samples(const scl_image *image, size_t pixels, uint32_t *counts)
{
    size_t channels = (size_t)image->channels, colours = colours_of(image);
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < colours; c++)
            counts[sample_at(image, i * channels + c)]++;
}

static void count_grays(const scl_image *image, size_t pixels, uint32_t *counts)
{
    bool is_gray = colours_of(image) == 1;
    for (size_t i = 0; i < pixels; i++) {
        size_t at = i * (size_t)image->channels;
        unsigned first = sample_at(image, at);
        counts[is_gray ? first
                       : scl_luma(first, sample_at(image, at + 1), sample_at(image, at + 2))]++;
    }
}

/* All but `tail` samples on either side. */
static range outermost(const uint32_t *counts, size_t samples, size_t tail)
{
    return (range){value_of_rank(counts, tail + 1), value_of_rank(counts, samples - tail)};
}

/* The means of the two classes with the greatest variance between them (Otsu, IEEE Trans. SMC 9(1),
 * 1979), moved apart to be a quarter and three quarters of the range. */
static range around_two_classes(const uint32_t *counts, size_t pixels)
{
    double all = 0, below = 0, count = 0, greatest = 0;
    range r = {0};
    for (size_t v = 0; v < VALUES; v++)
        all += (double)v * counts[v];
    for (size_t v = 0; v < VALUES; v++) {
        count += counts[v];
        below += (double)v * counts[v];
        double rest = (double)pixels - count;
        if (counts[v] == 0 || rest <= 0)
            continue;
        double dark = below / count, bright = (all - below) / rest;
        double half = (bright - dark) / 2, between = count * rest * half * half;
        if (between > greatest) {
            greatest = between;
            r = (range){dark - half, bright + half};
        }
    }
    return r;
}

/* Reads the range off the image's samples; one of a single value is left as it is. */
static scl_status measure(const scl_image *image, scl_image_range kind, range *r, scl_error *err)
{
    uint32_t *counts = scl_calloc(VALUES, sizeof *counts);
    if (counts == NULL)
        return scl_out_of_memory(err, VALUES * sizeof *counts, "the histogram of an image");
    size_t pixels = (size_t)image->width * (size_t)image->height;
    size_t samples = pixels * colours_of(image);
    range found;
    if (kind == SCL_RANGE_OTSU) {
        count_grays(image, pixels, counts);
        found = around_two_classes(counts, pixels);
    } else {
        count_samples(image, pixels, counts);
        found =
            outermost(counts, samples, kind == SCL_RANGE_PERCENTILE ? samples / SCL_RANGE_TAIL : 0);
    }
    if (found.low < found.high)
        *r = found;
    scl_free(counts);
    return SCL_OK;
}

static uint8_t spread(unsigned value, const range *r)
{
    if (value <= r->low)
        return 0;
    return value >= r->high ? 255 : (uint8_t)lround((value - r->low) * 255 / (r->high - r->low));
}

static void look_up(const scl_image *image, size_t pixels, uint8_t *rgb)
{
    const uint8_t *index = image->data;
    for (size_t i = 0; i < pixels; i++)
        memcpy(rgb + i * 3, image->palette[index[i]], 3);
}

static void samples_to_rgb(const scl_image *image, const range *r, size_t pixels, uint8_t *rgb)
{
    size_t channels = (size_t)image->channels, colours = colours_of(image);
    for (size_t i = 0; i < pixels; i++, rgb += 3)
        for (size_t c = 0; c < 3; c++)
            rgb[c] = spread(sample_at(image, i * channels + (colours == 3 ? c : 0)), r);
}

static range full_range(const scl_image *image)
{
    int bits = image->depth == 8 && image->sample_bits > 0 ? image->sample_bits : image->depth;
    return (range){0, (1u << bits) - 1};
}

scl_status scl_image_to_rgb8(const scl_image *image, scl_image_range kind, scl_image *out,
                             scl_error *err)
{
    SCL_TRY(scl_image_make(out, image->width, image->height, 3, 8, err));
    out->orientation = image->orientation;
    size_t pixels = (size_t)image->width * (size_t)image->height;
    const scl_image *source = image;
    if (image->indexed) {
        look_up(image, pixels, out->data);
        source = out;
    }
    range r = full_range(source);
    scl_status status = SCL_OK;
    if (kind != SCL_RANGE_FULL)
        status = measure(source, kind, &r, err);
    if (status != SCL_OK)
        scl_image_free(out);
    else
        samples_to_rgb(source, &r, pixels, out->data);
    return status;
}
