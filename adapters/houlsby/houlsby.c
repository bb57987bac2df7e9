/* houlsby — a bottleneck after the attention and after the MLP of a block (Houlsby et al., arXiv
 * 1902.00751; github.com/google-research/adapter-bert, feedforward_adapter):
 *
 *   y' = y + U gelu(D y + d) + u
 *
 * before the block's residual is added. D [bottleneck, C] and U [C, bottleneck] are N(0, std^2) at
 * first, and d and u zero. There the normal distribution is cut at 2 std, and gelu is its
 * approximation by tanh. */
#include <samcl/plugin.h>

typedef struct houlsby_params {
    int64_t bottleneck;
    double std;
    int32_t exact_start;
    scl_param_strings sites;
} houlsby_params;

static const scl_param table[] = {
    {"bottleneck", SCL_PARAM_INT, offsetof(houlsby_params, bottleneck), "64", 1, 8192, NULL,
     "width between the two layers"},
    {"std", SCL_PARAM_FLOAT, offsetof(houlsby_params, std), "1e-3", 1e-9, 1, NULL,
     "deviation of the first weights, as published"},
    {"exact_start", SCL_PARAM_BOOL, offsetof(houlsby_params, exact_start), "false", 0, 0, NULL,
     "U is zero at first, so that training starts from the model as it is, not only near it"},
    {"sites", SCL_PARAM_STRINGS, offsetof(houlsby_params, sites), "[\"image_encoder.blocks.*\"]", 0,
     0, NULL, "names of the branches, attn and mlp of a block, that are adapted, with * and ?"},
};

static int32_t wraps(const void *params, const scl_site *site)
{
    const houlsby_params *p = params;
    return scl_patterns_match(&p->sites, site->name);
}

static scl_tensor *attach(scl_builder *b, const void *params, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    const houlsby_params *p = params;
    const int64_t width = site->out_features, m = p->bottleneck;
    const scl_init zeros = {SCL_INIT_ZEROS, 0}, normal = {SCL_INIT_NORMAL, (float)p->std};
    (void)x;
    scl_tensor *down = b->param(b, "adapter_down", 2, (int64_t[]){m, width}, normal);
    scl_tensor *down_bias = b->param(b, "adapter_down_bias", 1, &m, zeros);
    scl_tensor *up =
        b->param(b, "adapter_up", 2, (int64_t[]){width, m}, p->exact_start ? zeros : normal);
    scl_tensor *up_bias = b->param(b, "adapter_up_bias", 1, &width, zeros);
    scl_tensor *hidden = b->gelu(b, b->add(b, b->linear(b, y, down, 1), down_bias));
    return b->add(b, y, b->add(b, b->linear(b, hidden, up, 1), up_bias));
}

static const scl_adapter_interface adapter = {
    .struct_size = sizeof adapter, .wraps = wraps, .attach = attach, .kinds = 1 << SCL_SITE_BRANCH};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "houlsby",
                                  .version = "1.0",
                                  .summary = "adds trained bottlenecks after attention and MLP",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(houlsby_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
