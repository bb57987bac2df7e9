/* sam.h — the Segment Anything Model as graph builders (Kirillov et al., arXiv 2304.02643;
 * reference: github.com/facebookresearch/segment-anything, segment_anything/modeling).
 *
 * Parameters carry the names of Meta's checkpoints. Images and embeddings are channels-last. The
 * functions return NULL on error, which scl_graph_status reports. */
#ifndef SCL_MODEL_SAM_H
#define SCL_MODEL_SAM_H

#include "graph/ops.h"
#include "model/sam_config.h"

/* What is trained and how layers are changed; all NULL: a frozen model as it is. */
typedef struct scl_adaptation {
    void *user;
    bool (*trains)(void *user, const char *parameter);
    /* Whether the module named `site` gets another output, and which. */
    bool (*wraps)(void *user, const scl_site *site);
    scl_tensor *(*attach)(void *user, scl_graph *g, const scl_site *site, scl_tensor *x,
                          scl_tensor *y);
    /* Whether what it makes of a row there depends on other rows of the window; NULL: nowhere. */
    bool (*mixes_rows)(void *user, const scl_site *site);
    /* The tokens [T, C] that take part in the attention of the block `site`, which `wraps` takes,
     * beside the image's; NULL: none. */
    scl_tensor *(*tokens)(void *user, scl_graph *g, const scl_site *site);
} scl_adaptation;

typedef struct scl_sam {
    scl_graph *graph;
    const scl_sam_config *config; /* its image_size: of the images that the graph sees */
    const scl_adaptation *adaptation;
    int64_t table_grid; /* tokens along a side of the model's own images; 0: as config's */
} scl_sam;

/* Normalised images [B, S, S, 3] -> embedding [B, grid, grid, prompt_embed_dim]. */
scl_tensor *scl_sam_image_encoder(const scl_sam *m, scl_tensor *image);

/* Labels of prompt tokens. */
enum {
    SCL_LABEL_NOTHING = -1, /* fills a slot; not attended to when token_count excludes it */
    SCL_LABEL_NEGATIVE = 0,
    SCL_LABEL_POSITIVE = 1,
    SCL_LABEL_BOX_TOP_LEFT = 2,
    SCL_LABEL_BOX_BOTTOM_RIGHT = 3,
    SCL_LABEL_NOT_A_POINT = 4 /* ends a list of points that has no box */
};

/* The prompts of M masks, M / B of them per image, in order. */
typedef struct scl_sam_prompts {
    scl_tensor *coords;      /* [M, N, 2] in 0..1: (pixel + 0.5) / image_size; NULL: no tokens */
    scl_tensor *labels;      /* int32 [M, N] */
    scl_tensor *token_count; /* int32 [M]: 1 + mask tokens + used prompt tokens; NULL: all N */
    scl_tensor *mask;        /* [M, mask_size, mask_size, 1] logits, or NULL */
    scl_tensor *has_mask;    /* [M, 1, 1, 1] 0 or 1, or NULL: all have one */
} scl_sam_prompts;

typedef struct scl_sam_masks {
    scl_tensor *logits; /* [M, count, mask_size, mask_size] */
    scl_tensor *iou;    /* [M, count] the decoder's estimates; NULL with classes */
} scl_sam_masks;

/* embedding [B, grid, grid, C]; masks first .. first+count-1 of the decoder's mask tokens. */
scl_sam_masks scl_sam_decode(const scl_sam *m, scl_tensor *embedding,
                             const scl_sam_prompts *prompts, int64_t masks, int64_t first,
                             int64_t count);

/* A graph that uses every parameter of the model once: its PARAM tensors are the model's. */
scl_graph *scl_sam_catalog(const scl_sam_config *config, const scl_adaptation *adaptation,
                           scl_error *err);

#endif
