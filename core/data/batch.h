/* batch.h — some images and their masks in arrays laid out as the graph's inputs are.
 *
 * B images; M = B * K masks, K of each image in order. An image with fewer than K objects, and the
 * last batch of an epoch, are filled up: such masks have a mask_weight of 0, no prompt, and targets
 * and pixel weights of 0. One thread at a time. */
#ifndef SCL_DATA_BATCH_H
#define SCL_DATA_BATCH_H

#include "base/hash.h"
#include "data/prompts.h"
#include "data/sample.h"
#include "model/sam_config.h"

typedef struct scl_batch_layout {
    int64_t images;     /* B */
    int64_t objects;    /* K: objects_per_image for instances, else 1 */
    int64_t image_size; /* S */
    int64_t mask_size;  /* ms */
    int64_t slots;      /* N, tokens of the longest prompt; 0: no coords and no labels */
    int64_t
        base_tokens; /* of the decoder, before the prompt's: the IoU token and the mask tokens */
    bool multiclass;
    bool mask_prompts; /* some prompts are masks */
} scl_batch_layout;

scl_batch_layout scl_batch_layout_make(const scl_data_config *config, const scl_sam_config *model,
                                       int64_t images);

/* What an image of a batch is; name is NULL where the batch is filled up. */
typedef struct scl_batch_image {
    const char *name;  /* borrowed from the data set */
    size_t item;       /* of the data set */
    int width, height; /* as it is seen: of a crop, its own */
    scl_hash128 hash;  /* of its S * S * 3 input values: equal hash, equal input */
} scl_batch_image;

typedef struct scl_batch {
    scl_batch_layout layout;
    float *image;           /* [B, S, S, 3] */
    float *coords;          /* [M, N, 2]; NULL when N is 0 */
    int32_t *labels;        /* [M, N]; NULL when N is 0 */
    int32_t *token_count;   /* [M] base_tokens + used prompt tokens */
    float *mask;            /* [M, ms, ms, 1] logits; NULL without mask_prompts */
    float *has_mask;        /* [M, 1, 1, 1] of 0 and 1; NULL without mask_prompts */
    float *target;          /* [M, 1, ms, ms] of 0..1, as scl_coverage; NULL with multiclass */
    int32_t *classes;       /* [B, ms, ms] ids, -1 where nothing counts; NULL unless multiclass */
    float *weight;          /* [M, 1, ms, ms] 1 inside the image, 0 in padding and ignored pixels */
    float *mask_weight;     /* [M] 1 / real masks of the accumulation window; 0 where filled up */
    int32_t *object;        /* [M] id in the mask file (1 unless instances); 0 where filled up */
    scl_batch_image *about; /* [B] */
    int64_t epoch;
    int64_t index;       /* of the batch in the epoch */
    int64_t real_images; /* the first ones */
    int64_t real_masks;
    bool ends_window; /* the optimizer's step comes after this batch */
} scl_batch;

/* Buffers for making batches. Zero-initialise; free with scl_batch_scratch_free. */
typedef struct scl_batch_scratch {
    scl_sample sample;
    scl_prompter prompter;
} scl_batch_scratch;

/* What the arrays take together. */
size_t scl_batch_bytes(const scl_batch_layout *layout);

/* Allocates the arrays. SCL_DEVICE when out of memory. Free with scl_batch_free. */
scl_status scl_batch_make(scl_batch *batch, const scl_batch_layout *layout, scl_error *err);
void scl_batch_free(scl_batch *batch);

/* Loads a visit into place `slot` of 0..B-1. `mask_weight` is that of each of its masks;
 * where a crop left fewer than the file has, they share the others' alike. Sets all
 * arrays and `about` there and adds to real_masks. Errors as scl_sample_load. */
scl_status scl_batch_load(scl_batch *batch, int64_t slot, const scl_dataset *dataset,
                          const scl_visit *visit, float mask_weight, scl_batch_scratch *scratch,
                          scl_error *err);
/* Fills up the place instead. */
void scl_batch_clear(scl_batch *batch, int64_t slot);

void scl_batch_scratch_free(scl_batch_scratch *scratch);

#endif
