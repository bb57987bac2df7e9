/* image_encoder.c — SAM's ViT with windowed and global attention (modeling/image_encoder.py). */
#include "model/attend_more.h"
#include "model/layers.h"
#include "model/position.h"

#include <math.h>

#define NORM_EPS 1e-6

/* Tokens [B, from * from, D] -> [B, to * to, D]: zeros to the right and below, or those gone. */
static scl_tensor *resize_grid(const scl_sam *m, scl_tensor *x, int64_t from, int64_t to)
{
    if (x == NULL || from == to)
        return x;
    int64_t batch = x->shape.dim[0], width = x->shape.dim[2];
    x = scl_reshape(m->graph, x, SCL_SHAPE(batch, from, from, width));
    for (int axis = 2; axis >= 1; axis--)
        x = from < to ? scl_pad(m->graph, x, axis, 0, to) : scl_slice(m->graph, x, axis, 0, to);
    return scl_reshape(m->graph, x, SCL_SHAPE(batch, to * to, width));
}

/* qkv's x [B, side*side, D] -> [B, side*side, D], more [T, D] or NULL. Windows are a matter of the
 * attention op; padded tokens that are not rows of x enter it as what qkv makes of zeros. */
static scl_tensor *attend(const scl_sam *m, const char *attn, scl_tensor *x, scl_tensor *more,
                          scl_token_grid grid)
{
    const scl_sam_config *c = m->config;
    int64_t head_dim = c->embed_dim / c->num_heads;
    const char *qkv_name = scl_layer_name(m, "%s.qkv", attn);
    scl_tensor *qkv = scl_layer_linear_of_tokens(m, qkv_name, x, 3 * c->embed_dim, grid);
    bool padded = grid.window > 0 && grid.side % grid.window != 0;
    scl_attention_inputs in = {
        .q = qkv,
        .k = qkv,
        .v = qkv,
        .rel_h = scl_position_relative(m, attn, 'h', grid.window),
        .rel_w = scl_position_relative(m, attn, 'w', grid.window),
        .pad =
            padded ? scl_layer_linear_of_zero(m, qkv_name, c->embed_dim, 3 * c->embed_dim) : NULL,
    };
    scl_attention_attr attr = {.heads = c->num_heads,
                               .head_dim = head_dim,
                               .k_col = c->embed_dim,
                               .v_col = 2 * c->embed_dim,
                               .q_h = grid.side,
                               .q_w = grid.side,
                               .k_h = grid.side,
                               .k_w = grid.side,
                               .window = grid.window,
                               .scale = 1 / sqrt((double)head_dim)};
    const char *outer = scl_graph_scope(m->graph, attn);
    scl_tensor *y = scl_attention(m->graph, &in, &attr);
    if (more != NULL)
        y = scl_attend_more(m->graph, qkv, y, scl_layer_linear(m, qkv_name, more, 3 * c->embed_dim),
                            &attr);
    m->graph->scope = outer;
    return y;
}

/* SAM pads windows after norm1. An adapter that mixes the rows of a window makes the padded tokens
 * differ, so for it they are rows like the others, as far as it sees them. */
static scl_tensor *attention(const scl_sam *m, const char *block, scl_tensor *x, scl_tensor *more,
                             int64_t window)
{
    int64_t side = scl_sam_grid(m->config), width = m->config->embed_dim;
    int64_t whole = window > 0 ? (side + window - 1) / window * window : side;
    const char *attn = scl_layer_name(m, "%s.attn", block);
    const char *proj = scl_layer_name(m, "%s.proj", attn);
    const scl_token_grid plain = {side, window}, full = {whole, window};
    bool proj_mixes = scl_layer_mixes_rows(m, proj, width, width, full);
    bool mixes = proj_mixes ||
                 scl_layer_mixes_rows(m, scl_layer_name(m, "%s.qkv", attn), width, 3 * width, full);
    const scl_token_grid inside = mixes ? full : plain, after = proj_mixes ? full : plain;
    scl_tensor *y = attend(m, attn, resize_grid(m, x, side, inside.side), more, inside);
    y = resize_grid(m, y, inside.side, after.side);
    y = scl_layer_linear_of_tokens(m, proj, y, width, after);
    return scl_layer_adapt(m, SCL_SITE_BRANCH, attn, x, resize_grid(m, y, after.side, side));
}

static scl_tensor *mlp(const scl_sam *m, const char *block, scl_tensor *x)
{
    const char *name = scl_layer_name(m, "%s.mlp", block);
    const char *lin1 = scl_layer_name(m, "%s.lin1", name),
               *lin2 = scl_layer_name(m, "%s.lin2", name);
    const scl_token_grid grid = {.side = scl_sam_grid(m->config)};
    scl_tensor *y = scl_layer_linear_of_tokens(m, lin1, x, m->config->mlp_dim, grid);
    y = scl_layer_linear_of_tokens(m, lin2, scl_gelu(m->graph, y), m->config->embed_dim, grid);
    return scl_layer_adapt(m, SCL_SITE_BRANCH, name, x, y);
}

static scl_tensor *block(const scl_sam *m, int64_t index, scl_tensor *x)
{
    const scl_sam_config *c = m->config;
    const char *name = scl_layer_name(m, "image_encoder.blocks.%d", (int)index);
    const char *norm1 = scl_layer_name(m, "%s.norm1", name);
    int64_t window = c->global_attn[index] ? 0 : c->window_size;
    scl_tensor *more = scl_layer_tokens(m, name, c->embed_dim), *y;
    more = scl_layer_norm_named(m, norm1, more, NORM_EPS);
    y = attention(m, name, scl_layer_norm_named(m, norm1, x, NORM_EPS), more, window);
    scl_tensor *middle = scl_add(m->graph, x, y);
    y = scl_layer_norm_named(m, scl_layer_name(m, "%s.norm2", name), middle, NORM_EPS);
    y = scl_add(m->graph, middle, mlp(m, name, y));
    return scl_layer_adapt(m, SCL_SITE_BLOCK, name, x, y);
}

static scl_tensor *neck(const scl_sam *m, scl_tensor *x)
{
    int64_t out = m->config->prompt_embed_dim;
    x = scl_layer_conv(m, "image_encoder.neck.0", x, out, 1, 1, 0, false);
    x = scl_layer_norm_named(m, "image_encoder.neck.1", x, NORM_EPS);
    x = scl_layer_conv(m, "image_encoder.neck.2", x, out, 3, 1, 1, false);
    return scl_layer_norm_named(m, "image_encoder.neck.3", x, NORM_EPS);
}

scl_tensor *scl_sam_image_encoder(const scl_sam *m, scl_tensor *image)
{
    const scl_sam_config *c = m->config;
    int64_t grid = scl_sam_grid(c), tokens = grid * grid;
    scl_tensor *x = scl_layer_conv(m, "image_encoder.patch_embed.proj", image, c->embed_dim,
                                   c->patch_size, c->patch_size, 0, true);
    if (x == NULL)
        return NULL;
    int64_t batch = x->shape.dim[0];
    const char *outer = scl_graph_scope(m->graph, "image_encoder.pos_embed");
    x = scl_add(m->graph, x, scl_position_of_patches(m));
    m->graph->scope = outer;
    x = scl_reshape(m->graph, x, SCL_SHAPE(batch, tokens, c->embed_dim));
    for (int64_t i = 0; i < c->depth; i++)
        x = block(m, i, x);
    return neck(m, scl_reshape(m->graph, x, SCL_SHAPE(batch, grid, grid, c->embed_dim)));
}
