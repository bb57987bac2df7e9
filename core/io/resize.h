/* resize.h — changing the size of images, masks, logits and tables exactly as the references do.
 *
 * Images and masks follow Pillow (src/libImaging/Resample.c and Geometry.c), bit for bit. Logits
 * and relative-position tables follow torch.nn.functional.interpolate. All arrays are row-major,
 * `dst` is the caller's and does not overlap `src`. Any thread. */
#ifndef SCL_IO_RESIZE_H
#define SCL_IO_RESIZE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Pillow's Image.resize((dw, dh), BILINEAR): a triangle filter that widens when shrinking. src is
 * [sh, sw, channels], dst [dh, dw, channels]; channels 1 to 4, each on its own (Pillow
 * premultiplies by alpha first, so RGBA differs there). As in Pillow 13, the height goes first
 * where it loses more than twice the pixels that the width loses; Pillow 12 and before always began
 * with the width, which there changes some values by 1. An image that SAM shrinks is concerned only
 * if taller than 2:1. SCL_BAD_DATA for sizes below 1 or above 2^24 a side; SCL_DEVICE when out of
 * memory. */
scl_status scl_resize_bilinear_u8(const uint8_t *src, int sw, int sh, int channels, uint8_t *dst,
                                  int dw, int dh, scl_error *err);

/* Pillow's NEAREST for elements of 1 (mode L), 2 (I;16) or 4 bytes (I): the source position is
 * (i + 0.5) * sw / dw cut to an integer. Pillow adds up the step for L and I but multiplies for
 * I;16, so they differ where that rounds across an integer, and so does this. Errors as above.
 *
 * This is what transformers' SamImageProcessorPil does to segmentation maps. Its torchvision twin
 * uses torch's "nearest-exact": the same rule in float32, a few border pixels apart. torch's plain
 * "nearest" is another rule, floor(i * sw / dw), shifted by half a pixel: don't mix the two. */
scl_status scl_resize_nearest(const void *src, size_t element, int sw, int sh, void *dst, int dw,
                              int dh, scl_error *err);

/* interpolate(mode="bilinear", align_corners=False, antialias=False) of one float32 plane, in
 * torch's float32 arithmetic. Rows of src are src_stride floats apart, so that a crop of a larger
 * plane needs no copy; dst is [dh, dw]. Errors as above. */
scl_status scl_resize_bilinear_f32(const float *src, size_t src_stride, int sw, int sh, float *dst,
                                   int dw, int dh, scl_error *err);

/* interpolate(mode="linear", align_corners=False) along the rows of a table: src [rows, columns] to
 * dst [new_rows, columns]; for rel_pos tables. Errors as above. */
scl_status scl_resize_rows_f32(const float *src, int rows, int columns, float *dst, int new_rows,
                               scl_error *err);

#endif
