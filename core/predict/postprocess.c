#include "predict/postprocess.h"

#include "base/mem.h"
#include "io/resize.h"

static scl_status reserve(float **buffer, size_t *capacity, size_t count, scl_error *err)
{
    if (count <= *capacity)
        return SCL_OK;
    scl_free(*buffer);
    *capacity = 0;
    *buffer = scl_calloc(count, sizeof **buffer);
    if (*buffer == NULL)
        return scl_out_of_memory(err, count * sizeof **buffer, "a mask of the original size");
    *capacity = count;
    return SCL_OK;
}

static size_t pixels_of(const scl_frame *frame)
{
    return (size_t)frame->width * (size_t)frame->height;
}

scl_status scl_postprocess_logits(scl_postprocess *p, const float *low, int low_side,
                                  const scl_frame *frame, float *logits, scl_error *err)
{
    size_t side = (size_t)frame->side;
    SCL_TRY(reserve(&p->square, &p->square_capacity, side * side, err));
    SCL_TRY(scl_resize_bilinear_f32(low, (size_t)low_side, low_side, low_side, p->square,
                                    frame->side, frame->side, err));
    return scl_resize_bilinear_f32(p->square, side, frame->scaled_width, frame->scaled_height,
                                   logits, frame->width, frame->height, err);
}

scl_status scl_postprocess_mask(scl_postprocess *p, const float *low, int low_side,
                                const scl_frame *frame, uint8_t *mask, scl_error *err)
{
    size_t pixels = pixels_of(frame);
    SCL_TRY(reserve(&p->plane, &p->plane_capacity, pixels, err));
    SCL_TRY(scl_postprocess_logits(p, low, low_side, frame, p->plane, err));
    for (size_t i = 0; i < pixels; i++)
        mask[i] = p->plane[i] > 0;
    return SCL_OK;
}

scl_status scl_postprocess_classes(scl_postprocess *p, const float *low, int low_side, int classes,
                                   const scl_frame *frame, int32_t *ids, scl_error *err)
{
    size_t pixels = pixels_of(frame), low_pixels = (size_t)low_side * (size_t)low_side;
    SCL_TRY(reserve(&p->plane, &p->plane_capacity, pixels, err));
    SCL_TRY(reserve(&p->best, &p->best_capacity, pixels, err));
    SCL_TRY(scl_postprocess_logits(p, low, low_side, frame, p->best, err));
    for (size_t i = 0; i < pixels; i++)
        ids[i] = 0;
    for (int32_t id = 1; id < classes; id++) {
        low += low_pixels;
        SCL_TRY(scl_postprocess_logits(p, low, low_side, frame, p->plane, err));
        for (size_t i = 0; i < pixels; i++)
            if (p->plane[i] > p->best[i]) {
                p->best[i] = p->plane[i];
                ids[i] = id;
            }
    }
    return SCL_OK;
}

void scl_postprocess_free(scl_postprocess *p)
{
    scl_free(p->square);
    scl_free(p->plane);
    scl_free(p->best);
    *p = (scl_postprocess){0};
}
