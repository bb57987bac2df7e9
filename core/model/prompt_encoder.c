#include "model/prompt_encoder.h"

#include "model/layers.h"

#define NORM_EPS     1e-6
#define POINT_LABELS 4 /* negative, positive, and the two corners of a box */

/* A buffer in the reference implementations: saved with the weights, never trained. */
static scl_tensor *gaussian_matrix(const scl_sam *m)
{
    return scl_parameter(m->graph, "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
                         SCL_SHAPE(2, m->config->prompt_embed_dim / 2),
                         (scl_init){SCL_INIT_NORMAL, 1}, false);
}

/* Rows 0..3 for the labels, row 4 for "not a point". */
static scl_tensor *label_table(const scl_sam *m)
{
    int64_t dim = m->config->prompt_embed_dim;
    scl_tensor *rows[POINT_LABELS + 1];
    for (int i = 0; i < POINT_LABELS; i++)
        rows[i] = scl_layer_embedding(m, scl_layer_name(m, "prompt_encoder.point_embeddings.%d", i),
                                      1, dim);
    rows[POINT_LABELS] = scl_layer_embedding(m, "prompt_encoder.not_a_point_embed", 1, dim);
    return scl_concat(m->graph, rows, POINT_LABELS + 1, 0);
}

/* pe(coords) + embedding of the label, where the position code counts for real points only. */
scl_tensor *scl_prompt_sparse(const scl_sam *m, const scl_sam_prompts *prompts)
{
    if (prompts->coords == NULL)
        return NULL;
    scl_graph *g = m->graph;
    const char *outer = scl_graph_scope(g, "prompt_encoder");
    scl_tensor *pe = scl_fourier_features(g, prompts->coords, gaussian_matrix(m));
    scl_tensor *codes = scl_one_hot(g, prompts->labels, POINT_LABELS + 1, -1);
    scl_tensor *is_point = scl_sum(g, scl_slice(g, codes, -1, 0, POINT_LABELS), -1, 1);
    scl_tensor *sparse = NULL;
    if (codes != NULL) {
        int64_t slots = codes->shape.dim[0] * codes->shape.dim[1];
        scl_tensor *flat = scl_reshape(g, codes, SCL_SHAPE(slots, POINT_LABELS + 1));
        scl_tensor *labels = scl_matmul(g, flat, label_table(m), false, false, 1);
        sparse = scl_add(g, scl_mul(g, pe, is_point),
                         scl_reshape(g, labels, pe != NULL ? pe->shape : SCL_SHAPE(1)));
    }
    g->scope = outer;
    return sparse;
}

static scl_tensor *embed_masks(const scl_sam *m, scl_tensor *mask)
{
    int64_t dim = m->config->prompt_embed_dim;
    const char *name = "prompt_encoder.mask_downscaling";
    scl_tensor *x = scl_layer_conv(m, scl_layer_name(m, "%s.0", name), mask, 4, 2, 2, 0, true);
    x = scl_layer_norm_named(m, scl_layer_name(m, "%s.1", name), x, NORM_EPS);
    x = scl_gelu(m->graph, x);
    x = scl_layer_conv(m, scl_layer_name(m, "%s.3", name), x, 16, 2, 2, 0, true);
    x = scl_layer_norm_named(m, scl_layer_name(m, "%s.4", name), x, NORM_EPS);
    x = scl_gelu(m->graph, x);
    return scl_layer_conv(m, scl_layer_name(m, "%s.6", name), x, dim, 1, 1, 0, true);
}

scl_tensor *scl_prompt_dense(const scl_sam *m, const scl_sam_prompts *prompts)
{
    scl_graph *g = m->graph;
    int64_t dim = m->config->prompt_embed_dim;
    scl_tensor *none = scl_layer_embedding(m, "prompt_encoder.no_mask_embed", 1, dim);
    none = scl_reshape(g, none, SCL_SHAPE(1, 1, 1, dim));
    if (prompts->mask == NULL)
        return none;
    scl_tensor *embedded = embed_masks(m, prompts->mask);
    if (prompts->has_mask == NULL)
        return embedded;
    return scl_add(g, none, scl_mul(g, scl_sub(g, embedded, none), prompts->has_mask));
}

scl_tensor *scl_prompt_image_pe(const scl_sam *m)
{
    int64_t grid = scl_sam_grid(m->config), tokens = grid * grid;
    float *centres = scl_arena_alloc(&m->graph->arena, (size_t)tokens * 2 * sizeof *centres);
    if (centres == NULL)
        return scl_graph_out_of_memory(m->graph, (size_t)tokens * 2 * sizeof *centres,
                                       "the position code");
    for (int64_t i = 0; i < tokens; i++) {
        centres[2 * i] = ((float)(i % grid) + 0.5f) / (float)grid;
        centres[2 * i + 1] = ((float)(i / grid) + 0.5f) / (float)grid;
    }
    const char *outer = scl_graph_scope(m->graph, "prompt_encoder.pe_layer");
    scl_tensor *coords = scl_constant(m->graph, centres, SCL_SHAPE(1, tokens, 2));
    scl_tensor *pe = scl_fourier_features(m->graph, coords, gaussian_matrix(m));
    m->graph->scope = outer;
    return pe;
}
