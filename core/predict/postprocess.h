/* postprocess.h — from the decoder's low-resolution logits to masks of the original size.
 *
 * Logits are enlarged to the model's square, the padding is cut off, and what is left is resized to
 * the picture, both bilinearly in float32. Source: segment-anything, Sam.postprocess_masks. */
#ifndef SCL_PREDICT_POSTPROCESS_H
#define SCL_PREDICT_POSTPROCESS_H

#include "data/frame.h"

/* Buffers used again for each mask. Zero-initialise; free with scl_postprocess_free. One thread. */
typedef struct scl_postprocess {
    float *square;       /* the whole square of one mask */
    float *plane, *best; /* of the original size */
    size_t square_capacity, plane_capacity, best_capacity;
} scl_postprocess;

/* low [low_side, low_side] -> logits [height, width] of the frame's picture. `frame` is that of the
 * image (its side is the model's image_size). SCL_DEVICE when out of memory, here and below. */
scl_status scl_postprocess_logits(scl_postprocess *p, const float *low, int low_side,
                                  const scl_frame *frame, float *logits, scl_error *err);

/* mask [height, width]: 1 where the logit is above 0, else 0. */
scl_status scl_postprocess_mask(scl_postprocess *p, const float *low, int low_side,
                                const scl_frame *frame, uint8_t *mask, scl_error *err);

/* low [classes, low_side, low_side] -> ids [height, width]: the class of the greatest logit, the
 * first one of equals. Classes are enlarged one by one, so memory does not grow with them. */
scl_status scl_postprocess_classes(scl_postprocess *p, const float *low, int low_side, int classes,
                                   const scl_frame *frame, int32_t *ids, scl_error *err);

void scl_postprocess_free(scl_postprocess *p);

#endif
