/* prompts.h — prompts made from an object's mask, as a user might give them.
 *
 * One of the configured kinds is drawn for each object by its weight:
 *  - box: the inclusive bounds of the object, each side moved uniformly by up to `jitter` of the
 *    box's width or height, kept inside the image and in order; two tokens.
 *  - point: `count` pixels of the object and `negative` pixels outside it that are not ignored,
 *    each drawn uniformly and independently, then a token that says there is no box (the
 *    "padding point" of segment-anything). Where no pixel is outside, there are no negatives.
 *  - mask: the target at low resolution as logits of -10 and 10 (as sam2 makes them of masks that
 *    users give, sam2_base.py, _use_mask_as_output), each pixel inside the image flipped with
 *    probability `noise`; no token.
 *  - none: no token. Also taken for an object without a pixel. */
#ifndef SCL_DATA_PROMPTS_H
#define SCL_DATA_PROMPTS_H

#include "base/rng.h"
#include "data/frame.h"
#include "data/mask_file.h"

#define SCL_PROMPT_LOGIT 10.0f

/* Tokens the longest of the configured prompts needs: N of the graph's inputs; 0: none does. */
int64_t scl_prompt_slots(const scl_data_config *config);
/* Whether any configured prompt is a mask. */
bool scl_prompt_has_mask(const scl_data_config *config);

/* The object that is asked for, everywhere as it is seen after augmentation. Borrowed. */
typedef struct scl_prompt_object {
    int32_t id;
    const scl_mask *mask;   /* original size */
    const scl_frame *frame; /* of the image */
    const int32_t *low;     /* [low_count] the same mask at low resolution, -1 in padding */
    size_t low_count;
} scl_prompt_object;

/* Where a prompt is written; all of it is set by every draw. */
typedef struct scl_prompt {
    float *coords;   /* [slots, 2] in 0..1 of the model's frame, see scl_frame_coords */
    int32_t *labels; /* [slots] SCL_LABEL_* of model/sam.h; NOTHING, with coords 0, if unused */
    float *mask;   /* [low_count] logits, 0 where has_mask is false; NULL: no mask is configured */
    int64_t slots; /* scl_prompt_slots; 0: coords and labels may be NULL */
    int64_t used;  /* set: slots before the first unused one */
    bool has_mask; /* set */
} scl_prompt;

/* Buffers used again for each object. Zero-initialise; free with scl_prompter_free. */
typedef struct scl_prompter {
    uint32_t *rows; /* for each row, pixels inside, then pixels outside */
    size_t capacity;
} scl_prompter;

/* All randomness comes from `rng`. SCL_DEVICE when out of memory. */
scl_status scl_prompt_draw(scl_prompter *prompter, const scl_data_config *config,
                           const scl_prompt_object *object, scl_rng rng, scl_prompt *prompt,
                           scl_error *err);
/* Writes "no prompt", as for a mask that fills up a batch. */
void scl_prompt_clear(scl_prompt *prompt, size_t low_count);

void scl_prompter_free(scl_prompter *prompter);

#endif
