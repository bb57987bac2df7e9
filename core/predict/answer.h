/* answer.h — the masks a model gives for a request. */
#ifndef SCL_PREDICT_ANSWER_H
#define SCL_PREDICT_ANSWER_H

#include "model/sam_config.h"
#include "predict/postprocess.h"
#include "predict/request.h"

/* One mask of the original size; of a model with classes, the pixels of one class. */
typedef struct scl_found {
    size_t prompt;       /* of the request, from 0 */
    size_t alternative;  /* of its prompt, from 0; always 0 without multimask */
    bool chosen;         /* the alternative of the highest predicted IoU, the first of equals */
    float predicted_iou; /* 0 for a model with classes, which predicts none */
    size_t area;         /* pixels */
    int box[4];          /* x0, y0, x1, y1 of the outermost pixels, both included, as segment-
                          * anything's batched_mask_to_box; all 0 when the area is 0 */
} scl_found;

/* Zero-initialise; free with scl_answer_free. */
typedef struct scl_answer {
    scl_frame frame;
    size_t prompts, alternatives; /* 3 with multimask, else 1 */
    int64_t classes, mask_size;
    size_t count;     /* prompts * alternatives, or classes */
    scl_found *found; /* [count], the alternatives of a prompt together */
    float *logits;    /* [count, mask_size, mask_size] */
} scl_answer;

/* Decodes a checked request on the image that the predictor has encoded; `config` is its model's.
 * SCL_DEVICE when out of memory. */
scl_status scl_answer_make(scl_answer *answer, scl_predictor *predictor,
                           const scl_sam_config *config, const scl_request *request,
                           const scl_frame *frame, scl_error *err);
void scl_answer_free(scl_answer *answer);

/* The alternatives that were chosen, instead of a number. */
#define SCL_ANSWER_CHOSEN SIZE_MAX

/* ids [height, width]: 0, or 1 + the prompt whose mask a pixel is in; where masks overlap the one
 * of the higher predicted IoU wins, the first of equals. Of a model with classes, the class. */
scl_status scl_answer_ids(const scl_answer *answer, size_t alternative, uint16_t *ids,
                          scl_error *err);

#endif
