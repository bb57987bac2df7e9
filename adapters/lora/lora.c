/* lora — low-rank adaptation of linear layers (Hu et al., arXiv 2106.09685; Hugging Face PEFT):
 *
 *   y' = y + s B (A x),  s = alpha / rank, or alpha / sqrt(rank) (rsLoRA, arXiv 2312.03732)
 *
 * with A [rank, in] uniform in +-1 / sqrt(in), which is torch's kaiming_uniform_ with a = sqrt 5,
 * and B [out, rank] zero, so that training starts from the model as it is. With `parts` a qkv layer
 * has an A and a B for each of q, k and v that is named, as in Sam_LoRA and SAMed. */
#include <samcl/plugin.h>

#include <math.h>

typedef struct lora_params {
    int64_t rank;
    double alpha, dropout;
    int32_t rslora;
    scl_param_strings parts, sites;
} lora_params;

static const scl_param table[] = {
    {"rank", SCL_PARAM_INT, offsetof(lora_params, rank), "4", 1, 1024, NULL,
     "rows of A and columns of B"},
    {"alpha", SCL_PARAM_FLOAT, offsetof(lora_params, alpha), "null", 0, 1e6, NULL,
     "the added term is scaled by alpha / rank; null: not scaled"},
    {"rslora", SCL_PARAM_BOOL, offsetof(lora_params, rslora), "false", 0, 0, NULL,
     "scale by alpha / sqrt(rank) instead, which lets large ranks learn (arXiv 2312.03732)"},
    {"dropout", SCL_PARAM_FLOAT, offsetof(lora_params, dropout), "0", 0, 0.99, NULL,
     "share of A's inputs that is left out in each training step"},
    {"parts", SCL_PARAM_STRINGS, offsetof(lora_params, parts), "null", 0, 0, NULL,
     "of a layer that makes q, k and v: those adapted, each with its own A and B, as in [q, v]; "
     "null: all three by one A and B"},
    {"sites", SCL_PARAM_STRINGS, offsetof(lora_params, sites),
     "[\"image_encoder.blocks.*.attn.qkv\"]", 0, 0, NULL,
     "names of the linear layers that are adapted, with * and ?"},
};

static int32_t wraps(const void *params, const scl_site *site)
{
    const lora_params *p = params;
    return scl_patterns_match(&p->sites, site->name);
}

/* s B (A x); without x s B A, which is what it adds to the weight. */
static scl_tensor *term(scl_builder *b, const lora_params *p, int64_t in, int64_t out,
                        const char *a_name, const char *b_name, scl_tensor *x)
{
    const scl_init uniform = {SCL_INIT_UNIFORM, (float)(1 / sqrt((double)in))};
    const scl_init zero = {SCL_INIT_ZEROS, 0};
    double width = p->rslora ? sqrt((double)p->rank) : (double)p->rank;
    float scale = isnan(p->alpha) ? 1 : (float)(p->alpha / width);
    scl_tensor *down = b->param(b, a_name, 2, (int64_t[]){p->rank, in}, uniform);
    scl_tensor *up = b->param(b, b_name, 2, (int64_t[]){out, p->rank}, zero);
    if (x == NULL)
        return b->affine(b, b->matmul(b, up, down, 0, 0), scale, 0);
    return b->linear(b, b->linear(b, x, down, 1), up, scale);
}

/* The term of the whole layer: along `axis` those of its parts, and zeros for the others. */
static scl_tensor *all_terms(scl_builder *b, const lora_params *p, const scl_site *site,
                             scl_tensor *x, int32_t axis)
{
    static const char *const names[3][3] = {{"q", "lora_A_q", "lora_B_q"},
                                            {"k", "lora_A_k", "lora_B_k"},
                                            {"v", "lora_A_v", "lora_B_v"}};
    int64_t in = site->in_features, out = site->out_features;
    scl_tensor *parts[3] = {NULL}, *zeros = NULL;
    uint64_t found = 0;
    if (p->parts.items == NULL)
        return term(b, p, in, out, "lora_A", "lora_B", x);
    for (int i = 0; i < 3 && out == 3 * in; i++) {
        if (!scl_patterns_match(&p->parts, names[i][0]))
            continue;
        parts[i] = term(b, p, in, in, names[i][1], names[i][2], x);
        zeros = b->affine(b, b->stop_gradient(b, parts[i]), 0, 0);
        found++;
    }
    if (found == 0 || found != p->parts.count)
        return b->fail(b, "`parts` must be some of q, k and v, each once, and `sites` layers that "
                          "make all three, such as image_encoder.blocks.*.attn.qkv");
    for (int i = 0; i < 3; i++)
        parts[i] = parts[i] != NULL ? parts[i] : zeros;
    return b->concat(b, parts, 3, axis);
}

static scl_tensor *attach(scl_builder *b, const void *params, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    const lora_params *p = params;
    return b->add(b, y, all_terms(b, p, site, b->dropout(b, x, (float)p->dropout), -1));
}

static void merge(scl_builder *b, const void *params, const scl_site *site, scl_tensor **weight,
                  scl_tensor **bias)
{
    (void)bias;
    *weight = b->add(b, *weight, all_terms(b, params, site, NULL, 0));
}

static const scl_adapter_interface adapter = {
    .struct_size = sizeof adapter, .wraps = wraps, .attach = attach, .merge = merge};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "lora",
                                  .version = "1.1",
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
