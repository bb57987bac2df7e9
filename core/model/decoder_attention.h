/* decoder_attention.h — the attentions of the mask decoder (modeling/transformer.py, Attention).
 *
 * Each has the linear layers name.q_proj, .k_proj, .v_proj and .out_proj. Tokens are [M, T, C], the
 * pixels of the embedding [M, N, C]; results are as wide. NULL when given a NULL tensor. */
#ifndef SCL_MODEL_DECODER_ATTENTION_H
#define SCL_MODEL_DECODER_ATTENTION_H

#include "model/sam.h"

/* token_count, int32 [M], limits which tokens are attended to; NULL: all. */
scl_tensor *scl_attend_tokens(const scl_sam *m, const char *name, scl_tensor *q, scl_tensor *k,
                              scl_tensor *v, scl_tensor *token_count);

/* At half the width, each in the cheaper of two ways that are equal but for rounding. Either the
 * pixels are projected, then attended to; or, when tokens are few, the tokens are multiplied by the
 * weights that would project the pixels, and meet the pixels as they are:
 * q (W_k x + b_k) = (W_k^T q) x + q b_k, where softmax does not see q b_k; and the values' weights
 * follow the sum over pixels. Layers of the pixels that an adapter wraps are always run. */
scl_tensor *scl_attend_pixels(const scl_sam *m, const char *name, scl_tensor *tokens,
                              scl_tensor *keys, scl_tensor *values);
scl_tensor *scl_attend_from_pixels(const scl_sam *m, const char *name, scl_tensor *pixels,
                                   scl_tensor *keys, scl_tensor *values, scl_tensor *token_count);

#endif
