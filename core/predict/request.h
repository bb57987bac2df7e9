/* request.h — what a user points at in an image, as prompts of a model.
 *
 * The rules are those of segment-anything's SamPredictor.predict: coordinates are pixels of the
 * original image, the centre of its first pixel being 0; points without a box are followed by the
 * padding point. A request is for one mask, or for one mask a box or mask prompt:
 *
 *   nothing                 one mask with the "none" prompt
 *   points                  one mask of all of them
 *   n boxes                 n masks
 *   n mask prompts          n masks; with n boxes, the k-th belongs to the k-th box
 *   points with a box, with a mask prompt, or with both    one mask */
#ifndef SCL_PREDICT_REQUEST_H
#define SCL_PREDICT_REQUEST_H

#include "data/frame.h"
#include "predict/predictor.h"

typedef struct scl_request_point {
    double x, y;
    int32_t label; /* 1: part of the object; 0: not */
} scl_request_point;

/* Corners, inside or on the border of the image. */
typedef struct scl_request_box {
    double x0, y0, x1, y1;
} scl_request_box;

/* All memory is borrowed. */
typedef struct scl_request {
    const scl_request_point *points;
    size_t point_count;
    const scl_request_box *boxes;
    size_t box_count;
    const float *masks; /* [mask_count, mask_size, mask_size] logits, as of an earlier answer */
    size_t mask_count;
    bool multimask; /* three alternatives for each mask */
} scl_request;

/* Masks asked for, alternatives not counted; at least 1. */
size_t scl_request_count(const scl_request *request);

/* SCL_BAD_CONFIG with what to do when prompts do not go together, lie outside the image, or ask a
 * model with classes (`classes` > 0) for more than one map. */
scl_status scl_request_check(const scl_request *request, const scl_frame *frame, int64_t classes,
                             scl_error *err);

/* A part of a request as the decoder takes it. Free with scl_request_prompts_free. */
typedef struct scl_request_prompts {
    scl_prompt_set set;
    float *coords;
    int32_t *labels;
} scl_request_prompts;

/* Masks first .. first+count-1 of a checked request. SCL_DEVICE when out of memory. */
scl_status scl_request_prompts_make(const scl_request *request, const scl_frame *frame,
                                    int64_t mask_size, size_t first, size_t count,
                                    scl_request_prompts *prompts, scl_error *err);
void scl_request_prompts_free(scl_request_prompts *prompts);

/* Reads one mask prompt, an .npy file of logits [mask_size, mask_size], after any dimensions of 1,
 * into `logits`. SCL_BAD_DATA for another shape or values that are not finite. */
scl_status scl_request_mask_read(const char *path, int64_t mask_size, float *logits,
                                 scl_error *err);

#endif
