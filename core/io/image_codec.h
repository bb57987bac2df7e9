/* image_codec.h — what image.c and the decoders share. Not for other rooms: they include image.h.
 */
#ifndef SCL_IO_IMAGE_CODEC_H
#define SCL_IO_IMAGE_CODEC_H

#include "io/image.h"

/* A whole file in memory. Borrowed. */
typedef struct scl_image_source {
    const uint8_t *data;
    size_t size;
    const char *name; /* for errors */
} scl_image_source;

/* The decoders. On failure `image` may hold data: the caller frees it. */
scl_status scl_image_read_png(const scl_image_source *source, scl_image *image, scl_error *err);
scl_status scl_image_read_jpeg(const scl_image_source *source, scl_image *image, scl_error *err);

/* Refuses more than SCL_IMAGE_MAX_PIXELS, and sizes for which the file has fewer than
 * `least_bytes`: a small hostile file must not claim gigabytes. */
scl_status scl_image_check_claim(const scl_image_source *source, size_t width, size_t height,
                                 size_t least_bytes, scl_error *err);

/* The orientation tag of an EXIF block that starts at its TIFF header; 1 if absent or damaged. */
int scl_exif_orientation(const uint8_t *tiff, size_t size);

#endif
