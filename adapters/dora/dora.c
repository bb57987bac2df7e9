/* dora — weight-decomposed low-rank adaptation (Liu et al., arXiv 2402.09353; Hugging Face PEFT):
 *
 *   W' = g (W + s B A),  g = m / |W + s B A|,  s = alpha / rank
 *
 * row by row of W [out, in], with |.| the norm of a row, through which no gradient flows (section
 * 4.3 of the paper). A and B are those of lora. The magnitudes are m = |W| + dora_m with dora_m
 * [out] zero at first, so that training starts from the model as it is. */
#include <samcl/plugin.h>

#include <math.h>

typedef struct dora_params {
    int64_t rank;
    double alpha;
    scl_param_strings sites;
} dora_params;

static const scl_param table[] = {
    {"rank", SCL_PARAM_INT, offsetof(dora_params, rank), "4", 1, 1024, NULL,
     "rows of A and columns of B"},
    {"alpha", SCL_PARAM_FLOAT, offsetof(dora_params, alpha), "null", 0, 1e6, NULL,
     "the added term is scaled by alpha / rank; null: not scaled"},
    {"sites", SCL_PARAM_STRINGS, offsetof(dora_params, sites),
     "[\"image_encoder.blocks.*.attn.qkv\"]", 0, 0, NULL,
     "names of the linear layers that are adapted, with * and ?"},
};

static int32_t wraps(const void *params, const scl_site *site)
{
    const dora_params *p = params;
    return scl_patterns_match(&p->sites, site->name);
}

static scl_tensor *row_norms(scl_builder *b, scl_tensor *w)
{
    return b->sqrt(b, b->sum(b, b->mul(b, w, w), 1, 1));
}

/* What is made of a site's own parameters. */
typedef struct dora_terms {
    float scale;
    scl_tensor *down, *up; /* A, B */
    scl_tensor *added;     /* s B A [out, in] */
    scl_tensor *gain;      /* g [out, 1] */
} dora_terms;

static dora_terms make_terms(scl_builder *b, const dora_params *p, const scl_site *site)
{
    const int64_t in = site->in_features, out = site->out_features;
    const scl_init uniform = {SCL_INIT_UNIFORM, (float)(1 / sqrt((double)in))};
    const scl_init zeros = {SCL_INIT_ZEROS, 0};
    dora_terms t = {.scale = isnan(p->alpha) ? 1 : (float)(p->alpha / (double)p->rank)};
    t.down = b->param(b, "lora_A", 2, (int64_t[]){p->rank, in}, uniform);
    t.up = b->param(b, "lora_B", 2, (int64_t[]){out, p->rank}, zeros);
    t.added = b->affine(b, b->matmul(b, t.up, t.down, 0, 0), t.scale, 0);
    scl_tensor *more = b->param(b, "dora_m", 1, (int64_t[]){out}, zeros);
    more = b->reshape(b, more, 2, (int64_t[]){out, 1});
    scl_tensor *magnitude = b->add(b, b->stop_gradient(b, row_norms(b, site->weight)), more);
    scl_tensor *norm = row_norms(b, b->add(b, site->weight, t.added));
    t.gain = b->div(b, magnitude, b->stop_gradient(b, norm));
    return t;
}

/* y + (g - 1) (y - bias) + g s B A x, as PEFT computes it: equal to y while B and dora_m are 0. */
static scl_tensor *attach(scl_builder *b, const void *params, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    dora_terms t = make_terms(b, params, site);
    scl_tensor *gain = b->reshape(b, t.gain, 1, &site->out_features);
    scl_tensor *added = b->linear(b, b->linear(b, x, t.down, 1), t.up, t.scale);
    scl_tensor *product = b->sub(b, y, site->bias);
    scl_tensor *change = b->mul(b, b->affine(b, gain, 1, -1), product);
    return b->add(b, y, b->add(b, change, b->mul(b, gain, added)));
}

static void merge(scl_builder *b, const void *params, const scl_site *site, scl_tensor **weight,
                  scl_tensor **bias)
{
    dora_terms t = make_terms(b, params, site);
    scl_tensor *gain = b->reshape(b, t.gain, 1, &site->out_features);
    scl_tensor *change = b->mul(b, b->affine(b, gain, 1, -1), b->sub(b, *bias, site->bias));
    *weight = b->mul(b, t.gain, b->add(b, *weight, t.added));
    *bias = b->add(b, *bias, change);
}

static const scl_adapter_interface adapter = {
    .struct_size = sizeof adapter, .wraps = wraps, .attach = attach, .merge = merge};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "dora",
                                  .version = "1.0",
                                  .summary =
                                      "lora with a trained magnitude for each row of the weight",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(dora_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
