/* tversky — 1 - (TP + s) / (TP + alpha FP + beta FN + s), with TP = sum p t, FP = sum p (1 - t) and
 * FN = sum (1 - p) t over the pixels of a mask that count (Salehi et al., arXiv 1706.05721, without
 * their second channel). alpha = beta = 0.5 is Dice; a larger beta punishes what is missed. */
#include <samcl/plugin.h>

typedef struct tversky_params {
    double alpha, beta, smooth;
} tversky_params;

static const scl_param table[] = {
    {"alpha", SCL_PARAM_FLOAT, offsetof(tversky_params, alpha), "0.3", 0, 100, NULL,
     "weight of the pixels that are marked and should not be"},
    {"beta", SCL_PARAM_FLOAT, offsetof(tversky_params, beta), "0.7", 0, 100, NULL,
     "weight of the pixels that should be marked and are not"},
    {"smooth", SCL_PARAM_FLOAT, offsetof(tversky_params, smooth), "1", 1e-6, 1e6, NULL,
     "s of the formula, in pixels: gives empty masks a value"},
};

static scl_tensor *build(scl_builder *b, const void *params, const scl_loss_inputs *in)
{
    const tversky_params *p = params;
    if (in->task == SCL_TASK_MULTICLASS)
        return b->fail(b, "it compares one mask with one object; for the task multiclass use dice");
    scl_tensor *prob = b->mul(b, b->sigmoid(b, in->logits), in->weight);
    scl_tensor *truth = b->mul(b, in->target, in->weight);
    scl_tensor *hit = b->sum(b, b->mul(b, prob, truth), 1, 3);
    scl_tensor *invented = b->sub(b, b->sum(b, prob, 1, 3), hit);
    scl_tensor *missed = b->sub(b, b->sum(b, truth, 1, 3), hit);
    scl_tensor *wrong = b->add(b, b->affine(b, invented, (float)p->alpha, 0),
                               b->affine(b, missed, (float)p->beta, 0));
    scl_tensor *top = b->affine(b, hit, 1, (float)p->smooth);
    return b->affine(b, b->div(b, top, b->add(b, top, wrong)), -1, 1);
}

static const scl_loss_interface loss = {.struct_size = sizeof loss, .build = build};

static const scl_plugin plugin = {SCL_PLUGIN_HEAD,
                                  .kind = SCL_PLUGIN_LOSS,
                                  .id = "tversky",
                                  .version = "1.0",
                                  .summary =
                                      "Dice with its own weights for false and missed pixels",
                                  .licence = "Apache-2.0",
                                  .params_size = sizeof(tversky_params),
                                  .params = table,
                                  .param_count = sizeof table / sizeof table[0],
                                  .interface = &loss};

const scl_plugin *scl_plugin_entry_v1(void)
{
    return &plugin;
}
