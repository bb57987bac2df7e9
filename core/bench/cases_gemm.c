/* cases_gemm.c — the matrix products of a ViT block: forward as linear layers make them, and the
 * transposed forms that their gradients need. */
#include "bench/work.h"

#include "graph/fuse.h"
#include "graph/ops.h"

typedef enum layer { QKV, PROJ, FC1, FC2, LORA_A, LORA_B } layer;
typedef enum form { FORWARD, GELU, RESIDUAL, GRAD_INPUT, GRAD_WEIGHT } form;

typedef struct gemm_case {
    layer layer;
    form form;
} gemm_case;

#define LORA_RANK 4

typedef struct sizes {
    int64_t rows, out, in;
} sizes;

static sizes layer_sizes(const scl_bench_setup *setup, layer l)
{
    const scl_sam_config *c = &setup->config;
    int64_t dim = c->embed_dim, tokens = setup->batch * scl_sam_grid(c) * scl_sam_grid(c);
    const sizes all[] = {
        [QKV] = {tokens, 3 * dim, dim},      [PROJ] = {tokens, dim, dim},
        [FC1] = {tokens, c->mlp_dim, dim},   [FC2] = {tokens, dim, c->mlp_dim},
        [LORA_A] = {tokens, LORA_RANK, dim}, [LORA_B] = {tokens, 3 * dim, LORA_RANK},
    };
    return all[l];
}

static scl_tensor *forward(scl_graph *g, const sizes *s, form f)
{
    scl_tensor *x = scl_bench_input(g, "x", SCL_SHAPE(s->rows, s->in));
    scl_tensor *w = scl_bench_weight(g, "w", SCL_SHAPE(s->out, s->in), false);
    if (f == FORWARD)
        return scl_matmul(g, x, w, false, true, 1);
    scl_tensor *bias = scl_bench_weight(g, "bias", SCL_SHAPE(s->out), false);
    scl_tensor *y = scl_linear(g, x, w, bias, 1);
    if (f == GELU)
        return scl_gelu(g, y);
    return scl_add(g, y, scl_bench_input(g, "residual", SCL_SHAPE(s->rows, s->out)));
}

static scl_tensor *product(scl_graph *g, const sizes *s, form f, scl_bench_work *work)
{
    bool transposed = f == GRAD_WEIGHT;
    int64_t m = transposed ? s->out : s->rows, n = s->out, k = s->in;
    if (f == GRAD_INPUT || f == GRAD_WEIGHT) {
        n = s->in;
        k = transposed ? s->rows : s->out;
    }
    scl_bench_shape(work, "%lld x %lld x %lld", (long long)m, (long long)n, (long long)k);
    if (f != GRAD_INPUT && f != GRAD_WEIGHT)
        return forward(g, s, f);
    scl_tensor *dy = scl_bench_input(g, "dy", SCL_SHAPE(s->rows, s->out));
    scl_tensor *other = transposed ? scl_bench_input(g, "x", SCL_SHAPE(s->rows, s->in))
                                   : scl_bench_weight(g, "w", SCL_SHAPE(s->out, s->in), false);
    return scl_matmul(g, dy, other, transposed, false, 1);
}

static scl_status open_gemm(const scl_bench_setup *setup, const void *what, scl_bench_work *work,
                            scl_error *err)
{
    const gemm_case *c = what;
    scl_graph *g = scl_graph_create(err);
    if (g == NULL)
        return err->status;
    sizes s = layer_sizes(setup, c->layer);
    scl_bench_keep(product(g, &s, c->form, work), "y");
    scl_graph_fuse(g, err);
    return scl_bench_graph_work(setup, g, 0, NULL, work, err);
}

#define ROW(name, LAYER, FORM, summary)                                                            \
    {                                                                                              \
        name, summary, open_gemm, &(const gemm_case)                                               \
        {                                                                                          \
            LAYER, FORM                                                                            \
        }                                                                                          \
    }
#define FORMS(name, LAYER, text)                                                                   \
    ROW("gemm/" name "/nt", LAYER, FORWARD, "y = x W^T of " text),                                 \
        ROW("gemm/" name "/nn", LAYER, GRAD_INPUT, "dx = dy W of " text),                          \
        ROW("gemm/" name "/tn", LAYER, GRAD_WEIGHT, "dW = dy^T x of " text)

static const scl_bench_case cases[] = {
    FORMS("qkv", QKV, "a block's qkv"),
    FORMS("proj", PROJ, "a block's proj"),
    FORMS("fc1", FC1, "a block's mlp.lin1"),
    FORMS("fc2", FC2, "a block's mlp.lin2"),
    FORMS("lora_a", LORA_A, "LoRA's A of rank 4"),
    FORMS("lora_b", LORA_B, "LoRA's B of rank 4"),
    ROW("gemm/fc1/gelu", FC1, GELU, "gelu(x W^T + bias) of a block's mlp.lin1"),
    ROW("gemm/fc2/residual", FC2, RESIDUAL, "x W^T + bias + residual of a block's mlp.lin2"),
};

const scl_bench_family scl_bench_gemm = {cases, sizeof cases / sizeof *cases};
