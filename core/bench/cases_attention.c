/* cases_attention.c — the attention of encoder blocks and of the mask decoder. */
#include "bench/work.h"

#include "graph/ops.h"

#include <math.h>

typedef struct attention_case {
    int64_t heads, head_dim;
    bool windowed, backward;
} attention_case;

/* The result of the op, or the node that differentiates it; `first` is where that begins. */
static void build(scl_graph *g, const scl_attention_inputs *in, const scl_attention_attr *attr,
                  bool backward, size_t *first)
{
    if (!backward) {
        scl_bench_keep(scl_attention(g, in, attr), "out");
        return;
    }
    in->q->needs_grad = in->k->needs_grad = in->v->needs_grad = true;
    static const char *const names[] = {"dq", "dk", "dv", "drel_h", "drel_w", "dpad"};
    scl_tensor *out = scl_bench_keep(scl_attention(g, in, attr), "out");
    *first = scl_bench_differentiate(g, out, "dout", names, 6);
}

/* Of an encoder block: q, k and v packed, relative positions, windows padded at the end. */
static scl_status open_block(const scl_bench_setup *setup, const void *what, scl_bench_work *work,
                             scl_error *err)
{
    const attention_case *c = what;
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return err->status;
    int64_t grid = scl_sam_grid(&setup->config), width = c->heads * c->head_dim;
    int64_t window = c->windowed ? setup->config.window_size : 0,
            side = c->windowed ? window : grid;
    bool padded = c->windowed && grid % window != 0;
    scl_tensor *qkv = scl_bench_input(g, "qkv", SCL_SHAPE(setup->batch, grid * grid, 3 * width));
    const scl_shape table = SCL_SHAPE(2 * side - 1, c->head_dim);
    scl_attention_inputs in = {
        .q = qkv,
        .k = qkv,
        .v = qkv,
        .rel_h = scl_bench_weight(g, "rel_h", table, c->backward),
        .rel_w = scl_bench_weight(g, "rel_w", table, c->backward),
        .pad = padded ? scl_bench_weight(g, "pad", SCL_SHAPE(3 * width), c->backward) : NULL};
    scl_attention_attr attr = {.heads = c->heads,
                               .head_dim = c->head_dim,
                               .k_col = width,
                               .v_col = 2 * width,
                               .q_h = grid,
                               .q_w = grid,
                               .k_h = grid,
                               .k_w = grid,
                               .window = window,
                               .scale = 1 / sqrt((double)c->head_dim)};
    size_t first = 0;
    scl_bench_shape(work, "%lldx%lld tokens, %lld x %lld", (long long)grid, (long long)grid,
                    (long long)c->heads, (long long)c->head_dim);
    if (qkv != NULL)
        build(g, &in, &attr, c->backward, &first);
    return scl_bench_graph_work(setup, g, first, NULL, work, err);
}

/* Of the decoder where its tokens are many or an adapter is on its layers, so that pixels are
 * projected: tokens and the image attend to each other, at half the width. */
typedef struct cross_case {
    bool to_image, backward; /* the tokens attend to the image */
} cross_case;

#define PROMPT_TOKENS 2

static scl_status open_cross(const scl_bench_setup *setup, const void *what, scl_bench_work *work,
                             scl_error *err)
{
    const cross_case *c = what;
    const scl_sam_config *config = &setup->config;
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return err->status;
    int64_t grid = scl_sam_grid(config), image = grid * grid;
    int64_t tokens = 1 + SCL_SAM_MASK_TOKENS + PROMPT_TOKENS, width = config->prompt_embed_dim / 2;
    int64_t queries = c->to_image ? tokens : image, keys = c->to_image ? image : tokens;
    scl_attention_inputs in = {.q =
                                   scl_bench_input(g, "q", SCL_SHAPE(setup->batch, queries, width)),
                               .k = scl_bench_input(g, "k", SCL_SHAPE(setup->batch, keys, width)),
                               .v = scl_bench_input(g, "v", SCL_SHAPE(setup->batch, keys, width))};
    int64_t heads = config->decoder_num_heads, head_dim = width / heads;
    scl_attention_attr attr = {.heads = heads,
                               .head_dim = head_dim,
                               .q_h = 1,
                               .q_w = queries,
                               .k_h = 1,
                               .k_w = keys,
                               .scale = 1 / sqrt((double)head_dim)};
    size_t first = 0;
    scl_bench_shape(work, "%lld to %lld tokens, %lld x %lld", (long long)queries, (long long)keys,
                    (long long)heads, (long long)head_dim);
    if (in.q != NULL && in.k != NULL && in.v != NULL)
        build(g, &in, &attr, c->backward, &first);
    return scl_bench_graph_work(setup, g, first, NULL, work, err);
}

#define BLOCK(name, HEADS, DIM, windowed, text)                                                    \
    {"attention/" name "/forward", text, open_block,                                               \
     &(const attention_case){HEADS, DIM, windowed, false}},                                        \
    {                                                                                              \
        "attention/" name "/backward", text ", all gradients", open_block, &(const attention_case) \
        {                                                                                          \
            HEADS, DIM, windowed, true                                                             \
        }                                                                                          \
    }
#define CROSS(name, to_image, text)                                                                \
    {"attention/" name "/forward", text, open_cross, &(const cross_case){to_image, false}},        \
    {                                                                                              \
        "attention/" name "/backward", text ", all gradients", open_cross, &(const cross_case)     \
        {                                                                                          \
            to_image, true                                                                         \
        }                                                                                          \
    }

static const scl_bench_case cases[] = {
    BLOCK("global64", 12, 64, false, "global attention, 12 heads of 64"),
    BLOCK("global80", 16, 80, false, "global attention, 16 heads of 80"),
    BLOCK("global32", 8, 32, false, "global attention, 8 heads of 32"),
    BLOCK("global16", 8, 16, false, "global attention, 8 heads of 16"),
    BLOCK("window64", 12, 64, true, "windowed attention, 12 heads of 64"),
    BLOCK("window80", 16, 80, true, "windowed attention, 16 heads of 80"),
    BLOCK("window32", 8, 32, true, "windowed attention, 8 heads of 32"),
    BLOCK("window16", 8, 16, true, "windowed attention, 8 heads of 16"),
    CROSS("token_to_image", true, "the decoder's tokens attend to projected pixels"),
    CROSS("image_to_token", false, "projected pixels attend to the decoder's tokens"),
};

const scl_bench_family scl_bench_attention = {cases, sizeof cases / sizeof *cases};
