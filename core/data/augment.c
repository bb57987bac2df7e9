#include "data/augment.h"

#include "base/rng.h"
#include "io/image.h"

#include <math.h>
#include <string.h>

#define TILE 32 /* pixels: rows of the one and columns of the other picture stay in the cache */
/* A crop's sides are to each other as the picture's, times up to this: torchvision's
 * RandomResizedCrop. Else all its padded edges would lie where the picture's do. */
#define MOST_STRETCH (4.0 / 3)

/* ------------------------------------------------------------------ what is drawn */

scl_augment scl_augment_none(void)
{
    return (scl_augment){.columns = 1, .rows = 1, .brightness = 1, .contrast = 1, .gamma = 1};
}

/* Uniform in -range..range. */
static double draw_within(scl_rng rng, double range)
{
    return range * (2 * scl_rng_uniform(&rng) - 1);
}

static bool draw_chance(scl_rng rng, double probability)
{
    return scl_rng_uniform(&rng) < probability;
}

static double within(double low, double value, double high)
{
    return value < low ? low : value > high ? high : value;
}

static void draw_crop(scl_augment *a, double least, scl_rng rng)
{
    double share = least + (1 - least) * scl_rng_uniform(&rng);
    a->left = scl_rng_uniform(&rng);
    a->top = scl_rng_uniform(&rng);
    double stretch = pow(MOST_STRETCH, scl_rng_uniform(&rng) - 0.5);
    a->columns = within(least, share * stretch, 1);
    a->rows = within(least, share / stretch, 1);
}

scl_augment scl_augment_draw(const scl_data_config *config, uint64_t seed, uint64_t epoch,
                             uint64_t item)
{
    scl_rng flip = scl_rng_make(seed, "flip", epoch, item);
    scl_augment a;
    draw_crop(&a, config->random_crop, scl_rng_make(seed, "random_crop", epoch, item));
    a.hflip = scl_rng_uniform(&flip) < config->hflip;
    a.vflip = scl_rng_uniform(&flip) < config->vflip;
#define STREAM(purpose) scl_rng_make(seed, purpose, epoch, item)
    a.transpose = draw_chance(STREAM("transpose"), config->transpose);
    a.brightness = (float)(1 + draw_within(STREAM("brightness"), config->brightness));
    a.contrast = (float)(1 + draw_within(STREAM("contrast"), config->contrast));
    a.gamma = exp(draw_within(STREAM("gamma"), config->gamma));
    a.invert = draw_chance(STREAM("invert"), config->invert);
    a.grayscale = draw_chance(STREAM("grayscale"), config->grayscale);
#undef STREAM
    return a;
}

/* ------------------------------------------------------------------ the place of the pixels */

static int cropped(int length, double share)
{
    int rounded = (int)(length * share + 0.5);
    return rounded > 0 ? rounded : 1;
}

scl_view scl_augment_view(const scl_augment *augment, int width, int height)
{
    int columns = cropped(width, augment->columns), rows = cropped(height, augment->rows);
    int left = (int)(augment->left * (width - columns + 1));
    int top = (int)(augment->top * (height - rows + 1));
    scl_view view = {.width = columns,
                     .height = rows,
                     .origin = (ptrdiff_t)top * width + left,
                     .step_x = 1,
                     .step_y = width};
    if (augment->transpose)
        view = (scl_view){.width = rows,
                          .height = columns,
                          .origin = view.origin,
                          .step_x = view.step_y,
                          .step_y = view.step_x};
    if (augment->hflip) {
        view.origin += (view.width - 1) * view.step_x;
        view.step_x = -view.step_x;
    }
    if (augment->vflip) {
        view.origin += (view.height - 1) * view.step_y;
        view.step_y = -view.step_y;
    }
    return view;
}

bool scl_view_is_whole(const scl_view *view, int width, int height)
{
    return view->width == width && view->height == height && view->origin == 0 &&
           view->step_x == 1 && view->step_y == width;
}

static int tile_end(int start, int length)
{
    return length - start < TILE ? length : start + TILE;
}

/* Inlined, so that `pixel`, the bytes of one, is a constant. */
static inline void copy(const scl_view *view, const uint8_t *in, uint8_t *out, size_t pixel)
{
    for (int top = 0; top < view->height; top += TILE)
        for (int left = 0; left < view->width; left += TILE)
            for (int y = top; y < tile_end(top, view->height); y++) {
                ptrdiff_t from = view->origin + y * view->step_y + left * view->step_x;
                uint8_t *to = out + ((size_t)y * (size_t)view->width + (size_t)left) * pixel;
                for (int x = left; x < tile_end(left, view->width); x++, from += view->step_x) {
                    memcpy(to, in + from * (ptrdiff_t)pixel, pixel);
                    to += pixel;
                }
            }
}

void scl_view_copy_rgb(const scl_view *view, const uint8_t *in, uint8_t *out)
{
    copy(view, in, out, 3);
}

void scl_view_copy_ids(const scl_view *view, const int32_t *in, int32_t *out)
{
    copy(view, (const uint8_t *)in, (uint8_t *)out, sizeof *out);
}

/* ------------------------------------------------------------------ colours */

/* What each value of a channel becomes. All three channels share it: the gray that contrast mixes
 * with has no colour. */
typedef struct value_table {
    uint8_t value[256];
} value_table;

/* As Pillow's blend, libImaging/Blend.c: in float32 and cut off, not rounded. */
static uint8_t blend(int gray, int value, float factor)
{
    float step = factor * (float)(value - gray); /* apart, so that no compiler fuses the two */
    float mixed = (float)gray + step;
    return mixed <= 0 ? 0 : mixed >= 255 ? 255 : (uint8_t)mixed;
}

static void blend_table(value_table *table, int gray, float factor)
{
    for (int v = 0; v < 256; v++)
        table->value[v] = blend(gray, table->value[v], factor);
}

/* Of the picture that the table makes, as ImageEnhance.Contrast rounds it. */
static int mean_gray(const value_table *table, const uint8_t *rgb, size_t pixels)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < pixels; i++, rgb += 3)
        sum += scl_luma(table->value[rgb[0]], table->value[rgb[1]], table->value[rgb[2]]);
    return (int)((double)sum / (double)pixels + 0.5);
}

static value_table make_table(const scl_augment *augment, const uint8_t *rgb, size_t pixels)
{
    value_table table;
    for (int v = 0; v < 256; v++)
        table.value[v] = (uint8_t)v;
    if (augment->brightness != 1)
        blend_table(&table, 0, augment->brightness);
    if (augment->contrast != 1)
        blend_table(&table, mean_gray(&table, rgb, pixels), augment->contrast);
    for (int v = 0; v < 256; v++) {
        uint8_t *value = &table.value[v];
        if (augment->gamma != 1)
            *value = (uint8_t)(255 * pow(*value / 255.0, augment->gamma) + 0.5);
        if (augment->invert)
            *value = (uint8_t)(255 - *value);
    }
    return table;
}

void scl_augment_colours(const scl_augment *augment, uint8_t *rgb, size_t pixels)
{
    bool is_table = augment->brightness != 1 || augment->contrast != 1 || augment->gamma != 1 ||
                    augment->invert;
    if (is_table) {
        value_table table = make_table(augment, rgb, pixels);
        for (size_t i = 0; i < pixels * 3; i++)
            rgb[i] = table.value[rgb[i]];
    }
    for (size_t i = 0; augment->grayscale && i < pixels; i++, rgb += 3)
        memset(rgb, (int)scl_luma(rgb[0], rgb[1], rgb[2]), 3);
}
