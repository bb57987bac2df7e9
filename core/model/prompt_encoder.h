/* prompt_encoder.h — points, boxes and masks as embeddings (modeling/prompt_encoder.py). */
#ifndef SCL_MODEL_PROMPT_ENCODER_H
#define SCL_MODEL_PROMPT_ENCODER_H

#include "model/sam.h"

/* [M, N, C], or NULL without error when there are no prompt tokens. */
scl_tensor *scl_prompt_sparse(const scl_sam *m, const scl_sam_prompts *prompts);
/* Added to the image embedding: [1, 1, 1, C] without masks, else [M, grid, grid, C]. */
scl_tensor *scl_prompt_dense(const scl_sam *m, const scl_sam_prompts *prompts);
/* The position code of the embedding's grid: [1, grid*grid, C]. */
scl_tensor *scl_prompt_image_pe(const scl_sam *m);

#endif
