/* conv_lora — low-rank adaptation with convolutions in the bottleneck, of which a gate chooses one
 * per image or window (Zhong et al., arXiv 2401.17868; its code is AutoGluon's
 * multimodal/models/adaptation_layers.py, ConvLoRALinear and MoEGate):
 *
 *   y' = y + alpha / rank * B (z + g E_e(z)),   z = A x
 *
 * E_e upsamples a sample by e + 1, convolves it 3 by 3, takes gelu, and comes back to its size
 * (experts.h). A sample is what attends together: a window, with the zeros that SAM pads it with,
 * or the whole grid. The gate is that of Shazeer et al. (arXiv 1701.06538) with one expert kept:
 *
 *   f = mean of the sample's z,   h = f Wg + normal * (softplus(f Wn) + 0.01),   e = argmax h
 *
 * without the noise outside of training. Where logits are equal the expert with the smaller ratio
 * is taken. The balance loss, of the squared coefficients of variation of what the experts get and
 * of what they would get over the noise, is what trains the gate. */
#include "experts.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct conv_lora_params {
    int64_t rank, experts;
    double alpha, balance;
    int32_t compat, noise;
    scl_param_strings sites;
} conv_lora_params;

enum { AUTOGLUON, PAPER };
static const char *const compats[] = {"autogluon", "paper", NULL};

static const scl_param table[] = {
    {"rank", SCL_PARAM_INT, offsetof(conv_lora_params, rank), "3", 1, 64, NULL,
     "rows of A, columns of B and channels of the experts"},
    {"alpha", SCL_PARAM_FLOAT, offsetof(conv_lora_params, alpha), "32", 0, 1e6, NULL,
     "the added term is scaled by alpha / rank"},
    {"experts", SCL_PARAM_INT, offsetof(conv_lora_params, experts), "8", 1, 16, NULL,
     "convolutions to choose from; number e, from 1 on, works on samples e times as fine"},
    {"compat", SCL_PARAM_CHOICE, offsetof(conv_lora_params, compat), "autogluon", 0, 0, compats,
     "autogluon: as the released code, with the chosen expert's output as it is; paper: it is "
     "multiplied by the gate's value, the softmax over all experts, so that the losses train the "
     "gate too"},
    {"noise", SCL_PARAM_BOOL, offsetof(conv_lora_params, noise), "true", 0, 0, NULL,
     "the gate's choice is noisy in training; without noise the balance loss has no gradient"},
    {"balance", SCL_PARAM_FLOAT, offsetof(conv_lora_params, balance), "0.01", 0, 1e3, NULL,
     "weight of each layer's balance loss; 0: none"},
    {"sites", SCL_PARAM_STRINGS, offsetof(conv_lora_params, sites),
     "[\"image_encoder.blocks.*.attn.qkv\"]", 0, 0, NULL,
     "names of the linear layers that are adapted, with * and ?; of the image encoder's blocks"},
};

#define NOISE_FLOOR 0.01f
#define CV_EPSILON  1e-10f

static int32_t wraps(const void *params, const scl_site *site)
{
    const conv_lora_params *p = params;
    return scl_patterns_match(&p->sites, site->name);
}

static int32_t mixes_rows(const void *params, const scl_site *site)
{
    (void)params;
    (void)site;
    return 1;
}

/* ------------------------------------------------------------------ parameters */

/* torch's kaiming_uniform_ with a = sqrt 5. */
static scl_init uniform_of(int64_t fan_in)
{
    return (scl_init){SCL_INIT_UNIFORM, (float)(1 / sqrt((double)fan_in))};
}

static const scl_init zeros = {SCL_INIT_ZEROS, 0};

static scl_tensor *matrix(scl_builder *b, const char *name, int64_t rows, int64_t columns,
                          scl_init init)
{
    return b->param(b, name, 2, (const int64_t[]){rows, columns}, init);
}

/* The experts' kernels [experts, rank * rank * 9] or biases [experts, rank], one parameter each. */
static scl_tensor *of_experts(scl_builder *b, const conv_lora_params *p, const char *what)
{
    scl_tensor *all[16];
    bool is_kernel = what[0] == 'w';
    const int64_t dims[] = {p->rank, p->rank, 3, 3};
    const int64_t row[] = {1, is_kernel ? p->rank * p->rank * 9 : p->rank};
    for (int64_t e = 0; e < p->experts; e++) {
        char name[64];
        snprintf(name, sizeof name, "lora_moe_experts.%d.0.%s", (int)e, what);
        scl_tensor *one =
            b->param(b, name, is_kernel ? 4 : 1, dims, is_kernel ? uniform_of(9 * p->rank) : zeros);
        all[e] = b->reshape(b, one, 2, row);
    }
    return b->concat(b, all, (int32_t)p->experts, 0);
}

/* ------------------------------------------------------------------ the gate */

typedef struct gate {
    scl_tensor *clean, *deviation, *logits; /* [samples, experts]; deviation NULL: no noise */
    scl_tensor *top;                        /* [samples, 2], or 1 where there is one expert */
    scl_tensor *expert;                     /* int32, as top */
    scl_tensor *chosen;                     /* [samples, experts]: 1 at the expert, 0 elsewhere */
} gate;

/* z [images, tokens, rank] seen as [rows of windows, side, columns of windows, side, rank]. */
static scl_tensor *as_samples(scl_builder *b, scl_tensor *z, const expert_grid *g, int64_t rank)
{
    const int64_t dims[] = {g->images * (g->height / g->side_h), g->side_h, g->width / g->side_w,
                            g->side_w, rank};
    return b->reshape(b, z, 5, dims);
}

static scl_tensor *pooled(scl_builder *b, scl_tensor *z, const expert_grid *g, int64_t rank)
{
    scl_tensor *rows = b->mean(b, as_samples(b, z, g, rank), 1, 1);
    return b->reshape(b, b->mean(b, rows, 3, 1), 2, (const int64_t[]){expert_samples(g), rank});
}

static gate route(scl_builder *b, const conv_lora_params *p, scl_tensor *z, const expert_grid *grid)
{
    gate g = {0};
    int64_t kept = p->experts < 2 ? 1 : 2;
    const int64_t dims[] = {expert_samples(grid), p->experts};
    scl_tensor *f = pooled(b, z, grid, p->rank);
    scl_tensor *w_gate = matrix(b, "lora_moe_gating.w_gate", p->rank, p->experts, zeros);
    scl_tensor *w_noise = matrix(b, "lora_moe_gating.w_noise", p->rank, p->experts, zeros);
    g.clean = g.logits = b->matmul(b, f, w_gate, 0, 0);
    if (b->training && p->noise && p->experts > 1) {
        scl_tensor *raw = b->softplus(b, b->matmul(b, f, w_noise, 0, 0));
        g.deviation = b->affine(b, raw, 1, NOISE_FLOOR);
        g.logits = b->add(b, g.clean, b->mul(b, b->normal(b, 2, dims), g.deviation));
    }
    g.top = b->top_k(b, g.logits, kept, &g.expert);
    scl_tensor *codes = b->slice(b, b->one_hot(b, g.expert, p->experts, -1), 1, 0, 1);
    g.chosen = b->reshape(b, codes, 2, dims);
    return g;
}

/* The share of the noise with which each expert would be chosen: P(h > the largest of the others),
 * the rest of the noise as it is. */
static scl_tensor *chances(scl_builder *b, const gate *g)
{
    scl_tensor *first = b->slice(b, g->top, 1, 0, 1), *second = b->slice(b, g->top, 1, 1, 1);
    scl_tensor *is_in = b->step(b, b->sub(b, g->logits, second));
    scl_tensor *margin_in = b->div(b, b->sub(b, g->clean, second), g->deviation);
    scl_tensor *margin_out = b->div(b, b->sub(b, g->clean, first), g->deviation);
    return b->add(b, b->mul(b, is_in, b->normal_cdf(b, margin_in)),
                  b->mul(b, b->affine(b, is_in, -1, 1), b->normal_cdf(b, margin_out)));
}

/* The squared coefficient of variation of what the experts get, summed over samples. */
static scl_tensor *variation(scl_builder *b, scl_tensor *per_sample, int64_t experts)
{
    scl_tensor *sums = b->sum(b, per_sample, 0, 1), *mean = b->mean(b, sums, 1, 1);
    scl_tensor *apart = b->sub(b, sums, mean);
    scl_tensor *variance =
        b->affine(b, b->sum(b, b->mul(b, apart, apart), 1, 1), 1 / (float)(experts - 1), 0);
    return b->div(b, variance, b->affine(b, b->mul(b, mean, mean), 1, CV_EPSILON));
}

static void add_balance(scl_builder *b, const conv_lora_params *p, const gate *g)
{
    if (!b->training || p->experts < 2 || p->balance <= 0)
        return;
    scl_tensor *load = g->deviation != NULL ? chances(b, g) : g->chosen;
    scl_tensor *sum =
        b->add(b, variation(b, g->chosen, p->experts), variation(b, load, p->experts));
    b->add_loss(b, "balance", b->affine(b, sum, (float)p->balance, 0));
}

/* The gate's value for the chosen expert times its output w. */
static scl_tensor *times_value(scl_builder *b, const conv_lora_params *p, const gate *g,
                               scl_tensor *w, const expert_grid *grid)
{
    scl_tensor *chances_of = b->mul(b, b->softmax(b, g->logits, -1), g->chosen);
    const int64_t dims[] = {grid->images * (grid->height / grid->side_h), 1,
                            grid->width / grid->side_w, 1, 1};
    const int64_t rows[] = {grid->images, grid->height * grid->width, p->rank};
    scl_tensor *value = b->reshape(b, b->sum(b, chances_of, 1, 1), 5, dims);
    return b->reshape(b, b->mul(b, as_samples(b, w, grid, p->rank), value), 3, rows);
}

/* ------------------------------------------------------------------ the layer */

static scl_tensor *attach(scl_builder *b, const void *params, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    const conv_lora_params *p = params;
    if (site->grid_h == 0)
        return b->fail(b, "its rows are not the tokens of an image's grid, which a convolution "
                          "needs: let `sites` be layers of image_encoder.blocks");
    const expert_grid grid = {.images = b->dim(b, x, 0),
                              .height = site->grid_h,
                              .width = site->grid_w,
                              .side_h = site->window > 0 ? site->window : site->grid_h,
                              .side_w = site->window > 0 ? site->window : site->grid_w};
    scl_tensor *down =
        matrix(b, "lora_A", p->rank, site->in_features, uniform_of(site->in_features));
    scl_tensor *up = matrix(b, "lora_B", site->out_features, p->rank, zeros);
    scl_tensor *z = b->linear(b, x, down, 1);
    const gate g = route(b, p, z, &grid);
    scl_tensor *w =
        experts_apply(b, z, g.expert, of_experts(b, p, "weight"), of_experts(b, p, "bias"), &grid);
    add_balance(b, p, &g);
    if (p->compat == PAPER)
        w = times_value(b, p, &g, w, &grid);
    double scale = p->alpha / (double)p->rank;
    return b->add(b, y, b->linear(b, b->add(b, z, w), up, (float)scale));
}

static const scl_adapter_interface adapter = {
    .struct_size = sizeof adapter, .wraps = wraps, .attach = attach, .mixes_rows = mixes_rows};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "conv_lora",
                                  .version = "1.0",
                                  .summary = "lora with a mixture of convolutions in between",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(conv_lora_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
