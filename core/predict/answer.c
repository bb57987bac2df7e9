#include "predict/answer.h"

#include "base/mem.h"

#include <stdlib.h>

/* Decoded together: enough to keep a device busy, and few enough for its memory. */
#define MASKS_AT_ONCE 16

static size_t plane_of(const scl_answer *a)
{
    return (size_t)(a->mask_size * a->mask_size);
}

static size_t pixels_of(const scl_answer *a)
{
    return (size_t)a->frame.width * (size_t)a->frame.height;
}

/* ---- decoding */

static scl_status decode(scl_answer *a, scl_predictor *predictor, const scl_request *request,
                         scl_error *err)
{
    scl_mask_choice choice = a->classes > 0       ? SCL_MASK_CLASSES
                             : request->multimask ? SCL_MASK_MULTI
                                                  : SCL_MASK_SINGLE;
    size_t each = a->count / a->prompts;
    float iou[MASKS_AT_ONCE * SCL_SAM_MASK_TOKENS] = {0};
    for (size_t first = 0; first < a->prompts; first += MASKS_AT_ONCE) {
        size_t left = a->prompts - first, count = left < MASKS_AT_ONCE ? left : MASKS_AT_ONCE;
        scl_request_prompts prompts;
        SCL_TRY(scl_request_prompts_make(request, &a->frame, a->mask_size, first, count, &prompts,
                                         err));
        scl_status status = scl_predictor_decode(predictor, &prompts.set, choice,
                                                 a->logits + first * each * plane_of(a),
                                                 a->classes > 0 ? NULL : iou, err);
        scl_request_prompts_free(&prompts);
        SCL_TRY(status);
        for (size_t i = 0; i < count * each && a->classes == 0; i++)
            a->found[first * each + i].predicted_iou = iou[i];
    }
    return SCL_OK;
}

static void number(scl_answer *a)
{
    for (size_t i = 0; i < a->count && a->classes == 0; i++) {
        a->found[i].prompt = i / a->alternatives;
        a->found[i].alternative = i % a->alternatives;
    }
    for (size_t p = 0; p < a->count; p += a->alternatives) {
        size_t best = p;
        for (size_t i = p + 1; i < p + a->alternatives; i++)
            if (a->found[i].predicted_iou > a->found[best].predicted_iou)
                best = i;
        a->found[best].chosen = true;
    }
}

/* ---- areas and boxes */

static void widen(scl_found *found, int x, int y)
{
    int *box = found->box;
    if (found->area++ == 0) {
        box[0] = box[2] = x;
        box[1] = y;
    }
    box[0] = x < box[0] ? x : box[0];
    box[2] = x > box[2] ? x : box[2];
    box[3] = y; /* rows come in order */
}

static void measure_classes(scl_answer *a, const uint16_t *ids)
{
    for (int y = 0; y < a->frame.height; y++)
        for (int x = 0; x < a->frame.width; x++)
            widen(&a->found[*ids++], x, y);
}

static scl_status measure_masks(scl_answer *a, scl_error *err)
{
    scl_postprocess post = {0};
    scl_status status = SCL_OK;
    uint8_t *mask = scl_calloc(pixels_of(a), 1);
    if (mask == NULL)
        return scl_out_of_memory(err, pixels_of(a), "a mask");
    for (size_t i = 0; i < a->count && status == SCL_OK; i++) {
        const float *low = a->logits + i * plane_of(a);
        const uint8_t *pixel = mask;
        status = scl_postprocess_mask(&post, low, (int)a->mask_size, &a->frame, mask, err);
        for (int y = 0; y < a->frame.height && status == SCL_OK; y++)
            for (int x = 0; x < a->frame.width; x++)
                if (*pixel++ != 0)
                    widen(&a->found[i], x, y);
    }
    scl_postprocess_free(&post);
    scl_free(mask);
    return status;
}

static scl_status measure(scl_answer *a, scl_error *err)
{
    if (a->classes == 0)
        return measure_masks(a, err);
    uint16_t *ids = scl_calloc(pixels_of(a), sizeof *ids);
    if (ids == NULL)
        return scl_out_of_memory(err, pixels_of(a) * sizeof *ids, "a map of classes");
    scl_status status = scl_answer_ids(a, SCL_ANSWER_CHOSEN, ids, err);
    if (status == SCL_OK)
        measure_classes(a, ids);
    scl_free(ids);
    return status;
}

static scl_status fill(scl_answer *a, scl_predictor *predictor, const scl_request *request,
                       scl_error *err)
{
    a->found = scl_calloc(a->count, sizeof *a->found);
    a->logits = scl_calloc(a->count * plane_of(a), sizeof *a->logits);
    if (a->found == NULL || a->logits == NULL)
        return scl_out_of_memory(err, a->count * plane_of(a) * sizeof *a->logits, "the masks");
    SCL_TRY(decode(a, predictor, request, err));
    number(a);
    return measure(a, err);
}

scl_status scl_answer_make(scl_answer *answer, scl_predictor *predictor,
                           const scl_sam_config *config, const scl_request *request,
                           const scl_frame *frame, scl_error *err)
{
    *answer = (scl_answer){.frame = *frame,
                           .prompts = scl_request_count(request),
                           .alternatives = request->multimask ? SCL_SAM_MASK_TOKENS - 1 : 1,
                           .classes = config->classes,
                           .mask_size = scl_sam_mask_size(config)};
    answer->count =
        config->classes > 0 ? (size_t)config->classes : answer->prompts * answer->alternatives;
    scl_status status = fill(answer, predictor, request, err);
    if (status != SCL_OK)
        scl_answer_free(answer);
    return status;
}

void scl_answer_free(scl_answer *answer)
{
    scl_free(answer->found);
    scl_free(answer->logits);
    *answer = (scl_answer){0};
}

/* ---- ids */

static scl_status class_ids(const scl_answer *a, uint16_t *ids, scl_error *err)
{
    scl_postprocess post = {0};
    int32_t *wide = scl_calloc(pixels_of(a), sizeof *wide);
    if (wide == NULL)
        return scl_out_of_memory(err, pixels_of(a) * sizeof *wide, "a map of classes");
    scl_status status = scl_postprocess_classes(&post, a->logits, (int)a->mask_size,
                                                (int)a->classes, &a->frame, wide, err);
    for (size_t i = 0; i < pixels_of(a) && status == SCL_OK; i++)
        ids[i] = (uint16_t)wide[i];
    scl_postprocess_free(&post);
    scl_free(wide);
    return status;
}

/* The weakest first, so that what is painted later wins; of equals, the first one last. */
static int compare_found(const void *left, const void *right)
{
    const scl_found *a = *(const scl_found *const *)left, *b = *(const scl_found *const *)right;
    if (a->predicted_iou != b->predicted_iou)
        return a->predicted_iou < b->predicted_iou ? -1 : 1;
    return a->prompt > b->prompt ? -1 : 1;
}

static scl_status paint(const scl_answer *a, const scl_found *const *order, uint16_t *ids,
                        scl_error *err)
{
    scl_postprocess post = {0};
    scl_status status = SCL_OK;
    uint8_t *mask = scl_calloc(pixels_of(a), 1);
    if (mask == NULL)
        return scl_out_of_memory(err, pixels_of(a), "a mask");
    for (size_t k = 0; k < a->prompts && status == SCL_OK; k++) {
        const float *low = a->logits + (size_t)(order[k] - a->found) * plane_of(a);
        status = scl_postprocess_mask(&post, low, (int)a->mask_size, &a->frame, mask, err);
        for (size_t i = 0; i < pixels_of(a) && status == SCL_OK; i++)
            if (mask[i] != 0)
                ids[i] = (uint16_t)(order[k]->prompt + 1);
    }
    scl_postprocess_free(&post);
    scl_free(mask);
    return status;
}

scl_status scl_answer_ids(const scl_answer *a, size_t alternative, uint16_t *ids, scl_error *err)
{
    if (a->classes > 0)
        return class_ids(a, ids, err);
    const scl_found **order = scl_calloc(a->prompts, sizeof *order);
    size_t count = 0;
    if (order == NULL)
        return scl_out_of_memory(err, a->prompts * sizeof *order, "the masks");
    for (size_t i = 0; i < a->count; i++) {
        const scl_found *found = &a->found[i];
        if (alternative == SCL_ANSWER_CHOSEN ? found->chosen : found->alternative == alternative)
            order[count++] = found;
    }
    qsort(order, count, sizeof *order, compare_found);
    for (size_t i = 0; i < pixels_of(a); i++)
        ids[i] = 0;
    scl_status status = paint(a, order, ids, err);
    scl_free(order);
    return status;
}
