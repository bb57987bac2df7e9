#include "model/decoder_attention.h"

#include "model/heads.h"
#include "model/layers.h"

#include <math.h>

#define DOWNSAMPLE   2    /* cross attentions work at half the width */
#define WORTH        0.75 /* of the cost of projecting the pixels: there is more to launch */
#define NOT_ATTENDED -1e30f

typedef struct layer {
    const scl_sam *m;
    const char *name;
    int64_t masks, tokens, pixels; /* M, T, N */
    int64_t dim, width, heads;     /* C; of the projections, of all heads */
    double scale;
} layer;

/* A weight [out, in] and a bias [out]. */
typedef struct projection {
    scl_tensor *weight, *bias;
} projection;

static layer layer_of(const scl_sam *m, const char *name, const scl_tensor *tokens, int64_t pixels,
                      int64_t downsample)
{
    int64_t dim = m->config->prompt_embed_dim, heads = m->config->decoder_num_heads;
    return (layer){.m = m,
                   .name = name,
                   .masks = tokens->shape.dim[0],
                   .tokens = tokens->shape.dim[1],
                   .pixels = pixels,
                   .dim = dim,
                   .width = dim / downsample,
                   .heads = heads,
                   .scale = 1 / sqrt((double)(dim / downsample / heads))};
}

static scl_tensor *project(const layer *l, const char *which, scl_tensor *x)
{
    return scl_layer_linear(l->m, scl_layer_name(l->m, "%s.%s", l->name, which), x, l->width);
}

static scl_tensor *project_out(const layer *l, scl_tensor *x)
{
    return scl_layer_linear(l->m, scl_layer_name(l->m, "%s.out_proj", l->name), x, l->dim);
}

/* ---- every layer run */

static scl_tensor *attend(const layer *l, scl_tensor *q, scl_tensor *k, scl_tensor *v,
                          scl_tensor *key_count)
{
    scl_attention_attr attr = {.heads = l->heads,
                               .head_dim = l->width / l->heads,
                               .q_h = 1,
                               .q_w = q->shape.dim[1],
                               .k_h = 1,
                               .k_w = k->shape.dim[1],
                               .scale = l->scale};
    scl_attention_inputs in = {.q = project(l, "q_proj", q),
                               .k = project(l, "k_proj", k),
                               .v = project(l, "v_proj", v),
                               .key_count = key_count};
    const char *outer = scl_graph_scope(l->m->graph, l->name);
    scl_tensor *y = scl_attention(l->m->graph, &in, &attr);
    l->m->graph->scope = outer;
    return project_out(l, y);
}

scl_tensor *scl_attend_tokens(const scl_sam *m, const char *name, scl_tensor *q, scl_tensor *k,
                              scl_tensor *v, scl_tensor *token_count)
{
    if (q == NULL || k == NULL || v == NULL)
        return NULL;
    layer l = layer_of(m, name, q, 0, 1);
    return attend(&l, q, k, v, token_count);
}

/* ---- few tokens, pixels as they are */

/* What few tokens save must outweigh what they take. */
static bool are_few(const layer *l)
{
    int64_t rows = l->heads * l->tokens;
    return (double)(rows * (l->pixels + l->width)) < WORTH * (double)(l->pixels * l->width);
}

/* Whether a layer of the pixels is what its weights say. */
static bool is_plain(const layer *l, const char *which, int64_t in, int64_t out, projection *p)
{
    const char *name = scl_layer_name(l->m, "%s.%s", l->name, which);
    return scl_layer_plain(l->m, name, in, out, &p->weight, &p->bias);
}

/* Back from spread heads; what a head has in columns of others goes. */
static scl_tensor *gather_heads(const layer *l, scl_tensor *x, scl_tensor *columns)
{
    scl_graph *g = l->m->graph;
    x = scl_reshape(g, x, SCL_SHAPE(l->masks, l->heads, l->tokens, l->width));
    x = scl_sum(g, scl_mul(g, x, columns), 1, 1);
    return scl_reshape(g, x, SCL_SHAPE(l->masks, l->tokens, l->width));
}

static scl_tensor *by_mask(const layer *l, scl_tensor *x)
{
    return scl_reshape(l->m->graph, x, SCL_SHAPE(l->masks, l->heads * l->tokens, l->dim));
}

scl_tensor *scl_attend_pixels(const scl_sam *m, const char *name, scl_tensor *tokens,
                              scl_tensor *keys, scl_tensor *values)
{
    if (tokens == NULL || keys == NULL || values == NULL)
        return NULL;
    layer l = layer_of(m, name, tokens, keys->shape.dim[1], DOWNSAMPLE);
    projection k, v;
    if (!are_few(&l) || !is_plain(&l, "k_proj", l.dim, l.width, &k) ||
        !is_plain(&l, "v_proj", l.dim, l.width, &v))
        return attend(&l, tokens, keys, values, NULL);
    scl_graph *g = m->graph;
    scl_tensor *columns = scl_head_columns(g, l.heads, l.width);
    scl_tensor *q = scl_spread_heads(g, project(&l, "q_proj", tokens), columns);
    const char *outer = scl_graph_scope(g, name);
    q = by_mask(&l, scl_matmul(g, q, k.weight, false, false, (float)l.scale));
    scl_tensor *share = scl_softmax(g, scl_matmul(g, q, keys, false, true, 1), 2);
    scl_tensor *seen = scl_matmul(g, share, values, false, false, 1);
    seen = scl_reshape(g, seen, SCL_SHAPE(l.masks * l.heads * l.tokens, l.dim));
    seen = gather_heads(&l, scl_linear(g, seen, v.weight, NULL, 1), columns);
    seen = scl_add(g, seen, v.bias);
    g->scope = outer;
    return project_out(&l, seen);
}

/* [M, 1, T, 1]: 0 for a token that counts, else so little that softmax makes it 0. */
static scl_tensor *not_attended(const layer *l, scl_tensor *token_count)
{
    scl_graph *g = l->m->graph;
    int64_t rows = l->tokens + 1; /* row: how many count */
    size_t bytes = (size_t)(rows * l->tokens) * sizeof(float);
    float *values = scl_arena_alloc(&g->arena, bytes);
    if (values == NULL)
        return scl_graph_out_of_memory(g, bytes, "a table of the mask decoder");
    for (int64_t i = 0; i < rows * l->tokens; i++)
        values[i] = i % l->tokens < i / l->tokens ? 0 : NOT_ATTENDED;
    scl_tensor *limit = scl_constant(g, values, SCL_SHAPE(rows, l->tokens));
    limit = scl_matmul(g, scl_one_hot(g, token_count, rows, 1), limit, false, false, 1);
    return scl_reshape(g, limit, SCL_SHAPE(l->masks, 1, l->tokens, 1));
}

/* What each key adds to its scores: [M, heads, T, 1]. */
static scl_tensor *score_bias(const layer *l, scl_tensor *k, scl_tensor *q_bias,
                              scl_tensor *token_count)
{
    scl_graph *g = l->m->graph;
    scl_tensor *row = scl_reshape(g, q_bias, SCL_SHAPE(1, l->width));
    scl_tensor *bias = scl_linear(g, k, row, NULL, (float)l->scale);
    bias = scl_reshape(g, bias, SCL_SHAPE(l->masks, l->heads, l->tokens, 1));
    return token_count == NULL ? bias : scl_add(g, bias, not_attended(l, token_count));
}

scl_tensor *scl_attend_from_pixels(const scl_sam *m, const char *name, scl_tensor *pixels,
                                   scl_tensor *keys, scl_tensor *values, scl_tensor *token_count)
{
    if (pixels == NULL || keys == NULL || values == NULL)
        return NULL;
    layer l = layer_of(m, name, keys, pixels->shape.dim[1], DOWNSAMPLE);
    projection q, out;
    if (!are_few(&l) || !is_plain(&l, "q_proj", l.dim, l.width, &q) ||
        !is_plain(&l, "out_proj", l.width, l.dim, &out))
        return attend(&l, pixels, keys, values, token_count);
    scl_graph *g = m->graph;
    scl_tensor *columns = scl_head_columns(g, l.heads, l.width);
    scl_tensor *k = scl_spread_heads(g, project(&l, "k_proj", keys), columns);
    scl_tensor *v = scl_spread_heads(g, project(&l, "v_proj", values), columns);
    const char *outer = scl_graph_scope(g, name);
    scl_tensor *scores = by_mask(&l, scl_matmul(g, k, q.weight, false, false, (float)l.scale));
    scores = scl_matmul(g, scores, pixels, false, true, 1);
    scores = scl_reshape(g, scores, SCL_SHAPE(l.masks, l.heads, l.tokens, l.pixels));
    scores = scl_add(g, scores, score_bias(&l, k, q.bias, token_count));
    scl_tensor *share = scl_softmax(g, scores, 2);
    share = scl_reshape(g, share, SCL_SHAPE(l.masks, l.heads * l.tokens, l.pixels));
    /* the shares of each head add up to 1, so each value brings its head's part of the bias */
    v = scl_linear(g, v, out.weight, scl_affine(g, out.bias, 1 / (float)l.heads, 0), 1);
    scl_tensor *y = scl_matmul(g, share, by_mask(&l, v), true, false, 1);
    g->scope = outer;
    return y;
}
