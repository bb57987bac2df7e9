/* adaptformer — a bottleneck beside the MLP of a block (Chen et al., arXiv 2205.13535;
 * github.com/ShoufaChen/AdaptFormer, models/adapter.py):
 *
 *   y' = y + scale (U relu(D x + d) + u)
 *
 * where x is what enters the MLP, after the norm, and y what it gives. D [bottleneck, C] is uniform
 * in +-1 / sqrt(C), and d, U [C, bottleneck] and u are zero, so that training starts from the model
 * as it is. The released code gives the bottleneck x before the norm, unlike the paper. */
#include <samcl/plugin.h>

#include <math.h>

typedef struct adaptformer_params {
    int64_t bottleneck;
    double scale, dropout;
    scl_param_strings sites;
} adaptformer_params;

static const scl_param table[] = {
    {"bottleneck", SCL_PARAM_INT, offsetof(adaptformer_params, bottleneck), "64", 1, 8192, NULL,
     "width between the two layers"},
    {"scale", SCL_PARAM_FLOAT, offsetof(adaptformer_params, scale), "0.1", 0, 1e6, NULL,
     "factor of what is added"},
    {"dropout", SCL_PARAM_FLOAT, offsetof(adaptformer_params, dropout), "0", 0, 0.99, NULL,
     "share of relu's outputs that is left out in each training step; 0.1 in the released code"},
    {"sites", SCL_PARAM_STRINGS, offsetof(adaptformer_params, sites),
     "[\"image_encoder.blocks.*.mlp\"]", 0, 0, NULL,
     "names of the branches, mlp or attn of a block, that are adapted, with * and ?"},
};

static int32_t wraps(const void *params, const scl_site *site)
{
    const adaptformer_params *p = params;
    return scl_patterns_match(&p->sites, site->name);
}

static scl_tensor *attach(scl_builder *b, const void *params, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    const adaptformer_params *p = params;
    const int64_t width = site->out_features, m = p->bottleneck;
    const scl_init zeros = {SCL_INIT_ZEROS, 0};
    const scl_init uniform = {SCL_INIT_UNIFORM, (float)(1 / sqrt((double)width))};
    scl_tensor *down = b->param(b, "adaptmlp_down", 2, (int64_t[]){m, width}, uniform);
    scl_tensor *down_bias = b->param(b, "adaptmlp_down_bias", 1, &m, zeros);
    scl_tensor *up = b->param(b, "adaptmlp_up", 2, (int64_t[]){width, m}, zeros);
    scl_tensor *up_bias = b->param(b, "adaptmlp_up_bias", 1, &width, zeros);
    scl_tensor *hidden = b->relu(b, b->add(b, b->linear(b, x, down, 1), down_bias));
    hidden = b->dropout(b, hidden, (float)p->dropout);
    scl_tensor *added = b->add(b, b->linear(b, hidden, up, 1), up_bias);
    return b->add(b, y, b->affine(b, added, (float)p->scale, 0));
}

static const scl_adapter_interface adapter = {
    .struct_size = sizeof adapter, .wraps = wraps, .attach = attach, .kinds = 1 << SCL_SITE_BRANCH};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "adaptformer",
                                  .version = "1.0",
                                  .summary = "adds trained bottlenecks beside the MLP",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(adaptformer_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
