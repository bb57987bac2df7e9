/* coverage.h — a mask at low resolution without loss: how much of each pixel the object covers.
 *
 * Sampling one id per low-resolution pixel moves every edge by up to half of it, and always the
 * same way when the size is halved; a model that learns that is wrong by as much when its logits
 * are scaled up again. Any thread. */
#ifndef SCL_DATA_COVERAGE_H
#define SCL_DATA_COVERAGE_H

#include "data/frame.h"

/* ids [height, width] become, in the frame's square: target [side, side], the share of the pixel's
 * area (ignored pixels aside) where ids is `id`; weight [side, side], 1 where at least half of the
 * area is not ignored (SCL_MASK_IGNORED), else 0, also in padding; target is 0 there. The mean over
 * the area, as Pillow's BOX filter, in double. */
void scl_coverage(const scl_frame *frame, const int32_t *ids, int32_t id, float *target,
                  float *weight);

#endif
