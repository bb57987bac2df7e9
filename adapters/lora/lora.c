/* lora — low-rank adaptation of linear layers (Hu et al., arXiv 2106.09685):
 *
 *   y' = y + alpha / rank * B (A x)
 *
 * with A [rank, in] uniform in +-1 / sqrt(in), which is torch's kaiming_uniform_ with a = sqrt 5,
 * and B [out, rank] zero, so that training starts from the model as it is. */
#include <samcl/plugin.h>

#include <math.h>

typedef struct lora_params {
    int64_t rank;
    double alpha;
    scl_param_strings sites;
} lora_params;

static const scl_param table[] = {
    {"rank", SCL_PARAM_INT, offsetof(lora_params, rank), "4", 1, 1024, NULL,
     "rows of A and columns of B"},
    {"alpha", SCL_PARAM_FLOAT, offsetof(lora_params, alpha), "null", 0, 1e6, NULL,
     "the added term is scaled by alpha / rank; null: not scaled"},
    {"sites", SCL_PARAM_STRINGS, offsetof(lora_params, sites),
     "[\"image_encoder.blocks.*.attn.qkv\"]", 0, 0, NULL,
     "names of the linear layers that are adapted, with * and ?"},
};

static int32_t wraps(const void *params, const scl_site *site)
{
    const lora_params *p = params;
    return scl_patterns_match(&p->sites, site->name);
}

static scl_tensor *attach(scl_builder *b, const void *params, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    const lora_params *p = params;
    const int64_t a_dims[] = {p->rank, site->in_features};
    const int64_t b_dims[] = {site->out_features, p->rank};
    const scl_init uniform = {SCL_INIT_UNIFORM, (float)(1 / sqrt((double)site->in_features))};
    const scl_init zeros = {SCL_INIT_ZEROS, 0};
    double scale = isnan(p->alpha) ? 1 : p->alpha / (double)p->rank;
    scl_tensor *down = b->linear(b, x, b->param(b, "lora_A", 2, a_dims, uniform), 1);
    scl_tensor *up = b->linear(b, down, b->param(b, "lora_B", 2, b_dims, zeros), (float)scale);
    return b->add(b, y, up);
}

static const scl_adapter_interface adapter = {
    .struct_size = sizeof adapter, .wraps = wraps, .attach = attach};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "lora",
                                  .version = "1.0",
                                  .summary = "adds trained low-rank terms to frozen linear layers",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(lora_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
