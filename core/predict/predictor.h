/* predictor.h — a model ready to answer: an image is encoded once, prompts are decoded many times.
 * Used from one thread. */
#ifndef SCL_PREDICT_PREDICTOR_H
#define SCL_PREDICT_PREDICTOR_H

#include "model/model.h"

typedef struct scl_predictor scl_predictor;

/* Prompts of `masks` masks on the present image, as the graph takes them (model/sam.h). */
typedef struct scl_prompt_set {
    int64_t masks, tokens;
    const float *coords;        /* [masks, tokens, 2]; NULL with tokens 0 */
    const int32_t *labels;      /* [masks, tokens] */
    const int32_t *token_count; /* [masks]; NULL: every token counts */
    const float *mask;          /* [masks, mask_size, mask_size] logits, or NULL */
    const float *has_mask;      /* [masks] 0 or 1, or NULL: all have one */
} scl_prompt_set;

/* Which of the decoder's masks: the single one, the three of an ambiguous prompt, or one per
 * class of a model with classes. */
typedef enum scl_mask_choice { SCL_MASK_SINGLE, SCL_MASK_MULTI, SCL_MASK_CLASSES } scl_mask_choice;

int64_t scl_mask_choice_count(const scl_predictor *p, scl_mask_choice choice);

/* The model is borrowed; `adaptation` is the one it was opened with. */
scl_status scl_predictor_create(scl_model *model, const scl_adaptation *adaptation,
                                scl_predictor **out, scl_error *err);
void scl_predictor_free(scl_predictor *p);

/* Runs the encoder on a normalised image [S, S, 3]. */
scl_status scl_predictor_encode(scl_predictor *p, const float *image, scl_error *err);
/* The present embedding [grid, grid, C], and a way to give one that was kept. */
size_t scl_predictor_embedding_count(const scl_predictor *p);
scl_status scl_predictor_get_embedding(scl_predictor *p, float *embedding, scl_error *err);
scl_status scl_predictor_set_embedding(scl_predictor *p, const float *embedding, scl_error *err);

/* logits [masks, count, mask_size, mask_size]; iou [masks, count], or NULL. */
scl_status scl_predictor_decode(scl_predictor *p, const scl_prompt_set *prompts,
                                scl_mask_choice choice, float *logits, float *iou, scl_error *err);

#endif
