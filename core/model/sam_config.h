/* sam_config.h — the dimensions of a SAM, and the presets. */
#ifndef SCL_MODEL_SAM_CONFIG_H
#define SCL_MODEL_SAM_CONFIG_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCL_SAM_MAX_DEPTH   64
#define SCL_SAM_MASK_TOKENS 4 /* one single mask and three for an ambiguous prompt */

/* The two reference implementations differ in one number: the eps of the decoder's norms
 * (spec: 1e-5 in segment-anything, 1e-6 in transformers, but for norm_final_attn). */
typedef enum scl_sam_flavour { SCL_SAM_META, SCL_SAM_HF } scl_sam_flavour;

typedef struct scl_sam_config {
    int64_t image_size, patch_size; /* square images, in pixels */
    int64_t embed_dim, depth, num_heads, mlp_dim;
    int64_t window_size; /* of blocks that are not global, in tokens */
    bool global_attn[SCL_SAM_MAX_DEPTH];
    int64_t prompt_embed_dim; /* channels of the neck, the prompts and the decoder */
    int64_t decoder_depth, decoder_num_heads, decoder_mlp_dim, iou_head_hidden_dim;
    int64_t classes; /* 0: SAM's own heads; else a mask token and hypernetwork per class */
    scl_sam_flavour flavour;
} scl_sam_config;

/* Tokens along a side of the embedding; the low-resolution masks have four times as many. */
static inline int64_t scl_sam_grid(const scl_sam_config *c)
{
    return c->image_size / c->patch_size;
}

static inline int64_t scl_sam_mask_size(const scl_sam_config *c)
{
    return 4 * scl_sam_grid(c);
}

/* The same model with images of another size. */
static inline scl_sam_config scl_sam_config_at(const scl_sam_config *c, int64_t image_size)
{
    scl_sam_config other = *c;
    other.image_size = image_size;
    return other;
}

static inline int64_t scl_sam_mask_tokens(const scl_sam_config *c)
{
    return c->classes > 0 ? c->classes : SCL_SAM_MASK_TOKENS;
}

/* "vit_b", "vit_l", "vit_h" (segment-anything, build_sam.py) or "vit_nano" (ours). False: unknown.
 */
bool scl_sam_preset(const char *type, scl_sam_config *config);
/* The preset with the same encoder, or "custom". */
const char *scl_sam_type(const scl_sam_config *config);
extern const char *const scl_sam_presets[]; /* NULL-terminated */
/* The place of a name in them. SCL_BAD_CONFIG, with the nearest one, when it is none. */
scl_status scl_sam_find_preset(const char *type, int32_t *index, scl_error *err);

/* SCL_BAD_CONFIG naming the dimension that can't be and what would fit. */
scl_status scl_sam_config_check(const scl_sam_config *config, scl_error *err);

#endif
