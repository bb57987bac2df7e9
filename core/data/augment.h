/* augment.h — the random changes that a visit of training makes to an image and its mask.
 *
 * What is drawn follows from (seed, epoch, item) alone, and each kind has numbers of its own:
 * turning one on leaves the others as they were. First the place of the pixels: crop, transpose,
 * flips; of image and mask alike. Then the colours, in the order of the fields, as torchvision's
 * ColorJitter does with PIL images (Pillow's ImageEnhance, ImageOps.invert and convert("L")). */
#ifndef SCL_DATA_AUGMENT_H
#define SCL_DATA_AUGMENT_H

#include "config/run_config.h"

#include <stdbool.h>

/* What one visit drew. */
typedef struct scl_augment {
    double columns, rows; /* shares that the crop keeps; 1 and 1: no crop */
    double left, top;     /* [0, 1): the place of the crop in the room there is for it */
    bool transpose;       /* x and y are swapped, then */
    bool hflip, vflip;    /* the result is mirrored */
    float brightness;     /* factor; 1: as it was */
    float contrast;       /* factor of the distance from the mean gray */
    double gamma;         /* v becomes 255 * (v / 255)^gamma, rounded */
    bool invert;          /* 255 - v */
    bool grayscale;       /* luma in all three channels */
} scl_augment;

/* Leaves everything as it is. */
scl_augment scl_augment_none(void);
scl_augment scl_augment_draw(const scl_data_config *config, uint64_t seed, uint64_t epoch,
                             uint64_t item);

/* Where the pixels of the new picture lie in the old one: pixel (x, y) is the old one of the index
 * origin + x * step_x + y * step_y. */
typedef struct scl_view {
    int width, height; /* of the new picture, each at least 1 */
    ptrdiff_t origin, step_x, step_y;
} scl_view;

/* `width` and `height`, at least 1, are those of the old picture. */
scl_view scl_augment_view(const scl_augment *augment, int width, int height);
/* Whether every pixel of a picture of this size stays where it is. */
bool scl_view_is_whole(const scl_view *view, int width, int height);
/* rgb is uint8_t [height, width, 3], ids int32_t [height, width]; `out` has the view's size and
 * does not overlap `in`. */
void scl_view_copy_rgb(const scl_view *view, const uint8_t *in, uint8_t *out);
void scl_view_copy_ids(const scl_view *view, const int32_t *in, int32_t *out);

/* Changes rgb [pixels, 3], at least one pixel, in place. */
void scl_augment_colours(const scl_augment *augment, uint8_t *rgb, size_t pixels);

#endif
