/* vpt — visual prompt tuning, deep (Jia et al., arXiv 2203.12119; github.com/KMnP/vpt): each block
 * has tokens of its own, which enter it beside those of the image and are left behind it. In blocks
 * with windows every window sees them all, and they have no place in the image.
 *
 * At first they are uniform in +-sqrt(6 / (3 p^2 + C)) with p the side of a patch, 16. */
#include <samcl/plugin.h>

#include <math.h>

#define PATCH_VALUES (3 * 16 * 16)

typedef struct vpt_params {
    int64_t tokens;
    scl_param_strings sites;
} vpt_params;

static const scl_param table[] = {
    {"tokens", SCL_PARAM_INT, offsetof(vpt_params, tokens), "12", 1, 1024, NULL,
     "tokens of each block"},
    {"sites", SCL_PARAM_STRINGS, offsetof(vpt_params, sites), "[\"image_encoder.blocks.*\"]", 0, 0,
     NULL, "names of the blocks that get tokens, with * and ?"},
};

static int32_t wraps(const void *params, const scl_site *site)
{
    const vpt_params *p = params;
    return scl_patterns_match(&p->sites, site->name);
}

static scl_tensor *tokens(scl_builder *b, const void *params, const scl_site *site)
{
    const vpt_params *p = params;
    const int64_t dims[] = {p->tokens, site->in_features};
    const double bound = sqrt(6.0 / (double)(PATCH_VALUES + site->in_features));
    return b->param(b, "prompt", 2, dims, (scl_init){SCL_INIT_UNIFORM, (float)bound});
}

static const scl_adapter_interface adapter = {
    .struct_size = sizeof adapter, .wraps = wraps, .kinds = 1 << SCL_SITE_BLOCK, .tokens = tokens};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "vpt",
                                  .version = "1.0",
                                  .summary = "adds trained tokens to the blocks of the encoder",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(vpt_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
