/* ssf — scaling and shifting the features after every operation (Lian et al., arXiv 2210.08823;
 * github.com/dongzelian/SSF):
 *
 *   y' = scale * y + shift
 *
 * with a scale and a shift for each output of a layer: at first N(1, std^2) and N(0, std^2). */
#include <samcl/plugin.h>

typedef struct ssf_params {
    double std;
    scl_param_strings sites;
} ssf_params;

static const scl_param table[] = {
    {"std", SCL_PARAM_FLOAT, offsetof(ssf_params, std), "0.02", 0, 1, NULL,
     "deviation of the first scales from 1 and shifts from 0, as published; 0: training starts "
     "from the model as it is"},
    {"sites", SCL_PARAM_STRINGS, offsetof(ssf_params, sites),
     "[\"image_encoder.patch_embed.proj\", \"image_encoder.blocks.*\"]", 0, 0, NULL,
     "names of the linear layers, layer norms and convolutions that are adapted, with * and ?"},
};

static int32_t wraps(const void *params, const scl_site *site)
{
    const ssf_params *p = params;
    return scl_patterns_match(&p->sites, site->name);
}

static void make_pair(scl_builder *b, const ssf_params *p, const scl_site *site, scl_tensor **scale,
                      scl_tensor **shift)
{
    const float std = (float)p->std;
    const scl_init near_one = {SCL_INIT_NEAR_ONE, std}, near_zero = {SCL_INIT_NORMAL, std};
    *scale = b->param(b, "ssf_scale", 1, &site->out_features, near_one);
    *shift = b->param(b, "ssf_shift", 1, &site->out_features, near_zero);
}

static scl_tensor *attach(scl_builder *b, const void *params, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    (void)x;
    scl_tensor *scale, *shift;
    make_pair(b, params, site, &scale, &shift);
    return b->add(b, b->mul(b, y, scale), shift);
}

/* The first axis of every weight is the outputs'. */
static void merge(scl_builder *b, const void *params, const scl_site *site, scl_tensor **weight,
                  scl_tensor **bias)
{
    scl_tensor *scale, *shift;
    make_pair(b, params, site, &scale, &shift);
    if (*bias == NULL) {
        *weight = b->fail(b, "it cannot be merged into a layer without a bias; such are the "
                             "convolutions of image_encoder.neck");
        return;
    }
    const int64_t rows[] = {site->out_features, 1, 1, 1};
    *weight = b->mul(b, *weight, b->reshape(b, scale, b->ndim(b, *weight), rows));
    *bias = b->add(b, b->mul(b, *bias, scale), shift);
}

static const scl_adapter_interface adapter = {.struct_size = sizeof adapter,
                                              .wraps = wraps,
                                              .attach = attach,
                                              .kinds = 1 << SCL_SITE_LINEAR | 1 << SCL_SITE_NORM |
                                                       1 << SCL_SITE_CONV,
                                              .merge = merge};

static const scl_plugin plugin = {
    SCL_PLUGIN_HEAD,
    .kind = SCL_PLUGIN_ADAPTER,
    .id = "ssf",
    .version = "1.0",
    .summary = "scales and shifts what linear layers, norms and convolutions give",
    .licence = "Apache-2.0",
    .params_size = sizeof(ssf_params),
    .params = table,
    .param_count = sizeof table / sizeof table[0],
    .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
