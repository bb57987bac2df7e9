/* Ops that move or sum values along axes, and patches of images. */
#include "reference/reference.h"

#include <string.h>

void reference_sum(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    for (int64_t o = 0; o < p->outer; o++)
        for (int64_t i = 0; i < p->inner; i++) {
            double total = 0;
            for (int64_t r = 0; r < p->size; r++)
                total += a->in[0][(o * p->size + r) * p->inner + i];
            a->out[0][o * p->inner + i] = total;
        }
}

void reference_cumsum(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    for (int64_t o = 0; o < p->outer; o++)
        for (int64_t i = 0; i < p->inner; i++) {
            double total = 0;
            for (int64_t k = 0; k < p->size; k++) {
                int64_t r = p->start ? p->size - 1 - k : k, at = (o * p->size + r) * p->inner + i;
                total += a->in[0][at];
                a->out[0][at] = total;
            }
        }
}

void reference_slice(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    size_t run = (size_t)(p->count * p->inner) * sizeof(double);
    for (int64_t o = 0; o < p->outer; o++)
        memcpy(a->out[0] + o * p->count * p->inner, a->in[0] + (o * p->size + p->start) * p->inner,
               run);
}

void reference_pad(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    size_t run = (size_t)(p->size * p->inner) * sizeof(double);
    memset(a->out[0], 0, (size_t)(p->outer * p->count * p->inner) * sizeof(double));
    for (int64_t o = 0; o < p->outer; o++)
        memcpy(a->out[0] + (o * p->count + p->start) * p->inner, a->in[0] + o * p->size * p->inner,
               run);
}

void reference_swap(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    size_t run = (size_t)p->inner * sizeof(double);
    for (int64_t o = 0; o < p->outer; o++)
        for (int64_t i = 0; i < p->size; i++)
            for (int64_t j = 0; j < p->count; j++)
                memcpy(a->out[0] + ((o * p->count + j) * p->size + i) * p->inner,
                       a->in[0] + ((o * p->size + i) * p->count + j) * p->inner, run);
}

void reference_concat(const reference_args *a)
{
    const scl_axis_attr *p = &a->node->attr.axis;
    int64_t start = 0;
    for (int k = 0; k < a->node->input_count; k++) {
        int64_t size = a->node->inputs[k]->shape.dim[p->axis];
        size_t run = (size_t)(size * p->inner) * sizeof(double);
        for (int64_t o = 0; o < p->outer; o++)
            memcpy(a->out[0] + (o * p->size + start) * p->inner, a->in[k] + o * size * p->inner,
                   run);
        start += size;
    }
}

/* Calls for every (image pixel, patch element) pair that im2col connects. */
typedef struct patch_walk {
    const scl_patch_attr *p;
    int64_t batch, oh, ow;
} patch_walk;

static patch_walk walk_of(const scl_node *node, const scl_tensor *patches)
{
    return (patch_walk){&node->attr.patch, patches->shape.dim[0], patches->shape.dim[1],
                        patches->shape.dim[2]};
}

/* Where patch element (b, oy, ox, c, ky, kx) comes from; -1 in the padding. */
static int64_t pixel_of(const patch_walk *w, int64_t b, int64_t oy, int64_t ox, int64_t c,
                        int64_t ky, int64_t kx)
{
    int64_t y = oy * w->p->stride + ky - w->p->pad, x = ox * w->p->stride + kx - w->p->pad;
    if (y < 0 || x < 0 || y >= w->p->height || x >= w->p->width)
        return -1;
    return ((b * w->p->height + y) * w->p->width + x) * w->p->channels + c;
}

#define FOR_EACH_PATCH_ELEMENT(w, index, pixel)                                                    \
    for (int64_t b = 0, index = 0; b < (w).batch; b++)                                             \
        for (int64_t oy = 0; oy < (w).oh; oy++)                                                    \
            for (int64_t ox = 0; ox < (w).ow; ox++)                                                \
                for (int64_t c = 0; c < (w).p->channels; c++)                                      \
                    for (int64_t ky = 0; ky < (w).p->kernel; ky++)                                 \
                        for (int64_t kx = 0, pixel; kx < (w).p->kernel; kx++, index++)             \
                            if (pixel = pixel_of(&(w), b, oy, ox, c, ky, kx), 1)

void reference_im2col(const reference_args *a)
{
    patch_walk w = walk_of(a->node, a->node->outputs[0]);
    FOR_EACH_PATCH_ELEMENT(w, index, pixel)
    a->out[0][index] = pixel < 0 ? 0 : a->in[0][pixel];
}

void reference_col2im(const reference_args *a)
{
    patch_walk w = walk_of(a->node, a->node->inputs[0]);
    memset(a->out[0], 0, (size_t)reference_count(a->node->outputs[0]) * sizeof(double));
    FOR_EACH_PATCH_ELEMENT(w, index, pixel)
    if (pixel >= 0)
        a->out[0][pixel] += a->in[0][index];
}
