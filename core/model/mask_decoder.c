/* mask_decoder.c — the two-way transformer and the mask and IoU heads (modeling/mask_decoder.py,
 * modeling/transformer.py). */
#include "model/decoder_attention.h"
#include "model/layers.h"
#include "model/prompt_encoder.h"

#define UPSCALE_NORM_EPS 1e-6
#define FINAL_NORM_EPS   1e-5

/* Tokens and image as they pass through the transformer. */
typedef struct two_way {
    const scl_sam *m;
    scl_tensor *queries, *query_pe; /* [M, T, C] */
    scl_tensor *keys, *placed_keys; /* [M, grid*grid, C] */
    scl_tensor *key_pe;             /* [1, grid*grid, C] */
    scl_tensor *token_count;        /* int32 [M] or NULL */
} two_way;

static double norm_eps(const scl_sam *m)
{
    return m->config->flavour == SCL_SAM_HF ? 1e-6 : 1e-5;
}

static void self_attention(two_way *t, const char *layer, bool first)
{
    const scl_sam *m = t->m;
    const char *name = scl_layer_name(m, "%s.self_attn", layer);
    /* the first layer has no position code and no residual */
    scl_tensor *q = first ? t->queries : scl_add(m->graph, t->queries, t->query_pe);
    scl_tensor *y = scl_attend_tokens(m, name, q, q, t->queries, t->token_count);
    t->queries = first ? y : scl_add(m->graph, t->queries, y);
}

static void tokens_to_image(two_way *t, const char *name)
{
    scl_graph *g = t->m->graph;
    scl_tensor *q = scl_add(g, t->queries, t->query_pe);
    scl_tensor *y = scl_attend_pixels(t->m, name, q, t->placed_keys, t->keys);
    t->queries = scl_add(g, t->queries, y);
}

static void image_to_tokens(two_way *t, const char *name)
{
    scl_graph *g = t->m->graph;
    scl_tensor *k = scl_add(g, t->queries, t->query_pe);
    scl_tensor *y =
        scl_attend_from_pixels(t->m, name, t->placed_keys, k, t->queries, t->token_count);
    t->keys = scl_add(g, t->keys, y);
}

/* Sets the keys, and what they are with their position code. */
static void set_keys(two_way *t, scl_tensor *keys)
{
    t->keys = keys;
    t->placed_keys = scl_add(t->m->graph, keys, t->key_pe);
}

static scl_tensor *norm(two_way *t, const char *layer, int index, scl_tensor *x)
{
    return scl_layer_norm_named(t->m, scl_layer_name(t->m, "%s.norm%d", layer, index), x,
                                norm_eps(t->m));
}

static scl_tensor *mlp(const scl_sam *m, const char *layer, scl_tensor *x)
{
    const char *name = scl_layer_name(m, "%s.mlp", layer);
    scl_tensor *y =
        scl_layer_linear(m, scl_layer_name(m, "%s.lin1", name), x, m->config->decoder_mlp_dim);
    y = scl_layer_linear(m, scl_layer_name(m, "%s.lin2", name), scl_relu(m->graph, y),
                         m->config->prompt_embed_dim);
    return scl_layer_adapt(m, SCL_SITE_BRANCH, name, x, y);
}

static void two_way_layer(two_way *t, int64_t index)
{
    const scl_sam *m = t->m;
    const char *layer = scl_layer_name(m, "mask_decoder.transformer.layers.%d", (int)index);
    self_attention(t, layer, index == 0);
    t->queries = norm(t, layer, 1, t->queries);
    tokens_to_image(t, scl_layer_name(m, "%s.cross_attn_token_to_image", layer));
    t->queries = norm(t, layer, 2, t->queries);
    t->queries = norm(t, layer, 3, scl_add(m->graph, t->queries, mlp(m, layer, t->queries)));
    image_to_tokens(t, scl_layer_name(m, "%s.cross_attn_image_to_token", layer));
    set_keys(t, norm(t, layer, 4, t->keys));
}

/* iou token, mask tokens, then the prompts: [M, T, C]. */
static scl_tensor *make_tokens(const scl_sam *m, scl_tensor *sparse, int64_t masks)
{
    scl_graph *g = m->graph;
    int64_t dim = m->config->prompt_embed_dim, mask_tokens = scl_sam_mask_tokens(m->config);
    scl_tensor *own[2] = {scl_layer_embedding(m, "mask_decoder.iou_token", 1, dim),
                          scl_layer_embedding(m, "mask_decoder.mask_tokens", mask_tokens, dim)};
    scl_tensor *output =
        scl_reshape(g, scl_concat(g, own, 2, 0), SCL_SHAPE(1, 1 + mask_tokens, dim));
    output = scl_broadcast(g, output, SCL_SHAPE(masks, 1 + mask_tokens, dim));
    scl_tensor *parts[2] = {output, sparse};
    return sparse == NULL ? output : scl_concat(g, parts, 2, 1);
}

/* The image embedding with the dense prompt, once per mask: [M, grid*grid, C]. */
static scl_tensor *make_keys(const scl_sam *m, scl_tensor *embedding, scl_tensor *dense,
                             int64_t masks)
{
    if (embedding == NULL || dense == NULL)
        return NULL;
    scl_graph *g = m->graph;
    int64_t images = embedding->shape.dim[0], grid = scl_sam_grid(m->config);
    int64_t dim = m->config->prompt_embed_dim, each = masks / images;
    scl_tensor *keys = embedding;
    if (each > 1) {
        keys = scl_reshape(g, keys, SCL_SHAPE(images, 1, grid * grid, dim));
        keys = scl_broadcast(g, keys, SCL_SHAPE(images, each, grid * grid, dim));
        keys = scl_reshape(g, keys, SCL_SHAPE(masks, grid, grid, dim));
    }
    return scl_reshape(g, scl_add(g, keys, dense), SCL_SHAPE(masks, grid * grid, dim));
}

static scl_tensor *upscale(const scl_sam *m, scl_tensor *keys, int64_t masks)
{
    int64_t grid = scl_sam_grid(m->config), dim = m->config->prompt_embed_dim;
    scl_tensor *x = scl_reshape(m->graph, keys, SCL_SHAPE(masks, grid, grid, dim));
    x = scl_layer_conv_transpose(m, "mask_decoder.output_upscaling.0", x, dim / 4);
    x = scl_layer_norm_named(m, "mask_decoder.output_upscaling.1", x, UPSCALE_NORM_EPS);
    x = scl_gelu(m->graph, x);
    x = scl_layer_conv_transpose(m, "mask_decoder.output_upscaling.3", x, dim / 8);
    return scl_gelu(m->graph, x);
}

/* Each mask is the product of the upscaled image with a vector its token's hypernetwork makes. */
static scl_tensor *make_masks(const scl_sam *m, const two_way *t, int64_t masks, int64_t first,
                              int64_t count)
{
    scl_graph *g = m->graph;
    int64_t dim = m->config->prompt_embed_dim, size = scl_sam_mask_size(m->config);
    scl_tensor *up = upscale(m, t->keys, masks);
    up = scl_reshape(g, up, SCL_SHAPE(masks, size * size, dim / 8));
    scl_tensor **vectors = scl_arena_alloc(&g->arena, (size_t)count * sizeof *vectors);
    if (vectors == NULL)
        return scl_graph_out_of_memory(g, (size_t)count * sizeof *vectors, "the hypernetworks");
    for (int64_t i = 0; i < count; i++) {
        scl_tensor *token = scl_slice(g, t->queries, 1, 1 + first + i, 1);
        const char *name =
            scl_layer_name(m, "mask_decoder.output_hypernetworks_mlps.%d", (int)(first + i));
        vectors[i] = scl_layer_mlp3(m, name, token, dim, dim / 8);
    }
    const char *outer = scl_graph_scope(g, "mask_decoder");
    scl_tensor *hyper = scl_concat(g, vectors, (int)count, 1);
    scl_tensor *logits = scl_matmul(g, hyper, up, false, true, 1);
    logits = scl_reshape(g, logits, SCL_SHAPE(masks, count, size, size));
    g->scope = outer;
    return logits;
}

static scl_tensor *estimate_iou(const scl_sam *m, scl_tensor *queries, int64_t masks, int64_t first,
                                int64_t count)
{
    if (m->config->classes > 0)
        return NULL;
    scl_tensor *token = scl_slice(m->graph, queries, 1, 0, 1);
    scl_tensor *iou = scl_layer_mlp3(m, "mask_decoder.iou_prediction_head", token,
                                     m->config->iou_head_hidden_dim, SCL_SAM_MASK_TOKENS);
    iou = scl_reshape(m->graph, iou, SCL_SHAPE(masks, SCL_SAM_MASK_TOKENS));
    return scl_slice(m->graph, iou, 1, first, count);
}

scl_sam_masks scl_sam_decode(const scl_sam *m, scl_tensor *embedding,
                             const scl_sam_prompts *prompts, int64_t masks, int64_t first,
                             int64_t count)
{
    scl_tensor *tokens = make_tokens(m, scl_prompt_sparse(m, prompts), masks);
    two_way t = {
        .m = m, .queries = tokens, .query_pe = tokens, .token_count = prompts->token_count};
    scl_tensor *keys = make_keys(m, embedding, scl_prompt_dense(m, prompts), masks);
    t.key_pe = scl_prompt_image_pe(m);
    set_keys(&t, keys);
    for (int64_t i = 0; i < m->config->decoder_depth; i++)
        two_way_layer(&t, i);
    tokens_to_image(&t, "mask_decoder.transformer.final_attn_token_to_image");
    t.queries = scl_layer_norm_named(m, "mask_decoder.transformer.norm_final_attn", t.queries,
                                     FINAL_NORM_EPS);
    return (scl_sam_masks){.logits = make_masks(m, &t, masks, first, count),
                           .iou = estimate_iou(m, t.queries, masks, first, count)};
}
