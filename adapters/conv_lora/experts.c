/* experts.c — the routed convolution as an own op: its shapes, launches and derivative. */
#include "experts.h"

#include "experts_cl.h"

#include <string.h>

#define SPAN         7 /* coarse pixels along an axis that a pixel of the result depends on */
#define CHUNK_PIXELS 8

static void gradient(scl_builder *b, const scl_own_gradient *g);

static const scl_own_op forward = {.struct_size = sizeof forward,
                                   .name = "experts",
                                   .source = experts_cl,
                                   .reference = experts_reference,
                                   .gradient = gradient};

static const scl_own_op backward = {.struct_size = sizeof backward,
                                    .name = "experts_backward",
                                    .source = experts_cl,
                                    .reference = experts_reference_backward};

static const char *const int_names[EXPERTS_INTS] = {"RANK",   "EXPERTS", "CHOICES", "TOKENS",
                                                    "GRID_H", "GRID_W",  "SIDE_H",  "SIDE_W",
                                                    "PIXELS", "CHUNKS"};

static void name_ints(scl_own_int *named, const int64_t *values)
{
    for (int i = 0; i < EXPERTS_INTS; i++)
        named[i] = (scl_own_int){int_names[i], values[i]};
}

static scl_own_output like(scl_builder *b, const scl_tensor *x)
{
    scl_own_output output = {.type = SCL_VALUE_FLOAT32, .ndim = b->ndim(b, x)};
    for (int32_t i = 0; i < output.ndim; i++)
        output.dims[i] = b->dim(b, x, i);
    return output;
}

/* Multiply-adds of the even ratios, which are most of them, counted as 2. */
static double flops_of(const int64_t *n)
{
    double rank = (double)n[EXPERTS_RANK];
    return 2 * (double)n[EXPERTS_TOKENS] * (546 * rank + 16 * 9 * rank * rank);
}

scl_tensor *experts_apply(scl_builder *b, scl_tensor *z, scl_tensor *expert, scl_tensor *weight,
                          scl_tensor *bias, const expert_grid *grid)
{
    int64_t pixels = grid->side_h * grid->side_w;
    const int64_t ints[EXPERTS_INTS] = {
        [EXPERTS_RANK] = b->dim(b, bias, 1),
        [EXPERTS_COUNT] = b->dim(b, bias, 0),
        [EXPERTS_CHOICES] = b->dim(b, expert, 1),
        [EXPERTS_TOKENS] = grid->images * grid->height * grid->width,
        [EXPERTS_GRID_H] = grid->height,
        [EXPERTS_GRID_W] = grid->width,
        [EXPERTS_SIDE_H] = grid->side_h,
        [EXPERTS_SIDE_W] = grid->side_w,
        [EXPERTS_PIXELS] = CHUNK_PIXELS,
        [EXPERTS_CHUNKS] = (pixels + CHUNK_PIXELS - 1) / CHUNK_PIXELS};
    scl_own_int named[EXPERTS_INTS];
    name_ints(named, ints);
    scl_tensor *const inputs[] = {z, expert, weight, bias};
    const scl_own_output output = like(b, z);
    const scl_own_launch launch = {"experts", ints[EXPERTS_TOKENS], 0};
    const scl_own_call call = {.struct_size = sizeof call,
                               .input_count = 4,
                               .output_count = 1,
                               .int_count = EXPERTS_INTS,
                               .launch_count = 1,
                               .inputs = inputs,
                               .outputs = &output,
                               .ints = named,
                               .launches = &launch,
                               .flops = flops_of(ints)};
    return b->own(b, &forward, &call, NULL);
}

/* The gradients of z, weight and bias, which come together. */
static void gradient(scl_builder *b, const scl_own_gradient *g)
{
    const int64_t *n = g->ints;
    int64_t weights = n[EXPERTS_RANK] * n[EXPERTS_RANK] * 9 + n[EXPERTS_RANK];
    int64_t samples = n[EXPERTS_TOKENS] / (n[EXPERTS_SIDE_H] * n[EXPERTS_SIDE_W]);
    int64_t chunks = samples * n[EXPERTS_CHUNKS];
    scl_own_int named[EXPERTS_INTS];
    name_ints(named, n);
    scl_tensor *const inputs[] = {g->inputs[0], g->inputs[1], g->inputs[2], g->inputs[3], g->dy[0]};
    const scl_own_output outputs[] = {like(b, g->inputs[0]), like(b, g->inputs[2]),
                                      like(b, g->inputs[3])};
    const scl_own_launch launches[] = {{"share_out", chunks, 0},
                                       {"gather_pixels", n[EXPERTS_TOKENS], 0},
                                       {"gather_weights", n[EXPERTS_COUNT] * weights, 0}};
    const scl_own_call call = {.struct_size = sizeof call,
                               .input_count = 5,
                               .output_count = 3,
                               .int_count = EXPERTS_INTS,
                               .launch_count = 3,
                               .inputs = inputs,
                               .outputs = outputs,
                               .ints = named,
                               .launches = launches,
                               .workspace = n[EXPERTS_TOKENS] * SPAN * SPAN * n[EXPERTS_RANK] +
                                            chunks * weights,
                               .flops = 3 * flops_of(n)};
    scl_tensor *gradients[3] = {NULL};
    b->own(b, &backward, &call, gradients);
    g->dx[0] = gradients[0];
    g->dx[2] = gradients[1];
    g->dx[3] = gradients[2];
}
