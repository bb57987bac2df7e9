/* tversky — the share of what is wrong: with TP = sum p t, FP = sum p (1 - t), FN = sum (1 - p) t
 * over the pixels of a mask that count, and E = alpha FP + beta FN, it is 1 - (TP + s) / (TP + E +
 * s) (Salehi et al., arXiv 1706.05721, without their second channel). gamma above 1 makes it the
 * focal Tversky loss, the power 1 / gamma of that (Abraham & Khan, arXiv 1810.07842; theirs is 4/3,
 * and their alpha is our beta). alpha = beta = 0.5 is dice, 1 is iou. multiclass: the mean over the
 * classes, with p the softmax. */
#include <samcl/plugin.h>

#define LEAST 1e-7f /* below it the slope of the root would not be finite */

typedef struct tversky_params {
    double alpha, beta, gamma, smooth;
    int32_t include_background;
} tversky_params;

static const scl_param table[] = {
    {"alpha", SCL_PARAM_FLOAT, offsetof(tversky_params, alpha), "0.3", 0, 100, NULL,
     "weight of the pixels that are marked and should not be"},
    {"beta", SCL_PARAM_FLOAT, offsetof(tversky_params, beta), "0.7", 0, 100, NULL,
     "weight of the pixels that should be marked and are not"},
    {"gamma", SCL_PARAM_FLOAT, offsetof(tversky_params, gamma), "1", 0.1, 10, NULL,
     "the loss is its power 1 / gamma; above 1, masks that are nearly right count more: 1.3333 is "
     "the focal Tversky loss, 1 the plain one"},
    {"smooth", SCL_PARAM_FLOAT, offsetof(tversky_params, smooth), "1", 1e-6, 1e6, NULL,
     "s of the formula, in pixels: gives empty masks a value"},
    {"include_background", SCL_PARAM_BOOL, offsetof(tversky_params, include_background), "true", 0,
     0, NULL, "multiclass: whether class 0 counts in the mean over the classes"},
};

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const tversky_params *p = params;
    scl_regions r = scl_loss_regions(b, in, p->include_background ? 0 : 1);
    scl_tensor *hit = b->sum(b, b->mul(b, r.prob, r.truth), 2, 2);
    scl_tensor *invented = b->sum(b, b->mul(b, r.prob, b->affine(b, r.truth, -1, 1)), 2, 2);
    scl_tensor *missed = b->sum(b, b->mul(b, r.truth, b->affine(b, r.prob, -1, 1)), 2, 2);
    scl_tensor *wrong = b->add(b, b->affine(b, invented, (float)p->alpha, 0),
                               b->affine(b, missed, (float)p->beta, 0));
    scl_tensor *all = b->affine(b, b->add(b, hit, wrong), 1, (float)p->smooth);
    scl_tensor *loss = b->div(b, wrong, all);
    if (p->gamma != 1)
        loss = b->pow(b, b->maximum(b, loss, b->scalar(b, LEAST)), (float)(1 / p->gamma));
    return b->mean(b, loss, 1, 1);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {
    SCL_PLUGIN_HEAD,
    .kind = SCL_PLUGIN_LOSS,
    .id = "tversky",
    .version = "1.0",
    .summary = "Dice with its own weights for false and missed pixels, or focal",
    .licence = "Apache-2.0",
    .params_size = sizeof(tversky_params),
    .params = table,
    .param_count = sizeof table / sizeof table[0],
    .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
