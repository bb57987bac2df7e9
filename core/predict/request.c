#include "predict/request.h"

#include "base/mem.h"
#include "io/npy.h"

#include <math.h>

size_t scl_request_count(const scl_request *r)
{
    size_t most = r->box_count > r->mask_count ? r->box_count : r->mask_count;
    return most > 0 ? most : 1;
}

/* ---- checks */

static scl_status check_counts(const scl_request *r, int64_t classes, scl_error *err)
{
    size_t masks = scl_request_count(r);
    if (r->point_count > 0 && masks > 1)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "points belong to one mask, but %zu %s ask for as many masks: give at most "
                        "one box with points, or ask for each mask in a run of its own",
                        masks, r->box_count > 1 ? "boxes" : "mask prompts");
    if (r->box_count > 0 && r->mask_count > 0 && r->box_count != r->mask_count)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "expected as many mask prompts as boxes, one for each, found %zu boxes and "
                        "%zu mask prompts",
                        r->box_count, r->mask_count);
    if (classes > 0 && r->multimask)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "this model gives one map of %lld classes and has no alternatives: leave "
                        "multimask out",
                        (long long)classes);
    if (classes > 0 && masks > 1)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "this model gives one map of %lld classes, so it takes at most one box and "
                        "one mask prompt, found %zu",
                        (long long)classes, masks);
    return SCL_OK;
}

/* Written so that NaN is outside. */
static bool is_inside(double x, double y, double width, double height)
{
    return x >= 0 && y >= 0 && x <= width && y <= height;
}

static scl_status check_point(const scl_request_point *p, const scl_frame *f, scl_error *err)
{
    if (p->label != 0 && p->label != 1)
        return scl_fail(err, SCL_BAD_CONFIG,
                        "the label of point %g,%g must be 1 (part of the object) or 0 (not), found "
                        "%d",
                        p->x, p->y, (int)p->label);
    if (!is_inside(p->x, p->y, f->width - 1, f->height - 1))
        return scl_fail(err, SCL_BAD_CONFIG,
                        "point %g,%g lies outside the image of %d x %d pixels: x goes from 0 to "
                        "%d, y from 0 to %d",
                        p->x, p->y, f->width, f->height, f->width - 1, f->height - 1);
    return SCL_OK;
}

static scl_status check_box(const scl_request_box *b, const scl_frame *f, scl_error *err)
{
    if (!is_inside(b->x0, b->y0, f->width, f->height) ||
        !is_inside(b->x1, b->y1, f->width, f->height))
        return scl_fail(err, SCL_BAD_CONFIG,
                        "box %g,%g,%g,%g lies outside the image of %d x %d pixels", b->x0, b->y0,
                        b->x1, b->y1, f->width, f->height);
    if (!(b->x0 < b->x1 && b->y0 < b->y1))
        return scl_fail(err, SCL_BAD_CONFIG,
                        "box %g,%g,%g,%g is empty: expected x0,y0,x1,y1 with x0 below x1 and y0 "
                        "below y1",
                        b->x0, b->y0, b->x1, b->y1);
    return SCL_OK;
}

scl_status scl_request_check(const scl_request *r, const scl_frame *frame, int64_t classes,
                             scl_error *err)
{
    SCL_TRY(check_counts(r, classes, err));
    for (size_t i = 0; i < r->point_count; i++)
        SCL_TRY(check_point(&r->points[i], frame, err));
    for (size_t i = 0; i < r->box_count; i++)
        SCL_TRY(check_box(&r->boxes[i], frame, err));
    return SCL_OK;
}

/* ---- prompts */

/* Where the next token of a mask goes. */
typedef struct token_writer {
    const scl_frame *frame;
    float *coords;
    int32_t *labels;
} token_writer;

static void add_token(token_writer *w, double x, double y, int32_t label)
{
    scl_frame_coords(w->frame, x, y, w->coords);
    *w->labels = label;
    w->coords += 2;
    w->labels++;
}

static size_t tokens_of(const scl_request *r)
{
    size_t padding = r->point_count > 0 && r->box_count == 0;
    return r->point_count + padding + (r->box_count > 0 ? 2 : 0);
}

static void write_tokens(const scl_request *r, size_t mask, token_writer *w)
{
    for (size_t i = 0; i < r->point_count; i++)
        add_token(w, r->points[i].x, r->points[i].y,
                  r->points[i].label == 1 ? SCL_LABEL_POSITIVE : SCL_LABEL_NEGATIVE);
    if (r->box_count > 0) {
        const scl_request_box *box = &r->boxes[mask];
        add_token(w, box->x0, box->y0, SCL_LABEL_BOX_TOP_LEFT);
        add_token(w, box->x1, box->y1, SCL_LABEL_BOX_BOTTOM_RIGHT);
    } else if (r->point_count > 0) {
        add_token(w, 0, 0, SCL_LABEL_NOT_A_POINT);
    }
}

scl_status scl_request_prompts_make(const scl_request *r, const scl_frame *frame, int64_t mask_size,
                                    size_t first, size_t count, scl_request_prompts *prompts,
                                    scl_error *err)
{
    size_t tokens = tokens_of(r);
    *prompts = (scl_request_prompts){.set = {.masks = (int64_t)count, .tokens = (int64_t)tokens}};
    if (r->mask_count > 0)
        prompts->set.mask = r->masks + first * (size_t)(mask_size * mask_size);
    if (tokens == 0)
        return SCL_OK;
    prompts->coords = scl_calloc(count * tokens, 2 * sizeof *prompts->coords);
    prompts->labels = scl_calloc(count * tokens, sizeof *prompts->labels);
    if (prompts->coords == NULL || prompts->labels == NULL) {
        scl_request_prompts_free(prompts);
        return scl_out_of_memory(err, count * tokens * 2 * sizeof(float), "the prompts");
    }
    token_writer writer = {frame, prompts->coords, prompts->labels};
    for (size_t i = 0; i < count; i++)
        write_tokens(r, first + i, &writer);
    prompts->set.coords = prompts->coords;
    prompts->set.labels = prompts->labels;
    return SCL_OK;
}

void scl_request_prompts_free(scl_request_prompts *prompts)
{
    scl_free(prompts->coords);
    scl_free(prompts->labels);
    *prompts = (scl_request_prompts){0};
}

/* ---- mask prompts */

static scl_status copy_mask(const scl_weight *array, const char *path, int64_t size, float *logits,
                            scl_error *err)
{
    int n = array->ndim;
    bool square = n >= 2 && array->dim[n - 1] == size && array->dim[n - 2] == size;
    if (!square || scl_weight_elements(array) != size * size)
        return scl_fail(err, SCL_BAD_DATA,
                        "%s: expected the logits of one mask, %lld x %lld values, as --logits "
                        "writes them for one mask, found an array of another shape with %lld "
                        "values",
                        path, (long long)size, (long long)size,
                        (long long)scl_weight_elements(array));
    scl_weight_to_f32(array, logits);
    for (int64_t i = 0; i < size * size; i++)
        if (!isfinite(logits[i]))
            return scl_fail(err, SCL_BAD_DATA, "%s: value %lld is not finite", path, (long long)i);
    return SCL_OK;
}

scl_status scl_request_mask_read(const char *path, int64_t mask_size, float *logits, scl_error *err)
{
    scl_npy npy;
    SCL_TRY(scl_npy_read(path, &npy, err));
    scl_status status = copy_mask(&npy.array, path, mask_size, logits, err);
    scl_npy_free(&npy);
    return status;
}
