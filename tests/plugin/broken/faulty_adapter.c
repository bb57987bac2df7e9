/* An adapter whose functions go wrong in the way its parameter asks for. */
#include <samcl/plugin.h>

typedef struct params {
    int32_t how;
} params;

enum { NO_SITE = 8, WIDE_TOKENS = 15, NO_TOKENS, WIDE_MERGE, NO_MERGE };

static const char *const faults[] = {"nothing",   "null",         "wrong_shape", "bad_name",
                                     "own_words", "takes_weight", "two_shapes",  "bad_init",
                                     "no_site",   "bad_mul",      "draws",       "draws_far",
                                     "big_loss",  "bad_loss",     "good_loss",   "wide_tokens",
                                     "no_tokens", "wide_merge",   "no_merge",    NULL};

static const scl_param table[] = {
    {"how", SCL_PARAM_CHOICE, offsetof(params, how), "nothing", 0, 0, faults, "what goes wrong"},
};

static int32_t wraps(const void *values, const scl_site *site)
{
    int how = ((const params *)values)->how;
    uint32_t kind = how == WIDE_TOKENS || how == NO_TOKENS ? SCL_SITE_BLOCK : SCL_SITE_LINEAR;
    return how != NO_SITE && site->kind == kind;
}

static scl_tensor *fault(scl_builder *b, int how, scl_tensor *x, scl_tensor *y)
{
    const int64_t one[] = {1}, two[] = {2}, out[] = {b->dim(b, y, -1)};
    const scl_init ones = {SCL_INIT_ONES, 0}, odd = {99, 1};
    switch (how) {
    case 0:
    case WIDE_MERGE:
    case NO_MERGE:
        return b->mul(b, y, b->param(b, "scale", 1, out, ones));
    case 1:
        return NULL;
    case 2:
        return x;
    case 3:
        return b->mul(b, y, b->param(b, "a..b", 1, one, ones));
    case 4:
        return b->fail(b, "`how` cannot be that here");
    case 5:
        return b->mul(b, y, b->param(b, "bias", 1, out, ones));
    case 6:
        return b->mul(b, b->mul(b, y, b->param(b, "scale", 1, one, ones)),
                      b->param(b, "scale", 1, two, ones));
    case 7:
        return b->mul(b, y, b->param(b, "scale", 1, one, odd));
    case 10:
        return b->add(b, y, b->normal(b, 1, one));
    case 11:
        return b->add(b, y, b->uniform(b, 9, one));
    case 12:
        b->add_loss(b, "all", y);
        return b->mul(b, y, b->param(b, "scale", 1, out, ones));
    case 13:
        b->add_loss(b, "a b", b->scalar(b, 1));
        return b->mul(b, y, b->param(b, "scale", 1, out, ones));
    case 14:
        b->add_loss(b, "mean", b->mean(b, b->mul(b, y, y), 0, b->ndim(b, y)));
        b->add_loss(b, "one", b->scalar(b, 1));
        return b->mul(b, y, b->param(b, "scale", 1, out, ones));
    default:
        return b->mul(b, b->concat(b, (scl_tensor *[]){y, y}, 2, -1), y);
    }
}

static scl_tensor *attach(scl_builder *b, const void *values, const scl_site *site, scl_tensor *x,
                          scl_tensor *y)
{
    (void)site;
    return fault(b, ((const params *)values)->how, x, y);
}

static scl_tensor *tokens(scl_builder *b, const void *values, const scl_site *site)
{
    const int64_t dims[] = {2, site->in_features + 1};
    const scl_init ones = {SCL_INIT_ONES, 0};
    return ((const params *)values)->how == NO_TOKENS ? NULL : b->param(b, "tokens", 2, dims, ones);
}

static void merge(scl_builder *b, const void *values, const scl_site *site, scl_tensor **weight,
                  scl_tensor **bias)
{
    scl_tensor *twice[] = {*weight, site->weight};
    *weight = ((const params *)values)->how == NO_MERGE ? NULL : b->concat(b, twice, 2, 0);
    *bias = b->affine(b, *bias, 1, 0);
}

static const scl_adapter_interface adapter = {.struct_size = sizeof adapter,
                                              .wraps = wraps,
                                              .attach = attach,
                                              .kinds = 1 << SCL_SITE_LINEAR | 1 << SCL_SITE_BLOCK,
                                              .tokens = tokens,
                                              .merge = merge};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_ADAPTER,
                                  .id = "faulty_adapter",
                                  .version = "1.0",
                                  .summary = "goes wrong on request",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(params),
                                  .params = table,
                                  .param_count = 1,
                                  .interface = &adapter};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
