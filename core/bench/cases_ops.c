/* cases_ops.c — the ops beside matrix products and attention, at the sizes of a ViT block, of the
 * ends of the encoder and of the mask decoder's upsampling. */
#include "bench/work.h"

#include "graph/ops.h"

/* Builds the op on its inputs; returns its result. */
typedef struct op_case {
    scl_tensor *(*build)(scl_graph *g, const scl_bench_setup *setup, bool needs_grad);
    bool backward; /* its gradient is measured; for ops of one node */
} op_case;

static int64_t tokens_of(const scl_bench_setup *s)
{
    return s->batch * scl_sam_grid(&s->config) * scl_sam_grid(&s->config);
}

static scl_tensor *activations(scl_graph *g, const char *name, scl_shape shape, bool needs_grad)
{
    scl_tensor *x = scl_bench_input(g, name, shape);
    if (x != NULL)
        x->needs_grad = needs_grad;
    return x;
}

static scl_tensor *layer_norm(scl_graph *g, const scl_bench_setup *s, bool needs_grad)
{
    int64_t dim = s->config.embed_dim;
    scl_tensor *x = activations(g, "x", SCL_SHAPE(tokens_of(s), dim), needs_grad);
    scl_tensor *weight = scl_bench_weight(g, "weight", SCL_SHAPE(dim), needs_grad);
    scl_tensor *bias = scl_bench_weight(g, "bias", SCL_SHAPE(dim), needs_grad);
    return scl_layer_norm(g, x, weight, bias, 1e-6f);
}

static scl_tensor *gelu(scl_graph *g, const scl_bench_setup *s, bool needs_grad)
{
    return scl_gelu(g, activations(g, "x", SCL_SHAPE(tokens_of(s), s->config.mlp_dim), needs_grad));
}

static scl_tensor *add(scl_graph *g, const scl_bench_setup *s, bool needs_grad)
{
    scl_shape shape = SCL_SHAPE(tokens_of(s), s->config.embed_dim);
    scl_tensor *x = activations(g, "x", shape, needs_grad);
    return scl_add(g, x, activations(g, "y", shape, needs_grad));
}

static scl_tensor *bias_grad(scl_graph *g, const scl_bench_setup *s, bool needs_grad)
{
    scl_shape shape = SCL_SHAPE(tokens_of(s), s->config.mlp_dim);
    return scl_sum_to(g, activations(g, "dy", shape, needs_grad), SCL_SHAPE(s->config.mlp_dim));
}

static scl_tensor *patch_embed(scl_graph *g, const scl_bench_setup *s, bool needs_grad)
{
    const scl_sam_config *c = &s->config;
    int64_t size = c->image_size, patch = c->patch_size;
    scl_tensor *x = scl_bench_input(g, "image", SCL_SHAPE(s->batch, size, size, 3));
    scl_tensor *w = scl_bench_weight(g, "w", SCL_SHAPE(c->embed_dim, 3, patch, patch), needs_grad);
    scl_tensor *bias = scl_bench_weight(g, "bias", SCL_SHAPE(c->embed_dim), needs_grad);
    return scl_conv2d(g, x, w, bias, patch, 0);
}

static scl_tensor *neck_conv(scl_graph *g, const scl_bench_setup *s, bool needs_grad)
{
    int64_t grid = scl_sam_grid(&s->config), channels = s->config.prompt_embed_dim;
    scl_tensor *x = activations(g, "x", SCL_SHAPE(s->batch, grid, grid, channels), needs_grad);
    scl_tensor *w = scl_bench_weight(g, "w", SCL_SHAPE(channels, channels, 3, 3), needs_grad);
    return scl_conv2d(g, x, w, NULL, 1, 1);
}

static scl_tensor *upsample(scl_graph *g, const scl_bench_setup *s, bool needs_grad)
{
    int64_t grid = scl_sam_grid(&s->config), channels = s->config.prompt_embed_dim;
    scl_tensor *x = activations(g, "x", SCL_SHAPE(s->batch, grid, grid, channels), needs_grad);
    scl_tensor *w = scl_bench_weight(g, "w", SCL_SHAPE(channels, channels / 4, 2, 2), needs_grad);
    scl_tensor *bias = scl_bench_weight(g, "bias", SCL_SHAPE(channels / 4), needs_grad);
    return scl_conv_transpose2d(g, x, w, bias);
}

/* As many values as an encoder block has in its matrices. */
static scl_shape block_shape(const scl_bench_setup *s)
{
    return SCL_SHAPE(4 * s->config.embed_dim + 2 * s->config.mlp_dim, s->config.embed_dim);
}

static scl_tensor *adamw(scl_graph *g, const scl_bench_setup *s, bool needs_grad)
{
    static const scl_optimizer_attr attr = {.lr_scale = 1e-4,
                                            .weight_decay = 0.01,
                                            .beta1 = 0.9,
                                            .beta2 = 0.999,
                                            .eps = 1e-8,
                                            .decoupled = 1};
    scl_shape shape = block_shape(s);
    (void)needs_grad;
    scl_tensor *param = scl_bench_weight(g, "param", shape, true);
    scl_tensor *grad = scl_bench_input(g, "grad", shape);
    const scl_adam_member member = {param, grad, scl_state(g, "m", shape),
                                    scl_state(g, "v", shape)};
    return scl_adam(g, &member, 1, scl_bench_input(g, "hyper", SCL_SHAPE(4)), NULL, &attr);
}

static scl_tensor *global_norm(scl_graph *g, const scl_bench_setup *s, bool needs_grad)
{
    (void)needs_grad;
    scl_tensor *x = scl_bench_input(g, "grad", block_shape(s));
    return scl_global_norm(g, &x, 1);
}

static scl_tensor *col2im(scl_graph *g, const scl_bench_setup *s, bool needs_grad)
{
    int64_t grid = scl_sam_grid(&s->config), columns = 9 * s->config.prompt_embed_dim;
    scl_tensor *x = activations(g, "x", SCL_SHAPE(s->batch, grid, grid, columns), needs_grad);
    return scl_col2im(g, x, grid, grid, 3, 1, 1);
}

static scl_status open_op(const scl_bench_setup *setup, const void *what, scl_bench_work *work,
                          scl_error *err)
{
    static const char *const gradients[] = {"dx", "dweight", "dbias"};
    const op_case *c = what;
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return err->status;
    char text[SCL_SHAPE_TEXT];
    size_t first = 0;
    scl_tensor *y = c->build(g, setup, c->backward);
    if (y != NULL)
        scl_bench_shape(work, "%.60s", scl_shape_text(g->tensors[0]->shape, text));
    if (c->backward)
        first = scl_bench_differentiate(g, y, "dy", gradients, 3);
    else if (y != NULL && (scl_op_describe(y->producer->op)->flags & SCL_OP_UPDATE) == 0)
        scl_bench_keep(y, "y");
    return scl_bench_graph_work(setup, g, first, NULL, work, err);
}

#define OP(name, build, backward, text)                                                            \
    {                                                                                              \
        "op/" name, text, open_op, &(const op_case)                                                \
        {                                                                                          \
            build, backward                                                                        \
        }                                                                                          \
    }

static const scl_bench_case cases[] = {
    OP("layer_norm/forward", layer_norm, false, "LayerNorm of a block's tokens"),
    OP("layer_norm/backward", layer_norm, true, "all gradients of LayerNorm"),
    OP("gelu/forward", gelu, false, "GELU of a block's hidden layer"),
    OP("gelu/backward", gelu, true, "gradient of GELU"),
    OP("add", add, false, "residual addition of a block's tokens"),
    OP("bias_grad", bias_grad, false, "sum over a block's tokens: the gradient of mlp.lin1's bias"),
    OP("patch_embed", patch_embed, false, "the patch embedding of an image"),
    OP("neck_conv", neck_conv, false, "the 3 x 3 convolution of the neck"),
    OP("col2im", col2im, false, "what the gradient of the 3 x 3 convolution ends with"),
    OP("upsample", upsample, false, "the first transposed convolution of the mask decoder"),
    OP("adamw", adamw, false, "AdamW on as many values as a block's matrices have"),
    OP("global_norm", global_norm, false, "norm of as many gradients"),
};

const scl_bench_family scl_bench_ops = {cases, sizeof cases / sizeof *cases};
