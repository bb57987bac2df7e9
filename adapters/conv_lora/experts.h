/* experts.h — the routed convolution of conv_lora: an op of the plugin's own.
 *
 * Expert e, of ratio R = e + 1, makes of its sample z the result
 *
 *   resize_1/R(gelu(conv3x3(resize_R(z)) + bias))
 *
 * with bicubic resizing (Keys' kernel, a = -0.75, half-pixel centres, clamped at the border) and
 * zeros around the upsampled sample for the convolution, as torch has them. A sample is a window,
 * or the whole grid where there are none. */
#ifndef SAMCL_CONV_LORA_EXPERTS_H
#define SAMCL_CONV_LORA_EXPERTS_H

#include <samcl/plugin.h>

/* Where the samples lie among the rows of z. */
typedef struct expert_grid {
    int64_t images, height, width; /* rows are [images, height, width] */
    int64_t side_h, side_w;        /* of a sample; they divide the grid */
} expert_grid;

/* Samples per image and along the grid's width, and all of them. */
static inline int64_t expert_samples(const expert_grid *g)
{
    return g->images * (g->height / g->side_h) * (g->width / g->side_w);
}

/* z [images, height * width, rank], expert int32 [samples, k] whose first column is the choice,
 * weight [experts, rank * rank * 9] and bias [experts, rank] -> [images, height * width, rank]. */
scl_tensor *experts_apply(scl_builder *b, scl_tensor *z, scl_tensor *expert, scl_tensor *weight,
                          scl_tensor *bias, const expert_grid *grid);

/* The same in double precision, and its gradients: step by step, at the upsampled size. */
void experts_reference(const scl_own_values *v);
void experts_reference_backward(const scl_own_values *v);

/* Places of an op's ints. */
enum {
    EXPERTS_RANK,
    EXPERTS_COUNT,
    EXPERTS_CHOICES,
    EXPERTS_TOKENS,
    EXPERTS_GRID_H,
    EXPERTS_GRID_W,
    EXPERTS_SIDE_H,
    EXPERTS_SIDE_W,
    EXPERTS_PIXELS,
    EXPERTS_CHUNKS,
    EXPERTS_INTS
};

#endif
