/* image.h — image and mask files: PNG and JPEG in, PNG out.
 *
 * Reading keeps the values that the file holds; how they become a picture (scl_image_to_rgb8) or a
 * mask is the caller's business. JPEG pixels equal those of Pillow. Any thread. */
#ifndef SCL_IO_IMAGE_H
#define SCL_IO_IMAGE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCL_IMAGE_MAX_PIXELS ((size_t)1 << 28)

/* Pixels are row-major and interleaved, without padding. Zero-initialise; free with scl_image_free.
 */
typedef struct scl_image {
    int width, height;
    int channels;    /* 1 gray or palette index, 2 gray + alpha, 3 RGB, 4 RGBA */
    int depth;       /* 8: data is uint8_t; 16: uint16_t in host order */
    int sample_bits; /* bits of a sample in the file, 1 2 4 8 16: values are below 2^sample_bits.
                      * A 1-bit mask thus holds 0 and 1. 0 when writing means depth. */
    void *data;      /* [height, width, channels] */
    bool indexed;    /* data are indices into the palette; channels is 1 */
    int palette_count;
    uint8_t palette[256][3];
    int orientation; /* as EXIF has it, 1 to 8; 1 = upright, also when the file says nothing. Never
                      * applied here: Pillow doesn't either */
} scl_image;

/* Which samples become 0 and 255; between them rounded, all colours alike, alpha aside. An image of
 * one value is treated as FULL. */
typedef enum scl_image_range {
    SCL_RANGE_FULL,       /* what the file can hold: 0..255, 0..65535 */
    SCL_RANGE_IMAGE,      /* this image's least and greatest. For 12-bit and medical data */
    SCL_RANGE_PERCENTILE, /* all but the lowest and highest 1 in SCL_RANGE_TAIL of its samples,
                           * which are clamped. For microscopes and exposures that vary */
    SCL_RANGE_OTSU /* so that the means of the dark and of the bright pixels, as Otsu's threshold of
                    * the gray image parts them, become 64 and 191. For objects that stand out by
                    * their brightness */
} scl_image_range;
#define SCL_RANGE_TAIL 500

/* The type is told by the content. SCL_BAD_DATA with the path and the reason for a damaged or
 * cut-off file, for another type (named if known) and above SCL_IMAGE_MAX_PIXELS; SCL_DEVICE when
 * out of memory. CMYK JPEGs arrive as RGB, converted as Pillow does. Of an animated PNG, the first
 * image. */
scl_status scl_image_read(const char *path, scl_image *image, scl_error *err);
/* The same for a file already in memory; `name` stands for the path in errors. */
scl_status scl_image_read_bytes(const void *data, size_t size, const char *name, scl_image *image,
                                scl_error *err);

/* As Pillow's convert("RGB"): gray is repeated, the palette looked up, alpha dropped. Samples of 1,
 * 2 and 4 bits are spread over 0..255. (16-bit RGB: Pillow drops the low byte, this rounds.) `out`
 * is a new image of 3 channels and depth 8, orientation kept. SCL_DEVICE when out of memory. */
scl_status scl_image_to_rgb8(const scl_image *image, scl_image_range kind, scl_image *out,
                             scl_error *err);

/* The gray of a colour of 8 or 16 bits, as Pillow's convert("L") has it (libImaging/Convert.c):
 * ITU-R 601-2 in 16-bit fixed point. */
static inline unsigned scl_luma(unsigned red, unsigned green, unsigned blue)
{
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

/* A new image of zeroes. SCL_BAD_DATA for an impossible shape, SCL_DEVICE when out of memory. */
scl_status scl_image_make(scl_image *image, int width, int height, int channels, int depth,
                          scl_error *err);

/* Writes a PNG atomically. Every combination of channels and depth, palettes, and gray of 1, 2 or 4
 * bits where sample_bits says so. The orientation is not written. SCL_FAILED when it can't be
 * written or the image contradicts itself. */
scl_status scl_image_write_png(const char *path, const scl_image *image, scl_error *err);

void scl_image_free(scl_image *image);

#endif
