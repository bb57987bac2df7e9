/* frame.h — how a picture lies in the square that the model sees.
 *
 * Its longer side is scaled to the side of the square; what remains on the right or below is
 * padding. The same rule makes the image (side image_size) and the low-resolution mask (side
 * mask_size). Source: segment-anything, utils/transforms.py, ResizeLongestSide. Any thread. */
#ifndef SCL_DATA_FRAME_H
#define SCL_DATA_FRAME_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct scl_frame {
    int width, height;               /* of the picture */
    int side;                        /* of the square */
    int scaled_width, scaled_height; /* what the picture covers of the square */
} scl_frame;

/* All sizes are at least 1. A side that would be scaled to nothing, where Meta's code fails, is 1.
 */
scl_frame scl_frame_make(int width, int height, int side);

/* A position in pixels of the picture (the centre of its first pixel is 0) as the prompt encoder's
 * 0..1 of the square. In double up to the scaled position, then in float32, as SamPredictor and
 * PromptEncoder do: (x * (scaled_width / width) + 0.5) / side. */
void scl_frame_coords(const scl_frame *frame, double x, double y, float coords[2]);

/* The image encoder's input: rgb [height, width, 3] is resized as Pillow does, normalised by
 * ImageNet's mean and deviation and padded with zeros to out [side, side, 3]. Equals
 * ResizeLongestSide.apply_image and Sam.preprocess. SCL_DEVICE when out of memory. */
scl_status scl_frame_image(const scl_frame *frame, const uint8_t *rgb, float *out, scl_error *err);

/* ids [height, width] resized as Pillow's NEAREST and padded with -1 to out [side, side]. Equals
 * transformers' SamImageProcessorPil on segmentation maps but for the -1. SCL_DEVICE when out of
 * memory. */
scl_status scl_frame_ids(const scl_frame *frame, const int32_t *ids, int32_t *out, scl_error *err);

#endif
