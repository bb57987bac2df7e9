/* position.h — SAM's learned position tables, as the images of a graph need them.
 *
 * The parameters have the model's size. A graph whose images have another one interpolates them,
 * so that training on smaller images trains the model's own tables. The rule is that of
 * checkpoints of another size: torch's interpolate, linear, align_corners=False. */
#ifndef SCL_MODEL_POSITION_H
#define SCL_MODEL_POSITION_H

#include "model/sam.h"

/* [1, grid, grid, embed_dim], added to the patches. */
scl_tensor *scl_position_of_patches(const scl_sam *m);

/* [2 * side - 1, head_dim] of the attention module `attn`, axis 'h' or 'w': side is the window's,
 * or the grid's where window is 0. */
scl_tensor *scl_position_relative(const scl_sam *m, const char *attn, char axis, int64_t window);

#endif
